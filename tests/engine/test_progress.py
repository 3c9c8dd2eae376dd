"""How far a query is on what was there when it began."""

from __future__ import annotations

import pytest

from streamnb.engine.progress import Backlog, Progress
from streamnb.results import Live
from tests.pipelines import put, workspace


class Seconds:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_share_rate_and_time_left_follow_the_steps() -> None:
    clock = Seconds()
    backlog = Backlog(1000, clock)
    assert str(backlog.progress) == "0 %"
    clock.now_s = 2.0
    backlog.add(200)
    assert backlog.progress == Progress(200, 1000, 100.0)
    assert str(backlog.progress) == "20 %, 100 records/s, 8 s left"
    clock.now_s = 10.0  # only the last seconds count
    backlog.add(400)
    assert backlog.progress == Progress(600, 1000, 50.0)
    backlog.add(400)
    assert backlog.is_over and backlog.progress is None


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.2, "1 s"), (59.4, "59 s"), (75, "1 min 15 s"), (3700, "1 h 1 min")]
)
def test_time_left_is_written_for_people(seconds: float, written: str) -> None:
    assert str(Progress(0, round(seconds * 10), 10.0)).endswith(f" {written} left")


def test_total_may_be_found_after_the_first_records() -> None:
    backlog = Backlog(None)
    backlog.add(10)
    assert (backlog.progress, backlog.is_over) == (None, False)
    backlog.find(None)
    backlog.find(90)
    assert backlog.progress is not None
    assert (backlog.progress.done, backlog.progress.total) == (10, 100)
    backlog.find(5)  # what comes meanwhile is none of it
    assert backlog.progress.total == 100


def test_source_that_has_no_more_ends_the_progress() -> None:
    backlog = Backlog(100)
    backlog.add(99, more=False)  # offsets are not records everywhere
    assert backlog.is_over


def test_push_query_tells_how_far_it_has_caught_up_and_then_nothing() -> None:
    with workspace(ratings=1, start=True, max_batch_records=10) as nb:
        put(nb, "ratings", [(i, {"STARS": 1}) for i in range(100)])
        live = nb("SELECT * FROM RATINGS EMIT CHANGES;")
        assert isinstance(live, Live)
        seen = {live.progress.total} if live.progress is not None else set()
        assert live.feed.wait(0, 10)
        while live.feed.total < 100:
            progress = live.progress
            seen |= {progress.total} if progress is not None else set()
            live.feed.wait(live.feed.snapshot().version, 1)
        assert seen <= {100}
        put(nb, "ratings", [(1, {"STARS": 1})])
        assert live.progress is None
        live.stop()


def test_pull_query_reports_each_step_and_its_end() -> None:
    with workspace(ratings=2, max_batch_records=20) as nb:
        put(nb, "ratings", [(i, {"STARS": 1}) for i in range(100)], partitions=2)
        told: list[Progress | None] = []
        nb.on_progress = told.append
        nb("SELECT * FROM RATINGS;")
        *steps, end = [None if p is None else (p.done, p.total) for p in told]
        assert end is None
        assert steps == sorted(steps, key=str) and len(steps) > 3
        assert {total for _, total in filter(None, steps)} == {100}
