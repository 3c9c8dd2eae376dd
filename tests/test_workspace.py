"""The workspace from end to end: in memory, in a file, over restarts, and at the end of the process."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

import streamnb
from streamnb.duck import sql
from streamnb.errors import KsqlError, KsqlStatementError, ParseFailedError, StoreError, StoreLockedError, StreamnbError
from streamnb.results import Message, Rows
from streamnb.schema import INTEGER
from tests.pipelines import live, put, records, rows, run, state_of, workspace

PIPELINE = """
    CREATE TYPE PLACE AS STRUCT<X INT>;
    CREATE STREAM POOR AS SELECT * FROM RATINGS WHERE STARS < 3;
    CREATE TABLE COUNTS AS SELECT CHANNEL, COUNT(*) AS N FROM POOR GROUP BY CHANNEL;
"""
ONE = [(1, {"STARS": 1, "CHANNEL": "web"})]


def threads() -> set[str]:
    return {t.name for t in threading.enumerate() if t.name.startswith("streamnb")}


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own."""
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_statements_run_in_order_and_the_last_answer_is_returned() -> None:
    with streamnb.connect("memory://", auto_offset_reset="earliest") as nb:
        results = nb.execute("""
            CREATE STREAM R (ID INT KEY, S INT) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON', PARTITIONS=1);
            INSERT INTO R VALUES (1, 5); -- a comment; with a semicolon
            SELECT * FROM R;
        """)
        assert [type(result) for result in results] == [Message, Message, Rows]
        assert nb("SELECT S + 1 AS S FROM R;") == Rows(
            "SELECT S + 1 AS S FROM R", (("S", INTEGER),), [(6,)], final_message="Query Completed",
            key_columns=1,
        )  # fmt: skip
        assert nb("") is None


def test_a_live_pipeline_runs_by_itself_and_its_threads_end_with_it() -> None:
    before = threads()
    with workspace(ratings=1, start=True) as nb:
        nb(PIPELINE)
        query = live(nb, "SELECT * FROM COUNTS EMIT CHANGES;")
        put(nb, "ratings", ONE)
        assert query.feed.wait(0, 20)
        assert query.feed.snapshot().rows == [("web", 1)]
        assert "streamnb-engine" in threads()
    assert threads() == before
    assert query.state == "STOPPED"
    nb.close()
    for call in (nb.execute, nb.sql):
        with pytest.raises(KsqlError, match="the workspace is closed"):
            call("SELECT 1")


def test_a_script_stops_at_the_first_error_and_keeps_what_was_done() -> None:
    with workspace(ratings=1) as nb:
        with pytest.raises(StreamnbError) as refused:
            nb("CREATE STREAM A AS SELECT * FROM RATINGS;\nCREATE STREAM B AS SELECT STARZ FROM RATINGS;\nSHOW TOPICS;")
        assert "  2 | CREATE STREAM B AS SELECT STARZ FROM RATINGS;" in refused.value.render()
        assert list(nb.pipeline.engine.queries) == ["CSAS_A_0"]


def test_settings_of_connect_are_checked() -> None:
    with pytest.raises(StreamnbError, match="nix"):
        streamnb.connect("memory://", nix=1)
    with pytest.raises(StreamnbError, match="no such kind of URL"):
        streamnb.connect("mysql://localhost")


def test_a_file_brings_back_statements_state_and_offsets(tmp_path: Path) -> None:
    url = str(tmp_path / "shop.duckdb")
    with workspace(url, ratings=2) as nb:
        nb(PIPELINE + "SET 'auto.offset.reset' = 'latest'; CREATE STREAM LATE AS SELECT * FROM RATINGS;")
        put(nb, "ratings", ONE)
        run(nb)
        nb("PAUSE CSAS_LATE_2;")
    with workspace(url) as nb:
        assert nb.problems == []
        assert rows(nb, "SELECT * FROM COUNTS;") == [("web", 1)]
        assert (len(records(nb, "POOR")), len(records(nb, "LATE"))) == (1, 1)
        assert rows(nb, "SHOW TYPES;") == [("PLACE", "STRUCT<`X` INTEGER>")]
        assert state_of(nb, "CSAS_LATE_2") == "PAUSED"
        put(nb, "ratings", [(2, {"STARS": 2, "CHANNEL": "web"}), (3, {"STARS": 5})])
        run(nb)
        assert rows(nb, "SELECT * FROM COUNTS;") == [("web", 2)]
        assert (len(records(nb, "POOR")), len(records(nb, "LATE"))) == (2, 1)
        nb("CREATE STREAM MORE AS SELECT * FROM POOR;")
        assert "CSAS_MORE_3" in nb.pipeline.engine.queries


