"""Reading a real broker: every record once and in order, never a silent jump, and failures in words."""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streamnb.log.base import RECORD_SCHEMA
from streamnb.log.kafka_admin import KafkaLog
from streamnb.log.kafka_reader import KafkaReader
from streamnb.log.kafka_url import KafkaUrl, parse_kafka_url
from tests.kafka_broker import KafkaBroker, free_port

numbers = itertools.count()
Produce = Callable[..., None]
Reading = Callable[..., KafkaReader]


@pytest.fixture
def url(kafka_broker: KafkaBroker) -> KafkaUrl:
    return parse_kafka_url(f"kafka://{kafka_broker.bootstrap}?service.id=reader")


@pytest.fixture
def topic(url: KafkaUrl) -> str:
    name = f"read-{os.getpid()}-{next(numbers)}"
    log = KafkaLog(url)
    log.create_topic(name, 3)
    log.close()
    return name


@pytest.fixture
def produce(url: KafkaUrl, topic: str) -> Produce:
    """Produce values to partitions in turn; in a transaction when asked to."""

    def run(values: range, *, transaction: str | None = None, part: int | None = None, **more: Any) -> None:
        settings: dict[str, Any] = {"linger.ms": 20}
        if transaction is not None:
            settings["transactional.id"] = f"{topic}-producer"
        producer = Producer(url.client_settings() | settings)
        if transaction is not None:
            producer.init_transactions(30)
            producer.begin_transaction()
        for value in values:
            place = value % 3 if part is None else part
            producer.produce(more.get("topic", topic), b"%d" % value, b"k%d" % value, place, timestamp=value + 1)
            producer.poll(0)
        assert producer.flush(30) == 0
        if transaction is not None:
            (producer.commit_transaction if transaction == "commit" else producer.abort_transaction)(30)

    return run


@pytest.fixture
def reading(url: KafkaUrl, client: str) -> Iterator[Reading]:
    readers: list[KafkaReader] = []

    def run(topic: str, positions: dict[int, int], **arguments: Any) -> KafkaReader:
        reader = KafkaReader(url, **arguments)
        readers.append(reader)
        reader.start()
        reader.seek(topic, positions)
        return reader

    yield run
    for reader in readers:
        reader.stop()


def drain(
    reader: KafkaReader, topic: str, count: int, chance: random.Random | None = None
) -> list[tuple[int, int, bytes]]:
    """Take until ``count`` records are used; with ``chance``, random amounts, some of which go back."""
    used: list[tuple[int, int, bytes]] = []
    positions = {0: 0, 1: 0, 2: 0}
    deadline = time.monotonic() + 60
    while len(used) < count:
        assert time.monotonic() < deadline, f"{len(used)} of {count} records: {reader.states(topic)}, {reader.error}"
        reader.wait(1)
        table = reader.take(chance.randrange(1, 9000) if chance else 50_000).get(topic)
        if table is None:
            continue
        limits = {part: chance.random() < 0.3 for part in positions} if chance else dict.fromkeys(positions, False)
        rows = zip(table["part"].to_pylist(), table["off"].to_pylist(), table["value"].to_pylist(), strict=True)
        for part, off, value in rows:
            if limits[part] and chance is not None and chance.random() < 0.5:
                limits[part] = False
                positions[part] = -1 - positions[part]  # hand back the rest of this partition
            if positions[part] >= 0:
                assert off >= positions[part]
                positions[part] = off + 1
                used.append((part, off, value))
        positions = {part: next_ if next_ >= 0 else -1 - next_ for part, next_ in positions.items()}
        reader.settle(topic, positions)
    return used


@pytest.mark.kafka
@pytest.mark.parametrize("seed", [1, 2])
def test_50000_records_are_read_once_and_in_order(topic: str, produce: Produce, reading: Reading, seed: int) -> None:
    produce(range(50_000))
    reader = reading(topic, {0: 0, 1: 0, 2: 0}, rows_max=20_000)
    used = drain(reader, topic, 50_000, random.Random(seed))
    for part in range(3):
        values = [int(value) for p, _, value in used if p == part]
        assert values == list(range(part, 50_000, 3))
    assert {part: state.lag for part, state in reader.states(topic).items()} == {0: 0, 1: 0, 2: 0}


@pytest.mark.kafka
def test_records_arrive_with_all_their_fields(url: KafkaUrl, topic: str, reading: Reading) -> None:
    producer = Producer(url.client_settings())
    producer.produce(topic, b"v", b"k", 1, timestamp=5, headers=[("h", b"x"), ("n", None)])
    producer.produce(topic, None, None, 1, timestamp=6)
    producer.flush(10)
    reader = reading(topic, {1: 0})
    assert reader.wait(10)
    found = pa.concat_tables([reader.take(1)[topic], *([reader.take(9)[topic]] if reader.wait(10) else [])])
    assert found.schema == RECORD_SCHEMA
    header = [{"k": "h", "v": b"x"}, {"k": "n", "v": None}]
    assert found.to_pylist() == [
        {"part": 1, "off": 0, "ts": 5, "key": b"k", "value": b"v", "hdr": header},
        {"part": 1, "off": 1, "ts": 6, "key": None, "value": None, "hdr": None},
    ]


@pytest.mark.kafka
def test_aborted_records_are_not_read(topic: str, produce: Produce, reading: Reading) -> None:
    produce(range(30), transaction="abort")
    produce(range(30, 60), transaction="commit")
    reader = reading(topic, {0: 0, 1: 0, 2: 0})
    assert sorted(int(value) for _, _, value in drain(reader, topic, 30)) == list(range(30, 60))


