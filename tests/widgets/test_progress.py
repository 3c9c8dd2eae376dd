"""Progress bars: in the status of a view, in a cell, on a terminal, and nowhere."""

from __future__ import annotations

import io

import pytest

from streamnb.engine.progress import Progress
from streamnb.widgets import progress as bars
from streamnb.widgets.controls import StatusBar
from streamnb.widgets.progress import ProgressBar


class Drawn:
    """Keeps what is drawn."""

    def __init__(self) -> None:
        self.draws: list[Progress] = []
        self.ends: list[tuple[int, float]] = []

    def draw(self, progress: Progress) -> None:
        self.draws.append(progress)

    def end(self, records: int, seconds: float) -> None:
        self.ends.append((records, seconds))


def test_quick_work_shows_nothing_and_long_work_a_few_times_a_second() -> None:
    drawn, times = Drawn(), iter([0.0, 0.4, 0.41, 1.0, 1.4, 1.5, 1.55, 2.0, 3.0])
    bar = ProgressBar(lambda: drawn, lambda: next(times))
    bar(Progress(1, 10, 1.0))
    bar(Progress(2, 10, 1.0))
    bar(None)
    assert (drawn.draws, drawn.ends) == ([], [])
    for done in (3, 4, 5, 6, 7):
        bar(Progress(done, 10, 1.0))
    bar(None)
    assert [p.done for p in drawn.draws] == [5, 7]
    assert drawn.ends == [(10, 2.0)]


def test_status_of_a_view_shows_the_bar_until_it_has_caught_up() -> None:
    status = StatusBar("ratings", "record", lambda: None)
    status.show("RUNNING", 430, 0.0, None, Progress(430, 1000, 47.5))
    text = status.box.children[0].value
    assert "catching up 43 %, 48 records/s, 12 s left" in text
    assert 'role="progressbar"' in text and 'aria-valuenow="43"' in text
    status.show("RUNNING", 1000, 1.0)
    assert "progressbar" not in status.box.children[0].value


def test_terminal_gets_a_bar_and_a_pipe_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    times = iter(range(100))
    monkeypatch.setattr("sys.modules", {k: v for k, v in __import__("sys").modules.items() if k != "IPython"})
    for stderr, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stderr", stderr)
        monkeypatch.setenv("TERM", "xterm")
        bar = ProgressBar(now_s=lambda: float(next(times)))
        for done in (1, 5, 9):
            bar(Progress(done, 10, 1.0))
        bar(None)
        assert ("reading" in stderr.getvalue()) == shown


def test_cell_gets_a_bar_that_ends_as_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, str]] = []
    monkeypatch.setattr("streamnb.widgets.output.publish", lambda bundle, display_id: shown.append(bundle))
    monkeypatch.setattr("streamnb.widgets.output.replace", lambda bundle, display_id: shown.append(bundle))
    drawing = bars._InCell()
    drawing.draw(Progress(5, 10, 1.0))
    drawing.draw(Progress(6, 10, 1.0))
    drawing.end(10, 2.0)
    texts = [bundle["text/plain"] for bundle in shown]
    assert texts == [
        "reading 50 %, 1 records/s, 5 s left",
        "reading 60 %, 1 records/s, 4 s left",
        "read 10 records in 2.0 s",
    ]
    assert 'aria-valuenow="50"' in shown[0]["text/html"]
