"""GROUP BY without a window: what one record causes, what is left out, what survives any cut."""

from __future__ import annotations

import pytest

from streamnb.backends.duckdb.operator import Mode
from streamnb.duck import Sql, sql
from streamnb.plan.typed import TypedCast, TypedComparison, TypedLiteral
from streamnb.schema import BIGINT, BOOLEAN, DOUBLE, INTEGER, STRING, Array, Field, Struct
from streamnb.store import DatabaseError
from tests.backends.aggregate_harness import SOURCE, TARGET, Runner, aggregate_call, column
from tests.oracle.aggregate import Output, Record

COUNT = aggregate_call("COUNT")
SUM = aggregate_call("SUM", column("v0"))


def records(*rows: tuple[str | None, int | None], start: int = 0) -> list[Record]:
    return [Record(start + i, 0, 10 * (start + i), key, (value,)) for i, (key, value) in enumerate(rows)]


def more_than(limit: int, result: str = "v0") -> TypedComparison:
    return TypedComparison(BOOLEAN, ">", column(result), TypedLiteral(BIGINT, limit))


def test_every_record_gives_a_result_when_every_change_is_wanted() -> None:
    runner = Runner([COUNT, SUM])
    assert runner.batch(records(("a", 1), ("b", 2), ("a", 3))) == [
        Output(0, 0, "a", None, None, (1, 1)),
        Output(1, 10, "b", None, None, (1, 2)),
        Output(2, 20, "a", None, None, (2, 4)),
    ]


def test_last_change_per_group_leaves_in_the_order_of_the_last_records() -> None:
    runner = Runner([COUNT, SUM], mode=Mode.LAST)
    assert runner.batch(records(("a", 1), ("b", 2), ("b", 2), ("a", 3))) == [
        Output(2, 20, "b", None, None, (2, 4)),
        Output(3, 30, "a", None, None, (2, 4)),
    ]


def test_rowtime_is_the_highest_of_the_group() -> None:
    runner = Runner([COUNT])
    runner.batch([Record(0, 0, 50, "a", (1,))])
    assert runner.batch([Record(1, 0, 20, "a", (1,))])[0].ts == 50


def test_null_values_are_skipped_and_null_groups_are_logged() -> None:
    runner = Runner([COUNT])
    batch = [Record(0, 0, 0, "a", (1,), null=True), Record(1, 0, 1, None, (1,)), Record(2, 0, 2, "a", (1,))]
    assert runner.batch(batch) == [Output(2, 2, "a", None, None, (1,))]
    assert [(seq, message) for _, _, seq, message in runner.errors()] == [
        (1, "a group expression is null, the record is left out")
    ]


def test_group_expression_that_raises_leaves_the_record_out_and_is_logged() -> None:
    number = TypedCast(BIGINT, column("v0", STRING))
    runner = Runner([COUNT], values=(STRING,), group=[number])
    batch = [Record(i, 0, i, "a", (value,)) for i, value in enumerate(["7", "x", None, "7"])]
    assert [(o.seq, o.key, o.values) for o in runner.batch(batch)] == [(0, 7, (1,)), (3, 7, (2,))]
    assert [(seq, message) for _, _, seq, message in runner.errors()] == [
        (1, "group expression 1 cannot be evaluated, the record is left out"),
        (2, "group expression 1 is null, the record is left out"),
    ]


def test_argument_that_raises_counts_as_null_and_is_logged() -> None:
    call = aggregate_call("SUM", column("v0"))
    call = type(call)(call.aggregate, (TypedCast(BIGINT, column("v0", STRING)),))
    runner = Runner([COUNT, call], values=(STRING,))
    batch = [Record(i, 0, i, "a", (value,)) for i, value in enumerate(["7", "x", "1"])]
    assert [o.values for o in runner.batch(batch)] == [(1, 7), (2, 7), (3, 8)]
    assert [(off, message) for _, off, _, message in runner.errors()] == [
        (1, "an argument of an aggregate cannot be evaluated, it counts as null")
    ]


def test_having_that_stops_holding_gives_a_tombstone_only_if_the_row_was_there() -> None:
    runner = Runner([SUM], having=more_than(2))
    outputs = runner.batch(records(("a", 1), ("a", 2), ("a", -1), ("a", -1), ("a", 9)))
    assert [(o.seq, o.values) for o in outputs] == [(1, (3,)), (2, None), (4, (10,))]


