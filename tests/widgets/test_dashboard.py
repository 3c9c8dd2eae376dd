from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets
import pytest

from streamnb.engine.progress import Progress
from streamnb.errors import StreamnbError
from streamnb.schema import BIGINT, STRING
from streamnb.widgets import dashboard as module
from streamnb.widgets import output, views
from streamnb.widgets.dashboard import Dashboard, dashboard
from streamnb.widgets.feed import Sender
from streamnb.widgets.live import LiveView
from streamnb.widgets.metric import MetricTiles
from streamnb.widgets.output import WIDGET_MIME
from streamnb.widgets.panel import PanelHead, compact
from streamnb.widgets.param import param
from tests.widgets.fake_query import FakeQuery, StillSender

HOSTILE = "<img src=x onerror=a()>"


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> StillSender:
    still = StillSender()
    monkeypatch.setattr(module, "default_sender", lambda: still)
    return still


@pytest.fixture(autouse=True)
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Keep what goes into the cell."""
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(output, "publish", lambda bundle, _id: shown.append(bundle))
    monkeypatch.setattr(output, "replace", lambda bundle, _id: shown.append(bundle))
    yield shown


def counts() -> FakeQuery:
    query = FakeQuery([("DEVICE", STRING), ("N", BIGINT)], key_columns=1, is_table=True)
    query.feed.put([("Study light", 3), (HOSTILE, 7)], 12)
    return query


def table(query: FakeQuery, sender: Sender, name: str = "Activity") -> LiveView:
    return views.table(query, name=name, sender=sender)


def open_models() -> set[str]:
    return {id_ for id_, widget in ipywidgets.widgets.widget._instances.items() if widget.comm is not None}


def panel(board: Dashboard, area: str = "0") -> Any:
    return board._panels[area]


def test_dashboard_shows_its_title_and_each_view_in_a_card(sender: StillSender, page: list[dict[str, Any]]) -> None:
    board = dashboard("Access points", [2], [table(counts(), sender), table(counts(), sender, "Connections")])
    board.show()
    sender.run(1.0)
    assert page[0][WIDGET_MIME]["model_id"] == board.widget.model_id
    assert [panel(board, area).head.title for area in ("0", "1")] == ["Activity", "Connections"]
    assert (board.bar.title, board.bar.summary, board.bar.state) == ("Access points", "live", "RUNNING")


def test_cards_stand_where_the_layout_says(sender: StillSender) -> None:
    items = {name: table(counts(), sender) for name in "abc"}
    board = dashboard("", ["a a", "b c"], items)
    places = [card.layout.grid_area for card in board.widget.children[1].children]
    assert places == ["1 / 1 / 2 / 3", "2 / 1 / 3 / 2", "2 / 2 / 3 / 3"]


def test_still_picture_holds_every_panel_and_escapes_values(sender: StillSender, page: list[dict[str, Any]]) -> None:
    board = dashboard(HOSTILE, None, [table(counts(), sender), "devices & more"])
    board.show()
    kept = page[-1]
    assert "Study light" in kept["text/plain"] and "devices & more" in kept["text/plain"]
    assert "<img" not in kept["text/html"] and "devices &amp; more" in kept["text/html"]


def test_panel_shows_the_error_of_its_query(sender: StillSender) -> None:
    query = counts()
    board = dashboard("", None, [table(query, sender), table(counts(), sender)])
    board.show()
    sender.run(1.0)
    query.state = "ERROR"
    query.feed.fail("topic ratings is gone")
    sender.run(2.0)
    assert (panel(board).head.state, panel(board).head.error) == ("ERROR", "topic ratings is gone")
    assert (board.bar.state, board.bar.summary) == ("ERROR", "1 of 2 failed")


def test_summary_counts_the_queries_that_go_on(sender: StillSender) -> None:
    first, second = counts(), counts()
    board = dashboard("", None, [table(first, sender), table(second, sender)])
    board.show()
    first.stop()
    sender.run(1.0)
    sender.run(2.0)
    assert board.bar.summary == "1 of 2 live"
    second.stop()
    sender.run(3.0)
    sender.run(4.0)
    assert (board.bar.summary, board.bar.state) == ("stopped", "STOPPED")


def test_close_leaves_a_picture_and_no_model_and_not_the_widgets_of_others(
    sender: StillSender, page: list[dict[str, Any]]
) -> None:
    tier, slider = param("tier", ["P", "G"]), ipywidgets.IntSlider()
    before = open_models()
    board = dashboard("Devices", None, [table(counts(), sender), slider, "text"], params=[tier])
    board.show()
    sender.run(1.0)
    board.close()
    assert open_models() == before
    assert WIDGET_MIME not in page[-1] and "Study light" in page[-1]["text/plain"]
    assert sender.views == []


def test_closed_dashboard_is_not_shown_again(sender: StillSender) -> None:
    board = dashboard("", None, [table(counts(), sender)])
    board.show()
    with pytest.raises(StreamnbError, match="on show already"):
        board.show()
    board.close()
    with pytest.raises(StreamnbError, match="closed"):
        board.show()


def test_view_stands_in_one_place_only(sender: StillSender) -> None:
    view = table(counts(), sender)
    dashboard("", None, [view])
    with pytest.raises(StreamnbError, match="view Activity is on show elsewhere"):
        dashboard("", None, [view])
    with pytest.raises(StreamnbError, match="part of a dashboard"):
        view.show()


def test_item_that_cannot_be_shown_is_refused_before_a_view_is_taken(sender: StillSender) -> None:
    view = table(counts(), sender)
    with pytest.raises(StreamnbError, match="cannot show int"):
        dashboard("", None, [view, 7])
    dashboard("", None, [view])


def test_rate_begins_anew_when_the_query_is_planned_again(sender: StillSender) -> None:
    head = PanelHead("", "record")
    for now_s, total in enumerate((0, 100, 200, 30, 80)):
        head.show("RUNNING", total, float(now_s))
    assert head.rate == "50/s"


def labels(view: LiveView) -> list[str]:
    body = view.body
    assert isinstance(body, MetricTiles)
    return [tile.label for tile in body.frames.tiles]


def test_metric_shows_the_row_whose_key_is_its_title(sender: StillSender) -> None:
    view = views.metric(counts(), "Study light", value="n", sender=sender)
    dashboard("", None, [view]).show()
    sender.run(1.0)
    assert (labels(view), view.name) == (["Study light"], "")


def test_metric_finds_its_row_by_the_values_of_columns(sender: StillSender) -> None:
    view = views.metric(counts(), "The hostile one", where={"device": HOSTILE, "n": 7}, sender=sender)
    dashboard("", None, [view]).show()
    sender.run(1.0)
    assert (labels(view), view.name) == ([HOSTILE], "The hostile one")


def test_metric_names_the_columns_when_one_is_unknown() -> None:
    with pytest.raises(StreamnbError) as refused:
        views.metric(counts(), "x", where={"devise": "x"})
    assert refused.value.hint == "did you mean DEVICE? The result has DEVICE, N."


def test_search_keeps_the_tiles_of_rows_that_hold_its_text(sender: StillSender) -> None:
    view = views.chart(counts(), "metric", sender=sender)
    board = dashboard("", None, [view])
    board.show()
    sender.run(1.0)
    board.bar.search = " LIGHT"
    assert labels(view) == ["Study light"]
    board.bar.search = "7"
    assert labels(view) == [HOSTILE]
    board.bar.search = ""
    assert labels(view) == [HOSTILE, "Study light"]


def test_search_box_is_there_only_where_something_can_be_searched() -> None:
    assert dashboard("", None, [views.chart(counts(), "metric")]).bar.searchable
    assert not dashboard("", None, [views.chart(counts(), "bar")]).bar.searchable


def test_still_picture_of_a_chart_is_an_image(sender: StillSender, page: list[dict[str, Any]]) -> None:
    dashboard("", None, [views.chart(counts(), "bar", name="By device", sender=sender)]).show()
    assert '<img src="data:image/svg+xml;base64,' in page[-1]["text/html"]
    assert 'alt="By device' in page[-1]["text/html"]


def test_still_picture_of_a_chart_has_its_rows_for_sites_that_show_no_such_image(
    sender: StillSender, page: list[dict[str, Any]]
) -> None:
    dashboard("", None, [views.chart(counts(), "bar", name="By device", sender=sender)]).show()
    folded = page[-1]["text/html"].partition("<details>")[2]
    assert folded.startswith("<summary>the rows as a table</summary>") and "<table" in folded


def test_head_tells_how_far_a_query_is_that_catches_up() -> None:
    head = PanelHead("", "record")
    head.show("RUNNING", 2500, 0.0, None, Progress(2500, 10_000, 0.0))
    assert (head.rate, head.detail) == ("catching up, 25%", "running · 2,500 records · 0.0/s · 7,500 records behind")
    head.show("RUNNING", 10_000, 1.0)
    assert head.rate == "7.5k/s"


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.0, "0"), (7.4, "7"), (999.4, "999"), (999.8, "1.0k"), (1234, "1.2k"), (35_210, "35k"), (2_500_000, "2.5M")],
)
def test_rates_are_written_short(rate: float, text: str) -> None:
    assert compact(rate) == text
