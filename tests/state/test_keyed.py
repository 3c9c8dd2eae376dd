"""A keyed table gives the same rows scanned and indexed, follows transactions, and is folded when it has grown."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from streamnb.duck import Sql, ident, lit, sql
from streamnb.state import keyed
from streamnb.state.keyed import KeyedTable, find_rows, write_rows
from streamnb.state.rowindex import bytes_in_use
from streamnb.state.tables import StateTable
from streamnb.store import DatabaseError, Store

COLUMNS = (("k0", Sql("BIGINT")), ("big", Sql("HUGEINT")), ("r", Sql("STRUCT(a VARCHAR, l BIGINT[])")))
TABLE = KeyedTable.of(StateTable(ident("t"), COLUMNS), ident("t:newer"), ("k0",), "t:found")


@pytest.fixture(autouse=True)
def indexed_from_four_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "INDEX_ROWS", 4)
    monkeypatch.setattr(keyed, "_NEWER_MIN", 6)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "s.duckdb")
    for table in TABLE.tables:
        opened.execute(table.create())
    yield opened
    opened.close()


def fill(store: Store, count: int) -> None:
    rows = "SELECT range, -(range::HUGEINT * 1180591620717411303424), {{a: 'row ' || range, l: [range]}} FROM range({})"
    store.execute(sql("INSERT INTO t " + rows, lit(count)))


def put(store: Store, *numbers: int, gone: bool = False) -> bool:
    """Write rows that look like nobody else's, in a transaction; tell whether that went through the index."""
    keys = sql("(SELECT * FROM (VALUES {}) v(k0))", Sql(", ".join(f"({n})" for n in numbers)))
    with store.transaction():
        found = find_rows(store, [TABLE], sql("SELECT {} FROM {}", TABLE.hashed, keys))
        if found is None:
            store.execute(sql("DELETE FROM t WHERE k0 IN (SELECT k0 FROM {})", keys))
            if not gone:
                store.execute(sql("INSERT INTO t SELECT k0, 7, {{a: 'new', l: NULL}} FROM {}", keys))
            return False
        put_found(store, found[0], *numbers, gone=gone)
    return True


def put_found(store: Store, found: pa.Table, *numbers: int, gone: bool = False) -> None:
    changed = sql(
        "(SELECT s.rid, b.k0, 7::HUGEINT AS big, {{a: 'new', l: NULL}}::STRUCT(a VARCHAR, l BIGINT[]) AS r,"
        " {} AS gone FROM (SELECT unnest({}) AS k0) b LEFT JOIN {} s USING (k0))",
        lit(gone),
        Sql(str(list(numbers))),
        TABLE.found,
    )
    write_rows(store, TABLE, found, changed)


def rows(store: Store) -> dict[int, tuple[int, str]]:
    found = store.rows(sql("SELECT k0, big, r.a FROM {} ORDER BY k0", TABLE.newest))
    assert len({r[0]: r for r in found}) == len(found)
    return {k: (big, a) for k, big, a in found}


def stored(store: Store) -> tuple[int, int]:
    ((old, new),) = store.rows(sql('SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM "t:newer")'))
    return old, new


def test_small_table_is_scanned_and_a_large_one_indexed(store: Store) -> None:
    fill(store, 3)
    assert not put(store, 1)
    fill(store, 3)  # keys twice do not matter here, the count does
    for _ in range(keyed._LOOKS - 1):
        put(store, 1)
    assert put(store, 1)


def test_index_gives_rows_back_as_they_were(store: Store) -> None:
    fill(store, 5)
    assert put(store, 9)
    with store.transaction():
        ((found,),) = [find_rows(store, [TABLE], sql("SELECT {} FROM (SELECT 3 AS k0)", TABLE.hashed)) or []]
        assert len(found) == 1
        assert store.rows(sql("SELECT * FROM {}", TABLE.found)) == [(0, 3, -3 << 70, {"a": "row 3", "l": [3]})]
    assert stored(store) == (5, 1)


def test_newest_rows_are_read_and_folded(store: Store) -> None:
    fill(store, 5)
    put(store, 0, 5)
    put(store, 1, 5, gone=True)
    wanted = {0: (7, "new"), **{n: (-n << 70, f"row {n}") for n in (2, 3, 4)}}
    assert rows(store) == wanted and stored(store) == (5, 4)
    put(store, 2, 6)
    assert stored(store) == (5, 0)
    assert rows(store) == wanted | {2: (7, "new"), 6: (7, "new")}
    assert put(store, 6, gone=True)
    assert set(rows(store)) == {0, 2, 3, 4}


def test_transaction_that_fails_takes_the_index_back(store: Store) -> None:
    fill(store, 5)
    put(store, 0)
    held = store.versions[TABLE.rows.name]
    with pytest.raises(RuntimeError), store.transaction():
        found = find_rows(store, [TABLE], sql("SELECT {} FROM (SELECT 1 AS k0)", TABLE.hashed))
        assert found is not None
        write_rows(store, TABLE, found[0], sql("(SELECT 0 AS rid, k0, big, r, true AS gone FROM t WHERE k0 = 1)"))
        raise RuntimeError
    assert store.versions[TABLE.rows.name] is held
    put(store, 2)
    assert set(rows(store)) == {0, 1, 2, 3, 4}


