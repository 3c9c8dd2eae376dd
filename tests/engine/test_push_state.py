"""A push query that runs for long does not keep the rows of its state that were replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamnb.duck import sql
from streamnb.engine import push
from streamnb.store import Store
from tests.pipelines import live, put, shown_by, workspace

Row = tuple[Any, ...]

KEYS = 50
BATCHES = 40


def _equal(wanted: list[Row]) -> Callable[[list[Row]], bool]:
    return lambda rows: sorted(rows) == wanted


def test_rows_that_were_replaced_are_cleared_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    clear = Store.clear_deleted

    def cleared(store: Store) -> None:
        clear(store)
        (table,) = store.rows(sql("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%:agg:state'"))[0]
        info = "SELECT sum(count) FROM pragma_storage_info(?) WHERE column_id = 0 AND segment_type <> 'VALIDITY'"
        held.append(int(store.rows(sql(info), (table,))[0][0]))

    monkeypatch.setattr(push, "DEAD_ROWS_MAX", 3 * KEYS)
    monkeypatch.setattr(push, "_CLEARED_SHARE", 0)
    monkeypatch.setattr(Store, "clear_deleted", cleared)
    with workspace(str(tmp_path / "p.duckdb")) as nb:
        nb("CREATE STREAM S (K INT KEY, V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);")
        query = live(nb, "SELECT K, COUNT(*) AS N FROM S GROUP BY K EMIT CHANGES;")
        for n in range(BATCHES):
            put(nb, "s", [(key, {"V": n}) for key in range(KEYS)])
            wanted: list[Row] = [(key, n + 1) for key in range(KEYS)]
            assert sorted(shown_by(query, _equal(wanted))) == wanted
    assert len(held) >= BATCHES // 5
    assert max(held) <= 6 * KEYS, held  # of the newest, some stay until the next time
