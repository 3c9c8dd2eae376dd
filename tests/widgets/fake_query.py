"""A live query without an engine, for tests of the views."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from streamnb.schema import SqlType

Row = tuple[Any, ...]


@dataclass(frozen=True)
class FakeSnapshot:
    version: int
    rows: list[Row]
    total: int
    done: bool = False
    error: str | None = None
    is_ordered: bool = False


class FakeFeed:
    """Holds what a test puts in; bounded like the real one."""

    def __init__(self, rows_max: int = 10_000) -> None:
        self._condition = threading.Condition()
        self._now = FakeSnapshot(0, [], 0)
        self._rows_max = rows_max

    def put(self, rows: Sequence[Row], total: int | None = None, done: bool = False) -> None:
        """Replace the rows."""
        with self._condition:
            seen = len(rows) if total is None else total
            self._now = FakeSnapshot(self._now.version + 1, list(rows)[-self._rows_max :], seen, done)
            self._condition.notify_all()

    def append(self, *rows: Row) -> None:
        """Add rows at the end."""
        self.put([*self._now.rows, *rows], self._now.total + len(rows))

    def snapshot(self) -> FakeSnapshot:
        return self._now

    def wait(self, version: int, timeout: float) -> bool:
        with self._condition:
            return self._condition.wait_for(lambda: self._now.version > version, timeout)


@dataclass
class FakeQuery:
    """A push query whose rows a test supplies."""

    columns: Sequence[tuple[str, SqlType]]
    key_columns: int = 0
    is_table: bool = False
    state: str = "RUNNING"
    feed: FakeFeed = field(default_factory=FakeFeed)

    def stop(self) -> None:
        self.state = "STOPPED"
