"""The publisher's transactional producer: what it has to do, its settings, its errors, records Kafka will never take.

One producer does it with confluent-kafka, record by record; ``native`` has another one, in C, where that was compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from streamnb.log.kafka_client import CALL_SECONDS_MAX, client_settings, guarded, logger
from streamnb.log.kafka_url import KafkaUrl
from streamnb.log.partitioner import partitions_of_windowed

__all__ = [
    "Group",
    "MessageProducer",
    "RecordProducer",
    "Refused",
    "is_fenced",
    "is_poison",
    "is_purged",
    "missing_topic",
    "producer_settings",
]

LOOK_SECONDS_MAX = 1.0

_TUNED: Mapping[str, Any] = {
    "linger.ms": 5,  # a commit flushes at once; until then small batches would cost the broker dearly
    "batch.size": 1_000_000,
    "batch.num.messages": 100_000,
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 262_144,
    "transaction.timeout.ms": 60_000,
    "reconnect.backoff.max.ms": 1_000,
    # A transaction that begins while the broker still ends the one before is asked to come again after this.
    "retry.backoff.ms": 5,
    "retry.backoff.max.ms": 500,
}

_FENCED = frozenset((KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH))
_POISON = frozenset(
    (
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError._INVALID_DIFFERENT_RECORD,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError._INVALID_ARG,
    )
)
_PURGED = frozenset((KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT))


@dataclass(frozen=True)
class Refused:
    """A record that Kafka will never take, by its number in the outbox, and why."""

    seq: int
    topic: str
    reason: str


class Group(NamedTuple):
    """A consumer group without members: its name, and a consumer of it."""

    name: str
    consumer: Consumer


class RecordProducer(Protocol):
    """Writes records in transactions. Belongs to one thread; all calls return within some 0.2 s.

    A call that has to go on is called again. Raises: KafkaException, which says what can be done.
    """

    def init_transactions(self) -> None:
        """Fence other producers of the service and end what they left open."""
        ...

    def begin(self) -> None:
        """Begin a transaction."""
        ...

    def send_offset(self, topic: str, offset: int, group: Group) -> None:
        """Add the offset of a group in partition 0 of a topic to the transaction."""
        ...

    def commit(self) -> None:
        """Write all records and commit the transaction."""
        ...

    def abort(self) -> None:
        """Take the transaction back."""
        ...

    def produce(self, rows: pa.Table, check_stop: Callable[[], None]) -> list[Refused]:
        """Take outbox rows into the transaction; return those that it will not even send."""
        ...

    def partitions(self, topic: str) -> int:
        """Tell how many partitions a topic has; 0 when that is not known."""
        ...

    def topics(self, timeout: float) -> Collection[str]:
        """List the topics of the cluster."""
        ...

    def purge(self) -> None:
        """Drop what is not written yet."""
        ...

    def close(self) -> None:
        """Drop what is not written yet, and let go of everything."""
        ...


def producer_settings(url: KafkaUrl) -> dict[str, Any]:
    """Make the settings of a service's producer."""
    fixed = {
        "transactional.id": f"streamnb-{url.service_id}",
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "delivery.report.only.error": True,
    }
    return client_settings(url, _TUNED, fixed)


class MessageProducer:
    """Writes with confluent-kafka; ``on_failed`` hears of each record that was not delivered, with its topic."""

    def __init__(
        self, url: KafkaUrl, settings: Mapping[str, Any], on_failed: Callable[[KafkaError, str], None]
    ) -> None:
        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                on_failed(error, str(message.topic()))

        with guarded(url, "publishing"):
            self._producer = Producer({**settings, "on_delivery": delivered}, logger=logger)
        self._partitions: dict[str, int] = {}

    def init_transactions(self) -> None:
        self._producer.init_transactions(CALL_SECONDS_MAX)

    def begin(self) -> None:
        self._producer.begin_transaction()

    def send_offset(self, topic: str, offset: int, group: Group) -> None:
        offsets, metadata = [TopicPartition(topic, 0, offset)], group.consumer.consumer_group_metadata()
        self._producer.send_offsets_to_transaction(offsets, metadata, CALL_SECONDS_MAX)

    def commit(self) -> None:
        self._producer.commit_transaction(CALL_SECONDS_MAX)

    def abort(self) -> None:
        self._producer.abort_transaction(CALL_SECONDS_MAX)

    def produce(self, rows: pa.Table, check_stop: Callable[[], None]) -> list[Refused]:
        columns = [rows[name].to_pylist() for name in ("seq", "topic", "value", "key", "ts")]
        columns.append(partitions_of_windowed(rows, self.partitions).to_pylist())
        headers = rows["hdr"].to_pylist() if rows["hdr"].null_count < rows.num_rows else None
        produce = self._producer.produce
        refused = []
        for index, (seq, topic, value, key, ts, partition) in enumerate(zip(*columns, strict=True)):
            sent = None if headers is None or headers[index] is None else _record_headers(headers[index])
            while True:
                try:
                    produce(topic, value, key, partition, timestamp=ts, headers=sent)
                    break
                except BufferError:
                    self._producer.poll(CALL_SECONDS_MAX)
                    check_stop()
                except KafkaException as error:
                    if not is_poison(error.args[0]):
                        raise
                    refused.append(Refused(seq, topic, error.args[0].str()))
                    break
        return refused

    def partitions(self, topic: str) -> int:
        if topic not in self._partitions:
            self._partitions[topic] = len(self._producer.list_topics(topic, LOOK_SECONDS_MAX).topics[topic].partitions)
        return self._partitions[topic]

    def topics(self, timeout: float) -> Collection[str]:
        return frozenset(self._producer.list_topics(timeout=timeout).topics)  # all: asking for one may create it

    def purge(self) -> None:
        self._producer.purge()

    def close(self) -> None:
        self._producer.purge()


def is_fenced(error: KafkaError) -> bool:
    """Tell whether the broker knows a newer producer of this service, or took the transaction back by itself."""
    return error.code() in _FENCED


def is_poison(error: KafkaError) -> bool:
    """Tell whether an error is about what a record is, so that it comes again however often the record is sent."""
    return error.code() in _POISON


def is_purged(error: KafkaError) -> bool:
    """Tell whether a record was not sent because the producer itself dropped it."""
    return error.code() in _PURGED


def missing_topic(producer: RecordProducer, topics: Collection[str]) -> str | None:
    """Ask the cluster which of the topics does not exist; the first of them by name. Raises: KafkaException."""
    found = producer.topics(LOOK_SECONDS_MAX)
    return min((topic for topic in topics if topic not in found), default=None)


def _record_headers(headers: list[dict[str, Any]]) -> list[tuple[str, str | bytes | None]]:
    """Write a record's headers as confluent-kafka takes them."""
    return [(header["k"], header["v"]) for header in headers]
