"""Pages of a live relation are what sorting and filtering the replayed changelog gives, however it came in."""

from __future__ import annotations

import decimal
import random
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamnb.duck import Sql
from streamnb.engine import relation as relation_module
from streamnb.engine import rowtable
from streamnb.engine import viewport as viewport_module
from streamnb.engine.relation import Relation, View
from streamnb.engine.rowfilter import RowFilter
from streamnb.errors import KsqlError
from streamnb.schema import BIGINT, STRING, Decimal

COLUMNS = [("K", STRING), ("N", BIGINT), ("TEXT", STRING)]
Row = tuple[str | None, int | None, str | None]


def changes(rows: Sequence[tuple[Row, bool]]) -> pa.Table:
    keys = pa.array([row[0] for row, _ in rows], pa.string())
    numbers = pa.array([None if gone else row[1] for row, gone in rows], pa.int64())
    texts = pa.array([None if gone else row[2] for row, gone in rows], pa.string())
    tombstones = pa.array([gone for _, gone in rows], pa.bool_())
    return pa.table([tombstones, keys, keys, numbers, texts], names=["vnull", "k0", "c0", "c1", "c2"])


def stream_rows(rows: Sequence[Row]) -> pa.Table:
    arrays = [pa.array([row[i] for row in rows], t) for i, t in enumerate((pa.string(), pa.int64(), pa.string()))]
    return pa.table(arrays, names=["c0", "c1", "c2"])


class Model:
    """The plain meaning: a list of (id, row)."""

    def __init__(self, is_table: bool) -> None:
        self.is_table = is_table
        self.rows: dict[Any, tuple[int, Row]] = {}
        self.count = 0

    def add(self, batch: Sequence[tuple[Row, bool]]) -> None:
        """A row keeps its number; a new one has that of the first change of its key in the batch."""
        last: dict[Any, tuple[int, Row, bool]] = {}
        for row, gone in batch:
            self.count += 1
            key = row[0] if self.is_table else self.count
            number = last[key][0] if key in last else self.count
            last[key] = (number, row, gone and self.is_table)
        for key, (number, row, gone) in last.items():
            known = self.rows.pop(key, (number, row))
            if not gone:
                self.rows[key] = (known[0], row)

    def page(self, view: View) -> list[tuple[int, Row]]:
        rows = [entry for entry in self.rows.values() if self._matches(entry[1], view.filter)]
        rows.sort(key=lambda entry: entry[0], reverse=not self.is_table)
        for column, down in reversed(view.sort):
            present = [e for e in rows if e[1][column] is not None]
            present.sort(key=lambda e: _bytes(e[1][column]), reverse=False)
            if down:
                present = _reversed_stable([e for e in rows if e[1][column] is not None], column)
            rows = present + [e for e in rows if e[1][column] is None]
        return rows if view.rows_max is None else rows[: view.rows_max]

    def _matches(self, row: Row, wanted: RowFilter) -> bool:
        for column, text in wanted.columns:
            value = row[column]
            if text == "null":
                if value is not None:
                    return False
            elif column == 1:
                if value is None or not value >= int(text[2:]):  # type: ignore[operator]
                    return False
            elif value is None or text.lower() not in str(value).lower():
                return False
        return not wanted.search or any(
            wanted.search.lower() in value.lower() if isinstance(value, str) else str(value) == wanted.search
            for value in row
        )


def _bytes(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def _reversed_stable(rows: list[tuple[int, Row]], column: int) -> list[tuple[int, Row]]:
    return sorted(rows, key=lambda e: _bytes(e[1][column]), reverse=True)


VIEWS = (
    View(),
    View(sort=((1, True),)),
    View(sort=((2, False), (1, True))),
    View(sort=((0, True),), filter=RowFilter(((1, ">=3"),))),
    View(sort=((1, False),), filter=RowFilter(((2, "A"),))),
    View(sort=((1, False),), filter=RowFilter((), "b")),
    View(filter=RowFilter(((2, "null"),))),
    View(sort=((1, True),), rows_max=5),
)
texts = st.one_of(st.none(), st.text("abAB%_\\'\" é", max_size=3))
keys = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "dd", "ee", "ff", "ggg"]))
rows = st.tuples(st.tuples(keys, st.one_of(st.none(), st.integers(0, 6)), texts), st.booleans())


