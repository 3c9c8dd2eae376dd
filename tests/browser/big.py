"""A large table that changes, without an engine: what the browser tests and the benchmark of the live table show."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from streamnb.engine.feed import Feed
from streamnb.engine.relation import ROWS_MAX, Relation
from streamnb.schema import BIGINT, DOUBLE, INTEGER, STRING, TIMESTAMP, SqlType
from streamnb.widgets import views
from streamnb.widgets.live import LiveView

__all__ = ["BigTable", "show"]

COLUMNS: Sequence[tuple[str, SqlType]] = (
    ("CARD", STRING),
    ("ATTEMPTS", BIGINT),
    ("AMOUNT", DOUBLE),
    ("AT", TIMESTAMP),
    ("MESSAGE", STRING),
    ("STARS", INTEGER),
)
BATCH_ROWS = 100_000
START_US = 1_522_238_400_000_000


class BigTable:
    """A query whose result is a table of so many cards; ``start`` lets a number of rows change each second.

    AT is later with each change: one second of 2018 for each.
    """

    def __init__(self, rows: int) -> None:
        self.columns = COLUMNS
        self.key_columns = 1
        self.is_table = True
        self.state = "RUNNING"
        self.params: dict[str, object] = {}
        self.problem: str | None = None
        self.feed = Feed(is_table=True, rows_max=100)
        self.rows = rows
        self._changes = 0
        self._chance = np.random.default_rng(1)
        self._relation = Relation(COLUMNS, [STRING], is_table=True, rows_max=max(rows, ROWS_MAX))
        for first in range(0, rows, BATCH_ROWS):
            self.put(np.arange(first, min(rows, first + BATCH_ROWS)))

    def relation(self) -> Relation:
        return self._relation

    def put(self, cards: np.ndarray[tuple[int], np.dtype[np.int64]], *, delete: bool = False) -> None:
        """Change the rows of these cards, or delete them."""
        count = len(cards)
        numbers = cards.tolist()
        key = pa.array([f"card {n:07d}" for n in numbers])
        attempts = pa.array(self._chance.integers(0, 1_000_000, count))
        amounts = pa.array(np.round(self._chance.random(count) * 1000, 2))
        instants = pa.array(START_US + np.arange(self._changes, self._changes + count) * 1_000_000, pa.timestamp("us"))
        self._changes += count
        messages = pa.array(
            [f"why is it so difficult to keep the bathrooms clean ? {n * 7919 % 100_003}" for n in numbers]
        )
        stars = pa.array(self._chance.integers(1, 6, count), pa.int32())
        tombstones = pa.array(np.full(count, delete))
        arrays = [tombstones, key, key, attempts, amounts, instants, messages, stars]
        self._relation.add(pa.table(arrays, names=["vnull", "k0", *(f"c{i}" for i in range(6))]))

    def start(self, changes_per_s: int, batches_per_s: int = 25) -> None:
        """Let random rows change from now on."""

        def work() -> None:
            due_s = time.monotonic()
            while self.state == "RUNNING":
                self.put(self._chance.integers(0, self.rows, changes_per_s // batches_per_s))
                due_s = max(due_s + 1 / batches_per_s, time.monotonic() - 1)
                time.sleep(max(0.001, due_s - time.monotonic()))

        threading.Thread(target=work, daemon=True).start()

    def stop(self) -> None:
        self.state = "STOPPED"


def show(rows: int, changes_per_s: int = 0) -> tuple[LiveView, BigTable]:
    """Show the table, and let it change."""
    query = BigTable(rows)
    view = views.table(query, name="cards")
    view.show()
    if changes_per_s:
        query.start(changes_per_s)
    return view, query
