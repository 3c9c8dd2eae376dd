"""Where live results keep their rows: one DuckDB in memory for all of them, with a database for each.

A DuckDB of its own for each would cost each a few threads and, in time, some 45 MB of what DuckDB lets go of late.
"""

from __future__ import annotations

import itertools
import threading

from streamnb.duck import ident, sql
from streamnb.store import Store

__all__ = ["LiveDatabases"]


class LiveDatabases:
    """Opens databases in memory. DuckDB itself is there as long as any of them is. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._root: Store | None = None
        self._names: dict[Store, str] = {}
        self._numbers = itertools.count(1)

    def open(self) -> Store:
        """Open an empty database; ``close`` lets go of it."""
        with self._lock:
            if self._root is None:
                self._root = Store.open(None, threads=1)  # small statements: handing them to other threads costs more
            name = f"live{next(self._numbers)}"
            store = self._root.cursor()
            store.execute(sql("ATTACH ':memory:' AS {}", ident(name)))
            store.execute(sql("USE {}", ident(name)))
            self._names[store] = name
            return store

    def close(self, store: Store) -> None:
        """Let go of a database and of its rows; once more does nothing."""
        with self._lock:
            name = self._names.pop(store, None)
            if name is None or self._root is None:
                return
            store.close()
            self._root.execute(sql("DETACH {}", ident(name)))
            if not self._names:
                self._root.close()
                self._root = None
