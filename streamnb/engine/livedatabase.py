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


class _Instance:
    """A DuckDB and the names of the databases in it."""

    def __init__(self) -> None:
        self.root = Store.open(None, threads=1)  # small statements: handing them to other threads costs more
        self.names: set[str] = set()


class LiveDatabases:
    """Opens databases in memory, and lets go of each with its owner. Safe to use from any thread.

    DuckDB itself is there as long as any of them is.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: _Instance | None = None
        self._homes: dict[Store, tuple[_Instance, str]] = {}
        self._numbers = itertools.count(1)
        self._ownerless: deque[Store] = deque()

    def open(self, owner: object) -> Store:
        """Open an empty database. ``close`` lets go of it, at the latest when ``owner`` exists no more."""
        with self._lock:
            self._close_ownerless()
            try:
                store = self._attach()
            except StoreBrokenError:  # by a statement of another database: that DuckDB gives nothing any more
                self._newest = None
                store = self._attach()
        weakref.finalize(owner, self._leave, store).atexit = False
        return store

    def close(self, store: Store) -> None:
        """Let go of a database and of its rows; once more does nothing."""
        with self._lock:
            self._detach(store)
            self._close_ownerless()

    def _attach(self) -> Store:
        instance = self._newest = self._newest or _Instance()
        name = f"live{next(self._numbers)}"
        store = instance.root.cursor()
        self._homes[store] = instance, name
        instance.names.add(name)
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
        instance, name = home
        instance.names.discard(name)
        store.close()
        with contextlib.suppress(DatabaseError, StoreBrokenError):
            instance.root.execute(sql("DETACH DATABASE IF EXISTS {}", ident(name)))
        if not instance.names:
            instance.root.close()
            if self._newest is instance:
                self._newest = None

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
