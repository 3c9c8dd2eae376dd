"""A window onto rows that are sorted, filtered and changing: what a live table shows of them.

Theory of operation: a viewport holds the rows around those on show, a few hundred that stand side by side in the
order, with their place and the number of rows that match. Two edges, the sort keys of the first and the last row held,
cut the order into what lies before, within and behind. Each change of the rows is one set of rows that are gone (as
they were) and one of rows that are new; from these alone follow the count, the place and the rows held. DuckDB sorts
both among the rows held, in one statement; the rest is done with the places that it gives. Only when the rows held no
longer cover what is on show are all rows looked at, which takes one pass.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from streamnb.duck import Sql, join, lit, sql
from streamnb.engine.ranking import Places, Span, needs_ids_only, rank
from streamnb.engine.rowfilter import Condition
from streamnb.engine.roworder import RowOrder, RowSet, SortItem
from streamnb.store import Store

__all__ = ["Delta", "Page", "Viewport"]

MARGIN_ROWS = 200
HELD_MAX = 2000
DEEP_ROWS = 50_000
SAMPLE_ROWS = 20_000


@dataclass(frozen=True)
class Delta:
    """Rows that left (as they were) and rows that came; an update is both.

    ``new`` has the columns id, c0, c1, …, ``old`` id and those that the viewport wants; None means that none left.
    """

    old: pa.Table | None
    new: pa.Table
    version: int
    deletes: bool


@dataclass(frozen=True)
class Page:
    """Some rows of the order.

    ``first`` is the place of the first of them; ``rows`` has the columns id, v (the version that brought the row),
    c0, c1, …; ``filtered`` counts the rows that match, ``gone`` are ids of rows held before that exist no more;
    ``version`` is that of the rows, ``moved`` tells how far the rows on show have moved since the last page.
    """

    first: int
    rows: pa.Table
    filtered: int
    gone: frozenset[int]
    version: int
    moved: int


class Viewport:
    """Follows one sort and one filter over a set of rows. Owned by the relation, under whose lock it is used."""

    def __init__(
        self,
        store: Store,
        rows: RowSet,
        sort: Sequence[SortItem],
        condition: Condition | None,
        rows_max: int | None,
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        """Look at nothing yet; ``settle`` is called before the table of rows is read, which must be whole then."""
        self._store = store
        self._settle = settle
        self.rows = rows
        self._order = RowOrder(rows, tuple(sort))
        self._condition = condition
        self._parameters: tuple[Any, ...] = () if condition is None else condition.parameters
        self._cap = rows_max
        looked_at: frozenset[int] = frozenset() if condition is None else condition.columns
        self._needs = sorted(looked_at.union(column for column, _ in sort))
        self._held: pa.Table | None = None  # None: nothing is known
        self._start = 0
        self._filtered: int | None = None
        self._low: pa.Table | None = None  # one row; None: no row lies before those held
        self._high: pa.Table | None = None
        self._last_first = 0
        self._last_ids: list[int] = []
        self._changed: set[int] = set()
        self._gone: set[int] = set()
        self.used = False

    def forget(self) -> None:
        """Note that the rows have changed without a delta."""
        self._held = None
        self._filtered = None

    # Reading

    def page(self, first: int, count: int, version: int) -> Page:
        """Return up to ``count`` rows from a place on.

        At the top of the order the page stays at the top. Further down the rows that were on show last time stay
        where they are, so the page may have another ``first`` than was asked for by the number of rows that came
        or went before them.
        """
        self.used = True
        place = self._pinned(first)
        moved = place - first
        if self._filtered is not None:
            place = min(place, max(0, self._shown() - count))
        if not self._covers(place, count):
            self._refill(place, count, version)
            place = min(place, max(0, self._shown() - count))
            if not self._covers(place, count):
                self._refill(place, count, version)
        place = min(place, max(0, self._shown() - count))
        held = self._held
        assert held is not None
        rows = held.slice(place - self._start, max(0, min(count, self._shown() - place)))
        self._last_first, self._last_ids = place, rows.column("id").to_pylist()
        gone, self._gone = frozenset(self._gone), set()
        self._changed.clear()
        return Page(place, rows, self._shown(), gone, version, moved)

    def _shown(self) -> int:
        filtered = self._filtered or 0
        return filtered if self._cap is None else min(filtered, self._cap)

    def _covers(self, first: int, count: int) -> bool:
        if self._held is None or self._filtered is None:
            return False
        last = min(first + count, self._shown())
        return last <= first or (self._start <= first and last <= self._start + self._held.num_rows)

    def _pinned(self, first: int) -> int:
        """Find where the first row of the last page that did not change itself stands now."""
        if first == 0 or first != self._last_first or self._held is None:
            return first
        wanted = [(i, row) for i, row in enumerate(self._last_ids) if row not in self._changed][:50]
        if not wanted:
            return first
        places = {row: i for i, row in enumerate(self._held.column("id").to_pylist())}
        for i, row in wanted:
            if row in places:
                return max(0, self._start + places[row] - i)
        return first

    # Following changes

    @property
    def wanted(self) -> Sequence[int]:
        """List the columns that the next delta must have of the rows that leave."""
        if self._held is None or not self.used or needs_ids_only(self._condition, self._low):
            return ()
        return self._needs

    def advance(self, delta: Delta) -> None:
        """Move on by a change of the rows."""
        if self._held is None or self._filtered is None or not self.used:
            self.forget()
            return
        self.used = False
        span = Span(self._held, self._low, self._high)
        columns = ["id", *(f"c{i}" for i in self._needs)]
        came, left, merged = rank(self._store, self._order, self._condition, columns, span, delta.new, delta.old)
        self._filtered += came.matching - left.matching
        self._start += came.before - left.before
        if len(came.within) == 0 and len(left.within) == 0:
            return
        if len(came.within) + self._held.num_rows > 10 * HELD_MAX:
            self.forget()
            return
        self._merge(delta, came.within, merged)
        self._trim()

    def _merge(self, delta: Delta, came: Places, merged: Places) -> None:
        """Take the rows out of those held that left, and put in those that came between the edges."""
        assert self._held is not None
        ids = self._held.column("id").to_numpy()
        stays = np.ones(len(ids) + delta.new.num_rows, bool)
        if delta.old is not None:
            stays[: len(ids)] = ~np.isin(ids, delta.old.column("id").to_numpy())
        versions = pa.array(np.full(delta.new.num_rows, delta.version, np.int64))
        new = delta.new.add_column(1, "v", versions).select(self._held.column_names)
        self._held = pa.concat_tables([self._held, new]).take(pa.array(merged[stays[merged]])).combine_chunks()
        known = delta.new.column("id").to_numpy()
        self._changed.update(known[came].tolist())
        if delta.deletes:
            left = ids[~stays[: len(ids)]]
            self._gone.update(left[~np.isin(left, known)].tolist())

    def _trim(self) -> None:
        """Hold fewer rows again, those around the last page."""
        held = self._held
        if held is None or held.num_rows <= HELD_MAX:
            return
        size = len(self._last_ids) + 2 * MARGIN_ROWS
        skip = max(0, min(self._last_first - MARGIN_ROWS - self._start, held.num_rows - size))
        self._start += skip
        self._held = held.slice(skip, size)
        self._set_edges()

    # Looking at all rows

    def _refill(self, first: int, count: int, version: int) -> None:
        """Find the rows around a place among all rows."""
        self._settle()
        size = count + 2 * MARGIN_ROWS
        if self._filtered is None:
            if first == 0:
                self._fetch(0, size, version, reverse=False, count=True)
                return
            self._filtered = self._count()
        start = max(0, min(first, max(0, self._shown() - count)) - MARGIN_ROWS)
        behind = max(0, self._filtered - start - size)
        self._fetch(start, min(size, self._filtered - start), version, reverse=behind < start, count=False)

    def _count(self) -> int:
        query = sql("SELECT count(*) FROM {} WHERE {}", self.rows.table, self._where())
        return int(self._store.rows(query, self._parameters)[0][0])

    def _fetch(self, start: int, size: int, version: int, *, reverse: bool, count: bool) -> None:
        """Hold the rows from a place on; sort keys and row ids are sorted first, whole rows are fetched afterwards."""
        picked = None
        if not count and min(start, (self._filtered or 0) - start) > DEEP_ROWS:
            picked = self._pick_between(start, size)
        if picked is None:
            picked = self._pick(start, size, reverse=reverse, count=count)
        if count:
            self._filtered = picked.column("filtered")[0].as_py() if picked.num_rows else 0
        self._store.register("picked", picked)
        rows = sql(
            "SELECT {} FROM {} r WHERE rowid IN (SELECT rid FROM picked) ORDER BY {}",
            join(", ", [sql("id, {}::BIGINT AS v", lit(version)), *self.rows.columns()]),
            self.rows.table,
            self._order.by("r"),
        )
        self._start = start
        self._held = self._store.arrow(rows).combine_chunks()
        self._store.release("picked")
        self._set_edges()

    def _pick(self, start: int, size: int, *, reverse: bool, count: bool) -> pa.Table:
        """Find the row ids from a place on, from the nearer end of the order, and count the rows if asked to."""
        filtered = sql("(SELECT count(*) FROM r)") if count else sql("0")
        skip = start if not reverse else max(0, (self._filtered or 0) - start - size)
        query = sql(
            "WITH r AS {} ({}) SELECT rid, {} AS filtered FROM r ORDER BY {} LIMIT {} OFFSET {}",
            sql("MATERIALIZED") if count and self._condition is not None else sql("NOT MATERIALIZED"),
            self._keyed(self.rows.table),
            filtered,
            self._order.by("r", reverse),
            lit(size),
            lit(skip),
        )
        return self._store.arrow(query, self._parameters)

    def _pick_between(self, start: int, size: int) -> pa.Table | None:
        """Find the row ids from a place on, amid very many: a sample tells between which keys they must be.

        Only the rows between these keys are sorted; those before them are counted. None when the sample misled.
        """
        filtered = self._filtered or 0
        share = lit(decimal.Decimal(max(1, 1_000_000 * SAMPLE_ROWS // filtered)) / 10_000)
        sampled = sql("(SELECT rowid, * FROM {} TABLESAMPLE bernoulli({}%))", self.rows.table, share)
        query = sql("SELECT * FROM ({}) r ORDER BY {}", self._keyed(sampled), self._order.by("r"))
        sample = self._store.arrow(query, self._parameters)
        known = sample.num_rows
        spread = 2 + 2 * known**0.5
        low = int(start / filtered * known - spread)
        high = int((start + size) / filtered * known + spread)
        if low < 0 or high >= known:
            return None
        self._store.register("cut_low", sample.slice(low, 1))
        self._store.register("cut_high", sample.slice(high, 1))
        rows = sql("({}) r", self._keyed(self.rows.table))
        before = sql("SELECT count(*) FROM {}, cut_low WHERE {}", rows, self._order.precedes("r", "cut_low"))
        skipped = int(self._store.rows(before, self._parameters)[0][0])
        if skipped > start:
            return None
        between = sql(
            "SELECT r.rid FROM {}, cut_low, cut_high WHERE NOT {} AND NOT {} ORDER BY {} LIMIT {} OFFSET {}",
            rows,
            self._order.precedes("r", "cut_low"),
            self._order.precedes("cut_high", "r"),
            self._order.by("r"),
            lit(size),
            lit(start - skipped),
        )
        picked = self._store.arrow(between, self._parameters)
        return picked if picked.num_rows == min(size, filtered - start) else None

    def _keyed(self, table: Sql) -> Sql:
        """Select row id, id and the columns that are sorted by, of the rows that match."""
        columns = self._order.columns()
        return sql("SELECT {} FROM {} WHERE {}", join(", ", [sql("rowid AS rid, id"), *columns]), table, self._where())

    def _set_edges(self) -> None:
        held = self._held
        assert held is not None and self._filtered is not None
        count = held.num_rows
        self._low = held.slice(0, 1) if count and self._start > 0 else None
        self._high = held.slice(count - 1, 1) if count and self._start + count < self._filtered else None

    def _where(self) -> Sql:
        return sql("true") if self._condition is None else self._condition.where

    def query(self, first: int, count: int | None) -> tuple[Sql, tuple[Any, ...]]:
        """Write the query of all rows from a place on, and its parameters."""
        limit = self._cap if count is None else count
        rows = sql(
            "SELECT {} FROM {} r WHERE {} ORDER BY {}",
            join(", ", [sql("id"), *self.rows.columns()]),
            self.rows.table,
            self._where(),
            self._order.by("r"),
        )
        tail = sql("OFFSET {}", lit(first)) if limit is None else sql("LIMIT {} OFFSET {}", lit(limit), lit(first))
        return sql("{} {}", rows, tail), self._parameters

    def query_of(self, ids: Sequence[int]) -> Sql:
        """Write the query of the rows that have these ids, in order."""
        return sql(
            "SELECT {} FROM {} r WHERE id IN ({}) ORDER BY {}",
            join(", ", [sql("id"), *self.rows.columns()]),
            self.rows.table,
            join(", ", [lit(int(id_)) for id_ in ids] or [lit(None)]),
            self._order.by("r"),
        )
