"""The total order of a query's input, worked out on whole columns.

The order is that of Kafka Streams within a task: by the running maximum of the timestamps of a record's partition
(``m``), tables before streams, then the source's place in the statement, the partition and the offset. Where a
partition has more records than were read, what sorts behind its last one waits for the next batch, so that a batch
is always a slice of the order. Records that were rejected are not seen here, but their partition still is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["Arrivals", "Ordered", "order_records"]

Integers = npt.NDArray[np.int64]
_LOWEST = -(2**62)


@dataclass(frozen=True)
class Arrivals:
    """What was read of one source: partition, offset and timestamp of each record; a negative timestamp is none."""

    part: Integers
    off: Integers
    ts: Integers


@dataclass
class Ordered:
    """The slice of the order that is known.

    ``rows`` holds, per source, the indices of the records in it, ascending, and ``seq`` their numbers. ``held`` maps
    (source, partition) to the first offset that has to wait, ``running`` to the highest timestamp so far.
    """

    rows: list[Integers]
    seq: list[Integers]
    held: dict[tuple[int, int], int] = field(default_factory=dict)
    running: dict[tuple[int, int], int] = field(default_factory=dict)
    untimed: int = 0

    @property
    def count(self) -> int:
        """Count the records in the slice."""
        return sum(len(rows) for rows in self.rows)


@dataclass(frozen=True)
class _Lane:
    """The records of one partition in the order of their offsets, with the running maximum of their timestamps."""

    place: tuple[int, int, int]  # rank, source, partition
    rows: Integers
    m: Integers

    def before(self, frontier: tuple[int, int, int, int] | None) -> int:
        """Count the records that do not sort behind the frontier."""
        if frontier is None:
            return len(self.rows)
        return int(np.searchsorted(self.m, frontier[0], "right" if self.place <= frontier[1:] else "left"))


def order_records(
    arrivals: Sequence[Arrivals],
    *,
    tables: Sequence[bool],
    more: Collection[tuple[int, int]],
    running: Mapping[tuple[int, int], int],
    next_seq: int,
) -> Ordered:
    """Number the records that are known to come next.

    ``tables`` tells which sources are tables, ``more`` the (source, partition) that have records that were not
    read, ``running`` the highest timestamps before. Records without a timestamp are passed over, and counted.
    """
    lanes = [lane for src, a in enumerate(arrivals) for lane in _lanes(src, a, 0 if tables[src] else 1, running)]
    frontier = _frontier(lanes, [0 if table else 1 for table in tables], more, running)
    ordered = Ordered([], [], running=dict(running))
    kept: list[list[_Lane]] = [[] for _ in arrivals]
    for lane in lanes:
        src, part = lane.place[1:]
        count = lane.before(frontier)
        if count < len(lane.rows):
            ordered.held[src, part] = int(arrivals[src].off[lane.rows[count]])
        if count and lane.m[count - 1] > _LOWEST:
            ordered.running[src, part] = int(lane.m[count - 1])
        timed = arrivals[src].ts[lane.rows[:count]] >= 0
        ordered.untimed += count - int(np.count_nonzero(timed))
        kept[src].append(_Lane(lane.place, lane.rows[:count][timed], lane.m[:count][timed]))
    _number(ordered, kept, next_seq)
    return ordered


def _frontier(
    lanes: Sequence[_Lane],
    ranks: Sequence[int],
    more: Collection[tuple[int, int]],
    running: Mapping[tuple[int, int], int],
) -> tuple[int, int, int, int] | None:
    """Find the place in the order up to which all records are known; None when there are no others.

    What a partition still holds sorts behind its last known record, or, where this read gave none of its records (all
    were rejected, or none has come), behind what was read of it before.
    """
    last = {lane.place[1:]: int(lane.m[-1]) for lane in lanes}
    return min(
        ((last.get(lane, running.get(lane, _LOWEST)), ranks[lane[0]], *lane) for lane in more),
        default=None,
    )


def _lanes(src: int, a: Arrivals, rank: int, running: Mapping[tuple[int, int], int]) -> Iterator[_Lane]:
    """Part a source's records by partition."""
    ts = np.where(a.ts >= 0, a.ts, _LOWEST)
    for part in np.unique(a.part).tolist():
        rows = np.flatnonzero(a.part == part)
        offsets = a.off[rows]
        if not np.all(offsets[1:] > offsets[:-1]):
            rows = rows[np.argsort(offsets)]
        m = np.maximum(np.maximum.accumulate(ts[rows]), running.get((src, part), _LOWEST))
        yield _Lane((rank, src, part), rows, m)


def _number(ordered: Ordered, kept: Sequence[Sequence[_Lane]], next_seq: int) -> None:
    """Sort the lanes into one order; within a lane the order is given, and a stable sort keeps it."""
    lanes = sorted((lane for of_source in kept for lane in of_source), key=lambda lane: lane.place)
    m = np.concatenate([lane.m for lane in lanes]) if lanes else np.empty(0, np.int64)
    seq = np.empty(len(m), np.int64)
    seq[np.argsort(m, kind="stable")] = np.arange(next_seq, next_seq + len(m))
    ends = np.cumsum([len(lane.m) for lane in lanes])
    numbers = {lane.place: s for lane, s in zip(lanes, np.split(seq, ends[:-1]) if lanes else (), strict=True)}
    for of_source in kept:
        rows = np.concatenate([lane.rows for lane in of_source]) if of_source else np.empty(0, np.int64)
        of_rows = np.concatenate([numbers[lane.place] for lane in of_source]) if of_source else np.empty(0, np.int64)
        ascending = np.argsort(rows, kind="stable")
        ordered.rows.append(rows[ascending])
        ordered.seq.append(of_rows[ascending])
