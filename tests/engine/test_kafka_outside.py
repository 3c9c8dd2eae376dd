"""Pipelines on a real broker: what Kafka refuses or lacks, and what its users are told of it."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streamnb.engine.kafka import KafkaOutside
from streamnb.errors import KsqlError, LogError
from streamnb.log.kafka_admin import INTERNAL_PREFIX
from streamnb.results import Live, Rows
from streamnb.workspace import Workspace, connect
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka

numbers = itertools.count()

Open = Callable[[], Workspace]


@pytest.fixture
def service(kafka_broker: KafkaBroker) -> str:
    return f"outside-{os.getpid()}-{next(numbers)}"


def closed(nb: Workspace) -> bool:
    try:
        nb("SHOW VARIABLES;")
    except KsqlError:
        return True
    return False


@pytest.fixture
def open_(kafka_broker: KafkaBroker, service: str, tmp_path: Path) -> Iterator[Open]:
    """Open the service's pipeline, again after it was closed; another file for each that is open."""
    opened: list[Workspace] = []

    def run() -> Workspace:
        file = tmp_path / f"{sum(not closed(w) for w in opened)}.duckdb"
        opened.append(connect(f"kafka://{kafka_broker.bootstrap}?service.id={service}&state={file}"))
        return opened[-1]

    yield run
    for workspace in opened:
        workspace.close()


def table(nb: Workspace, statement: str) -> list[tuple[Any, ...]]:
    found = nb(statement)
    assert isinstance(found, Rows)
    return found.rows


def test_show_all_topics_lists_the_engines_own_too(open_: Open, service: str) -> None:
    nb = open_()
    internal = f"{INTERNAL_PREFIX}{service}-outbox"
    nb.pipeline.outside.log.create_topic(internal)

    def topics() -> list[set[str]]:
        """Names of SHOW TOPICS, ALL TOPICS and ALL TOPICS EXTENDED, one after the other."""
        return [
            {row[0] for row in table(nb, f"SHOW {what};")} for what in ("TOPICS", "ALL TOPICS", "ALL TOPICS EXTENDED")
        ]

    # The broker makes its own topics when it needs them, so between two answers there may be one more.
    shown, every, extended = eventually(topics, lambda found: found[1] == found[2])
    assert internal in every - shown
    assert shown <= every == extended


def outside(nb: Workspace) -> KafkaOutside:
    found = nb.pipeline.outside
    assert isinstance(found, KafkaOutside)
    return found


def eventually(get: Callable[[], Any], holds: Callable[[Any], bool], seconds: float = 20.0) -> Any:
    """Ask again until the answer holds; the last answer is in the failure."""
    deadline = time.monotonic() + seconds
    while not holds(found := get()):
        assert time.monotonic() < deadline, found
    return found


def create(nb: Workspace, service: str) -> None:
    nb.execute(
        f"""CREATE STREAM words (w VARCHAR) WITH (KAFKA_TOPIC='{service}-in', VALUE_FORMAT='KAFKA', PARTITIONS=2);
        CREATE STREAM padded WITH (KAFKA_TOPIC='{service}-out') AS
          SELECT CASE WHEN w = 'bad' THEN LPAD('x', 2000000, 'y') ELSE w END AS w FROM words;"""
    )


def printed(nb: Workspace, topic: str) -> list[str]:
    return sorted(row[4] for row in table(nb, f"PRINT '{topic}' FROM BEGINNING;"))


def insert(nb: Workspace, *words: str) -> None:
    for word in words:
        nb(f"INSERT INTO words (ROWTIME, w) VALUES ({1000 + next(numbers)}, '{word}');")


