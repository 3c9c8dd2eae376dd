from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from streamnb.schema import BIGINT, STRING, SqlType
from streamnb.widgets.alerts import Alert, RateLimit

Row = tuple[Any, ...]


class WatchedQuery:
    """A query whose matches a test supplies."""

    columns: Sequence[tuple[str, SqlType]] = (("STARS", BIGINT), ("MESSAGE", STRING))

    def __init__(self) -> None:
        self.told: Callable[[list[Row]], None] | None = None
        self.topic: list[Row] = []
        self.wrote = threading.Event()

    def watch(self, condition: str | None, on_match: Callable[[list[Row]], None]) -> Callable[[], None]:
        self.told = on_match
        return lambda: setattr(self, "told", None)

    def publisher(self, topic: str) -> Callable[[Sequence[Row]], None]:
        def append(rows: Sequence[Row]) -> None:
            self.topic += rows
            self.wrote.set()

        return append

    def find(self, *rows: Row) -> None:
        assert self.told is not None
        self.told(list(rows))


@pytest.fixture
def query() -> Iterator[WatchedQuery]:
    yield WatchedQuery()


def finished(alert: Alert) -> None:
    """Let the alert's thread do all that it was handed, and end."""
    alert._found.put(None)
    alert._thread.join(20)


def test_found_rows_become_banners_calls_and_records(query: WatchedQuery) -> None:
    calls: list[Mapping[str, Any]] = []
    alert = Alert(query, "STARS = 1", callback=calls.append, topic="alerts")
    query.find((1, "bad"), (1, None))
    finished(alert)
    assert calls == [{"STARS": 1, "MESSAGE": "bad"}, {"STARS": 1, "MESSAGE": None}]
    assert query.topic == [(1, "bad"), (1, None)]
    assert [banner["facts"] for banner in alert.widget.banners] == [
        [["STARS", "1"], ["MESSAGE", "bad"]],
        [["STARS", "1"], ["MESSAGE", "null"]],
    ]
    assert (alert.raised, alert.widget.title) == (2, "STARS = 1")
    alert.close()


def test_what_comes_too_fast_is_counted_and_reaches_the_topic_all_the_same(query: WatchedQuery) -> None:
    alert = Alert(query, topic="alerts", per_minute=6, clock=lambda: 0.0)
    query.find(*((n, "x") for n in range(50)))
    finished(alert)
    assert (alert.raised, alert.widget.held, len(alert.widget.banners), len(query.topic)) == (50, 49, 1, 50)
    alert.close()


def test_failing_callback_is_shown_and_ends_nothing(query: WatchedQuery) -> None:
    def broken(_row: Mapping[str, Any]) -> None:
        raise ValueError("no mail server")

    alert = Alert(query, callback=broken, topic="alerts")
    query.find((1, "a"), (2, "b"))
    finished(alert)
    assert len(alert.widget.banners) == 2
    assert alert.widget.problem == "ValueError: no mail server"
    assert len(query.topic) == 2
    alert.close()


def test_closed_alert_watches_no_more(query: WatchedQuery) -> None:
    alert = Alert(query)
    alert.close()
    assert query.told is None
    assert not alert._thread.is_alive()


def test_rate_limit_lets_through_as_time_passes() -> None:
    now_s = [0.0]
    limit = RateLimit(60, lambda: now_s[0])
    assert sum(limit.allows() for _ in range(100)) == 10
    now_s[0] = 3.0
    assert sum(limit.allows() for _ in range(100)) == 3


def test_rate_must_be_above_zero(query: WatchedQuery) -> None:
    with pytest.raises(ValueError, match="per_minute"):
        Alert(query, per_minute=0)
