"""Scalar functions of arrays. Nulls among the elements are values like others; positions count from 1."""

from __future__ import annotations

import re

from streamnb.duck import Sql
from streamnb.functions.declare import Call, Function, Overload, fail, fill, in_sql, in_values
from streamnb.functions.javatext import java_double

__all__ = ["FUNCTIONS"]

_CATEGORY = "array"
_FIRST = "list_position({0}, item) = place"
_SORTED = "list_sort({{0}}, '{}', 'NULLS LAST')"
_SORTED_BY = (
    f"CASE WHEN upper({{1}}) IN ('ASC', 'ASCENDING') THEN {_SORTED.format('ASC')}"
    f" WHEN upper({{1}}) IN ('DESC', 'DESCENDING') THEN {_SORTED.format('DESC')} END"
)
_SLICE = (
    "CASE WHEN coalesce({1}, 1) >= 1 AND coalesce({2}, len({0})) <= len({0})"
    " AND coalesce({1}, 1) <= coalesce({2}, len({0})) + 1"
    " THEN ({0})[coalesce({1}, 1):coalesce({2}, len({0}))] END"
)
_TEXTS = "list_transform({0}, lambda item: coalesce(item::VARCHAR, 'null'))"
_JOIN = f"array_to_string({_TEXTS}, ',')"
_JOIN_CONSTANT = f"array_to_string({_TEXTS}, {{1}})"
_JOIN_BY = (
    f"substring(list_reduce({_TEXTS}, lambda joined, item: joined || coalesce({{1}}, '') || item, ''),"
    " length(coalesce({1}, '')) + 1)"
)
_CONSTANT = re.compile(r"'(?:[^']|'')*'\Z")


def _join_by(call: Call) -> Sql:
    """Join with a separator; DuckDB is fast with a constant one only."""
    constant = _CONSTANT.match(call.sql(1)) is not None
    return fill(_JOIN_CONSTANT if constant else _JOIN_BY, call.pieces())


_PLAIN = "len(list_filter({0}, lambda item: NOT (coalesce(item, 0) = 0 OR abs(item) >= 1e-3 AND abs(item) < 1e7))) = 0"
"""Tells whether DuckDB writes all of the DOUBLEs as Java does."""


def _join_doubles_in_duckdb(call: Call) -> Sql | None:
    if len(call.args) > 1 and _CONSTANT.match(call.sql(1)) is None:
        return None
    template = _JOIN if len(call.args) == 1 else _JOIN_CONSTANT
    return fill(f"CASE WHEN {_PLAIN} THEN {template} ELSE {call.python} END", call.pieces())


def _join_doubles(values: list[float | None] | None, separator: str | None = ",") -> str | None:
    if values is None:
        return None
    return (separator or "").join("null" if v is None else java_double(v) for v in values)


def _series(type_: str, step: bool) -> str:
    """Write a series of whole numbers, both ends included."""
    if not step:
        by = "CASE WHEN {0} <= {1} THEN 1 ELSE -1 END"
        return f"generate_series({{0}}::BIGINT, {{1}}::BIGINT, {by})::{type_}[]"
    zero = fail("GENERATE_SERIES step cannot be zero", "BIGINT")
    sign = fail("GENERATE_SERIES step has wrong sign", "BIGINT")
    by = (
        f"CASE WHEN {{2}} = 0 THEN {zero} WHEN ({{0}} < {{1}} AND {{2}} < 0) OR ({{0}} > {{1}} AND {{2}} > 0)"
        f" THEN {sign} ELSE {{2}} END"
    )
    return f"generate_series({{0}}::BIGINT, {{1}}::BIGINT, {by})::{type_}[]"


def _series_overloads() -> tuple[Overload, ...]:
    out = []
    for type_, duck in (("INT", "INTEGER"), ("BIGINT", "BIGINT")):
        out.append(in_sql(f"(first {type_}, last {type_}) -> ARRAY<{type_}>", _series(duck, False), can_raise=True))
        out.append(
            in_sql(f"(first {type_}, last {type_}, step INT) -> ARRAY<{type_}>", _series(duck, True), can_raise=True)
        )
    return tuple(out)


