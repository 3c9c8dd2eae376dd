"""KAFKA: one column, in the bytes of Kafka's own serialisers.

INTEGER, BIGINT and DOUBLE are big-endian; DuckDB's casts between BLOB, BIT and numbers keep exactly these bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from streamnb.duck import Sql, lit, sql
from streamnb.schema import BYTES, STRING
from streamnb.serde.base import UNWRAP_SINGLES, FastPath, Features, Side, StrictDecoder, Undecodable

__all__ = ["KAFKA", "KafkaFormat"]

_FEATURES = Features(
    singles=frozenset({UNWRAP_SINGLES}),
    types=frozenset({"INTEGER", "BIGINT", "DOUBLE", "STRING", "BYTES"}),
    multi_column_key=False,
)
_DUCK = {"INTEGER": sql("INTEGER"), "BIGINT": sql("BIGINT"), "DOUBLE": sql("DOUBLE")}
_SIZES = {"INTEGER": 4, "BIGINT": 8, "DOUBLE": 8}
_UNPACKERS = {"INTEGER": struct.Struct(">i"), "BIGINT": struct.Struct(">q"), "DOUBLE": struct.Struct(">d")}
_WHO = {"INTEGER": "IntegerDeserializer", "BIGINT": "LongDeserializer", "DOUBLE": "Deserializer"}


@dataclass(frozen=True)
class KafkaFormat:
    """Kafka's serialisers of primitive types."""

    name: str = "KAFKA"
    features: Features = _FEATURES

    def learn(self, side: Side, samples: Sequence[bytes]) -> None:
        """Learn nothing: the bytes have one form."""

    def fast_path(self, side: Side, raw: Sql, prefix: str) -> FastPath:
        """Reinterpret the bytes of all rows."""
        null = sql("({} IS NULL)", raw)
        type_ = side.columns[0].type
        if type_ == BYTES:
            return FastPath((), (), (raw,), null, sql("true"))
        if type_ == STRING:
            text = sql("TRY(decode({}))", raw)
            name = Sql(prefix + "t")
            return FastPath(((name, text),), (), (name,), null, sql("({} IS NULL OR {} IS NOT NULL)", raw, name))
        kind = str(type_)
        sized = sql("octet_length({}) = {}", raw, lit(_SIZES[kind]))
        value = sql("CASE WHEN {} THEN {}::BIT::{} END", sized, raw, _DUCK[kind])
        return FastPath((), (), (value,), null, sql("({} IS NULL OR {})", raw, sized))

    def decode_ahead(self, side: Side, documents: pa.Array) -> Mapping[str, pa.Array]:
        """Leave it to SQL."""
        return {}

    def ahead_path(self, side: Side, raw: Sql) -> FastPath:
        """Read the bytes: nothing was decoded ahead."""
        return self.fast_path(side, raw, "_v")

    def strict_decoder(self, side: Side) -> StrictDecoder:
        """Decode one record as Kafka's deserialisers do: bad UTF-8 is replaced, a wrong size is refused."""
        type_ = side.columns[0].type
        if type_ == BYTES:
            return lambda data: [data]
        if type_ == STRING:
            return lambda data: [data.decode("utf-8", "replace")]
        kind = str(type_)

        def number(data: bytes) -> list[Any]:
            if len(data) != _SIZES[kind]:
                raise Undecodable(f"Size of data received by {_WHO[kind]} is not {_SIZES[kind]}")
            return list(_UNPACKERS[kind].unpack(data))

        return number

    def encode(self, side: Side, values: Sequence[Sql]) -> Sql:
        """Write the bytes of the one column."""
        type_ = side.columns[0].type
        if type_ == BYTES:
            return values[0]
        if type_ == STRING:
            return sql("encode({})", values[0])
        return sql("({})::{}::BIT::BLOB", values[0], _DUCK[str(type_)])


KAFKA = KafkaFormat()
