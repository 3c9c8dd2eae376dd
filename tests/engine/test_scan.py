"""Reading topics to the ends they have: a broker's records are waited for, later ones are not."""

from __future__ import annotations

from typing import Any

import pytest

from streamnb.engine.doorbell import Doorbell
from streamnb.engine.scan import scan
from streamnb.engine.task import Place, StepResult
from streamnb.errors import LogError


class Task:
    """Gives the steps it was made of, then the last one for ever."""

    def __init__(self, *steps: StepResult, bell: Doorbell) -> None:
        self.readers: list[Any] = []
        self.accepted: list[StepResult] = []
        self._steps = list(steps)
        self._bell = bell

    def step(self, store: Any, rows_max: int) -> StepResult:
        self._bell.ring()  # so that waiting takes no time
        return self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]

    def accept(self, result: StepResult) -> None:
        self.accepted.append(result)


def step(count: int, next_: int, *, waiting: bool = False, more: bool = False) -> StepResult:
    return StepResult(count, Place({0: {0: next_}}), (), more, waiting)


def counts(*steps: StepResult, end: int, now_s: Any = lambda: 0.0) -> list[int]:
    bell = Doorbell()
    task: Any = Task(*steps, bell=bell)
    store: Any = None
    return [r.count for r in scan(task, store, [{0: (0, end)}], bell, 100, now_s=now_s)]


def test_records_on_their_way_are_waited_for() -> None:
    assert counts(step(0, 0, waiting=True), step(2, 2), step(0, 2, waiting=True), step(1, 3), step(0, 3), end=3) == [
        2,
        1,
    ]


def test_records_behind_the_end_are_not_waited_for() -> None:
    assert counts(step(2, 2), step(0, 2, waiting=True), end=2) == [2]


def test_the_end_may_lie_before_the_last_offset() -> None:
    assert counts(step(2, 2), step(0, 2), end=5) == [2]


def test_an_empty_step_with_more_to_come_is_not_the_end() -> None:
    assert counts(step(0, 1, more=True), step(1, 2), step(0, 2), end=2) == [1]


def test_a_broker_that_gives_nothing_is_given_up() -> None:
    seconds = iter(range(0, 100, 10))
    with pytest.raises(LogError, match="for 30 seconds"):
        counts(step(0, 0, waiting=True), end=1, now_s=lambda: next(seconds))
