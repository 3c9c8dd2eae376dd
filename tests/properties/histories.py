"""Histories: records of a pipeline's topics, drawn at random, with disorder, tombstones and bad bytes among them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import pyarrow as pa

from streamnb.log.partitioner import partitions_of
from tests.oracle.filter import Log, in_order

__all__ = ["PARTITIONS", "SOURCES", "Cut", "declarations", "draw_cut", "draw_history", "only", "part_of"]

PARTITIONS = 2
SOURCES: Mapping[str, str] = {"S": "STREAM", "R": "STREAM", "T": "TABLE", "U": "TABLE", "X": "TABLE"}
"""What a pipeline may read: each has the columns K (its key), G and V."""

_KEYS = ("a", "b", "d", "f", None)
_GROUPS = ("a", "a", "b", "d", None)
_NUMBERS = (1, 2, 3, -4, None)
_STEP_MS = 8
BAD = b"{bad"


@dataclass(frozen=True)
class Cut:
    """How a history reaches a pipeline: at most ``rows_max`` records of a topic a batch, in pieces of ``arrivals``."""

    rows_max: int
    arrivals: int | None = None


def declarations(sources: Iterable[str]) -> str:
    """Write the statements that declare sources."""
    return "\n".join(
        f"CREATE {SOURCES[name]} {name} (K VARCHAR {'PRIMARY KEY' if SOURCES[name] == 'TABLE' else 'KEY'}, G VARCHAR,"
        f" V BIGINT) WITH (KAFKA_TOPIC='{name.lower()}', VALUE_FORMAT='JSON', PARTITIONS={PARTITIONS});"
        for name in sources
    )


@cache
def part_of(key: str | None) -> int:
    """Find the partition of a key, as Kafka's producer does."""
    if key is None:
        return 0
    return int(partitions_of(pa.array([key.encode()]), PARTITIONS)[0].as_py())


def draw_history(rng: random.Random, sources: str, lanes: int = 1) -> list[Log]:
    """Draw the records of some sources, and list them in their total order.

    ``lanes`` histories of up to twelve records run side by side: each has keys and groups of its own, time is shared.
    """
    records = [record for lane in range(lanes) for record in _lane(rng, sources, str(lane) if lanes > 1 else "")]
    return only(record for _, record in sorted(records, key=lambda timed: timed[0]))


def _lane(rng: random.Random, sources: str, prefix: str) -> list[tuple[int, Log]]:
    """Draw one history, with the times at which its records are written."""
    disorder = rng.choice((0, 12, 40))
    drawn = []
    for n in range(rng.randrange(1, 13)):
        source = rng.randrange(len(sources))
        key, group = rng.choice(_KEYS), rng.choice(_GROUPS)
        key, group = (None if name is None else prefix + name for name in (key, group))
        fields = {"G": group, "V": rng.choice(_NUMBERS)}
        fate = rng.randrange(14)
        value = None if fate < 2 else BAD if fate == 2 else json.dumps(fields).encode()
        ts = max(0, _STEP_MS * n + rng.randint(-disorder, disorder // 2))
        rank = 0 if SOURCES[sources[source]] == "TABLE" else 1
        drawn.append((_STEP_MS * n, Log(source, rank, part_of(key), 0, ts, key, value)))
    return drawn


def only(records: Iterable[Log]) -> list[Log]:
    """Number the records of each partition anew, and put them in order.

    A malformed record has the time of the one before, so that it moves no clock.
    """
    last: dict[tuple[int, int], tuple[int, int]] = {}
    placed = []
    for record in records:
        lane = (record.source, record.part)
        off, before = last.get(lane, (0, 0))
        ts = before if record.value == BAD else record.ts
        last[lane] = (off + 1, ts)
        placed.append(replace(record, off=off, ts=ts))
    return in_order(placed)


def draw_cut(rng: random.Random, lanes: int = 1) -> Cut:
    """Draw a way to cut a history, or some that run side by side."""
    rows_max, arrivals = rng.choice((1, 2, 3, 5, 1000)), rng.choice((None, None, 1, 3, 5))
    return Cut(rows_max * lanes, arrivals and arrivals * lanes)
