"""What a failing query means: whose fault it is, when it is tried again, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamnb.errors import LogError, StoreError, StreamnbError
from streamnb.store import DatabaseError

if TYPE_CHECKING:
    from streamnb.engine.task import QueryTask

__all__ = ["Backoff", "describe_failure", "error_kind", "is_user_error"]

_FIRST_MS = 1_000
_MOST_MS = 60_000


@dataclass(frozen=True)
class Backoff:
    """When a failing query is tried again: after 1 s, 2 s, 4 s, ... at most every 60 s."""

    tries: int = 0
    not_before_ms: int = 0

    def due(self, now_ms: int) -> bool:
        """Tell whether the next try is due."""
        return now_ms >= self.not_before_ms

    def next(self, now_ms: int) -> Backoff:
        """Wait twice as long as the last time."""
        return Backoff(self.tries + 1, now_ms + min(_FIRST_MS << self.tries, _MOST_MS))


def is_user_error(error: Exception) -> bool:
    """Tell whether trying again cannot help: the statement or the data is at fault, not the system."""
    return isinstance(error, StreamnbError | DatabaseError) and not isinstance(error, LogError)


def error_kind(error: Exception) -> str:
    """Tell whose fault an error is, in ksqlDB's words: USER, SYSTEM, or UNKNOWN."""
    if isinstance(error, LogError | StoreError):
        return "SYSTEM"
    return "USER" if is_user_error(error) else "UNKNOWN"


def describe_failure(error: Exception, task: QueryTask) -> str:
    """Tell what failed and, as far as it is known, at which records."""
    text = error.message if isinstance(error, StreamnbError) else str(error).strip()
    place = task.place
    if place is None:
        return text
    spots = [
        f"topic {reader.topic}, partition {part}, offset {next_}"
        for i, reader in enumerate(task.readers)
        for part, next_ in place.positions[i].items()
    ]
    return f"{text} (reading from {'; '.join(spots[:4])})"
