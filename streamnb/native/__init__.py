"""Loops over single records in C, for what is too slow in Python and not to be had from a library.

They are compiled when the package is installed and a C compiler is there (``hatch_build.py``); without one, or with
``STREAMNB_NATIVE=0`` in the environment, all works as well and slower. The functions are called by ctypes, which lets
go of the interpreter's lock, and take and give memory in Arrow's layout.
"""

from __future__ import annotations

import ctypes
import functools
import os
from ctypes import c_int64, c_void_p
from pathlib import Path

import numpy as np
import pyarrow as pa

__all__ = ["Column", "Strings", "column_of", "contiguous", "native", "strings_array"]

LIBRARY = Path(__file__).with_name("_native.so")
SWITCH = "STREAMNB_NATIVE"


class Strings(ctypes.Structure):
    """A column of byte strings that C writes."""

    _fields_ = [
        ("valid", c_void_p),
        ("offsets", c_void_p),
        ("data", c_void_p),
        ("count", c_int64),
        ("rows_room", c_int64),
        ("bytes_room", c_int64),
        ("nulls", c_int64),
    ]


class Column(ctypes.Structure):
    """A column of byte strings that C reads; keep the Arrow array as long as it does."""

    _fields_ = [("valid", c_void_p), ("offsets", c_void_p), ("data", c_void_p), ("shift", c_int64)]


@functools.cache
def native() -> ctypes.CDLL | None:
    """Load the compiled functions; None where they are not compiled, do not load, or are switched off."""
    if os.environ.get(SWITCH) == "0" or not LIBRARY.exists():
        return None
    try:
        return ctypes.CDLL(str(LIBRARY))
    except OSError:  # another system's file
        return None


def contiguous(column: pa.ChunkedArray) -> pa.Array:
    """Make one array of a column; without a copy where it is one already."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def column_of(array: pa.Array) -> Column:
    """Show C an array of strings, byte strings or lists, whose offsets have 32 bits."""
    valid, offsets, *data = array.buffers()[:3]
    return Column(
        valid.address if valid is not None else None,
        offsets.address if offsets is not None else None,
        data[0].address if data and data[0] is not None else None,
        array.offset,
    )


def strings_array(type_: pa.DataType, found: Strings, owner: object) -> pa.Array:
    """Show a column that C wrote as an array; ``owner`` frees the memory when the array has let go of it."""
    if not found.data:
        return pa.nulls(found.count, type_)
    offsets = pa.foreign_buffer(found.offsets, (found.count + 1) * 4, owner)
    size = int(np.frombuffer(offsets, np.int32)[-1])
    valid = pa.foreign_buffer(found.valid, found.count // 8 + 1, owner) if found.nulls else None
    data = pa.foreign_buffer(found.data, size, owner)
    return pa.Array.from_buffers(type_, found.count, [valid, offsets, data], found.nulls)
