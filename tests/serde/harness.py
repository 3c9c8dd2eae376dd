"""Decode and encode lists of records, and tell which rows the fast path vouched for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from streamnb.duck import Sql, ident, join, sql
from streamnb.schema import Column, SqlType
from streamnb.serde import Format, Rejected, Side, decode_batch, encode, format_named
from streamnb.serde.base import FastPath, Features, Memory, StrictDecoder
from streamnb.store import Store

NO_KEY = Side(format_named("NONE"), ())


@dataclass(frozen=True)
class CountingFormat:
    """A format that notes every document which its strict decoder is asked for."""

    inner: Format
    asked: list[bytes] = field(default_factory=list, compare=False)

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def features(self) -> Features:
        return self.inner.features

    def learn(self, side: Side, samples: Sequence[bytes]) -> None:
        self.inner.learn(side, samples)

    def fast_path(self, side: Side, raw: Sql, prefix: str) -> FastPath:
        return self.inner.fast_path(side, raw, prefix)

    def decode_ahead(self, side: Side, documents: pa.Array) -> Mapping[str, pa.Array]:
        return self.inner.decode_ahead(side, documents)

    def ahead_path(self, side: Side, raw: Sql) -> FastPath:
        return self.inner.ahead_path(side, raw)

    def strict_decoder(self, side: Side) -> StrictDecoder:
        decode = self.inner.strict_decoder(side)

        def counted(data: bytes) -> list[Any] | None:
            self.asked.append(data)
            return decode(data)

        return counted

    def encode(self, side: Side, values: Sequence[Sql]) -> Sql:
        return self.inner.encode(side, values)


def side_of(name: str, *types: SqlType, names: str = "ABCDEFGHIJ", **options: Any) -> Side:
    """Build a side with columns A, B, ... of some types."""
    columns = tuple(Column(n, t) for n, t in zip(names, types, strict=False))
    return Side(format_named(name), columns, **options)


def load(store: Store, records: Sequence[tuple[bytes | None, bytes | None]]) -> Sql:
    """Put (key, value) records into a table of the shape that decode_batch reads."""
    count = len(records)
    table = pa.table(
        {
            "i": pa.array(range(count), pa.int64()),
            "part": pa.array([0] * count, pa.int32()),
            "off": pa.array(range(100, 100 + count), pa.int64()),
            "ts": pa.array([7] * count, pa.int64()),
            "key": pa.array([k for k, _ in records], pa.binary()),
            "value": pa.array([v for _, v in records], pa.binary()),
            "hdr": pa.nulls(count),
        }
    )
    store.register("records_given", table)
    store.execute(sql("CREATE OR REPLACE TEMP TABLE given AS SELECT * FROM records_given"))
    store.unregister("records_given")
    return sql("given")


def decoded_names(key: Side, value: Side) -> list[str]:
    """List the names of the columns that decoding adds."""
    window = ["ws", "we"] if key.window else []
    return [f"k{n}" for n, _ in enumerate(key.columns)] + window + [f"v{n}" for n, _ in enumerate(value.columns)]


def decode(
    store: Store, records: Sequence[tuple[bytes | None, bytes | None]], key: Side, value: Side
) -> tuple[dict[int, tuple[Any, ...]], list[Rejected]]:
    """Decode records into {i: decoded columns and vnull}, and the rejected ones."""
    source = load(store, records)
    rejected = decode_batch(store, source, sql("decoded"), key, value, [sql("i AS seq")])
    names = [*decoded_names(key, value), "vnull"]
    rows = store.rows(sql("SELECT seq, {} FROM decoded", join(", ", [ident(n) for n in names])))
    return {row[0]: row[1:] for row in rows}, rejected


def decode_values(
    store: Store, values: Sequence[bytes | None], side: Side
) -> tuple[dict[int, tuple[Any, ...]], list[Rejected]]:
    """Decode values of records without key."""
    return decode(store, [(None, value) for value in values], NO_KEY, side)


def counted(side: Side) -> tuple[Side, list[bytes]]:
    """Return a side that counts, and the list of documents that went to its strict decoder."""
    asked: list[bytes] = []
    return replace(side, format=CountingFormat(side.format, asked)), asked


def encode_decoded(store: Store, side: Side, prefix: str = "v") -> list[bytes | None]:
    """Encode the table that ``decode`` left, in the order of the records."""
    values = [ident(f"{prefix}{n}") for n, _ in enumerate(side.columns)]
    bounds = (sql("ws"), sql("we")) if side.window else (None, None)
    return [r[0] for r in store.rows(sql("SELECT {} FROM decoded ORDER BY seq", encode(side, values, *bounds)))]


@dataclass(frozen=True)
class StrictFormat(CountingFormat):
    """A format whose fast path vouches for nothing: the oracle of the fast paths."""

    def fast_path(self, side: Side, raw: Sql, prefix: str) -> FastPath:
        path = self.inner.fast_path(replace(side, memory=Memory()), raw, prefix)
        return replace(path, ok=sql("false"))


def strict(side: Side) -> Side:
    """Return a side that decodes every record with the strict decoder."""
    return replace(side, format=StrictFormat(side.format))
