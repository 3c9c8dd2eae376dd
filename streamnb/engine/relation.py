"""The rows of a live result, all of them, to be sorted, filtered and looked at while they change.

Theory of operation: a relation is a small database in memory, in a DuckDB apart from the pipeline's, so that whoever
looks at it delays no query. The push query hands over its output batches as Arrow tables, which costs nothing; they are
taken in, set by set, when somebody looks, or when very many are waiting. What a batch changed moves the open viewports
on. The rows are written later, many at a time (see ``rowtable``).
"""

from __future__ import annotations

import atexit
import contextlib
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from streamnb.duck import ident
from streamnb.engine.batches import Batches
from streamnb.engine.livedatabase import LiveDatabases
from streamnb.engine.rowfilter import RowFilter, compile_filter
from streamnb.engine.roworder import RowSet, SortItem
from streamnb.engine.rowtable import AppendedRows, KeyedRows
from streamnb.engine.viewport import Delta, Page, Viewport
from streamnb.errors import StoreError
from streamnb.schema import STRING, SqlType
from streamnb.store import DatabaseError

__all__ = ["CHANGES_MAX", "ROWS_MAX", "Relation", "View"]

ROWS_MAX = 2_000_000
CHANGES_MAX = 100_000
PENDING_MAX = 100_000
PENDING_BYTES = 64_000_000
SWEEP_BATCHES = 1000

Columns = Sequence[tuple[str, SqlType]]


@dataclass(frozen=True)
class View:
    """What to look at: ``changes`` are the newest changes of a table instead of its rows; ``rows_max`` bounds it."""

    sort: tuple[SortItem, ...] = ()
    filter: RowFilter = field(default_factory=RowFilter)
    changes: bool = False
    rows_max: int | None = None


