from __future__ import annotations

import datetime as dt

import pytest

from streamnb.errors import StreamnbError
from streamnb.schema import BIGINT, DOUBLE, INTEGER, STRING, TIMESTAMP
from streamnb.widgets.encoding import ChartOptions, Encoding, choose_encoding, span_ms
from tests.widgets.fake_query import FakeQuery

WINDOWS = FakeQuery(
    [("CARD", STRING), ("WINDOWSTART", BIGINT), ("WINDOWEND", BIGINT), ("N", BIGINT)], key_columns=1, is_table=True
)
TOTALS = FakeQuery([("WINDOWSTART", BIGINT), ("WINDOWEND", BIGINT), ("N", BIGINT)], is_table=True)
CHANNELS = FakeQuery([("CHANNEL", STRING), ("N", BIGINT)], key_columns=1, is_table=True)
PAIRS = FakeQuery([("CHANNEL", STRING), ("TIER", STRING), ("N", BIGINT)], key_columns=2, is_table=True)
RATINGS = FakeQuery([("RATING_ID", BIGINT), ("STARS", INTEGER), ("RATING_TIME", BIGINT)])
SENSORS = FakeQuery([("AT", TIMESTAMP), ("SENSOR", STRING), ("DEGREES", DOUBLE)])


@pytest.mark.parametrize(
    ("query", "options", "chosen"),
    [
        (WINDOWS, ChartOptions(), Encoding("stacked", "time", x=1, y=3, color=0, window_end=2)),
        (WINDOWS, ChartOptions("bar"), Encoding("bar", "time", x=1, y=3, color=0, window_end=2)),
        (WINDOWS, ChartOptions("line", window="5m"), Encoding("line", "time", 1, 3, 0, 2, window_ms=300_000)),
        (WINDOWS, ChartOptions("heatmap"), Encoding("heatmap", "time", x=1, y=3, color=0, window_end=2)),
        (WINDOWS, ChartOptions("metric"), Encoding("metric", "time", x=1, y=3, color=0)),
        (TOTALS, ChartOptions(), Encoding("bar", "time", x=0, y=2, color=None, window_end=1)),
        (CHANNELS, ChartOptions(), Encoding("bar", "category", x=0, y=1, color=None)),
        (CHANNELS, ChartOptions("metric"), Encoding("metric", "number", x=None, y=1, color=0)),
        (CHANNELS, ChartOptions("hist"), Encoding("hist", "number", x=None, y=1, color=None)),
        (PAIRS, ChartOptions(), Encoding("stacked", "category", x=0, y=2, color=1)),
        (PAIRS, ChartOptions("heatmap"), Encoding("heatmap", "category", x=0, y=2, color=1)),
        (PAIRS, ChartOptions("heatmap", x="TIER", y="CHANNEL", color="N"), Encoding("heatmap", "category", 1, 2, 0)),
        (RATINGS, ChartOptions(), Encoding("line", "time", x=2, y=1, color=None)),
        (RATINGS, ChartOptions("scatter", x="stars", y="RATING_ID"), Encoding("scatter", "number", 1, 0, None)),
        (RATINGS, ChartOptions("metric"), Encoding("metric", "number", x=None, y=1, color=None)),
        (RATINGS, ChartOptions("hist", x="STARS"), Encoding("hist", "number", x=None, y=1, color=None)),
        (SENSORS, ChartOptions(), Encoding("line", "time", x=0, y=2, color=None)),
        (SENSORS, ChartOptions("heatmap"), Encoding("heatmap", "time", x=0, y=2, color=1)),
        (SENSORS, ChartOptions("area", color="sensor"), Encoding("area", "time", x=0, y=2, color=1)),
        (FakeQuery([("MEAN", DOUBLE)]), ChartOptions(), Encoding("line", "number", x=None, y=0, color=None)),
    ],
)
def test_chart_chooses_what_is_not_asked_by_the_schema(
    query: FakeQuery, options: ChartOptions, chosen: Encoding
) -> None:
    assert choose_encoding(query, options) == chosen


@pytest.mark.parametrize(
    ("query", "options", "message"),
    [
        (RATINGS, ChartOptions(y="STARZ"), "column STARZ is not in the result"),
        (FakeQuery([("NAME", STRING)]), ChartOptions(), "a chart needs a column of numbers for its height"),
        (CHANNELS, ChartOptions(y="CHANNEL"), "column CHANNEL is STRING, and the height of a chart is a number"),
        (
            CHANNELS,
            ChartOptions("hist", x="CHANNEL"),
            "column CHANNEL is STRING, and what a histogram counts is a number",
        ),
        (CHANNELS, ChartOptions("heatmap"), "a heatmap needs two columns beside its value, one across and one upwards"),
        (CHANNELS, ChartOptions("bar", window="5m"), "a window of time needs a time axis, and x is CHANNEL"),
        (RATINGS, ChartOptions("hist", window="5m"), "a window of time needs a time axis, and histograms have none"),
        (WINDOWS, ChartOptions("metric", window="5m"), "a window of time needs a time axis, and tiles have none"),
        (CHANNELS, ChartOptions("bars"), "unknown kind of chart bars"),
        (WINDOWS, ChartOptions("line", window="soon"), "window soon is no span of time"),
        (WINDOWS, ChartOptions("line", window=-1), "window -1 is no span of time"),
    ],
)
def test_chart_that_cannot_be_drawn_is_refused(query: FakeQuery, options: ChartOptions, message: str) -> None:
    with pytest.raises(StreamnbError) as refused:
        choose_encoding(query, options)
    assert refused.value.message == message


def test_unknown_column_gets_a_hint() -> None:
    with pytest.raises(StreamnbError) as refused:
        choose_encoding(RATINGS, ChartOptions(y="STARZ"))
    assert refused.value.render() == (
        "error: column STARZ is not in the result\n"
        "hint: did you mean STARS? The result has RATING_ID, STARS, RATING_TIME."
    )


def test_spans_are_read_as_text_seconds_and_timedeltas() -> None:
    spans = ("250ms", "30s", "5 m", "1.5h", "2d", 90, dt.timedelta(minutes=1))
    assert [span_ms(span) for span in spans] == [250, 30_000, 300_000, 5_400_000, 172_800_000, 90_000, 60_000]
