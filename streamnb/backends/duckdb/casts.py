"""CAST as ksqlDB's Java does it, in DuckDB SQL.

A cast that fails raises, so that the operator around it can log the record. DuckDB's ``error()`` cannot be used for
that, since TRY() refuses volatile functions: what has to fail is cast from a text that says why.
"""

from __future__ import annotations

from streamnb import schema as s
from streamnb.backends.duckdb.texts import text_of
from streamnb.duck import Sql, duck_type, field_names, ident, join, lit, sql
from streamnb.functions.declare import fill
from streamnb.plan.types import as_decimal
from streamnb.schema import Array, Decimal, Map, SqlType, Struct

__all__ = ["cast", "cast_raises", "wrap_bigint", "wrap_integer"]

_INTEGER_TEXT = r"\s*[+-]?[0-9]+\s*"
_DECIMAL_TEXT = r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*"
_DOUBLE_TEXT = _DECIMAL_TEXT + r"|\s*([+-]?Infinity|NaN)\s*"
_DATE_TEXT = r"\s*[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?\s*"
_TIME_TEXT = r"\s*[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?\s*"
_CLOCK = r"[0-9]{2}(:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)?"
_ZONE = r"(Z|[+-][0-9]{2}:?[0-9]{2})"
_TIMESTAMP_TEXT = rf"\s*[0-9]{{4}}(-[0-9]{{2}}(-[0-9]{{2}})?)?(T({_CLOCK})?:?{_ZONE}?)?\s*"


def wrap_integer(value: Sql) -> Sql:
    """Keep the low 32 bits of a BIGINT or HUGEINT, as Java's int arithmetic does."""
    return sql("(xor({} & 4294967295, 2147483648) - 2147483648)::INTEGER", value)


def wrap_bigint(value: Sql) -> Sql:
    """Keep the low 64 bits of a HUGEINT, as Java's long arithmetic does."""
    return sql("(xor({} & 18446744073709551615, 9223372036854775808) - 9223372036854775808)::BIGINT", value)


def cast(value: Sql, source: SqlType, target: SqlType, safe: bool = False) -> Sql:
    """Convert a value; ``plan.types.can_cast`` has said that it can be.

    ``safe``: give NULL instead of raising, between types that are no ARRAY, MAP or STRUCT.
    """
    if source == target:
        return value
    if target == s.STRING:
        return text_of(value, source)
    if source == s.STRING:
        return _from_text(value, target, safe)
    if source.is_numeric:
        return _from_number(value, source, target, safe)
    if isinstance(source, Array) and isinstance(target, Array):
        element = cast(ident("e@"), source.element, target.element)
        return sql("list_transform({}, lambda {}: {})", value, ident("e@"), element)
    if isinstance(source, Map) and isinstance(target, Map):
        return _cast_map(value, source, target)
    if isinstance(source, Struct) and isinstance(target, Struct):
        return _cast_struct(value, source, target)
    return sql("{}::{}", value, duck_type(target))


def cast_raises(source: SqlType, target: SqlType) -> bool:
    """Tell whether a conversion fails for some values."""
    if source == target or target == s.STRING:
        return False
    if source == s.STRING:
        return target != s.BOOLEAN
    if isinstance(source, Array) and isinstance(target, Array):
        return cast_raises(source.element, target.element)
    if isinstance(source, Map) and isinstance(target, Map):
        return source.key != target.key or cast_raises(source.value, target.value)
    if isinstance(source, Struct) and isinstance(target, Struct):
        found = ((f.type, t.type) for f in source.fields if (t := target.field(f.name)) is not None)
        return any(cast_raises(a, b) for a, b in found)
    if isinstance(target, Decimal):
        return source == s.DOUBLE or _decimal_overflows(as_decimal(source), target)
    return False


def _decimal_overflows(source: Decimal, target: Decimal) -> bool:
    """Tell whether a value may need more integral digits than the target has; rounding may need one more."""
    needed = source.precision - source.scale + (1 if target.scale < source.scale else 0)
    return needed > target.precision - target.scale


def _from_number(value: Sql, source: SqlType, target: SqlType, safe: bool) -> Sql:
    if source == s.DOUBLE:
        return _from_double(value, target, safe)
    if isinstance(source, Decimal) and target == s.DOUBLE:
        if source.precision > 15:  # beyond, DuckDB's division by a power of ten rounds twice
            return sql("{}::VARCHAR::DOUBLE", value)
        return sql("{}::DOUBLE", value)
    if target == s.INTEGER:
        if isinstance(source, Decimal):
            whole = sql("trunc({})", value)
            if source.precision - source.scale <= 9:
                return sql("{}::INTEGER", whole)
            return wrap_integer(sql("{}::HUGEINT", whole))
        return wrap_integer(value)
    if target == s.BIGINT and isinstance(source, Decimal):
        if source.precision - source.scale <= 18:
            return sql("trunc({})::BIGINT", value)
        return wrap_bigint(sql("trunc({})::HUGEINT", value))
    return _to(value, duck_type(target), safe)


def _to(value: Sql, type_: Sql, safe: bool) -> Sql:
    """Convert as DuckDB does."""
    return sql("TRY_CAST({} AS {})" if safe else "{}::{}", value, type_)


