"""Constants, and values in a form in which equal ones compare equal, as DuckDB SQL."""

from __future__ import annotations

import datetime
import decimal

from streamnb import schema as s
from streamnb.duck import Sql, duck_type, field_names, ident, join, lit, sql
from streamnb.plan.typed import Constant
from streamnb.schema import Array, Map, SqlType, Struct

__all__ = ["canonical", "literal"]


def literal(value: Constant, type_: SqlType | None) -> Sql:
    """Write a constant of a type."""
    if value is None:
        return lit(None) if type_ is None else sql("NULL::{}", duck_type(type_))
    if isinstance(value, datetime.datetime):
        return sql("TIMESTAMP {}", lit(value.isoformat(sep=" ")))
    if isinstance(value, datetime.date):
        return sql("DATE {}", lit(value.isoformat()))
    if isinstance(value, datetime.time):
        return sql("TIME {}", lit(value.isoformat()))
    if type_ in (s.INTEGER, s.BIGINT) and not isinstance(value, bool):
        if type_ == s.INTEGER and value != -(2**31):
            return lit(value)
        return sql("{}::{}", lit(str(value)), duck_type(type_)) if _is_edge(value) else sql("{}::BIGINT", lit(value))
    if isinstance(value, decimal.Decimal):
        assert type_ is not None
        return sql("{}::{}", lit(f"{value:f}"), duck_type(type_))
    return lit(value)


def _is_edge(value: object) -> bool:
    """Tell whether DuckDB would read ``-value::type`` as the negative of a number that is out of range."""
    return value in (-(2**31), -(2**63))


def _holds_map(type_: SqlType) -> bool:
    if isinstance(type_, Struct):
        return any(_holds_map(f.type) for f in type_.fields)
    return isinstance(type_, Map) or (isinstance(type_, Array) and _holds_map(type_.element))


def canonical(value: Sql, type_: SqlType) -> Sql:
    """Write maps as sorted entries, since DuckDB compares maps in the order of their entries."""
    if not _holds_map(type_):
        return value
    item = ident("c@")
    if isinstance(type_, Map):
        inner = canonical(sql("{}.value", item), type_.value)
        pair = sql("struct_pack(k := {}.key, v := {})", item, inner)
        return sql("list_sort(list_transform(map_entries({}), lambda {}: {}))", value, item, pair)
    if isinstance(type_, Array):
        return sql("list_transform({}, lambda {}: {})", value, item, canonical(item, type_.element))
    assert isinstance(type_, Struct)
    parts = [
        sql("{} := {}", ident(n), canonical(sql("struct_extract({}, {})", item, lit(n)), f.type))
        for f, n in zip(type_.fields, field_names(type_), strict=True)
    ]
    whole = sql("CASE WHEN {} IS NULL THEN NULL ELSE struct_pack({}) END", item, join(", ", parts))
    return sql("list_transform([{}], lambda {}: {})[1]", value, item, whole)
