"""Kafka's topics against a real broker: the contract of all logs, and what only Kafka does."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from streamnb.errors import LogError
from streamnb.log.kafka_admin import INTERNAL_PREFIX, KafkaLog
from streamnb.log.kafka_url import KafkaUrl, parse_kafka_url
from tests.kafka_broker import KafkaBroker, free_port
from tests.log.contract import Append, LogContract

numbers = itertools.count()


@pytest.fixture
def url(kafka_broker: KafkaBroker) -> KafkaUrl:
    return parse_kafka_url(f"kafka://{kafka_broker.bootstrap}?service.id=test")


@pytest.fixture
def log(url: KafkaUrl) -> Iterator[KafkaLog]:
    made = KafkaLog(url)
    yield made
    made.close()


@pytest.fixture
def name() -> str:
    return f"Admin-{os.getpid()}-{next(numbers)}"


@pytest.fixture
def append(url: KafkaUrl) -> Append:
    def run(topic: str, records: list[tuple[int, int, bytes | None, bytes | None]]) -> None:
        producer = Producer(url.client_settings())
        for part, ts, key, value in records:
            producer.produce(topic, value, key, part, timestamp=ts)
        assert producer.flush(10) == 0

    return run


@pytest.mark.kafka
class TestKafkaLog(LogContract):
    pass


@pytest.mark.kafka
def test_internal_topics_are_listed_when_asked_for_only(log: KafkaLog, name: str) -> None:
    log.create_topic(INTERNAL_PREFIX + name)
    assert INTERNAL_PREFIX + name not in {info.name for info in log.topics()}
    assert INTERNAL_PREFIX + name in {info.name for info in log.topics(internal=True)}


@pytest.mark.kafka
def test_retention_for_ever_is_none(log: KafkaLog, name: str) -> None:
    assert log.create_topic(name).retention_ms is None  # the test node's default


@pytest.mark.kafka
def test_tail_gives_old_and_new_records_until_it_is_stopped(log: KafkaLog, append: Append, name: str) -> None:
    log.create_topic(name)
    append(name, [(0, 1, None, b"old")])
    stopped = False
    tail = log.tail(name, {0: 0}, stop=lambda: stopped)
    assert next(tail) == (0, 0, 1, None, b"old", None)
    append(name, [(0, 2, b"k", None)])
    assert next(tail) == (0, 1, 2, b"k", None, None)
    stopped = True
    assert list(tail) == []


@pytest.mark.kafka
def test_tail_of_an_unknown_topic_is_an_error(log: KafkaLog, name: str) -> None:
    with pytest.raises(LogError, match="does not exist"):
        next(log.tail(name))


def test_absent_broker_is_named_within_seconds() -> None:
    port = free_port()
    log = KafkaLog(parse_kafka_url(f"kafka://127.0.0.1:{port}"))
    begun = time.monotonic()
    with pytest.raises(LogError, match=f"cannot reach Kafka at 127.0.0.1:{port}") as caught:
        log.check()
    assert time.monotonic() - begun < 6
    assert "is the broker running" in caught.value.render()
    log.close()


def test_unknown_setting_of_the_url_is_named() -> None:
    with pytest.raises(LogError, match=r"bogus\.setting"):
        KafkaLog(parse_kafka_url("kafka://h:1?bogus.setting=1"))
