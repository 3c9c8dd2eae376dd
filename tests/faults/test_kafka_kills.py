"""kill -9 of the engine between Kafka and Kafka: nothing lost, nothing twice, nothing out of order."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from streamnb.duck import ident, lit, sql
from streamnb.store import Store
from tests import kafka_records
from tests.faults.harness import Victim, declared_failpoints, seed
from tests.kafka_broker import KafkaBroker
from tests.oracle.pipeline import Changelog, Expected, InputRecord, expect, explain_changelog

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PARTITIONS = 2
ROUND_RECORDS = 500
RANDOM_KILLS = 10
ONCE = ("store.", "publish.init_done", "publish.trimmed", "source.seek", "shutdown.")
AT_THE_END = ("shutdown.joined",)
ELSEWHERE = ("store.reopen",)

STATEMENTS = """
CREATE STREAM IF NOT EXISTS readings (k VARCHAR KEY, id BIGINT, amount BIGINT)
  WITH (KAFKA_TOPIC='{0}', VALUE_FORMAT='JSON');
CREATE STREAM IF NOT EXISTS small WITH (KAFKA_TOPIC='{0}-small') AS
  SELECT k, id FROM readings WHERE amount < 300;
CREATE TABLE IF NOT EXISTS totals WITH (KAFKA_TOPIC='{0}-totals') AS
  SELECT k, COUNT(*) AS n, SUM(amount) AS s FROM readings GROUP BY k;
CREATE TABLE IF NOT EXISTS windows WITH (KAFKA_TOPIC='{0}-windows') AS
  SELECT k, COUNT(*) AS n, SUM(amount) AS s FROM readings
  WINDOW TUMBLING (SIZE 5 SECONDS, RETENTION 1000 DAYS, GRACE PERIOD 1 SECONDS) GROUP BY k;
