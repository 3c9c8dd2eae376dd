"""Rules of the joins, one at a time; tests/properties/test_join_splits.py holds them all together."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from streamnb.backends.duckdb.join import compile_join
from streamnb.backends.duckdb.operator import BatchShape, Names
from streamnb.backends.duckdb.steps import run_statements
from streamnb.catalog import KeyWindow
from streamnb.duck import Sql, ident, sql
from streamnb.plan.logical import Join, JoinWindow, Scan
from streamnb.schema import BIGINT
from streamnb.store import Store
from tests.backends.join_harness import BATCHES, TARGET, JoinRunner, scan
from tests.oracle.join import LEFT, RIGHT, TOMBSTONE, Record, Result


def records(*rows: tuple[int, int | None, int | None, int]) -> list[Record]:
    """Number records given as (side, key, value, timestamp)."""
    return [Record(seq, *row) for seq, row in enumerate(rows)]


def test_stream_meets_the_row_of_its_place_whatever_the_timestamps_say(store: Store) -> None:
    rows = records((LEFT, 1, 10, 50), (RIGHT, 1, 7, 99), (LEFT, 1, 11, 40), (RIGHT, 1, None, 0), (LEFT, 1, 12, 60))
    assert JoinRunner("LEFT", tables=1, store=store).batch(rows) == [
        Result(0, 1, 10, None, 50),
        Result(2, 1, 11, 7, 40),
        Result(4, 1, 12, None, 60),
    ]


def test_left_join_drops_null_value_and_pads_null_key_of_stream(store: Store) -> None:
    rows = records((RIGHT, 1, 7, 0), (LEFT, 1, None, 1), (LEFT, None, 12, 2))
    assert JoinRunner("LEFT", tables=1, store=store).batch(rows) == [Result(2, None, 12, None, 2)]


def test_table_keeps_last_row_per_key_only(store: Store) -> None:
    runner = JoinRunner("INNER", tables=1, store=store)
    runner.batch(records((RIGHT, 1, 7, 0), (RIGHT, 2, 8, 0), (RIGHT, 1, 9, 0), (RIGHT, None, 5, 0)))
    runner.batch([Record(10, RIGHT, 2, None, 1)])
    assert runner.stored(0) == 1
    assert runner.batch([Record(11, LEFT, 1, 3, 5)]) == [Result(11, 1, 3, 9, 5)]


def test_inner_join_of_tables_deletes_absent_row_when_other_side_is_there(store: Store) -> None:
    rows = records((RIGHT, 1, 7, 20), (LEFT, 1, None, 5), (LEFT, 2, None, 6))
    assert JoinRunner("INNER", tables=2, store=store).batch(rows) == [Result(1, 1, TOMBSTONE, TOMBSTONE, 20)]


def test_tombstones_of_tables_have_no_values(store: Store) -> None:
    runner = JoinRunner("LEFT", tables=2, store=store)
    runner.batch(records((LEFT, 1, 7, 1), (RIGHT, 1, 8, 2), (LEFT, 1, None, 3)))
    assert store.rows(sql("SELECT v0, v1, v2 FROM {} WHERE vnull", TARGET)) == [(None, None, None)]


def test_right_row_changes_all_left_rows_that_name_it_in_order_of_their_keys(store: Store) -> None:
    runner = JoinRunner("INNER", tables=2, foreign=True, store=store)
    named = [Record(seq, LEFT, key, 10 * key, 5, fk=7) for seq, key in enumerate((3, 1, 2))]
    assert runner.batch(named) == []
    assert runner.batch([Record(9, RIGHT, 7, 70, 4), Record(10, RIGHT, 7, None, 6)]) == [
        *(Result(9, key, 10 * key, 70, 4) for key in (1, 2, 3)),
        *(Result(10, key, TOMBSTONE, TOMBSTONE, 6) for key in (1, 2, 3)),
    ]


def test_unmatched_record_comes_out_at_once_without_grace_and_matches_later(store: Store) -> None:
    runner = JoinRunner("LEFT", window=JoinWindow(5, 5, None), store=store)
    assert runner.batch(records((LEFT, 1, 10, 100), (RIGHT, 1, 20, 103))) == [
        Result(0, 1, 10, None, 100),
        Result(1, 1, 10, 20, 103),
    ]


def test_waiting_record_comes_out_before_the_matches_of_the_record_that_closes_its_window(store: Store) -> None:
    runner = JoinRunner("FULL", window=JoinWindow(5, 5, 2), store=store)
    assert runner.batch(records((LEFT, 1, 10, 100), (RIGHT, 2, 20, 100))) == []
    assert runner.batch([Record(2, LEFT, 3, 30, 107)]) == []
    assert runner.batch([Record(3, RIGHT, 3, 40, 108)]) == [
        Result(3, 2, None, 20, 100),
        Result(3, 1, 10, None, 100),
        Result(3, 3, 30, 40, 108),
    ]


def test_null_value_moves_the_shared_clock_but_closes_nothing(store: Store) -> None:
    runner = JoinRunner("LEFT", window=JoinWindow(5, 5, 0), store=store)
    assert runner.batch(records((LEFT, 1, 10, 100), (LEFT, 1, None, 200))) == []
    assert runner.batch([Record(2, RIGHT, 9, 1, 150)]) == []
    assert runner.batch([Record(3, RIGHT, 9, 1, 200)]) == [Result(3, 1, 10, None, 100)]


def test_window_of_right_join_counts_from_the_right_record(store: Store) -> None:
    rows = records((LEFT, 1, 10, 100), (RIGHT, 1, 20, 105), (LEFT, 1, 11, 110))
    ahead = JoinRunner("RIGHT", window=JoinWindow(5, 0, None), store=store).batch(rows)
    assert ahead == [Result(1, 1, 10, 20, 105)]
    behind = JoinRunner("RIGHT", window=JoinWindow(0, 5, None), store=store).batch(rows)
    assert behind == [Result(1, 1, None, 20, 105), Result(2, 1, 11, 20, 110)]


def test_partitions_have_clocks_of_their_own(store: Store) -> None:
    runner = JoinRunner("INNER", window=JoinWindow(1, 1, 0), store=store)
    runner.batch([Record(0, LEFT, 2, 5, 100, part=0), Record(1, LEFT, 1, 6, 900, part=1)])
    assert runner.batch([Record(2, RIGHT, 2, 7, 100, part=0)]) == [Result(2, 2, 5, 7, 100)]


def test_records_out_of_retention_leave_the_buffer(store: Store) -> None:
    runner = JoinRunner("INNER", window=JoinWindow(5, 5, 0), store=store)
    runner.batch(records((LEFT, 1, 10, 100), (LEFT, 1, 11, 105), (LEFT, 1, 12, 110)))
    assert runner.stored(0) == 2


@pytest.mark.parametrize(("kind", "matches"), [("TUMBLING", 2), ("SESSION", 1)])
def test_windowed_keys_are_equal_by_start_and_sessions_by_end_too(store: Store, kind: str, matches: int) -> None:
    def windowed(node: Scan) -> Scan:
        return replace(node, windowed=True, source=replace(node.source, window=KeyWindow(kind, 10)))

    left, right = (windowed(scan(name, 1, table=False)) for name in ("L", "R"))
    node = Join((BIGINT,), (BIGINT, BIGINT), True, False, left, right, "INNER", JoinWindow(50, 50, None))
    shape = BatchShape((BIGINT,), (BIGINT,), windowed=True)
    sides = ((BATCHES[0], shape), (BATCHES[1], shape))
    stage = compile_join(node, *sides, TARGET, Names("W", durable=False), "1_join")
    for table in stage.tables:
        store.execute(table.create())
    seqs = itertools.count()
    for batch, bounds in zip(BATCHES, ([(0, 9)], [(0, 9), (0, 12), (10, 12)]), strict=True):
        store.execute(shape.create(batch))
        for start, end in bounds:
            row = Sql(f"{next(seqs)}, 0, 0, 0, 5, NULL, false, {start}, {end}, 1, 2")
            store.execute(sql("INSERT INTO {} VALUES ({})", batch, row))
    run_statements(store, stage.statements)
    assert len(store.rows(sql("SELECT {} FROM {}", ident("ws"), TARGET))) == matches