def test_what_was_dropped_stays_dropped_after_a_restart(tmp_path: Path) -> None:
    url = f"duckdb://{tmp_path / 'pipeline.duckdb'}"
    with workspace(url, ratings=1) as nb:
        nb(PIPELINE + "DROP TABLE COUNTS; TERMINATE CSAS_POOR_0; DROP STREAM POOR DELETE TOPIC; DROP TYPE PLACE;")
        nb("CREATE STREAM POOR AS SELECT * FROM RATINGS WHERE STARS < 2;")
        put(nb, "ratings", ONE)
        run(nb)
    with workspace(url) as nb:
        assert nb.problems == []
        assert list(nb.pipeline.engine.queries) == ["CSAS_POOR_2"]
        run(nb)
        assert len(records(nb, "POOR")) == 1


def test_a_stored_statement_that_no_longer_works_is_listed_and_the_others_start(tmp_path: Path) -> None:
    url = str(tmp_path / "shop.duckdb")
    with workspace(url, ratings=1) as nb:
        nb("CREATE STREAM A AS SELECT * FROM RATINGS; CREATE STREAM B AS SELECT * FROM RATINGS;")
        broken = sql("UPDATE streamnb.statements SET text = replace(text, 'STREAM A AS', 'STRAEM A AS')")
        nb.pipeline.store.execute(broken)
    with workspace(url) as nb:
        assert len(nb.problems) == 1 and nb.problems[0].startswith("CREATE STRAEM A AS")
        assert list(nb.pipeline.engine.queries) == ["CSAS_B_1"]
        put(nb, "ratings", ONE)
        run(nb)
        assert len(records(nb, "B")) == 1


HOLDER = """
import sys, streamnb
with streamnb.connect(sys.argv[1]) as nb:
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_who_has_the_file(tmp_path: Path) -> None:
    path = str(tmp_path / "shop.duckdb")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "open\n"
        with pytest.raises(StoreLockedError) as refused:
            streamnb.connect(path)
        assert f"is in use by process {holder.pid}" in refused.value.render()
        holder.communicate("")
    assert holder.returncode == 0
    streamnb.connect(path).close()


def test_a_file_that_this_process_has_open_is_refused(tmp_path: Path) -> None:
    for name in ("shop.duckdb", "pipeline.duckdb"):
        path = str(tmp_path / name)
        with streamnb.connect(path), pytest.raises(StoreLockedError, match="is open in this process"):
            streamnb.connect(path)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.duckdb"
    path.write_text("not a database" * 1000)
    with pytest.raises(StoreError, match="cannot be opened"):
        streamnb.connect(str(path))
    assert path.read_text().startswith("not a database")


FORGETS = """
import streamnb
def start():
    nb = streamnb.connect("memory://", auto_offset_reset="earliest")
    nb('''CREATE SOURCE CONNECTOR D WITH ('connector.class'='datagen', 'quickstart'='ratings', 'kafka.topic'='ratings',
          'max.interval'='1');
        CREATE STREAM RATINGS (RATING_ID BIGINT, CHANNEL VARCHAR, MESSAGE VARCHAR)
          WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='JSON');
        CREATE TABLE COUNTS AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL;
        CREATE STREAM X AS
          SELECT REGEXP_EXTRACT('(.)', MESSAGE, 1) AS A, FORMAT_DATE(FROM_DAYS(3), 'yyyy') AS B FROM RATINGS;''')
    live = nb("SELECT UCASE(MESSAGE), REGEXP_EXTRACT('(.)', MESSAGE, 1) FROM RATINGS EMIT CHANGES;")
    assert live.feed.wait(0, 30)
    return nb, live
