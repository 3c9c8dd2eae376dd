"""The laws of a tick: one commit, chains, failing queries, ranges, and the order of the input."""

from __future__ import annotations

from typing import Any

import pytest

from streamnb.clock import ManualClock
from streamnb.duck import sql
from streamnb.engine.task import QueryTask, StepResult
from streamnb.store import Store
from streamnb.workspace import Workspace
from tests.pipelines import USERS, put, records, rows, run, state_of, workspace

CHAIN = """
    CREATE STREAM POOR AS SELECT * FROM RATINGS WHERE STARS < 3;
    CREATE TABLE COUNTS AS SELECT CHANNEL, COUNT(*) AS N FROM POOR GROUP BY CHANNEL;
    CREATE STREAM COPY AS SELECT * FROM POOR;
"""
TWO = [(1, {"STARS": 1, "CHANNEL": "web"}), (2, {"STARS": 2, "CHANNEL": "web"})]


class Failing:
    """Makes the steps of one query raise while ``error`` is set."""

    def __init__(self, nb: Workspace, query_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: Exception | None = None
        self.sizes: list[int] = []
        real = QueryTask.step

        def step(task: QueryTask, store: Store, rows_max: int) -> StepResult:
            result = real(task, store, rows_max)
            if task.query_id == query_id:
                self.sizes.append(rows_max)
                if self.error is not None:
                    raise self.error
            return result

        monkeypatch.setattr(QueryTask, "step", step)


def test_a_record_passes_through_a_chain_of_queries_in_one_commit() -> None:
    with workspace(ratings=1) as nb:
        nb(CHAIN)
        put(nb, "ratings", TWO)
        epoch = nb.pipeline.engine.epoch
        nb.pipeline.engine.tick()
        assert nb.pipeline.engine.epoch == epoch + 1
        assert rows(nb, "SELECT * FROM COUNTS;") == [("web", 2)]
        assert len(records(nb, "COPY")) == 2


def test_a_tick_without_news_writes_nothing() -> None:
    with workspace(ratings=1) as nb:
        nb(CHAIN)
        run(nb)
        epoch = nb.pipeline.engine.epoch
        assert nb.pipeline.engine.tick() is False
        assert nb.pipeline.engine.epoch == epoch


def test_a_failing_query_takes_the_tick_back_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(0)
    with workspace(ratings=1, clock=clock, max_batch_records=1) as nb:
        nb(CHAIN)
        failing = Failing(nb, "CTAS_COUNTS_1", monkeypatch)
        failing.error = OSError("disk trouble")
        put(nb, "ratings", TWO[:1])
        run(nb)
        assert [state_of(nb, q) for q in nb.pipeline.catalog.queries] == ["RUNNING", "RETRYING", "RUNNING"]
        assert (len(records(nb, "POOR")), len(records(nb, "COUNTS")), len(records(nb, "COPY"))) == (1, 0, 1)
        failing.error = None
        run(nb)
        assert records(nb, "COUNTS") == []
        clock.advance(1_000)
        run(nb)
        assert state_of(nb, "CTAS_COUNTS_1") == "RUNNING"
        assert rows(nb, "SELECT * FROM COUNTS;") == [("web", 1)]


def test_a_query_that_keeps_failing_ends_in_error_and_its_errors_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(0)
    with workspace(ratings=1, clock=clock) as nb:
        nb(CHAIN)
        failing = Failing(nb, "CTAS_COUNTS_1", monkeypatch)
        failing.error = OSError("disk trouble")
        put(nb, "ratings", TWO)
        for _ in range(8):
            run(nb)
            clock.advance(60_000)
        info = nb.pipeline.catalog.queries["CTAS_COUNTS_1"]
        assert info.state == "ERROR"
        assert "disk trouble (reading from topic POOR, partition 0, offset 0)" in info.errors[-1].message
        assert failing.sizes[:2] == [100_000, 6250] and min(failing.sizes) == 1
        assert len(info.errors) <= 10
        assert len(records(nb, "COPY")) == 2
        logged = rows(nb, "SELECT LOGGER, TYPE, MESSAGE FROM KSQL_PROCESSING_LOG ORDER BY 1 LIMIT 1")
        assert logged[0][:2] == ("processing.CTAS_COUNTS_1", 1) and "disk trouble" in logged[0][2]


def test_an_error_of_the_user_is_not_tried_again() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE TABLE T AS SELECT CHANNEL, SUM(CAST(STARS AS DECIMAL(2, 1))) AS S FROM RATINGS GROUP BY CHANNEL;")
        nb("CREATE STREAM COPY AS SELECT * FROM RATINGS;")
        put(nb, "ratings", [(i, {"STARS": 6, "CHANNEL": "web"}) for i in range(4)])
        run(nb)
        info = nb.pipeline.catalog.queries["CTAS_T_0"]
        assert info.state == "ERROR"
        assert "topic ratings, partition 0, offset 1" in info.errors[-1].message
        assert rows(nb, "SELECT * FROM T;") == [("web", 6)]
        assert len(records(nb, "COPY")) == 4


def test_an_inserted_record_that_fails_leaves_no_trace() -> None:
    with workspace(ratings=1) as nb:
        before = records(nb, "ratings")
        with pytest.raises(Exception, match="Cannot convert"):
            nb("INSERT INTO RATINGS (ID, STARS) VALUES (1, CAST('x' AS INT));")
        assert records(nb, "ratings") == before


def test_ranges_of_several_partitions_are_stored_with_their_tick() -> None:
    with workspace(ratings=2) as nb:
        nb("CREATE STREAM COPY AS SELECT * FROM RATINGS;")
        put(nb, "ratings", [(1, {}, 0, 0), (2, {}, 1, 1), (3, {}, 2, 1)])
        run(nb)
        put(nb, "ratings", [(4, {}, 3, 1)])
        run(nb)
        query = sql("SELECT part, first, next FROM streamnb.ranges ORDER BY epoch, part")
        assert nb.pipeline.store.rows(query) == [(0, 0, 1), (1, 0, 2), (1, 2, 3)]


def values(nb: Workspace, topic: str, column: str) -> list[Any]:
    return [value[column] for *_, value in records(nb, topic)]


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_input_is_ordered_by_running_maximum_then_partition_then_offset(batch: int) -> None:
    with workspace(ratings=3, max_batch_records=batch) as nb:
        nb("CREATE STREAM ALL_ WITH (PARTITIONS=1) AS SELECT * FROM RATINGS;")
        late = [(1, {"STARS": 1}, 50, 0), (1, {"STARS": 2}, 10, 0), (2, {"STARS": 3}, 20, 1), (2, {"STARS": 4}, 60, 1)]
        put(nb, "ratings", [*late, (3, {"STARS": 5}, 50, 2), (3, {"STARS": 6}, 55, 2)])
        run(nb)
        # STARS 2 is late: it counts as 50, the maximum of its partition so far.
        assert values(nb, "ALL_", "STARS") == [3, 1, 2, 5, 6, 4]


@pytest.mark.parametrize("batch", [1, 1000])
def test_tables_come_before_streams_at_the_same_time(batch: int) -> None:
    with workspace(ratings=1, max_batch_records=batch) as nb:
        nb(USERS)
        nb("CREATE STREAM J AS SELECT R.ID, R.STARS, U.NAME AS NAME FROM RATINGS R LEFT JOIN USERS U ON R.ID = U.ID;")
        put(nb, "ratings", [(1, {"STARS": 1}, 9), (1, {"STARS": 2}, 10), (1, {"STARS": 3}, 30)])
        put(nb, "u", [(1, {"NAME": "a"}, 10), (1, {"NAME": "b"}, 20), (1, None, 31)])
        run(nb)
        assert values(nb, "J", "NAME") == [None, "a", "b"]