@settings(max_examples=60, deadline=None)
@given(
    is_table=st.booleans(),
    batches=st.lists(st.lists(rows, min_size=1, max_size=8), min_size=1, max_size=12),
    view=st.sampled_from(VIEWS),
    first=st.integers(0, 6),
    held=st.sampled_from([2, 2000]),
    collide=st.booleans(),
)
def test_page_is_a_slice_of_the_sorted_and_filtered_replay(
    is_table: bool, batches: list[list[tuple[Row, bool]]], view: View, first: int, held: int, collide: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if collide:
            patch.setattr(rowtable, "_HASH", "hash({}) % 2")
        patch.setattr(viewport_module, "MARGIN_ROWS", 1 if held == 2 else 200)
        patch.setattr(viewport_module, "HELD_MAX", held)
        relation = Relation(COLUMNS, [STRING], is_table=is_table)
        model = Model(is_table)
        place = first
        for batch in batches:
            relation.add(changes(batch) if is_table else stream_rows([row for row, _ in batch]))
            model.add(batch)
            page = relation.page(view, place, 3)
            wanted = model.page(view)
            got = list(zip(page.rows.column("id").to_pylist(), _tuples(page.rows), strict=True))
            assert page.filtered == len(wanted)
            assert got == wanted[page.first : page.first + 3]
            assert len(got) == min(3, len(wanted))
            if place == 0:
                assert page.first == 0
            place = page.first
        relation.close()


def _tuples(rows: pa.Table) -> list[Row]:
    return list(zip(*(rows.column(f"c{i}").to_pylist() for i in range(3)), strict=True))


@pytest.mark.parametrize("view", [View(sort=((1, False),)), View(sort=((2, True), (1, False))), VIEWS[3]])
def test_place_amid_many_rows_is_found_by_a_sample(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    rows = [(str(i), chance.choice([None, *range(50)]), chance.choice(["a", "b", None])) for i in range(20_000)]
    relation = Relation(COLUMNS, is_table=False)
    relation.add(stream_rows(rows))
    model = Model(False)
    model.add([(row, False) for row in rows])
    wanted = model.page(view)
    monkeypatch.setattr(viewport_module, "DEEP_ROWS", 500)
    monkeypatch.setattr(viewport_module, "SAMPLE_ROWS", 5_000)
    guessed: list[bool] = []
    pick = viewport_module.Viewport._pick_between

    def noted(viewport: Any, start: int, size: int) -> Any:
        picked = pick(viewport, start, size)
        guessed.append(picked is not None)
        return picked

    monkeypatch.setattr(viewport_module.Viewport, "_pick_between", noted)
    for first in (0, 3_000, 9_999, 12_345, 17_000):
        page = relation.page(view, first, 20)
        assert page.rows.column("id").to_pylist() == [id_ for id_, _ in wanted[page.first : page.first + 20]]
        assert page.first == min(first, len(wanted) - 20)
    assert guessed.count(True) >= 2
    relation.close()


def test_rows_on_show_stay_where_they_are_while_others_come_before_them() -> None:
    relation = Relation(COLUMNS, is_table=False)
    relation.add(stream_rows([(str(i), i, None) for i in range(100)]))
    before = relation.page(View(), 40, 10)
    relation.add(stream_rows([("new", 1, None)] * 7))
    after = relation.page(View(), 40, 10)
    assert after.first == 47
    assert after.rows.column("id").to_pylist() == before.rows.column("id").to_pylist()
    relation.close()


def test_deleted_row_is_told_apart_from_one_that_moved_away() -> None:
    relation = Relation(COLUMNS, [STRING], is_table=True)
    view = View(sort=((1, False),))
    relation.add(changes([((key, i, None), False) for i, key in enumerate(("a", "b", "c"))]))
    relation.page(view, 0, 10)
    relation.add(changes([(("a", 9, None), False), (("b", 0, None), True)]))
    page = relation.page(view, 0, 10)
    assert page.gone == frozenset({2})
    assert page.rows.column("id").to_pylist() == [3, 1]
    relation.close()


def test_changes_of_a_table_name_their_kind_newest_first() -> None:
    relation = Relation(COLUMNS, [STRING], is_table=True)
    relation.add(changes([(("a", 1, None), False), (("a", 2, None), False)]))
    relation.page(View(), 0, 10)
    relation.add(changes([(("a", 0, None), True), (("a", 3, None), False), (("b", 4, None), False)]))
    page = relation.page(View(changes=True), 0, 10)
    assert page.rows.column("c0").to_pylist() == ["insert", "insert", "delete", "update", "insert"]
    assert page.rows.column("c2").to_pylist() == [4, 3, None, 2, 1]
    relation.close()


def test_stream_keeps_its_newest_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    relation = Relation(COLUMNS, is_table=False, rows_max=100)
    for start in range(0, 1000, 50):
        relation.add(stream_rows([(str(i), i, None) for i in range(start, start + 50)]))
        relation.page(View(), 0, 10)
    page = relation.page(View(), 0, 10)
    assert page.rows.column("c1").to_pylist() == list(range(999, 989, -1))
    assert 100 <= page.filtered <= 125
    assert relation.total == 1000
    relation.close()


def test_table_forgets_the_rows_that_did_not_change_for_longest() -> None:
    relation = Relation(COLUMNS, [STRING], is_table=True, rows_max=8)
    for start in range(0, 40, 4):
        relation.add(
            changes([((f"k{i}", i, None), False) for i in range(start, start + 4)] + [(("old", 0, None), False)])
        )
        relation.page(View(), 0, 10)
    kept = relation.page(View(sort=((1, True),)), 0, 100).rows.column("c0").to_pylist()
    assert kept[:3] == ["k39", "k38", "k37"]
    assert "old" in kept
    assert len(kept) <= 10
    relation.close()


def test_many_changes_of_keys_are_found_without_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rowtable, "INDEXED_MAX", 2)
    relation = Relation(COLUMNS, [STRING], is_table=True)
    chance = random.Random(1)
    model = Model(True)
    for _ in range(20):
        batch = [((f"k{chance.randrange(30)}", chance.randrange(9), None), chance.random() < 0.3) for _ in range(15)]
        relation.add(changes(batch))
        model.add(batch)
        page = relation.page(View(sort=((1, True),)), 0, 50)
        assert page.rows.column("id").to_pylist() == [id_ for id_, _ in model.page(View(sort=((1, True),)))]
    relation.close()


def test_waiting_rows_are_put_in_before_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relation_module, "PENDING_MAX", 10)
    relation = Relation(COLUMNS, is_table=False)
    for i in range(5):
        relation.add(stream_rows([("a", i, None)] * 4))
    assert relation.total == 12
    relation.close()


