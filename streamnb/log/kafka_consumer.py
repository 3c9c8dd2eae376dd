"""What the reader's thread needs of a Kafka consumer, and the consumer that does it with confluent-kafka's messages.

A second one, ``native``, has records written into Arrow's buffers by C code; it is used where that was compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streamnb.log.kafka_client import guarded, learn_leaders, logger
from streamnb.log.kafka_records import Gathered, has_errors
from streamnb.log.kafka_url import KafkaUrl

__all__ = ["Event", "Fetched", "MessageConsumer", "Place", "RecordConsumer"]

MESSAGES_PER_CALL = 500  # more leave the processor's cache, fewer cost calls
CALLS_PER_FETCH = 8

Place = tuple[str, int]
"""A topic and a partition."""


@dataclass(frozen=True)
class Event:
    """What is no record: the end of a partition is reached, or an error, of a partition, a topic or the client."""

    error: KafkaError
    topic: str | None
    part: int | None
    offset: int | None


@dataclass(frozen=True)
class Fetched:
    """Records by topic, in ``RECORD_SCHEMA``, and events; the records came before the events."""

    tables: Mapping[str, pa.Table]
    events: Sequence[Event]


class RecordConsumer(Protocol):
    """Reads assigned partitions. Belongs to one thread, which also gets the calls of ``on_error``."""

    def assign(self, topic: str, positions: Mapping[int, int]) -> None:
        """Read partitions, none of which is assigned, from these offsets on."""
        ...

    def unassign(self, places: Collection[Place]) -> None:
        """Stop reading assigned partitions."""
        ...

    def pause(self, places: Collection[Place]) -> None:
        """Fetch nothing of these partitions for a while; what was fetched and not given is fetched again."""
        ...

    def resume(self, places: Collection[Place]) -> None:
        """Fetch again what was paused."""
        ...

    def fetch(self, rows_max: int, timeout: float) -> Fetched | None:
        """Give what has arrived, about ``rows_max`` records at most; None when nothing has within ``timeout`` s.

        Only for the first record it waits: a batch that fills up slowly must not delay it.
        """
        ...

    def end(self, place: Place) -> int | None:
        """Return the offset behind a partition's last record, as far as it is known here."""
        ...

    def held(self, place: Place, timeout: float) -> tuple[int, int]:
        """Ask which offsets a partition holds: the first and the next one. Raises: KafkaException."""
        ...

    def topic_error(self, topic: str, timeout: float) -> KafkaError | None:
        """Ask what is wrong with a topic. Raises: KafkaException when no broker answers."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class MessageConsumer:
    """Reads with confluent-kafka, which makes a Python object of each record."""

    def __init__(self, url: KafkaUrl, settings: Mapping[str, Any], on_error: Callable[[KafkaError], None]) -> None:
        with guarded(url, "reading"):
            self._consumer = Consumer({**settings, "error_cb": on_error}, logger=logger)
        self._topics: set[str] = set()

    def assign(self, topic: str, positions: Mapping[int, int]) -> None:
        learn_leaders(self._consumer, topic)
        self._consumer.incremental_assign([TopicPartition(topic, part, at) for part, at in positions.items()])
        self._note_topics()

    def unassign(self, places: Collection[Place]) -> None:
        self._consumer.incremental_unassign([TopicPartition(*place) for place in places])
        self._note_topics()

    def _note_topics(self) -> None:
        self._topics = {place.topic for place in self._consumer.assignment()}

    def pause(self, places: Collection[Place]) -> None:
        self._consumer.pause([TopicPartition(*place) for place in places])

    def resume(self, places: Collection[Place]) -> None:
        self._consumer.resume([TopicPartition(*place) for place in places])

    def fetch(self, rows_max: int, timeout: float) -> Fetched | None:
        gathered, events = Gathered(), list[Message]()
        only_topic = next(iter(self._topics)) if len(self._topics) == 1 else None
        for _ in range(min(CALLS_PER_FETCH, 1 + rows_max // MESSAGES_PER_CALL)):
            messages = self._consumer.consume(MESSAGES_PER_CALL, 0)
            if not messages and not gathered and not events:
                messages = self._consumer.consume(1, timeout)
                if not messages:
                    return None
                messages += self._consumer.consume(MESSAGES_PER_CALL - 1, 0)
            full = len(messages) == MESSAGES_PER_CALL
            if has_errors(messages):
                events += [message for message in messages if message.error() is not None]
                messages = [message for message in messages if message.error() is None]
            if messages:
                gathered.add(messages, only_topic)
            if not full or events:
                break
        return Fetched(gathered.tables(), [event for m in events if (event := _event(m)) is not None])

    def end(self, place: Place) -> int | None:
        end = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)[1]
        return end if end >= 0 else None

    def held(self, place: Place, timeout: float) -> tuple[int, int]:
        return self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=timeout)

    def topic_error(self, topic: str, timeout: float) -> KafkaError | None:
        error: KafkaError | None = self._consumer.list_topics(topic, timeout=timeout).topics[topic].error
        return error

    def close(self) -> None:
        self._consumer.close()


def _event(message: Message) -> Event | None:
    error = message.error()
    return None if error is None else Event(error, message.topic(), message.partition(), message.offset())
