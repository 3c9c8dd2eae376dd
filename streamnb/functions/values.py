"""Python values in and out of Arrow arrays, for functions that work on one value at a time."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa

from streamnb import schema as s
from streamnb.schema import SqlType
from streamnb.serde.arrow import arrow_type

__all__ = ["arrow_type", "holds_map", "per_value_body"]


def per_value_body(
    function: Callable[..., Any], params: Sequence[SqlType], returns: SqlType, strict: bool
) -> Callable[..., pa.Array]:
    """Make a function of Python values into one of Arrow arrays.

    A map is a dict on both sides. When ``strict``, the result is null where an argument is null, and the function is
    called once for equal arguments of a chunk. Without parameters it takes one array, which says how many rows.
    """
    type_ = arrow_type(returns)
    maps = any(holds_map(p) for p in params)
    same = s.DOUBLE not in params  # 0.0 and -0.0 are equal, yet not the same

    def body(*arrays: pa.ChunkedArray) -> pa.Array:
        if not params:
            return pa.array([function()] * len(arrays[0]), type_)
        columns = [a.to_pylist(maps_as_pydicts="strict") if maps else a.to_pylist() for a in arrays]
        rows = zip(*columns, strict=True)
        out = _strict(function, rows, same) if strict else [function(*row) for row in rows]
        return pa.array(out, type_)

    # DuckDB counts the parameters that the signature shows.
    kind = inspect.Parameter.POSITIONAL_ONLY
    shown = [inspect.Parameter(f"a{i}", kind) for i in range(max(len(params), 1))]
    body.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    return body


def _strict(function: Callable[..., Any], rows: Iterable[tuple[Any, ...]], same: bool) -> list[Any]:
    known: dict[tuple[Any, ...], Any] = {}
    out: list[Any] = []
    for row in rows:
        if any(value is None for value in row):
            out.append(None)
            continue
        if not same:
            out.append(function(*row))
            continue
        try:
            if row in known:
                out.append(known[row])
                continue
        except TypeError:  # an argument that cannot be hashed
            out.append(function(*row))
            continue
        out.append(known.setdefault(row, function(*row)))
    return out


def holds_map(type_: SqlType) -> bool:
    """Tell whether a type has a MAP somewhere in it."""
    if isinstance(type_, s.Array):
        return holds_map(type_.element)
    if isinstance(type_, s.Struct):
        return any(holds_map(f.type) for f in type_.fields)
    return isinstance(type_, s.Map)
