"""Pipelines for tests: in memory or in a file, ticked by hand or on their own thread, fed with records."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from streamnb.clock import ManualClock
from streamnb.duck import sql
from streamnb.log.base import RECORD_SCHEMA
from streamnb.results import Live, Rows
from streamnb.workspace import Workspace

__all__ = ["RECENT", "START_MS", "USERS", "live", "put", "records", "rows", "run", "shown_by", "state_of", "workspace"]

START_MS = 1_000_000
_RATINGS = "(ID INT KEY, STARS INT, CHANNEL VARCHAR) WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='JSON', PARTITIONS={})"

USERS = """
    CREATE TABLE USERS (ID INT PRIMARY KEY, NAME VARCHAR) WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON', PARTITIONS=1);
"""
RECENT = """
    CREATE TABLE RECENT AS
      SELECT CHANNEL, COUNT(*) AS N FROM RATINGS WINDOW TUMBLING (SIZE 1 SECOND) GROUP BY CHANNEL;
"""

Record = tuple[Any, ...]  # key, value, ts, part: the last two may be missing


@contextmanager
def workspace(
    url: str = "memory://",
    *,
    ratings: int = 0,
    start: bool = False,
    clock: ManualClock | None = None,
    strict: bool = False,
    **settings: Any,
) -> Iterator[Workspace]:
    """Open a pipeline whose queries read from the first record and run when ``run`` says so.

    ``ratings`` declares the stream RATINGS with that many partitions; ``strict`` refuses what ksqlDB refuses.
    """
    settings.setdefault("auto_offset_reset", "earliest")
    nb = Workspace(url, clock=clock or ManualClock(START_MS), settings=settings, start=start, history=not strict)
    try:
        if ratings:
            nb(f"CREATE STREAM RATINGS {_RATINGS.format(ratings)};")
        yield nb
    finally:
        nb.close()


def put(nb: Workspace, topic: str, rows: Sequence[Record], *, partitions: int = 1) -> None:
    """Append records in one transaction, creating the topic if need be.

    A key that is an ``int`` is written as Kafka's INTEGER, a text as UTF-8; a value that is a dict as JSON.
    """
    engine = nb.pipeline.engine
    columns: list[list[Any]] = [[], [], [], [], [], []]
    for seq, (key, value, *rest) in enumerate(rows):
        ts = rest[0] if rest else START_MS
        part = rest[1] if len(rest) > 1 else None
        for column, item in zip(columns, (seq, part, ts, _key(key), _value(value), None), strict=True):
            column.append(item)
    types = {"seq": pa.int64(), **{n: RECORD_SCHEMA.field(n).type for n in ("part", "ts", "key", "value", "hdr")}}
    table = pa.table({n: pa.array(c, t) for (n, t), c in zip(types.items(), columns, strict=True)})

    def append() -> None:
        nb.pipeline.store.register("test_records", table)
        try:
            with nb.pipeline.store.transaction():
                if engine.log.topic(topic) is None:
                    engine.log.create_topic(topic, partitions)
                engine.log.append(topic, sql("(SELECT *, 0 AS sub FROM test_records)"), part=sql("part"))
        finally:
            nb.pipeline.store.unregister("test_records")
        engine.appended()

    engine.call(append)


def _key(key: Any) -> bytes | None:
    return key.to_bytes(4, "big", signed=True) if isinstance(key, int) else _value(key)


def _value(value: Any) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def run(nb: Workspace) -> None:
    """Tick until there is nothing more to do."""
    engine = nb.pipeline.engine
    while True:
        epoch = engine.epoch
        if not engine.tick() and engine.epoch == epoch:
            return


def rows(nb: Workspace, text: str) -> list[tuple[Any, ...]]:
    """Run one statement that answers with rows."""
    result = nb(text)
    assert isinstance(result, Rows)
    return result.rows


def live(nb: Workspace, text: str) -> Live:
    """Start one push query."""
    result = nb(text)
    assert isinstance(result, Live)
    return result


def shown_by(query: Live, wanted: Callable[[list[tuple[Any, ...]]], bool]) -> list[tuple[Any, ...]]:
    """Wait until a push query's rows are as wanted, or it has ended, or time is up; return the rows."""
    deadline_s = time.monotonic() + 20
    while True:
        snapshot = query.feed.snapshot()
        left_s = deadline_s - time.monotonic()
        if wanted(snapshot.rows) or snapshot.done or left_s <= 0:
            return snapshot.rows
        query.feed.wait(snapshot.version, left_s)


def records(nb: Workspace, topic: str) -> list[tuple[Any, ...]]:
    """List a topic's records: part, off, ts, key, value (JSON as Python values)."""
    engine = nb.pipeline.engine
    query = "SELECT part, off, ts, key, value FROM {} ORDER BY part, off"
    found = engine.call(lambda: engine.store.rows(sql(query, engine.log.relation(topic))))
    return [(*row[:4], _shown(row[4])) for row in found]


def _shown(value: bytes | None) -> Any:
    try:
        return None if value is None else json.loads(value)
    except ValueError:
        return value


def state_of(nb: Workspace, query_id: str) -> str:
    """Tell the state of a persistent query."""
    return nb.pipeline.catalog.queries[query_id].state
