"""Completion in cells: what is offered where, in which order, and how fast."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import pytest

import streamnb
from streamnb.magics.completion import complete
from streamnb.magics.options import CELL_OPTIONS
from streamnb.widgets.encoding import CHART_KINDS
from streamnb.workspace import Workspace
from tests.magics.notebook import SOURCE, Notebook
from tests.pipelines import workspace

NAMES = {"most": 3, "source": "ratings", "_hidden": 1, "nb": streamnb, "unfit": object(), "f": print}


@pytest.fixture(scope="module")
def nb() -> Iterator[Workspace]:
    with workspace(start=True) as nb:
        nb("""
            CREATE TYPE PLACE AS STRUCT<CITY STRING>;
            CREATE STREAM RATINGS (
              ID INT KEY, CHANNEL VARCHAR, STARS INT, `odd one` INT,
              RATER STRUCT<NAME STRING, HOME STRUCT<CITY STRING, ZIP INT>>, TAGS ARRAY<STRUCT<WORD STRING>>
            ) WITH (KAFKA_TOPIC='ratings', PARTITIONS=1, VALUE_FORMAT='JSON');
            CREATE TABLE USERS (UID INT PRIMARY KEY, NAME VARCHAR)
              WITH (KAFKA_TOPIC='users-1', PARTITIONS=1, VALUE_FORMAT='JSON');
            CREATE STREAM GOOD AS SELECT * FROM RATINGS WHERE STARS > 3;
            CREATE SOURCE CONNECTOR GEN WITH ('quickstart'='ratings', 'kafka.topic'='made');
        """)
        yield nb


def found(nb: Workspace | None, marked: str) -> list[str]:
    """Complete a cell at the mark, ``|``."""
    _, offered = complete(marked.replace("|", "", 1), marked.index("|"), nb, NAMES)
    return [text for text, _ in offered]


@pytest.mark.parametrize(
    ("cell", "offered"),
    [
        ("SELECT CHA| FROM RATINGS", ["CHANNEL"]),
        ("SELECT R.| FROM RATINGS R", ["ID", "CHANNEL", "STARS", "`odd one`", "RATER", "TAGS"]),
        ("SELECT r.ST| FROM GOOD JOIN RATINGS AS r ON 1 = 1", ["STARS"]),
        ("SELECT * FROM RATINGS R JOIN USERS U ON R.ID = U.|", ["UID", "NAME"]),
        ("SELECT RATER->| FROM RATINGS", ["NAME", "HOME"]),
        ("SELECT R.RATER->HOME->| FROM RATINGS R", ["CITY", "ZIP"]),
        ("SELECT TAGS[1]->| FROM RATINGS", ["WORD"]),
        ("SELECT RATER->NAME->| FROM RATINGS", []),
        ("SELECT X.| FROM RATINGS R", []),
        ("SELECT UID|, 1; SELECT 2 FROM USERS;", []),
        ("SELECT ID, `o| FROM RATINGS", ["odd one"]),
        ("SELECT 1 AS |", []),
        ("SELECT ID FROM RATINGS ORDER BY STA|", ["STARS"]),
        ("SELECT CHANNEL FROM RATINGS WHERE STARS < :most AND STA|", ["STARS"]),
        ("SELECT CHANNEL FROM RATINGS WHERE STARS IN :few AND STA|", ["STARS"]),
        ("SELECT * FROM |", ["GOOD", "KSQL_PROCESSING_LOG", "RATINGS", "USERS"]),
        ("SELECT * FROM RA|", ["RATINGS"]),
        ("INSERT INTO RA|", ["RATINGS"]),
        ("INSERT INTO USERS (|", ["UID", "NAME"]),
        ("DROP STREAM G|", ["GOOD"]),
        ("DESCRIBE U|", ["USERS"]),
        ("DESCRIBE FUNCTION UC|", ["UCASE"]),
        ("DROP CONNECTOR |", ["GEN"]),
        ("TERMINATE C|", ["CSAS_GOOD_0"]),
        ("EXPLAIN CSAS|", ["CSAS_GOOD_0"]),
        ("PAUSE |", ["CSAS_GOOD_0", "ALL", "QUERY"]),
        ("SELECT * FROM RATINGS WH|", ["WHERE"]),
        ("SHOW Q|", ["QUERIES"]),
        ("CREATE STREAM X (A BI|", ["BIGINT"]),
        ("CREATE STREAM X (A |", ["PLACE", "INT", "BIGINT"]),
        ("SELECT CAST(UCASE(CHANNEL) AS BI|", ["BIGINT"]),
        ("CREATE STREAM X (|", []),
        ("CREATE STREAM |", ["IF"]),
        ("PRINT |", ["GOOD", "ksql_processing_log", "made", "ratings", "'users-1'"]),
        ("PRINT 'rat|", ["ratings"]),
        ("CREATE STREAM X (A INT) WITH (|", ["KAFKA_TOPIC", "VALUE_FORMAT"]),
        ("CREATE STREAM X (A INT) WITH (kafka_topic='made', VALUE_F|", ["VALUE_FORMAT"]),
        ("CREATE STREAM X (A INT) WITH (KAFKA_TOPIC='made', KAFKA|", []),
        ("CREATE STREAM X (A INT) WITH (KAFKA_TOPIC='|", ["GOOD", "ksql_processing_log", "made", "ratings", "users-1"]),
        ("CREATE STREAM X (A INT) WITH (VALUE_FORMAT='J|", ["JSON"]),
        ("CREATE STREAM X (A INT) WITH (VALUE_FORMAT = J|", ["'JSON'"]),
        ("CREATE STREAM X WITH (WINDOW_T| AS SELECT * FROM RATINGS;", []),
        ("CREATE SOURCE CONNECTOR X WITH ('quickstart'='users', |", ["'connector.class'", "'kafka.topic'"]),
        ("CREATE SOURCE CONNECTOR X WITH ('qui|", ["quickstart"]),
        ("CREATE SOURCE CONNECTOR X WITH ('quickstart'='pa|", ["pageviews"]),
        ("SET 'auto|", ["auto.offset.reset"]),
        ("SET 'auto.offset.reset' = '|", ["latest", "earliest"]),
        ("SELECT * FROM RATINGS WHERE STARS < :|", ["most", "source"]),
        ("SELECT * FROM {{|", ["source"]),
        ("SELECT * FROM {{so|}}", ["source"]),
        ("SELECT '|", []),
    ],
)
def test_statement_is_completed_at_the_cursor(nb: Workspace, cell: str, offered: list[str]) -> None:
    """What is expected comes first; where nothing is expected, nothing is offered."""
    names = found(nb, f"%%ksql --limit 5\nSHOW STREAMS; -- it's\n{cell}")
    assert names[: len(offered)] == offered
    assert offered or not names


def test_columns_come_before_functions_and_these_before_keywords(nb: Workspace) -> None:
    cell = "%%ksql\nSELECT S\nFROM RATINGS"
    _, offered = complete(cell, cell.index("S\n") + 1, nb, {})
    assert [text for text, kind in offered if kind == "INTEGER"] == ["STARS"]
    ranks = [("INTEGER", "function", "keyword").index(kind.replace("aggregate", "function")) for _, kind in offered]
    assert ranks == sorted(ranks)
    assert set(ranks) == {0, 1, 2}


@pytest.mark.parametrize(
    ("cell", "offered"),
    [
        ("%%ksql --|", [o.name for o in CELL_OPTIONS if o.name.startswith("--")]),
        ("%%ksql --ch|", ["--chart"]),
        ("%%ksql --chart |", list(CHART_KINDS)),
        ("%%ksql --chart b|\nSELECT 1", ["bar"]),
        ("%%ksql --x |\nSELECT STARS, COUNT(*) AS N FROM RATINGS GROUP BY STARS;", ["N", "ID"]),
        ("%ksql |", ["connect", "jobs"]),
        ("%ksql hist|", ["history"]),
        ("%ksql print |", ["GOOD"]),
        ("%ksql print ratings --|", ["--limit", "--from-beginning"]),
        ("%ksql stop --|", ["--all"]),
        ("%ksql SELECT STA| FROM RATINGS", ["STARS"]),
        ("rows = %ksql SHOW TAB|", ["TABLES"]),
        ("rows = 1; print(|", []),
        ("# %%ksql\nSEL|", []),
    ],
)
def test_line_of_the_magic_is_completed(nb: Workspace, cell: str, offered: list[str]) -> None:
    names = found(nb, cell)
    assert names[: len(offered)] == offered
    assert offered or not names


def test_without_a_pipeline_the_grammar_is_offered(nb: Workspace) -> None:
    assert found(None, "%%ksql\nSHOW TOP|") == ["TOPICS"]
    assert found(None, "%%ksql\nSELECT * FROM |") == []


@pytest.mark.filterwarnings("ignore::IPython.core.completer.ProvisionalCompleterWarning")
def test_ipython_offers_ours_only_in_our_cells(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("STARLIGHT = 1")
    cell = "%%ksql\nSELECT STA FROM RATINGS"
    offered = list(notebook.shell.Completer.completions(cell, cell.index("STA") + 3))
    assert [(c.text, c.type) for c in offered] == [("STARS", "INTEGER")]
    python = list(notebook.shell.Completer.completions("STARL", 5))
    assert [c.text for c in python] == ["STARLIGHT"]


def test_typical_cell_is_completed_within_20_ms(nb: Workspace) -> None:
    cell = (
        "%%ksql -o q\n" + "CREATE TABLE N AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS\n"
        "  WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY CHANNEL;\n"
        * 10
        + "SELECT R.CHANNEL, UCASE(U.NAME), | FROM RATINGS R\n"
        "  LEFT JOIN USERS U ON R.ID = U.UID WHERE STARS < 3 EMIT CHANGES;"
    )
    found(nb, cell)  # the grammar is loaded once
    times_ms = []
    for _ in range(20):
        began = time.perf_counter()
        assert found(nb, cell)[:2] == ["ID", "CHANNEL"]
        times_ms.append((time.perf_counter() - began) * 1000)
    assert statistics.median(times_ms) < 20
