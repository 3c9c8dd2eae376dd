from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from streamnb.schema import BIGINT, STRING
from streamnb.widgets.encoding import CHART_KINDS, ChartOptions, choose_encoding
from streamnb.widgets.feed import Sender
from streamnb.widgets.picture import chart_picture
from streamnb.widgets.series import ChartFrames
from streamnb.widgets.ticks import number_text, number_ticks, time_ticks
from streamnb.widgets.views import chart, table
from tests.widgets.fake_query import FakeQuery, FakeSnapshot

HOSTILE = "</text><script>x</script>\x00\x1b&amp;"
SVG = "{http://www.w3.org/2000/svg}"


def drawn(kind: str, rows: list[tuple[Any, ...]], points_max: int = 5000) -> ET.Element:
    columns = [(HOSTILE, STRING), ("WINDOWSTART", BIGINT), ("WINDOWEND", BIGINT), ("N", BIGINT)]
    query = FakeQuery(columns, key_columns=1, is_table=True)
    frames = ChartFrames(query, choose_encoding(query, ChartOptions(kind)), points_max)
    frames.advance(FakeSnapshot(1, rows, len(rows)))
    return ET.fromstring(chart_picture(frames, HOSTILE))


@pytest.mark.parametrize("kind", [kind for kind in CHART_KINDS if kind != "metric"])
def test_picture_is_well_formed_and_has_hostile_values_as_text(kind: str) -> None:
    rows = [(name, i * 5, i * 5 + 5, i) for i in range(3) for name in (HOSTILE, "b")]
    document = drawn(kind, rows)
    texts = [element.text or "" for element in document.iter(f"{SVG}text")]
    assert {element.tag.removeprefix(SVG) for element in document.iter()} <= {"svg", "rect", "text", "path", "circle"}
    assert any("<script>x</script>" in text for text in texts)


@pytest.mark.parametrize("kind", ["stacked", "bar", "hist", "heatmap", "line", "area", "scatter"])
def test_picture_without_rows_says_so(kind: str) -> None:
    texts = [element.text for element in drawn(kind, []).iter(f"{SVG}text")]
    assert "no rows yet" in texts


def test_stacked_bars_stand_on_each_other() -> None:
    paths = [e.get("d", "") for e in drawn("stacked", [("a", 0, 5, 2), ("b", 0, 5, 2)]).iter(f"{SVG}path")][-2:]
    first, second = (path.removeprefix("M").split("h")[0].split(" ")[1] for path in paths)
    end_of_first = paths[0].split("V")[1].split("h")[0]
    assert (second, float(first) > float(second)) == (end_of_first, True)


@pytest.mark.parametrize("kind", ["line", "area", "scatter"])
def test_picture_of_many_points_stays_small(kind: str) -> None:
    query = FakeQuery([("TS", BIGINT), ("N", BIGINT)])
    frames = ChartFrames(query, choose_encoding(query, ChartOptions(kind)), 100_000)
    frames.advance(FakeSnapshot(1, [(i, i * 7919 % 1000) for i in range(100_000)], 100_000))
    assert 10_000 < len(chart_picture(frames, "")) < 60_000


@pytest.mark.parametrize("kind", ["stacked", "heatmap"])
def test_picture_of_many_bars_shows_the_newest_and_says_so(kind: str) -> None:
    document = drawn(kind, [("a", i * 5, i * 5 + 5, i) for i in range(5000)])
    assert len(ET.tostring(document)) < 150_000
    assert any("drawn are the newest 3,000 marks" in (text.text or "") for text in document.iter(f"{SVG}text"))


def test_chart_leaves_an_image_and_text_and_a_table_leaves_html() -> None:
    query = FakeQuery([("CHANNEL", STRING), ("N", BIGINT)], key_columns=1, is_table=True)
    query.feed.put([("web", 3)])
    seen = []
    for view in (
        chart(query, "bar", sender=Sender()),
        chart(query, "metric", sender=Sender()),
        table(query, sender=Sender()),
    ):
        view._snapshot = query.feed.snapshot()
        seen.append(sorted(view.picture()))
        view.close()
    assert seen == [["image/svg+xml", "text/plain"], ["image/svg+xml", "text/plain"], ["text/html", "text/plain"]]


def test_ticks_are_round_and_short() -> None:
    assert [label for _, label in number_ticks(0, 1_300_000, 5)] == ["0", "500 k", "1 M"]
    assert [label for _, label in time_ticks(0, 60_000, 5)] == [
        "00:00:00",
        "00:00:15",
        "00:00:30",
        "00:00:45",
        "00:01:00",
    ]
    assert [label for _, label in time_ticks(0, 5 * 86_400_000, 5)][:2] == ["01 Jan", "02 Jan"]
    assert (number_text(1_234_567), number_text(0.25), number_text(-2e12)) == ("1.235 M", "0.25", "-2 T")
