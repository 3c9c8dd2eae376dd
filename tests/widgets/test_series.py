from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamnb.schema import BIGINT, DOUBLE, STRING, Array
from streamnb.widgets.encoding import ChartOptions, choose_encoding
from streamnb.widgets.groups import FACTORS_MAX, OTHER_SLOT
from streamnb.widgets.marks import Marks, change_of
from streamnb.widgets.series import ChartFrames
from tests.widgets.fake_query import FakeQuery, FakeSnapshot
from tests.widgets.page_model import PageModel, tuples
from tests.widgets.test_encoding import CHANNELS, RATINGS, SENSORS, WINDOWS

KINDS = ("line", "bar", "stacked", "area", "scatter", "heatmap", "hist")
READINGS = FakeQuery([("TS", BIGINT), ("SENSOR", STRING), ("DEGREES", DOUBLE)])


def frames_of(query: FakeQuery, options: ChartOptions | None = None, points_max: int = 100) -> ChartFrames:
    return ChartFrames(query, choose_encoding(query, options or ChartOptions()), points_max)


def test_bars_stand_in_their_windows_and_groups() -> None:
    frames = frames_of(WINDOWS)
    frames.advance(FakeSnapshot(1, [("b", 0, 5000, 3), ("a", 5000, 10_000, 1), ("a", 0, 5000, 2)], 3))
    assert tuples(frames.marks) == [(0, 3, 0, 5000), (0, 2, 1, 5000), (5000, 1, 1, 5000)]
    assert frames.groups[:3] == ["b", "a", None]


def test_changed_count_travels_as_one_number() -> None:
    frames = frames_of(CHANNELS)
    frames.advance(FakeSnapshot(1, [("ios", 1), ("web", 1)], 2))
    frame = frames.advance(FakeSnapshot(2, [("ios", 1), ("web", 2)], 3))
    assert (frame["names"], frame["buffers"]) == (
        ["at", "set"],
        [np.array([1], np.uint32).tobytes(), np.array([2.0]).tobytes()],
    )


def test_records_of_a_stream_travel_once_and_the_oldest_leave() -> None:
    frames = frames_of(RATINGS, ChartOptions("scatter", x="rating_id"), points_max=2)
    frames.advance(FakeSnapshot(1, [(1, 5, 10), (2, 4, 20)], 2))
    frame = frames.advance(FakeSnapshot(2, [(2, 4, 20), (3, 3, 30)], 3))
    assert (frame["drop"], frame["names"]) == (1, ["x", "y", "g"])
    assert np.frombuffer(frame["buffers"][0]).tolist() == [3.0]


def test_records_that_came_in_one_go_are_all_appended() -> None:
    frames = frames_of(READINGS, ChartOptions("line", x="TS"), points_max=1000)
    page = PageModel()
    page.apply(frames.advance(FakeSnapshot(1, [(i, "a", 1.0) for i in range(10)], 10)))
    page.apply(frames.advance(FakeSnapshot(9, [(i, "a", 1.0) for i in range(500)], 500)))
    assert page.marks.x.tolist() == list(range(500))


@pytest.mark.parametrize("kind", ["line", "hist"])
def test_query_that_runs_anew_begins_with_an_empty_chart(kind: str) -> None:
    frames = frames_of(READINGS, ChartOptions(kind, y="DEGREES"))
    page = PageModel()
    page.apply(frames.advance(FakeSnapshot(5, [(i, "a", 1.0) for i in range(9)], 9)))
    page.apply(frames.advance(FakeSnapshot(1, [(0, "a", 7.0), (1, "a", 7.0)], 2)))
    assert tuples(page.marks) == tuples(frames.marks)
    assert page.marks.y.tolist() == ([7.0, 7.0] if kind == "line" else [2.0])


def test_newest_record_of_a_place_takes_the_place_of_the_earlier_one() -> None:
    query = FakeQuery([("CHANNEL", STRING), ("N", BIGINT)])
    frames = frames_of(query, ChartOptions("bar", x="CHANNEL"))
    frames.advance(FakeSnapshot(1, [("ios", 1), ("web", 5), ("ios", 2)], 3))
    assert (frames.factors, frames.marks.y.tolist()) == (["ios", "web"], [2.0, 5.0])


