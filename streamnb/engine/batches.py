"""Batches that wait for somebody: Arrow tables one after another, held as few."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["Batches"]

TABLES_MAX = 64


class Batches:
    """Batches of the same columns, in order.

    Each Arrow table takes some 11 kB beside its rows, so that a batch of a few rows takes more than a hundred times
    what its rows do. Once there are many, they are put together.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0
        self._tables: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        """Take a batch."""
        self._tables.append(table)
        self.rows += table.num_rows
        self.bytes += table.nbytes
        if len(self._tables) > TABLES_MAX:
            self._tables = [pa.concat_tables(self._tables).combine_chunks()]

    def take(self) -> pa.Table | None:
        """Return all rows as one table, None if there are none, and hold no more."""
        tables, self._tables = self._tables, []
        self.rows = self.bytes = 0
        return pa.concat_tables(tables) if tables else None
