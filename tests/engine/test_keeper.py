from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from streamnb.engine import keeper as keeper_module
from streamnb.engine.feed import Change, Feed
from streamnb.engine.keeper import RowKeeper
from streamnb.engine.relation import Relation, View
from streamnb.schema import BIGINT, STRING, Array, Map
from streamnb.store import DatabaseError

COLUMNS = [("K", STRING), ("N", BIGINT)]


def give(keeper: RowKeeper, feed: Feed, *rows: tuple[str, int | None]) -> None:
    """Do what a push query does with a batch of changes."""
    tombstones = [n is None for _, n in rows]
    keys = pa.array([k for k, _ in rows], pa.string())
    numbers = pa.array([n for _, n in rows], pa.int64())
    with keeper.lock:
        if keeper.wanted:
            keeper.add(pa.table([tombstones, keys, keys, numbers], names=["vnull", "k0", "c0", "c1"]))
        feed.add([Change((k,), (k, n), n is None) for k, n in rows], len(rows))


def rows_of(keeper: RowKeeper, feed: Feed) -> list[tuple[Any, ...]]:
    rows = keeper.relation(feed).page(View(), 0, 100).rows
    return list(zip(rows.column("c0").to_pylist(), rows.column("c1").to_pylist(), strict=True))


def test_relation_asked_for_late_has_all_rows_of_the_backlog_and_those_that_follow() -> None:
    feed, keeper = Feed(is_table=True, rows_max=2), RowKeeper(COLUMNS, [STRING], is_table=True)
    give(keeper, feed, ("a", 1), ("b", 2), ("c", 3), ("d", 4))
    give(keeper, feed, ("b", None), ("a", 5))
    assert rows_of(keeper, feed) == [("a", 5), ("c", 3), ("d", 4)]
    give(keeper, feed, ("e", 6))
    assert rows_of(keeper, feed) == [("a", 5), ("c", 3), ("d", 4), ("e", 6)]
    assert keeper.relation(feed).total == 7


def test_backlog_that_grew_too_large_leaves_the_rows_of_the_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "BACKLOG_ROWS", 3)
    feed, keeper = Feed(is_table=True, rows_max=2), RowKeeper(COLUMNS, [STRING], is_table=True)
    give(keeper, feed, ("a", 1), ("b", 2), ("c", 3), ("d", 4))
    assert not keeper.wanted
    assert rows_of(keeper, feed) == [("c", 3), ("d", 4)]
    assert keeper.relation(feed).total == 4


def test_backlog_that_could_not_be_taken_in_is_taken_in_later(monkeypatch: pytest.MonkeyPatch) -> None:
    feed, keeper = Feed(is_table=True, rows_max=2), RowKeeper(COLUMNS, [STRING], is_table=True)
    give(keeper, feed, ("a", 1), ("b", 2), ("c", 3))

    def refuse(*_: object) -> None:
        raise DatabaseError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(Relation, "add", refuse)
        with pytest.raises(DatabaseError, match="no room"):
            keeper.relation(feed)
    assert rows_of(keeper, feed) == [("a", 1), ("b", 2), ("c", 3)]


def test_rows_of_the_feed_keep_their_nested_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "BACKLOG_ROWS", 0)
    feed = Feed(is_table=False, rows_max=10)
    keeper = RowKeeper([("M", Map(STRING, Array(BIGINT)))], (), is_table=False)
    with keeper.lock:
        keeper.add(pa.table([pa.array([[("x", [1])]], pa.map_(pa.string(), pa.list_(pa.int64())))], names=["c0"]))
        feed.add([Change((), ({"x": [1]},)), Change((), (None,))], 2)
    rows = keeper.relation(feed).page(View(), 0, 10).rows
    assert rows.column("c0").to_pylist() == [None, [("x", [1])]]
