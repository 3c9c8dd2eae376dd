"""Kafka's topics: create, delete, describe, list, their ends, and a topic's tail for PRINT."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, cast

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType, TopicDescription

from streamnb.errors import LogError
from streamnb.log.base import CLEANUPS, Cleanup, TopicInfo, check_topic_name, unknown_topic
from streamnb.log.kafka_client import (
    CALL_SECONDS_MAX,
    client_settings,
    guarded,
    learn_leaders,
    log_error,
    logger,
    too_slow,
)
from streamnb.log.kafka_url import KafkaUrl

__all__ = ["INTERNAL_PREFIX", "KafkaLog", "KafkaRecord"]

INTERNAL_PREFIX = "_streamnb-"
"""Begins the names of topics that the engine keeps for itself; SHOW TOPICS leaves them out."""

ASK_SECONDS_MAX = 4.0
CHANGE_SECONDS_MAX = 10.0

KafkaRecord = tuple[int, int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]] | None]
"""A record for PRINT: partition, offset, timestamp in ms, key, value, headers."""

LEADER_WAIT_SECONDS = 0.1
_NO_LEADER_YET = frozenset((KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE))


class KafkaLog:
    """The topics of a Kafka cluster. Calls block and may come from any thread.

    A cluster that does not answer is an error after four seconds; one that answers is given ten for a change.
    """

    def __init__(self, url: KafkaUrl) -> None:
        """Make the client; nothing is asked of the broker yet. Raises: LogError for settings not understood."""
        self.url = url
        with guarded(url, "connecting"):
            self._admin = AdminClient(client_settings(url, {"socket.timeout.ms": 10_000}), logger=logger)

    def check(self) -> None:
        """Make sure that the cluster answers. Raises: LogError within a few seconds when it does not."""
        with guarded(self.url, "connecting"):
            self._admin.list_topics(timeout=ASK_SECONDS_MAX)

    def close(self) -> None:
        """Forget the connection."""
        del self._admin

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        *,
        replicas: int | None = None,
        retention_ms: int | None = None,
        cleanup: Cleanup = "delete",
    ) -> TopicInfo:
        """Create a topic and wait until the cluster knows it; what is None is left to the broker's defaults."""
        check_topic_name(name)
        if partitions < 1 or (replicas is not None and replicas < 1):
            raise LogError(
                f"Topic '{name}' cannot be created with {partitions} partitions and {replicas} replicas",
                summary=f"topic {name} cannot be created with {partitions} partitions and {replicas} replicas",
            )
        config: dict[str, str] = {"cleanup.policy": cleanup}
        if retention_ms is not None:
            config["retention.ms"] = str(retention_ms)
        self.check()
        new = NewTopic(name, partitions, -1 if replicas is None else replicas, config=config)
        try:
            _result(self._admin.create_topics([new], request_timeout=CHANGE_SECONDS_MAX)[name])
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                raise LogError(f"Topic '{name}' already exists.", summary=f"topic {name} already exists") from error
            raise log_error(self.url, error.args[0], f"creating topic {name}") from error
        self._await(lambda: self._is_served(name, partitions), f"topic {name} to be served")
        info = self.topic(name)
        if info is None:
            raise unknown_topic(name)
        return info

    def _is_served(self, name: str, partitions: int) -> bool:
        found = self._describe(name)
        return found is not None and len(found.partitions) == partitions and all(p.leader for p in found.partitions)

    def delete_topic(self, name: str) -> None:
        """Delete a topic and wait until the cluster has forgotten it."""
        self.check()
        with guarded(self.url, f"deleting topic {name}", name):
            _result(self._admin.delete_topics([name], request_timeout=CHANGE_SECONDS_MAX)[name])
        self._await(lambda: self._describe(name) is None, f"topic {name} to be gone")

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + CHANGE_SECONDS_MAX
        while not condition():
            if time.monotonic() > deadline:
                raise too_slow(f"waited too long for {what} at Kafka {self.url.bootstrap}")
            time.sleep(0.02)

    def _describe(self, name: str) -> TopicDescription | None:
        with guarded(self.url, f"describing topic {name}"):
            futures = self._admin.describe_topics(TopicCollection([name]), request_timeout=ASK_SECONDS_MAX)
            try:
                return cast(TopicDescription, _result(futures[name]))
            except KafkaException as error:
                if error.args[0].code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_EXCEPTION):
                    return None
                raise

    def topic(self, name: str) -> TopicInfo | None:
        """Describe a topic, or return None when there is none of this name."""
        found = self._describe(name)
        if found is None:
            return None
        replicas = len(found.partitions[0].replicas) if found.partitions else 0
        return next(iter(self._with_settings([(name, len(found.partitions), replicas)])), None)

    def topics(self, *, internal: bool = False) -> Sequence[TopicInfo]:
        """List all topics by name; Kafka's internal ones and the engine's own only when ``internal``."""
        with guarded(self.url, "listing topics"):
            found = self._admin.list_topics(timeout=ASK_SECONDS_MAX).topics
        shapes = [
            (name, len(topic.partitions), max(len(p.replicas) for p in topic.partitions.values()))
            for name, topic in found.items()
            if topic.partitions and (internal or not name.startswith(("__", INTERNAL_PREFIX)))
        ]
        return self._with_settings(sorted(shapes))

    def _with_settings(self, shapes: Sequence[tuple[str, int, int]]) -> list[TopicInfo]:
        if not shapes:
            return []
        resources = [ConfigResource(ResourceType.TOPIC, name) for name, _, _ in shapes]
        infos = []
        with guarded(self.url, "describing topics"):
            futures = self._admin.describe_configs(resources, request_timeout=ASK_SECONDS_MAX)
            settings = {resource.name: future for resource, future in futures.items()}
            for name, partitions, replicas in shapes:
                try:
                    config = _result(settings[name])
                except KafkaException as error:
                    if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                        continue  # deleted meanwhile
                    raise
                retention = int(config["retention.ms"].value)
                cleanup = frozenset(config["cleanup.policy"].value.split(","))
                policy = next((known for known in CLEANUPS if frozenset(known.split(",")) == cleanup), CLEANUPS[0])
                infos.append(TopicInfo(name, partitions, replicas, None if retention < 0 else retention, policy))
        return infos

    def ends(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """Tell for each partition the first offset kept and the next one that a read_committed reader will reach."""
        partitions = self._partitions(topic)
        first = self._offsets(topic, {part: OffsetSpec.earliest() for part in partitions})
        last = self._offsets(topic, {part: OffsetSpec.latest() for part in partitions})
        return {part: (first[part], last[part]) for part in partitions}

    def offsets_at(self, topic: str, ts_ms: int) -> Mapping[int, int]:
        """Find for each partition the first offset whose timestamp is ``ts_ms`` or later; the next one if none is."""
        partitions = self._partitions(topic)
        found = self._offsets(topic, {part: OffsetSpec.for_timestamp(ts_ms) for part in partitions})
        missing = {part: OffsetSpec.latest() for part in partitions if found[part] < 0}
        return found | (self._offsets(topic, missing) if missing else {})

    def _partitions(self, topic: str) -> list[int]:
        found = self._describe(topic)
        if found is None:
            raise unknown_topic(topic)
        return sorted(part.id for part in found.partitions)

    def _offsets(self, topic: str, specs: Mapping[int, OffsetSpec]) -> dict[int, int]:
        asked = {TopicPartition(topic, part): spec for part, spec in specs.items()}
        deadline = time.monotonic() + ASK_SECONDS_MAX
        with guarded(self.url, f"asking for the ends of topic {topic}", topic):
            while True:
                futures = self._admin.list_offsets(
                    asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ASK_SECONDS_MAX
                )
                try:
                    return {place.partition: _result(future).offset for place, future in futures.items()}
                except KafkaException as error:
                    # A topic made a moment ago may have no leader yet; the client learns of it when it asks again.
                    if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() > deadline:
                        raise
                    time.sleep(LEADER_WAIT_SECONDS)

    def tail(
        self, topic: str, positions: Mapping[int, int] | None = None, *, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[KafkaRecord]:
        """Go through a topic's committed records as they come, from ``positions`` or its end, until ``stop`` says so.

        ``stop`` is asked at least every 0.2 s, also while nothing arrives. Close the iterator to let go of the broker.
        """
        if positions is None:
            positions = {part: next_ for part, (_, next_) in self.ends(topic).items()}
        fixed = {"group.id": f"streamnb-print-{self.url.service_id}", "enable.auto.commit": False}
        fixed |= {
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": False,
        }
        with guarded(self.url, f"reading topic {topic}", topic):
            consumer = Consumer(client_settings(self.url, {"fetch.wait.max.ms": 100}, fixed), logger=logger)
            try:
                learn_leaders(consumer, topic)
                consumer.assign([TopicPartition(topic, part, offset) for part, offset in positions.items()])
                while not stop():
                    message = consumer.poll(CALL_SECONDS_MAX)
                    if message is None:
                        continue
                    error = message.error()
                    if error is not None:
                        raise KafkaException(error)
                    yield _record(message)
            finally:
                consumer.close()


def _record(message: Any) -> KafkaRecord:
    return (
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        message.headers(),
    )


def _result(future: Future[Any]) -> Any:
    return future.result(CHANGE_SECONDS_MAX + 5)