def test_refused_record_goes_to_the_processing_log_and_the_others_go_out_once(open_: Open, service: str) -> None:
    nb = open_()
    create(nb, service)
    insert(nb, "a", "bad", "b", "c")
    eventually(lambda: printed(nb, f"{service}-out"), lambda found: found == ["a", "b", "c"])
    logged = "SELECT LOGGER, TYPE, TOPIC, MESSAGE FROM KSQL_PROCESSING_LOG EMIT CHANGES LIMIT 1;"
    nb("SET 'auto.offset.reset'='earliest';")
    live = nb(logged)
    assert isinstance(live, Live)
    live.wait(20)
    [(logger, type_, topic, message)] = live.feed.snapshot().rows
    query = table(nb, "SHOW QUERIES;")[0][0]
    assert (logger, type_, topic) == (f"processing.{query}", 2, f"{service}-out")
    assert "too large" in message
    assert "refuses" in dict(table(nb, "DESCRIBE padded EXTENDED;"))["Last error"]
    nb.close()

    nb = open_()
    insert(nb, "d")
    eventually(lambda: printed(nb, f"{service}-out"), lambda found: found == ["a", "b", "c", "d"])


def test_missing_sink_topic_is_named_and_output_goes_on_when_it_is_back(open_: Open, service: str) -> None:
    nb = open_()
    create(nb, service)
    insert(nb, "a")
    eventually(lambda: printed(nb, f"{service}-out"), lambda found: found == ["a"])
    log = outside(nb).log
    log.delete_topic(f"{service}-out")
    insert(nb, "b")
    told = f"Topic '{service}-out' does not exist"
    eventually(lambda: table(nb, "SHOW QUERIES;")[0][8], lambda found: found == told)
    assert dict(table(nb, "DESCRIBE padded EXTENDED;"))["Problem"] == told
    log.create_topic(f"{service}-out", 2)
    assert outside(nb).flush(20), outside(nb).problem()
    eventually(lambda: printed(nb, f"{service}-out"), lambda found: found == ["b"])
    eventually(lambda: table(nb, "SHOW QUERIES;")[0][8], lambda found: found == "")


def test_print_shows_the_newest_records_of_all_partitions(open_: Open, service: str) -> None:
    nb = open_()
    create(nb, service)
    assert table(nb, f"PRINT '{service}-in' FROM BEGINNING;") == []
    insert(nb, "a", "b", "c", "d", "e")
    assert outside(nb).flush(20)
    assert sorted(printed(nb, f"{service}-in")) == ["a", "b", "c", "d", "e"]
    assert len(table(nb, f"PRINT '{service}-in' LIMIT 2;")) == 2  # records of one millisecond are in no order
    assert len(table(nb, f"PRINT '{service}-in' FROM BEGINNING LIMIT 3;")) == 3


def test_fenced_pipeline_says_so_when_it_is_checked(open_: Open, service: str) -> None:
    old = open_()
    create(old, service)
    insert(old, "a")
    assert outside(old).flush(20)
    outside(old).check()
    new = open_()
    assert outside(new).flush(20)
    insert(old, "b")
    assert not outside(old).flush(20)
    with pytest.raises(LogError, match="took over"):
        outside(old).check()
    assert "took over" in str(outside(old).problem())


def test_absent_broker_is_named_without_holding_up_the_engine(tmp_path: Path) -> None:
    with KafkaBroker(tmp_path / "node").running() as broker:
        url = f"kafka://{broker.bootstrap}?service.id=absent&state={tmp_path / 'state.duckdb'}"
        with connect(url) as nb:
            nb("CREATE STREAM words (w VARCHAR) WITH (KAFKA_TOPIC='words', VALUE_FORMAT='KAFKA', PARTITIONS=1);")
            broker.stop()
            for statement in ("SHOW TOPICS;", "PRINT 'words';"):
                begun = time.monotonic()
                with pytest.raises(LogError, match="cannot reach Kafka"):
                    nb(statement)
                assert time.monotonic() - begun < 6
            insert(nb, "a")
            broker.start()
            assert outside(nb).flush(60), outside(nb).problem()
            assert printed(nb, "words") == ["a"]
