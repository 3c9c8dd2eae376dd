"""Freed memory is given back where the C library can."""

from __future__ import annotations

import ctypes
import gc
import platform

import psutil
import pytest

from streamnb import heap


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back when it is asked to")
def test_what_was_freed_between_pieces_in_use_is_given_back() -> None:
    pieces = [bytearray(50_000) for _ in range(2000)]
    heap.give_back()
    before = psutil.Process().memory_info().rss
    kept = pieces[::100]
    del pieces
    gc.collect()
    heap.give_back()
    assert len(kept) == 20
    assert before - psutil.Process().memory_info().rss > 50_000_000


def test_nothing_happens_where_the_library_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    heap._trim.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not heap.give_back()
    heap._trim.cache_clear()
