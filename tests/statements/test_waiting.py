"""A file opened before its Python functions are registered: the queries wait, keep what they have, and go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import streamnb as nb
from streamnb.duck import sql
from streamnb.engine.doorbell import Doorbell
from streamnb.errors import StreamnbError
from streamnb.workspace import Workspace
from tests.pipelines import put, rows, run, workspace

SOURCE = "CREATE STREAM S (K VARCHAR KEY, N INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
TWICE = "CREATE STREAM D AS SELECT K, TWICE(N) AS N FROM S;"
COUNTS = "CREATE TABLE C AS SELECT K, COUNT(*) AS C FROM D GROUP BY K;"
TOTAL = "CREATE TABLE T AS SELECT K, TOTAL(N) AS N FROM S GROUP BY K;"
PROBLEM = "function TWICE is not registered: run the cell with its @udf, @udtf or @udaf, and the query goes on"
WAIT_S = 20.0


def register_twice() -> None:
    nb.udf("TWICE(INT) -> INT")(lambda n: 2 * n)


def register_total(type_: str = "BIGINT") -> None:
    @nb.udaf(f"TOTAL(INT) -> {type_}")
    class Total:
        def initialize(self) -> int:
            return 0

        def aggregate(self, state: int, value: int | None) -> int:
            return state + (value or 0)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A file with three queries that have seen one record, of which two need functions that are not registered."""
    path = str(tmp_path / "p.duckdb")
    register_twice()
    register_total()
    with workspace(path) as opened:
        opened.execute(SOURCE + TWICE + COUNTS + TOTAL)
        put(opened, "s", [("k", {"N": 1})])
        run(opened)
    nb.drop_function("TWICE")
    nb.drop_function("TOTAL")
    yield path


def states(opened: Workspace) -> list[tuple[Any, ...]]:
    return [(row[0], row[1], row[2], row[3]) for row in rows(opened, "SHOW QUERIES;")]


def test_query_whose_function_is_missing_is_shown_as_an_error_with_a_hint(url: str) -> None:
    with workspace(url) as opened:
        assert states(opened) == [
            ("CSAS_D_0", "CSAS", "ERROR", "D"),
            ("CTAS_C_1", "CTAS", "ERROR", "C"),
            ("CTAS_T_2", "CTAS", "ERROR", "T"),
        ]
        assert rows(opened, "SHOW QUERIES;")[0][8:] == (PROBLEM, TWICE.rstrip(";"))
        assert opened.problems[0] == f"{TWICE.rstrip(';')}: {PROBLEM}"
        with pytest.raises(StreamnbError) as caught:
            opened("SELECT * FROM D;")
        assert caught.value.render().splitlines()[0] == "error: stream or table D is not there yet"
        assert caught.value.hint == PROBLEM


def test_query_goes_on_where_it_was_once_its_function_is_registered(url: str) -> None:
    with workspace(url) as opened:
        put(opened, "s", [("k", {"N": 5})])
        run(opened)
        register_twice()
        assert [state for _, _, state, _ in states(opened)] == ["RUNNING", "RUNNING", "ERROR"]
        run(opened)
        assert rows(opened, "SELECT N FROM D;") == [(2,), (10,)]
        assert rows(opened, "SELECT C FROM C;") == [(2,)]


def test_aggregation_goes_on_with_its_state(url: str) -> None:
    with workspace(url) as opened:
        put(opened, "s", [("k", {"N": 5})])
        register_total()
        rows(opened, "SHOW QUERIES;")
        run(opened)
        assert rows(opened, "SELECT N FROM T;") == [(6,)]


def test_other_statements_and_openings_do_not_lose_what_waits(url: str) -> None:
    with workspace(url) as opened:
        opened("CREATE STREAM OTHER AS SELECT * FROM S;")
        opened("DROP STREAM OTHER;")
    with workspace(url) as opened:
        assert len(opened.problems) == 3
        register_twice()
        register_total()
        assert {state for _, _, state, _ in states(opened)} == {"RUNNING"}
    with workspace(url) as opened:
        assert opened.problems == []


def test_function_with_another_state_leaves_the_query_waiting(url: str) -> None:
    register_total("INT")
    with workspace(url) as opened:
        assert "The state of query CTAS_T_2 has other types" in rows(opened, "SHOW QUERIES;")[2][8]
        register_total()
        assert states(opened)[0] == ("CTAS_T_2", "CTAS", "RUNNING", "T")


def test_running_engine_notices_that_a_function_was_registered(url: str) -> None:
    with workspace(url, start=True) as opened:
        put(opened, "s", [("k", {"N": 5})])
        doorbell = Doorbell()
        opened.pipeline.engine.doorbells.append(doorbell)
        seen = doorbell.rings()
        register_total()
        assert doorbell.wait(seen, WAIT_S)
        assert rows(opened, "SELECT N FROM T;") == [(6,)]


def test_paused_query_is_paused_when_it_comes_back(tmp_path: Path) -> None:
    path = str(tmp_path / "p.duckdb")
    register_twice()
    with workspace(path) as opened:
        opened.execute(SOURCE + TWICE + "PAUSE CSAS_D_0;")
    nb.drop_function("TWICE")
    with workspace(path) as opened:
        register_twice()
        assert states(opened) == [("CSAS_D_0", "CSAS", "PAUSED", "D")]


def test_waiting_query_can_be_dropped_terminated_and_created_anew(url: str) -> None:
    with workspace(url) as opened:
        opened("DROP TABLE C;")
        opened("TERMINATE CSAS_D_0;")
        opened("CREATE TABLE T AS SELECT K, COUNT(*) AS N FROM S GROUP BY K;")
        assert states(opened) == [("CTAS_T_3", "CTAS", "RUNNING", "T")]
        tables = opened.pipeline.store.rows(
            sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'state'")
        )
        assert {name.split(":")[0] for (name,) in tables} == {"CTAS_T_3"}
    register_twice()
    with workspace(url) as opened:
        assert opened.problems == []
        assert states(opened) == [("CTAS_T_3", "CTAS", "RUNNING", "T")]
        assert rows(opened, "SELECT N FROM D;") == [(2,)]


def test_query_goes_on_when_the_source_it_lacks_is_made_anew(url: str) -> None:
    with workspace(url) as opened:
        opened("CREATE STREAM D AS SELECT K, N + 1 AS N FROM S;")
        assert states(opened)[:2] == [("CSAS_D_3", "CSAS", "RUNNING", "D"), ("CTAS_C_1", "CTAS", "RUNNING", "C")]
    register_total()
    with workspace(url) as opened:
        assert opened.problems == []
        put(opened, "s", [("k", {"N": 5})])
        run(opened)
        assert rows(opened, "SELECT N FROM D;") == [(2,), (2,), (6,)]
        assert rows(opened, "SELECT C FROM C;") == [(3,)]


def test_waiting_insert_keeps_its_query_id(tmp_path: Path) -> None:
    path = str(tmp_path / "p.duckdb")
    insert = "INSERT INTO D WITH (QUERY_ID='x') SELECT K, TWICE(N) AS N FROM S;"
    register_twice()
    with workspace(path) as opened:
        opened.execute(SOURCE + SOURCE.replace("S (", "D (").replace("'s'", "'d'") + insert)
    nb.drop_function("TWICE")
    with workspace(path) as opened:
        assert states(opened) == [("X", "INSERT", "ERROR", "D")]
        with pytest.raises(StreamnbError, match="Query ID 'X' already exists"):
            opened(insert.replace("TWICE(N)", "N"))
        opened("TERMINATE x;")
        assert states(opened) == []
    with workspace(path) as opened:
        assert opened.problems == []
