"""Pipelines on a real broker: another process produces, SQL transforms, a plain consumer reads the results."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic

from streamnb.errors import StreamnbError
from streamnb.results import Live, Rows
from streamnb.workspace import Workspace, connect
from tests.kafka_broker import KafkaBroker, free_port

pytestmark = pytest.mark.kafka

numbers = itertools.count()
PRODUCE = Path(__file__).parent / "produce.py"
WAIT_SECONDS = 20.0

Record = tuple[str | None, Any, int]  # key, value (text, or what JSON is made of), timestamp


class Outside:
    """What other programs do with the broker."""

    def __init__(self, broker: KafkaBroker) -> None:
        self.bootstrap = broker.bootstrap
        self.name = f"pipe-{os.getpid()}-{next(numbers)}"
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap})

    def topic(self, suffix: str, partitions: int = 2) -> str:
        name = f"{self.name}-{suffix}"
        self._admin.create_topics([NewTopic(name, partitions, 1)])[name].result()
        return name

    def produce(self, topic: str, records: Sequence[Record]) -> None:
        """Produce records from another process."""
        lines = [
            json.dumps([topic, key, v if isinstance(v, str) or v is None else json.dumps(v), ts])
            for key, v, ts in records
        ]
        command = [sys.executable, str(PRODUCE), self.bootstrap]
        subprocess.run(command, input="\n".join(lines), text=True, check=True, timeout=60)

    def consume(self, suffix: str, count: int) -> list[tuple[bytes | None, Any]]:
        """Read a topic with a plain consumer at read_committed until it gave so many records and no more came."""
        settings = {"group.id": f"{self.name}-{next(numbers)}", "isolation.level": "read_committed"}
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "auto.offset.reset": "earliest", **settings})
        consumer.subscribe([f"{self.name}-{suffix}"])
        found: list[tuple[bytes | None, Any]] = []
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is None:
                if len(found) >= count:
                    break
            elif message.error() is None:
                value = message.value()
                found.append((message.key(), None if value is None else json.loads(value)))
        consumer.close()
        return found


@pytest.fixture
def outside(kafka_broker: KafkaBroker) -> Outside:
    return Outside(kafka_broker)


@pytest.fixture
def open_(outside: Outside, tmp_path: Path) -> Iterator[Callable[[], Workspace]]:
    """Open the test's pipeline, always on the same state file."""
    opened: list[Workspace] = []

    def run() -> Workspace:
        url = f"kafka://{outside.bootstrap}?service.id={outside.name}&state={tmp_path / 'state.duckdb'}"
        opened.append(connect(url, auto_offset_reset="earliest"))
        return opened[-1]

    yield run
    for workspace in opened:
        workspace.close()


def rows(nb: Workspace, text: str) -> list[tuple[Any, ...]]:
    found = nb(text)
    assert isinstance(found, Rows)
    return found.rows


