"""A live query without an engine, for tests of the views."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from streamnb.engine.relation import Relation
from streamnb.schema import SqlType
from streamnb.serde.arrow import value_array
from streamnb.widgets.feed import Sender, View

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
        self.relay: Callable[[list[Row], list[Row], int], None] | None = None

    def put(self, rows: Sequence[Row], total: int | None = None, done: bool = False) -> None:
        """Replace the rows."""
        with self._condition:
            seen = len(rows) if total is None else total
            before = self._now
            self._now = FakeSnapshot(self._now.version + 1, list(rows)[-self._rows_max :], seen, done)
            if self.relay is not None:
                self.relay(before.rows, self._now.rows, seen - before.total)
            self._condition.notify_all()

    def fail(self, error: str) -> None:
        """End with an error; the rows stay."""
        with self._condition:
            self._now = FakeSnapshot(self._now.version + 1, self._now.rows, self._now.total, True, error)
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
    params: Mapping[str, object] = field(default_factory=dict)
    problem: str | None = None

    _relation: Relation | None = None

    def relation(self) -> Relation:
        """Keep the rows of the feed in a relation from now on, as the changes that lead from one to the next."""
        if self._relation is None:
            keys = [type_ for _, type_ in self._keyed()]
            self._relation = Relation(self.columns, keys, is_table=self.is_table)
            now = self.feed.snapshot()
            self._relay([], now.rows, now.total)
            self.feed.relay = self._relay
        return self._relation

    def _keyed(self) -> list[tuple[int, SqlType]]:
        """List the columns that identify a row of a table, by place."""
        windows = ("WINDOWSTART", "WINDOWEND")
        chosen = [i for i, (name, _) in enumerate(self.columns) if i < self.key_columns or name in windows]
        return [(i, self.columns[i][1]) for i in chosen]

    def _relay(self, before: list[Row], now: list[Row], count: int) -> None:
        assert self._relation is not None
        columns = [type_ for _, type_ in self.columns]
        if not self.is_table:
            new = now[-count:] if count > 0 else []
            arrays = [value_array([row[i] for row in new], type_) for i, type_ in enumerate(columns)]
            self._relation.add(pa.table(arrays, names=[f"c{i}" for i in range(len(columns))]))
            return
        places = [i for i, _ in self._keyed()]
        old = {repr([row[i] for i in places]): row for row in before}
        new_keys = {repr([row[i] for i in places]) for row in now}
        gone = [row for key, row in old.items() if key not in new_keys]
        fresh = [row for row in now if old.get(repr([row[i] for i in places])) != row]
        rows = [*gone, *fresh]
        tombstones = pa.array([True] * len(gone) + [False] * len(fresh), pa.bool_())
        keys = [value_array([row[i] for row in rows], type_) for i, type_ in self._keyed()]
        arrays = [value_array([row[i] for row in rows], type_) for i, type_ in enumerate(columns)]
        names = ["vnull", *(f"k{i}" for i in range(len(keys))), *(f"c{i}" for i in range(len(columns)))]
        self._relation.add(pa.table([tombstones, *keys, *arrays], names=names))

    def stop(self) -> None:
        self.state = "STOPPED"


class StillSender(Sender):
    """Serves its views when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.views: list[View] = []

    def add(self, view: View) -> None:
        self.views.append(view)

    def remove(self, view: View) -> None:
        self.views = [v for v in self.views if v is not view]

    def run(self, now_s: float) -> None:
        self.views = [view for view in self.views if view.tick(now_s)]
