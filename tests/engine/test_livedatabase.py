from __future__ import annotations

import threading

import duckdb
import pyarrow as pa
import pytest

from streamnb.duck import Sql
from streamnb.engine.livedatabase import LiveDatabases
from streamnb.engine.relation import Relation, View
from streamnb.schema import BIGINT
from streamnb.store import DatabaseError


def test_databases_are_apart_from_each_other_and_share_one_duckdb() -> None:
    databases = LiveDatabases()
    first, second = databases.open(), databases.open()
    for store, number in ((first, 1), (second, 2)):
        store.execute(Sql(f"CREATE TABLE rows AS SELECT {number} AS n"))
    assert (first.rows(Sql("FROM rows")), second.rows(Sql("FROM rows"))) == ([(1,)], [(2,)])
    attached = Sql("SELECT count(*) FROM duckdb_databases() WHERE database_name LIKE 'live%'")
    assert first.rows(attached) == [(2,)]
    databases.close(second)
    assert first.rows(attached) == [(1,)]
    with pytest.raises(DatabaseError):
        second.rows(Sql("FROM rows"))
    databases.close(second)
    databases.close(first)
    again = databases.open()
    assert again.rows(attached) == [(1,)]
    databases.close(again)


def test_rows_of_a_closed_database_are_let_go() -> None:
    databases = LiveDatabases()
    stays, goes = databases.open(), databases.open()
    held = Sql("SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()")
    before = stays.rows(held)[0][0]
    goes.execute(Sql("CREATE TABLE rows AS SELECT range AS n, hash(range) AS h FROM range(1000000)"))
    assert stays.rows(held)[0][0] > before + 8_000_000
    databases.close(goes)
    assert stays.rows(held)[0][0] < before + 1_000_000
    databases.close(stays)


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
