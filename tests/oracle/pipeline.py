"""What the pipelines of the fault tests must have made of their input: plain Python, one record at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Changelog", "Expected", "InputRecord", "expect", "explain_changelog"]

SIZE_MS, GRACE_MS = 5_000, 1_000
Changelog = dict[tuple[str, int | None], list[tuple[int, int]]]
"""(key, window start or None) to the results in their order: count and sum."""


@dataclass(frozen=True)
class InputRecord:
    """A record of the input topic."""

    part: int
    off: int
    ts: int
    key: str
    value: bytes


@dataclass
class Expected:
    """All results there may be, in order per key."""

    filtered: dict[str, list[int]] = field(default_factory=dict)
    changes: Changelog = field(default_factory=dict)
    malformed: set[tuple[int, int]] = field(default_factory=set)
    late: set[tuple[int, int]] = field(default_factory=set)


def expect(records: Iterable[InputRecord]) -> Expected:
    """Apply the three queries to the records of each partition in the order of their offsets.

    The filter keeps ``amount < 300``; the others count and sum the amounts by key, over all time and in
    tumbling windows. A record is late when its window's end and grace have passed in its partition's stream time.
    """
    expected = Expected()
    stream_time: dict[int, int] = {}
    for record in sorted(records, key=lambda r: (r.part, r.off)):
        place = (record.part, record.off)
        try:
            value = json.loads(record.value)
        except ValueError:
            expected.malformed.add(place)
            continue
        stream_time[record.part] = max(stream_time.get(record.part, -1), record.ts)
        if value["amount"] < 300:
            expected.filtered.setdefault(record.key, []).append(value["id"])
        _count(expected.changes, (record.key, None), value["amount"])
        start = record.ts // SIZE_MS * SIZE_MS
        if start + SIZE_MS + GRACE_MS <= stream_time[record.part]:
            expected.late.add(place)
        else:
            _count(expected.changes, (record.key, start), value["amount"])
    return expected


def _count(changes: Changelog, key: tuple[str, int | None], amount: int) -> None:
    results = changes.setdefault(key, [(0, 0)])
    count, total = results[-1]
    results.append((count + 1, total + amount))


def explain_changelog(expected: Changelog, found: Mapping[tuple[str, int | None], list[tuple[int, int]]]) -> list[str]:
    """List what is wrong with a changelog that may leave changes out, but not the last one of a key."""
    wrong = [f"{key} is not in the output" for key in expected if key not in found]
    wrong += [f"{key} is in the output only" for key in found if key not in expected]
    for key in expected.keys() & found.keys():
        results, counts = expected[key], [count for count, _ in found[key]]
        if any(count >= len(results) or results[count] != (count, total) for count, total in found[key]):
            wrong.append(f"{key} has results that never were right")
        if any(a >= b for a, b in pairwise(counts)):
            wrong.append(f"{key} has a result twice or in the wrong order: {counts}")
        if found[key][-1] != results[-1]:
            wrong.append(f"{key} ends with {found[key][-1]} instead of {results[-1]}")
    return wrong