def test_index_is_read_anew_when_the_database_was_opened_again(store: Store) -> None:
    fill(store, 5)
    put(store, 0)
    store.reopen()
    assert not store.versions
    assert put(store, 0, 1)
    assert stored(store) == (5, 3)
    assert rows(store)[0] == rows(store)[1] == (7, "new")


def test_table_for_which_there_is_no_room_is_scanned(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, 5)
    put(store, 0)
    monkeypatch.setattr(keyed, "MEMORY_SHARE", 1 << 60)
    store.reopen()
    assert not put(store, 1)
    assert stored(store) == (5, 0) and rows(store)[0] == rows(store)[1] == (7, "new")


def test_index_that_has_outgrown_its_room_is_given_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, 5)
    put(store, 0)
    monkeypatch.setattr(keyed, "MEMORY_SHARE", 1 << 60)
    assert put(store, 1, 2)
    assert put(store, 3, 4, 5)  # folds
    assert stored(store) == (6, 0)
    assert not put(store, 1, gone=True)
    assert set(rows(store)) == {0, 2, 3, 4, 5}


def test_tables_that_belong_together_are_all_indexed_or_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    other = KeyedTable.of(StateTable(ident("o"), COLUMNS), ident("o:newer"), ("k0",), "o:found")
    for part in other.tables:
        store.execute(part.create())
    fill(store, 5)
    touched = sql("SELECT {} FROM range(3) r(k0)", TABLE.hashed)
    found = find_rows(store, [TABLE, other], touched)
    assert found is not None and [len(rows) for rows in found] == [3, 0]
    monkeypatch.setattr(keyed, "MEMORY_SHARE", 1 << 60)
    with store.transaction():
        put_found(store, found[0], *range(6))  # folds, and has no room
    assert find_rows(store, [TABLE, other], touched) is None
    assert bytes_in_use() == 0 and stored(store) == (6, 0)


def test_table_of_a_transaction_that_failed_can_be_forgotten(store: Store) -> None:
    fill(store, 5)
    for _ in range(2):
        with pytest.raises(RuntimeError), store.transaction():
            assert find_rows(store, [TABLE], sql("SELECT {} FROM (SELECT 1 AS k0)", TABLE.hashed))
            raise RuntimeError
        keyed.forget_rows(store, TABLE.rows)
        assert put(store, 1)
    with pytest.raises(RuntimeError), store.transaction():
        assert find_rows(store, [TABLE], sql("SELECT {} FROM (SELECT 1 AS k0)", TABLE.hashed))
        raise RuntimeError
    keyed.forget_rows(store, TABLE.rows)


def test_forgotten_table_leaves_nothing_in_memory(store: Store) -> None:
    fill(store, 5)
    put(store, 0)
    keyed.forget_rows(store, TABLE.rows)
    gc.collect()
    assert bytes_in_use() == 0
    with pytest.raises(DatabaseError):
        store.rows(sql("SELECT * FROM {}", TABLE.found))


def test_statements_that_know_no_index_find_all_rows_in_the_table(store: Store) -> None:
    fill(store, 5)
    put(store, 0, 7)
    store.versions.clear()  # as after a restart
    keyed.fold_rows(store, TABLE)
    assert stored(store) == (6, 0) and rows(store)[7] == (7, "new")
    assert not put(store, 1)


def test_keys_with_a_null_are_replaced_like_others(store: Store) -> None:
    columns = (("k0", Sql("INTEGER")), ("k1", Sql("INTEGER")), ("v", Sql("INTEGER")))
    table = KeyedTable.of(StateTable(ident("u"), columns), ident("u:newer"), ("k0", "k1"), "u:found")
    for part in table.tables:
        store.execute(part.create())
    store.execute(sql("INSERT INTO u SELECT range, NULL, 0 FROM range(4)"))
    for value in range(1, 9):
        row = sql("(SELECT 1 AS k0, NULL::INTEGER AS k1, {} AS v, false AS gone)", lit(value))
        with store.transaction():
            assert keyed.append_rows(store, table, row)
    assert store.rows(sql("SELECT k0, v FROM {} ORDER BY k0", table.newest)) == [(0, 0), (1, 8), (2, 0), (3, 0)]


def test_limit_that_duckdb_writes_in_another_way_is_no_limit(store: Store) -> None:
    store.rows(sql("SELECT 1"))
    fill(store, 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyed, "_LIMIT", sql("SELECT TRY(parse_formatted_bytes('16383.9 PiB'))"))
        assert put(store, 1)


def test_number_that_arrow_does_not_know_within_a_value_is_not_indexed(store: Store) -> None:
    columns = (("k0", Sql("BIGINT")), ("r", Sql("STRUCT(a HUGEINT)")))
    assert not KeyedTable.of(StateTable(ident("u"), columns), ident("u:newer"), ("k0",), "u:found").is_indexable
    assert TABLE.is_indexable
