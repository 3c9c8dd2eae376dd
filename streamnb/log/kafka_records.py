"""From librdkafka's messages to Arrow, a few thousand at a time and without a Python loop over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from confluent_kafka import Message

from streamnb.log.base import RECORD_SCHEMA

__all__ = ["Gathered", "has_errors"]

_HEADERS = RECORD_SCHEMA.field("hdr").type

_timestamp = itemgetter(1)


class _Columns:
    """The columns of one topic's records, while they are gathered."""

    def __init__(self) -> None:
        self._numbers: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
        self._keys: list[bytes | None] = []
        self._values: list[bytes | None] = []
        self._headers: list[object] = []

    def add(self, messages: Sequence[Message]) -> None:
        count = len(messages)
        parts = np.fromiter(map(Message.partition, messages), np.int32, count)
        offsets = np.fromiter(map(Message.offset, messages), np.int64, count)
        times = np.fromiter(map(_timestamp, map(Message.timestamp, messages)), np.int64, count)
        self._numbers.append((parts, offsets, times))
        self._keys += map(Message.key, messages)
        self._values += map(Message.value, messages)
        self._headers += map(Message.headers, messages)

    def table(self) -> pa.Table:
        parts, offsets, times = (np.concatenate(column) for column in zip(*self._numbers, strict=True))
        headers = pa.array(self._headers, _HEADERS) if any(self._headers) else pa.nulls(len(parts), _HEADERS)
        keys, values = pa.array(self._keys, pa.binary()), pa.array(self._values, pa.binary())
        return pa.Table.from_arrays(
            [pa.array(parts), pa.array(offsets), pa.array(times), keys, values, headers], schema=RECORD_SCHEMA
        )


def has_errors(messages: Iterable[Message]) -> bool:
    """Tell whether some of the messages are events instead of records."""
    return any(map(Message.error, messages))


class Gathered:
    """Records (no events) of several calls, as columns: messages are let go of while they are in the cache."""

    def __init__(self) -> None:
        self._columns: dict[str, _Columns] = {}

    def __bool__(self) -> bool:
        return bool(self._columns)

    def add(self, messages: Sequence[Message], topic: str | None = None) -> None:
        """Add records in the order in which they came.

        ``topic`` may name the topic where there can be one only: asking every record for its own has a price.
        """
        if topic is not None:
            self._of(topic).add(messages)
            return
        names = list(map(Message.topic, messages))
        if names.count(names[0]) == len(names):
            self._of(str(names[0])).add(messages)
            return
        for name in dict.fromkeys(names):
            own = [message for message, its in zip(messages, names, strict=True) if its == name]
            self._of(str(name)).add(own)

    def _of(self, topic: str) -> _Columns:
        return self._columns.setdefault(topic, _Columns())

    def tables(self) -> dict[str, pa.Table]:
        """Return one table per topic."""
        return {topic: columns.table() for topic, columns in self._columns.items()}
