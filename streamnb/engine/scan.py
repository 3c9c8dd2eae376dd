"""Reading topics from their first records to the ones that are last when the reading begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from streamnb.engine.doorbell import Doorbell
from streamnb.engine.task import QueryTask, StepResult
from streamnb.errors import LogError
from streamnb.store import Store

__all__ = ["scan"]

PATIENCE_S = 30.0
POLL_S = 0.25

Ends = Mapping[int, tuple[int, int]]


def scan(
    task: QueryTask,
    store: Store,
    ends: Sequence[Ends],
    doorbell: Doorbell,
    rows_max: int,
    *,
    now_s: Callable[[], float] = time.monotonic,
) -> Iterator[StepResult]:
    """Run a query over its topics, step by step, until it has come to their ends; yields the steps that gave records
    or errors of records.

    ``ends`` holds (first, next) of each topic's partitions as they were; ``doorbell`` rings when a reader has news.
    Raises: LogError when a broker gives nothing for half a minute although there is more.
    """
    deadline = now_s() + PATIENCE_S
    while True:
        seen = doorbell.rings()
        result = task.step(store, rows_max)
        if result.count or result.log:
            yield result
        task.accept(result)
        if result.count or result.more:
            deadline = now_s() + PATIENCE_S
        elif not result.waiting or _is_behind(result, ends):
            return
        elif now_s() > deadline:
            names = ", ".join(r.topic for r in task.readers)
            raise LogError(f"No records came from {names} for {PATIENCE_S:.0f} seconds")
        else:
            doorbell.wait(seen, POLL_S)


def _is_behind(result: StepResult, ends: Sequence[Ends]) -> bool:
    """Tell whether a step's place is behind the ends, so that what comes now is younger than the question."""
    positions = result.place.positions
    return all(positions[i].get(part, next_) >= next_ for i, e in enumerate(ends) for part, (_, next_) in e.items())
