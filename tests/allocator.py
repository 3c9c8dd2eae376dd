"""How much memory the C library has given out: what a process keeps shows there, its size on the machine hides it."""

from __future__ import annotations

import ctypes
import sys

import pytest

__all__ = ["TELLS", "bytes_given_out"]

_LIBRARY = ctypes.CDLL(None) if sys.platform == "linux" else None
TELLS = pytest.mark.skipif(
    not hasattr(_LIBRARY, "mallinfo2"), reason="only the GNU C library tells how much it has given out"
)


class _Mallinfo(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_size_t) for name in (*"abcdefg", "uordblks", "fordblks", "keepcost"))


def bytes_given_out() -> int:
    """Count the bytes that are given out."""
    assert _LIBRARY is not None
    _LIBRARY.mallinfo2.restype = _Mallinfo
    return int(_LIBRARY.mallinfo2().uordblks)
