"""What a push query has shown: bounded, consistent, and safe to wait for."""

from __future__ import annotations

import threading

from streamnb.engine.doorbell import Doorbell
from streamnb.engine.faults import Backoff
from streamnb.engine.feed import Change, Feed


def test_stream_keeps_its_newest_rows_and_counts_all() -> None:
    feed = Feed(is_table=False, rows_max=3)
    feed.add([Change((), (i,)) for i in range(5)], 7)
    snapshot = feed.snapshot()
    assert (snapshot.rows, snapshot.total, snapshot.version, snapshot.done) == ([(2,), (3,), (4,)], 7, 1, False)


def test_table_keeps_the_current_row_of_each_key_until_its_tombstone() -> None:
    feed = Feed(is_table=True, rows_max=2)
    feed.add([Change((1,), (1, "a")), Change((2,), (2, "b")), Change((1,), (1, "c"))], 3)
    assert feed.snapshot().rows == [(2, "b"), (1, "c")]
    feed.add([Change((2,), (), tombstone=True), Change((3,), (3, "d")), Change((4,), (4, "e"))], 3)
    assert feed.snapshot().rows == [(3, "d"), (4, "e")]
    assert [change.tombstone for change in feed.changes()] == [False, False]


def test_wait_returns_at_once_for_what_is_there_and_in_time_for_what_is_not() -> None:
    feed = Feed(is_table=False, rows_max=1)
    assert feed.wait(0, 0) is False
    feed.add([], 0)
    assert feed.wait(0, 0) is True


def test_waiting_threads_wake_when_the_feed_ends() -> None:
    feed = Feed(is_table=False, rows_max=1)
    thread = threading.Thread(target=lambda: feed.finish("broken"))
    thread.start()
    assert feed.wait_done(10)
    thread.join()
    feed.finish()
    assert (feed.snapshot().error, feed.snapshot().version, feed.done) == ("broken", 1, True)


def test_doorbell_remembers_a_ring_that_came_while_nobody_waited() -> None:
    bell = Doorbell()
    seen = bell.rings()
    assert bell.wait(seen, 0) is False
    bell.ring()
    assert bell.wait(seen, 0) is True


def test_backoff_doubles_up_to_a_minute() -> None:
    backoff, waits = Backoff(), []
    for _ in range(8):
        backoff = backoff.next(0)
        waits.append(backoff.not_before_ms)
    assert waits == [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
    assert backoff.due(60_000) and not backoff.due(59_999)


def test_ordered_table_lists_its_rows_by_place() -> None:
    feed = Feed(is_table=True, rows_max=5, is_ordered=True)
    feed.add([Change((2,), ("b",)), Change((1,), ("a",)), Change((3,), ("c",))], 3)
    feed.add([Change((1,), ("z",)), Change((3,), (None,), tombstone=True)], 2)
    snapshot = feed.snapshot()
    assert (snapshot.rows, snapshot.is_ordered) == ([("z",), ("b",)], True)


def test_table_tells_rows_apart_by_keys_that_hold_lists() -> None:
    feed = Feed(is_table=True, rows_max=5)
    feed.add([Change(([1],), ("a",)), Change(([2],), ("b",)), Change(([1],), ("c",))], 3)
    assert feed.snapshot().rows == [("b",), ("c",)]
