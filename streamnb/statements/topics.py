"""PRINT: the records of a topic as they are, their formats guessed."""

from __future__ import annotations

import json
from typing import Any

from streamnb.duck import lit, sql
from streamnb.errors import KsqlError
from streamnb.results import Rows
from streamnb.schema import BIGINT, INTEGER, STRING
from streamnb.sql import ast
from streamnb.statements.pipeline import Pipeline
from streamnb.store import Store

__all__ = ["print_topic"]

RECORDS_MAX = 100
_COLUMNS = (("rowtime", BIGINT), ("partition", INTEGER), ("offset", BIGINT), ("key", STRING), ("value", STRING))


def print_topic(pipeline: Pipeline, statement: ast.PrintTopic, text: str) -> Rows:
    """Show records of a topic: the first ones FROM BEGINNING, else the newest; LIMIT or 100 of them.

    INTERVAL n shows every n-th record. Raises: KsqlError when there is no such topic.
    """
    log = pipeline.log_of(statement.topic)
    if pipeline.engine.call(lambda: log.topic(statement.topic)) is None:
        known = ", ".join(t.name for t in pipeline.engine.call(lambda: list(log.topics())))
        raise KsqlError(
            f"Could not find topic '{statement.topic}', or the KSQL user does not have permissions to list the topic. "
            "Topic names are case-sensitive.",
            summary=f"topic {statement.topic} does not exist",
            hint=f"topics here: {known or 'none yet'}; their names are case sensitive.",
            span=statement.span,
        )
    store = pipeline.engine.call(pipeline.store.cursor)
    try:
        rows = _records(pipeline, store, statement)
    finally:
        store.close()
    shown = [(ts, part, off, _guess(key), _guess(value)) for ts, part, off, key, value in rows]
    return Rows(text, _COLUMNS, shown, f"Topic {statement.topic}")


def _records(pipeline: Pipeline, store: Store, statement: ast.PrintTopic) -> list[tuple[Any, ...]]:
    limit = statement.limit if statement.limit is not None else RECORDS_MAX
    step = statement.interval or 1
    reader = pipeline.reader(statement.topic)
    try:
        positions = reader.start(store, earliest=True)
        if not statement.from_beginning:
            ends = reader.start(store, earliest=False)
            positions = {p: max(positions[p], ends[p] - limit * step) for p in positions}
        target = sql("printed")
        if not reader.read(store, positions, limit * step, target).count:
            return []
        order = sql("ASC") if statement.from_beginning else sql("DESC")
        query = sql(
            "SELECT * FROM (SELECT ts, part, off, key, value, row_number() OVER (ORDER BY ts {0}, part {0}, off {0}) AS"
            " n FROM {1}) WHERE (n - 1) % {2} = 0 ORDER BY n LIMIT {3}",
            order,
            target,
            lit(step),
            lit(limit),
        )
        rows = [row[:-1] for row in store.rows(query)]
        return rows if statement.from_beginning else rows[::-1]
    finally:
        reader.close()


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
