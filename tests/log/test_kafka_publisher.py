"""Publishing the outbox to a real broker: each row once, in order, whatever fails."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from streamnb.errors import LogError
from streamnb.log.kafka_admin import KafkaLog
from streamnb.log.kafka_producer import Refused
from streamnb.log.kafka_publisher import OUTBOX_SCHEMA, KafkaPublisher
from streamnb.log.kafka_url import KafkaUrl, parse_kafka_url
from streamnb.log.partitioner import partitions_of
from tests.kafka_broker import KafkaBroker
from tests.kafka_records import committed

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("client")]

numbers = itertools.count()
POINTS = ("init_done", "begun", "mid", "before_offsets", "before_commit", "after_commit", "trimmed")
WORKER = Path(__file__).parent / "publisher_worker.py"


@pytest.fixture
def service(kafka_broker: KafkaBroker) -> str:
    return f"pub-{os.getpid()}-{next(numbers)}"


@pytest.fixture
def url(kafka_broker: KafkaBroker, service: str) -> KafkaUrl:
    return parse_kafka_url(f"kafka://{kafka_broker.bootstrap}?service.id={service}")


@pytest.fixture
def topic(url: KafkaUrl, service: str) -> str:
    log = KafkaLog(url)
    log.create_topic(service, 2)
    log.close()
    return service


def rows(topic: str, first: int, count: int) -> pa.Table:
    seqs = range(first, first + count)
    keys, values = [b"%d" % (s % 7) for s in seqs], [b"%d" % s for s in seqs]
    return table(list(seqs), [topic] * count, [1000 + s for s in seqs], keys, values, [None] * count)


def table(*columns: list[Any], window_bytes: int = 0) -> pa.Table:
    """Make rows of the outbox: seq, topic, ts, key, value, hdr."""
    columns = (*columns, [window_bytes] * len(columns[0]))
    arrays = [pa.array(column, field.type) for column, field in zip(columns, OUTBOX_SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=OUTBOX_SCHEMA)


def messages(url: KafkaUrl, topic: str) -> list[Any]:
    """Read all committed records of a topic with two partitions."""
    return committed(url.client_settings(), topic, 2)


def assert_each_once(url: KafkaUrl, topic: str, count: int) -> None:
    found = messages(url, topic)
    assert sorted(int(m.value()) for m in found) == list(range(count))
    for part in range(2):
        values = [int(m.value()) for m in found if m.partition() == part]
        assert values == sorted(values)


@contextmanager
def publishing(url: KafkaUrl, **arguments: Any) -> Iterator[KafkaPublisher]:
    publisher = KafkaPublisher(url, store_id="store", **arguments)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.stop()


def test_rows_are_published_once_and_in_order(url: KafkaUrl, topic: str) -> None:
    with publishing(url) as publisher:
        for first in range(0, 3000, 1000):
            assert publisher.offer(rows(topic, first, 1000))
        assert publisher.wait_published(3000, 30)
        assert (publisher.published, publisher.error, publisher.trouble) == (3000, None, None)
    assert_each_once(url, topic, 3000)


def test_windows_of_a_key_go_to_the_partition_of_the_key(url: KafkaUrl, topic: str) -> None:
    keys = [b"%d" % (n % 7) + start.to_bytes(8, "big") for n in range(40) for start in (0, 60_000)]
    count = len(keys)
    windowed = table(
        [*range(count)], [topic] * count, [7] * count, keys, [b"v"] * count, [None] * count, window_bytes=8
    )
    with publishing(url) as publisher:
        publisher.offer(windowed)
        assert publisher.wait_published(count, 30), publisher.error
    found = [(m.key(), m.partition()) for m in messages(url, topic)]
    assert sorted(key for key, _ in found) == sorted(keys)
    own = pa.array([key[:-8] for key, _ in found])
    assert [part for _, part in found] == partitions_of(own, 2).to_pylist()
    assert {part for _, part in found} == {0, 1}


def test_key_timestamp_headers_and_tombstones_arrive(url: KafkaUrl, topic: str) -> None:
    header = [{"k": "h", "v": b"1"}, {"k": "n", "v": None}]
    with publishing(url) as publisher:
        publisher.offer(table([0, 1], [topic, topic], [77, 78], [b"foobar", None], [None, b"v"], [header, None]))
        assert publisher.wait_published(2, 30), publisher.error
    found = {m.timestamp()[1]: (m.key(), m.value(), m.headers()) for m in messages(url, topic)}
    assert found == {77: (b"foobar", None, [("h", b"1"), ("n", None)]), 78: (None, b"v", None)}
    foobar = next(m for m in messages(url, topic) if m.key() == b"foobar")
    assert foobar.partition() == (-790332482 & 0x7FFFFFFF) % 2  # as Kafka's Java client has it


def test_restarted_publisher_passes_over_what_is_out(url: KafkaUrl, topic: str) -> None:
    with publishing(url) as publisher:
        publisher.offer(rows(topic, 0, 100))
        assert publisher.wait_published(100, 30)
    with publishing(url) as publisher:
        publisher.offer(rows(topic, 0, 150))
        publisher.offer(rows(topic, 150, 50))
        assert publisher.wait_published(200, 30)
    assert_each_once(url, topic, 200)


def test_new_database_file_begins_anew(url: KafkaUrl, topic: str) -> None:
    with publishing(url) as publisher:
        publisher.offer(rows(topic, 0, 10))
        assert publisher.wait_published(10, 30)
    publisher = KafkaPublisher(url, store_id="another")
    publisher.start()
    assert publisher.wait_published(0, 30)
    assert publisher.published == 0
    publisher.stop()


def test_older_copy_of_the_database_file_is_refused(url: KafkaUrl, topic: str) -> None:
    with publishing(url) as publisher:
        publisher.offer(rows(topic, 0, 10))
        assert publisher.wait_published(10, 30)
    with publishing(url, seq_next=4) as publisher:
        assert not publisher.wait_published(11, 30)
        assert "the file is an older copy" in str(publisher.error)


def test_publisher_that_was_overtaken_ends_and_writes_nothing(url: KafkaUrl, topic: str) -> None:
    with publishing(url) as zombie:
        zombie.offer(rows(topic, 0, 10))
        assert zombie.wait_published(10, 30)
        with publishing(url) as publisher:
            assert publisher.wait_published(10, 30)
            zombie.offer(rows(topic, 10, 10))
            assert not zombie.wait_published(20, 30)
            assert f"another engine with service id {url.service_id} took over" in str(zombie.error)
            with pytest.raises(LogError, match="took over"):
                zombie.offer(rows(topic, 20, 10))
            publisher.offer(rows(topic, 10, 10))
            assert publisher.wait_published(20, 30)
    assert_each_once(url, topic, 20)


def test_publisher_fenced_by_nobody_known_goes_on(url: KafkaUrl, topic: str) -> None:
    """The broker fences a producer whose transaction took too long: no other engine has left a note."""
    with publishing(url) as publisher:
        publisher.offer(rows(topic, 0, 10))
        assert publisher.wait_published(10, 30)
        intruder = Producer(url.client_settings() | {"transactional.id": f"streamnb-{url.service_id}"})
        intruder.init_transactions(30)
        publisher.offer(rows(topic, 10, 10))
        assert publisher.wait_published(20, 60), publisher.error
    assert_each_once(url, topic, 20)


def test_missing_topic_is_told_and_publishing_goes_on_once_it_is_there(url: KafkaUrl, topic: str) -> None:
    late = f"{topic}-late"
    fast = KafkaUrl(url.bootstrap, url.service_id, client={"topic.metadata.propagation.max.ms": "100"})
    troubles: list[str] = []
    with publishing(fast) as publisher:
        publisher.offer(rows(late, 0, 10))
        while not troubles:
            assert not publisher.wait_published(10, 0.05)
            troubles += [str(publisher.trouble)] * (publisher.trouble is not None)
        assert troubles == [f"Topic '{late}' does not exist"]
        KafkaLog(url).create_topic(late, 2)
        assert publisher.wait_published(10, 60)
        assert publisher.trouble is None
    assert_each_once(url, late, 10)


def test_missing_topic_that_was_there_is_told_and_publishing_goes_on_once_it_is_back(url: KafkaUrl, topic: str) -> None:
    log = KafkaLog(url)
    with publishing(url) as publisher:
        publisher.offer(rows(topic, 0, 10))
        assert publisher.wait_published(10, 30)
        log.delete_topic(topic)
        publisher.offer(rows(topic, 10, 10))
        assert trouble_of(publisher, 20) == f"Topic '{topic}' does not exist"
        log.create_topic(topic, 2)
        assert publisher.wait_published(20, 20), publisher.trouble
        assert publisher.trouble is None
    assert sorted(int(m.value()) for m in messages(url, topic)) == list(range(10, 20))


def trouble_of(publisher: KafkaPublisher, seq: int) -> str:
    """Wait until the publisher, which cannot come to ``seq``, says why."""
    while publisher.trouble is None:
        assert not publisher.wait_published(seq, 0.05)
        assert publisher.error is None
    return str(publisher.trouble)


def with_value(table: pa.Table, seq: int, value: bytes) -> pa.Table:
    """Give one row another value."""
    values = [value if s == seq else v for s, v in zip(*(table[c].to_pylist() for c in ("seq", "value")), strict=True)]
    return table.set_column(4, OUTBOX_SCHEMA.field("value"), pa.array(values, pa.binary()))


def refused_by(publisher: KafkaPublisher, seq: int) -> tuple[Refused, ...]:
    """Wait until the publisher, which cannot come to ``seq``, tells of a refused row."""
    while not publisher.refused:
        assert not publisher.wait_published(seq, 0.05)
        assert publisher.error is None
    return publisher.refused


def test_record_too_large_for_the_client_is_refused_and_the_others_go_out(url: KafkaUrl, topic: str) -> None:
    huge = with_value(with_value(rows(topic, 0, 100), 17, b"x" * 2_000_000), 50, b"y" * 2_000_000)
    with publishing(url) as publisher:
        publisher.offer(huge)
        refused = refused_by(publisher, 100)
        assert [(r.seq, r.topic) for r in refused] == [(17, topic), (50, topic)]
        assert "too large" in refused[0].reason
        assert messages(url, topic) == []
        publisher.skip([17, 50])
        assert publisher.wait_published(100, 30)
    assert sorted(int(m.value()) for m in messages(url, topic)) == [s for s in range(100) if s not in (17, 50)]


def test_record_too_large_for_the_topic_is_found_and_the_others_go_out(url: KafkaUrl, topic: str) -> None:
    entry = ConfigEntry("max.message.bytes", "20000", incremental_operation=AlterConfigOpType.SET)
    admin = AdminClient({"bootstrap.servers": url.bootstrap})
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(10)
    with publishing(url) as publisher:
        publisher.offer(with_value(rows(topic, 0, 100), 17, os.urandom(30_000)))
        assert [r.seq for r in refused_by(publisher, 100)] == [17]
        publisher.skip([17])
        assert publisher.wait_published(100, 30)
    assert sorted(int(m.value()) for m in messages(url, topic)) == [s for s in range(100) if s != 17]


def test_rows_without_a_topic_are_passed_over(url: KafkaUrl, topic: str) -> None:
    blank = rows(topic, 0, 3)
    topics = pa.array([None, topic, None], pa.string())
    with publishing(url) as publisher:
        publisher.offer(blank.set_column(1, OUTBOX_SCHEMA.field("topic"), topics))
        assert publisher.wait_published(3, 30)
    assert [int(m.value()) for m in messages(url, topic)] == [1]


def test_broker_that_comes_back_gets_what_was_offered_meanwhile_within_30_seconds(tmp_path: Path) -> None:
    broker = KafkaBroker(tmp_path / "node")
    url = KafkaUrl(broker.bootstrap, "restart")
    with broker.running():
        KafkaLog(url).create_topic("restart", 2)
        with publishing(url) as publisher:
            publisher.offer(rows("restart", 0, 10))
            assert publisher.wait_published(10, 30)
            broker.stop()
            publisher.offer(rows("restart", 10, 10))
            assert "cannot reach Kafka" in trouble_of(publisher, 20)
            assert not publisher.wait_published(20, 15)  # longer than the outcome of a commit is waited for
            broker.start()
            assert publisher.wait_published(20, 30), publisher.trouble or publisher.error
            assert publisher.trouble is None
        assert_each_once(url, "restart", 20)


def test_full_queue_refuses_rows_until_there_is_room(url: KafkaUrl, topic: str) -> None:
    publisher = KafkaPublisher(url, store_id="store", bytes_max=1000)
    assert publisher.offer(rows(topic, 0, 100))
    assert not publisher.offer(rows(topic, 100, 1))
    publisher.start()
    assert publisher.wait_published(100, 30)
    while not publisher.offer(rows(topic, 100, 1)):
        assert publisher.wait_published(100, 30)
    assert publisher.wait_published(101, 30)
    publisher.stop()


@pytest.fixture
def work(url: KafkaUrl, topic: str, tmp_path: Path) -> Callable[[str], int]:
    """Run the worker, with failpoints, until it ends; returns its exit code."""

    def run(failpoints: str) -> int:
        environment = os.environ | {"STREAMNB_FAILPOINTS": failpoints}
        command = [sys.executable, str(WORKER), url.bootstrap, url.service_id, topic, str(tmp_path / "worker.duckdb")]
        return subprocess.run(command, env=environment, timeout=120, check=False).returncode

    return run


@pytest.mark.parametrize("point", POINTS)
def test_publisher_killed_anywhere_publishes_each_row_once(
    url: KafkaUrl, topic: str, work: Callable[[str], int], point: str
) -> None:
    hits = 1 if point == "init_done" else 3  # the first commits are that of the opening note
    assert work(f"publish.{point}=kill@{hits}") == -9
    assert work("") == 0
    assert_each_once(url, topic, 2000)
