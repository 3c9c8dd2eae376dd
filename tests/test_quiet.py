"""Whoever wants quiet has it when nobody runs, and nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamnb.duck import lit, sql
from streamnb.quiet import Quiet
from streamnb.store import Store

LONG_S = 60.0


def test_quiet_waits_for_the_statements_that_run() -> None:
    quiet, began, end = Quiet(wanted_s=LONG_S), threading.Event(), threading.Event()
    order = []

    def run() -> None:
        with quiet.statement():
            began.set()
            end.wait(LONG_S)
            order.append("statement")

    thread = threading.Thread(target=run)
    thread.start()
    began.wait(LONG_S)
    threading.Timer(0.05, end.set).start()
    with quiet.wanted() as is_quiet:
        order.append("quiet")
    thread.join()
    assert is_quiet and order == ["statement", "quiet"]


def test_statement_waits_until_quiet_is_no_longer_wanted() -> None:
    quiet, order = Quiet(wanted_s=LONG_S), list[str]()

    def run() -> None:
        with quiet.statement():
            order.append("statement")

    thread = threading.Thread(target=run)
    with quiet.wanted() as is_quiet:
        thread.start()
        thread.join(0.05)
        order.append("quiet")
    thread.join()
    assert is_quiet and order == ["quiet", "statement"]


def test_nobody_waits_longer_than_was_said() -> None:
    quiet = Quiet(wanted_s=0.0, waited_s=0.0)
    with quiet.statement(), quiet.wanted() as is_quiet, quiet.statement():
        assert not is_quiet


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "s.duckdb")
    yield opened
    opened.close()


def test_file_stays_small_under_readers_that_never_rest(store: Store) -> None:
    store.execute(sql("CREATE TABLE t (n BIGINT, v VARCHAR)"))
    stop = threading.Event()

    def read() -> None:
        cursor = store.cursor()
        while not stop.is_set():
            cursor.rows(sql("SELECT count(*), max(v) FROM t"))
        cursor.close()

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    used = []
    try:
        for first in range(0, 1_500_000, 150_000):
            rows = "SELECT range, md5(range::VARCHAR) || range FROM range({}, {})"
            store.execute(sql("INSERT INTO t " + rows, lit(first), lit(first + 150_000)))
            store.execute(sql("DELETE FROM t WHERE n < {}", lit(first)))
            while not store.checkpoint():
                pass
            used.append(int(store.rows(sql("PRAGMA database_size"))[0][3]))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert max(used[4:]) <= 3 * used[0], used
