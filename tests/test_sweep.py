"""DuckDB forgets what it keeps of blocks that are gone, and nothing else changes by it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from streamnb.duck import Sql, sql
from streamnb.engine import relation
from streamnb.schema import BIGINT
from streamnb.store import Store
from tests import allocator
from tests.pipelines import workspace

JOIN = Sql("SELECT k, v FROM (VALUES (1), (2), (3)) s(k) LEFT JOIN t USING (k)")
TABLE = Sql("CREATE TABLE t AS SELECT range::INTEGER AS k, range AS v FROM range(10)")
LARGE = Sql("CREATE TABLE large AS SELECT range AS n, hash(range) AS h FROM range(8_000_000)")
SUM = Sql("SELECT coalesce(sum(h % 1000), 0)::BIGINT FROM large")
LIMIT = Sql("SELECT current_setting('memory_limit')")
USED = Sql("SELECT sum(memory_usage_bytes)::BIGINT, sum(temporary_storage_bytes)::BIGINT FROM duckdb_memory()")


@pytest.fixture(params=["file", "memory"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store that may be swept: a pipeline's file, or rows in memory that never leave it."""
    store = Store.open(tmp_path / "s.duckdb") if request.param == "file" else Store.open(spills=False)
    yield store
    store.close()


@allocator.TELLS
def test_sweep_gives_back_what_joins_left_behind(any_store: Store) -> None:
    any_store.execute(TABLE)

    def join() -> int:
        for _ in range(500):
            any_store.rows(JOIN)
        return allocator.bytes_given_out()

    join()
    any_store.sweep()
    before = allocator.bytes_given_out()
    assert join() > before + 300_000
    any_store.sweep()
    assert allocator.bytes_given_out() < before + 100_000


def test_limit_stays_as_it_was(any_store: Store, tmp_path: Path) -> None:
    limited = Store.open(tmp_path / "limited.duckdb", memory_limit="512MiB")
    for store in (any_store, limited):
        (limit,) = store.rows(LIMIT)
        for statement in (Sql("SELECT 1"), TABLE, Sql("CHECKPOINT")):  # before and after them nothing is in memory
            store.sweep()
            assert store.rows(LIMIT) == [limit]
            store.execute(statement)
        store.sweep()
        assert store.rows(LIMIT) == [limit]
        assert len(store.rows(JOIN)) == 3
    assert limit == ("512.0 MiB",)
    limited.close()


def test_limit_stays_in_a_file_that_is_opened_again(tmp_path: Path) -> None:
    for _ in range(2):
        store = Store.open(tmp_path / "again.duckdb", memory_limit="512MiB")
        for _ in range(20):
            store.sweep()
            assert store.rows(LIMIT) == [("512.0 MiB",)]
        store.execute(Sql("CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS i"))
        store.close()


@pytest.mark.parametrize("rows", [0, 1, 300_000])
def test_statements_of_others_go_on_while_several_sweep(any_store: Store, rows: int) -> None:
    any_store.execute(Sql(f"CREATE TABLE large AS SELECT range AS n, hash(range) AS h FROM range({rows})"))
    expected = any_store.rows(SUM)
    ended = threading.Event()
    failures: list[object] = []
    read = threading.Semaphore(0)

    def look(store: Store) -> None:
        while not ended.is_set():
            try:
                if (found := store.rows(SUM)) != expected:
                    failures.append(found)
            except Exception as error:
                failures.append(error)
            read.release()

    def sweep(store: Store) -> None:
        while not ended.is_set():
            store.sweep()

    cursors = [any_store.cursor() for _ in range(4)]
    works = [look, look, sweep, sweep]
    threads = [threading.Thread(target=work, args=(c,), daemon=True) for work, c in zip(works, cursors, strict=True)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(100):
            assert read.acquire(timeout=60)
            any_store.sweep()
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert failures == []
    for cursor in cursors:
        cursor.close()


def test_sweep_that_cannot_write_its_temporary_files_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "s.duckdb.tmp").touch()  # where the folder would be
    store = Store.open(tmp_path / "s.duckdb", memory_limit="512MiB")
    store.execute(Sql("CREATE TEMP TABLE large AS SELECT range AS n, hash(range) AS h FROM range(1_000_000)"))
    expected = store.rows(SUM)
    store.sweep()
    assert (store.rows(SUM), store.rows(LIMIT)) == (expected, [("512.0 MiB",)])
    store.close()


def test_open_transaction_goes_on_unswept(any_store: Store) -> None:
    any_store.execute(TABLE)
    with any_store.transaction():
        any_store.execute(sql("INSERT INTO t VALUES (10, 10)"))
        any_store.sweep()
        any_store.execute(sql("INSERT INTO t VALUES (11, 11)"))
    assert any_store.rows(sql("SELECT count(*) FROM t")) == [(12,)]


def test_many_rows_in_memory_are_not_written_to_temporary_files(any_store: Store) -> None:
    any_store.execute(LARGE)  # of a file: until it is folded into it
    ((before, written),) = any_store.rows(USED)
    assert before > 64_000_000
    any_store.sweep()
    assert any_store.rows(USED) == [(before, written)]


def test_live_rows_are_swept_once_in_many_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[Store] = []
    monkeypatch.setattr(relation, "SWEEP_BATCHES", 10)
    monkeypatch.setattr(Store, "sweep", lambda store: swept.append(store))
    rows = relation.Relation([("N", BIGINT)], is_table=False)
    for number in range(25):
        rows.add(pa.table({"c0": [number]}))
        assert rows.page(relation.View(), 0, 100).filtered == number + 1
    assert len(swept) == 2
    rows.close()


def test_pipeline_is_swept_when_its_file_is_folded_between_ticks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[Store] = []
    monkeypatch.setattr(Store, "sweep", lambda store: swept.append(store))
    with workspace(str(tmp_path / "p.duckdb")) as nb:
        nb("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');")
        engine = nb.pipeline.engine
        engine._keep_house()
        assert swept == []
        engine.settings = dataclasses.replace(engine.settings, wal_bytes_max=0)
        engine._keep_house()
        assert swept == [engine.store]
    assert len(swept) == 1
