"""Views that follow the changes of a relation show what a query of all its rows gives."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import random
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from streamnb.duck import sql
from streamnb.engine import rowtable
from streamnb.engine import viewport as viewport_module
from streamnb.engine.relation import Relation, View
from streamnb.engine.rowfilter import RowFilter
from streamnb.schema import BIGINT, BOOLEAN, DOUBLE, INTEGER, STRING, TIMESTAMP, Array, Decimal, SqlType
from streamnb.serde.arrow import value_array

COLUMNS: list[tuple[str, SqlType]] = [
    ("K", STRING),
    ("N", BIGINT),
    ("X", DOUBLE),
    ("D", Decimal(10, 2)),
    ("AT", TIMESTAMP),
    ("T", STRING),
    ("B", BOOLEAN),
    ("A", Array(INTEGER)),
]
KEYS: list[SqlType] = [STRING, DOUBLE]
VIEWS = (
    View(),
    View(sort=((4, True),)),
    View(sort=((1, False), (5, True))),
    View(sort=((2, True),), filter=RowFilter(((1, ">=3"),))),
    View(sort=((3, False), (6, True)), filter=RowFilter((), "a")),
    View(sort=((7, True),), rows_max=12),
    View(sort=((5, False),), filter=RowFilter(chosen=((6, frozenset({True})),), spans=((1, 2.0, 8.0),))),
    View(changes=True),
    View(sort=((0, False), (2, False)), filter=RowFilter(((1, "!null"),)), changes=True),
)


class Rows:
    """Makes batches of changes from chance."""

    def __init__(self, chance: random.Random, keys: int) -> None:
        self._chance = chance
        self._keys = keys

    def _values(self, gone: bool, key: str | None) -> list[Any]:
        chance = self._chance
        if gone:
            return [key, *([None] * (len(COLUMNS) - 1))]
        return [
            key,
            chance.choice([None, *range(9)]),
            chance.choice([None, 0.5, -1.0, math.nan, math.inf, 0.0]),
            chance.choice([None, decimal.Decimal("1.50"), decimal.Decimal("-2.25")]),
            chance.choice([None, dt.datetime(2018, 3, chance.randrange(1, 28))]),
            chance.choice([None, "", "a", "Abc", "é", "b"]),
            chance.choice([None, True, False]),
            chance.choice([None, [], [1], [2, None]]),
        ]

    def batch(self, size: int, *, is_table: bool) -> pa.Table:
        """Make changes: a part of them are deletions, and some keys come more than once."""
        keys = [self._chance.choice([None, *map(str, range(self._keys))]) for _ in range(size)]
        gone = [is_table and self._chance.random() < 0.25 for _ in keys]
        rows = [self._values(g, key) for g, key in zip(gone, keys, strict=True)]
        arrays = [value_array([row[i] for row in rows], type_) for i, (_, type_) in enumerate(COLUMNS)]
        names = [f"c{i}" for i in range(len(COLUMNS))]
        if is_table:
            second = [None if key is None else math.nan if int(key) % 5 == 0 else float(int(key) % 2) for key in keys]
            arrays = [pa.array(gone), arrays[0], pa.array(second, pa.float64()), *arrays]
            names = ["vnull", "k0", "k1", *names]
        return pa.table(arrays, names=names)


def values(rows: pa.Table) -> list[tuple[Any, ...]]:
    """List the rows as values that can be compared: NaN is equal to itself."""
    names = ["id", *(name for name in rows.column_names if name.startswith("c"))]
    return [tuple(map(repr, row)) for row in zip(*(rows.column(name).to_pylist() for name in names), strict=True)]


@pytest.mark.parametrize("is_table", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_pages_of_many_views_are_those_of_a_full_query(
    seed: int, is_table: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(rowtable, "WAITING_MAX", [0, 30, 2000][seed % 3])
    monkeypatch.setattr(rowtable, "INDEXED_MAX", chance.choice([3, 1000]))
    monkeypatch.setattr(viewport_module, "MARGIN_ROWS", chance.choice([1, 4]))
    monkeypatch.setattr(viewport_module, "HELD_MAX", chance.choice([10, 25]))
    if chance.random() < 0.5:
        monkeypatch.setattr(rowtable, "_HASH", "hash({}) % 7")
    followed = Relation(COLUMNS, KEYS if is_table else (), is_table=is_table)
    queried = Relation(COLUMNS, KEYS if is_table else (), is_table=is_table)
    rows = Rows(chance, keys=60)
    views = [view for view in VIEWS if is_table or not view.changes]
    places = dict.fromkeys(views, 0)
    for _ in range(25):
        batch = rows.batch(chance.randrange(1, 12), is_table=is_table)
        followed.add(batch)
        queried.add(batch)
        for view in chance.sample(views, chance.randrange(1, len(views) + 1)):
            if chance.random() < 0.3:
                places[view] = chance.randrange(40)
            page = followed.page(view, places[view], 6)
            wanted = values(queried.read(view))
            assert page.filtered == len(wanted)
            assert values(page.rows) == wanted[page.first : page.first + 6]
            assert page.rows.num_rows == min(6, len(wanted))
            assert followed.count(view) == queried.count(view)
            places[view] = page.first
    followed.close()
    queried.close()


def test_reader_of_all_rows_sees_those_that_have_not_been_written() -> None:
    relation = Relation(COLUMNS, KEYS, is_table=True)
    rows = Rows(random.Random(1), keys=20)
    relation.add(rows.batch(30, is_table=True))
    page = relation.page(View(), 0, 100)
    ids = page.rows.column("id").to_pylist()
    assert relation.rows_of(View(), ids[:3]).column("id").to_pylist() == ids[:3]
    assert values(relation.read(View())) == values(page.rows)
    relation.close()


def test_batch_of_other_types_gets_those_of_the_columns() -> None:
    relation = Relation([("K", STRING), ("N", BIGINT)], [STRING], is_table=True)
    keys = pa.array(["a", "b"]).dictionary_encode()
    batch = [pa.array([False, False]), keys, keys, pa.array([1, 2], pa.int32())]
    relation.add(pa.table(batch, names=["vnull", "k0", "c0", "c1"]))
    page = relation.page(View(sort=((1, True),)), 0, 10)
    assert page.rows.schema.field("c1").type == pa.int64()
    assert page.rows.column("c0").to_pylist() == ["b", "a"]
    relation.close()


def test_rows_that_duckdb_has_moved_are_still_replaced() -> None:
    """DuckDB moves the rows of a table together once many were replaced, also while some wait to be written."""
    count, chance = 200_000, random.Random(0)
    relation = Relation([("K", BIGINT), ("N", BIGINT)], [BIGINT], is_table=True)
    view = View(sort=((1, True),))
    relation.add(_numbered(range(count), 0))
    before = _row_ids(relation)
    for number in range(1, 251):
        relation.add(_numbered(chance.sample(range(count - 1), 900), number))
        relation.page(view, 0, 10)
    relation._settle()
    assert _row_ids(relation) != before  # else the test shows nothing
    found = relation.read(view)
    assert relation.count(view) == count
    assert sorted(found.column("c0").to_pylist()) == list(range(count))
    relation.close()


def _numbered(keys: Sequence[int], number: int) -> pa.Table:
    column = pa.array(keys)
    numbers = pa.repeat(number, len(keys))
    return pa.table({"vnull": pa.repeat(False, len(keys)), "k0": column, "c0": column, "c1": numbers})


def _row_ids(relation: Relation) -> list[tuple[int]]:
    """Find the place of a row that never changes."""
    relation._settle()
    return relation._store.rows(sql("SELECT rowid FROM rows WHERE c1 = 0 ORDER BY id DESC LIMIT 1"))
