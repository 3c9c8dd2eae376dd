"""Table functions: each declared once, with how an argument becomes the list of its rows' values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamnb.duck import Sql, sql
from streamnb.errors import KsqlFunctionError
from streamnb.schema import Array, SqlType

__all__ = ["TABLE_FUNCTIONS", "ResolvedTableFunction", "TableFunction", "is_table_function", "resolve_table_function"]


@dataclass(frozen=True)
class TableFunction:
    """The declaration of a table function over one array: ``rows`` writes the list of the values of its rows."""

    name: str
    doc: str
    signature: str
    result: Callable[[SqlType], SqlType]
    rows: Callable[[Sql], Sql]


@dataclass(frozen=True)
class ResolvedTableFunction:
    """A table function fixed to its argument type. ``rows`` writes the list of the values of its rows."""

    name: str
    return_type: SqlType
    rows: Callable[[Sql], Sql]


def _cube(values: Sql) -> Sql:
    """List all ways to keep or blank an array's entries; a null entry has no two ways."""
    choices = sql("list_transform({0}, lambda e: CASE WHEN e IS NULL THEN 1 ELSE 2 END)", values)
    weights = sql(
        "list_transform({0}, lambda e, i: list_reduce({1}[i+1:], lambda a, b: a * b, 1::BIGINT))", values, choices
    )
    count = sql("list_reduce({0}, lambda a, b: a * b, 1::BIGINT)", choices)
    return sql(
        "list_transform(range({count}), lambda n: list_transform({values}, lambda e, i: CASE WHEN"
        " (n // {weights}[i]) % 2 = 1 THEN e END))",
        count=count,
        values=values,
        weights=weights,
    )


TABLE_FUNCTIONS: dict[str, TableFunction] = {
    f.name: f
    for f in (
        TableFunction(
            "EXPLODE", "One row for each entry of an array.", "(ARRAY<T>) -> T", lambda t: _element(t), lambda v: v
        ),
        TableFunction(
            "CUBE_EXPLODE",
            "One row for each way to blank out entries of an array.",
            "(ARRAY<T>) -> ARRAY<T>",
            lambda t: t,
            _cube,
        ),
    )
}


def _element(type_: SqlType) -> SqlType:
    assert isinstance(type_, Array)
    return type_.element


def is_table_function(name: str) -> bool:
    """Tell whether a name, in any case, is that of a table function."""
    return name.upper() in TABLE_FUNCTIONS


def resolve_table_function(name: str, arg_types: Sequence[SqlType | None]) -> ResolvedTableFunction:
    """Fix a table function to its argument type. Raises: KsqlFunctionError for arguments it does not take."""
    function = TABLE_FUNCTIONS[name.upper()]
    if len(arg_types) != 1 or not isinstance(arg_types[0], Array):
        shown = ", ".join("null" if t is None else str(t) for t in arg_types)
        raise KsqlFunctionError(
            f"Function '{name}' does not accept parameters ({shown}).\nValid alternatives are:\n{name}{function.signature}",
            summary=f"function {name.upper()} does not accept ({shown})",
            hint="it takes one array.",
        )
    return ResolvedTableFunction(function.name, function.result(arg_types[0]), function.rows)
