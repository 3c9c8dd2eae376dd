"""Shapes: how a nested column stands in documents, which may spell, order and omit its fields otherwise."""

from __future__ import annotations

from typing import Any

from streamnb import schema as s
from streamnb.duck import Sql, duck_type, ident, join, sql

__all__ = ["is_rebuildable", "reshaped", "shape_of"]

_LEAVES = frozenset({s.BOOLEAN, s.INTEGER, s.BIGINT, s.DOUBLE, s.STRING})


def is_rebuildable(type_: s.SqlType) -> bool:
    """Tell whether the JSON text of a decoded value pins the value down at every depth."""
    if isinstance(type_, s.Array):
        return is_rebuildable(type_.element)
    if isinstance(type_, s.Map):
        return type_.key == s.STRING and is_rebuildable(type_.value)
    if isinstance(type_, s.Struct):
        names = {f.name.lower() for f in type_.fields}
        return len(names) == len(type_.fields) > 0 and all(f.name and is_rebuildable(f.type) for f in type_.fields)
    return type_ in _LEAVES or isinstance(type_, s.Decimal)


def shape_of(type_: s.SqlType, value: Any) -> s.SqlType | None:
    """Find the type that reads a sample of a column just as it is written; None when there is none.

    Structs take the names, the order and the additional fields of the sample; fields that it lacks are left out.
    """
    if isinstance(type_, s.Array):
        element = next((v for v in value if v is not None), None) if isinstance(value, list) else None
        shape = shape_of(type_.element, element)
        return None if shape is None else s.Array(shape)
    if isinstance(type_, s.Map):
        element = next((v for v in value.values() if v is not None), None) if isinstance(value, dict) else None
        shape = shape_of(type_.value, element)
        return None if shape is None else s.Map(type_.key, shape)
    if isinstance(type_, s.Struct) and isinstance(value, dict):
        return _struct_shape(type_, value)
    return type_


def _struct_shape(type_: s.Struct, value: dict[str, Any]) -> s.SqlType | None:
    fields = []
    for name, part in value.items():
        field = next((f for f in type_.fields if _source(f, value) == name), None)
        shape = shape_of(field.type, part) if field is not None else _guess(part)
        if shape is None or not name:
            return None
        fields.append(s.Field(name, shape))
    distinct = {f.name.lower() for f in fields}
    return s.Struct(tuple(fields)) if len(distinct) == len(fields) > 0 else None


def _source(field: s.Field, names: Any) -> str | None:
    """Find the name that fills a field: the exact one, or else the last that is equal when upper-cased."""
    if field.name in names:
        return field.name
    return next((name for name in reversed(list(names)) if name.upper() == field.name), None)


def _guess(value: Any) -> s.SqlType | None:
    if isinstance(value, bool):
        return s.BOOLEAN
    if isinstance(value, int):
        return s.BIGINT
    if isinstance(value, float):
        return s.DOUBLE
    return s.STRING if value is None or isinstance(value, str) else None


def reshaped(value: Sql, shape: s.SqlType, type_: s.SqlType, depth: int = 0) -> Sql:
    """Write a value that was read by its shape as a value of the column's type."""
    if shape == type_:
        return value
    name = ident(f"r{depth}")
    if isinstance(type_, s.Array) and isinstance(shape, s.Array):
        return sql(
            "list_transform({}, lambda {}: {})", value, name, reshaped(name, shape.element, type_.element, depth + 1)
        )
    if isinstance(type_, s.Map) and isinstance(shape, s.Map):
        return sql(
            "map_from_entries(list_transform(map_entries({0}), lambda {1}: struct_pack(k := {1}.key, v := {2})))",
            value,
            name,
            reshaped(sql("{}.value", name), shape.value, type_.value, depth + 1),
        )
    if not isinstance(type_, s.Struct) or not isinstance(shape, s.Struct):
        raise TypeError(f"{shape} is no shape of {type_}")
    names = {f.name: f.type for f in shape.fields}
    fields = []
    for field in type_.fields:
        source = _source(field, names)
        if source is None:
            part = sql("NULL::{}", duck_type(field.type))
        else:
            part = reshaped(sql("({}).{}", value, ident(source)), names[source], field.type, depth)
        fields.append(sql("{} := {}", ident(field.name), part))
    return sql("CASE WHEN ({}) IS NOT NULL THEN struct_pack({}) END", value, join(", ", fields))
