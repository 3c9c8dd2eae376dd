from __future__ import annotations

from streamnb.schema import BIGINT, STRING, Array
from streamnb.widgets.rows import layout_of, visible
from tests.widgets.fake_query import FakeQuery, FakeSnapshot

STREAM = FakeQuery([("ID", BIGINT), ("TEXT", STRING)])
WINDOWS = FakeQuery(
    [("CARD", STRING), ("WINDOWSTART", BIGINT), ("WINDOWEND", BIGINT), ("N", BIGINT)], key_columns=1, is_table=True
)


def test_stream_puts_new_records_on_top() -> None:
    shown = visible(layout_of(STREAM), FakeSnapshot(2, [(1, "a"), (2, "b"), (3, "c")], 3), 2)
    assert shown.rows == ((3, "c"), (2, "b"))
    assert shown.caption() == "showing 2 of 3 records"


def test_windowed_table_shows_the_newest_window_first() -> None:
    rows = [("b", 0, 5000, 1), ("a", 5000, 10000, 2), ("a", 0, 5000, 3)]
    shown = visible(layout_of(WINDOWS), FakeSnapshot(1, rows, 3), 10)
    assert [row[:2] for row in shown.rows] == [("a", 5000), ("a", 0), ("b", 0)]


def test_ordered_table_shows_its_first_rows_in_their_order() -> None:
    query = FakeQuery([("N", BIGINT)], key_columns=0, is_table=True)
    snapshot = FakeSnapshot(1, [(9,), (2,), (5,)], 3, is_ordered=True)
    assert visible(layout_of(query), snapshot, 2).rows == ((9,), (2,))


def test_keys_that_have_no_order_are_sorted_by_their_text() -> None:
    query = FakeQuery([("K", Array(STRING)), ("N", BIGINT)], key_columns=1, is_table=True)
    rows = [(None, 3), ([None], 1), (["b"], 2), (["a"], 1)]
    shown = visible(layout_of(query), FakeSnapshot(1, rows, 4), 10)
    assert [row[0] for row in shown.rows] == [["a"], ["b"], [None], None]
