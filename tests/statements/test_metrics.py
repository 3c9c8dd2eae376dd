"""How queries are and what they have done, as SHOW QUERIES, DESCRIBE EXTENDED and streamnb_metrics tell it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamnb.clock import ManualClock
from streamnb.errors import KsqlStatementError, LogError
from streamnb.results import Rows
from streamnb.statements.metrics import METRICS_COLUMNS
from streamnb.workspace import Workspace
from tests.pipelines import START_MS, put, rows, run, workspace

COUNTS = """
    CREATE TABLE COUNTS AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS
      WINDOW TUMBLING (SIZE 1 SECOND, GRACE PERIOD 0 SECONDS) GROUP BY CHANNEL;
"""
WEB = {"STARS": 1, "CHANNEL": "web"}


def metrics(nb: Workspace, text: str = "SELECT * FROM streamnb_metrics;") -> dict[str, Any]:
    """Read the one row of a SELECT by the names of its columns."""
    result = nb(text)
    assert isinstance(result, Rows)
    [row] = result.rows
    return dict(zip([name for name, _ in result.columns], row, strict=True))


def failing(error: Exception) -> Callable[..., Any]:
    """Make a step that fails."""

    def step(*_: object) -> None:
        raise error

    return step


def test_metrics_tell_counts_lag_stream_time_late_records_and_state() -> None:
    clock = ManualClock(START_MS)
    with workspace(ratings=1, clock=clock) as nb:
        nb(COUNTS)
        put(nb, "ratings", [(1, WEB, 5000), (2, WEB, 100), (3, b"{"), (4, WEB, 5500)])
        assert metrics(nb)["LAG_RECORDS"] == 4
        run(nb)
        clock.advance(3000)
        told = metrics(nb)
        expected = {
            "QUERY_ID": "CTAS_COUNTS_0",
            "QUERY_TYPE": "CTAS",
            "SINK": "COUNTS",
            "STATE": "RUNNING",
            "PROBLEM": None,
            "RECORDS_IN": 4,
            "RECORDS_OUT": 1,
            "RECORDS_IN_PER_S": 1.0,
            "RECORDS_OUT_PER_S": 0.25,
            "LAG_RECORDS": 0,
            "STREAM_TIME": datetime.datetime(1970, 1, 1, 0, 16, 40),
            "LATE_RECORDS": 1,
            "LOGGED_ERRORS": 2,
            "FAILURES": 0,
            "BATCHES": 1,
        }
        assert {name: told[name] for name in expected} == expected
        assert 0 < told["BATCH_MS_LAST"] == told["BATCH_MS_MEAN"] == told["BATCH_MS_MAX"]
        assert told["STATE_ROWS"] >= 1 and told["STATE_BYTES_ESTIMATED"] >= 8


def test_metrics_are_a_relation_for_any_select() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM POOR AS SELECT * FROM RATINGS WHERE STARS < 3;")
        nb("CREATE STREAM ALL_OF_IT AS SELECT * FROM POOR;")
        put(nb, "ratings", [(1, WEB), (2, {"STARS": 5})])
        run(nb)
        ordered = "SELECT sink, records_out FROM streamnb_metrics ORDER BY records_in DESC, sink"
        assert rows(nb, ordered) == [("POOR", 1), ("ALL_OF_IT", 1)]
        assert rows(nb, "SELECT sink FROM `streamnb_metrics` WHERE records_in = 1;") == [("ALL_OF_IT",)]
        joined = "SELECT count(*) FROM POOR JOIN STREAMNB_METRICS m ON m.lag_records = 0"
        assert nb.sql(joined).rows == [(2,)]
        with pytest.raises(KsqlStatementError) as refused:
            nb("SELECT lag FROM streamnb_metrics ORDER BY 1")
        assert "LAG_RECORDS" in (refused.value.hint or "")


def test_metrics_of_a_pipeline_without_queries_have_no_row() -> None:
    with workspace() as nb:
        assert rows(nb, "SELECT query_id, next_try, lag_records FROM streamnb_metrics;") == []


def test_stream_of_the_same_name_is_read_in_place_of_the_metrics() -> None:
    with workspace() as nb:
        nb("CREATE STREAM STREAMNB_METRICS (V INT) WITH (KAFKA_TOPIC='m', VALUE_FORMAT='JSON', PARTITIONS=1);")
        put(nb, "m", [(None, {"V": 7})])
        assert rows(nb, "SELECT * FROM STREAMNB_METRICS;") == [(7,)]


def test_reading_the_metrics_changes_nothing() -> None:
    with workspace(ratings=1) as nb:
        nb(COUNTS)
        put(nb, "ratings", [(1, WEB, 5000)])
        run(nb)
        epoch = nb.pipeline.engine.epoch
        assert metrics(nb) == metrics(nb)
        assert nb.pipeline.engine.epoch == epoch


def test_retrying_query_tells_its_cause_and_its_next_try(monkeypatch: pytest.MonkeyPatch) -> None:
    with workspace(ratings=1) as nb:
        nb(COUNTS)
        task = nb.pipeline.engine.queries["CTAS_COUNTS_0"].task
        monkeypatch.setattr(task, "step", failing(LogError("the broker is away")))
        put(nb, "ratings", [(1, WEB)])
        run(nb)
        told = metrics(nb)
        assert (told["STATE"], told["ERROR_KIND"], told["FAILURES"]) == ("RETRYING", "SYSTEM", 1)
        assert told["NEXT_TRY"] == datetime.datetime(1970, 1, 1, 0, 16, 41)
        problem = "the broker is away (reading from topic ratings, partition 0, offset 0)"
        shown = metrics(nb, "SHOW QUERIES EXTENDED;")
        assert (shown["Status"], shown["Problem"]) == ("RETRYING", f"{problem}; next try at 1970-01-01 00:16:41")
        assert shown["Errors"] == f"1970-01-01 00:16:40.000  SYSTEM  {problem}"
        described = dict(rows(nb, "DESCRIBE COUNTS EXTENDED;"))
        assert (described["Status"], described["Lag"]) == ("RETRYING", "1 records")
        assert described["Last error"] == shown["Errors"]


@pytest.mark.parametrize(
    ("error", "kind"), [(KsqlStatementError("bad"), "USER"), (LogError("away"), "SYSTEM"), (OSError("disk"), "UNKNOWN")]
)
def test_error_has_the_kind_of_who_is_at_fault(error: Exception, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with workspace(ratings=1) as nb:
        nb(COUNTS)
        monkeypatch.setattr(nb.pipeline.engine.queries["CTAS_COUNTS_0"].task, "step", failing(error))
        put(nb, "ratings", [(1, WEB)])
        run(nb)
        assert metrics(nb)["ERROR_KIND"] == kind


def test_last_ten_errors_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(0)
    with workspace(ratings=1, clock=clock) as nb:
        nb(COUNTS)
        monkeypatch.setattr(nb.pipeline.engine.queries["CTAS_COUNTS_0"].task, "step", failing(LogError("away")))
        for _ in range(12):
            run(nb)
            clock.advance(60_000)
        errors = metrics(nb, "SHOW QUERIES EXTENDED;")["Errors"].split("\n")
        assert [line[11:16] for line in errors] == [f"00:{minute:02}" for minute in range(2, 12)]
        assert metrics(nb)["FAILURES"] == 12


def test_paused_query_tells_how_many_records_wait() -> None:
    with workspace(ratings=1) as nb:
        nb(COUNTS)
        nb("PAUSE CTAS_COUNTS_0;")
        put(nb, "ratings", [(1, WEB), (2, WEB)])
        run(nb)
        shown = metrics(nb, "SHOW QUERIES;")
        assert (shown["Status"], shown["Lag"], shown["Rows in"]) == ("PAUSED", 2, 0)


def test_source_of_a_terminated_query_says_so(tmp_path: Path) -> None:
    url = str(tmp_path / "pipeline.duckdb")
    with workspace(url, ratings=1) as nb:
        nb(COUNTS)
        nb("TERMINATE CTAS_COUNTS_0;")
        assert dict(rows(nb, "DESCRIBE COUNTS EXTENDED;"))["Status"] == "TERMINATED"
        assert "Status" not in dict(rows(nb, "DESCRIBE RATINGS EXTENDED;"))
    with workspace(url) as nb:
        assert dict(rows(nb, "DESCRIBE COUNTS EXTENDED;"))["Status"] == "TERMINATED"


def test_queries_of_an_engine_that_has_stopped_are_still_shown() -> None:
    with workspace(ratings=1, start=True) as nb:
        nb(COUNTS)
        nb.pipeline.engine.close()
        for text in ("SHOW QUERIES;", "SHOW QUERIES EXTENDED;"):
            shown = metrics(nb, text)
            assert (shown["Query ID"], shown["Status"], shown["Lag"]) == ("CTAS_COUNTS_0", "RUNNING", None)
        assert dict(rows(nb, "DESCRIBE COUNTS EXTENDED;"))["State"] == ""


def test_every_metric_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert [name for name, _ in METRICS_COLUMNS if f"`{name}`" not in page] == []
