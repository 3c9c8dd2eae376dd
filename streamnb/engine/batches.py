"""Batches that wait for somebody: Arrow tables one after another, held as few."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["Batches"]

TABLES_MAX = 64


class Batches:
    """Batches of the same columns, in order.

    Each Arrow table takes some 11 kB beside its rows, so that a batch of a few rows takes more than a hundred times
    what its rows do. Tables of each level are put together to one of the next when they are many.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0
        self._levels: list[list[pa.Table]] = [[]]  # the newest rows are in the first

    def add(self, table: pa.Table) -> None:
        """Take a batch."""
        self.rows += table.num_rows
        self.bytes += table.nbytes
        level = 0
        self._levels[0].append(table)
        while len(self._levels[level]) >= TABLES_MAX:
            together = pa.concat_tables(self._levels[level]).combine_chunks()
            self._levels[level] = []
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(together)

    def table(self) -> pa.Table | None:
        """Return all rows as one table, None if there are none."""
        tables = [table for level in reversed(self._levels) for table in level]
        return pa.concat_tables(tables) if tables else None

    def take(self) -> pa.Table | None:
        """Return all rows as one table, None if there are none, and hold no more."""
        table = self.table()
        self._levels = [[]]
        self.rows = self.bytes = 0
        return table
