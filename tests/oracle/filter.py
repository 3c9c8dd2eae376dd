"""A filter with a projection, and the total order of a query's input, one record at a time in plain Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["FilterOracle", "Log", "decoded", "in_order"]


@dataclass(frozen=True)
class Log:
    """A record of a topic; ``source`` numbers the statement's sources, whose tables have a lower ``rank``."""

    source: int
    rank: int
    part: int
    off: int
    ts: int
    key: str | None
    value: bytes | None


def in_order(records: Sequence[Log]) -> list[Log]:
    """Sort records by the running maximum of their partition's timestamps, rank, source, partition and offset."""
    running: dict[tuple[int, int], int] = {}
    keyed = []
    for r in sorted(records, key=lambda r: (r.source, r.part, r.off)):
        place = (r.source, r.part)
        running[place] = max(running.get(place, -1), r.ts)
        keyed.append(((running[place], r.rank, r.source, r.part, r.off), r))
    return [r for _, r in sorted(keyed, key=lambda pair: pair[0])]


def decoded(value: bytes | None) -> tuple[bool, dict[str, Any] | None]:
    """Decode a JSON object: (whether it could be, its fields or None for a null value)."""
    if value is None:
        return True, None
    try:
        return True, json.loads(value)
    except ValueError:
        return False, None


@dataclass
class FilterOracle:
    """Rows of a stream that a condition holds for, projected; records without a value are no rows."""

    condition: Callable[[dict[str, Any]], bool | None]
    project: Callable[[str | None, dict[str, Any]], tuple[Any, ...]]

    def process(self, record: Log) -> list[tuple[int, str | None, tuple[Any, ...]]]:
        """Take one record and return what it causes: (timestamp, key, values)."""
        good, fields = decoded(record.value)
        if not good or fields is None or self.condition(fields) is not True:
            return []
        return [(record.ts, record.key, self.project(record.key, fields))]
