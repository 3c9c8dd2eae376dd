"""Plain JSON documents by C code: faster than any SQL, for the columns and the forms that it knows.

See ``native/json.c`` for what is plain. Documents that are not go to the strict decoder one by one, so a topic where
they are many is decoded by SQL instead (``Memory.plain``).
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_int64, c_void_p
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from streamnb import schema as s
from streamnb.native import Column, Strings, column_of, native, strings_array

__all__ = ["decode_plain", "has_plain_types"]

_STRING = 5
_KINDS: dict[s.SqlType, tuple[int, pa.DataType]] = {
    s.BOOLEAN: (1, pa.bool_()),
    s.INTEGER: (2, pa.int32()),
    s.BIGINT: (3, pa.int64()),
    s.DOUBLE: (4, pa.float64()),
    s.STRING: (_STRING, pa.string()),
}


class _Field(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("name_size", c_int64),
        ("type", c_int32),
        ("valid", c_void_p),
        ("values", c_void_p),
        ("texts", Strings),
    ]


class _Memory:
    """Texts that C has allocated, freed with the last array that shows them."""

    def __init__(self, texts: Strings, free: Callable[[Any], None]) -> None:
        self._texts, self._free = texts, free

    def __del__(self) -> None:
        self._free(byref(self._texts))


@functools.cache
def _functions() -> tuple[Callable[..., int], Callable[[Any], None]] | None:
    library = native()
    if library is None:
        return None
    decode, free = library.streamnb_decode_json, library.streamnb_free_strings
    decode.argtypes = (POINTER(Column), c_int64, POINTER(_Field), c_int, c_void_p)
    decode.restype = c_int64
    free.argtypes, free.restype = (POINTER(Strings),), None
    return decode, free


def has_plain_types(columns: Sequence[s.Column]) -> bool:
    """Tell whether the C code is there and knows the types; names may not differ in case only."""
    names = {c.name.upper() for c in columns}
    return _functions() is not None and len(names) == len(columns) > 0 and all(c.type in _KINDS for c in columns)


def decode_plain(columns: Sequence[s.Column], documents: pa.Array) -> tuple[list[pa.Array], pa.Array, int]:
    """Decode documents (BINARY): the columns, which rows were plain or null, and how many were not.

    The columns are null in rows that were not plain. Raises: MemoryError.
    """
    functions = _functions()
    if functions is None:
        raise RuntimeError("the C code is not available")
    decode, free = functions
    rows = len(documents)
    fields = (_Field * len(columns))()
    fixed: list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]] | None] = []
    for field, column in zip(fields, columns, strict=True):
        field.name = column.name.encode()
        field.name_size = len(field.name)
        field.type, type_ = _KINDS[column.type]
        if field.type == _STRING:
            fixed.append(None)
            continue
        valid, values = _zeros(rows), _zeros(rows * type_.bit_width)
        field.valid, field.values = valid.ctypes.data, values.ctypes.data
        fixed.append((valid, values))
    plain = _zeros(rows)
    doubtful = decode(byref(column_of(documents)), rows, fields, len(columns), plain.ctypes.data)
    arrays = []
    for field, column, buffers in zip(fields, columns, fixed, strict=True):
        type_ = _KINDS[column.type][1]
        if buffers is None:
            arrays.append(strings_array(type_, field.texts, _Memory(_copy(field.texts), free)))
        else:
            arrays.append(pa.Array.from_buffers(type_, rows, [pa.py_buffer(b) for b in buffers]))
    if doubtful < 0:
        raise MemoryError("decoding JSON")
    return arrays, pa.Array.from_buffers(pa.bool_(), rows, [None, pa.py_buffer(plain)]), doubtful


def _zeros(bits: int) -> npt.NDArray[np.uint8]:
    return np.zeros(bits // 8 + 1, np.uint8)


def _copy(texts: Strings) -> Strings:
    """Copy the description, not the memory: the array of fields does not live as long."""
    return Strings.from_buffer_copy(texts)