@pytest.mark.kafka
def test_buffers_are_bounded_and_go_on_when_they_are_emptied(topic: str, produce: Produce, reading: Reading) -> None:
    produce(range(30_000))
    reader = reading(topic, {0: 0, 1: 0, 2: 0}, rows_max=2_000)
    wait_for(lambda: sum(state.rows for state in reader.states(topic).values()) >= 2_000)
    assert sum(state.rows for state in reader.states(topic).values()) < 5_000
    assert len(drain(reader, topic, 30_000)) == 30_000


@pytest.mark.kafka
def test_full_partition_does_not_starve_another(topic: str, produce: Produce, reading: Reading) -> None:
    produce(range(20_000), part=0)
    reader = reading(topic, {0: 0}, rows_max=1_000)
    wait_for(lambda: reader.states(topic)[0].rows >= 1_000)
    reader.seek(topic, {1: 0})
    produce(range(5), part=1)
    wait_for(lambda: reader.states(topic)[1].rows == 5)
    assert reader.states(topic)[0].rows < 2_000
    assert len(drain(reader, topic, 20_005)) == 20_005


@pytest.mark.kafka
@pytest.mark.parametrize("offset", [3, 70])
def test_offset_that_the_broker_lacks_fails_the_topic(
    url: KafkaUrl, topic: str, produce: Produce, reading: Reading, offset: int
) -> None:
    produce(range(30))  # ten of each partition
    admin = AdminClient({**url.client_settings()})
    for deletion in admin.delete_records([TopicPartition(topic, 0, 5)]).values():
        deletion.result(10)
    reader = reading(topic, {0: offset, 1: 0})
    wait_for(lambda: reader.failure(topic) is not None)
    assert f"offset {offset} of topic {topic}, partition 0 is not in the log, which holds 5 to 10" in str(
        reader.failure(topic)
    )
    reader.seek(topic, {0: 5, 1: 0})
    assert reader.failure(topic) is None
    assert len(drain(reader, topic, 15)) == 15


@pytest.mark.kafka
def test_seek_goes_back_and_forgets_what_is_buffered(topic: str, produce: Produce, reading: Reading) -> None:
    produce(range(9_000))
    reader = reading(topic, {0: 0, 1: 0, 2: 0})
    drain(reader, topic, 5_000)
    reader.seek(topic, {0: 0, 1: 0, 2: 0})
    assert sorted(int(value) for _, _, value in drain(reader, topic, 9_000)) == list(range(9_000))


@pytest.mark.kafka
def test_topics_come_and_go(url: KafkaUrl, topic: str, produce: Produce, reading: Reading) -> None:
    other = f"{topic}-other"
    KafkaLog(url).create_topic(other, 3)
    produce(range(30))
    produce(range(60), topic=other)
    reader = reading(topic, {0: 0, 1: 0, 2: 0})
    reader.seek(other, {0: 0, 1: 0, 2: 0})
    wait_for(lambda: sum(s.rows for s in reader.states(topic).values()) == 30)
    wait_for(lambda: sum(s.rows for s in reader.states(other).values()) == 60)
    reader.remove(topic)
    assert (set(reader.take(1000)), reader.states(topic)) == ({other}, {})


@pytest.mark.kafka
def test_new_record_arrives_soon(topic: str, produce: Produce, reading: Reading) -> None:
    news: list[float] = []
    reader = reading(topic, {0: 0, 1: 0, 2: 0}, on_news=lambda: news.append(time.monotonic()))
    wait_for(lambda: all(state.at_end for state in reader.states(topic).values()))
    produce(range(1))
    assert reader.wait(5)
    assert news
    assert reader.take(10)[topic].num_rows == 1


@pytest.mark.kafka
def test_topic_that_is_deleted_fails(url: KafkaUrl, topic: str, produce: Produce, reading: Reading) -> None:
    produce(range(3))
    reader = reading(topic, {0: 0, 1: 0, 2: 0})
    drain(reader, topic, 3)
    KafkaLog(url).delete_topic(topic)
    wait_for(lambda: reader.failure(topic) is not None)
    assert str(reader.failure(topic)) == f"Topic '{topic}' does not exist"


def test_absent_broker_is_an_error_within_seconds() -> None:
    port = free_port()
    reader = KafkaReader(parse_kafka_url(f"kafka://127.0.0.1:{port}"))
    reader.start()
    reader.seek("t", {0: 0})
    assert reader.wait(6)
    assert f"cannot reach Kafka at 127.0.0.1:{port}" in str(reader.error)
    begun = time.monotonic()
    reader.stop()
    assert time.monotonic() - begun < 3


@pytest.mark.kafka
@pytest.mark.slow
def test_reader_goes_on_after_the_broker_was_away(tmp_path_factory: pytest.TempPathFactory) -> None:
    broker = KafkaBroker(tmp_path_factory.mktemp("away") / "node")
    with broker.running():
        url = parse_kafka_url(f"kafka://{broker.bootstrap}")
        KafkaLog(url).create_topic("t")
        reader = KafkaReader(url)
        reader.start()
        reader.seek("t", {0: 0})
        wait_for(lambda: reader.states("t")[0].at_end)
        broker.kill()
        wait_for(lambda: reader.error is not None)
        broker.start()
        wait_for(lambda: reader.error is None)
        producer = Producer(url.client_settings())
        producer.produce("t", b"back")
        producer.flush(30)
        wait_for(lambda: bool(reader.take(1)))
        reader.stop()


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what another thread or the broker will do."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
