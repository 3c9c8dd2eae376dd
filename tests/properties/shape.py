"""A shape of pipelines, and what must come out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.oracle.filter import Log

__all__ = ["Expected", "Kept", "Oracle", "Shape"]

Expected = tuple[tuple[Any, ...], tuple[int, ...], int, tuple[Any, ...] | None]
"""A change: key, window, timestamp, and values or None for a tombstone."""
Oracle = Callable[[Sequence[Log]], list[Expected]]


@dataclass(frozen=True)
class Kept:
    """How long a windowed table holds a window: ``holds`` is asked for its bounds and the stream time.

    ``group`` names what the table is grouped by: under a group that is not the key K, partitions share a stream time.
    """

    holds: Callable[[tuple[int, ...], int], bool]
    group: str


@dataclass(frozen=True)
class Shape:
    """Statements over sources, and their judge.

    ``batch`` is one query of plain DuckDB SQL over the whole input (see ``judge.py``), ``changes`` an oracle in Python
    that takes one record after the other; a shape has one of them. ``kept`` tells when windows leave the table.
    ``exact`` tells that every change is the same wherever the input is cut, ``last`` that the last changes leave the
    same, ``ordered`` that the records of a stream have one order.
    """

    name: str
    sources: str
    statements: str
    batch: str | None = None
    changes: Oracle | None = None
    kept: Kept | None = None
    sink: str = "O"
    exact: bool = True
    last: bool = True
    ordered: bool = True
