"""What the engine keeps in the pipeline's database beside topics and state: places, ranges, outbox."""

from __future__ import annotations

from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.engine.task import Place
from streamnb.failpoints import failpoint
from streamnb.store import Store

__all__ = ["Checkpoint"]

_TABLES = (
    "CREATE SCHEMA IF NOT EXISTS streamnb",
    "CREATE SCHEMA IF NOT EXISTS state",
    "CREATE TABLE IF NOT EXISTS streamnb.places (query VARCHAR, input INTEGER, part INTEGER, next BIGINT, m BIGINT)",
    "CREATE TABLE IF NOT EXISTS streamnb.sequence (query VARCHAR, seq BIGINT)",
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

    def place(self, query_id: str) -> Place | None:
        """Read how far a query has come; None when it has not begun."""
        seq = self._store.rows(sql("SELECT seq FROM streamnb.sequence WHERE query = ?"), (query_id,))
        if not seq:
            return None
        positions: dict[int, dict[int, int]] = {}
        running: dict[tuple[int, int], int] = {}
        rows = self._store.rows(
            sql("SELECT input, part, next, m FROM streamnb.places WHERE query = ? ORDER BY input, part"), (query_id,)
        )
        for input_, part, next_, m in rows:
            positions.setdefault(input_, {})[part] = next_
            if m is not None:
                running[input_, part] = m
        return Place(positions, running, int(seq[0][0]))

    def save_place(self, query_id: str, place: Place, before: Place | None = None, epoch: int = 0) -> None:
        """Store how far a query has come; with ``before``, also the ranges of offsets that were merged.

        Ranges are kept for queries over several partitions only: one partition has one order.
        """
        query = lit(query_id)
        seq = lit(place.seq)
        ((known,),) = self._store.rows(sql("UPDATE streamnb.sequence SET seq = {} WHERE query = {}", seq, query))
        if not known:
            self._store.execute(sql("INSERT INTO streamnb.sequence VALUES ({}, {})", query, seq))
        if not (known and before is not None and self._move_place(query, place, before)):
            self._write_place(query, place)
        if before is not None and sum(map(len, place.positions.values())) > 1:
            self._save_ranges(query_id, place, before, epoch)
        failpoint("batch.offsets_done")

    def _move_place(self, query: Sql, place: Place, before: Place) -> bool:
        """Update the one partition that has moved; False when there are others, or it is not stored yet."""
        moved = [
            (i, part)
            for i, parts in place.positions.items()
            for part, next_ in parts.items()
            if before.positions.get(i, {}).get(part) != next_
            or before.running.get((i, part)) != place.running.get((i, part))
        ]
        if len(moved) != 1 or any(place.positions[i].keys() != parts.keys() for i, parts in before.positions.items()):
            return False
        ((i, part),) = moved
        update = sql(
            "UPDATE streamnb.places SET next = {}, m = {} WHERE query = {} AND input = {} AND part = {}",
            lit(place.positions[i][part]),
            lit(place.running.get((i, part))),
            query,
            lit(i),
            lit(part),
        )
        return self._store.rows(update) == [(1,)]

    def _write_place(self, query: Sql, place: Place) -> None:
        rows = [
            sql("({}, {}, {}, {}, {})", query, lit(i), lit(part), lit(next_), lit(place.running.get((i, part))))
            for i, parts in place.positions.items()
            for part, next_ in parts.items()
        ]
        self._store.execute(sql("DELETE FROM streamnb.places WHERE query = {}", query))
        if rows:
            self._store.execute(sql("INSERT INTO streamnb.places VALUES {}", join(", ", rows)))

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
        for table in ("places", "sequence", "ranges"):
            self._store.execute(sql("DELETE FROM {} WHERE query = ?", ident("streamnb", table)), (query_id,))

    def connectors(self) -> dict[str, int]:
        """Read how many records each datagen connector has emitted."""
        return dict(self._store.rows(sql("SELECT name, emitted FROM streamnb.connectors")))

    def save_connector(self, name: str, emitted: int | None) -> None:
        """Store how many records a connector has emitted; None forgets the connector."""
        self._store.execute(sql("DELETE FROM streamnb.connectors WHERE name = ?"), (name,))
        if emitted is not None:
            self._store.execute(sql("INSERT INTO streamnb.connectors VALUES (?, ?)"), (name, emitted))


def _lits(*values: int | str) -> list[Sql]:
    return [lit(value) for value in values]
