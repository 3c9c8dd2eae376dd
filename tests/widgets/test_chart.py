from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from streamnb.schema import BIGINT, STRING, Array
from streamnb.widgets import views
from streamnb.widgets.chart import LiveChart
from streamnb.widgets.encoding import CHART_KINDS, ChartOptions
from streamnb.widgets.feed import Sender
from streamnb.widgets.metric import MetricTiles
from streamnb.widgets.palette import DARK, LIGHT, OTHER
from streamnb.widgets.points import plain_label
from tests.widgets.fake_query import FakeQuery, FakeSnapshot
from tests.widgets.test_encoding import PAIRS, WINDOWS


def test_labels_are_no_formulas() -> None:
    assert "$$" not in plain_label("$$x$$") + plain_label("\\(x\\)")


def test_every_kind_has_a_view() -> None:
    for kind in CHART_KINDS:
        view = views.chart(PAIRS, kind, sender=Sender())
        body = view.widget.children[1]
        assert isinstance(body, MetricTiles if kind == "metric" else LiveChart)
        view.close()


def test_chart_widget_holds_the_figure_for_the_page() -> None:
    chart = LiveChart(WINDOWS, ChartOptions(height=240), 100, 20)
    assert chart.figure["doc"]["roots"][0]["attributes"]["height"] == 240
    assert (chart.spec["kind"], chart.spec["scale"], chart.spec["color"]) == ("stacked", "time", "CARD")
    chart.close()


def test_chart_sends_its_arrays_as_buffers(monkeypatch: Any) -> None:
    chart = LiveChart(WINDOWS, ChartOptions(), 100, 20)
    sent: list[tuple[Any, Any]] = []
    monkeypatch.setattr(chart, "send", lambda content, buffers=None: sent.append((content, buffers)))
    chart.push(FakeSnapshot(1, [("a", 0, 5000, 2)], 1), 0.0)
    content, buffers = sent[0]
    assert (content["type"], content["n"], content["names"]) == ("frame", 1, ["x", "y", "g", "w"])
    assert [np.frombuffer(b).tolist() for b in (buffers[0], buffers[1], buffers[3])] == [[0.0], [2.0], [5000.0]]
    chart.close()


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


# Linear red, green and blue as deutan and protan readers see them (Viénot, Brettel and Mollon 1999).
_SEEN = {
    "all": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "deutan": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
    "protan": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
}
# From linear red, green and blue to the Oklab space, where distances are those that the eye sees.
_CONES = ((0.41222, 0.53633, 0.05145), (0.21190, 0.68070, 0.10740), (0.08830, 0.28172, 0.62998))
_LAB = ((0.21045, 0.79362, -0.00407), (1.97800, -2.42859, 0.45059), (0.02590, 0.78277, -0.80868))


def seen(colour: str, by: str) -> np.ndarray[Any, Any]:
    """Return a colour as a reader sees it, in Oklab."""
    linear = np.array([(int(colour[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)])
    left = np.clip(np.array(_SEEN[by]) @ linear, 0, 1)
    return np.asarray(np.array(_LAB) @ np.cbrt(np.array(_CONES) @ left))


def test_colours_stand_out_from_the_page_of_their_theme() -> None:
    for colours, back in (((*LIGHT, OTHER["light"]), 1.0), ((*DARK, OTHER["dark"]), luminance("#111111"))):
        for colour in colours:
            low, high = sorted((luminance(colour), back))
            assert (high + 0.05) / (low + 0.05) > 2.0, colour


@pytest.mark.parametrize(("first", "apart"), [(6, 0.08), (10, 0.06)])
@pytest.mark.parametrize("reader", list(_SEEN))
def test_colours_are_told_apart_by_colour_blind_readers_too(reader: str, first: int, apart: float) -> None:
    for colours in (LIGHT, DARK):
        for one, other in itertools.combinations(colours[:first], 2):
            assert np.linalg.norm(seen(one, reader) - seen(other, reader)) > apart, (one, other)


def test_late_selection_of_a_closed_chart_is_gone() -> None:
    query = FakeQuery(WINDOWS.columns, key_columns=1, is_table=True)
    one, two = (LiveChart(query, ChartOptions(), 100, 20) for _ in range(2))
    snapshot = FakeSnapshot(1, [("a", 0, 5000, 2), ("b", 0, 5000, 3)], 2)
    for chart in (one, two):
        chart.push(snapshot, 0.0)
    one._heard(one, {"type": "select", "groups": ["b"]}, [])
    assert two.frames.marks.y.tolist() == [3.0]
    assert one.frames.marks.y.tolist() == [2.0, 3.0]
    one.close()
    assert two.frames.marks.y.tolist() == [2.0, 3.0]
    two.close()


def test_selection_of_nested_values_restricts_the_others() -> None:
    query = FakeQuery([("TAGS", Array(STRING)), ("N", BIGINT)])
    one, two = (LiveChart(query, ChartOptions("scatter", color="TAGS"), 100, 20) for _ in range(2))
    for chart in (one, two):
        chart.push(FakeSnapshot(1, [(["a"], 1), (["b"], 2)], 2), 0.0)
    one._heard(one, {"type": "select", "groups": ['["b"]']}, [])
    assert two.frames.marks.y.tolist() == [2.0]
    one.close()
    two.close()
