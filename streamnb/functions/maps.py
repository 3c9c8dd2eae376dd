"""Scalar functions of maps."""

from __future__ import annotations

from streamnb.functions.declare import Function, in_sql

__all__ = ["FUNCTIONS"]

_CATEGORY = "map"
_ENTRIES = "list_transform(map_entries({0}), lambda entry: struct_pack(K := entry.key, V := entry.value))"

# A map has no null key here, and of a repeated key the last value counts.
_AS_MAP = (
    "CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN map_from_entries(list_filter(list_transform({0},"
    " lambda item, place: struct_pack(k := item, v := ({1})[place],"
    " last := list_position(list_reverse({0}), item) = len({0}) - place + 1)),"
    " lambda entry: entry.k IS NOT NULL AND entry.last).list_transform("
    "lambda entry: struct_pack(k := entry.k, v := entry.v))) END"
)

FUNCTIONS: tuple[Function, ...] = (
    Function(
        "AS_MAP",
        _CATEGORY,
        "Makes a map of an array of keys and an array of values.",
        (in_sql("(keys ARRAY<STRING>, values ARRAY<T>) -> MAP<STRING, T>", _AS_MAP),),
    ),
    Function(
        "ENTRIES",
        _CATEGORY,
        "Returns the entries as an array of structs with K and V, sorted by key if asked for.",
        tuple(
            in_sql(
                f"(map MAP<STRING, {t}>, sorted BOOLEAN) -> ARRAY<STRUCT<K STRING, V {t}>>",
                f"CASE WHEN {{1}} THEN list_sort({_ENTRIES}) ELSE {_ENTRIES} END",
            )
            for t in ("INT", "BIGINT", "DOUBLE", "BOOLEAN", "STRING")
        ),
    ),
    Function(
        "MAP_KEYS",
        _CATEGORY,
        "Returns the keys of a map.",
        (in_sql("(map MAP<STRING, T>) -> ARRAY<STRING>", "map_keys({0})"),),
    ),
    Function(
        "MAP_UNION",
        _CATEGORY,
        "Puts the entries of two maps together; of equal keys the second map's counts.",
        (
            in_sql(
                "(left MAP<STRING, T>, right MAP<STRING, T>) -> MAP<STRING, T>",
                "CASE WHEN {0} IS NULL THEN {1} WHEN {1} IS NULL THEN {0} ELSE map_concat({0}, {1}) END",
            ),
        ),
    ),
    Function(
        "MAP_VALUES",
        _CATEGORY,
        "Returns the values of a map.",
        (in_sql("(map MAP<STRING, T>) -> ARRAY<T>", "map_values({0})"),),
    ),
)
