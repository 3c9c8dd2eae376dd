"""What functions that are DuckDB SQL have to give, as plain Python functions of single values."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa

from streamnb.functions.registry import builtin_functions
from streamnb.schema import SqlType

__all__ = ["oracle"]


def _pad_left(value: bytes, length: int, padding: bytes) -> bytes | None:
    if length < 0 or not padding:
        return None
    missing = max(length - len(value), 0)
    return (padding * (missing // len(padding) + 1))[:missing] + value[:length]


def _pad_right(value: bytes, length: int, padding: bytes) -> bytes | None:
    if length < 0 or not padding:
        return None
    missing = max(length - len(value), 0)
    return value[:length] + (padding * (missing // len(padding) + 1))[:missing]


def _number(code: str) -> Callable[..., Any]:
    """Make a reader of numbers; a wrong size is a ValueError."""

    def read(value: bytes, order: str = "BIG_ENDIAN") -> Any:
        mark = {"BIG_ENDIAN": ">", "LITTLE_ENDIAN": "<"}.get(order.upper())
        if mark is None:
            raise ValueError(f"Byte order must be BIG_ENDIAN or LITTLE_ENDIAN, not {order}")
        if len(value) != struct.calcsize(code):
            raise ValueError(f"Number of bytes must be equal to {struct.calcsize(code)}, but found {len(value)}")
        return struct.unpack(mark + code, value)[0]

    return read


def _uuid(value: bytes) -> str | None:
    return str(uuid.UUID(bytes=value)) if len(value) == 16 else None


def _url_encode(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")


_MOVED: dict[str, Callable[..., Any]] = {
    "BIGINT_FROM_BYTES": _number("q"),
    "DOUBLE_FROM_BYTES": _number("d"),
    "INT_FROM_BYTES": _number("i"),
    "LPAD": _pad_left,
    "RPAD": _pad_right,
    "URL_ENCODE_PARAM": _url_encode,
    "UUID": _uuid,
}
"""The functions that have no Python of their own any more."""


def oracle(name: str, types: tuple[str, ...]) -> tuple[Callable[..., Any], bool]:
    """Return the Python function of a call's overload, and whether it is strict: null where an argument is null."""
    if name in _MOVED:
        return _MOVED[name], True
    for overload in builtin_functions()[name].overloads:
        shown = [_short(p.type) for p in overload.signature.params]
        if overload.python is not None and _fits(shown, types):
            return (overload.python, overload.strict) if overload.per_value else (_of_one(overload.python), True)
    raise LookupError(f"{name}{types} has no Python function")


def _short(type_: SqlType) -> str:
    return str(type_).replace("INTEGER", "INT").replace("VARCHAR", "STRING")


def _fits(shown: Sequence[str], types: Sequence[str]) -> bool:
    """Tell whether a signature is meant: a type variable takes all, DECIMAL every precision and scale."""
    if len(shown) != len(types):
        return False
    return all(s in ("T", t, t.partition("(")[0]) for s, t in zip(shown, types, strict=True))


def _of_one(body: Callable[..., pa.Array]) -> Callable[..., Any]:
    """Make a function of Arrow arrays into one of single values."""
    return lambda *values: body(*(pa.chunked_array([[value]]) for value in values))[0].as_py()
