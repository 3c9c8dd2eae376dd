"""JSON text of columns, in SQL: what the encoder writes and what the fast decoder compares with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from streamnb import schema as s
from streamnb.duck import Sql, ident, join, lit, sql

__all__ = ["constant", "decimal_text", "double_text", "json_text", "plain_json_text"]


def constant(text: str) -> str:
    """Write a JSON string constant."""
    return json.dumps(text, ensure_ascii=False)


def decimal_text(value: Sql, type_: s.Decimal) -> Sql:
    """Write a DECIMAL with its scale; DuckDB leaves out the zero before the point when the type has no whole digits."""
    text = sql("({})::VARCHAR", value)
    return sql("regexp_replace({}, '^(-?)\\.', '\\10.')", text) if type_.precision == type_.scale else text


def double_text(value: Sql) -> Sql:
    """Write a finite DOUBLE as Java's ``Double.toString`` does: shortest digits, ``1.0E10`` from 1e7 and below 1e-3."""
    return sql(
        "CASE WHEN {0} = 0 OR abs({0}) BETWEEN 0.001 AND 9999999.999999998 THEN ({0})::VARCHAR ELSE {1} END",
        value,
        _scientific(value),
    )


def _scientific(value: Sql) -> Sql:
    """Move the point of DuckDB's shortest text behind the first digit; plain texts have all their digits before it.

    Of the texts that mean the least number, Java takes the nearest with two digits, DuckDB one digit.
    """
    return sql(
        "CASE WHEN contains(({0})::VARCHAR, 'e') THEN"
        " replace(regexp_replace(regexp_replace(({0})::VARCHAR, '^(-?[0-9])e', '\\1.0e'), 'e([+-]?)0*([0-9]+)$',"
        " CASE WHEN contains(({0})::VARCHAR, 'e-') THEN 'E-\\2' ELSE 'E\\2' END), '5.0E-324', '4.9E-324')"
        " WHEN abs({0}) >= 1 THEN"
        " regexp_replace(rtrim(regexp_replace(({0})::VARCHAR, '^(-?[0-9])([0-9]*)\\.([0-9]*)$', '\\1.\\2\\3'), '0'),"
        " '\\.$', '.0') || 'E' || (strpos(trim(({0})::VARCHAR, '-'), '.') - 2)::VARCHAR"
        " ELSE"
        " regexp_replace(regexp_replace(({0})::VARCHAR, '^(-?)0\\.0*([1-9])([0-9]*)$', '\\1\\2.\\3'), '\\.$', '.0')"
        " || 'E-'"
        " || (length(regexp_extract(({0})::VARCHAR, '\\.(0*)', 1)) + 1)::VARCHAR END",
        value,
    )


def json_text(value: Sql, type_: s.SqlType) -> Sql:
    """Write a VARCHAR expression for the JSON text of a value; SQL NULL stays NULL.

    Shape: compact, fields in order, nulls explicit, decimals with their scale, bytes in base64, dates, times and
    timestamps as numbers (days, ms of day, ms), doubles in Java's form, those that are not finite quoted.
    """
    return _Writer(double_text).text(value, type_)


def plain_json_text(value: Sql, type_: s.SqlType, *, spaced: bool = False) -> Sql:
    """Write JSON text with DOUBLE in DuckDB's form, which costs much less to plan than Java's.

    Equal texts still mean equal values, so it serves comparisons; as output it would not be ksqlDB's. Zero has no sign
    here: a document with ``-0.0`` is equal to none. ``spaced``: a blank follows each comma and colon.
    """
    return _Writer(_plain_double, ", " if spaced else ",", ": " if spaced else ":").text(value, type_)


def _plain_double(value: Sql) -> Sql:
    return sql("CASE WHEN {0} = 0 THEN '0.0' ELSE ({0})::VARCHAR END", value)


@dataclass(frozen=True)
class _Writer:
    """Writes JSON text; ``double`` writes a finite DOUBLE."""

    double: Callable[[Sql], Sql]
    comma: str = ","
    colon: str = ":"

    def text(self, value: Sql, type_: s.SqlType, depth: int = 0) -> Sql:
        """Write a value of any type; ``depth`` keeps the parameters of nested lambdas apart."""
        if isinstance(type_, s.Array):
            return self._array(value, type_, depth)
        if isinstance(type_, s.Map):
            return self._map(value, type_, depth)
        if isinstance(type_, s.Struct):
            return self._struct(value, type_, depth)
        if type_ == s.STRING:
            return sql("to_json({})::VARCHAR", value)
        if type_ == s.DOUBLE:
            return sql(
                "CASE WHEN isfinite({0}) THEN {1} WHEN isnan({0}) THEN '\"NaN\"' WHEN {0} > 0 THEN '\"Infinity\"'"
                " WHEN {0} < 0 THEN '\"-Infinity\"' END",
                value,
                self.double(value),
            )
        if isinstance(type_, s.Decimal):
            return decimal_text(value, type_)
        if type_ == s.BYTES:
            return sql("('\"' || to_base64({}) || '\"')", value)
        if type_ == s.DATE:
            return sql("(({}) - DATE '1970-01-01')::VARCHAR", value)
        if type_ in (s.TIME, s.TIMESTAMP):
            return sql("epoch_ms({})::VARCHAR", value)
        return sql("({})::VARCHAR", value)

    def _array(self, value: Sql, type_: s.Array, depth: int) -> Sql:
        name = ident(f"e{depth}")
        element = _or_null(self.text(name, type_.element, depth + 1))
        return sql(
            "('[' || array_to_string(list_transform({}, lambda {}: {}), {}) || ']')",
            value,
            name,
            element,
            lit(self.comma),
        )

    def _map(self, value: Sql, type_: s.Map, depth: int) -> Sql:
        name = ident(f"e{depth}")
        return sql(
            "('{{' || array_to_string(list_transform(map_entries({0}), lambda {1}: to_json({1}.key::VARCHAR)::VARCHAR"
            " || {2} || {3}), {4}) || '}}')",
            value,
            name,
            lit(self.colon),
            _or_null(self.text(sql("{}.value", name), type_.value, depth + 1)),
            lit(self.comma),
        )

    def _struct(self, value: Sql, type_: s.Struct, depth: int) -> Sql:
        parts: list[Sql] = []
        for number, field in enumerate(type_.fields):
            parts.append(lit((self.comma if number else "{") + constant(field.name) + self.colon))
            parts.append(_or_null(self.text(sql("({}).{}", value, ident(field.name)), field.type, depth)))
        parts.append(lit("}" if type_.fields else "{}"))
        return sql("CASE WHEN ({}) IS NOT NULL THEN concat({}) END", value, join(", ", parts))


def _or_null(text: Sql) -> Sql:
    return sql("coalesce({}, 'null')", text)
