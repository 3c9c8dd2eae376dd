"""How a query gets the next records of its topics.

A reader hands out raw records; what it handed out may be asked for again until the positions move on, so that a tick
can be taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa

from streamnb.log.embedded import EmbeddedLog
from streamnb.store import Store

__all__ = ["EmbeddedReader", "Prepare", "Slice", "TopicReader", "reached", "unprepared"]


@dataclass(frozen=True)
class Slice:
    """What one read gave: how many records, the offsets to go on at, and the partitions that have more waiting.

    ``waiting`` tells that a partition is known to have records, or not known to have none, and gave none: a join must
    not go on without them. ``records`` are the records themselves (part, off, ts, key, value, hdr); None when there
    are none.
    """

    count: int
    next: Mapping[int, int]
    more: frozenset[int] = field(default=frozenset())
    waiting: bool = False
    records: pa.Table | None = None


Prepare = Callable[[pa.Table], pa.Table]
"""Adds columns to records."""


def unprepared(records: pa.Table) -> pa.Table:
    """Leave records as they are."""
    return records


def reached(records: pa.Table) -> dict[int, int]:
    """Find the offset behind the last record of each partition."""
    parts, offsets = records["part"].to_numpy(), records["off"].to_numpy()
    return {part: int(offsets[parts == part].max()) + 1 for part in np.unique(parts).tolist()}


class TopicReader(Protocol):
    """Reads one topic for one query."""

    topic: str
    prepare: Prepare
    """May be run over records as soon as they are there, on any thread; adds columns. Set before the first read."""

    def start(self, store: Store, *, earliest: bool) -> dict[int, int]:
        """Tell where a new query starts: the offset of each partition's first record, or of the next one to come."""
        ...

    def read(self, store: Store, positions: Mapping[int, int], rows_max: int) -> Slice:
        """Give the next records: ``rows_max`` at most, but one of each partition."""
        ...

    def committed(self, positions: Mapping[int, int]) -> None:
        """Take note that everything before these offsets has been applied for good."""
        ...

    def lag(self, store: Store, positions: Mapping[int, int]) -> int | None:
        """Count the records behind these positions that are known to wait; None while that is not known."""
        ...

    def close(self) -> None:
        """Stop reading."""
        ...


class EmbeddedReader:
    """Reads a topic of the embedded log, including what this transaction has appended."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.prepare: Prepare = unprepared

    def start(self, store: Store, *, earliest: bool) -> dict[int, int]:
        ends = EmbeddedLog(store, create=False).ends(self.topic)
        return {part: first if earliest else next_ for part, (first, next_) in ends.items()}

    def read(self, store: Store, positions: Mapping[int, int], rows_max: int) -> Slice:
        topic = EmbeddedLog(store, create=False).find(self.topic)
        ends = topic.ends
        behind = {part: next_ for part, next_ in positions.items() if next_ < ends.get(part, (0, 0))[1]}
        if not behind:
            return Slice(0, dict(positions))
        records = store.arrow(topic.slice_sql(behind, max(1, rows_max // len(behind))))
        moved = reached(records)
        more = frozenset(part for part, next_ in moved.items() if next_ < ends[part][1])
        return Slice(records.num_rows, {**positions, **moved}, more, records=records)

    def committed(self, positions: Mapping[int, int]) -> None:
        """Nothing to forget: the log keeps its records."""

    def lag(self, store: Store, positions: Mapping[int, int]) -> int:
        ends = EmbeddedLog(store, create=False).ends(self.topic)
        return sum(max(0, next_ - max(first, positions.get(part, first))) for part, (first, next_) in ends.items())

    def close(self) -> None:
        """Nothing to stop."""
