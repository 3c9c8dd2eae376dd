"""Kernels that are interrupted, restarted and shut down while queries run, ``STREAMNB_CYCLES`` times (5 if unset)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebooks.kernels import CYCLES, GROWTH_MB, THREADS, Kernel, Usage

pytestmark = pytest.mark.slow

PIPELINE = """
%load_ext streamnb
%ksql life.duckdb
"""
SOURCE = """%%ksql
CREATE SOURCE CONNECTOR IF NOT EXISTS MADE WITH (
  'connector.class' = 'datagen', 'quickstart' = 'ratings', 'kafka.topic' = 'ratings', 'max.interval' = '5');
CREATE STREAM IF NOT EXISTS RATINGS (RATING_ID BIGINT, STARS INT, CHANNEL VARCHAR)
  WITH (KAFKA_TOPIC='ratings', PARTITIONS=1, VALUE_FORMAT='JSON');
CREATE TABLE IF NOT EXISTS PER_CHANNEL AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL;
"""
LIVE = """%%ksql -o q
SELECT * FROM PER_CHANNEL EMIT CHANGES;
"""
WAIT_FOR_ROWS = "assert q.feed.wait(0, 60)"


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    running = Kernel(tmp_path)
    yield running
    running.end()


def open_pipeline(kernel: Kernel) -> None:
    kernel.run(PIPELINE)
    kernel.run(SOURCE)
    kernel.run(LIVE, "live")
    kernel.run(WAIT_FOR_ROWS)


def test_shutdown_while_queries_run_ends_the_process_cleanly(tmp_path: Path) -> None:
    before = None
    for _ in range(CYCLES):
        kernel = Kernel(tmp_path)
        try:
            open_pipeline(kernel)
            assert kernel.shut_down() == 0
        finally:
            kernel.end()
        before = before or Usage.of(os.getpid())
    assert before is not None
    Usage.of(os.getpid()).assert_no_more_than(before, GROWTH_MB)


def test_kernel_restarts_again_and_again_on_the_same_file(kernel: Kernel) -> None:
    open_pipeline(kernel)
    before = kernel.usage()
    for _ in range(CYCLES):
        assert kernel.restart() == 0
        open_pipeline(kernel)
    kernel.usage().assert_no_more_than(before, GROWTH_MB)
    counted = kernel.run("print(sum(row[1] for row in q.feed.snapshot().rows))")
    assert int(counted) > 0


def test_interrupt_ends_a_waiting_cell_and_the_queries_go_on(kernel: Kernel) -> None:
    open_pipeline(kernel)
    before = kernel.usage()
    for _ in range(CYCLES):
        request = kernel.start("print('waiting', flush=True)\nq.wait()")
        kernel.wait_for(request, "stream")
        kernel.interrupt()
        _, error = kernel.finish(request)
        assert error is not None and error.startswith("KeyboardInterrupt")
        kernel.run("seen = q.feed.snapshot().version")
        kernel.run("assert q.feed.wait(seen, 60) and q.state == 'RUNNING'")
    kernel.usage().assert_no_more_than(before, GROWTH_MB)
    assert kernel.shut_down() == 0


def test_interrupted_statement_leaves_the_pipeline_usable(kernel: Kernel) -> None:
    open_pipeline(kernel)
    kernel.run("%%ksql\nSELECT * FROM RATINGS EMIT CHANGES;", "waits")
    before = kernel.usage()  # with this cell's query: an interrupt that comes before the wait leaves none
    for _ in range(CYCLES):
        request = kernel.start("%%ksql --wait\nSELECT * FROM RATINGS EMIT CHANGES;", "waits")
        kernel.wait_for(request, "display_data")
        kernel.interrupt()
        _, error = kernel.finish(request)
        assert error is not None and ("no longer waiting" in error or error.startswith("KeyboardInterrupt"))
    kernel.run("%ksql SELECT COUNT(*) FROM RATINGS;")
    kernel.usage().assert_no_more_than(before, GROWTH_MB)
    assert kernel.shut_down() == 0


def test_cell_that_runs_again_leaves_one_query_and_its_threads(kernel: Kernel) -> None:
    open_pipeline(kernel)
    threads, before = kernel.run(THREADS), kernel.usage()
    for _ in range(CYCLES):
        kernel.run(LIVE, "live")
        kernel.run(WAIT_FOR_ROWS)
    assert [name.rstrip("0123456789_") for name in eval(kernel.run(THREADS))] == [
        name.rstrip("0123456789_") for name in eval(threads)
    ]
    kernel.usage().assert_no_more_than(before, GROWTH_MB)
    assert kernel.shut_down() == 0
