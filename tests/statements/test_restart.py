"""A pipeline's file opened again: what was executed before does nothing a second time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import streamnb
from streamnb.engine.doorbell import Doorbell
from streamnb.errors import KsqlError
from streamnb.results import Rows
from streamnb.workspace import Workspace

WAIT_S = 20.0
SOURCE = "CREATE STREAM s (k VARCHAR, v INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);"
COUNT = "CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;"


def open_again(path: Path) -> Workspace:
    return streamnb.connect(str(path), auto_offset_reset="earliest")


def rows(workspace: Workspace, query: str) -> list[tuple[Any, ...]]:
    result = workspace(query)
    assert isinstance(result, Rows)
    return result.rows


def wait_for(
    workspace: Workspace, query: str, wanted: Callable[[list[tuple[Any, ...]]], bool]
) -> list[tuple[Any, ...]]:
    """Ask again after each commit of the engine until the answer is the one wanted, or time is up."""
    doorbell = Doorbell()
    workspace.pipeline.engine.doorbells.append(doorbell)
    found = rows(workspace, query)
    while not wanted(found) and doorbell.wait(doorbell.rings(), WAIT_S):
        found = rows(workspace, query)
    return found


def test_replaced_table_keeps_counting_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "p.duckdb"
    with open_again(path) as nb:
        nb.execute(SOURCE + COUNT + "INSERT INTO s VALUES ('a', 1); INSERT INTO s VALUES ('a', 2);")
        wait_for(nb, "SELECT * FROM t;", lambda found: found == [("a", 2)])
        nb.execute("CREATE OR REPLACE TABLE t AS SELECT k, COUNT(*) AS n, COUNT(*) * 2 AS m FROM s GROUP BY k;")
        nb.execute("INSERT INTO s VALUES ('a', 3);")
        assert wait_for(nb, "SELECT * FROM t;", lambda found: found == [("a", 3, 6)]) == [("a", 3, 6)]
    with open_again(path) as nb:
        nb.execute("INSERT INTO s VALUES ('a', 4);")
        assert wait_for(nb, "SELECT * FROM t;", lambda found: found == [("a", 4, 8)]) == [("a", 4, 8)]


def test_replacing_an_aggregate_by_another_one_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with open_again(tmp_path / "p.duckdb") as nb:
        nb.execute(SOURCE + COUNT + "INSERT INTO s VALUES ('a', 7);")
        wait_for(nb, "SELECT * FROM t;", lambda found: found == [("a", 1)])
        with pytest.raises(KsqlError, match="StreamAggregate must have matching columns"):
            nb.execute("CREATE OR REPLACE TABLE t AS SELECT k, SUM(CAST(v AS BIGINT)) AS n FROM s GROUP BY k;")
        assert rows(nb, "SELECT * FROM t;") == [("a", 1)]


def test_terminated_insert_does_not_run_again_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "p.duckdb"
    with open_again(path) as nb:
        nb.execute(
            SOURCE + "CREATE STREAM d (k VARCHAR, v INT) WITH (kafka_topic='d', value_format='JSON', partitions=1);"
        )
        nb.execute("INSERT INTO d WITH (QUERY_ID='x') SELECT * FROM s; INSERT INTO s VALUES ('a', 1);")
        wait_for(nb, "SELECT * FROM d;", lambda found: len(found) == 1)
        nb.execute("TERMINATE x; INSERT INTO d WITH (QUERY_ID='x') SELECT * FROM s;")
        wait_for(nb, "SELECT * FROM d;", lambda found: len(found) == 2)
    with open_again(path) as nb:
        nb.execute("INSERT INTO s VALUES ('b', 2);")
        assert len(wait_for(nb, "SELECT * FROM d;", lambda found: len(found) == 3)) == 3


def test_dropped_topic_stays_dropped_and_variables_are_resolved_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "p.duckdb"
    with open_again(path) as nb:
        nb.execute(SOURCE + "DROP STREAM s DELETE TOPIC;")
        nb.execute(
            "DEFINE topic = 'named';CREATE STREAM v (x INT) WITH (kafka_topic='${topic}', format='JSON', partitions=2);"
        )
    with open_again(path) as nb:
        assert nb.problems == []
        topics = [row[0] for row in rows(nb, "SHOW TOPICS;")]
        assert "s" not in topics
        assert "named" in topics


def test_terminated_and_paused_queries_stay_so_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "p.duckdb"
    with open_again(path) as nb:
        nb.execute(SOURCE + COUNT + "CREATE STREAM c AS SELECT * FROM s;")
        nb.execute("PAUSE CTAS_T_0; TERMINATE CSAS_C_1;")
    with open_again(path) as nb:
        assert [(row[0], row[2]) for row in rows(nb, "SHOW QUERIES;")] == [("CTAS_T_0", "PAUSED")]
        assert "C" in [row[0] for row in rows(nb, "SHOW STREAMS;")]


def test_connector_created_anew_makes_no_more_records_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "p.duckdb"
    create = (
        "CREATE SOURCE CONNECTOR g WITH ('connector.class'='datagen', 'quickstart'='ratings', 'kafka.topic'='r',"
        " 'max.interval'='0', 'iterations'='50');"
    )
    stream = "CREATE STREAM r (RATING_ID BIGINT) WITH (kafka_topic='r', value_format='JSON');"
    with open_again(path) as nb:
        nb.execute(create + stream)
        wait_for(nb, "SELECT * FROM r;", lambda found: len(found) == 50)
        nb.execute("DROP CONNECTOR g;" + create)
        wait_for(nb, "SELECT * FROM r;", lambda found: len(found) == 100)
    with open_again(path) as nb:
        nb.execute("INSERT INTO r VALUES (1);")
        assert len(wait_for(nb, "SELECT * FROM r;", lambda found: len(found) >= 101)) == 101
