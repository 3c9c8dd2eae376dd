from __future__ import annotations

from streamnb.schema import BIGINT, STRING, Array
from streamnb.widgets.rows import RowFrames, layout_of, visible
from tests.widgets.fake_query import FakeQuery, FakeSnapshot

STREAM = FakeQuery([("ID", BIGINT), ("TEXT", STRING)])
TABLE = FakeQuery([("CARD", STRING), ("N", BIGINT)], key_columns=1, is_table=True)
WINDOWS = FakeQuery(
    [("CARD", STRING), ("WINDOWSTART", BIGINT), ("WINDOWEND", BIGINT), ("N", BIGINT)], key_columns=1, is_table=True
)


def test_stream_puts_new_records_on_top_and_sends_them_once() -> None:
    frames = RowFrames(layout_of(STREAM), limit=2)
    first = frames.advance(FakeSnapshot(1, [(1, "a"), (2, "b")], 2))
    second = frames.advance(FakeSnapshot(2, [(1, "a"), (2, "b"), (3, "c")], 3))
    assert first == {"full": False, "rows": [[1, "2", "b"], [2, "1", "a"]], "order": [1, 2], "caption": "2 records"}
    assert second == {"full": False, "rows": [[3, "3", "c"]], "order": [3, 1], "caption": "showing 2 of 3 records"}


def test_table_sends_only_the_row_that_changed_and_keeps_its_place() -> None:
    frames = RowFrames(layout_of(TABLE), limit=10)
    frames.advance(FakeSnapshot(1, [("b", 1), ("a", 1)], 2))
    change = frames.advance(FakeSnapshot(2, [("a", 1), ("b", 2)], 3))
    assert change == {"full": False, "rows": [[2, "b", "2"]], "order": [1, 2], "caption": "2 rows"}


def test_table_forgets_a_row_that_is_gone() -> None:
    frames = RowFrames(layout_of(TABLE), limit=10)
    frames.advance(FakeSnapshot(1, [("a", 1), ("b", 1)], 2))
    assert frames.advance(FakeSnapshot(2, [("b", 1)], 3))["order"] == [2]


def test_windowed_table_shows_the_newest_window_first() -> None:
    frames = RowFrames(layout_of(WINDOWS), limit=10)
    frame = frames.advance(FakeSnapshot(1, [("b", 0, 5000, 1), ("a", 5000, 10000, 2), ("a", 0, 5000, 3)], 3))
    assert [row[1:3] for row in frame["rows"]] == [
        ["a", "1970-01-01 00:00:05"],
        ["a", "1970-01-01 00:00:00"],
        ["b", "1970-01-01 00:00:00"],
    ]


def test_table_without_its_key_is_told_apart_by_position() -> None:
    query = FakeQuery([("N", BIGINT)], key_columns=0, is_table=True)
    frames = RowFrames(layout_of(query), limit=10)
    frames.advance(FakeSnapshot(1, [(1,), (1,)], 2))
    assert frames.advance(FakeSnapshot(2, [(1,), (2,)], 3))["rows"] == [[2, "2"]]


def test_ordered_table_shows_its_first_rows_in_their_order() -> None:
    query = FakeQuery([("N", BIGINT)], key_columns=0, is_table=True)
    snapshot = FakeSnapshot(1, [(9,), (2,), (5,)], 3, is_ordered=True)
    assert visible(layout_of(query), snapshot, 2).rows == ((9,), (2,))


def test_keys_that_have_no_order_are_sorted_by_their_text() -> None:
    query = FakeQuery([("K", Array(STRING)), ("N", BIGINT)], key_columns=1, is_table=True)
    frames = RowFrames(layout_of(query), limit=10)
    frame = frames.advance(FakeSnapshot(1, [(None, 3), ([None], 1), (["b"], 2), (["a"], 1)], 4))
    assert len(frame["rows"]) == 4


def test_full_frame_repeats_what_is_on_show() -> None:
    frames = RowFrames(layout_of(STREAM), limit=2)
    frames.advance(FakeSnapshot(1, [(1, "a"), (2, None)], 2))
    assert frames.full() == {
        "full": True,
        "rows": [[1, "2", None], [2, "1", "a"]],
        "order": [1, 2],
        "caption": "2 records",
    }
