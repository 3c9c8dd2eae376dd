"""PRINT: the records of a topic as they are, their formats guessed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from streamnb.catalog import closest
from streamnb.duck import Sql, lit, sql
from streamnb.engine.doorbell import Doorbell
from streamnb.engine.readers import TopicReader
from streamnb.errors import KsqlError, LogError
from streamnb.results import Rows
from streamnb.schema import BIGINT, INTEGER, STRING
from streamnb.sql import ast
from streamnb.statements.pipeline import Pipeline
from streamnb.store import Store

__all__ = ["print_topic"]

RECORDS_MAX = 100
ROWS_PER_READ = 1000
PATIENCE_S = 10.0
POLL_S = 0.25
_COLUMNS = (("rowtime", BIGINT), ("partition", INTEGER), ("offset", BIGINT), ("key", STRING), ("value", STRING))


def print_topic(pipeline: Pipeline, statement: ast.PrintTopic, text: str) -> Rows:
    """Show records of a topic: the first ones FROM BEGINNING, else the newest; LIMIT or 100 of them.

    INTERVAL n shows every n-th record. Raises: KsqlError when there is no such topic.
    """
    log = pipeline.log_of(statement.topic)
    if pipeline.ask_log(log, lambda log: log.topic(statement.topic)) is None:
        known = [t.name for t in pipeline.ask_log(log, lambda log: list(log.topics()))]
        source = pipeline.catalog.get(statement.topic.upper())
        near = source.topic if source is not None else closest(statement.topic, known)
        raise KsqlError(
            f"Could not find topic '{statement.topic}', or the KSQL user does not have permissions to list the topic. "
            "Topic names are case-sensitive.",
            summary=f"topic {statement.topic} does not exist",
            hint=(f"did you mean {near}? " if near else "")
            + f"topics here: {', '.join(known) or 'none yet'}; their names are case sensitive.",
            span=statement.at,
        )
    store = pipeline.engine.call(pipeline.store.cursor)
    try:
        rows = _records(pipeline, store, statement)
    finally:
        store.close()
    shown = [(ts, part, off, _guess(key), _guess(value)) for ts, part, off, key, value in rows]
    return Rows(text, _COLUMNS, shown, f"Topic {statement.topic}")


def _records(pipeline: Pipeline, store: Store, statement: ast.PrintTopic) -> list[tuple[Any, ...]]:
    """Read the records to show; going back from the ends until there are enough, as not each offset is a record."""
    wanted = (statement.limit if statement.limit is not None else RECORDS_MAX) * (statement.interval or 1)
    doorbell = Doorbell()
    reader = pipeline.reader(statement.topic, doorbell.ring)
    try:
        first, ends = (reader.start(store, earliest=earliest) for earliest in (True, False))
        if statement.from_beginning:
            _read(reader, store, first, ends, wanted, doorbell)
            return _chosen(store, statement, sql("ASC"))
        back = wanted
        while True:
            positions = {part: max(first[part], next_ - back) for part, next_ in ends.items()}
            count = _read(reader, store, positions, ends, sum(ends.values()), doorbell)
            if count >= wanted or positions == first:
                return _chosen(store, statement, sql("DESC"))[::-1]
            reader.close()
            back *= 4
    finally:
        reader.close()


def _read(
    reader: TopicReader,
    store: Store,
    start: Mapping[int, int],
    ends: Mapping[int, int],
    wanted: int,
    doorbell: Doorbell,
) -> int:
    """Copy records to a table, ``wanted`` of each partition unless it ends before; return how many they are.

    Raises: LogError when a broker gives nothing for a while although there is more.
    """
    store.execute(
        sql("CREATE OR REPLACE TEMP TABLE printed (ts BIGINT, part INTEGER, off BIGINT, key BLOB, value BLOB)")
    )
    positions, counts = dict(start), dict.fromkeys(start, 0)
    deadline = time.monotonic() + PATIENCE_S
    while any(positions[part] < ends[part] and counts[part] < wanted for part in start):
        seen = doorbell.rings()
        result = reader.read(store, positions, ROWS_PER_READ)
        positions = dict(result.next)
        if result.records is not None:
            store.register("printed_now", result.records)
            store.execute(sql("INSERT INTO printed SELECT ts, part, off, key, value FROM printed_now"))
            counts |= dict(store.rows(sql("SELECT part, count(*) FROM printed GROUP BY part")))
            deadline = time.monotonic() + PATIENCE_S
        elif not result.waiting:
            break
        elif time.monotonic() > deadline:
            raise LogError(f"No records came from {reader.topic} for {PATIENCE_S:.0f} seconds")
        else:
            doorbell.wait(seen, POLL_S)
    return sum(counts.values())


def _chosen(store: Store, statement: ast.PrintTopic, order: Sql) -> list[tuple[Any, ...]]:
    """Pick every n-th of the records that were read, up to the limit."""
    query = sql(
        "SELECT * FROM (SELECT *, row_number() OVER (ORDER BY ts {0}, part {0}, off {0}) AS n FROM printed)"
        " WHERE (n - 1) % {1} = 0 ORDER BY n LIMIT {2}",
        order,
        lit(statement.interval or 1),
        lit(statement.limit if statement.limit is not None else RECORDS_MAX),
    )
    return [row[:-1] for row in store.rows(query)]


def _guess(data: bytes | None) -> str | None:
    """Show bytes as what they most likely are: text, JSON, a big-endian number, or hexadecimal digits."""
    if data is None:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = None
    if text is not None and text.isprintable():
        return text
    if text is not None and text.lstrip()[:1] in ("{", "["):
        try:
            return json.dumps(json.loads(text))
        except ValueError:
            return repr(text)
    if len(data) in (4, 8):
        return str(int.from_bytes(data, "big", signed=True))
    return data.hex(" ")
