"""What a query has done, counted once a batch: records, rates, and the time its batches take.

Theory of operation: the engine's thread notes each committed batch, in totals and in buckets of one second of its
clock, of which the last ten are kept. Nothing is counted per record and no statement is run for it; what only the
database knows (late records, rows of state) is asked for when somebody looks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

__all__ = ["WINDOW_S", "Meter"]

WINDOW_S = 10
"""How many seconds back rates and the mean batch time look."""


@dataclass
class _Second:
    """What was noted within one second."""

    number: int
    records_in: int = 0
    records_out: int = 0
    batches: int = 0
    batch_ms: float = 0.0


@dataclass
class Meter:
    """The counts of one query since it was started or the pipeline opened. Written by the engine's thread.

    ``logged_errors`` are its rows of the processing log, late records among them, ``failures`` the batches that were
    taken back.
    """

    records_in: int = 0
    records_out: int = 0
    logged_errors: int = 0
    failures: int = 0
    batches: int = 0
    batch_ms_last: float | None = None
    batch_ms_max: float | None = None
    _first_s: int | None = None
    _seconds: deque[_Second] = field(default_factory=deque)

    def note_batch(self, now_ms: int, records_in: int, records_out: int, logged_errors: int, batch_ms: float) -> None:
        """Count a committed batch, which took ``batch_ms`` of its tick."""
        self.records_in += records_in
        self.records_out += records_out
        self.logged_errors += logged_errors
        self.batches += 1
        self.batch_ms_last = batch_ms
        self.batch_ms_max = max(batch_ms, self.batch_ms_max or 0.0)
        number = now_ms // 1000
        if self._first_s is None:
            self._first_s = number
        if not self._seconds or self._seconds[-1].number < number:
            self._seconds.append(_Second(number))
            if len(self._seconds) > WINDOW_S:
                self._seconds.popleft()
        second = self._seconds[-1]  # of a clock that was set back, the last one there was
        second.records_in += records_in
        second.records_out += records_out
        second.batches += 1
        second.batch_ms += batch_ms

    def rates(self, now_ms: int) -> tuple[float, float]:
        """Tell the records in and out per second, over the last seconds or, if shorter, since the first batch."""
        if self._first_s is None:
            return 0.0, 0.0
        seconds = min(max(now_ms // 1000 - self._first_s + 1, 1), WINDOW_S)
        recent = self._recent(now_ms)
        return sum(s.records_in for s in recent) / seconds, sum(s.records_out for s in recent) / seconds

    def batch_ms_mean(self, now_ms: int) -> float | None:
        """Tell how long a batch took in the last seconds; None when there was none."""
        recent = self._recent(now_ms)
        batches = sum(s.batches for s in recent)
        return sum(s.batch_ms for s in recent) / batches if batches else None

    def _recent(self, now_ms: int) -> list[_Second]:
        return [s for s in self._seconds if s.number > now_ms // 1000 - WINDOW_S]
