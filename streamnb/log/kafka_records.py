"""From librdkafka's messages to Arrow, a few hundred at a time and without a Python loop over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter

import numpy as np
import pyarrow as pa
from confluent_kafka import Message

from streamnb.log.base import RECORD_SCHEMA

__all__ = ["has_errors", "to_tables"]

_HEADERS = RECORD_SCHEMA.field("hdr").type

_timestamp = itemgetter(1)


def has_errors(messages: Iterable[Message]) -> bool:
    """Tell whether some of the messages are events instead of records."""
    return any(map(Message.error, messages))


def to_tables(messages: Sequence[Message], topic: str | None = None) -> dict[str, pa.Table]:
    """Convert records (no events) to one table per topic, in the order in which they came.

    ``topic`` may name the topic where there can be one only: asking every record for its own has a price.
    """
    if topic is not None:
        return {topic: _to_table(messages)}
    names = list(map(Message.topic, messages))
    if names.count(names[0]) == len(names):
        return {str(names[0]): _to_table(messages)}
    by_topic: dict[str, list[Message]] = {}
    for name, message in zip(names, messages, strict=True):
        by_topic.setdefault(str(name), []).append(message)
    return {name: _to_table(group) for name, group in by_topic.items()}


def _to_table(messages: Sequence[Message]) -> pa.Table:
    count = len(messages)
    headers = list(map(Message.headers, messages))
    return pa.Table.from_arrays(
        [
            pa.array(np.fromiter(map(Message.partition, messages), np.int32, count)),
            pa.array(np.fromiter(map(Message.offset, messages), np.int64, count)),
            pa.array(np.fromiter(map(_timestamp, map(Message.timestamp, messages)), np.int64, count)),
            pa.array(list(map(Message.key, messages)), pa.binary()),
            pa.array(list(map(Message.value, messages)), pa.binary()),
            pa.array(headers, _HEADERS) if any(headers) else pa.nulls(count, _HEADERS),
        ],
        schema=RECORD_SCHEMA,
    )