"""


class Input:
    """Fills the input topic as another program would: some records late, some malformed."""

    def __init__(self, bootstrap: str, topic: str, draw: random.Random) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
        self._topic = topic
        self._draw = draw
        self.count = 0

    def produce(self, count: int) -> None:
        for id_ in range(self.count, self.count + count):
            draw = self._draw
            value = json.dumps({"id": id_, "amount": draw.randrange(1000)}).encode()
            value = b'{"id": ' if draw.random() < 0.01 else value
            ts = 1_000_000 + id_ * 20 - draw.choice((0, 0, 0, draw.randrange(8_000)))
            self._producer.produce(self._topic, value, f"key{draw.randrange(40)}".encode(), timestamp=ts)
        self.count += count
        self._producer.flush()


def committed(bootstrap: str, topic: str) -> list[Message]:
    """Read a topic from its first record to its last."""
    return kafka_records.committed({"bootstrap.servers": bootstrap}, topic, PARTITIONS)


def expected_of(bootstrap: str, topic: str) -> Expected:
    messages = committed(bootstrap, topic)
    return expect(
        InputRecord(m.partition() or 0, m.offset() or 0, m.timestamp()[1], (m.key() or b"").decode(), m.value() or b"")
        for m in messages
    )


def changes(messages: list[Message], *, windowed: bool) -> Changelog:
    found: Changelog = {}
    for message in messages:
        key, value = message.key() or b"", json.loads(message.value() or b"")
        start = int.from_bytes(key[-8:], "big") if windowed else None
        found.setdefault(((key[:-8] if windowed else key).decode(), start), []).append((value["N"], value["S"]))
    return found


def check_dead_file(store: Store) -> None:
    """What one transaction wrote is there as a whole: offsets, state, errors, and an outbox without a gap."""
    if not store.rows(sql("SELECT 1 FROM duckdb_tables() WHERE table_name = 'places'")):
        return
    for query in [row[0] for row in store.rows(sql("SELECT DISTINCT query FROM streamnb.places"))]:
        taken, seq = store.rows(
            sql(
                "SELECT sum(next), max(seq) FROM streamnb.places WHERE query = {}",
                lit(query),
            )
        )[0]
        rejected = _logged(store, query, 0)
        assert taken == seq, query  # records are numbered before they are decoded
        if "TOTALS" in query:
            counted = store.rows(sql("SELECT coalesce(sum(v0), 0) FROM {}", ident("state", f"{query}:table")))[0][0]
            assert counted + rejected == seq
        if "WINDOWS" in query:
            counted = store.rows(sql("SELECT coalesce(sum(v0), 0) FROM {}", ident("state", f"{query}:table")))[0][0]
            assert counted + _logged(store, query, 1) + rejected == seq
    first, behind, count = store.rows(sql("SELECT min(first), max(next), sum(next - first) FROM streamnb.outbox"))[0]
    assert count is None or behind - first == count
    if count:
        assert store.rows(sql("SELECT value FROM streamnb.counter WHERE name = 'outbox'")) == [(behind,)]


def _logged(store: Store, query: str, type_: int) -> int:
    rows = store.rows(
        sql(
            "SELECT count(*) FROM (SELECT decode(value)::JSON AS j FROM {}) WHERE j->>'LOGGER' = {}"
            " AND j->>'TYPE' = {}",
            ident("topic", "ksql_processing_log"),
            lit(f"processing.{query}"),
            lit(str(type_)),
        )
    )
    return int(rows[0][0])


def logged_places(store: Store, query: str, type_: str) -> Counter[tuple[int, int]]:
    rows = store.rows(
        sql(
            "SELECT (j->>'PARTITION')::INT, (j->>'OFFSET')::BIGINT FROM (SELECT decode(value)::JSON AS j FROM {})"
            " WHERE j->>'LOGGER' = {} AND j->>'TYPE' = {}",
            ident("topic", "ksql_processing_log"),
            lit(f"processing.{query}"),
            lit(type_),
        )
    )
    return Counter(rows)


@pytest.fixture
def topic(kafka_broker: KafkaBroker) -> Iterator[str]:
    name = f"kills-{random.SystemRandom().randrange(1 << 32)}"
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap})
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result()
    yield name


def kill_everywhere(victim: Victim, source: Input, draw: random.Random, names: list[str]) -> None:
    """Kill once at each failpoint and ten times anywhere, with new input before each."""
    plan: list[str | None] = [*names, *[None] * RANDOM_KILLS]
    draw.shuffle(plan)
    for name in plan:
        source.produce(ROUND_RECORDS)
        if name is None:
            victim.kill_after(draw.uniform(0.3, 2.5))
        elif name in AT_THE_END:
            victim.kill_at(name, 1, total=source.count)
        else:
            victim.kill_at(name, 1 if name.startswith(ONCE) else draw.randint(1, 3))
        with victim.dead_file() as store:
            check_dead_file(store)


def test_kill_at_every_failpoint_loses_nothing_and_repeats_nothing(
    kafka_broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    number = seed()
    draw = random.Random(number)
    bootstrap = kafka_broker.bootstrap
    statements = tmp_path / "pipeline.sql"
    statements.write_text(STATEMENTS.format(topic))
    file = tmp_path / "state.duckdb"
    victim = Victim(f"kafka://{bootstrap}?service.id={topic}&state={file}", file, statements)
    source = Input(bootstrap, topic, draw)
    names = sorted(declared_failpoints() - set(ELSEWHERE))
    victim.note(f"STREAMNB_SEED={number}")
    kill_everywhere(victim, source, draw, names)
    victim.finish(source.count)

    expected = expected_of(bootstrap, topic)
    small: dict[str, list[int]] = {}
    for message in committed(bootstrap, f"{topic}-small"):
        small.setdefault((message.key() or b"").decode(), []).append(json.loads(message.value() or b"")["ID"])
    assert small == expected.filtered
    found = changes(committed(bootstrap, f"{topic}-totals"), windowed=False)
    found |= changes(committed(bootstrap, f"{topic}-windows"), windowed=True)
    assert explain_changelog(expected.changes, found) == []
    with victim.dead_file() as store:
        check_dead_file(store)
        queries = [row[0] for row in store.rows(sql("SELECT DISTINCT query FROM streamnb.places"))]
        assert len(queries) == 3
        for query in queries:
            assert logged_places(store, query, "0") == Counter(expected.malformed)
            assert logged_places(store, query, "1") == Counter(expected.late if "WINDOWS" in query else ())
        totals = next(q for q in queries if "TOTALS" in q)
        rows = store.rows(sql("SELECT k0, v0, v1 FROM {}", ident("state", f"{totals}:table")))
        assert {k: (n, s) for k, n, s in rows} == {k: r[-1] for (k, w), r in expected.changes.items() if w is None}
