"""What the engine keeps in the pipeline's database beside topics and state: places, ranges, outbox."""

from __future__ import annotations

from typing import Any

from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.engine.task import Place
from streamnb.errors import StoreError
from streamnb.failpoints import failpoint
from streamnb.store import Store

__all__ = ["Checkpoint"]

_TABLES = (
    "CREATE SCHEMA IF NOT EXISTS streamnb",
    "CREATE SCHEMA IF NOT EXISTS state",
    # seq is the query's; a row tells what it was when the partition last moved, so that the greatest counts
    "CREATE TABLE IF NOT EXISTS streamnb.places (query VARCHAR, input INTEGER, part INTEGER, next BIGINT, m BIGINT,"
    " seq BIGINT)",
    "CREATE TABLE IF NOT EXISTS streamnb.ranges (epoch BIGINT, query VARCHAR, input INTEGER, part INTEGER,"
    " first BIGINT, next BIGINT)",
    "CREATE TABLE IF NOT EXISTS streamnb.counter (name VARCHAR, value BIGINT)",
    "CREATE TABLE IF NOT EXISTS streamnb.connectors (name VARCHAR, emitted BIGINT)",
    "CREATE TABLE IF NOT EXISTS streamnb.outbox (first BIGINT, next BIGINT, records BLOB)",
)


class Checkpoint:
    """Reads and writes the engine's own tables, always in the caller's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        for statement in _TABLES:
            store.execute(Sql(statement))

    def next_number(self, name: str) -> int:
        """Count a named counter up and return its old value; it starts at 0."""
        rows = self._store.rows(sql("SELECT value FROM streamnb.counter WHERE name = ?"), (name,))
        value = int(rows[0][0]) if rows else 0
        self.set_number(name, value + 1)
        return value

    def number(self, name: str) -> int:
        """Read a named counter."""
        rows = self._store.rows(sql("SELECT value FROM streamnb.counter WHERE name = ?"), (name,))
        return int(rows[0][0]) if rows else 0

    def set_number(self, name: str, value: int) -> None:
        """Set a named counter."""
        ((known,),) = self._store.rows(sql("UPDATE streamnb.counter SET value = ? WHERE name = ?"), (value, name))
        if not known:
            self._store.execute(sql("INSERT INTO streamnb.counter VALUES (?, ?)"), (name, value))

    def last_epoch(self) -> int:
        """Read the number of the last transaction of which ranges are kept."""
        return int(self._store.rows(sql("SELECT coalesce(max(epoch), 0) FROM streamnb.ranges"))[0][0])

    def place(self, query_id: str) -> Place | None:
        """Read how far a query has come; None when it has not begun."""
        positions: dict[int, dict[int, int]] = {}
        running: dict[tuple[int, int], int] = {}
        rows = self._store.rows(
            sql("SELECT input, part, next, m, seq FROM streamnb.places WHERE query = ? ORDER BY input, part"),
            (query_id,),
        )
        for input_, part, next_, m, _ in rows:
            positions.setdefault(input_, {})[part] = next_
            if m is not None:
                running[input_, part] = m
        return Place(positions, running, max(row[-1] for row in rows)) if rows else None

    def save_place(self, query_id: str, place: Place, before: Place | None = None, epoch: int = 0) -> None:
        """Store how far a query has come; with ``before``, also the ranges of offsets that were merged.

        A place that moved on from ``before`` is written at the end of the transaction, with those of other queries.
        Ranges are kept for queries over several partitions only: one partition has one order.
        """
        if before is None or _parts(before) != _parts(place):
            self._store.execute(sql("DELETE FROM streamnb.places WHERE query = ?"), (query_id,))
            rows = _place_rows(query_id, place, _parts(place))
            if rows:
                values = join(", ", [sql("(?, ?, ?, ?, ?, ?)")] * len(rows))
                self._store.execute(sql("INSERT INTO streamnb.places VALUES {}", values), _flat(rows))
        else:
            moved = self._store.memory.setdefault("places", [])
            moved += _place_rows(query_id, place, _parts_moved(place, before))
            self._store.at_commit("places", self._save_moved)
        if before is not None and sum(map(len, place.positions.values())) > 1:
            self._save_ranges(query_id, place, before, epoch)
        failpoint("batch.offsets_done")

    def _save_moved(self) -> None:
        """Update the rows of places that moved in this transaction, of all queries."""
        rows: list[tuple[Any, ...]] = self._store.memory.pop("places")
        values = join(", ", [sql("(?, ?::INTEGER, ?::INTEGER, ?::BIGINT, ?::BIGINT, ?::BIGINT)")] * len(rows))
        ((known,),) = self._store.rows(
            sql(
                "UPDATE streamnb.places p SET next = n.next, m = n.m, seq = n.seq"
                " FROM (VALUES {}) n(query, input, part, next, m, seq)"
                " WHERE p.query = n.query AND p.input = n.input AND p.part = n.part",
                values,
            ),
            _flat(rows),
        )
        if known != len(rows):
            raise StoreError("the place of a query is not stored, and cannot be moved")

    def _save_ranges(self, query_id: str, place: Place, before: Place, epoch: int) -> None:
        ranges = [
            sql("({}, {}, {}, {}, {}, {})", *_lits(epoch, query_id, i, part, before.positions[i][part], next_))
            for i, parts in place.positions.items()
            for part, next_ in parts.items()
            if before.positions[i].get(part) not in (None, next_)
        ]
        if ranges:
            self._store.execute(sql("INSERT INTO streamnb.ranges VALUES {}", join(", ", ranges)))

    def trim_ranges(self, epoch: int) -> None:
        """Forget the ranges of the transactions before an epoch."""
        self._store.execute(sql("DELETE FROM streamnb.ranges WHERE epoch < ?"), (epoch,))

    def forget_query(self, query_id: str) -> None:
        """Drop what is kept of a query."""
        for table in ("places", "ranges"):
            self._store.execute(sql("DELETE FROM {} WHERE query = ?", ident("streamnb", table)), (query_id,))

    def connectors(self) -> dict[str, int]:
        """Read how many records each datagen connector has emitted."""
        return dict(self._store.rows(sql("SELECT name, emitted FROM streamnb.connectors")))

    def save_connector(self, name: str, emitted: int | None) -> None:
        """Store how many records a connector has emitted; None forgets the connector."""
        self._store.execute(sql("DELETE FROM streamnb.connectors WHERE name = ?"), (name,))
        if emitted is not None:
            self._store.execute(sql("INSERT INTO streamnb.connectors VALUES (?, ?)"), (name, emitted))


def _flat(rows: list[tuple[Any, ...]]) -> list[Any]:
    return [value for row in rows for value in row]


def _parts(place: Place) -> list[tuple[int, int]]:
    """List the partitions of a place: (input, partition)."""
    return [(i, part) for i, parts in place.positions.items() for part in parts]


def _parts_moved(place: Place, before: Place) -> list[tuple[int, int]]:
    return [
        (i, part)
        for i, part in _parts(place)
        if before.positions[i][part] != place.positions[i][part]
        or before.running.get((i, part)) != place.running.get((i, part))
    ]


def _place_rows(query_id: str, place: Place, parts: list[tuple[int, int]]) -> list[tuple[Any, ...]]:
    """Make the rows of streamnb.places for some partitions."""
    return [(query_id, i, part, place.positions[i][part], place.running.get((i, part)), place.seq) for i, part in parts]


def _lits(*values: int | str) -> list[Sql]:
    return [lit(value) for value in values]
