from __future__ import annotations

import pyarrow as pa
import pytest

from streamnb.engine import batches
from streamnb.engine.batches import Batches


def test_batches_come_back_as_one_table_in_their_order() -> None:
    waiting = Batches()
    assert waiting.take() is None
    for number in range(1000):
        waiting.add(pa.table({"c0": [number, -number], "c1": ["x", None]}))
    assert waiting.rows == 2000
    table = waiting.take()
    assert table is not None
    assert table.column("c0").to_pylist() == [n for number in range(1000) for n in (number, -number)]
    assert table.column("c1").to_pylist() == ["x", None] * 1000
    assert (waiting.rows, waiting.bytes, waiting.take()) == (0, 0, None)


def test_many_small_batches_are_held_as_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "TABLES_MAX", 4)
    waiting = Batches()
    for number in range(1000):
        waiting.add(pa.table({"c0": [number]}))
        table = waiting.table()
        assert table is not None
        assert table.column("c0").num_chunks <= 3 * 5
    assert waiting.take() == pa.table({"c0": list(range(1000))})
