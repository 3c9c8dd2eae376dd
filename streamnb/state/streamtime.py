"""Stream time: the highest timestamp of each partition so far, kept with the number of records that came too late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streamnb.duck import Sql, join, sql
from streamnb.state.tables import StateTable
from streamnb.store import Store

__all__ = ["StreamClock"]

_COLUMNS = (("part", Sql("INTEGER")), ("st", Sql("BIGINT")), ("late", Sql("BIGINT")))


@dataclass(frozen=True)
class StreamClock:
    """A state table of a row per partition: ``st`` in ms, and ``late``."""

    rows: StateTable

    @classmethod
    def of(cls, name: Sql, *, durable: bool) -> StreamClock:
        """Declare the table."""
        return cls(StateTable(name, _COLUMNS, durable))

    @property
    def name(self) -> Sql:
        """The relation: part, st, late."""
        return self.rows.name

    @property
    def late(self) -> Sql:
        """The query for the number of records (per window) that came too late."""
        return sql("SELECT coalesce(sum(late), 0)::BIGINT FROM {}", self.name)

    def take(self, seen: Sql) -> Sql:
        """Merge (part, st, late) of a query into the table: one of a few rows, so MERGE is no danger."""
        return sql(
            "MERGE INTO {} c USING ({}) n ON c.part = n.part WHEN MATCHED THEN UPDATE SET st = n.st,"
            " late = c.late + n.late WHEN NOT MATCHED THEN INSERT (part, st, late) VALUES (n.part, n.st, n.late)",
            self.name,
            seen,
        )

    @property
    def times(self) -> Sql:
        """The query for the stream time of each partition: part, st."""
        return sql("SELECT part, st FROM {}", self.name)

    def move(self, parts: int) -> Sql:
        """Set the stream times of so many partitions; takes part and st of each, then the parts once more."""
        return sql(
            "UPDATE {} SET st = CASE part {} END WHERE part IN ({})",
            self.name,
            join(" ", [sql("WHEN ? THEN ?")] * parts),
            join(", ", [sql("?")] * parts),
        )

    def begin(self, parts: int) -> Sql:
        """Give so many partitions their first stream times; takes part and st of each."""
        return sql("INSERT INTO {} VALUES {}", self.name, join(", ", [sql("(?, ?, 0)")] * parts))

    def read(self, store: Store) -> Mapping[int, int]:
        """Return the stream times that are stored; they are remembered until ``forget``."""
        known: Mapping[int, int] | None = store.versions.get(self.name)
        return dict(store.rows(self.times)) if known is None else known

    def forget(self, store: Store) -> None:
        """Have them read again, for statements that change them."""
        store.versions.pop(self.name, None)

    def set(self, store: Store, times: Mapping[int, int], before: Mapping[int, int]) -> None:
        """Store the stream times of partitions, given what ``read`` gave; for one batch cheaper than ``take``."""
        moved = {part: st for part, st in times.items() if part in before and st != before[part]}
        if moved:
            store.execute(self.move(len(moved)), [*_flat(moved), *moved])
        new = {part: st for part, st in times.items() if part not in before}
        if new:
            store.execute(self.begin(len(new)), _flat(new))
        store.versions[self.name] = {**before, **times}


def _flat(times: Mapping[int, int]) -> list[int]:
    return [value for pair in times.items() for value in pair]
