"""Quiet for a moment: statements of many threads, and one that is to begin while none of them runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

__all__ = ["Quiet"]


class Quiet:
    """Counts the statements that run; whoever wants quiet waits for their end, and new ones wait for what it does.

    Both wait for so long and no longer, so that nobody stands still when a statement takes long, or two wait for
    each other: quiet is likely, not certain.
    """

    def __init__(self, *, wanted_s: float = 0.5, waited_s: float = 0.1) -> None:
        self._wanted_s = wanted_s
        self._waited_s = waited_s
        self._condition = threading.Condition()
        self._running = 0
        self._wanted = False

    @contextlib.contextmanager
    def statement(self) -> Iterator[None]:
        """Run a statement in the body."""
        with self._condition:
            if self._wanted:
                self._condition.wait_for(lambda: not self._wanted, self._wanted_s + self._waited_s)
            self._running += 1
        try:
            yield
        finally:
            with self._condition:
                self._running -= 1
                if self._wanted and not self._running:
                    self._condition.notify_all()

    @contextlib.contextmanager
    def wanted(self) -> Iterator[bool]:
        """Run in the body what is to begin in quiet; gives whether it is."""
        with self._condition:
            self._wanted = True
            is_quiet = self._condition.wait_for(lambda: not self._running, self._wanted_s)
        try:
            yield is_quiet
        finally:
            with self._condition:
                self._wanted = False
                self._condition.notify_all()
