"""What a push query has shown so far: bounded, and safe to read from any thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Change", "Feed", "FeedSnapshot", "hashable"]

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Change:
    """One row of a push query's result; ``key`` tells table rows apart, a tombstone takes its row away."""

    key: Row
    row: Row
    tombstone: bool = False


@dataclass(frozen=True)
class FeedSnapshot:
    """The state of a feed at one moment.

    ``rows`` are the newest rows, newest last (stream), or the current row of each key (table); ``total`` counts all
    changes since the start, also those that the feed has let go. ``is_ordered`` tells that the rows of a table have an
    order, in which the first ones count.
    """

    version: int
    rows: list[Row]
    total: int
    done: bool
    error: str | None
    is_ordered: bool = False


def hashable(key: Row) -> Row | str:
    """Return what tells keys apart: the key itself, or its text where it holds arrays, maps or structs."""
    try:
        hash(key)
    except TypeError:
        return repr(key)
    return key


class Feed:
    """Takes the changes of a query from its thread and gives snapshots to everybody else.

    A stream keeps its newest ``rows_max`` rows, a table the rows of its ``rows_max`` most recently changed keys. An
    ordered table's key is the place of a row.
    """

    def __init__(self, *, is_table: bool, rows_max: int, is_ordered: bool = False) -> None:
        self.is_table = is_table
        self._is_ordered = is_ordered
        self._rows_max = rows_max
        self._condition = threading.Condition()
        self._changes: deque[Change] = deque(maxlen=rows_max)
        self._table: dict[Any, Row] = {}  # by what a key is known by
        self._version = 0
        self._total = 0
        self._done = False
        self._error: str | None = None

    def add(self, changes: Iterable[Change], count: int) -> None:
        """Add changes in order; ``count`` says how many there were, those that the caller left out included."""
        with self._condition:
            for change in changes:
                self._changes.append(change)
                if self.is_table:
                    known = hashable(change.key)
                    self._table.pop(known, None)
                    if not change.tombstone:
                        self._table[known] = change.row
            while len(self._table) > self._rows_max:
                del self._table[next(iter(self._table))]
            self._total += count
            self._version += 1
            self._condition.notify_all()

    def finish(self, error: str | None = None) -> None:
        """Say that nothing more comes."""
        with self._condition:
            if self._done:
                return
            self._done = True
            self._error = error
            self._version += 1
            self._condition.notify_all()

    @property
    def done(self) -> bool:
        """Tell whether nothing more comes."""
        return self._done

    @property
    def total(self) -> int:
        """Count all changes since the start."""
        return self._total

    def snapshot(self) -> FeedSnapshot:
        """Return the newest state."""
        with self._condition:
            rows = [c.row for c in self._changes]
            if self.is_table:
                keys = sorted(self._table) if self._is_ordered else self._table
                rows = [self._table[key] for key in keys]
            return FeedSnapshot(self._version, rows, self._total, self._done, self._error, self._is_ordered)

    def changes(self) -> list[Change]:
        """Return the newest changes in order, tombstones included."""
        with self._condition:
            return list(self._changes)

    def wait(self, version: int, timeout: float | None = None) -> bool:
        """Wait until something newer than a version is there; False when the time is up."""
        with self._condition:
            return self._condition.wait_for(lambda: self._version > version, timeout)

    def wait_done(self, timeout: float | None = None) -> bool:
        """Wait until nothing more comes; False when the time is up."""
        with self._condition:
            return self._condition.wait_for(lambda: self._done, timeout)
