"""Rows of a live query that come to meet a condition, each told once."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

import pytest

from streamnb.errors import KsqlStatementError, ParseFailedError
from tests.pipelines import live, put, records, shown_by, workspace

Rows = list[tuple[Any, ...]]


class Told:
    """Keeps what a watch tells."""

    def __init__(self) -> None:
        self.rows: queue.Queue[tuple[Any, ...]] = queue.Queue()

    def __call__(self, rows: Rows) -> None:
        for row in rows:
            self.rows.put(row)

    def take(self, count: int) -> Rows:
        """Wait for so many rows; there are no more."""
        found = [self.rows.get(timeout=20) for _ in range(count)]
        assert self.rows.empty()
        return found


def rated(*stars: int) -> list[tuple[Any, ...]]:
    return [(n, {"STARS": s, "CHANNEL": "web"}) for n, s in enumerate(stars)]


def test_record_of_a_stream_is_told_once_when_it_meets_the_condition() -> None:
    told = Told()
    with workspace(ratings=1, start=True) as nb:
        query = live(nb, "SELECT STARS, CHANNEL FROM RATINGS EMIT CHANGES;")
        query.watch("STARS = 1 AND CHANNEL LIKE 'w%'", told)
        put(nb, "ratings", rated(1, 5, 1))
        shown_by(query, lambda rows: len(rows) == 3)
        assert told.take(2) == [(1, "web"), (1, "web")]


def test_row_of_a_table_is_told_again_only_after_it_ceased_to_meet_the_condition() -> None:
    told = Told()
    with workspace(ratings=1, start=True) as nb:
        query = live(nb, "SELECT CHANNEL, LATEST_BY_OFFSET(STARS) AS STARS FROM RATINGS GROUP BY CHANNEL EMIT CHANGES;")
        query.watch("STARS < 3", told)
        for stars in (1, 2, 5, 2):
            before = query.feed.snapshot().version
            put(nb, "ratings", rated(stars))
            assert query.feed.wait(before, 20)
        assert told.take(2) == [("web", 1), ("web", 2)]


def test_row_whose_condition_fails_is_not_told() -> None:
    told = Told()
    with workspace(ratings=1, start=True) as nb:
        query = live(nb, "SELECT STARS FROM RATINGS EMIT CHANGES;")
        query.watch("10 / STARS > 4", told)
        put(nb, "ratings", rated(0, 2))
        shown_by(query, lambda rows: len(rows) == 2)
        assert told.take(1) == [(2,)]


def test_ended_watch_is_told_nothing() -> None:
    told = Told()
    with workspace(ratings=1, start=True) as nb:
        query = live(nb, "SELECT STARS FROM RATINGS EMIT CHANGES;")
        query.watch(None, told)()
        put(nb, "ratings", rated(1))
        shown_by(query, lambda rows: len(rows) == 1)
        assert told.take(0) == []


@pytest.mark.parametrize(
    ("condition", "kind", "says"),
    [
        ("STARZ = 1", KsqlStatementError, "did you mean STARS?"),
        ("STARS", KsqlStatementError, "compare it with something"),
        ("STARS = ", ParseFailedError, "^"),
        ("STARS = 1; DROP STREAM RATINGS", ParseFailedError, "^"),
        ("STARS = 1 GROUP BY STARS", ParseFailedError, "^"),
    ],
)
def test_condition_that_is_none_is_refused_at_its_place(condition: str, kind: type[Exception], says: str) -> None:
    with workspace(ratings=1) as nb:
        query = live(nb, "SELECT STARS FROM RATINGS EMIT CHANGES;")
        with pytest.raises(kind) as caught:
            query.watch(condition, Told())
        render: Callable[[], str] = caught.value.render  # type: ignore[attr-defined]
        assert says in render()


def test_publisher_appends_rows_as_json_to_a_topic_that_it_makes() -> None:
    with workspace(ratings=1) as nb:
        query = live(nb, "SELECT STARS, CHANNEL FROM RATINGS EMIT CHANGES;")
        query.publisher("alerts")([(1, "web"), (2, "it's")])
        assert [row[4] for row in records(nb, "alerts")] == [
            {"STARS": 1, "CHANNEL": "web"},
            {"STARS": 2, "CHANNEL": "it's"},
        ]
