"""Records between the thread that reads Kafka and the engine: bounded, and given again until they are settled.

Theory of operation: per topic there are fresh chunks, as they arrived, and the taken ones, which the engine has but may
hand back. ``settle`` names the next offset of each partition: what lies before it is forgotten, the rest is given again
first. Within a partition records are always given in the order of their offsets. Not safe for threads: the reader
holds its lock around every call.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from streamnb.log.base import RECORD_SCHEMA

__all__ = ["TopicBuffer"]

RUNS_MAX = 8


@dataclass(frozen=True)
class _Chunk:
    records: pa.Table
    counts: Mapping[int, int]  # records per partition
    last: Mapping[int, int]  # the last offset of each partition
    size_bytes: int

    @classmethod
    def of(cls, records: pa.Table) -> _Chunk:
        parts, offsets = records["part"].to_numpy(), records["off"].to_numpy()
        counts = np.bincount(parts)
        last = np.zeros(len(counts), dtype=np.int64)
        last[parts] = offsets  # offsets ascend within a partition, and the last one written stays
        numbers = np.flatnonzero(counts)
        return cls(
            records,
            dict(zip(numbers.tolist(), counts[numbers].tolist(), strict=True)),
            dict(zip(numbers.tolist(), last[numbers].tolist(), strict=True)),
            int(records.nbytes),
        )


def _runs(records: pa.Table) -> list[pa.Table]:
    """Cut records where the partition changes, unless that is often."""
    parts = records["part"].to_numpy()
    changes = np.flatnonzero(parts[1:] != parts[:-1]) + 1
    if not 0 < len(changes) <= RUNS_MAX:
        return [records]
    starts = [0, *changes.tolist()]
    return [records.slice(a, b - a) for a, b in zip(starts, [*starts[1:], len(parts)], strict=True)]


class TopicBuffer:
    """The buffered records of one topic."""

    def __init__(self) -> None:
        self._fresh: deque[_Chunk] = deque()
        self._taken: list[_Chunk] = []
        self.rows: Counter[int] = Counter()
        """How many records of each partition are held, taken ones included."""
        self.size_bytes = 0

    @property
    def has_fresh(self) -> bool:
        """Tell whether ``take`` would give anything."""
        return bool(self._fresh)

    @property
    def has_taken(self) -> bool:
        """Tell whether records are taken and not settled."""
        return bool(self._taken)

    def add(self, records: pa.Table) -> Mapping[int, int]:
        """Append records that arrived and return the last offset of each of their partitions."""
        last: dict[int, int] = {}
        for chunk in map(_Chunk.of, _runs(records)):
            self._fresh.append(chunk)
            self._count(chunk, 1)
            last |= chunk.last
        return last

    def _count(self, chunk: _Chunk, sign: int) -> None:
        self.size_bytes += sign * chunk.size_bytes
        for part, count in chunk.counts.items():
            self.rows[part] += sign * count

    def take(self, rows_max: int) -> pa.Table:
        """Give up to ``rows_max`` records that are not taken yet, as one contiguous table.

        Partitions are served evenly, as they arrive in long runs and are merged by time: what was taken of one
        while another is behind would only be handed back.
        """
        given: list[pa.Table] = []
        share = -(-rows_max // max(1, sum(1 for count in self.rows.values() if count)))
        served: Counter[int] = Counter()
        later: deque[_Chunk] = deque()
        full: set[int] = set()
        while self._fresh and rows_max > 0:
            chunk = self._fresh.popleft()
            full.update(part for part in chunk.counts if served[part] >= share)
            if not full.isdisjoint(chunk.counts):
                full.update(chunk.counts)  # a partition's records stay in order
                later.append(chunk)
                continue
            room = min(rows_max, *(share - served[part] for part in chunk.counts))
            if chunk.records.num_rows > room:
                chunk = self._cut(chunk, room)
            self._taken.append(chunk)
            given.append(chunk.records)
            served.update(chunk.counts)
            rows_max -= chunk.records.num_rows
        self._fresh.extendleft(reversed(later))
        return (
            pa.concat_tables(given, promote_options="default").combine_chunks()
            if given
            else RECORD_SCHEMA.empty_table()
        )

    def _cut(self, chunk: _Chunk, rows: int) -> _Chunk:
        """Split a chunk; the rest is the next fresh one."""
        self._count(chunk, -1)
        first, rest = _Chunk.of(chunk.records.slice(0, rows)), _Chunk.of(chunk.records.slice(rows))
        self._fresh.appendleft(rest)
        self._count(first, 1)
        self._count(rest, 1)
        return first

    def settle(self, positions: Mapping[int, int]) -> None:
        """Forget the taken records before ``positions`` and make the other taken ones fresh again.

        Records of partitions that are not named are all given again.
        """
        back: list[_Chunk] = []
        for chunk in self._taken:
            if all(last < positions.get(part, 0) for part, last in chunk.last.items()):
                self._count(chunk, -1)
                continue
            parts = chunk.records["part"].to_numpy()
            starts = np.zeros(max(chunk.last) + 1, dtype=np.int64)
            for part in chunk.last:
                starts[part] = positions.get(part, 0)
            keep = chunk.records["off"].to_numpy() >= starts[parts]
            if not keep.all():
                self._count(chunk, -1)
                chunk = _Chunk.of(chunk.records.filter(pa.array(keep)))
                self._count(chunk, 1)
            back.append(chunk)
        self._taken.clear()
        self._fresh.extendleft(reversed(back))

    def drop(self, part: int) -> None:
        """Forget all records of a partition, taken ones too."""
        if not self.rows[part]:
            return
        self._taken = [kept for chunk in self._taken if (kept := self._without(chunk, part)) is not None]
        self._fresh = deque(kept for chunk in self._fresh if (kept := self._without(chunk, part)) is not None)

    def _without(self, chunk: _Chunk, part: int) -> _Chunk | None:
        if part not in chunk.counts:
            return chunk
        self._count(chunk, -1)
        if len(chunk.counts) == 1:
            return None
        kept = _Chunk.of(chunk.records.filter(pa.array(chunk.records["part"].to_numpy() != part)))
        self._count(kept, 1)
        return kept
