"""What a push query has given so far, for the relation of a table view that may be asked for."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pyarrow as pa

from streamnb.engine.batches import Batches
from streamnb.engine.feed import Feed
from streamnb.engine.relation import ROWS_MAX, Relation
from streamnb.schema import SqlType
from streamnb.serde.arrow import value_array

__all__ = ["RowKeeper"]

STREAM_ROWS_MAX = 500_000  # a stream fills whatever it is given; its topic has the rest
BACKLOG_ROWS = 500_000
BACKLOG_BYTES = 64_000_000


class RowKeeper:
    """Holds the batches of a query until its relation is asked for, and gives them to the relation from then on.

    A backlog that grows too large is let go; a relation that is asked for later begins with the rows of the feed.
    Whoever adds to the feed holds ``lock`` for that and for ``add``, so that both have seen the same batches.
    """

    def __init__(
        self,
        columns: Sequence[tuple[str, SqlType]],
        keys: Sequence[SqlType],
        *,
        is_table: bool,
        rows_max: int | None = None,
    ) -> None:
        """Keep nothing yet; ``rows_max`` bounds the relation's rows: by itself a stream's to fewer than a table's."""
        self.lock = threading.Lock()
        self._columns = tuple(columns)
        self._keys = tuple(keys)
        self._is_table = is_table
        self._rows_max = rows_max or (ROWS_MAX if is_table else STREAM_ROWS_MAX)
        self._relation: Relation | None = None
        self._backlog: Batches | None = Batches()

    @property
    def wanted(self) -> bool:
        """Tell whether batches are still of use."""
        return self._relation is not None or self._backlog is not None

    def add(self, batch: pa.Table) -> None:
        """Take a batch of the query, in the form that ``Relation.add`` takes."""
        if self._relation is not None:
            self._relation.add(batch)
        elif self._backlog is not None:
            self._backlog.add(batch)
            if self._backlog.rows > BACKLOG_ROWS or self._backlog.bytes > BACKLOG_BYTES:
                self._backlog = None

    def relation(self, feed: Feed) -> Relation:
        """Return the relation, made when it is first asked for."""
        if self._relation is not None:  # without the lock: whoever adds to the relation may wait for a reader
            return self._relation
        with self.lock:
            if self._relation is None:
                relation = Relation(self._columns, self._keys, is_table=self._is_table, rows_max=self._rows_max)
                if self._backlog is None:
                    known = self._of_feed(feed)
                    relation.skipped = feed.total - known.num_rows
                else:
                    known = self._backlog.table()
                if known is not None:
                    relation.add(known)
                self._backlog = None
                self._relation = relation
            return self._relation

    def _of_feed(self, feed: Feed) -> pa.Table:
        changes = feed.changes()
        names = [f"c{i}" for i in range(len(self._columns))]
        arrays = [value_array([c.row[i] for c in changes], type_) for i, (_, type_) in enumerate(self._columns)]
        if self._is_table:
            names = ["vnull", *(f"k{i}" for i in range(len(self._keys))), *names]
            keys = [value_array([c.key[i] for c in changes], type_) for i, type_ in enumerate(self._keys)]
            arrays = [pa.array([c.tombstone for c in changes], pa.bool_()), *keys, *arrays]
        return pa.table(arrays, names=names)
