"""The index in memory holds what a dictionary would, whatever hashes clash, and an older one stays as it was."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from streamnb.state.rowindex import GONE, HASH, ROW, RowIndex, bytes_in_use

Rows = dict[int, str]

keys = st.integers(0, 11)
changes = st.dictionaries(keys, st.none() | st.text(max_size=2), min_size=1, max_size=8)
steps = st.lists(st.tuples(st.sets(keys), changes), max_size=25)


def hash_of(key: int) -> int:
    return key % 5 << 60


def as_table(rows: Rows) -> pa.Table:
    hashes = pa.array([hash_of(k) for k in rows], pa.uint64())
    return pa.table({"k": pa.array(rows, pa.int64()), "v": pa.array(rows.values(), pa.string()), HASH: hashes})


def look_up(index: RowIndex, wanted: set[int]) -> tuple[pa.Table, Rows]:
    """Find the rows of keys, and of whatever else has their hashes."""
    found = index.find(np.unique(np.array([hash_of(k) for k in wanted], np.uint64)))
    assert found.column(ROW).to_pylist() == list(range(len(found)))
    pairs = list(zip(found.column("k").to_pylist(), found.column("v").to_pylist(), strict=True))
    assert len(dict(pairs)) == len(pairs), "a key has two rows"
    return found, dict(pairs)


def replace(index: RowIndex, read: set[int], changed: dict[int, str | None]) -> RowIndex:
    found, before = look_up(index, read | set(changed))
    numbers = {key: number for number, key in enumerate(before)}
    rows = as_table({k: v or "" for k, v in changed.items()})
    rows = rows.append_column(ROW, pa.array([numbers.get(k) for k in changed], pa.int64()))
    return index.replaced(found, rows.append_column(GONE, pa.array([v is None for v in changed.values()])))


def everything(index: RowIndex) -> Rows:
    return look_up(index, set(range(12)))[1]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(keys, st.text(max_size=2)), steps)
def test_index_holds_what_a_dictionary_holds(base: Rows, history: list[tuple[set[int], dict[int, str | None]]]) -> None:
    index, model = RowIndex.of(as_table(base)), dict(base)
    for number, (read, changed) in enumerate(history):
        older, before = index, dict(model)
        index = replace(index, read, changed)
        model |= {k: v for k, v in changed.items() if v is not None}
        model = {k: v for k, v in model.items() if changed.get(k, "") is not None}
        assert everything(index) == model
        assert everything(older) == before
        if number % 7 == 6:
            index = index.merged()
            assert len(index.levels) == 1 and everything(index) == model


def test_what_is_not_there_is_not_found() -> None:
    empty = RowIndex.of(as_table({}))
    assert everything(empty) == {}
    assert look_up(RowIndex.of(as_table({3: "c"})), {4})[1] == {}


def test_small_batches_leave_few_levels_and_the_base_as_it_is() -> None:
    base = as_table(dict.fromkeys(range(5000), ""))
    index = RowIndex.of(base.set_column(2, HASH, pa.array(range(5000), pa.uint64())))
    for number in range(500):
        found = index.find(np.array([number], np.uint64))
        changed = found.append_column(GONE, pa.array([False]))
        index = index.replaced(found, changed)
    assert len(index.levels) <= 10 and len(index.levels[-1].hashes) == 5000
    assert index.nbytes > 0
    assert bytes_in_use() >= index.nbytes
