"""Scalar functions that choose between values."""

from __future__ import annotations

from streamnb.functions.declare import Function, in_sql

__all__ = ["FUNCTIONS"]

_CATEGORY = "conditional"

# Each argument stands twice, so that none is computed in the condition, which DuckDB does while planning for constants.
_NULLIF = "CASE WHEN {1} IS NOT NULL AND {0} = {1} THEN NULL ELSE {0} END"

FUNCTIONS: tuple[Function, ...] = (
    Function(
        "AS_VALUE",
        "other",
        "Copies a key column into the value.",
        (in_sql("(key T) -> T", "{0}"),),
    ),
    Function(
        "COALESCE",
        _CATEGORY,
        "Returns the first argument that is not null.",
        (in_sql("(first T, others T...) -> T", "coalesce({*})"),),
        shown="COALESCE",
    ),
    Function(
        "IFNULL",
        _CATEGORY,
        "Returns the first argument, or the second where the first is null.",
        (in_sql("(value T, alternative T) -> T", "coalesce({0}, {1})"),),
        shown="IFNULL",
    ),
    Function(
        "NULLIF",
        _CATEGORY,
        "Returns null where both arguments are equal, else the first.",
        (in_sql("(value T, unwanted T) -> T", _NULLIF),),
        shown="NULLIF",
    ),
)
