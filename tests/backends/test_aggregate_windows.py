"""GROUP BY in tumbling and hopping windows: stream time, late records, final results, retention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamnb.backends.duckdb.operator import Mode
from streamnb.plan.typed import TypedComparison, TypedLiteral
from streamnb.schema import BIGINT, BOOLEAN
from streamnb.store import Store
from streamnb.windows import TimeWindows
from tests.backends.aggregate_harness import Runner, aggregate_call, column, cut, hopping, tumbling
from tests.oracle.aggregate import Output, Record

COUNT = aggregate_call("COUNT")


@pytest.fixture(scope="module")
def shared() -> Iterator[Store]:
    """A store in memory for the examples of a property."""
    store = Store.open()
    yield store
    store.close()


def at(*times: int, key: str = "a", part: int = 0, start: int = 0) -> list[Record]:
    return [Record(start + i, part, ts, key, (1,)) for i, ts in enumerate(times)]


def test_tumbling_window_counts_per_window() -> None:
    assert Runner([COUNT], window=tumbling(10, 0)).batch(at(0, 9, 10)) == [
        Output(0, 0, "a", 0, 10, (1,)),
        Output(1, 9, "a", 0, 10, (2,)),
        Output(2, 10, "a", 10, 20, (1,)),
    ]


def test_hopping_windows_of_a_record_leave_in_order_of_their_start() -> None:
    for mode in Mode:
        outputs = Runner([COUNT], window=hopping(30, 10, 0), mode=mode).batch(at(25))
        assert [(o.ws, o.we) for o in outputs] == [(0, 30), (10, 40), (20, 50)]


def test_late_record_is_dropped_counted_and_logged_once_its_grace_is_over() -> None:
    runner = Runner([COUNT], window=tumbling(10, 5))
    outputs = runner.batch(at(0, 14, 9, 15, 9))
    assert [(o.seq, o.ws, o.values) for o in outputs] == [(0, 0, (1,)), (1, 10, (1,)), (2, 0, (2,)), (3, 10, (2,))]
    assert runner.late() == 1
    assert [(seq, message.rsplit(" ", 1)[1]) for _, _, seq, message in runner.errors()] == [(4, "0")]


def test_record_can_be_late_for_one_hopping_window_and_in_time_for_the_next() -> None:
    runner = Runner([COUNT], window=hopping(20, 10, 0))
    outputs = runner.batch(at(35, 18, 25))
    assert [(o.seq, o.ws) for o in outputs] == [(0, 20), (0, 30), (2, 20)]
    assert runner.late() == 3


def test_stream_time_is_that_of_the_partition_and_of_all_its_groups() -> None:
    runner = Runner([COUNT], window=tumbling(10, 0))
    runner.batch([Record(0, 0, 100, "x", (1,)), Record(1, 1, 5, "b", (1,)), Record(2, 0, 5, "a", (1,))])
    assert runner.late() == 1
    assert {row[0] for row in runner.view()} == {"x", "b"}


def test_null_values_and_groups_do_not_advance_stream_time() -> None:
    runner = Runner([COUNT], window=tumbling(10, 0))
    runner.batch([Record(0, 0, 99, "a", (1,), null=True), Record(1, 0, 99, None, (1,)), *at(5, start=2)])
    assert runner.late() == 0


def test_final_result_leaves_with_the_first_record_that_closes_the_window() -> None:
    runner = Runner([COUNT], window=tumbling(10, 5), final=True)
    assert runner.batch(at(1, 2)) == []
    assert runner.batch(at(14, 3, 15, 16, start=2)) == [Output(4, 3, "a", 0, 10, (3,))]


def test_final_results_of_one_record_go_by_window_then_group() -> None:
    runner = Runner([COUNT], window=tumbling(10, 10, 100), final=True)
    runner.batch([*at(12), *at(13, key="b", start=1), *at(3, key="b", start=2)])
    outputs = runner.batch(at(35, start=3))
    assert [(o.seq, o.ws, o.key) for o in outputs] == [(3, 0, "b"), (3, 10, "a"), (3, 10, "b")]


def test_final_result_that_left_the_store_is_lost_and_logged() -> None:
    runner = Runner([COUNT], window=tumbling(10, 0), final=True)
    runner.batch(at(5))
    assert runner.batch(at(1000, start=1)) == []
    assert [seq for _, _, seq, _ in runner.errors()] == [1]


def test_final_result_is_judged_by_having_at_its_end() -> None:
    more = TypedComparison(BOOLEAN, ">", column("v0"), TypedLiteral(BIGINT, 1))
    runner = Runner([COUNT], window=tumbling(10, 0), final=True, having=more)
    outputs = runner.batch([*at(1, 2), *at(3, key="b", start=2), *at(10, start=3)])
    assert [(o.key, o.values) for o in outputs] == [("a", (2,))]


def test_table_shows_a_window_until_its_retention_is_over() -> None:
    runner = Runner([COUNT], window=tumbling(10, 0, 30))
    runner.batch(at(5, 35))
    assert runner.view() == [("a", 0, 10, 5, 1), ("a", 30, 40, 35, 1)]
    runner.batch(at(40, start=2))
    assert runner.view() == [("a", 30, 40, 35, 1), ("a", 40, 50, 40, 1)]


def test_empty_batch_gives_an_empty_batch_in_windows() -> None:
    for final in (False, True):
        assert Runner([COUNT], window=hopping(20, 10, 0), final=final).batch([]) == []


def counted(windows: TimeWindows, times: Sequence[int]) -> tuple[dict[int, int], int]:
    """Count records one by one: the windows left in the store at the end, and how often one was refused."""
    counts: dict[int, int] = {}
    stream_time = late = 0
    for ts in times:
        stream_time = max(stream_time, ts)
        for start in windows.starts(ts):
            if windows.accepts(start, stream_time):
                counts[start] = counts.get(start, 0) + 1
            else:
                late += 1
        counts = {start: n for start, n in counts.items() if windows.is_kept(start, stream_time)}
    return counts, late


@given(
    size=st.integers(1, 40),
    share=st.integers(1, 40),
    grace=st.integers(0, 30),
    kept=st.integers(0, 30),
    times=st.lists(st.integers(0, 150), min_size=1, max_size=30),
    mode=st.sampled_from(Mode),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3),
)
@settings(max_examples=40, deadline=None)
def test_statements_and_the_arithmetic_that_chooses_among_them_agree(
    shared: Store, size: int, share: int, grace: int, kept: int, times: list[int], mode: Mode, sizes: list[int]
) -> None:
    windows = TimeWindows(size, min(size, share), grace, size + grace + kept)
    spec = hopping(size, windows.advance_ms, grace, windows.retention_ms)
    runner = Runner([COUNT], window=spec, mode=mode, store=shared)
    for batch in cut(at(*times), sizes):
        runner.batch(batch)
    counts, late = counted(windows, times)
    assert {row[1]: row[-1] for row in runner.view()} == counts
    assert runner.late() == late
