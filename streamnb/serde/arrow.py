"""SQL types as Arrow has them, and Python values into Arrow arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from streamnb import schema as s
from streamnb.duck import field_names

__all__ = ["array_values", "arrow_array", "arrow_type", "value_array"]

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


def value_array(values: Sequence[Any], type_: s.SqlType) -> Any:
    """Build the array of a column of values as DuckDB hands them to Python: maps are dicts, times are datetime's."""
    return pa.array([_pairs(value, type_) for value in values], arrow_type(type_))


def _pairs(value: Any, type_: s.SqlType) -> Any:
    """Turn the dicts that stand for maps into what Arrow takes for them."""
    if value is None or isinstance(type_, s.Primitive | s.Decimal):
        return value
    if isinstance(type_, s.Array):
        return [_pairs(item, type_.element) for item in value]
    if isinstance(type_, s.Map):
        return [(_pairs(k, type_.key), _pairs(v, type_.value)) for k, v in value.items()]
    if isinstance(type_, s.Struct):
        fields = zip(field_names(type_), type_.fields, strict=True)
        return {name: _pairs(value.get(name), f.type) for name, f in fields}
    return value


def array_values(array: Any, type_: s.SqlType) -> list[Any]:
    """Return the values of a column as DuckDB hands them to Python: maps are dicts."""
    return [_dicts(value, type_) for value in array.to_pylist()]


def _dicts(value: Any, type_: s.SqlType) -> Any:
    if value is None or isinstance(type_, s.Primitive | s.Decimal):
        return value
    if isinstance(type_, s.Array):
        return [_dicts(item, type_.element) for item in value]
    if isinstance(type_, s.Map):
        return {_dicts(k, type_.key): _dicts(v, type_.value) for k, v in value}
    if isinstance(type_, s.Struct):
        return {n: _dicts(value[n], f.type) for n, f in zip(field_names(type_), type_.fields, strict=True)}
    return value