@pytest.mark.parametrize("mode", list(Mode))
def test_having_remembers_across_batches_what_was_shown(mode: Mode) -> None:
    runner = Runner([SUM], having=more_than(2), mode=mode)
    batches = [runner.batch(records((("a"), v), start=i)) for i, v in enumerate([1, 2, -1, -1, 9])]
    assert [[o.values for o in batch] for batch in batches] == [[], [(3,)], [None], [], [(10,)]]
    assert runner.view() == [("a", 40, 10)]


def test_having_that_raises_hides_the_row_and_is_logged() -> None:
    text = aggregate_call("LATEST_BY_OFFSET", column("v0", STRING))
    condition = TypedComparison(BOOLEAN, ">", TypedCast(BIGINT, column("v0", STRING)), TypedLiteral(BIGINT, 1))
    runner = Runner([text], values=(STRING,), having=condition)
    outputs = runner.batch([Record(i, 0, i, "a", (v,)) for i, v in enumerate(["5", "x", "6"])])
    assert [(o.seq, o.values) for o in outputs] == [(0, ("5",)), (1, None), (2, ("6",))]
    assert [seq for _, _, seq, _ in runner.errors()] == [1]


def test_double_sum_is_folded_from_the_left_wherever_batches_end() -> None:
    values = [0.1, 0.2, 0.3, 1e16, -1e16, 0.7]
    totals = set()
    for sizes in ([6], [1] * 6, [2, 4], [5, 1]):
        for mode in Mode:
            runner = Runner([aggregate_call("SUM", column("v0", DOUBLE))], values=(DOUBLE,), mode=mode)
            start = 0
            for size in sizes:
                part = [Record(start + i, 0, 0, "a", (v,)) for i, v in enumerate(values[start : start + size])]
                last = runner.batch(part)[-1].values
                start += size
            totals.add(last)
    assert totals == {(((((((0.0 + 0.1) + 0.2) + 0.3) + 1e16) + -1e16) + 0.7),)}


def test_output_carries_partition_offset_and_headers_of_the_record_that_caused_it() -> None:
    for mode in Mode:
        runner = Runner([COUNT], mode=mode)
        runner.store.execute(runner.shape.create(SOURCE))
        runner.store.execute(
            sql(
                "INSERT INTO {} VALUES (1, 0, 3, 70, 5, [struct_pack(k := 'h', v := 'x'::BLOB)], false, 'a', 1),"
                " (2, 5, 4, 71, 4, NULL, false, 'a', 1)",
                SOURCE,
            )
        )
        runner.run()
        rows = runner.store.rows(sql("SELECT seq, sub, part, off, ts, hdr FROM {} ORDER BY seq", TARGET))
        assert rows[-1] == (2, 5, 4, 71, 5, None)
        if mode is Mode.EVERY:
            assert rows[0] == (1, 0, 3, 70, 5, [{"k": "h", "v": b"x"}])


def test_records_of_one_cause_are_taken_in_the_order_of_their_rank() -> None:
    runner = Runner([aggregate_call("LATEST_BY_OFFSET", column("v0"))], mode=Mode.LAST)
    runner.store.execute(runner.shape.create(SOURCE))
    runner.store.execute(
        sql("INSERT INTO {} SELECT 1, i, 0, 0, 0, NULL, false, 'a', i FROM unnest([2, 0, 3, 1]) t(i)", SOURCE)
    )
    assert [o.values for o in runner.run()] == [(3,)]


def test_groups_of_structs_and_arrays_with_nulls_inside_are_equal_across_batches() -> None:
    key = Struct((Field("A", INTEGER), Field("B", Array(INTEGER))))
    runner = Runner([COUNT], key=key)
    for seq in range(2):
        runner.store.execute(runner.shape.create(SOURCE))
        runner.store.execute(
            sql(
                "INSERT INTO {} VALUES ({}, 0, 0, 0, 0, NULL, false, struct_pack(A := NULL, B := [1, NULL]), 1)",
                SOURCE,
                Sql(str(seq)),
            )
        )
        outputs = runner.run()
    assert [(o.key, o.values) for o in outputs] == [({"A": None, "B": [1, None]}, (2,))]


def test_empty_batch_gives_an_empty_batch() -> None:
    for mode in Mode:
        assert Runner([COUNT, SUM], having=more_than(0), mode=mode).batch([]) == []


def test_failed_batch_leaves_no_trace_when_its_transaction_is_taken_back() -> None:
    runner = Runner([SUM])
    runner.batch(records(("a", 1)))
    with pytest.raises(DatabaseError), runner.store.transaction():
        runner.batch(records(("a", 5), start=1))
        runner.store.execute(Sql("SELECT error('stop')"))
    assert runner.view() == [("a", 0, 1)]
    assert [o.values for o in runner.batch(records(("a", 2), start=1))] == [(3,)]
