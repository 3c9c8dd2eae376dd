"""GROUP BY in sessions: how they grow, merge, close."""

from __future__ import annotations

import pytest

from streamnb.backends.duckdb.operator import Mode
from streamnb.plan.typed import TypedComparison, TypedLiteral
from streamnb.schema import BIGINT, BOOLEAN
from tests.backends.aggregate_harness import Runner, aggregate_call, column, session
from tests.oracle.aggregate import Output, Record

COUNT = aggregate_call("COUNT")


def at(*times: int, key: str = "a", start: int = 0) -> list[Record]:
    return [Record(start + i, 0, ts, key, (start + i,)) for i, ts in enumerate(times)]


def test_session_grows_and_leaves_tombstones_of_what_it_was() -> None:
    assert Runner([COUNT], window=session(10, 100)).batch(at(0, 10, 10)) == [
        Output(0, 0, "a", 0, 0, (1,)),
        Output(1, 0, "a", 0, 0, None),
        Output(1, 10, "a", 0, 10, (2,)),
        Output(2, 10, "a", 0, 10, None),
        Output(2, 10, "a", 0, 10, (3,)),
    ]


def test_session_of_one_moment_is_replaced_without_a_tombstone() -> None:
    outputs = Runner([COUNT], window=session(10, 100)).batch(at(5, 5))
    assert [o.values for o in outputs] == [(1,), (2,)]


@pytest.mark.parametrize("cuts", [(3,), (1, 1, 1)])
def test_record_between_two_sessions_merges_them(cuts: tuple[int, ...]) -> None:
    runner = Runner([aggregate_call("COLLECT_LIST", column("v0"))], window=session(10, 100))
    records, outputs = at(0, 18, 9), []
    for size in cuts:
        outputs += runner.batch(records[:size])
        records = records[size:]
    assert outputs[2:] == [
        Output(2, 0, "a", 0, 0, None),
        Output(2, 18, "a", 18, 18, None),
        Output(2, 18, "a", 0, 18, ([0, 1, 2],)),
    ]


def test_latest_and_earliest_go_by_record_not_by_session_when_sessions_merge() -> None:
    calls = [aggregate_call(f"{which}_BY_OFFSET", column("v0"), constants=c)
             for which in ("LATEST", "EARLIEST") for c in ((), (2,))]  # fmt: skip
    outputs = Runner(calls, window=session(10, 100)).batch(at(18, 0, 0, 9))
    assert outputs[-1].values == (3, [2, 3], 0, [0, 1])


def test_late_record_is_dropped_unless_it_touches_a_live_session() -> None:
    runner = Runner([COUNT], window=session(10, 5))
    outputs = runner.batch([*at(20), *at(34, key="b", start=1), *at(12, start=2), *at(2, key="c", start=3)])
    assert [(o.seq, o.key, o.ws, o.we) for o in outputs if o.values] == [
        (0, "a", 20, 20),
        (1, "b", 34, 34),
        (2, "a", 12, 20),
    ]
    assert runner.late() == 1
    assert [seq for _, _, seq, _ in runner.errors()] == [3]


def test_last_change_leaves_out_what_the_batch_itself_has_undone() -> None:
    runner = Runner([COUNT], window=session(10, 100), mode=Mode.LAST)
    assert [(o.ws, o.we, o.values) for o in runner.batch(at(0, 5, 7, 30))] == [(0, 7, (3,)), (30, 30, (1,))]
    assert [(o.ws, o.we, o.values) for o in runner.batch(at(16, start=4))] == [(0, 7, None), (0, 16, (4,))]
    assert [(o.ws, o.we, o.values) for o in runner.batch(at(16, start=5))] == [(0, 16, (5,))]


def test_hidden_session_leaves_no_tombstone() -> None:
    more = TypedComparison(BOOLEAN, ">", column("v0"), TypedLiteral(BIGINT, 2))
    runner = Runner([COUNT], window=session(10, 100), having=more)
    outputs = runner.batch(at(0, 1, 2, 3))
    assert [(o.seq, o.ws, o.we, o.values) for o in outputs] == [(2, 0, 2, (3,)), (3, 0, 2, None), (3, 0, 3, (4,))]


def test_final_session_leaves_with_the_first_record_that_closes_it() -> None:
    runner = Runner([COUNT], window=session(10, 5), final=True)
    assert runner.batch([*at(0, 3), *at(18, key="b", start=2)]) == []
    assert runner.batch(at(19, key="b", start=3)) == [Output(3, 3, "a", 0, 3, (2,))]


def test_table_shows_a_session_until_gap_and_grace_are_over() -> None:
    runner = Runner([COUNT], window=session(10, 5))
    runner.batch([*at(0), *at(14, key="b", start=1)])
    assert [row[0] for row in runner.view()] == ["a", "b"]
    runner.batch(at(15, key="b", start=2))
    assert [row[0] for row in runner.view()] == ["b"]


def test_hot_group_with_jitter_needs_no_round_per_record() -> None:
    runner = Runner([COUNT], window=session(100, 1000), mode=Mode.LAST)
    records = [Record(i, 0, i + (i * 7919) % 40, "a", (1,)) for i in range(3000)]
    [output] = runner.batch(records)
    assert (output.ws, output.values) == (0, (3000,))
