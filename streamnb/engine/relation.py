"""The rows of a live result, all of them, to be sorted, filtered and looked at while they change.

Theory of operation: a relation is a small DuckDB database in memory, apart from the pipeline's, so that whoever looks
at it delays no query. The push query hands over its output batches as Arrow tables, which costs nothing; they are put
into the rows, set by set, when somebody looks, or when very many are waiting. A table's rows are found by the hash of
their key. What a batch changed moves the open viewports on.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.engine.rowfilter import RowFilter, compile_filter
from streamnb.engine.roworder import RowSet, SortItem
from streamnb.engine.viewport import Delta, Page, Viewport
from streamnb.schema import STRING, SqlType
from streamnb.store import DatabaseError, Store

__all__ = ["CHANGES_MAX", "ROWS_MAX", "Relation", "View"]

ROWS_MAX = 2_000_000
CHANGES_MAX = 100_000
PENDING_MAX = 100_000
INDEXED_MAX = 1000
_SLACK = 4  # rows are dropped by the fourth part: it takes writing the rest anew

_HASH = "hash({})"

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
        self._rows_max = rows_max
        self._store = Store.open(None, threads=1)  # small statements: handing them to other threads costs more
        self._lock = threading.RLock()
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._pending_lock = threading.Lock()
        self._given = 0
        self._version = 0
        self._total = 0
        self._counts = {"rows": 0, "changes": 0}
        self._dead = 0
        self._numbers = 0
        self._viewports: dict[View, Viewport] = {}
        self._key_names = [ident(f"k{i}") for i in range(len(keys))] if is_table else []
        types = tuple(type_ for _, type_ in columns)
        self._rows = RowSet(ident("rows"), types, newest_first=not is_table if newest_first is None else newest_first)
        self._changes = RowSet(ident("changes"), (STRING, *types), newest_first=True)
        self._create(keys if is_table else ())
        _open.add(self)

    def _create(self, keys: Sequence[SqlType]) -> None:
        columns = [sql("{} {}", c, duck_type(t)) for c, t in zip(self._rows.columns(), self._rows.types, strict=True)]
        key = [sql("{} {}", c, duck_type(t)) for c, t in zip(self._key_names, keys, strict=True)]
        identity = [sql("kh UBIGINT"), *key] if self.is_table else []
        self._store.execute(sql("CREATE TABLE rows ({})", join(", ", [sql("id BIGINT"), *identity, *columns])))
        self._index()
        if self.is_table:
            names = zip(self._changes.columns(), self._changes.types, strict=True)
            parts = join(", ", [sql("id BIGINT"), *[sql("{} {}", c, duck_type(t)) for c, t in names]])
            self._store.execute(sql("CREATE TABLE changes ({})", parts))

    def _index(self) -> None:
        if self.is_table:
            self._store.execute(sql("CREATE INDEX rows_by_key ON rows (kh)"))

    # Writing

    def add(self, batch: pa.Table) -> None:
        """Hand over a batch, in order: c0, c1, … of a stream's rows; vnull, k0, …, c0, … of a table's changes.

        Rows are dropped before they are put in where the batch alone is longer than what is kept. It returns at once
        unless very many rows wait.
        """
        if batch.num_rows == 0:
            return
        with self._pending_lock:
            self._pending.append(batch)
            self._pending_rows += batch.num_rows
            self._given += 1
            many = self._pending_rows > PENDING_MAX
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
            batches, self._pending, self._pending_rows = self._pending, [], 0
            given = self._given
        return (pa.concat_tables(batches) if batches else None), given

    def _apply(self) -> None:
        """Put the waiting batches into the rows, and move the viewports on."""
        pending, self._version = self._take()
        if pending is None:
            return
        numbers = pa.array(np.arange(self._total + 1, self._total + 1 + pending.num_rows))
        pending = pending.append_column("n", numbers)
        self._store.register("pending", pending)
        self._total += pending.num_rows
        if self.is_table:
            self._apply_changes(pending)
        else:
            self._apply_rows(pending)
        self._store.unregister("pending")
        self._shrink()

    def _apply_rows(self, pending: pa.Table) -> None:
        columns = join(", ", [sql("n AS id"), *self._cast("pending")])
        self._store.execute(sql("INSERT INTO rows SELECT {} FROM pending", columns))
        self._counts["rows"] += pending.num_rows
        self._advance(False, Delta(None, sql("(SELECT {} FROM pending)", columns), self._version, False))

    def _cast(self, alias: str, first: int = 0) -> list[Sql]:
        """Write the columns of waiting rows with their types, by the names from c``first`` on."""
        columns = enumerate(zip(self._rows.columns(alias), self._rows.types, strict=True), first)
        return [sql("{}::{} AS {}", c, duck_type(t), ident(f"c{i}")) for i, (c, t) in columns]

    def _apply_changes(self, pending: pa.Table) -> None:
        """Replace the rows of the batch's keys, and note each change."""
        keys = join(", ", self._key_names)
        hashed = self._store.arrow(sql(f"SELECT *, {_HASH} AS kh FROM pending", keys))
        self._store.register("pending", hashed)
        hashes = np.unique(hashed.column("kh").to_numpy())
        repeats = len(hashes) < pending.num_rows
        last, number = sql("pending"), sql("coalesce(r.id, b.n)")
        if repeats:
            newest = sql(
                "SELECT *, min(n) OVER (PARTITION BY {0}) AS first FROM pending"
                " QUALIFY row_number() OVER (PARTITION BY {0} ORDER BY n DESC) = 1",
                keys,
            )
            self._store.register("newest", self._store.arrow(newest))
            last, number = sql("newest"), sql("coalesce(r.id, b.first)")
        self._find(hashes)
        (old,) = self._store.rows(sql("DELETE FROM rows WHERE rowid IN (SELECT rid FROM found)"))[0]
        columns = self._cast("b")
        joined = sql("{} b LEFT JOIN found r ON r.kh = b.kh AND {}", last, self._same_key())
        fresh = sql("SELECT {} AS id, {} FROM {} WHERE NOT b.vnull", number, join(", ", columns), joined)
        stored = join(", ", [number, sql("b.kh"), *[sql("b.{}", k) for k in self._key_names], *columns])
        insert = sql("INSERT INTO rows SELECT {} FROM {} WHERE NOT b.vnull", stored, joined)
        (new,) = self._store.rows(insert)[0]
        self._counts["rows"] += new - old
        self._dead += old
        deletes = bool(pc.any(pending.column("vnull")).as_py())
        old_rows = sql("(SELECT id, {} FROM found)", join(", ", self._rows.columns()))
        self._advance(False, Delta(old_rows if old else None, sql("({})", fresh), self._version, deletes))
        self._note_changes(pending.num_rows, repeats)

    def _same_key(self) -> Sql:
        return join(" AND ", [sql("r.{0} IS NOT DISTINCT FROM b.{0}", k) for k in self._key_names])

    def _find(self, hashes: Any) -> None:
        """Put the rows that have the keys of the batch into ``found``, with their row ids.

        A few hashes are looked up in the index, as literals; many are found by looking at all hashes.
        """
        if len(hashes) <= INDEXED_MAX:
            hits = sql("kh IN ({})", join(", ", [lit(h) for h in hashes.tolist()]))
        else:
            hits = sql("rowid IN (SELECT h.rowid FROM rows h JOIN (SELECT DISTINCT kh FROM pending) b ON h.kh = b.kh)")
        self._store.execute(
            sql(
                "CREATE OR REPLACE TEMP TABLE found AS"
                " WITH r AS MATERIALIZED (SELECT rowid AS rid, * FROM rows WHERE {})"
                " SELECT * FROM r SEMI JOIN pending b ON r.kh = b.kh AND {}",
                hits,
                self._same_key(),
            )
        )

    def _note_changes(self, count: int, repeats: bool) -> None:
        existed = sql("r.id IS NOT NULL")
        if repeats:
            keys = join(", ", [sql("b.{}", k) for k in self._key_names])
            existed = sql("coalesce(lag(NOT b.vnull) OVER (PARTITION BY {} ORDER BY b.n), {})", keys, existed)
        noted = sql(
            "SELECT b.n AS id, CASE WHEN b.vnull THEN 'delete' WHEN {} THEN 'update' ELSE 'insert' END AS c0, {}"
            " FROM pending b LEFT JOIN found r ON r.kh = b.kh AND {}",
            existed,
            join(", ", self._cast("b", 1)),  # c0 is the kind, the result's columns follow
            self._same_key(),
        )
        self._store.execute(sql("INSERT INTO changes {} ORDER BY id", noted))
        self._counts["changes"] += count
        self._advance(True, Delta(None, sql("({})", noted), self._version, False))

    def _advance(self, changes: bool, delta: Delta) -> None:
        for view, viewport in self._viewports.items():
            if view.changes != changes:
                continue
            try:
                viewport.advance(delta)
            except DatabaseError:  # of its filter; whoever looks at it next is told
                viewport.forget()

    def _shrink(self) -> None:
        """Drop the oldest rows above what is kept, and what was deleted, which DuckDB keeps until then."""
        for name, kept in (("rows", self._rows_max), ("changes", CHANGES_MAX)):
            surplus = self._counts[name] - kept
            if surplus > kept // _SLACK:
                table = ident(name)
                self._store.execute(
                    sql(
                        "CREATE OR REPLACE TABLE {0} AS SELECT * FROM {0} ORDER BY rowid OFFSET {1}",
                        table,
                        lit(surplus),
                    )
                )
                self._counts[name] = kept
                self._forget(name == "changes")
                if name == "rows":
                    self._index()
                    self._dead = 0
        if self._dead > max(CHANGES_MAX, self._counts["rows"]):
            self._store.execute(sql("CREATE OR REPLACE TABLE rows AS SELECT * FROM rows"))
            self._index()
            self._dead = 0

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
        return self._counts["changes" if view.changes else "rows"]

    def _viewport(self, view: View) -> Viewport:
        viewport = self._viewports.get(view)
        if viewport is None:
            rows = self._changes if view.changes else self._rows
            condition = compile_filter(self.columns_of(view), view.filter)
            self._numbers += 1
            name = f"viewport{self._numbers}"
            viewport = Viewport(self._store, name, rows, view.sort, condition, view.rows_max)
            self._viewports[view] = viewport
        return viewport

    def leave(self, view: View) -> None:
        """Say that nobody looks at a view any more."""
        with self._lock:
            viewport = self._viewports.pop(view, None)
            if viewport is not None:
                viewport.close()

    def read(self, view: View, first: int = 0, count: int | None = None) -> pa.Table:
        """Return a view's rows from a place on, all of them if no count is given: the columns id, c0, c1, …"""
        with self._lock:
            viewport = self._viewport(view)
            self._apply()
            return self._store.arrow(*viewport.query(first, count))

    def rows_of(self, view: View, ids: Sequence[int]) -> pa.Table:
        """Return the rows of these ids that still exist, in the order of the view: the columns id, c0, c1, …"""
        with self._lock:
            return self._store.arrow(self._viewport(view).query_of(ids))

    def close(self) -> None:
        """Let go of the rows."""
        with self._lock:
            self.closed = True
            _open.discard(self)
            self._viewports.clear()
            self._store.close()


_open: weakref.WeakSet[Relation] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Let go of DuckDB before the interpreter ends: a thread of a view may still hold a relation."""
    for relation in list(_open):
        relation.close()
