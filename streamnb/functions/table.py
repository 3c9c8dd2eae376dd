"""Table functions: declared like scalar ones that return an array, of which each element becomes a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamnb.duck import Sql
from streamnb.functions.declare import Function, fill, in_sql
from streamnb.functions.overloads import resolve_overload
from streamnb.functions.signatures import ArgType
from streamnb.schema import Array, SqlType

__all__ = ["TABLE_FUNCTIONS", "ResolvedTableFunction", "is_table_function", "resolve_table_function"]

_CATEGORY = "table"

# Row n keeps an element where the digit of its place is 1. Elements that are not null have two digits, null has one,
# and the last place counts least.
_CHOICES = "list_transform({0}, lambda item: CASE WHEN item IS NULL THEN 1 ELSE 2 END)"
_PRODUCT = "list_reduce({}, lambda one, other: one * other, 1::BIGINT)"
_WEIGHTS = f"list_transform({{0}}, lambda item, place: {_PRODUCT.format(f'({_CHOICES})[place + 1:]')})"
_CUBE = (
    f"list_transform(range({_PRODUCT.format(_CHOICES)}), lambda number: list_transform({{0}}, lambda item, place:"
    f" CASE WHEN (number // ({_WEIGHTS})[place]) % 2 = 1 THEN item END))"
)


@dataclass(frozen=True)
class ResolvedTableFunction:
    """A table function fixed to its argument type. ``rows`` writes the list of the values of its rows."""

    name: str
    return_type: SqlType
    rows: Callable[[Sql], Sql]


TABLE_FUNCTIONS: dict[str, Function] = {
    f.name: f
    for f in (
        Function(
            "CUBE_EXPLODE",
            _CATEGORY,
            "One row for each way to blank out elements of an array.",
            (in_sql("(values ARRAY<T>) -> ARRAY<ARRAY<T>>", _CUBE),),
            kind="TABLE",
        ),
        Function(
            "EXPLODE",
            _CATEGORY,
            "One row for each element of an array.",
            (in_sql("(values ARRAY<T>) -> ARRAY<T>", "{0}"),),
            kind="TABLE",
        ),
    )
}


def is_table_function(name: str) -> bool:
    """Tell whether a name, in any case, is that of a built-in table function."""
    return name.upper() in TABLE_FUNCTIONS


def resolve_table_function(name: str, args: Sequence[ArgType]) -> ResolvedTableFunction:
    """Fix a built-in table function to its argument. Raises: KsqlFunctionError for arguments it does not take."""
    function = TABLE_FUNCTIONS[name.upper()]
    overload, found = resolve_overload(function.name.lower(), function.overloads, args)
    assert isinstance(found.returns, Array) and isinstance(overload.template, str)
    template = overload.template
    return ResolvedTableFunction(function.name, found.returns.element, lambda value: fill(template, [value]))