def eventually(get: Callable[[], Any], wanted: Any) -> None:
    """Ask again until the answer is the wanted one; the last answer is in the failure."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := get()) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == wanted


def rating(id_: int, stars: int, user: int = 1) -> Record:
    return (f"u{user}", {"rating_id": id_, "user_id": user, "stars": stars, "message": f"m{id_}"}, 1_000_000 + id_)


def create_ratings(nb: Workspace, topic: str) -> None:
    nb(
        f"CREATE STREAM ratings (k VARCHAR KEY, rating_id BIGINT, user_id INT, stars INT, message VARCHAR)"
        f" WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON');"
    )


def test_filter_reads_what_another_program_wrote_and_writes_what_another_reads(
    outside: Outside, open_: Callable[[], Workspace]
) -> None:
    topic = outside.topic("ratings")
    outside.produce(topic, [rating(i, i % 5, i % 7) for i in range(1000)])
    nb = open_()
    create_ratings(nb, topic)
    nb(
        f"CREATE STREAM poor WITH (KAFKA_TOPIC='{outside.name}-poor') AS"
        " SELECT k, rating_id, UCASE(message) AS message FROM ratings WHERE stars < 3;"
    )
    outside.produce(topic, [rating(i, i % 5, i % 7) for i in range(1000, 1200)])
    found = outside.consume("poor", 720)
    assert sorted(v["RATING_ID"] for _, v in found) == [i for i in range(1200) if i % 5 < 3]
    assert all(k == f"u{v['RATING_ID'] % 7}".encode() for k, v in found)
    assert all(v["MESSAGE"] == f"M{v['RATING_ID']}" for _, v in found)


def test_tumbling_window_counts_and_sums_and_can_be_pulled(outside: Outside, open_: Callable[[], Workspace]) -> None:
    topic = outside.topic("spending")
    records = [(f"c{i % 3}", {"amount": i}, 100_000 + i * 100) for i in range(300)]
    outside.produce(topic, records)
    nb = open_()
    nb(f"CREATE STREAM spending (card VARCHAR KEY, amount BIGINT) WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON');")
    nb(
        f"CREATE TABLE fraud WITH (KAFKA_TOPIC='{outside.name}-fraud') AS SELECT card, COUNT(*) AS n, SUM(amount) AS s"
        " FROM spending WINDOW TUMBLING (SIZE 5 SECONDS) GROUP BY card;"
    )
    wanted: dict[tuple[str, int], tuple[int, int]] = {}
    for card, value, ts in records:
        n, s = wanted.get((card, ts // 5000 * 5000), (0, 0))
        wanted[card, ts // 5000 * 5000] = (n + 1, s + value["amount"])
    eventually(
        lambda: {(c, ws): (n, s) for c, ws, _, n, s in rows(nb, "SELECT * FROM fraud;")},
        wanted,
    )
    found = {
        ((k or b"")[:-8].decode(), int.from_bytes((k or b"")[-8:], "big")): (v["N"], v["S"])
        for k, v in outside.consume("fraud", len(wanted))
    }
    assert found == wanted


def test_stream_joins_the_rows_that_its_table_had(outside: Outside, open_: Callable[[], Workspace]) -> None:
    users, topic = outside.topic("users"), outside.topic("ratings")
    outside.produce(users, [(f"u{u}", {"name": f"User {u}"}, 1) for u in range(5)])
    outside.produce(users, [("u3", None, 2), ("u4", {"name": "Four"}, 3)])
    outside.produce(topic, [rating(i, 1, i % 6) for i in range(60)])
    nb = open_()
    create_ratings(nb, topic)
    nb(f"CREATE TABLE users (k VARCHAR PRIMARY KEY, name VARCHAR) WITH (KAFKA_TOPIC='{users}', VALUE_FORMAT='JSON');")
    nb(
        f"CREATE STREAM named WITH (KAFKA_TOPIC='{outside.name}-named') AS SELECT r.k, rating_id, name FROM ratings r"
        " LEFT JOIN users u ON r.k = u.k;"
    )
    names = {0: "User 0", 1: "User 1", 2: "User 2", 3: None, 4: "Four", 5: None}
    found = sorted((v["RATING_ID"], v["NAME"]) for _, v in outside.consume("named", 60))
    assert found == [(i, names[i % 6]) for i in range(60)]


def test_query_reads_what_its_upstream_wrote_to_kafka(outside: Outside, open_: Callable[[], Workspace]) -> None:
    topic = outside.topic("ratings")
    nb = open_()
    create_ratings(nb, topic)
    nb(f"CREATE STREAM poor WITH (KAFKA_TOPIC='{outside.name}-poor') AS SELECT * FROM ratings WHERE stars < 3;")
    nb(
        f"CREATE TABLE counted WITH (KAFKA_TOPIC='{outside.name}-counted') AS SELECT k, COUNT(*) AS n FROM poor"
        " GROUP BY k;"
    )
    outside.produce(topic, [rating(i, i % 5, i % 4) for i in range(400)])
    eventually(lambda: sorted(rows(nb, "SELECT * FROM counted;")), [(f"u{u}", 60) for u in range(4)])


def test_malformed_records_are_logged_with_their_place_and_the_others_go_on(
    outside: Outside, open_: Callable[[], Workspace]
) -> None:
    topic = outside.topic("ratings", partitions=1)
    good = [rating(i, 1) for i in range(50)]
    bad: list[Record] = [("u1", "{nonsense", 5), ("u1", '{"stars": "many"}', 6), ("u1", "", 7)]
    outside.produce(topic, [*good[:20], bad[0], *good[20:30], bad[1], *good[30:], bad[2]])
    nb = open_()
    create_ratings(nb, topic)
    nb(f"CREATE STREAM copy WITH (KAFKA_TOPIC='{outside.name}-copy') AS SELECT * FROM ratings;")
    assert [v["RATING_ID"] for _, v in outside.consume("copy", 50)] == list(range(50))
    logged = "SELECT TOPIC, `PARTITION`, `OFFSET`, TYPE, SIDE FROM KSQL_PROCESSING_LOG;"
    eventually(lambda: sorted(rows(nb, logged)), [(topic, 0, off, 0, "value") for off in (20, 31, 52)])


def test_reopened_pipeline_goes_on_without_loss_or_repetition(outside: Outside, open_: Callable[[], Workspace]) -> None:
    topic = outside.topic("ratings")
    outside.produce(topic, [rating(i, i % 5, i % 4) for i in range(300)])
    nb = open_()
    create_ratings(nb, topic)
    nb(f"CREATE STREAM poor WITH (KAFKA_TOPIC='{outside.name}-poor') AS SELECT * FROM ratings WHERE stars < 3;")
    nb(
        f"CREATE TABLE counted WITH (KAFKA_TOPIC='{outside.name}-counted') AS SELECT k, COUNT(*) AS n FROM ratings"
        " GROUP BY k;"
    )
    eventually(lambda: sorted(rows(nb, "SELECT * FROM counted;")), [(f"u{u}", 75) for u in range(4)])
    nb.close()
    outside.produce(topic, [rating(i, i % 5, i % 4) for i in range(300, 500)])
    nb = open_()
    assert nb.problems == []
    eventually(lambda: sorted(rows(nb, "SELECT * FROM counted;")), [(f"u{u}", 125) for u in range(4)])
    found = sorted(v["RATING_ID"] for _, v in outside.consume("poor", 300))
    assert found == [i for i in range(500) if i % 5 < 3]


def test_inserted_values_reach_kafka_and_a_push_query_sees_them(
    outside: Outside, open_: Callable[[], Workspace]
) -> None:
    topic = outside.topic("ratings")
    nb = open_()
    create_ratings(nb, topic)
    live = nb("SELECT rating_id, message FROM ratings EMIT CHANGES LIMIT 3;")
    assert isinstance(live, Live)
    nb("INSERT INTO ratings (k, rating_id, stars, message) VALUES ('u1', 1, 5, 'it''s');")
    nb("INSERT INTO ratings (k, rating_id) VALUES ('u2', 2);")
    outside.produce(topic, [rating(3, 3)])
    assert live.wait(WAIT_SECONDS), live.error
    assert sorted(live.feed.snapshot().rows) == [(1, "it's"), (2, None), (3, "m3")]
    keys = dict(outside.consume("ratings", 3))
    assert keys[b"u2"] == {"RATING_ID": 2, "USER_ID": None, "STARS": None, "MESSAGE": None}


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='nowhere', VALUE_FORMAT='JSON');", "topic nowhere does not exist"),
        ("SELECT starz FROM ratings EMIT CHANGES;", "did you mean STARS?"),
        ("SELECT UCASSE(message) FROM ratings EMIT CHANGES;", "did you mean UCASE"),
        ("SELECT * FROM rating EMIT CHANGES;", "RATINGS"),
        ("SELECT stars + message FROM ratings EMIT CHANGES;", "+ does not work on INTEGER and STRING"),
        ("INSERT INTO ratings (rating_id) VALUES ('one');", "RATING_ID is BIGINT"),
        ("SELECT * FORM ratings;", "^"),
    ],
)
def test_mistakes_are_pointed_at(outside: Outside, open_: Callable[[], Workspace], statement: str, shown: str) -> None:
    nb = open_()
    create_ratings(nb, outside.topic("ratings"))
    with pytest.raises(StreamnbError) as raised:
        nb(statement)
    text = raised.value.render()
    assert shown in text
    assert "^" in text
    assert "Traceback" not in text


def test_absent_broker_is_named_within_seconds(tmp_path: Path) -> None:
    port = free_port()
    began = time.monotonic()
    with pytest.raises(StreamnbError) as raised:
        connect(f"kafka://127.0.0.1:{port}?state={tmp_path / 'state.duckdb'}")
    assert time.monotonic() - began < 8
    assert f"cannot reach Kafka at 127.0.0.1:{port}" in raised.value.render()
    assert "is the broker running" in raised.value.render()
