"""What the Kafka clients share: their common settings, and librdkafka's errors in words for people."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException

from streamnb.errors import LogError
from streamnb.log.base import unknown_topic
from streamnb.log.kafka_url import KafkaUrl

__all__ = [
    "CALL_SECONDS_MAX",
    "client_settings",
    "guarded",
    "is_unknown_topic",
    "is_unreachable",
    "learn_leaders",
    "log_error",
    "logger",
    "may_pass",
    "too_slow",
]

CALL_SECONDS_MAX = 0.2
"""The longest that a worker thread stays inside one librdkafka call, so that it can always be stopped."""

logger = logging.getLogger("streamnb.kafka")
logger.addHandler(logging.NullHandler())  # librdkafka's lines go where the application sends this logger's

_UNREACHABLE = frozenset(
    (
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.BROKER_NOT_AVAILABLE,
    )
)
_REFUSED = frozenset(
    (
        KafkaError._AUTHENTICATION,
        KafkaError._SSL,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    )
)
_UNKNOWN_TOPIC = frozenset((KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION))


def client_settings(
    url: KafkaUrl, defaults: Mapping[str, Any], fixed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Merge a client's settings: our defaults, then the URL's, then those that correctness rests on."""
    return {
        "client.id": f"streamnb-{url.service_id}",
        "log_level": 4,
        **defaults,
        **url.client_settings(),
        **(fixed or {}),
    }


def is_unreachable(error: KafkaError) -> bool:
    """Tell whether an error says that no broker answers, which may pass."""
    return error.code() in _UNREACHABLE


def is_unknown_topic(error: KafkaError) -> bool:
    """Tell whether an error says that a topic does not exist."""
    return error.code() in _UNKNOWN_TOPIC


def may_pass(error: LogError) -> bool:
    """Tell whether trying again can help: the broker's error behind this one is not about rights or settings.

    A broker that just started has many such errors: it loads its coordinators, and topics have no leader yet.
    """
    cause = error.__cause__
    if not isinstance(cause, KafkaException):
        return False
    reason: KafkaError = cause.args[0]
    return not reason.fatal() and reason.code() not in _REFUSED and reason.code() != KafkaError._INVALID_ARG


def too_slow(message: str) -> LogError:
    """Make the error for a broker that answers, and does not come to an end."""
    error = LogError(message)
    error.__cause__ = KafkaException(KafkaError(KafkaError._TIMED_OUT, message))
    return error


def log_error(url: KafkaUrl, error: KafkaError, doing: str, topic: str | None = None) -> LogError:
    """Turn librdkafka's error into ours; ``doing`` says what failed, as in "reading topic ratings"."""
    code, detail = error.code(), error.str()
    if topic is not None and code in _UNKNOWN_TOPIC:
        return unknown_topic(topic)
    if code in _UNREACHABLE:
        return LogError(
            f"cannot reach Kafka at {url.bootstrap}: {detail}",
            summary=f"cannot reach Kafka at {url.bootstrap}",
            hint="is the broker running, and are host and port those of its advertised listener?",
        )
    if code in _REFUSED:
        return LogError(
            f"Kafka at {url.bootstrap} refuses {doing}: {detail}",
            summary=f"Kafka at {url.bootstrap} refuses {doing}",
            hint="check security.protocol, sasl.* and ssl.* in the URL, and the rights of this user",
        )
    if code == KafkaError._INVALID_ARG:
        return LogError(
            f"a setting of the Kafka URL is not understood: {detail}",
            summary="a setting of the Kafka URL is not understood",
            hint=detail,
        )
    return LogError(f"{doing} failed at Kafka {url.bootstrap}: {detail}", summary=f"{doing} failed: {detail}")


def learn_leaders(consumer: Consumer, topic: str) -> None:
    """Fetch a topic's metadata before it is assigned: by itself librdkafka may take a second to ask for it."""
    with suppress(KafkaException):  # then librdkafka learns them in its own time
        consumer.list_topics(topic, timeout=CALL_SECONDS_MAX)


@contextmanager
def guarded(url: KafkaUrl, doing: str, topic: str | None = None) -> Iterator[None]:
    """Turn the KafkaException of a block into a LogError."""
    try:
        yield
    except KafkaException as error:
        raise log_error(url, error.args[0], doing, topic) from error