def test_rows_of_a_table_at_one_place_are_added_up() -> None:
    query = FakeQuery([("A", STRING), ("B", STRING), ("N", BIGINT)], key_columns=2, is_table=True)
    frames = frames_of(query, ChartOptions("bar", x="A", color="A"))
    frames.advance(FakeSnapshot(1, [("x", "1", 2), ("x", "2", 3)], 2))
    assert frames.marks.y.tolist() == [5.0]


def test_window_of_time_follows_the_newest_event() -> None:
    frames = frames_of(WINDOWS, ChartOptions("stacked", window="10s"))
    rows = [("a", start, start + 5000, 1) for start in range(0, 60_000, 5000)]
    frame = frames.advance(FakeSnapshot(1, rows, len(rows)))
    assert (frames.marks.x.tolist(), frame["newest"]) == ([45_000.0, 50_000.0, 55_000.0], 60_000.0)


def test_limit_leaves_no_half_window() -> None:
    frames = frames_of(WINDOWS, points_max=3)
    frames.advance(FakeSnapshot(1, [(card, start, start + 5, 1) for start in (0, 5) for card in "ab"], 4))
    assert frames.marks.x.tolist() == [5.0, 5.0]


def test_groups_without_a_colour_of_their_own_are_drawn_as_other_or_counted() -> None:
    rows: list[tuple[Any, ...]] = [(i, f"sensor {i}", 1.0) for i in range(13)]
    scatter, line = (frames_of(READINGS, ChartOptions(kind, color="sensor")) for kind in ("scatter", "line"))
    scatter.advance(FakeSnapshot(1, rows, 13))
    line.advance(FakeSnapshot(1, rows, 13))
    assert scatter.groups[OTHER_SLOT] == "other"
    assert (len(line.marks), line.caption.partition("; ")[2]) == (10, "3 more groups not drawn")


def test_group_that_has_left_gives_its_colour_free() -> None:
    frames = frames_of(READINGS, ChartOptions("line", color="sensor"), points_max=2)
    frames.advance(FakeSnapshot(1, [(0, "old", 1.0), (1, "kept", 1.0)], 2))
    frames.advance(FakeSnapshot(2, [(1, "kept", 1.0), (2, "kept", 1.0)], 3))
    frames.advance(FakeSnapshot(3, [(2, "kept", 1.0), (3, "new", 1.0)], 4))
    assert frames.groups[:2] == ["new", "kept"]


def test_groups_are_remembered_only_while_they_matter() -> None:
    frames = frames_of(READINGS, ChartOptions("scatter", color="sensor"), points_max=50)
    rows: list[tuple[Any, ...]] = []
    for i in range(60):
        rows = [(100 * i + j, f"sensor {100 * i + j}", 1.0) for j in range(100)]
        frames.advance(FakeSnapshot(i + 1, rows, 100 * (i + 1)))
    assert frames._slots.others <= 150


def test_table_with_many_categories_shows_the_largest() -> None:
    frames = frames_of(CHANNELS, points_max=1000)
    frames.advance(FakeSnapshot(1, [(f"k{i:03}", i) for i in range(200)], 200))
    assert frames.factors == [f"k{i:03}" for i in range(200 - FACTORS_MAX, 200)]
    assert frames.caption == "200 rows; the 60 largest of 200 categories"


def test_rows_without_a_value_are_counted_not_drawn() -> None:
    frames = frames_of(CHANNELS)
    frames.advance(FakeSnapshot(1, [("ios", None), ("web", 2), ("x", float("nan")), ("y", 10**400)], 4))
    assert (frames.factors, frames.caption) == (["web"], "4 rows; 3 without a value to draw")


def test_heatmap_places_rows_from_the_top_and_values_as_heights() -> None:
    frames = frames_of(WINDOWS, ChartOptions("heatmap"))
    frames.advance(FakeSnapshot(1, [("b", 0, 5, 7), ("a", 0, 5, 4)], 2))
    assert (frames.rows, tuples(frames.marks)) == (["b", "a"], [(0, 7, 0, 5), (0, 4, 1, 5)])