def _filtered(condition: str) -> str:
    """Keep distinct elements of the first array, in its order, by whether the second one has them."""
    return (
        "CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL"
        f" THEN list_filter({{0}}, lambda item, place: {_FIRST} AND {condition}) END"
    )


def _function(name: str, doc: str, *overloads: Overload) -> Function:
    return Function(name, _CATEGORY, doc, overloads)


_PAIR = "(left ARRAY<T>, right ARRAY<T>) -> ARRAY<T>"

FUNCTIONS: tuple[Function, ...] = (
    _function(
        "ARRAY_CONCAT",
        "Puts two arrays one behind the other; a null one counts as empty.",
        in_sql(_PAIR, "CASE WHEN {0} IS NOT NULL OR {1} IS NOT NULL THEN list_concat({0}, {1}) END"),
    ),
    _function(
        "ARRAY_CONTAINS",
        "Tells whether an array has an element.",
        in_sql("(values ARRAY<T>, value T) -> BOOLEAN", "(list_position({0}, {1}) IS NOT NULL)"),
    ),
    _function(
        "ARRAY_DISTINCT",
        "Drops repeated elements, keeping the order of the first ones.",
        in_sql("(values ARRAY<T>) -> ARRAY<T>", f"list_filter({{0}}, lambda item, place: {_FIRST})"),
    ),
    _function(
        "ARRAY_EXCEPT",
        "Returns the distinct elements of the first array that the second does not have.",
        in_sql(_PAIR, _filtered("list_position({1}, item) IS NULL")),
    ),
    _function(
        "ARRAY_INTERSECT",
        "Returns the distinct elements of the first array that the second has too.",
        in_sql(_PAIR, _filtered("list_position({1}, item) IS NOT NULL")),
    ),
    _function(
        "ARRAY_JOIN",
        "Writes the elements as one text with a separator, a comma if not given.",
        in_sql("(values ARRAY<T>) -> STRING", _JOIN),
        in_sql("(values ARRAY<T>, separator STRING) -> STRING", _join_by),
        in_values("(values ARRAY<DOUBLE>) -> STRING", _join_doubles, strict=False, sql_first=_join_doubles_in_duckdb),
        in_values(
            "(values ARRAY<DOUBLE>, separator STRING) -> STRING",
            _join_doubles,
            strict=False,
            sql_first=_join_doubles_in_duckdb,
        ),
    ),
    _function("ARRAY_LENGTH", "Counts the elements.", in_sql("(values ARRAY<T>) -> INT", "len({0})::INTEGER")),
    _function(
        "ARRAY_MAX", "Returns the largest element that is not null.", in_sql("(values ARRAY<T>) -> T", "list_max({0})")
    ),
    _function(
        "ARRAY_MIN", "Returns the smallest element that is not null.", in_sql("(values ARRAY<T>) -> T", "list_min({0})")
    ),
    _function(
        "ARRAY_REMOVE",
        "Drops all elements equal to a value.",
        in_sql("(values ARRAY<T>, value T) -> ARRAY<T>", "list_filter({0}, lambda item: item IS DISTINCT FROM {1})"),
    ),
    _function(
        "ARRAY_SORT",
        "Sorts the elements, ASC or DESC, nulls last.",
        in_sql("(values ARRAY<T>) -> ARRAY<T>", _SORTED.format("ASC")),
        in_sql("(values ARRAY<T>, direction STRING) -> ARRAY<T>", _SORTED_BY),
    ),
    _function(
        "ARRAY_UNION",
        "Returns the distinct elements of both arrays.",
        in_sql(
            _PAIR,
            "CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN list_filter(list_concat({0}, {1}),"
            " lambda item, place: list_position(list_concat({0}, {1}), item) = place) END",
        ),
    ),
    _function(
        "GENERATE_SERIES",
        "Returns the whole numbers from one to another, in steps of 1 or -1 if not given.",
        *_series_overloads(),
    ),
    _function(
        "SLICE",
        "Returns the elements from one position to another, both included; null where the array is too short.",
        in_sql("(values ARRAY<T>, first INT, last INT) -> ARRAY<T>", _SLICE),
    ),
)
