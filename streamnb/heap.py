"""The process's heap: what it has freed goes back to the operating system.

DuckDB, Arrow and NumPy take and free large and small pieces from many threads, and the C library keeps what lies
between two pieces in use: a process that streams for an hour grows by a third. Only glibc can be asked to let go.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

__all__ = ["give_back"]


@functools.cache
def _trim() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # musl, macOS and Windows have none
        return None
    return trim


def give_back() -> bool:
    """Give unused pages of the heap back to the system; False when nothing was given back, or cannot be here.

    It takes some ten milliseconds, without the interpreter's lock.
    """
    trim = _trim()
    return trim is not None and bool(trim(0))