def _from_double(value: Sql, target: SqlType, safe: bool) -> Sql:
    """Convert a DOUBLE: whole numbers saturate as in Java, decimals round the digits that its text shows."""
    if isinstance(target, Decimal):
        return _digits(sql("{}::VARCHAR", value), target, safe)
    low, high = (-(2**31), 2**31 - 1) if target == s.INTEGER else (-(2**63), 2**63 - 1)
    template = (
        "CASE WHEN isnan({0}) THEN 0 WHEN {0} >= {1} THEN {2} WHEN {0} <= {3} THEN {4} ELSE trunc({0})::"
        f"{duck_type(target)} END"
    )
    type_ = duck_type(target)
    ends = [lit(float(high)), _whole(high, type_), lit(float(low)), _whole(low, type_)]
    return sql("({})", fill(template, [value, *ends]))


def _whole(value: int, type_: Sql) -> Sql:
    return sql("{}::{}", lit(str(value)), type_)


def _from_text(value: Sql, target: SqlType, safe: bool) -> Sql:
    if target == s.BOOLEAN:
        return sql("(lower(trim({})) IN ('true', 'tru', 'tr', 't', 'yes', 'ye', 'y'))", value)
    if target == s.TIMESTAMP:
        return _timestamp(value, safe)
    if target == s.DATE:
        day = Sql("(trim({0}) || substr('0000-01-01', length(trim({0})) + 1))")
        return _checked(value, _DATE_TEXT, _to(day, Sql("DATE"), safe), target, safe)
    if target == s.TIME:
        return _checked(value, _TIME_TEXT, _to(Sql("left(trim({0}), 12)"), Sql("TIME"), safe), target, safe)
    if isinstance(target, Decimal):
        return _checked(value, _DECIMAL_TEXT, _digits(Sql("{0}"), target, safe), target, safe)
    pattern = _DOUBLE_TEXT if target == s.DOUBLE else _INTEGER_TEXT
    return _checked(value, pattern, _to(Sql("{0}"), duck_type(target), safe), target, safe)


def _digits(text: Sql, target: Decimal, safe: bool) -> Sql:
    """Read a decimal; by way of 38 digits, since DuckDB refuses 1e-7 for a type that has no integral digit."""
    return _to(_to(text, Sql(f"DECIMAL(38, {target.scale})"), safe), duck_type(target), safe)


def _checked(value: Sql, pattern: str, template: Sql, target: SqlType, safe: bool) -> Sql:
    """Convert a text that matches a pattern as a whole; any other raises, or is NULL when ``safe``."""
    if safe:
        return sql(
            "({})", fill(f"CASE WHEN regexp_full_match({{0}}, {{1}}) THEN {template} END", [value, lit(pattern)])
        )
    whole = f"CASE WHEN regexp_full_match({{0}}, {{1}}) THEN {template} ELSE ({{2}} || {{0}})::{duck_type(target)} END"
    return sql("({})", fill(whole, [value, lit(pattern), lit(f"Cannot convert to {target}: ")]))


def _timestamp(value: Sql, safe: bool) -> Sql:
    """Complete a partial timestamp to a whole one with a zone, and read that."""
    day = "regexp_extract({0}, '[0-9]{{4}}(-[0-9]{{2}}){{0,2}}')"
    clock = "left(regexp_extract({0}, 'T([0-9:.]*[0-9])?', 1), 12)"
    zone = "regexp_extract({0}, 'T.*(Z|[+-].*)', 1)"
    complete = Sql(
        f"({day} || substr('0000-01-01', length({day}) + 1) || 'T' || {clock}"
        f" || substr('00:00:00', length({clock}) + 1) || coalesce(nullif({zone}, ''), 'Z'))"
    )
    moment = sql("{} AT TIME ZONE 'UTC'", _to(complete, Sql("TIMESTAMPTZ"), safe))
    return _checked(value, _TIMESTAMP_TEXT, moment, s.TIMESTAMP, safe)


def _cast_map(value: Sql, source: Map, target: Map) -> Sql:
    entry = ident("e@")
    key = cast(sql("{}.key", entry), source.key, target.key)
    item = cast(sql("{}.value", entry), source.value, target.value)
    pair = sql("struct_pack(k := {}, v := {})", key, item)
    return sql("map_from_entries(list_transform(map_entries({}), lambda {}: {}))", value, entry, pair)


def _cast_struct(value: Sql, source: Struct, target: Struct) -> Sql:
    base = ident("s@")
    inner = dict(zip((f.name for f in source.fields), field_names(source), strict=True))
    packed = []
    for f, name in zip(target.fields, field_names(target), strict=True):
        found = source.field(f.name)
        if found is None:
            part = sql("NULL::{}", duck_type(f.type))
        else:
            part = cast(sql("struct_extract({}, {})", base, lit(inner[f.name])), found.type, f.type)
        packed.append(sql("{} := {}", ident(name), part))
    whole = sql("CASE WHEN {} IS NULL THEN NULL ELSE struct_pack({}) END", base, join(", ", packed))
    return sql("list_transform([{}], lambda {}: {})[1]", value, base, whole)
