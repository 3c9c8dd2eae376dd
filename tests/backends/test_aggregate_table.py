"""GROUP BY over a table: the old row is taken back before the new one counts."""

from __future__ import annotations

import pytest

from streamnb.backends.duckdb.operator import Mode
from streamnb.errors import KsqlStatementError
from streamnb.plan.logical import AggregateCall
from streamnb.plan.typed import Typed, TypedComparison, TypedLiteral
from streamnb.schema import BIGINT, BOOLEAN, STRING
from tests.backends.aggregate_harness import Runner, aggregate_call, column
from tests.oracle.aggregate import Record

COUNT = aggregate_call("COUNT")
SUM = aggregate_call("SUM", column("v0"))


def change(seq: int, key: str, group: str | None, value: int | None = 1) -> Record:
    return Record(seq, 0, seq, key, (value, group))


def delete(seq: int, key: str) -> Record:
    return Record(seq, 0, seq, key, (), null=True)


def over_table(*calls: AggregateCall, having: Typed | None = None) -> Runner:
    return Runner(calls, values=(BIGINT, STRING), group=[column("v1", STRING)], table=True, having=having)


@pytest.mark.parametrize("size", [1, 4])
def test_row_that_changes_its_group_leaves_the_old_one_first(size: int) -> None:
    runner = over_table(COUNT, SUM)
    rows = [change(0, "r", "x", 5), change(1, "q", "x", 2), change(2, "r", "y", 7), delete(3, "q")]
    outputs = [o for i in range(0, 4, size) for o in runner.batch(rows[i : i + size])]
    assert [(o.seq, o.key, o.values) for o in outputs] == [
        (0, "x", (1, 5)),
        (1, "x", (2, 7)),
        (2, "x", (1, 2)),
        (2, "y", (1, 7)),
        (3, "x", (0, 0)),
    ]


@pytest.mark.parametrize("size", [1, 2])
def test_change_within_a_group_is_one_step(size: int) -> None:
    runner = over_table(SUM)
    rows = [change(0, "r", "x", 5), change(1, "r", "x", 7)]
    outputs = [o for i in range(0, 2, size) for o in runner.batch(rows[i : i + size])]
    assert [(o.seq, o.values) for o in outputs] == [(0, (5,)), (1, (7,))]


@pytest.mark.parametrize("size", [1, 5])
def test_having_does_not_see_the_middle_of_a_step(size: int) -> None:
    more = TypedComparison(BOOLEAN, ">", column("v0"), TypedLiteral(BIGINT, 5))
    runner = over_table(SUM, having=more)
    rows = [
        change(0, "r", "x", 6),
        change(1, "r", "x", 7),
        change(2, "r", "x", 1),
        change(3, "r", "x", 2),
        delete(4, "r"),
    ]
    outputs = [o for i in range(0, 5, size) for o in runner.batch(rows[i : i + size])]
    assert [(o.seq, o.values) for o in outputs] == [(0, (6,)), (1, (7,)), (2, None)]


def test_row_without_a_group_counts_nowhere() -> None:
    outputs = over_table(COUNT).batch([change(0, "r", None), change(1, "r", "x"), change(2, "r", None)])
    assert [(o.seq, o.key, o.values) for o in outputs] == [(1, "x", (1,)), (2, "x", (0,))]


def test_collected_values_and_counts_are_taken_back() -> None:
    text = column("v1", STRING)
    calls = [
        aggregate_call("COLLECT_LIST", column("v0")),
        aggregate_call("HISTOGRAM", text),
        aggregate_call("ATTR", column("v0")),
    ]
    for mode in Mode:
        runner = Runner(calls, values=(BIGINT, STRING), group=[TypedLiteral(BIGINT, 1)], table=True, mode=mode)
        rows = [change(0, "p", "x", 3), change(1, "q", "y", 4), change(2, "r", "x", 3), delete(3, "p"), delete(4, "q")]
        assert runner.batch(rows[:4])[-1].values == ([3, 4], {"x": 1, "y": 1}, None)
        assert runner.batch(rows[4:])[-1].values == ([3], {"x": 1}, 3)


def test_function_that_cannot_take_a_row_back_is_refused() -> None:
    with pytest.raises(KsqlStatementError, match="MAX"):
        over_table(aggregate_call("MAX", column("v0")))
