from __future__ import annotations

import gc
import threading

import duckdb
import pyarrow as pa
import pytest

from streamnb.duck import Sql
from streamnb.engine.livedatabase import LiveDatabases
from streamnb.engine.relation import Relation, View
from streamnb.errors import StoreBrokenError
from streamnb.schema import BIGINT
from streamnb.store import DatabaseError, Store

ATTACHED = Sql("SELECT count(*) FROM duckdb_databases() WHERE database_name LIKE 'live%'")
HELD = Sql("SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()")
MILLION = Sql("CREATE TABLE rows AS SELECT range AS n, hash(range) AS h FROM range(1000000)")


class Owner:
    """What a database belongs to."""


@pytest.fixture
def owner() -> Owner:
    return Owner()


def test_databases_are_apart_from_each_other_and_share_one_duckdb(owner: Owner) -> None:
    databases = LiveDatabases()
    first, second = databases.open(owner), databases.open(owner)
    for store, number in ((first, 1), (second, 2)):
        store.execute(Sql(f"CREATE TABLE rows AS SELECT {number} AS n"))
    assert (first.rows(Sql("FROM rows")), second.rows(Sql("FROM rows"))) == ([(1,)], [(2,)])
    assert first.rows(ATTACHED) == [(2,)]
    databases.close(second)
    assert first.rows(ATTACHED) == [(1,)]
    with pytest.raises(DatabaseError):
        second.rows(Sql("FROM rows"))
    databases.close(second)
    databases.close(first)
    again = databases.open(owner)
    assert again.rows(ATTACHED) == [(1,)]
    databases.close(again)


def test_rows_of_a_closed_database_are_let_go(owner: Owner) -> None:
    databases = LiveDatabases()
    stays, goes = databases.open(owner), databases.open(owner)
    before = stays.rows(HELD)[0][0]
    goes.execute(MILLION)
    assert stays.rows(HELD)[0][0] > before + 8_000_000
    databases.close(goes)
    assert stays.rows(HELD)[0][0] < before + 1_000_000
    databases.close(stays)


def test_database_goes_with_its_owner(owner: Owner) -> None:
    databases = LiveDatabases()
    stays = databases.open(owner)
    before = stays.rows(HELD)[0][0]
    other = Owner()
    databases.open(other).execute(MILLION)
    del other
    gc.collect()
    assert stays.rows(ATTACHED) == [(1,)]
    assert stays.rows(HELD)[0][0] < before + 1_000_000
    databases.close(stays)


def test_owner_that_goes_while_another_database_is_opened_waits_for_nothing(owner: Owner) -> None:
    databases = LiveDatabases()
    stays, other = databases.open(owner), Owner()
    databases.open(other)
    with databases._lock:  # the garbage collector may run on the thread that has it
        del other
        gc.collect()
    assert stays.rows(ATTACHED) == [(2,)]
    third = databases.open(owner)
    assert stays.rows(ATTACHED) == [(2,)]
    databases.close(third)
    databases.close(stays)


def test_database_that_cannot_be_attached_leaves_nothing(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    databases = LiveDatabases()
    stays, execute = databases.open(owner), Store.execute

    def refuse(store: Store, statement: Sql, *parameters: object) -> None:
        if statement.startswith("USE"):
            raise DatabaseError("no room")
        execute(store, statement)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "execute", refuse)
        with pytest.raises(DatabaseError, match="no room"):
            databases.open(owner)
    assert stays.rows(ATTACHED) == [(1,)]
    databases.close(stays)


def test_after_a_duckdb_broke_the_next_database_is_in_another(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    databases = LiveDatabases()
    first, second = databases.open(owner), databases.open(owner)
    broken, execute = databases._root, Store.execute

    def give_up(store: Store, statement: Sql, *parameters: object) -> None:
        if store in (first, second, broken) or databases._root is broken:
            raise StoreBrokenError("a statement broke the database")
        execute(store, statement)

    monkeypatch.setattr(Store, "execute", give_up)
    third = databases.open(owner)
    assert third.rows(ATTACHED) == [(1,)]
    for store in (first, second, third):
        databases.close(store)
    assert databases._root is None


def test_results_change_and_close_beside_each_other() -> None:
    failures: list[BaseException] = []

    def live(first: int) -> None:
        try:
            for _ in range(5):
                relation = Relation([("N", BIGINT)], [BIGINT], is_table=True)
                for round_ in range(10):
                    numbers = pa.array(range(first, first + 20 + round_))
                    relation.add(pa.table({"vnull": [False] * len(numbers), "k0": numbers, "c0": numbers}))
                    rows = relation.page(View(), 0, 100).rows.column("c0").to_pylist()
                    assert sorted(rows) == numbers.to_pylist()
                relation.close()
        except (AssertionError, duckdb.Error) as error:
            failures.append(error)

    threads = [threading.Thread(target=live, args=(1000 * i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