"""


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("kept = start()", 0),
        ("start()", 0),
        ("nb, live = start()\nimport sys\nsys.exit(3)", 3),
        ("nb, live = start()\nlive.stop()\nnb.close()", 0),
        (
            "kept = start()\nimport threading\nheld = threading.Event()\n"
            "threading.Thread(target=lambda kept: held.wait(), args=(kept,), daemon=True).start()",
            0,
        ),
    ],
    ids=["kept", "lost", "exit", "closed", "held by a thread"],
)  # fmt: skip
def test_a_process_that_forgets_to_close_ends_cleanly_and_quietly(ending: str, code: int) -> None:
    ended = python(FORGETS + ending)
    assert (ended.returncode, ended.stderr, ended.stdout) == (code, "", "")


def test_errors_are_shown_without_a_traceback_in_ipython() -> None:
    with workspace() as nb, pytest.raises(ParseFailedError) as refused:
        nb("SELEC 1;")
    assert refused.value._render_traceback_()[0] == "error: no statement starts with SELEC"


@pytest.mark.parametrize("door", ["pull", "history"])
def test_rows_of_all_types_become_a_frame(door: str) -> None:
    with workspace() as nb:
        nb("""
            CREATE STREAM TYPES (A INT, B BIGINT, C DOUBLE, D DECIMAL(4, 2), E VARCHAR, F BYTES, G BOOLEAN, H DATE,
              I TIME, J TIMESTAMP, K ARRAY<INT>, L MAP<VARCHAR, INT>, M STRUCT<X INT>)
              WITH (KAFKA_TOPIC='all', VALUE_FORMAT='JSON', PARTITIONS=1);
            INSERT INTO TYPES VALUES (1, 2, 3.5, 1.25, 'x', TO_BYTES('eA==', 'base64'), true, '2024-02-29', '01:02:03',
              '2024-02-29T01:02:03', ARRAY[1], MAP('k' := 1), STRUCT(X := 1));
        """)
        result = nb.sql("SELECT * FROM TYPES") if door == "history" else nb("SELECT * FROM TYPES;")
        assert isinstance(result, Rows)
        assert [str(type_) for _, type_ in result.columns] == [
            "INTEGER", "BIGINT", "DOUBLE", "DECIMAL(4, 2)", "STRING", "BYTES", "BOOLEAN", "DATE", "TIME", "TIMESTAMP",
            "ARRAY<INTEGER>", "MAP<STRING, INTEGER>", "STRUCT<`X` INTEGER>",
        ]  # fmt: skip
        assert list(result.df().columns) == list("ABCDEFGHIJKLM")


def test_a_statement_nested_deeper_than_python_recurses_is_refused() -> None:
    with workspace(ratings=1) as nb:
        for text in ("ABS(" * 250 + "STARS" + ")" * 250, "CASE WHEN true THEN " * 250 + "1" + " END" * 250):
            with pytest.raises(KsqlStatementError, match="nested too deeply"):
                nb(f"CREATE STREAM O AS SELECT ID, {text} AS X FROM RATINGS;")


def test_a_condition_that_fails_beside_a_list_of_constants_stops_no_query() -> None:
    with workspace(ratings=1) as nb:
        zoned = "TIMESTAMPTOSTRING(CAST(STARS AS BIGINT) * 1000000000000000, 'yyyy', 'Europe/Rome')"
        nb(f"CREATE STREAM O AS SELECT ID, STARS FROM RATINGS WHERE {zoned} IN ('1', '2', '3', '4', '5', '6', '1970');")
        put(nb, "ratings", [(1, {"STARS": 0}), (2, {"STARS": 5}), (3, {"STARS": 0})])
        run(nb)

        assert state_of(nb, "CSAS_O_0") == "RUNNING"
        assert len(records(nb, "O")) == 2