def test_histogram_counts_every_record_of_a_stream_once() -> None:
    frames = frames_of(READINGS, ChartOptions("hist"), points_max=10)
    for i in range(1, 11):
        rows: list[tuple[Any, ...]] = [(0, "a", float(n)) for n in range(100 * (i - 1), 100 * i)]
        frames.advance(FakeSnapshot(i, rows, 100 * i))
    assert frames.marks.y.sum() == 1000
    assert frames.caption == "1,000 records"


def test_histogram_says_what_it_has_missed() -> None:
    frames = frames_of(READINGS, ChartOptions("hist"))
    frames.advance(FakeSnapshot(1, [(0, "a", 1.0)] * 10, 10))
    frames.advance(FakeSnapshot(2, [(0, "a", 1.0)] * 10, 50))
    assert frames.caption == "50 records; 30 not counted"


def test_values_without_a_hash_can_tell_groups_apart() -> None:
    query = FakeQuery([("TAGS", Array(STRING)), ("N", BIGINT)])
    frames = frames_of(query, ChartOptions("scatter", color="TAGS"))
    frames.advance(FakeSnapshot(1, [(["a"], 1), (["b"], 2)], 2))
    assert frames.groups[:2] == ['["a"]', '["b"]']


def test_restricted_chart_draws_what_is_kept_and_later_everything_again() -> None:
    frames = frames_of(SENSORS, ChartOptions("line"))
    rows: list[tuple[Any, ...]] = [(None, "a", 1.0), ("no instant", "a", 2.0)]
    assert frames.advance(FakeSnapshot(1, rows, 2))["caption"] == "2 records; 2 without a value to draw"
    table = frames_of(CHANNELS)
    snapshot = FakeSnapshot(1, [("ios", 1), ("web", 2)], 2)
    table.restrict(lambda row: row[0] == "web")
    table.advance(snapshot)
    assert table.factors == ["web"]
    table.restrict(None)
    table.advance(snapshot)
    assert table.factors == ["ios", "web"]


Values = st.floats(-1e6, 1e6).map(lambda v: round(v, 1))
Marked = st.lists(st.tuples(st.integers(0, 4), Values, st.integers(0, 2), st.integers(0, 1)), max_size=8)


def marks_of(rows: list[tuple[int, float, int, int]]) -> Marks:
    x, y, g, w = (np.array([row[i] for row in rows], np.float64) for i in range(4))
    return Marks(x, y, g.astype(np.uint8), w)


@given(Marked, Marked, st.integers(0, 8))
def test_change_leads_from_any_state_to_any_other(
    old: list[tuple[int, float, int, int]], new: list[tuple[int, float, int, int]], kept: int
) -> None:
    states = [marks_of(old), marks_of(old[kept:] + new), marks_of(new)]
    page = PageModel()
    for before, after in zip([Marks(), *states], states, strict=False):
        change, buffers = change_of(before, after)
        page.apply({**change, "buffers": buffers})
        assert tuples(page.marks) == tuples(after)


Records = st.lists(
    st.tuples(st.integers(0, 30_000), st.sampled_from([*"abcdefghijklm", None]), st.none() | st.integers(-5, 50)),
    max_size=12,
)


@given(st.sampled_from(KINDS), st.booleans(), st.lists(Records, max_size=4), st.integers(1, 12))
def test_frames_lead_a_page_to_the_full_state(
    kind: str, is_table: bool, batches: list[list[tuple[Any, ...]]], points_max: int
) -> None:
    columns = [("TS", BIGINT), ("NAME", STRING), ("N", BIGINT)]
    query = FakeQuery(columns, key_columns=0, is_table=is_table)
    color = None if kind == "heatmap" else "NAME"
    frames = frames_of(query, ChartOptions(kind, x=None if kind == "hist" else "TS", color=color), points_max)
    page, late = PageModel(), PageModel()
    page.apply(frames.full())
    rows: list[tuple[Any, ...]] = []
    for version, batch in enumerate(batches, start=1):
        rows = batch if is_table else rows + batch
        page.apply(frames.advance(FakeSnapshot(version, rows, len(rows))))
        late.apply(frames.full())
        assert tuples(page.marks) == tuples(late.marks) == tuples(frames.marks)
        assert page.names == late.names
