"""Where live results keep their rows: one DuckDB in memory for all of them, with a database for each.

A DuckDB of its own for each would cost each a few threads and, in time, some 45 MB of what DuckDB lets go of late.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from collections import deque

from streamnb.duck import ident, sql
from streamnb.errors import StoreBrokenError
from streamnb.store import DatabaseError, Store

__all__ = ["LiveDatabases"]


class LiveDatabases:
    """Opens databases in memory, and lets go of each with its owner. Safe to use from any thread.

    DuckDB itself is there as long as any of them is.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._root: Store | None = None  # a connection to the newest DuckDB
        self._homes: dict[Store, tuple[Store, str]] = {}  # the root and the name of each open database
        self._numbers = itertools.count(1)
        self._ownerless: deque[Store] = deque()

    def open(self, owner: object) -> Store:
        """Open an empty database. ``close`` lets go of it, at the latest when ``owner`` exists no more."""
        with self._lock:
            self._close_ownerless()
            try:
                store = self._attach()
            except StoreBrokenError:  # by a statement of another database: that DuckDB gives nothing any more
                self._root = None
                store = self._attach()
        weakref.finalize(owner, self._leave, store).atexit = False
        return store

    def close(self, store: Store) -> None:
        """Let go of a database and of its rows; once more does nothing."""
        with self._lock:
            self._detach(store)
            self._close_ownerless()

    def _attach(self) -> Store:
        if self._root is None:
            # small statements: handing them to other threads costs more
            self._root = Store.open(None, threads=1, spills=False)
        name = f"live{next(self._numbers)}"
        store = self._root.cursor()
        self._homes[store] = self._root, name
        try:
            store.execute(sql("ATTACH ':memory:' AS {}", ident(name)))
            store.execute(sql("USE {}", ident(name)))
        except BaseException:
            self._detach(store)
            raise
        return store

    def _detach(self, store: Store) -> None:
        home = self._homes.pop(store, None)
        if home is None:
            return
        root, name = home
        store.close()
        with contextlib.suppress(DatabaseError, StoreBrokenError):
            root.execute(sql("DETACH DATABASE IF EXISTS {}", ident(name)))
        if all(other is not root for other, _ in self._homes.values()):
            root.close()
            if self._root is root:
                self._root = None

    def _leave(self, store: Store) -> None:
        """Note that the owner is gone; the garbage collector says so, on any thread and at any time."""
        self._ownerless.append(store)
        if self._lock.acquire(blocking=False):  # else whoever opens or closes the next one sees to it
            try:
                self._close_ownerless()
            finally:
                self._lock.release()

    def _close_ownerless(self) -> None:
        while self._ownerless:
            self._detach(self._ownerless.popleft())
