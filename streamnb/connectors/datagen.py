"""The datagen connector: made-up records at a pace, the same ones for the same seed.

Theory of operation: the records of a data set are numbered from 0. What record ``n`` says, and how long after record
``n - 1`` it comes, follows from the seed and ``n`` alone; both are drawn block by block, each block with generators
of its own. So the connector's whole state is the number of records emitted, and after a restart it goes on behind
the last one that was committed. Times come from the caller's clock: a record that is due at a moment has this moment
as its event time, except that a table's first rows are a day older, so that they precede the streams they are joined
with. Nothing here reads a clock, sleeps or does I/O: the engine asks for what is due and appends it in its tick.
"""

from __future__ import annotations

import difflib
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import pyarrow as pa

from streamnb.connectors.quickstarts import QUICKSTARTS, Quickstart
from streamnb.connectors.quickstarts.base import BLOCK_ROWS, Draw, Ints, Records, json_objects
from streamnb.errors import KsqlStatementError

__all__ = ["CONNECTOR_KEYS", "DATAGEN_CLASSES", "OUTPUT_SCHEMA", "Datagen", "DatagenConfig", "Position"]

DATAGEN_CLASSES = ("datagen", "io.confluent.kafka.connect.datagen.DatagenConnector")
"""The values of ``connector.class`` that mean this connector."""

OUTPUT_SCHEMA = pa.schema(
    [
        ("seq", pa.int64()),
        ("sub", pa.int64()),
        ("part", pa.int32()),
        ("ts", pa.int64()),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("hdr", pa.list_(pa.struct([("k", pa.string()), ("v", pa.binary())]))),
    ]
)
"""What a log appends: ``seq`` is the record's number, ``part`` is null where the key decides."""

TABLE_AGE_MS = 24 * 60 * 60 * 1000
"""How much older than the connector's start the first rows of a table are."""

ROWS_MAX = 10_000
INTERVAL_MS = 500.0

_JSON_CONVERTER = "org.apache.kafka.connect.json.JsonConverter"
_FIXED = {
    "name": None,
    "tasks.max": ("1",),
    "value.converter": (_JSON_CONVERTER,),
    "value.converter.schemas.enable": ("false",),
    "key.converter": None,
    "key.converter.schemas.enable": None,
}
"""Keys of Kafka's connector that are understood and change nothing here, with the values that are right."""

CONNECTOR_KEYS = (
    *("connector.class", "quickstart", "kafka.topic", "max.interval", "backlog", "iterations", "random.seed"),
    "partitions",
)

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class DatagenConfig:
    """What a datagen connector was asked for.

    ``interval_ms_max`` bounds the time between two records, which is drawn evenly from 0 up to it; None means 500,
    and at once for the first rows of a table. ``backlog`` counts the records that are all due when the connector
    starts. ``iterations`` is the number of records, None without end.
    """

    topic: str
    quickstart: Quickstart
    interval_ms_max: float | None = None
    iterations: int | None = None
    seed: int = 0
    partitions: int = 1
    backlog: int = 0

    @classmethod
    def parse(cls, properties: Mapping[str, str]) -> DatagenConfig:
        """Read the connector's properties: those of the well-known Kafka connector, ``backlog`` and ``partitions``.

        Raises: KsqlStatementError for an unknown key or data set, a missing key, or a value that is out of range.
        """
        given = {key.lower(): str(value).strip() for key, value in properties.items()}
        for key in given:
            if key not in (*CONNECTOR_KEYS, *_FIXED):
                raise _refused(f"unknown key {key} of the datagen connector", _near(key, CONNECTOR_KEYS, "keys"))
        if given.get("connector.class", "datagen") not in DATAGEN_CLASSES:
            raise _refused(f"unknown connector class {given['connector.class']}", "connector.class: datagen")
        for key, values in _FIXED.items():
            if values is not None and given.get(key, values[0]).lower() not in [value.lower() for value in values]:
                raise _refused(f"datagen cannot use {key} = {given[key]}", f"leave {key} out, or use {values[0]}")
        quickstart = _quickstart(given)
        iterations = _number(given, "iterations", int, None)
        if iterations is None:
            iterations = quickstart.table_rows
        elif iterations < 1:
            iterations = None  # as in Kafka's connector: no end
        return cls(
            topic=_required(given, "kafka.topic", "name the topic that the records go to"),
            quickstart=quickstart,
            interval_ms_max=_number(given, "max.interval", float, None, least=0),
            iterations=iterations,
            seed=_number(given, "random.seed", int, 0) or 0,
            partitions=_number(given, "partitions", int, 1, least=1) or 1,
            backlog=_number(given, "backlog", int, 0, least=0) or 0,
        )


def _quickstart(given: Mapping[str, str]) -> Quickstart:
    names = tuple(q.name for q in QUICKSTARTS)
    name = _required(given, "quickstart", f"data sets: {', '.join(names)}").lower()
    found = next((q for q in QUICKSTARTS if q.name == name), None)
    if found is None:
        raise _refused(f"unknown data set {name} of the datagen connector", _near(name, names, "data sets"))
    return found


def _required(given: Mapping[str, str], key: str, hint: str) -> str:
    if not given.get(key):
        raise _refused(f"the datagen connector needs {key}", hint)
    return given[key]


def _number(
    given: Mapping[str, str],
    key: str,
    convert: Callable[[str], _Number],
    default: _Number | None,
    least: float = -math.inf,
) -> _Number | None:
    if key not in given:
        return default
    try:
        value = convert(given[key])
    except ValueError:
        value = None
    if value is None or not least <= value < math.inf:  # refuses NaN too
        kind = "a whole number" if convert is int else "a number"
        bound = "" if least == -math.inf else f" of at least {least:g}"
        raise _refused(f"{key} of the datagen connector is {given[key]!r}", f"give {kind}{bound}")
    return value


