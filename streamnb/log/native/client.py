"""What the native consumer and producer share: a client made from settings, its errors and its log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ctypes import create_string_buffer
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from streamnb.errors import LogError
from streamnb.log.kafka_client import logger
from streamnb.log.native.library import DELIVERY_CB, ERROR_CB, LOG_CB, METADATA, Library, library

__all__ = ["CONSUMER", "PRODUCER", "NativeClient"]

PRODUCER, CONSUMER = 0, 1
REASON_BYTES = 512
_LEVELS = (50, 50, 50, 40, 30, 20, 20, 10)  # syslog's, as Python's logging has them


_living: set[NativeClient] = set()
"""Clients that are not closed: librdkafka would call into nothing if one was collected."""


class NativeClient:
    """A client of librdkafka's. Its callbacks run inside calls of the thread it belongs to."""

    def __init__(
        self,
        kind: int,
        settings: Mapping[str, Any],
        on_error: Callable[[KafkaError], None],
        on_failed: Callable[[KafkaError, str], None] | None = None,
    ) -> None:
        """Make a client; ``on_failed`` hears of each record that was not delivered, with its topic.

        Raises: KafkaException for a setting that is not understood, LogError without the C code.
        """
        found = library()
        if found is None:
            raise LogError("the C code for Kafka is not available")
        self.lib: Library = found
        # librdkafka calls these for as long as the client lives.
        self._on_error = ERROR_CB(lambda client, code, reason, opaque: on_error(_error(code, reason)))
        self._on_log = LOG_CB(_log)
        self._on_delivery = DELIVERY_CB(self._delivered)
        self._on_failed = on_failed
        self.handle = self._new(kind, settings)
        self.lib.set_log_queue(self.handle, None)  # lines are written when the client is served, by its own thread
        _living.add(self)

    def close(self) -> None:
        """Let go of the client; queues and topics of it must be gone."""
        self.lib.destroy(self.handle)
        _living.discard(self)

    def _new(self, kind: int, settings: Mapping[str, Any]) -> int:
        lib, reason = self.lib, create_string_buffer(REASON_BYTES)
        conf = lib.conf_new()
        for name, value in {**settings, "log.queue": True}.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if lib.conf_set(conf, name.encode(), text.encode(), reason, REASON_BYTES):
                lib.conf_destroy(conf)
                raise KafkaException(KafkaError(KafkaError._INVALID_ARG, reason.value.decode()))
        lib.conf_set_error_cb(conf, self._on_error)
        lib.conf_set_log_cb(conf, self._on_log)
        if self._on_failed is not None:
            lib.conf_set_dr_msg_cb(conf, self._on_delivery)
        handle: int | None = lib.new(kind, conf, reason, REASON_BYTES)
        if not handle:
            lib.conf_destroy(conf)
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, reason.value.decode()))
        return handle

    def _delivered(self, client: int, message: Any, opaque: int) -> None:
        found = message.contents
        if found.err and self._on_failed is not None:
            self._on_failed(
                _error(found.err, self.lib.message_errstr(message)), self.lib.topic_name(found.topic).decode()
            )

    def topic_error(self, topic: str, timeout: float) -> KafkaError | None:
        """Ask what is wrong with a topic. Raises: KafkaException when no broker answers."""
        handle = self.lib.topic_new(self.handle, topic.encode(), None)
        if not handle:
            return KafkaError(KafkaError._INVALID_ARG, f"invalid topic name {topic}")
        try:
            codes = self.topics(timeout, handle)
        finally:
            self.lib.topic_destroy(handle)
        return next((_error(code, self.lib.err2str(code)) for code in codes.values() if code), None)

    def topics(self, timeout: float, topic: int | None = None) -> dict[str, int]:
        """Ask for all topics of the cluster, or one by its handle, with their error codes. Raises: KafkaException."""
        return {name: code for name, code, _ in self._described(timeout, topic)}

    def partitions(self, topic: int, timeout: float) -> int:
        """Ask how many partitions a topic has, by its handle; 0 when there is none. Raises: KafkaException."""
        return sum(count for _, _, count in self._described(timeout, topic))

    def _described(self, timeout: float, topic: int | None) -> list[tuple[str, int, int]]:
        """Ask for topics: their names, error codes and numbers of partitions."""
        lib, found = self.lib, METADATA()
        lib.check(lib.metadata(self.handle, int(topic is None), topic, found, int(timeout * 1000)))
        try:
            topics = (found.contents.topics[i] for i in range(found.contents.topic_cnt))
            return [(t.topic.decode(), t.err, t.partition_cnt) for t in topics]
        finally:
            lib.metadata_destroy(found)


def _error(code: int, reason: bytes | None) -> KafkaError:
    return KafkaError(code, (reason or b"").decode(errors="replace"))


def _log(client: int, level: int, facility: bytes, text: bytes) -> None:
    logger.log(_LEVELS[level & 7], "%s %s", facility.decode(), text.decode(errors="replace"))
