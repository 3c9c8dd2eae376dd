"""Joins one record at a time, in plain Python: what the vectorised operators must equal.

Rules as in Kafka Streams with caching off. A result is (key, left value, right value, timestamp), with None for a side
that is padded, and ``TOMBSTONE`` for both values of a row that is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["TOMBSTONE", "ForeignKeyOracle", "Oracle", "Record", "Result", "StreamOracle", "StreamTableOracle",
           "TableOracle", "run"]  # fmt: skip

LEFT, RIGHT = 0, 1
TOMBSTONE = "TOMBSTONE"
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Record:
    """A record of side 0 (left) or 1; ``value`` None is a null value; ``fk`` is the foreign key of a left row."""

    seq: int
    side: int
    key: int | None
    value: int | None
    ts: int
    fk: int | None = None
    part: int = 0


@dataclass(frozen=True)
class Result:
    seq: int
    key: int | None
    left: Any
    right: Any
    ts: int


class Oracle(Protocol):
    def process(self, record: Record) -> list[Result]: ...


def run(oracle: Oracle, records: Iterable[Record]) -> list[Result]:
    """Feed records one after another."""
    return [result for record in records for result in oracle.process(record)]


@dataclass
class StreamTableOracle:
    """A stream on the left, a table on the right."""

    kind: str
    table: dict[int, int] = field(default_factory=dict)

    def process(self, record: Record) -> list[Result]:
        if record.side == RIGHT:
            if record.key is not None and record.value is None:
                self.table.pop(record.key, None)
            elif record.key is not None and record.value is not None:
                self.table[record.key] = record.value
            return []
        found = None if record.key is None else self.table.get(record.key)
        if record.value is None or (found is None and self.kind == "INNER"):
            return []
        return [Result(record.seq, record.key, record.value, found, record.ts)]


@dataclass
class TableOracle:
    """Two tables on their keys; rows are (value, timestamp)."""

    kind: str
    rows: tuple[dict[int, tuple[int, int]], dict[int, tuple[int, int]]] = field(default_factory=lambda: ({}, {}))

    def process(self, record: Record) -> list[Result]:
        if record.key is None:
            return []
        own, others = self.rows[record.side], self.rows[1 - record.side]
        old, other = own.pop(record.key, None), others.get(record.key)
        new = None if record.value is None else (record.value, record.ts)
        if new is not None:
            own[record.key] = new
        outer = self.kind == "FULL" or (self.kind, record.side) in (("LEFT", LEFT), ("RIGHT", RIGHT))
        if self.kind == "INNER":
            forwards, is_there = other is not None, new is not None
        elif outer:
            forwards = any(row is not None for row in (old, new, other))
            is_there = new is not None or (self.kind == "FULL" and other is not None)
        else:
            forwards = is_there = other is not None
        if not forwards:
            return []
        ts = max(record.ts, other[1]) if other is not None else record.ts
        sides = (new, other) if record.side == LEFT else (other, new)
        if not is_there:
            return [Result(record.seq, record.key, TOMBSTONE, TOMBSTONE, ts)]
        left, right = (None if side is None else side[0] for side in sides)
        return [Result(record.seq, record.key, left, right, ts)]


@dataclass
class ForeignKeyOracle:
    """Two tables, the left one naming rows of the right one; left rows are (value, foreign key, timestamp)."""

    kind: str
    lefts: dict[int, tuple[int, int | None, int]] = field(default_factory=dict)
    rights: dict[int, tuple[int, int]] = field(default_factory=dict)

    def process(self, record: Record) -> list[Result]:
        if record.key is None:
            return []
        return self._right(record) if record.side == RIGHT else self._left(record)

    def _right(self, record: Record) -> list[Result]:
        assert record.key is not None
        self.rights.pop(record.key, None)
        if record.value is not None:
            self.rights[record.key] = (record.value, record.ts)
        gone = record.value is None and self.kind == "INNER"
        return [
            Result(record.seq, key, TOMBSTONE, TOMBSTONE, record.ts)
            if gone
            else Result(record.seq, key, value, record.value, record.ts)
            for key, (value, fk, _) in sorted(self.lefts.items())
            if fk == record.key
        ]

    def _left(self, record: Record) -> list[Result]:
        assert record.key is not None
        old = self.lefts.pop(record.key, None)
        old_fk = None if old is None else old[1]
        fk = record.fk if record.value is not None else None
        if record.value is not None:
            self.lefts[record.key] = (record.value, fk, record.ts)
        found = None if fk is None else self.rights.get(fk)
        if record.value is not None and (found is not None or self.kind == "LEFT"):
            ts = record.ts if found is None else max(record.ts, found[1])
            return [Result(record.seq, record.key, record.value, None if found is None else found[0], ts)]
        if self.kind == "LEFT":
            return [] if old is None else [Result(record.seq, record.key, TOMBSTONE, TOMBSTONE, record.ts)]
        if old_fk is None or fk == old_fk:
            return []
        partner = self.rights.get(old_fk) if fk is None else None
        ts = record.ts if partner is None else max(record.ts, partner[1])
        return [Result(record.seq, record.key, TOMBSTONE, TOMBSTONE, ts)]


@dataclass
class _Clocks:
    own: list[int] = field(default_factory=lambda: [-1, -1])
    shared: int = -1


@dataclass
class StreamOracle:
    """Two streams within a window; ``grace`` None means that unmatched records do not wait."""

    kind: str
    before: int
    after: int
    grace: int | None
    stored: list[Record] = field(default_factory=list)
    waiting: list[Record] = field(default_factory=list)
    clocks: dict[int, _Clocks] = field(default_factory=dict)

    def process(self, record: Record) -> list[Result]:
        clock = self.clocks.setdefault(record.part, _Clocks())
        clock.shared = max(clock.shared, record.ts)
        is_outer = self.kind == "FULL" or (self.kind, record.side) in (("LEFT", LEFT), ("RIGHT", RIGHT))
        if record.value is None:
            return []
        if record.key is None:
            return [self._padded(record, record)] if is_outer else []
        clock.own[record.side] = max(clock.own[record.side], record.ts)
        results = self._close(record, clock)
        partners = self._partners(record, clock)
        results += [self._joined(record, partner) for partner in partners]
        self.waiting = [w for w in self.waiting if w not in partners]
        self.stored.append(record)
        if not partners and is_outer:
            if self.grace is None or max(0, record.ts + self._ahead(record.side)) < clock.shared:
                results.append(self._padded(record, record))
            else:
                self.waiting.append(record)
        return results

    def _leads(self, side: int) -> bool:
        return side == (RIGHT if self.kind == "RIGHT" else LEFT)

    def _ahead(self, side: int) -> int:
        return self.after if self._leads(side) else self.before

    def _back(self, side: int) -> int:
        return self.before if self._leads(side) else self.after

    def _partners(self, record: Record, clock: _Clocks) -> list[Record]:
        grace = max(DAY_MS - 2 * self.before, 0) if self.grace is None else self.grace
        earliest = clock.own[1 - record.side] - (self.before + self.after + grace)
        low, high = max(0, record.ts - self._back(record.side)), max(0, record.ts + self._ahead(record.side))
        found = [
            s
            for s in self.stored
            if s.side != record.side and s.key == record.key and s.part == record.part
            and low <= s.ts <= high and s.ts > earliest
        ]  # fmt: skip
        return sorted(found, key=lambda s: (s.ts, s.seq))

    def _close(self, record: Record, clock: _Clocks) -> list[Result]:
        if self.grace is None or record.ts != clock.shared:
            return []
        grace = self.grace
        closed = [
            w for w in self.waiting if w.part == record.part and w.ts + self._ahead(w.side) + grace < clock.shared
        ]
        self.waiting = [w for w in self.waiting if w not in closed]
        ordered = sorted(closed, key=lambda w: (w.ts, -w.side, w.key if w.key is not None else 0, w.seq))
        return [self._padded(record, w) for w in ordered]

    def _padded(self, cause: Record, record: Record) -> Result:
        left, right = (record.value, None) if record.side == LEFT else (None, record.value)
        return Result(cause.seq, record.key, left, right, record.ts)

    def _joined(self, record: Record, partner: Record) -> Result:
        left, right = (record, partner) if record.side == LEFT else (partner, record)
        return Result(record.seq, record.key, left.value, right.value, max(record.ts, partner.ts))
