"""The engine's thread: what breaks, what closes, and who waits for it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from streamnb.catalog import QueryInfo
from streamnb.duck import sql
from streamnb.engine.commands import Commands
from streamnb.engine.doorbell import Doorbell
from streamnb.engine.faults import Backoff
from streamnb.engine.running import TRIES_MAX, PersistentQuery
from streamnb.errors import KsqlError, LogError, StoreBrokenError, StoreError
from tests.pipelines import live, put, workspace

_SOURCE = "CREATE STREAM S (V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"


def _query() -> PersistentQuery:
    nothing: Any = None
    return PersistentQuery(QueryInfo("Q", "CSAS", "O", (), ""), nothing, nothing)


@pytest.mark.parametrize("error", [StoreBrokenError("injected"), LogError("injected")])
def test_engine_goes_on_when_housekeeping_fails_once(tmp_path: Path, error: Exception) -> None:
    with workspace(str(tmp_path / "p.db"), start=True) as nb:
        engine = nb.pipeline.engine
        nb(_SOURCE)
        nb("CREATE STREAM O AS SELECT V + 1 AS W FROM S;")
        failures = [error]

        def fail_once() -> None:
            if failures:
                raise failures.pop()

        engine.housekeeping.append(fail_once)
        engine.call(engine.wake)
        engine.call(lambda: put(nb, "s", [(None, {"v": 1})]))
        engine.wake()
        query = live(nb, "SELECT W FROM O EMIT CHANGES LIMIT 1;")
        assert query.wait(20)
        assert query.arrow().to_pylist() == [{"W": 2}]
        assert not failures
        assert engine.failure is None


def test_close_ends_a_long_tick() -> None:
    with workspace(start=True) as nb:
        engine = nb.pipeline.engine
        begun = threading.Event()

        def heavy() -> None:
            begun.set()
            engine.store.rows(sql("SELECT count(*) FROM range(10000000000) a, range(1000) b"))

        future = engine._commands.submit(heavy)
        engine.wake()
        assert begun.wait(20)
        started = time.monotonic()
        engine.close()
        assert time.monotonic() - started < 4
        assert engine._thread is not None and not engine._thread.is_alive()
        assert future.exception() is not None
        with pytest.raises(StoreError, match="the engine has stopped"):
            engine.call(lambda: None)


def test_cancelled_command_is_not_run_and_later_ones_are() -> None:
    commands, ran = Commands(), list[str]()
    commands.submit(lambda: ran.append("first")).cancel()
    second: Future[None] = commands.submit(lambda: ran.append("second"))
    commands.run()
    assert ran == ["second"]
    assert second.done()


def test_commands_that_wait_are_refused_when_the_engine_stops() -> None:
    commands = Commands()
    waiting = commands.submit(lambda: None)
    commands.refuse("the engine has stopped")
    assert isinstance(waiting.exception(0), StoreError)
    with pytest.raises(StoreError):
        commands.submit(lambda: None)


def test_failing_batch_is_made_smaller_until_one_record_stops_the_query() -> None:
    query, sizes, rows_max = _query(), list[int](), 50_000
    while query.info.state != "ERROR":
        query.note_failure(KsqlError("bad"), "bad", rows_max, 0)
        sizes.append(rows_max)
        rows_max = query.rows_max or rows_max
    assert sizes == [50_000, 3125, 195, 12, 1]
    query.resume()
    assert (query.info.state, query.rows_max) == ("RUNNING", None)


def test_outage_of_a_topic_is_waited_for_with_the_same_batch() -> None:
    query = _query()
    for _ in range(10):
        query.note_failure(LogError("no broker"), "no broker", 50_000, 0)
    assert (query.info.state, query.rows_max, query.backoff.not_before_ms) == ("RETRYING", None, 60_000)
    query.note_success(50_000)
    assert (query.info.state, query.backoff) == ("RUNNING", Backoff())


def test_failure_of_the_system_stops_the_query_after_some_tries() -> None:
    query = _query()
    for _ in range(TRIES_MAX):
        assert query.info.state != "ERROR"
        query.note_failure(MemoryError(), "no memory", 1, 0)
    assert query.info.state == "ERROR"


def test_backoff_doubles_up_to_a_minute() -> None:
    backoff, waits = Backoff(), list[int]()
    for _ in range(8):
        backoff = backoff.next(0)
        waits.append(backoff.not_before_ms)
    assert waits == [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
    assert not backoff.due(59_999)
    assert backoff.due(60_000)


def test_doorbell_does_not_miss_a_ring_that_comes_before_the_wait() -> None:
    doorbell = Doorbell()
    seen = doorbell.rings()
    doorbell.ring()
    assert doorbell.wait(seen, 0)
    assert not doorbell.wait(doorbell.rings(), 0)
