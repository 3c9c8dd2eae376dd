"""Wakes one thread when there may be something new for it."""

from __future__ import annotations

import threading

__all__ = ["Doorbell"]


class Doorbell:
    """Rings are counted, so that one that comes while the thread is busy is not missed."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0

    def ring(self) -> None:
        """Wake the thread; from any thread."""
        with self._condition:
            self._rings += 1
            self._condition.notify_all()

    def rings(self) -> int:
        """Count the rings so far."""
        with self._condition:
            return self._rings

    def wait(self, seen: int, timeout: float) -> bool:
        """Wait for a ring behind the ones counted ``seen``; False when the time is up."""
        with self._condition:
            return self._condition.wait_for(lambda: self._rings > seen, timeout)
