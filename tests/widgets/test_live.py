from __future__ import annotations

from typing import Any

import pytest

from streamnb.schema import BIGINT, STRING
from streamnb.widgets import output, views
from streamnb.widgets.live import LiveView
from tests.widgets.fake_query import FakeFeed, FakeQuery, StillSender


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch) -> LiveView:
    monkeypatch.setattr(output, "publish", lambda *_: None)
    monkeypatch.setattr(output, "replace", lambda *_: None)
    query = FakeQuery([("DEVICE", STRING), ("N", BIGINT)], key_columns=1, is_table=True, params={"least": 1})
    query.feed.put([("Study light", 3)])
    made = views.table(query, sender=StillSender())
    made.show()
    made.tick(0.0)
    return made


def shown(view: LiveView) -> str:
    return str(view.picture()["text/plain"])


def plan_again(view: LiveView) -> FakeFeed:
    query: Any = view.query
    query.feed = feed = FakeFeed()
    return feed


def test_rows_stay_until_the_query_planned_again_has_some(view: LiveView) -> None:
    feed = plan_again(view)
    view.tick(1.0)
    assert "Study light" in shown(view)
    feed.put([("Kitchen radio", 4)])
    view.tick(1.1)
    assert "Kitchen radio" in shown(view) and "Study light" not in shown(view)


def test_rows_go_when_the_query_planned_again_has_none_for_a_while(view: LiveView) -> None:
    plan_again(view)
    view.tick(1.0)
    view.tick(2.1)
    assert "(0 rows)" in shown(view)


def test_view_of_a_query_with_parameters_is_served_after_its_end(view: LiveView) -> None:
    query: Any = view.query
    query.feed.put([("Study light", 3)], done=True)
    query.state = "DONE"
    assert view.tick(1.0)
    assert view.settle(0)
    query.params = {}
    assert not view.tick(2.0)
