"""SQL types as Arrow has them, and Python values into Arrow arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from streamnb import schema as s
from streamnb.duck import field_names

__all__ = ["arrow_array", "arrow_type"]

_PRIMITIVES = {
    s.BOOLEAN: pa.bool_(),
    s.INTEGER: pa.int32(),
    s.BIGINT: pa.int64(),
    s.DOUBLE: pa.float64(),
    s.STRING: pa.string(),
    s.BYTES: pa.binary(),
    s.DATE: pa.date32(),
    s.TIME: pa.time64("us"),
    s.TIMESTAMP: pa.timestamp("us"),
}


def arrow_type(type_: s.SqlType) -> pa.DataType:
    """Name the Arrow type in which DuckDB exchanges values of an SQL type."""
    if isinstance(type_, s.Primitive):
        return _PRIMITIVES[type_]
    if isinstance(type_, s.Decimal):
        return pa.decimal128(type_.precision, type_.scale)
    if isinstance(type_, s.Array):
        return pa.list_(arrow_type(type_.element))
    if isinstance(type_, s.Map):
        return pa.map_(arrow_type(type_.key), arrow_type(type_.value))
    if isinstance(type_, s.Struct):
        names = field_names(type_)
        return pa.struct([pa.field(n, arrow_type(f.type)) for n, f in zip(names, type_.fields, strict=True)])
    raise TypeError(f"no Arrow type for {type_}")


def arrow_array(values: Sequence[Any], type_: s.SqlType) -> Any:
    """Build the array of a column; dates, times and timestamps come as integers (days, microseconds)."""
    return pa.array(values, arrow_type(type_))
