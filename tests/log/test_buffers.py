"""Buffers between reader and engine: nothing is lost or given out of order, whatever is handed back."""

from __future__ import annotations

import random

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from streamnb.log.base import RECORD_SCHEMA
from streamnb.log.buffers import TopicBuffer


def records(places: list[tuple[int, int]]) -> pa.Table:
    count = len(places)
    arrays = [
        pa.array([part for part, _ in places], pa.int32()),
        pa.array([off for _, off in places], pa.int64()),
        pa.array([0] * count, pa.int64()),
        pa.array([b"%d" % off for _, off in places], pa.binary()),
        pa.nulls(count, pa.binary()),
        pa.nulls(count, RECORD_SCHEMA.field("hdr").type),
    ]
    return pa.Table.from_arrays(arrays, schema=RECORD_SCHEMA)


def places(table: pa.Table) -> list[tuple[int, int]]:
    return list(zip(table["part"].to_pylist(), table["off"].to_pylist(), strict=True))


def test_records_not_settled_are_given_again_before_newer_ones() -> None:
    buffer = TopicBuffer()
    buffer.add(records([(0, 0), (1, 5), (0, 1), (1, 7)]))
    assert places(buffer.take(10)) == [(0, 0), (1, 5), (0, 1), (1, 7)]
    assert places(buffer.take(10)) == []
    buffer.add(records([(0, 2)]))
    buffer.settle({0: 1, 1: 8})
    assert places(buffer.take(10)) == [(0, 1), (0, 2)]
    buffer.settle({})
    assert places(buffer.take(1)) == [(0, 1)]
    buffer.settle({0: 2})
    assert buffer.rows == {0: 1, 1: 0}


def test_buffer_counts_what_it_holds() -> None:
    buffer = TopicBuffer()
    assert buffer.add(records([(0, 3), (2, 9), (0, 4)])) == {0: 4, 2: 9}
    assert buffer.rows == {0: 2, 2: 1}
    assert buffer.size_bytes > 0
    buffer.take(9)
    buffer.drop(0)
    assert places(buffer.take(9)) == []
    buffer.settle({2: 10})
    assert (buffer.rows, buffer.size_bytes, buffer.has_fresh) == ({0: 0, 2: 0}, 0, False)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_every_record_is_consumed_once_in_order_however_it_is_taken(seed: int, count: int) -> None:
    random_ = random.Random(seed)
    arriving = [(random_.randrange(3), 0) for _ in range(count)]
    next_in = {0: 0, 1: 0, 2: 0}
    for index, (part, _) in enumerate(arriving):
        next_in[part] += random_.randrange(1, 4)  # offsets have gaps
        arriving[index] = (part, next_in[part])
    buffer = TopicBuffer()
    consumed: list[tuple[int, int]] = []
    positions = {0: 0, 1: 0, 2: 0}
    left = list(arriving)
    while left or buffer.has_fresh or buffer.has_taken:
        if left and random_.random() < 0.7:
            size = random_.randrange(1, 10)
            buffer.add(records(left[:size]))
            del left[:size]
        taken = [place for _ in range(random_.randrange(3)) for place in places(buffer.take(random_.randrange(1, 8)))]
        stuck: set[int] = set()  # of these partitions, nothing more is used in this round
        for part, off in taken:
            if part in stuck or random_.random() < 0.2:
                stuck.add(part)
                continue
            consumed.append((part, off))
            positions[part] = off + 1
        buffer.settle(positions)
    for part in range(3):
        assert [off for p, off in consumed if p == part] == [off for p, off in arriving if p == part]
    assert buffer.size_bytes == 0


def test_buffer_serves_partitions_evenly_when_they_arrived_in_runs() -> None:
    buffer = TopicBuffer()
    buffer.add(records([(0, n) for n in range(6)]))
    buffer.add(records([(1, n) for n in range(6)]))
    assert places(buffer.take(4)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    buffer.settle({0: 2, 1: 1})
    assert places(buffer.take(4)) == [(1, 1), (0, 2), (0, 3), (1, 2)]
    assert places(buffer.take(99)) == [(0, 4), (0, 5), (1, 3), (1, 4), (1, 5)]
