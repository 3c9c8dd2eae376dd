"""The user's scalar and table functions as DuckDB calls them: Arrow arrays in, one Arrow array out.

A function of values has two forms. The plain one stops at the first record that fails, as any expression of DuckDB's
does; TRY() then evaluates the whole vector again, record by record. ``catching`` gives a struct that holds the value as
``v``, and is null for a record that fails: each record is looked at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from streamnb import schema as s
from streamnb.errors import KsqlFunctionError
from streamnb.functions.user_values import WrongValue, are_exact, column_array, converter, read_column
from streamnb.schema import SqlType
from streamnb.serde.arrow import arrow_type

__all__ = ["catching_body", "failure", "plain_body", "rows_of", "vectorized_body"]

Body = Callable[..., pa.Array]


def failure(name: str, error: BaseException) -> str:
    """Tell in one line which function failed, and why."""
    if isinstance(error, WrongValue):
        return f"function {name}: {error}"
    text = " ".join(str(error).split())
    return f"function {name}: {type(error).__name__}{': ' if text else ''}{text}"


def _with_parameters(body: Body, count: int) -> Body:
    """Let a body show as many parameters as DuckDB is to pass: at least one, which says how many rows there are."""
    kind = inspect.Parameter.POSITIONAL_ONLY
    shown = [inspect.Parameter(f"a{i}", kind) for i in range(max(count, 1))]
    body.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    return body


def _rows(arrays: Sequence[pa.ChunkedArray], params: Sequence[SqlType]) -> Iterable[tuple[Any, ...]]:
    if not params:
        return [()] * len(arrays[0])
    return zip(*(read_column(a, p) for a, p in zip(arrays, params, strict=True)), strict=True)


def plain_body(name: str, function: Callable[..., Any], params: Sequence[SqlType], returns: SqlType) -> Body:
    """Make the plain form of a function of values."""
    convert = converter(returns)

    def body(*arrays: pa.ChunkedArray) -> pa.Array:
        try:
            values = [function(*row) for row in _rows(arrays, params)]
            if not are_exact(values, returns):
                values = [convert(v) for v in values]
        except Exception as error:
            raise KsqlFunctionError(failure(name, error)) from error
        return column_array(values, returns)

    return _with_parameters(body, len(params))


def catching_body(name: str, function: Callable[..., Any], params: Sequence[SqlType], returns: SqlType) -> Body:
    """Make the form of a function of values that gives structs."""
    convert = converter(returns)
    struct = s.Struct((s.Field("v", returns),))

    def attempts(rows: Iterable[tuple[Any, ...]]) -> Iterator[dict[str, Any] | None]:
        for row in rows:
            try:
                yield {"v": convert(function(*row))}
            except Exception:
                yield None

    def body(*arrays: pa.ChunkedArray) -> pa.Array:
        return column_array(list(attempts(_rows(arrays, params))), struct)

    return _with_parameters(body, len(params))


def rows_of(function: Callable[..., Any], row: SqlType) -> Callable[..., list[Any] | None]:
    """Let a table function give the list of its rows, whatever iterable it returns; None is no rows."""

    def listed(*args: Any) -> list[Any] | None:
        found = function(*args)
        if found is None:
            return None
        if isinstance(found, str | bytes | dict) or not isinstance(found, Iterable):
            raise WrongValue(found, row, "; a table function returns an iterable of rows")
        return list(found)

    return listed


def vectorized_body(name: str, function: Callable[..., Any], params: Sequence[SqlType], returns: SqlType) -> Body:
    """Make a body of a function of Arrow arrays. What it returns may be any column that Arrow can take over."""
    wanted = arrow_type(returns)

    def body(*arrays: pa.ChunkedArray) -> pa.Array:
        given = [a.combine_chunks() if isinstance(a, pa.ChunkedArray) else a for a in arrays]
        try:
            return _taken_over(function(*given), len(given[0]), wanted, returns)
        except Exception as error:
            raise KsqlFunctionError(failure(name, error)) from error

    return _with_parameters(body, len(params))


def _taken_over(found: Any, count: int, wanted: pa.DataType, returns: SqlType) -> pa.Array:
    """Bring what a vectorised function returned to its type. Numbers and times convert where nothing is lost."""
    if not isinstance(found, pa.Array | pa.ChunkedArray):
        found = pa.array(found)
    if len(found) != count:
        raise ValueError(f"it returned {len(found)} values for {count} rows")
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    if found.type == wanted:
        return found
    if _kind(found.type) not in (_kind(wanted), "null"):
        raise TypeError(f"it returned an array of {found.type} where {returns} is declared")
    return found.cast(wanted)


def _kind(type_: pa.DataType) -> str:
    types = pa.types
    if types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_):
        return "number"
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        return "text"
    if types.is_dictionary(type_):
        return _kind(type_.value_type)
    if types.is_nested(type_):
        return "list" if types.is_list(type_) or types.is_large_list(type_) else str(type_.id)
    for kind in ("timestamp", "date", "time", "binary", "boolean", "null"):
        if getattr(types, f"is_{kind}")(type_):
            return kind
    return str(type_)
