"""What other threads ask the engine's thread to do."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from streamnb.errors import StoreBrokenError, StoreError

__all__ = ["Commands"]

T = TypeVar("T")


class Commands:
    """A queue that is closed under the same lock that it is filled under, so that nothing is asked in vain."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._refused: str | None = None

    @property
    def pending(self) -> bool:
        """Tell whether a command waits."""
        return bool(self._waiting)

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Ask for a function to be run. Raises: StoreError when the engine has stopped."""
        future: Future[T] = Future()
        with self._lock:
            if self._refused is not None:
                raise _refusal(self._refused)
            self._waiting.append((function, future))
        return future

    def run(self) -> None:
        """Run what waits, on the engine's thread; who asked gets the result, or the error.

        Raises: StoreBrokenError when a command broke the database; the commands behind it still wait.
        """
        while self._waiting:
            function, future = self._waiting.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)
                if isinstance(error, StoreBrokenError):
                    raise

    def refuse(self, reason: str) -> None:
        """Take no more commands, and refuse those that wait."""
        with self._lock:
            self._refused = reason
            left = list(self._waiting)
            self._waiting.clear()
        for _, future in left:
            if future.set_running_or_notify_cancel():
                future.set_exception(_refusal(reason))


def _refusal(reason: str) -> StoreError:
    return StoreError(reason, hint="connect again; what was acknowledged is in the pipeline's file.")