def _near(word: str, known: tuple[str, ...], kind: str) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return (f"did you mean {close[0]}? " if close else "") + f"{kind}: {', '.join(known)}"


def _refused(message: str, hint: str) -> KsqlStatementError:
    return KsqlStatementError(message, hint=hint)


@dataclass(frozen=True)
class Position:
    """Where a connector stands: records emitted, and when the last one was due (None: it has not started)."""

    emitted: int = 0
    due_us: int | None = None


@dataclass(frozen=True)
class _Block:
    """A drawn block: its records, and the microseconds that pass before each of them."""

    number: int
    records: Records
    intervals_us: Ints


class Datagen:
    """Makes the records of a configuration, those that are due, in order. Belongs to one thread.

    ``position`` after a call belongs to the records it returned; ``rewind`` takes them back when a transaction
    fails. To go on after a restart, start with the number of records that were committed: the next one comes an
    interval after the first call, and the time in between is not made up for.
    """

    def __init__(self, config: DatagenConfig, emitted: int = 0) -> None:
        self.config = config
        self.position = Position(emitted)
        self._block: _Block | None = None

    @property
    def done(self) -> bool:
        """Tell whether all records were emitted."""
        return self.config.iterations is not None and self.position.emitted >= self.config.iterations

    def rewind(self, position: Position) -> None:
        """Go back to an earlier position: the records behind it come again, at full speed with the new call's time."""
        self.position = position

    def next_due_ms(self) -> int | None:
        """Tell when the next record is due: None when all are out or the first call has not been made."""
        if self.done or self.position.due_us is None:
            return None
        block, offset = self._locate()
        return -((self.position.due_us + int(block.intervals_us[offset])) // -1000)

    def next(self, now_ms: int, rows_max: int = ROWS_MAX) -> pa.Table:
        """Return the records that are due by ``now_ms`` and were not returned yet, at most ``rows_max``, oldest first.

        Shape: OUTPUT_SCHEMA. The first call starts the connector's time. With an interval of 0 every record is due,
        and its event time is that of the call.
        """
        if self.position.due_us is None:
            self.position = Position(self.position.emitted, now_ms * 1000)
        batches: list[pa.RecordBatch] = []
        while rows_max > 0 and not self.done:
            batch = self._take(now_ms, rows_max)
            if batch.num_rows == 0:
                break
            batches.append(batch)
            rows_max -= batch.num_rows
        return pa.Table.from_batches(batches, OUTPUT_SCHEMA)

    def _take(self, now_ms: int, rows_max: int) -> pa.RecordBatch:
        """Return what is due of the current block."""
        block, start = self._locate()
        left = rows_max
        if self.config.iterations is not None:
            left = min(left, self.config.iterations - self.position.emitted)
        assert self.position.due_us is not None
        last_us = now_ms * 1000 if self.config.interval_ms_max == 0 else self.position.due_us
        due_us = last_us + np.cumsum(block.intervals_us[start : start + left])
        due_us = due_us[: int(np.searchsorted(due_us, now_ms * 1000, side="right"))]
        if len(due_us) > 0:
            self.position = Position(self.position.emitted + len(due_us), int(due_us[-1]))
        return self._batch(block, start, due_us // 1000)

    def _batch(self, block: _Block, start: int, due_ms: Ints) -> pa.RecordBatch:
        end = start + len(due_ms)
        records, rows = block.records, len(due_ms)
        index = np.arange(block.number * BLOCK_ROWS + start, block.number * BLOCK_ROWS + end, dtype=np.int64)
        ts = due_ms
        if self.config.quickstart.table_rows is not None:
            ts = np.where(index < self.config.quickstart.table_rows, due_ms - TABLE_AGE_MS, due_ms)
        if records.keys is None:
            keys = pa.nulls(rows, pa.binary())
            parts = pa.array((index % self.config.partitions).astype(np.int32))
        else:
            keys = records.keys.slice(start, rows)
            parts = pa.nulls(rows, pa.int32())
        values = json_objects(records.fields, ts, start, end)
        headers = pa.nulls(rows, OUTPUT_SCHEMA.field("hdr").type)
        sub = pa.array(np.zeros(rows, dtype=np.int64))
        columns = [pa.array(index), sub, parts, pa.array(ts), keys, values, headers]
        return pa.RecordBatch.from_arrays(columns, schema=OUTPUT_SCHEMA)

    def _locate(self) -> tuple[_Block, int]:
        """Find the next record: its block, drawn if need be, and its place in it."""
        number, offset = divmod(self.position.emitted, BLOCK_ROWS)
        if self._block is None or self._block.number != number:
            self._block = self._draw_block(number)
        return self._block, offset

    def _draw_block(self, number: int) -> _Block:
        quickstart = self.config.quickstart
        seeds = (self.config.seed % (1 << 64), zlib.crc32(quickstart.name.encode()))
        index = np.arange(number * BLOCK_ROWS, (number + 1) * BLOCK_ROWS, dtype=np.int64)
        shared = partial(np.random.default_rng, [*seeds, 0])
        records = quickstart.draw(Draw(index, np.random.default_rng([*seeds, 1, number]), shared))
        interval_ms = INTERVAL_MS if self.config.interval_ms_max is None else self.config.interval_ms_max
        share = np.random.default_rng([*seeds, 2, number]).random(BLOCK_ROWS)
        intervals_us = np.floor(share * interval_ms * 1000).astype(np.int64)
        if self.config.interval_ms_max is None and quickstart.table_rows is not None:
            intervals_us[index < quickstart.table_rows] = 0
        intervals_us[index < self.config.backlog] = 0
        return _Block(number, records, intervals_us)