@pytest.mark.parametrize("is_table", [False, True])
def test_few_rows_that_wait_are_put_in_and_written_when_they_are_large(
    monkeypatch: pytest.MonkeyPatch, is_table: bool
) -> None:
    monkeypatch.setattr(relation_module, "PENDING_BYTES", 100_000)
    monkeypatch.setattr(rowtable, "WAITING_BYTES", 100_000)
    relation = Relation(COLUMNS, [STRING] if is_table else [], is_table=is_table)
    for i, length in enumerate((1000, 1000, 200_000, 1000)):
        row = (f"k{i}", i, "x" * length)
        relation.add(changes([(row, False)]) if is_table else stream_rows([row]))
    assert relation.total == 3
    assert relation._store.rows(Sql("SELECT count(*) FROM rows")) == [(3,)]
    relation.close()


TYPED = [("N", BIGINT), ("D", Decimal(10, 2)), ("T", STRING), ("ROWTIME", BIGINT)]


@pytest.mark.parametrize(
    ("column", "text", "found"),
    [
        (0, "2", [2]),
        (0, "> 2", [3, 9007199254740993]),
        (0, "9007199254740993", [9007199254740993]),
        (0, "2..3", [2, 3]),
        (0, "..2", [1, 2]),
        (0, "!=2", [1, 3, 9007199254740993]),
        (0, "9,007,199,254,740,993", [9007199254740993]),
        (0, "1.5..", [2, 3, 9007199254740993]),
        (1, "<=0.1", [1]),
        (1, "null", [9007199254740993]),
        (1, "!null", [1, 2, 3]),
        (2, "100%", [2]),
        (2, "=ABC", []),
        (2, "abc", [1]),
        (2, "!abc", [2, 3, 9007199254740993]),
        (2, "'; DROP TABLE rows --", []),
        (3, "2018-03", [2]),
        (3, "1970", [1]),
        (3, "!=1970", [2, 3, 9007199254740993]),
        (3, ">2018", [3]),
        (3, "2018-03-28 12:00..2018-03-28", [2]),
    ],
)
def test_filter_of_a_column_understands(column: int, text: str, found: list[int]) -> None:
    relation = Relation(TYPED, is_table=False)
    values = [decimal.Decimal("0.10"), decimal.Decimal("2.50"), decimal.Decimal("3.00"), None]
    relation.add(
        pa.table(
            [
                pa.array([1, 2, 3, 9007199254740993], pa.int64()),
                pa.array(values, pa.decimal128(10, 2)),
                pa.array(["Abc", "100% sure", "100 x", None], pa.string()),
                pa.array([0, 1522238400000, 1600000000000, None], pa.int64()),
            ],
            names=["c0", "c1", "c2", "c3"],
        )
    )
    page = relation.page(View(sort=((0, False),), filter=RowFilter(((column, text),))), 0, 10)
    assert page.rows.column("c0").to_pylist() == found
    assert relation.page(View(), 0, 10).filtered == 4
    relation.close()


@pytest.mark.parametrize(("column", "text"), [(0, "many"), (0, ">"), (3, "yesterday"), (3, "2018-13"), (1, "1..x")])
def test_filter_that_cannot_be_read_names_its_column(column: int, text: str) -> None:
    relation = Relation(TYPED, is_table=False)
    with pytest.raises(KsqlError, match=f"column {TYPED[column][0]} holds"):
        relation.page(View(filter=RowFilter(((column, text),))), 0, 10)
    relation.close()
