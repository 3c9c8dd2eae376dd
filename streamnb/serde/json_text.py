"""JSON text of columns, in SQL: what the encoder writes and what the fast decoder compares with."""

from __future__ import annotations

import json

from streamnb import schema as s
from streamnb.duck import Sql, ident, join, lit, sql

__all__ = ["constant", "double_text", "json_text"]


def constant(text: str) -> str:
    """Write a JSON string constant."""
    return json.dumps(text, ensure_ascii=False)


def double_text(value: Sql) -> Sql:
    """Write a finite DOUBLE as Java's ``Double.toString`` does: shortest digits, ``1.0E10`` from 1e7 and below 1e-3."""
    return sql(
        "CASE WHEN {0} = 0 OR abs({0}) BETWEEN 0.001 AND 9999999.999999998 THEN ({0})::VARCHAR ELSE {1} END",
        value,
        _scientific(value),
    )


def _scientific(value: Sql) -> Sql:
    """Move the point of DuckDB's shortest text behind the first digit; plain texts have all their digits before it."""
    return sql(
        "CASE WHEN contains(({0})::VARCHAR, 'e') THEN"
        " regexp_replace(regexp_replace(({0})::VARCHAR, '^(-?[0-9])e', '\\1.0e'), 'e([+-]?)0*([0-9]+)$',"
        " CASE WHEN contains(({0})::VARCHAR, 'e-') THEN 'E-\\2' ELSE 'E\\2' END)"
        " WHEN abs({0}) >= 1 THEN"
        " regexp_replace(rtrim(regexp_replace(({0})::VARCHAR, '^(-?[0-9])([0-9]*)\\.([0-9]*)$', '\\1.\\2\\3'), '0'),"
        " '\\.$', '.0') || 'E' || (strpos(trim(({0})::VARCHAR, '-'), '.') - 2)::VARCHAR"
        " ELSE"
        " regexp_replace(regexp_replace(({0})::VARCHAR, '^(-?)0\\.0*([1-9])([0-9]*)$', '\\1\\2.\\3'), '\\.$', '.0')"
        " || 'E-'"
        " || (length(regexp_extract(({0})::VARCHAR, '\\.(0*)', 1)) + 1)::VARCHAR END",
        value,
    )


def json_text(value: Sql, type_: s.SqlType, depth: int = 0) -> Sql:
    """Write a VARCHAR expression for the JSON text of a value; SQL NULL stays NULL.

    Shape: compact, fields in order, nulls explicit, decimals with their scale, bytes in base64, dates, times and
    timestamps as numbers (days, ms of day, ms), non-finite doubles quoted. ``depth`` keeps the names of nested lambda
    parameters apart.
    """
    if isinstance(type_, s.Array):
        return _array_text(value, type_, depth)
    if isinstance(type_, s.Map):
        return _map_text(value, type_, depth)
    if isinstance(type_, s.Struct):
        return _struct_text(value, type_, depth)
    if type_ == s.STRING:
        return sql("to_json({})::VARCHAR", value)
    if type_ == s.DOUBLE:
        return sql(
            "CASE WHEN isfinite({0}) THEN {1} WHEN isnan({0}) THEN '\"NaN\"' WHEN {0} > 0 THEN '\"Infinity\"'"
            " WHEN {0} < 0 THEN '\"-Infinity\"' END",
            value,
            double_text(value),
        )
    if type_ == s.BYTES:
        return sql("('\"' || to_base64({}) || '\"')", value)
    if type_ == s.DATE:
        return sql("(({}) - DATE '1970-01-01')::VARCHAR", value)
    if type_ in (s.TIME, s.TIMESTAMP):
        return sql("epoch_ms({})::VARCHAR", value)
    return sql("({})::VARCHAR", value)


def _or_null(text: Sql) -> Sql:
    return sql("coalesce({}, 'null')", text)


def _array_text(value: Sql, type_: s.Array, depth: int) -> Sql:
    name = ident(f"e{depth}")
    element = _or_null(json_text(name, type_.element, depth + 1))
    return sql("('[' || array_to_string(list_transform({}, lambda {}: {}), ',') || ']')", value, name, element)


def _map_text(value: Sql, type_: s.Map, depth: int) -> Sql:
    name = ident(f"e{depth}")
    return sql(
        "('{{' || array_to_string(list_transform(map_entries({0}), lambda {1}: to_json({1}.key::VARCHAR)::VARCHAR"
        " || ':' || {2}), ',') || '}}')",
        value,
        name,
        _or_null(json_text(sql("{}.value", name), type_.value, depth + 1)),
    )


def _struct_text(value: Sql, type_: s.Struct, depth: int) -> Sql:
    parts: list[Sql] = []
    for number, field in enumerate(type_.fields):
        parts.append(lit(("{" if number == 0 else ",") + constant(field.name) + ":"))
        parts.append(_or_null(json_text(sql("({}).{}", value, ident(field.name)), field.type, depth)))
    parts.append(lit("}" if type_.fields else "{}"))
    return sql("CASE WHEN ({}) IS NOT NULL THEN concat({}) END", value, join(", ", parts))
