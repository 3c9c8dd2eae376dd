"""``streamnb run`` on a terminal: how far the queries are on what was there."""

from __future__ import annotations

import sys
import threading

import pytest

from streamnb.cli import run
from streamnb.engine.progress import Progress
from streamnb.workspace import Workspace
from tests.pipelines import put, workspace


class Ticks(threading.Event):
    """Lets the engine run one tick each time somebody waits."""

    def __init__(self, nb: Workspace) -> None:
        super().__init__()
        self._nb = nb
        self.waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        self._nb.pipeline.engine.tick()
        return False


def test_run_draws_how_far_the_queries_have_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Progress | None] = []
    monkeypatch.setattr(run, "ProgressBar", lambda: told.append)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with workspace(ratings=1, max_batch_records=10) as nb:
        put(nb, "ratings", [(i, {"STARS": 1}) for i in range(100)])
        nb("CREATE STREAM COPY AS SELECT * FROM RATINGS;")
        run._wait(nb, Ticks(nb), 60.0)
    assert {p.total for p in told if p is not None} == {100}
    assert told[-1] is None


def test_run_into_a_file_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Progress | None] = []
    monkeypatch.setattr(run, "ProgressBar", lambda: told.append)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    with workspace(ratings=1) as nb:
        ticks = Ticks(nb)
        run._wait(nb, ticks, 60.0)
        assert (ticks.waits, told) == (1, [None])
