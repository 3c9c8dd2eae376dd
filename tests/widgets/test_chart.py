from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamnb.errors import StreamnbError
from streamnb.schema import BIGINT, DOUBLE, INTEGER, STRING, TIMESTAMP
from streamnb.widgets.chart import LiveChart
from streamnb.widgets.encoding import ChartOptions, Encoding, choose_encoding
from streamnb.widgets.series import OTHER_SLOT, ChartFrames, change_of, plain_label
from tests.widgets.fake_query import FakeQuery, FakeSnapshot

WINDOWS = FakeQuery(
    [("CARD", STRING), ("WINDOWSTART", BIGINT), ("WINDOWEND", BIGINT), ("N", BIGINT)], key_columns=1, is_table=True
)
CHANNELS = FakeQuery([("CHANNEL", STRING), ("N", BIGINT)], key_columns=1, is_table=True)
RATINGS = FakeQuery([("RATING_ID", BIGINT), ("STARS", INTEGER), ("RATING_TIME", BIGINT)])
SENSORS = FakeQuery([("AT", TIMESTAMP), ("SENSOR", STRING), ("DEGREES", DOUBLE)])


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        (WINDOWS, Encoding("bar", "time", x=1, y=3, color=0, window_end=2)),
        (CHANNELS, Encoding("bar", "category", x=0, y=1, color=None)),
        (RATINGS, Encoding("line", "time", x=2, y=1, color=None)),
        (SENSORS, Encoding("line", "time", x=0, y=2, color=None)),
        (FakeQuery([("MEAN", DOUBLE)]), Encoding("line", "number", x=None, y=0, color=None)),
    ],
)
def test_chart_chooses_its_columns_by_the_schema(query: FakeQuery, chosen: Encoding) -> None:
    assert choose_encoding(query, ChartOptions()) == chosen


def test_asked_columns_come_before_the_choice() -> None:
    asked = ChartOptions("scatter", x="stars", y="RATING_ID")
    assert choose_encoding(RATINGS, asked) == Encoding("scatter", "number", x=1, y=0, color=None)


def test_unknown_column_gets_a_hint() -> None:
    with pytest.raises(StreamnbError) as refused:
        choose_encoding(RATINGS, ChartOptions(y="STARZ"))
    assert refused.value.render() == (
        "error: column STARZ is not in the result\n"
        "hint: did you mean STARS? The result has RATING_ID, STARS, RATING_TIME."
    )


def test_chart_without_a_number_is_refused() -> None:
    with pytest.raises(StreamnbError, match="needs a column of numbers"):
        choose_encoding(FakeQuery([("NAME", STRING)]), ChartOptions())


def test_text_as_height_is_refused() -> None:
    with pytest.raises(StreamnbError, match="CHANNEL is STRING"):
        choose_encoding(CHANNELS, ChartOptions(y="CHANNEL"))


def test_bars_of_one_window_are_stacked_and_as_wide_as_it() -> None:
    frames = ChartFrames(WINDOWS, choose_encoding(WINDOWS, ChartOptions()), 100)
    frame = frames.advance(FakeSnapshot(1, [("a", 0, 5000, 2), ("b", 0, 5000, 3)], 2))
    drawn = [(c["data"]["x"], c["data"]["bottom"], c["data"]["top"], c["data"]["w"]) for c in frame["changes"]]
    assert drawn == [([2500.0], [0.0], [2.0], [4500.0]), ([2500.0], [2.0], [5.0], [4500.0])]
    assert frame["legend"][:3] == ["a", "b", None]


def test_changed_count_is_sent_as_a_patch() -> None:
    frames = ChartFrames(CHANNELS, choose_encoding(CHANNELS, ChartOptions()), 100)
    frames.advance(FakeSnapshot(1, [("ios", 1), ("web", 1)], 2))
    frame = frames.advance(FakeSnapshot(2, [("ios", 1), ("web", 2)], 3))
    assert frame["changes"] == [
        {"slot": 0, "op": "patch", "patches": {"top": [[1, 2.0]], "yt": [[1, "2"]]}, "data": None, "keep": 2}
    ]


def test_stream_is_sent_as_what_to_append() -> None:
    frames = ChartFrames(RATINGS, choose_encoding(RATINGS, ChartOptions("scatter", x="rating_id")), 2)
    frames.advance(FakeSnapshot(1, [(1, 5, 10), (2, 4, 20)], 2))
    (change,) = frames.advance(FakeSnapshot(2, [(2, 4, 20), (3, 3, 30)], 3))["changes"]
    assert (change["op"], change["data"]["x"], change["keep"]) == ("append", [3.0], 2)


def test_groups_without_a_colour_of_their_own_are_drawn_as_other_or_counted() -> None:
    rows: list[tuple[Any, ...]] = [(i, f"sensor {i}", 1.0) for i in range(13)]
    query = FakeQuery([("AT", BIGINT), ("SENSOR", STRING), ("DEGREES", DOUBLE)])
    scatter = ChartFrames(query, choose_encoding(query, ChartOptions("scatter", color="sensor")), 100)
    line = ChartFrames(query, choose_encoding(query, ChartOptions("line", color="sensor")), 100)
    assert scatter.advance(FakeSnapshot(1, rows, 13))["legend"][OTHER_SLOT] == "other"
    assert line.advance(FakeSnapshot(1, rows, 13))["caption"] == "13 records; 3 more groups are not drawn"


def test_rows_without_a_value_are_counted_not_drawn() -> None:
    frames = ChartFrames(CHANNELS, choose_encoding(CHANNELS, ChartOptions()), 100)
    frame = frames.advance(FakeSnapshot(1, [("ios", None), ("web", 2), ("x", float("nan"))], 3))
    assert frame["caption"] == "3 rows; 2 without a value to draw"


def test_labels_are_no_formulas() -> None:
    assert "$$" not in plain_label("$$x$$") + plain_label("\\(x\\)")


def test_chart_widget_holds_the_figure_for_the_page() -> None:
    chart = LiveChart(WINDOWS, ChartOptions(), 100, 20)
    assert chart.figure["doc"]["roots"][0]["name"] == "Figure"
    chart.close()


Lists = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=8)


@given(Lists, Lists)
def test_change_leads_from_any_series_to_any_other(old: list[tuple[int, int]], new: list[tuple[int, int]]) -> None:
    before = {"x": [x for x, _ in old], "y": [y for _, y in old]}
    after = {"x": [x for x, _ in new], "y": [y for _, y in new]}
    assert _apply(before, change_of(0, before, after)) == after


def _apply(columns: dict[str, list[Any]], change: dict[str, Any] | None) -> dict[str, list[Any]]:
    """Do what the page does."""
    if change is None:
        return columns
    if change["op"] == "data":
        return dict(change["data"])
    result = {name: list(values) for name, values in columns.items()}
    for name, pairs in change.get("patches", {}).items():
        for index, value in pairs:
            result[name][index] = value
    for name, values in (change["data"] or {}).items():
        result[name] = (result[name] + values)[-change["keep"] :]
    return result
