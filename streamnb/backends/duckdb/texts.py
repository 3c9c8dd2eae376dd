"""Values as text, as Java writes them."""

from __future__ import annotations

from streamnb import schema as s
from streamnb.duck import Sql, field_names, ident, join, lit, sql
from streamnb.functions.declare import fill
from streamnb.schema import Array, Map, SqlType, Struct

__all__ = ["double_text", "text_of"]

_SCIENTIFIC = (
    "CASE WHEN {0} LIKE '-%' THEN '-' ELSE '' END || left({1}, 1) || '.'"
    " || CASE WHEN length({1}) > 1 THEN substr({1}, 2) ELSE '0' END || 'E'"
    " || CASE WHEN contains({0}, 'e') THEN split_part({0}, 'e', 2)::INTEGER"
    " WHEN ltrim({0}, '-') LIKE '0.%'"
    " THEN length(ltrim(split_part({0}, '.', 2), '0')) - length(split_part({0}, '.', 2)) - 1"
    " ELSE length(ltrim(split_part({0}, '.', 1), '-')) - 1 END"
)
_DOUBLE = (
    "CASE WHEN abs({0}) >= 0.001 AND abs({0}) < 10000000 OR {0} = 0 THEN {0}::VARCHAR"
    " WHEN isnan({0}) THEN 'NaN' WHEN isinf({0}) THEN CASE WHEN {0} > 0 THEN 'Infinity' ELSE '-Infinity' END"
    " ELSE {1} END"
)
_TIME = (
    "CASE WHEN length({0}) > 8 THEN rpad(left({0}, 12), 12, '0') WHEN {0} LIKE '%:00' THEN left({0}, 5) ELSE {0} END"
)


def text_of(value: Sql, type_: SqlType) -> Sql:
    """Write a value of any type as text; NULL stays NULL, and is ``null`` inside an array or a map."""
    if type_ == s.STRING:
        return value
    if type_ == s.DOUBLE:
        return double_text(value)
    if type_ == s.TIMESTAMP:
        return sql("strftime({}, '%Y-%m-%dT%H:%M:%S.%g')", value)
    if type_ == s.TIME:
        return sql("({})", fill(_TIME, [sql("{}::VARCHAR", value)]))
    if type_ == s.BYTES:
        return sql("base64({})", value)
    if isinstance(type_, Array):
        return sql("('[' || {} || ']')", _joined(value, ident("e@"), _or_null(ident("e@"), type_.element)))
    if isinstance(type_, Map):
        key = _or_null(sql("{}.key", ident("e@")), type_.key)
        item = _or_null(sql("{}.value", ident("e@")), type_.value)
        entries = _joined(sql("map_entries({})", value), ident("e@"), sql("{} || '=' || {}", key, item))
        return sql("('{{' || {} || '}}')", entries)
    if isinstance(type_, Struct):
        return _struct(value, type_)
    return sql("{}::VARCHAR", value)


def double_text(value: Sql) -> Sql:
    """Write a DOUBLE as Java's Double.toString does: plain from 0.001 to 10,000,000, else with an exponent."""
    digits = r"rtrim(ltrim(regexp_replace({0}, 'e.*|[-.]', '', 'g'), '0'), '0')"
    text = ident("t@")
    mantissa = fill(digits, [text])
    scientific = fill(_SCIENTIFIC, [text, mantissa])
    shown = ident("d@")
    written = sql(
        "list_transform([{}::VARCHAR], lambda {}: replace({}, '5.0E-324', '4.9E-324'))[1]", shown, text, scientific
    )
    return sql("list_transform([{}], lambda {}: {})[1]", value, shown, fill(_DOUBLE, [shown, written]))


def _joined(items: Sql, name: Sql, text: Sql) -> Sql:
    return sql("array_to_string(list_transform({}, lambda {}: {}), ', ')", items, name, text)


def _or_null(value: Sql, type_: SqlType) -> Sql:
    return sql("coalesce({}, 'null')", text_of(value, type_))


def _struct(value: Sql, type_: Struct) -> Sql:
    """Write a struct as Kafka Connect does; fields that are NULL are left out."""
    base = ident("s@")
    parts = []
    for f, name in zip(type_.fields, field_names(type_), strict=True):
        inner = text_of(sql("struct_extract({}, {})", base, lit(name)), f.type)
        parts.append(sql("{} || {}", lit(f"{f.name}="), inner))
    fields = sql("concat_ws(',', {})", join(", ", parts)) if parts else lit("")
    whole = sql("CASE WHEN {} IS NULL THEN NULL ELSE 'Struct{{' || {} || '}}' END", base, fields)
    return sql("list_transform([{}], lambda {}: {})[1]", value, base, whole)