class Relation:
    """Takes batches from one thread and answers any thread with pages; the batches are in order."""

    def __init__(
        self,
        columns: Columns,
        keys: Sequence[SqlType] = (),
        *,
        is_table: bool,
        rows_max: int = ROWS_MAX,
        newest_first: bool | None = None,
    ) -> None:
        """Make an empty relation.

        ``columns`` are those of the result, ``keys`` the types of what identifies a row of a table. A stream keeps its
        newest ``rows_max`` rows, a table the rows that changed last, or a few more. ``skipped`` counts what the query
        gave before and is not here. Rows without a sort come as they arrived, those of a stream the newest first,
        unless ``newest_first`` says otherwise.
        """
        self.columns = tuple(columns)
        self.is_table = is_table
        self.watchers: list[Callable[[], None]] = []
        self.skipped = 0
        self.closed = False
        self._store = _databases.open(self)
        self._lock = threading.RLock()
        self._pending = Batches()
        self._pending_lock = threading.Lock()
        self._given = 0
        self._version = 0
        self._total = 0
        self._applied = 0
        self._viewports: dict[View, Viewport] = {}
        types = tuple(type_ for _, type_ in columns)
        rows = RowSet(ident("rows"), types, newest_first=not is_table if newest_first is None else newest_first)
        changes = RowSet(ident("changes"), (STRING, *types), newest_first=True)
        self._sets = {False: rows, True: changes}  # by whether the changes are looked at
        self._rows: KeyedRows | AppendedRows
        if is_table:
            self._rows = KeyedRows(self._store, rows, keys, rows_max, CHANGES_MAX)
            self._changes = AppendedRows(self._store, changes, CHANGES_MAX)
        else:
            self._rows = self._changes = AppendedRows(self._store, rows, rows_max)
        _open.add(self)

    # Writing

    def add(self, batch: pa.Table) -> None:
        """Hand over a batch, in order: c0, c1, … of a stream's rows; vnull, k0, …, c0, … of a table's changes.

        Rows are dropped before they are put in where the batch alone is longer than what is kept. It returns at once
        unless very many rows wait.
        """
        if batch.num_rows == 0:
            return
        with self._pending_lock:
            self._pending.add(batch)
            self._given += 1
            many = self._pending.rows > PENDING_MAX or self._pending.bytes > PENDING_BYTES
        if many:
            with self._lock:
                self._apply()
        for watcher in list(self.watchers):
            watcher()

    @property
    def version(self) -> int:
        """Count the batches handed over."""
        return self._given

    @property
    def total(self) -> int:
        """Count the rows (of a table: the changes) of the query so far, those before the relation was made included."""
        return self.skipped + self._total

    def _take(self) -> tuple[pa.Table | None, int]:
        with self._pending_lock:
            return self._pending.take(), self._given

    def _apply(self) -> None:
        """Put the waiting batches into the rows, and move the viewports on."""
        pending, self._version = self._take()
        if pending is None:
            return
        numbers = pa.array(np.arange(self._total + 1, self._total + 1 + pending.num_rows))
        pending = pending.append_column("n", numbers)
        self._total += pending.num_rows
        if isinstance(self._rows, KeyedRows):
            taken = self._rows.take(pending, self._wanted())
            self._changes.add(taken.noted)
            self._advance(False, Delta(taken.left, taken.came, self._version, taken.deletes))
            self._advance(True, Delta(None, taken.noted, self._version, False))
        else:
            self._advance(False, Delta(None, self._rows.take(pending), self._version, False))
        self._tidy()

    def _wanted(self) -> list[int]:
        """List the columns that any open viewport wants of the rows that are replaced."""
        viewports = [viewport for view, viewport in self._viewports.items() if not view.changes]
        return sorted({column for viewport in viewports for column in viewport.wanted})

    def _advance(self, changes: bool, delta: Delta) -> None:
        for view, viewport in self._viewports.items():
            if view.changes != changes:
                continue
            try:
                viewport.advance(delta)
            except DatabaseError:  # of its filter; whoever looks at it next is told
                viewport.forget()

    def _tidy(self) -> None:
        """Write what has waited long enough, drop the oldest rows above what is kept, and have DuckDB clear up."""
        if self._rows.tidy():
            self._forget(False)
        if self._changes is not self._rows and self._changes.tidy():
            self._forget(True)
        self._applied += 1
        if self._applied % SWEEP_BATCHES == 0:
            self._store.sweep()

    def _settle(self) -> None:
        self._rows.settle()
        self._changes.settle()

    def _forget(self, changes: bool) -> None:
        for view, viewport in self._viewports.items():
            if view.changes == changes:
                viewport.forget()

    # Reading

    def columns_of(self, view: View) -> Columns:
        """List the columns that a view has: changes have their kind in front."""
        return (("change", STRING), *self.columns) if view.changes else self.columns

    def page(self, view: View, first: int, count: int, *, follow: bool = True) -> Page:
        """Return rows of a view, from a place on; the place of the rows on show follows them (see ``Viewport.page``).

        Without ``follow`` the rows that wait are left waiting: a reader who has paused sees what was there.
        Raises: KsqlError for a filter that can't be read or a view that is not possible.
        """
        with self._lock:
            viewport = self._viewport(view)
            if follow:
                self._apply()
            return viewport.page(max(0, first), max(1, count), self._version)

    def count(self, view: View) -> int:
        """Count the rows that a view chooses from."""
        return (self._changes if view.changes else self._rows).count

    def _viewport(self, view: View) -> Viewport:
        viewport = self._viewports.get(view)
        if viewport is None:
            rows = self._sets[view.changes]
            condition = compile_filter(self.columns_of(view), view.filter)
            viewport = Viewport(self._store, rows, view.sort, condition, view.rows_max, self._settle)
            self._viewports[view] = viewport
        return viewport

    def leave(self, view: View) -> None:
        """Say that nobody looks at a view any more."""
        with self._lock:
            self._viewports.pop(view, None)

    def read(self, view: View, first: int = 0, count: int | None = None) -> pa.Table:
        """Return a view's rows from a place on, all of them if no count is given: the columns id, c0, c1, …"""
        with self._lock:
            viewport = self._viewport(view)
            self._apply()
            self._settle()
            return self._store.arrow(*viewport.query(first, count))

    def rows_of(self, view: View, ids: Sequence[int]) -> pa.Table:
        """Return the rows of these ids that still exist, in the order of the view: the columns id, c0, c1, …"""
        with self._lock:
            self._settle()
            return self._store.arrow(self._viewport(view).query_of(ids))

    def close(self) -> None:
        """Let go of the rows."""
        with self._lock:
            self.closed = True
            _open.discard(self)
            self._viewports.clear()
            _databases.close(self._store)


_databases = LiveDatabases()
_open: weakref.WeakSet[Relation] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Let go of DuckDB before the interpreter ends: a thread of a view may still hold a relation."""
    for relation in list(_open):
        with contextlib.suppress(DatabaseError, StoreError):
            relation.close()
