"""The stream time of partitions, in both ways of moving it on."""

from __future__ import annotations

import contextlib

import pytest

from streamnb.duck import ident, sql
from streamnb.state.streamtime import StreamClock
from streamnb.store import Store


@pytest.fixture
def clock(store: Store) -> StreamClock:
    made = StreamClock.of(ident("clock"), durable=False)
    store.execute(made.rows.create())
    store.execute(made.take(sql("SELECT * FROM (VALUES (0, 10, 1), (1, 20, 0), (2, 30, 2)) n(part, st, late)")))
    return made


def test_partitions_that_moved_began_and_stayed_are_told_apart(store: Store, clock: StreamClock) -> None:
    before = dict(store.rows(clock.times))
    assert before == {0: 10, 1: 20, 2: 30}
    clock.set(store, {0: 11, 1: 20, 2: 2**40, 5: 7, 6: 8}, before)
    assert dict(store.rows(clock.times)) == {0: 11, 1: 20, 2: 2**40, 5: 7, 6: 8}
    assert store.rows(clock.late) == [(3,)]


def test_partitions_without_records_keep_their_time(store: Store, clock: StreamClock) -> None:
    before = dict(store.rows(clock.times))
    clock.set(store, {}, before)
    clock.set(store, {1: 21}, before)
    assert dict(store.rows(clock.times)) == {0: 10, 1: 21, 2: 30}


def test_times_are_remembered_as_the_transaction_leaves_them(store: Store, clock: StreamClock) -> None:
    with store.transaction():
        clock.set(store, {0: 15}, clock.read(store))
    assert clock.read(store) == {0: 15, 1: 20, 2: 30}
    with contextlib.suppress(RuntimeError), store.transaction():
        clock.set(store, {0: 16, 7: 1}, clock.read(store))
        raise RuntimeError
    assert clock.read(store) == dict(store.rows(clock.times)) == {0: 15, 1: 20, 2: 30}
    store.execute(clock.take(sql("SELECT 1 AS part, 25 AS st, 0 AS late")))
    clock.forget(store)
    assert clock.read(store) == {0: 15, 1: 25, 2: 30}


def test_late_records_add_up(store: Store, clock: StreamClock) -> None:
    store.execute(clock.take(sql("SELECT 1 AS part, 25 AS st, 4 AS late")))
    assert dict(store.rows(clock.times))[1] == 25
    assert store.rows(clock.late) == [(7,)]
