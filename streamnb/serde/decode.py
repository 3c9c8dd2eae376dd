"""Decode a batch: one statement for all rows, the strict decoders for the rows it does not vouch for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.schema import BIGINT, BOOLEAN, SqlType
from streamnb.serde.arrow import arrow_array
from streamnb.serde.base import FastPath, Rejected, Side, StrictDecoder, Undecodable
from streamnb.serde.json_layout import LAYOUTS_MAX
from streamnb.serde.windowed import fast_window, split_windowed
from streamnb.store import Store

__all__ = ["decode_batch"]

_SAMPLES_MAX = 64
_RELEARN_ROWS_MIN = 20
_RELEARN_SHARE = 0.05
_STRICT_TABLE = "streamnb_strict_rows"

Row = tuple[int, int, int, bytes | None, bytes | None]  # i, part, off, key, value


def decode_batch(
    store: Store,
    source: Sql,
    target: Sql,
    key: Side,
    value: Side,
    pass_through: Sequence[Sql],
    ahead: FastPath | None = None,
) -> list[Rejected]:
    """Decode the records of ``source`` into the new TEMP table ``target``; return those that cannot be decoded.

    ``source`` stands behind FROM (a table's name or a parenthesised query), is read more than once, and has the columns
    i (BIGINT, unique), part, off, ts, key, value (BLOB), hdr. ``target`` gets the pass-through columns (``expression AS
    name`` over the source), k0, k1, ..., ws and we for a windowed key, v0, v1, ..., vnull, and a last one that only
    step 3 reads; rejected records are returned in order of i and left out, and no order of rows is promised. ``ahead``
    reads the values where they were decoded beforehand, into more columns of the source (``Format.decode_ahead``).
    1. Learn from samples, as long as a side has learned nothing.
    2. Decode every row in one statement, with a column that tells whether the answer is beyond doubt.
    3. Decode the doubtful rows one by one and put them in place of the answers of step 2.
    """
    sides = _Sides(key, value)
    for side, raw in ((key, sql("key")), (value, sql("value"))):
        if side is value and ahead is not None:
            continue
        if side.columns and side.format.features.learns and not side.memory.layouts:
            sample = sql("SELECT {0} FROM {1} WHERE {0} IS NOT NULL LIMIT {2}", raw, source, lit(_SAMPLES_MAX))
            side.format.learn(side, [row[0] for row in store.rows(sample)])
    (count,) = store.rows(_fast_statement(source, target, sides, pass_through, ahead))[0]
    rejected: list[Rejected] = []
    if store.rows(sql("SELECT 1 FROM {} WHERE _doubtful IS NOT NULL LIMIT 1", target)):
        doubtful: list[Row] = store.rows(
            sql(
                "SELECT i, part, off, key, value FROM {} SEMI JOIN (SELECT _doubtful FROM {}) ON i = _doubtful"
                " ORDER BY i",
                source,
                target,
            )
        )
        key.memory.flawed = value.memory.flawed = True
        rows = _Strict(sides, rejected).decode(doubtful)
        store.execute(sql("DELETE FROM {} WHERE _doubtful IS NOT NULL", target))
        if rows.num_rows:
            _insert(store, source, target, sides, pass_through, rows)
        if len(doubtful) > max(_RELEARN_ROWS_MIN, count * _RELEARN_SHARE):
            _relearn(sides, doubtful, count)
    return rejected


@dataclass(frozen=True)
class _Sides:
    key: Side
    value: Side

    def columns(self) -> Iterator[tuple[str, SqlType]]:
        """List the names and types of the decoded columns, in order."""
        for number, column in enumerate(self.key.columns):
            yield f"k{number}", column.type
        if self.key.window is not None:
            yield "ws", BIGINT
            yield "we", BIGINT
        for number, column in enumerate(self.value.columns):
            yield f"v{number}", column.type
        yield "vnull", BOOLEAN


def _levels(steps: Sequence[tuple[tuple[str, Sql], ...]], source: Sql) -> Sql:
    """Nest queries so that the expressions of each step can use the names of the steps before."""
    relation = source
    for step in steps:
        if step:
            named = [sql("{} AS {}", expression, ident(name)) for name, expression in step]
            relation = sql("(SELECT *, {} FROM {})", join(", ", named), relation)
    return relation


def _fast_path(side: Side, raw: Sql, prefix: str) -> FastPath:
    if not side.columns:
        return FastPath((), (), (), sql("({} IS NULL)", raw), sql("true"))
    return side.format.fast_path(side, raw, prefix)


def _fast_statement(
    source: Sql, target: Sql, sides: _Sides, pass_through: Sequence[Sql], ahead: FastPath | None
) -> Sql:
    """Write the statement that decodes both sides of all rows, with ``_doubtful``: the i of each row not to be used."""
    window: tuple[tuple[str, Sql], ...] = ()
    raw_key, checks, bounds = sql("key"), [], []
    if sides.key.window is not None:
        own, start, end, usable = fast_window(sides.key, sql("key"))
        window = (("_kb", own), ("_ws", start), ("_we", end))
        raw_key, bounds = sql("_kb"), [sql("_ws"), sql("_we")]
        checks.append(usable)
    key = _fast_path(sides.key, raw_key, "_k")
    value = ahead or _fast_path(sides.value, sql("value"), "_v")
    relation = _levels((window, (*key.text, *value.text), (*key.parsed, *value.parsed)), source)
    expressions = [*key.columns, *bounds, *value.columns, value.null]
    columns = [sql("{} AS {}", e, ident(n)) for e, (n, _) in zip(expressions, sides.columns(), strict=True)]
    ok = join(" AND ", [*checks, key.ok, value.ok])
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {}, CASE WHEN coalesce({}, false) THEN NULL ELSE i END AS _doubtful"
        " FROM {}",
        target,
        join(", ", [*pass_through, *columns]),
        ok,
        relation,
    )


class _Strict:
    """Decodes single records and collects those that are refused."""

    def __init__(self, sides: _Sides, rejected: list[Rejected]) -> None:
        self._sides = sides
        self._key = _strict_decoder(sides.key)
        self._value = _strict_decoder(sides.value)
        self._rejected = rejected

    def decode(self, rows: Sequence[Row]) -> pa.Table:
        """Decode rows into a table of _i and the columns named by their place: _0, _1, ..."""
        good: list[tuple[Any, ...]] = []
        for row in rows:
            decoded = self._decode(row)
            if decoded is not None:
                good.append(decoded)
        columns = list(zip(*good, strict=True)) or [()] * (1 + len(list(self._sides.columns())))
        types = [BIGINT, *(t for _, t in self._sides.columns())]
        arrays = [arrow_array(values, type_) for values, type_ in zip(columns, types, strict=True)]
        return pa.table(arrays, names=["_i", *(f"_{n}" for n in range(len(arrays) - 1))])

    def _decode(self, row: Row) -> tuple[Any, ...] | None:
        i, part, off, key, value = row
        data, side = key, "key"
        try:
            key_values = self._decode_key(key)
            data, side = value, "value"
            value_values = None if value is None else self._value(value)
        except Undecodable as error:
            self._rejected.append(Rejected(i, part, off, "key" if side == "key" else "value", str(error), data))
            return None
        nulls = [None] * len(self._sides.value.columns)
        return (i, *key_values, *(nulls if value_values is None else value_values), value_values is None)

    def _decode_key(self, data: bytes | None) -> list[Any]:
        side = self._sides.key
        bounds: list[Any] = []
        if side.window is not None:
            data, start, end = split_windowed(side, data or b"")
            bounds = [start, end]
        values = None if data is None else self._key(data)
        return [*([None] * len(side.columns) if values is None else values), *bounds]


def _strict_decoder(side: Side) -> StrictDecoder:
    return side.format.strict_decoder(side) if side.columns else lambda data: []


def _insert(store: Store, source: Sql, target: Sql, sides: _Sides, pass_through: Sequence[Sql], rows: pa.Table) -> None:
    """Put strictly decoded rows into the target, with their pass-through columns."""
    columns = [ident(f"_{n}") for n, _ in enumerate(sides.columns())]
    store.register(_STRICT_TABLE, rows)
    try:
        store.execute(
            sql(
                "INSERT INTO {} SELECT {}, NULL FROM {} JOIN {} ON i = _i",
                target,
                join(", ", [*pass_through, *columns]),
                source,
                ident(_STRICT_TABLE),
            )
        )
    finally:
        store.release(_STRICT_TABLE)


def _relearn(sides: _Sides, doubtful: Sequence[Row], count: int) -> None:
    """Learn from the rows that the fast path did not vouch for, when they are many."""
    step = max(1, len(doubtful) // _SAMPLES_MAX)
    for side, place in ((sides.key, 3), (sides.value, 4)):
        samples = [data for row in doubtful[::step] if isinstance(data := row[place], bytes)]
        if side.columns and samples:
            if len(side.memory.layouts) >= LAYOUTS_MAX and len(doubtful) * 2 > count:
                side.memory.layouts.clear()
            side.memory.unusual = True
            side.format.learn(side, samples)
