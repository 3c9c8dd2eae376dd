"""Queries whose state is indexed in memory give what they give without, whatever happens between their batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamnb.state.rowindex import bytes_in_use
from streamnb.workspace import Workspace
from tests.layouts import LAYOUTS, choose_layout
from tests.pipelines import put, rows, run, workspace

_STREAM = "CREATE STREAM S (K INT KEY, V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
_LISTS = "CREATE OR REPLACE TABLE O AS SELECT K, COLLECT_LIST(V) AS L, COUNT(*) AS N FROM S GROUP BY K;"
_KEYS = 4


@pytest.fixture(params=LAYOUTS, autouse=True)
def layout(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    choose_layout(monkeypatch, request.param)
    return str(request.param)


def _feed(nb: Workspace, first: int, count: int = 3) -> None:
    for value in range(first, first + count):
        put(nb, "s", [(key, {"V": value}) for key in range(_KEYS)])
        run(nb)


def _held(nb: Workspace) -> dict[str, Any]:
    return {name: held for name, held in nb.pipeline.store.versions.items() if held.index is not None}


def test_state_stays_when_every_change_is_wanted_after_a_restart(tmp_path: Path, layout: str) -> None:
    path = str(tmp_path / "p.duckdb")
    with workspace(path) as nb:
        nb(_STREAM)
        nb(_LISTS)
        _feed(nb, 0)
        assert bool(_held(nb)) == (layout == "indexed")
    for setting in ("1", "1000", "1"):
        with workspace(path, max_batch_records=setting) as nb:
            before = rows(nb, "SELECT N FROM O WHERE K = 1;")[0][0]
            _feed(nb, before)
            found = rows(nb, "SELECT L, N FROM O WHERE K = 1;")
            assert found == [(list(range(before + 3)), before + 3)]


def test_state_stays_when_a_replaced_query_wants_every_change() -> None:
    with workspace() as nb:
        nb(_STREAM)
        nb(_LISTS)
        _feed(nb, 0)
        nb("SET 'cache.max.bytes.buffering' = '0';")
        nb(_LISTS)
        _feed(nb, 3)
        assert rows(nb, "SELECT L, N FROM O WHERE K = 2;") == [([0, 1, 2, 3, 4, 5], 6)]


def test_dropped_query_leaves_nothing_and_a_new_one_begins_anew(layout: str) -> None:
    with workspace() as nb:
        nb(_STREAM)
        nb(_LISTS)
        _feed(nb, 0)
        nb("DROP TABLE O;")
        assert not _held(nb) and bytes_in_use() == 0
        nb(_LISTS)
        run(nb)
        _feed(nb, 3, 1)
        assert rows(nb, "SELECT L FROM O WHERE K = 0;") == [([0, 1, 2, 3],)]


def test_rows_of_a_joined_table_with_half_a_key_are_replaced() -> None:
    with workspace() as nb:
        nb(
            "CREATE TABLE T (A INT PRIMARY KEY, B INT PRIMARY KEY, V INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON',"
            " PARTITIONS=1); CREATE TABLE X AS SELECT A, B, V FROM T;"
        )
        for value in range(12):
            put(nb, "t", [('{"A":1,"B":null}', {"V": value}), ('{"A":2,"B":3}', {"V": value})])
            run(nb)
        assert sorted(rows(nb, "SELECT A, V FROM X;")) == [(1, 11), (2, 11)]
        put(nb, "t", [('{"A":1,"B":null}', None)])
        run(nb)
        assert rows(nb, "SELECT A, V FROM X;") == [(2, 11)]
