"""The database: its guards, its one transaction, and how it comes back after a failure."""

from __future__ import annotations

import contextlib
import functools
import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from streamnb.duck import Sql, ident, sql
from streamnb.errors import StoreBrokenError, StoreError, StoreLockedError
from streamnb.schema import BIGINT
from streamnb.store import DatabaseError, Store, opening

COUNT = sql("SELECT count(*) FROM t")
FILE_NAMES = ["pipeline.duckdb", "log.duckdb", "topic.duckdb", "orders.db"]


@pytest.fixture
def breaking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store whose commits succeed and whose checkpoints then break the database, as on a full disk."""
    monkeypatch.setattr(
        opening,
        "_SETTINGS",
        (
            *opening._SETTINGS,
            "SET GLOBAL checkpoint_threshold = '1KB'",
            "SET GLOBAL debug_checkpoint_abort = 'before_header'",
        ),
    )
    opened = Store.open(tmp_path / "breaking.duckdb")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "statement",
    [
        sql("SELECT * FROM read_csv('/etc/passwd')"),
        sql("SELECT * FROM read_text('/etc/passwd')"),
        sql("SELECT * FROM glob('/*')"),
        sql("SELECT * FROM '/etc/passwd'"),
        sql("COPY (SELECT 1) TO '/tmp/streamnb_never'"),
        sql("ATTACH '/tmp/streamnb_never.duckdb' AS other"),
        sql("EXPORT DATABASE '/tmp/streamnb_never'"),
        sql("INSTALL httpfs"),
        sql("LOAD httpfs"),
        sql("SET enable_external_access = true"),
        sql("SET GLOBAL python_enable_replacements = true"),
        sql("SET threads = 1"),
        sql("RESET lock_configuration"),
        sql("SELECT * FROM frame"),
    ],
)
def test_store_reaches_nothing_outside_the_database(store: Store, statement: Sql) -> None:
    frame = pa.table({"a": [1]})
    for connection in (store, store.cursor()):
        with pytest.raises(DatabaseError):
            connection.execute(statement)
    assert frame.num_rows == 1


def test_guards_hold_on_cursors(store: Store) -> None:
    for connection in (store, store.cursor(), store.cursor().cursor()):
        assert connection.rows(
            sql(
                "SELECT current_setting('TimeZone'),"
                " list_sort(string_split(current_setting('disabled_optimizers'), ',')),"
                " current_setting('python_enable_replacements'), current_setting('lock_configuration')"
            )
        ) == [("UTC", ["common_subexpressions", "in_clause", "statistics_propagation"], False, True)]


def test_limits_are_set_on_opening() -> None:
    store = Store.open(memory_limit="512MiB", threads=1)
    settings = sql("SELECT current_setting('memory_limit'), current_setting('threads')")
    assert store.rows(settings) == [("512.0 MiB", 1)]
    store.close()


@pytest.mark.parametrize("name", FILE_NAMES)
def test_temporary_files_are_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / "current").mkdir()
    monkeypatch.chdir(tmp_path / "current")
    store = Store.open(tmp_path / name, memory_limit="32MiB", threads=1)
    store.execute(sql("CREATE TEMP TABLE large AS SELECT hash(range) AS h FROM range(8_000_000)"))
    assert list((tmp_path / f"{name}.tmp").iterdir())
    assert list(Path().iterdir()) == []
    store.close()


def test_text_that_is_no_sql_piece_is_refused(store: Store) -> None:
    with pytest.raises(TypeError, match="only Sql pieces"):
        store.execute("SELECT 1")  # type: ignore[arg-type]


def test_transaction_is_kept_or_taken_back_as_a_whole(store: Store) -> None:
    store.execute(sql("CREATE TABLE t (i INTEGER)"))
    with store.transaction():
        store.execute(sql("INSERT INTO t VALUES (1)"))
    with pytest.raises(KeyError), store.transaction():
        store.execute(sql("INSERT INTO t VALUES (2)"))
        raise KeyError
    with pytest.raises(DatabaseError), store.transaction():
        store.execute(sql("INSERT INTO t VALUES (3)"))
        store.execute(sql("INSERT INTO t VALUES ('no number')"))
    assert store.rows(sql("SELECT i FROM t")) == [(1,)]


def test_what_is_left_for_the_commit_is_written_once_and_not_after_a_failure(store: Store) -> None:
    written: list[str] = []
    store.at_commit("outside", lambda: written.append("outside"))
    assert written == ["outside"]
    with store.transaction():
        for name in ("a", "b", "a"):
            store.at_commit(name, functools.partial(written.append, name))
        assert written == ["outside"]
    assert written == ["outside", "a", "b"]
    with contextlib.suppress(RuntimeError), store.transaction():
        store.at_commit("a", lambda: written.append("never"))
        raise RuntimeError
    with store.transaction():
        pass
    assert written == ["outside", "a", "b"]


def test_statement_that_was_run_before_sees_the_table_as_it_is_now(store: Store) -> None:
    make = sql("CREATE OR REPLACE TEMP TABLE t AS SELECT ? AS v")
    read = sql("SELECT *, v::VARCHAR FROM t WHERE v IN (?, ?)")
    for value, shown in [(1, "1"), (2.5, "2.5"), ("x", "x")] * 2:
        store.execute(make, (value,))
        assert store.rows(read, (value, value)) == [(value, shown)]
        assert store.arrow(sql("SELECT * FROM t")).column(0).to_pylist() == [value]


def test_statements_that_come_again_are_kept_parsed_up_to_a_bound(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamnb.parsed._PARSED_CHARS_MAX", 100)
    monkeypatch.setattr("streamnb.parsed._IDLE_MAX", 20)
    kept = store._parsed._kept
    for number in range(50):
        assert store.rows(Sql(f"SELECT {number:05}")) == [(number,)]
    assert not kept
    for number in range(30, 50):
        assert store.rows(Sql(f"SELECT {number:05}")) == [(number,)]
    assert sum(map(len, kept)) <= 100
    assert list(kept)[-1] == "SELECT 00049"
    store.close()
    assert not kept


def test_statement_that_comes_no_more_is_not_kept_parsed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamnb.parsed._IDLE_MAX", 20)
    always = Sql("SELECT 'always'")
    for number in range(30):
        for text in (Sql(f"SELECT {number:05}"), always) * 2:  # a number that is there for a while
            store.rows(text)
    assert always in store._parsed._kept
    assert len(store._parsed._kept) <= 7


@pytest.mark.parametrize("name", FILE_NAMES)
def test_any_file_name_goes_with_the_schemas_of_the_pipeline(tmp_path: Path, name: str) -> None:
    for expected in (0, 1):
        store = Store.open(tmp_path / name)
        for schema in ("log", "topic"):
            store.execute(sql("CREATE SCHEMA IF NOT EXISTS {}", ident(schema)))
            store.execute(sql("CREATE TABLE IF NOT EXISTS {} (i INTEGER)", ident(schema, "t")))
        reader = store.cursor()
        assert reader.rows(sql("SELECT count(*) FROM topic.t")) == [(expected,)]
        with store.transaction():
            store.execute(sql("INSERT INTO topic.t VALUES (1)"))
            store.execute(sql("CREATE TEMP TABLE mine AS SELECT 1"))
        assert store.checkpoint()
        store.close()
        reader.close()


@pytest.mark.parametrize("name", FILE_NAMES[:2])
def test_file_held_by_another_process_names_its_pid(tmp_path: Path, name: str) -> None:
    program = (
        "import sys; from pathlib import Path; from streamnb.store import Store\n"
        "store = Store.open(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read(); store.close()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / name)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(StoreLockedError, match=f"in use by process {holder.pid} "):
            Store.open(tmp_path / name)
        holder.communicate(b"")
    Store.open(tmp_path / name).close()


def test_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "broken.duckdb"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(path)
    assert path.read_bytes() == b"not a database" * 1000


def test_commit_that_raises_may_have_taken_effect_and_reopening_tells(breaking: Store) -> None:
    reader = breaking.cursor()
    with pytest.raises(StoreBrokenError, match="outcome of a commit is unknown"), breaking.transaction():
        breaking.execute(sql("CREATE TABLE t AS SELECT * FROM range(1000)"))
    with pytest.raises(StoreBrokenError):
        breaking.execute(sql("SELECT 1"))
    with pytest.raises(StoreBrokenError), breaking.transaction():
        pass
    breaking.reopen()
    assert breaking.rows(COUNT) == [(1000,)]
    assert breaking.cursor().rows(COUNT) == [(1000,)]
    with pytest.raises(DatabaseError):
        reader.rows(COUNT)


def test_failed_checkpoint_loses_nothing(breaking: Store) -> None:
    breaking.execute(sql("CREATE TABLE t (i INTEGER)"))
    with pytest.raises(StoreBrokenError, match="a checkpoint failed"):
        breaking.checkpoint()
    breaking.reopen()
    assert breaking.rows(COUNT) == [(0,)]


def test_reopened_store_still_holds_the_file(breaking: Store) -> None:
    cursors = [breaking.cursor() for _ in range(3)]
    with pytest.raises(StoreBrokenError), breaking.transaction():
        breaking.execute(sql("CREATE TABLE t AS SELECT * FROM range(1000)"))
    breaking.reopen()
    del cursors
    gc.collect()
    program = "import sys; from pathlib import Path; from streamnb.store import Store; Store.open(Path(sys.argv[1]))"
    other = subprocess.run([sys.executable, "-c", program, str(breaking.path)], capture_output=True, check=False)
    assert b"StoreLockedError" in other.stderr


def test_database_in_memory_cannot_be_reopened(store: Store) -> None:
    with pytest.raises(StoreError, match="in memory is lost"):
        store.reopen()


def test_function_is_there_on_every_connection_and_after_reopening(tmp_path: Path) -> None:
    def double(values: pa.ChunkedArray) -> pa.Array:
        return pa.array([None if v is None else 2 * v for v in values.to_pylist()], pa.int64())

    store = Store.open(tmp_path / "f.duckdb")
    store.create_function("double_it", double, [BIGINT], BIGINT)
    store.create_function("double_it", double, [BIGINT], BIGINT)
    query = sql("SELECT double_it(v) FROM (VALUES (1::BIGINT), (NULL), (3)) t(v)")
    assert store.cursor().rows(query) == [(2,), (None,), (6,)]
    with pytest.raises(StoreError, match="registered already"):
        store.create_function("double_it", lambda values: values, [BIGINT], BIGINT)
    store.reopen()
    assert store.cursor().rows(query) == [(2,), (None,), (6,)]
    store.close()


def test_registered_table_is_read_under_its_name(store: Store) -> None:
    store.register("given", pa.table({"a": [1, 2]}))
    assert store.arrow(sql("SELECT sum(a)::BIGINT AS s FROM given")).to_pydict() == {"s": [3]}
    store.unregister("given")
    with pytest.raises(DatabaseError):
        store.rows(sql("SELECT * FROM given"))


def test_table_registered_anew_takes_the_place_of_the_one_before(store: Store) -> None:
    both = sql("SELECT a.v, b.v FROM given a JOIN given b USING (v) ORDER BY 1")
    for values in ([1, 2], ["x"], [None], [0.5, 2.5]):
        store.register("given", pa.table({"w": values, "v": values}))
        assert store.rows(both) == [(v, v) for v in values if v is not None]
    store.release("given")
    assert store.rows(both) == []
    store.release("unknown")


def test_table_registered_in_a_transaction_that_is_taken_back_can_be_registered_again(store: Store) -> None:
    for _ in range(2):
        with contextlib.suppress(RuntimeError), store.transaction():
            store.register("given", pa.table({"v": [1]}))
            assert store.rows(sql("SELECT v FROM given")) == [(1,)]
            raise RuntimeError
    store.register("given", pa.table({"v": [2]}))
    assert store.rows(sql("SELECT v FROM given")) == [(2,)]


def test_table_that_duckdb_refuses_does_not_take_the_name(store: Store) -> None:
    with pytest.raises(DatabaseError, match="Decimal"):
        store.register("given", pa.table({"v": pa.array([None], pa.decimal256(76, 0))}))
    store.register("given", pa.table({"v": [1]}))
    assert store.rows(sql("SELECT v FROM given")) == [(1,)]


def test_registered_names_are_the_same_in_capitals(store: Store) -> None:
    for name, value in (("given", 1), ("GIVEN", 2), ("Given", 3)):
        store.register(name, pa.table({"v": [value]}))
        assert store.rows(sql("SELECT v FROM given")) == [(value,)]


def test_registered_table_is_let_go_of_by_a_transaction_that_is_taken_back(store: Store) -> None:
    store.register("given", pa.table({"v": [1]}))
    with contextlib.suppress(RuntimeError), store.transaction():
        store.register("given", pa.table({"v": [2]}))
        raise RuntimeError
    assert store.rows(sql("SELECT v FROM given")) == []


def test_interrupt_ends_the_statement_of_another_thread(store: Store) -> None:
    cursor = store.cursor()
    raised: list[BaseException] = []

    def run() -> None:
        try:
            cursor.rows(sql("SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range % 7 = b.range"))
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive():
        cursor.interrupt()
        thread.join(0.05)
    assert len(raised) == 1
    assert cursor.rows(sql("SELECT 1")) == [(1,)]


def test_commit_leaves_the_write_ahead_log_to_be_folded_between_ticks(tmp_path: Path) -> None:
    path = tmp_path / "wal.duckdb"
    store = Store.open(path)
    wal = path.with_name("wal.duckdb.wal")
    with store.transaction():
        store.execute(sql("CREATE TABLE t (x VARCHAR)"))
        # fewer rows than DuckDB writes past the write-ahead log
        store.execute(sql("INSERT INTO t SELECT repeat('x', 500) || i FROM range(60000) r(i)"))
    grown = wal.stat().st_size
    assert grown > 24 << 20  # DuckDB's own threshold is 16 MB
    assert store.checkpoint()
    assert not wal.exists() or wal.stat().st_size < grown / 100
    store.close()


def test_database_in_memory_gives_the_room_of_replaced_rows_back(store: Store) -> None:
    store.execute(sql("CREATE TABLE t AS SELECT i AS k, i AS v FROM range(100000) r(i)"))
    for _ in range(60):
        with store.transaction():
            store.execute(sql("CREATE OR REPLACE TEMP TABLE n AS SELECT rowid AS rid, * FROM t WHERE random() < 0.3"))
            store.execute(sql("DELETE FROM t WHERE rowid IN (SELECT rid FROM n)"))
            store.execute(sql("INSERT INTO t SELECT k, v FROM n"))
    ((highest,),) = store.rows(sql("SELECT max(rowid) FROM t"))
    assert highest < 1_500_000  # of 1.9 million rows written
