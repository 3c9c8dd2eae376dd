"""When the write-ahead log is folded into the pipeline's file: between two ticks, once it has grown."""

from __future__ import annotations

import time

from streamnb.store import Store

__all__ = ["WriteAheadLog"]

AGAIN_S = 60.0


class WriteAheadLog:
    """The log beside the file of a store; a store in memory has none. Used by the thread that owns the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._not_before_s = 0.0

    def fold(self, bytes_max: int) -> bool:
        """Fold a longer log into the file, and tell whether DuckDB did; else a later call does it.

        After a failure nothing is tried for a minute. Raises: StoreBrokenError.
        """
        if self._store.path is None or time.monotonic() < self._not_before_s:
            return False
        path = self._store.path.with_name(self._store.path.name + ".wal")
        if not path.exists() or path.stat().st_size <= bytes_max:
            return False
        self._not_before_s = time.monotonic() + AGAIN_S  # when it fails: ticks come first
        folded = self._store.checkpoint()
        self._not_before_s = 0.0
        return folded

    def fold_all(self) -> None:
        """Fold what there is, also right after a failure. Raises: StoreBrokenError."""
        self._not_before_s = 0.0
        self.fold(0)
