"""The embedded log: the contract of all logs, and what only it does."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamnb.duck import Sql, ident, lit, sql
from streamnb.errors import LogError
from streamnb.log.base import RECORD_SCHEMA
from streamnb.log.embedded import TOMBSTONE_RETENTION_MS, EmbeddedLog
from streamnb.store import Store
from tests.log.contract import Append, LogContract

INPUT_SCHEMA = pa.schema([("p", pa.int32()), ("seq", pa.int64()), ("sub", pa.int64()), *list(RECORD_SCHEMA)[2:]])

SLICE = ident("slice")


@pytest.fixture
def log(store: Store) -> EmbeddedLog:
    return EmbeddedLog(store)


@pytest.fixture
def name() -> str:
    return "Orders"


@pytest.fixture
def append(store: Store, log: EmbeddedLog) -> Append:
    def run(topic: str, records: list[tuple[int, int, bytes | None, bytes | None]]) -> None:
        put(
            store,
            log,
            topic,
            [(p, i, 0, ts, key, value, None) for i, (p, ts, key, value) in enumerate(records)],
            ident("p"),
        )

    return run


def put(
    store: Store,
    log: EmbeddedLog,
    topic: str,
    rows: list[tuple[Any, ...]],
    part: Sql | None = None,
    window_bytes: int = 0,
) -> int:
    """Append (p, seq, sub, ts, key, value, hdr) rows."""
    columns = list(zip(*rows, strict=True)) or [()] * len(INPUT_SCHEMA)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, INPUT_SCHEMA, strict=True)]
    store.register("put_rows", pa.Table.from_arrays(arrays, schema=INPUT_SCHEMA))
    try:
        return log.append(topic, ident("put_rows"), part=part, window_bytes=window_bytes)
    finally:
        store.unregister("put_rows")


def records(store: Store, log: EmbeddedLog, topic: str) -> list[tuple[Any, ...]]:
    return store.rows(sql("SELECT part, off, ts, key, value FROM {} ORDER BY part, off", log.relation(topic)))


class TestEmbeddedLog(LogContract):
    pass


def test_append_numbers_rows_in_the_order_of_seq_and_sub(store: Store, log: EmbeddedLog) -> None:
    log.create_topic("t")
    header = [{"k": "h", "v": b"1"}]
    assert put(store, log, "t", [(0, 2, 1, 9, b"k", b"d", None), (0, 1, 0, 7, None, b"a", header)]) == 2
    assert put(store, log, "t", [(0, 2, 1, 9, b"k", b"c", None), (0, 2, 0, 8, b"k", None, None)]) == 2
    rows = store.rows(sql("SELECT * FROM {} ORDER BY off", log.relation("t")))
    assert rows == [
        (0, 0, 7, None, b"a", header),
        (0, 1, 9, b"k", b"d", None),
        (0, 2, 8, b"k", None, None),
        (0, 3, 9, b"k", b"c", None),
    ]


def test_append_of_nothing_changes_nothing(store: Store, log: EmbeddedLog) -> None:
    for topic, partitions in (("one", 1), ("many", 4)):
        log.create_topic(topic, partitions)
        assert put(store, log, topic, []) == 0
        assert set(log.ends(topic).values()) == {(0, 0)}


def test_append_to_many_partitions_goes_by_key_as_in_kafka(store: Store, log: EmbeddedLog) -> None:
    log.create_topic("t", 4)
    keys = [b"foobar", b"21", None, b"abc", b"foobar"]
    put(store, log, "t", [(0, i, 0, i, key, b"v", None) for i, key in enumerate(keys)])
    foobar, twenty_one, abc = (-790332482 & 0x7FFFFFFF) % 4, (-973932308 & 0x7FFFFFFF) % 4, 479470107 % 4
    places = {(part, key, ts) for part, _, ts, key, _ in records(store, log, "t")}
    assert places == {
        (foobar, b"foobar", 0),
        (twenty_one, b"21", 1),
        (0, None, 2),
        (abc, b"abc", 3),
        (foobar, b"foobar", 4),
    }


def test_partition_that_is_not_given_is_that_of_the_key(store: Store, log: EmbeddedLog) -> None:
    log.create_topic("t", 4)
    rows = [
        (3, 2, 0, 2, b"foobar", b"v", None),
        (None, 1, 0, 1, b"foobar", b"v", None),
        (None, 3, 0, 3, None, b"v", None),
    ]
    put(store, log, "t", [*rows, (3, 0, 0, 0, None, b"v", None)], ident("p"))
    foobar = (-790332482 & 0x7FFFFFFF) % 4
    places = {(part, off, ts) for part, off, ts, _, _ in records(store, log, "t")}
    assert places == {(3, 0, 0), (3, 1, 2), (0, 0, 3), (foobar, 0, 1)}


def test_windows_of_a_key_go_to_the_partition_of_the_key(store: Store, log: EmbeddedLog) -> None:
    log.create_topic("t", 4)
    starts = [(n * 60_000).to_bytes(8, "big") for n in range(5)]
    put(
        store, log, "t", [(0, n, 0, 0, b"foobar" + start, b"v", None) for n, start in enumerate(starts)], window_bytes=8
    )
    assert [part for part, *_ in records(store, log, "t")] == [(-790332482 & 0x7FFFFFFF) % 4] * 5


def test_ends_are_those_of_the_transaction_until_it_is_taken_back(store: Store, log: EmbeddedLog) -> None:
    log.create_topic("t", 2)
    log.create_topic("u")
    with contextlib.suppress(RuntimeError), store.transaction():
        put(store, log, "t", [(1, 0, 0, 0, None, b"", None)], ident("p"))
        put(store, log, "u", [(0, 0, 0, 0, None, b"", None)])
        assert (log.ends("t"), log.ends("u")) == ({0: (0, 0), 1: (0, 1)}, {0: (0, 1)})
        raise RuntimeError
    assert (log.ends("t"), log.ends("u")) == ({0: (0, 0), 1: (0, 0)}, {0: (0, 0)})
    with store.transaction():
        put(store, log, "t", [(1, 0, 0, 0, None, b"", None)], ident("p"))
        put(store, log, "u", [(0, 0, 0, 0, None, b"", None)])
        log.delete_topic("u")
    reader = EmbeddedLog(store.cursor(), create=False)
    assert reader.ends("t") == {0: (0, 0), 1: (0, 1)}


def test_append_to_a_partition_the_topic_lacks_is_refused(store: Store, log: EmbeddedLog) -> None:
    log.create_topic("t", 2)
    with pytest.raises(LogError, match="partition 2 is not in the topic"):
        put(store, log, "t", [(2, 0, 0, 0, None, b"", None)], ident("p"))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), max_size=30), st.integers(1, 7))
def test_offsets_have_no_gap_however_the_input_is_cut(rows: list[tuple[int, int]], size: int) -> None:
    store = Store.open()
    log = EmbeddedLog(store)
    log.create_topic("t", 3)
    data = [(p, i, 0, i, b"%d" % key, b"", None) for i, (p, key) in enumerate(rows)]
    for start in range(0, len(data), size):
        put(store, log, "t", data[start : start + size], ident("p"))
    stored = [(part, off, ts) for part, off, ts, _, _ in records(store, log, "t")]
    expected = [
        (part, off, seq) for part in range(3) for off, seq in enumerate(row[1] for row in data if row[0] == part)
    ]
    assert stored == expected
    store.close()


def test_transaction_taken_back_takes_back_topic_records_and_offsets(store: Store, log: EmbeddedLog) -> None:
    log.create_topic("kept")
    with pytest.raises(ZeroDivisionError), store.transaction():
        put(store, log, "kept", [(0, 0, 0, 0, None, b"a", None)])
        log.create_topic("gone")
        raise ZeroDivisionError
    assert [info.name for info in log.topics()] == ["kept"]
    put(store, log, "kept", [(0, 0, 0, 0, None, b"b", None)])
    assert records(store, log, "kept") == [(0, 0, 0, None, b"b")]


def test_slice_reads_from_the_positions_up_to_the_limit(store: Store, log: EmbeddedLog, append: Append) -> None:
    log.create_topic("t", 2)
    append("t", [(i % 2, i, None, b"%d" % i) for i in range(10)])
    assert log.read_slice("t", {0: 1, 1: 3}, 3, SLICE) == 5
    assert store.rows(sql("SELECT part, off, value FROM slice ORDER BY part, off")) == [
        (0, 1, b"2"),
        (0, 2, b"4"),
        (0, 3, b"6"),
        (1, 3, b"7"),
        (1, 4, b"9"),
    ]
    assert log.read_slice("t", {}, 3, SLICE) == 0
    assert log.read_slice("t", {0: 5}, 3, SLICE) == 0


@pytest.mark.parametrize(("position", "part"), [(6, 0), (0, 5), (1, 5)])
def test_slice_never_jumps_when_a_position_is_out_of_range(
    log: EmbeddedLog, append: Append, position: int, part: int
) -> None:
    log.create_topic("t")
    append("t", [(0, i, None, b"") for i in range(5)])
    if (position, part) == (0, 5):
        assert log.read_slice("t", {part: position}, 3, SLICE) == 0
        return
    with pytest.raises(LogError, match=f"offset {position} of topic t, partition {part} is not in the log"):
        log.read_slice("t", {part: position}, 3, SLICE)


def test_retention_deletes_a_prefix_and_keeps_offsets(store: Store, log: EmbeddedLog, append: Append) -> None:
    log.create_topic("t", 2, retention_ms=100)
    append("t", [(0, 10, None, b"a"), (0, 150, None, b"b"), (0, 20, None, b"late"), (1, 10, None, b"c")])
    assert log.trim("t", 200) == 2
    assert records(store, log, "t") == [(0, 1, 150, None, b"b"), (0, 2, 20, None, b"late")]
    assert log.ends("t") == {0: (1, 3), 1: (1, 1)}
    append("t", [(1, 300, None, b"d")])
    assert log.ends("t")[1] == (1, 2)
    with pytest.raises(LogError, match="offset 0 of topic t, partition 0"):
        log.read_slice("t", {0: 0}, 10, SLICE)
    assert log.trim("t", 200) == 0


def test_topic_without_retention_keeps_everything(store: Store, log: EmbeddedLog, append: Append) -> None:
    log.create_topic("t")
    append("t", [(0, 0, None, b"a")])
    assert log.trim("t", 10**15) == 0


def test_compaction_keeps_the_last_record_of_each_key(store: Store, log: EmbeddedLog, append: Append) -> None:
    log.create_topic("t", cleanup="compact")
    append("t", [(0, 1, b"a", b"1"), (0, 2, b"b", b"1"), (0, 3, None, b"x"), (0, 4, b"a", b"2"), (0, 5, b"b", None)])
    assert log.trim("t", 10) == 2
    assert [row[1] for row in records(store, log, "t")] == [2, 3, 4]
    assert log.read_slice("t", {0: 0}, 2, SLICE) == 2
    assert store.rows(sql("SELECT off FROM slice ORDER BY off")) == [(2,), (3,)]
    assert log.trim("t", 10 + TOMBSTONE_RETENTION_MS) == 1
    assert [row[1] for row in records(store, log, "t")] == [2, 3]
    assert log.ends("t") == {0: (0, 5)}


def test_log_survives_closing_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log.duckdb"
    store = Store.open(path)
    log = EmbeddedLog(store)
    log.create_topic("t", 2, retention_ms=7)
    put(store, log, "t", [(1, 0, 0, 3, b"k", b"v", None)], ident("p"))
    store.close()
    store = Store.open(path)
    log = EmbeddedLog(store)
    assert (log.topics()[0].retention_ms, log.ends("t")) == (7, {0: (0, 0), 1: (0, 1)})
    assert put(store, log, "t", [(1, 0, 0, 4, b"k", b"w", None)], ident("p")) == 1
    assert records(store, log, "t") == [(1, 0, 3, b"k", b"v"), (1, 1, 4, b"k", b"w")]
    store.close()


def test_reader_sees_committed_records_through_its_own_cursor(store: Store, log: EmbeddedLog, append: Append) -> None:
    log.create_topic("t")
    reader = EmbeddedLog(store.cursor(), create=False)
    with store.transaction():
        append("t", [(0, 0, None, b"a")])
        assert reader.ends("t") == {0: (0, 0)}
    assert reader.ends("t") == {0: (0, 1)}
    assert reader.read_slice("t", {0: 0}, 10, SLICE) == 1


def test_topic_names_with_dots_and_dashes_are_tables(store: Store, log: EmbeddedLog, append: Append) -> None:
    log.create_topic("a.b-c_d")
    append("a.b-c_d", [(0, 0, None, b"a")])
    assert store.rows(sql("SELECT count(*) FROM {}", ident("topic", "a.b-c_d"))) == [(1,)]
    assert log.relation("a.b-c_d") == ident("topic", "a.b-c_d")
    assert lit(1) == "1"
