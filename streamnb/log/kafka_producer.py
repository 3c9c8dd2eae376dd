"""The publisher's transactional producer: its settings, its errors, and records that Kafka will never take."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from streamnb.log.kafka_client import client_settings, guarded, logger
from streamnb.log.kafka_url import KafkaUrl

__all__ = ["Refused", "is_fenced", "is_poison", "is_purged", "make_producer", "missing_topic", "record_headers"]

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


def make_producer(url: KafkaUrl, on_failed: Callable[[KafkaError | None, Message], None]) -> Producer:
    """Make the producer of a service; ``on_failed`` hears of each record that was not delivered."""
    fixed = {
        "transactional.id": f"streamnb-{url.service_id}",
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "delivery.report.only.error": True,
        "on_delivery": on_failed,
    }
    with guarded(url, "publishing"):
        return Producer(client_settings(url, _TUNED, fixed), logger=logger)


def is_fenced(error: KafkaError) -> bool:
    """Tell whether the broker knows a newer producer of this service, or took the transaction back by itself."""
    return error.code() in _FENCED


def is_poison(error: KafkaError) -> bool:
    """Tell whether an error is about what a record is, so that it comes again however often the record is sent."""
    return error.code() in _POISON


def is_purged(error: KafkaError) -> bool:
    """Tell whether a record was not sent because the producer itself dropped it."""
    return error.code() in _PURGED


def missing_topic(producer: Producer, topics: Collection[str]) -> str | None:
    """Ask the cluster which of the topics does not exist; the first of them by name. Raises: KafkaException."""
    found = producer.list_topics(timeout=LOOK_SECONDS_MAX).topics  # all: asking for one may create it
    return min((topic for topic in topics if topic not in found), default=None)


def record_headers(headers: list[dict[str, Any]]) -> list[tuple[str, str | bytes | None]]:
    """Write a record's headers as the producer takes them."""
    return [(header["k"], header["v"]) for header in headers]
