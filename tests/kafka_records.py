"""What a plain consumer finds in a topic of a real Kafka."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

__all__ = ["committed"]

WAIT_S = 90.0


def committed(settings: Mapping[str, Any], topic: str, partitions: int) -> list[Message]:
    """Read all committed records of a topic, up to what stood at its ends when this began.

    ``settings`` say at least where the broker is. A commit is known to its producer before all partitions have its
    marker, and a reader of committed records is told that it has come to the end when there is none yet: it waits for
    the markers here. Raises: AssertionError when they do not come.
    """
    settings = {**settings, "group.id": "oracle", "enable.auto.commit": False}
    ends = _ends(settings, topic, partitions)
    consumer = Consumer({**settings, "isolation.level": "read_committed", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, part, 0) for part in ends])
    found: list[Message] = []
    deadline_s = time.monotonic() + WAIT_S
    while ends:
        assert time.monotonic() < deadline_s, f"transactions of {topic} are open, before {ends}"
        for message in consumer.consume(500, 0.1):
            error, part, offset = message.error(), message.partition(), message.offset()
            if error is None:
                found.append(message)
                continue
            assert error.code() == KafkaError._PARTITION_EOF, error
            if part in ends and offset is not None and offset >= ends[part]:
                del ends[part]
    consumer.close()
    return found


def _ends(settings: Mapping[str, Any], topic: str, partitions: int) -> dict[int, int]:
    """Look up the ends of the partitions, open transactions included."""
    consumer = Consumer({**settings, "isolation.level": "read_uncommitted"})
    found = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=WAIT_S) for p in range(partitions)}
    consumer.close()
    return {part: high for part, (_, high) in found.items()}
