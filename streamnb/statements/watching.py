"""What an alert needs of the pipeline: its condition over a result's columns, and a topic for what it finds."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from streamnb.backends.duckdb.expressions import compile_predicate
from streamnb.duck import Sql, sql
from streamnb.errors import KsqlStatementError
from streamnb.log.base import RECORD_SCHEMA
from streamnb.plan.expressions import type_expression
from streamnb.plan.scope import ColumnScope, ScopeEntry
from streamnb.schema import BOOLEAN, SqlType
from streamnb.sql.parser import parse_expression
from streamnb.statements.pipeline import Pipeline

__all__ = ["Watching"]

Row = tuple[Any, ...]


class Watching:
    """The means of the alerts of one live query."""

    def __init__(self, pipeline: Pipeline, columns: Sequence[tuple[str, SqlType]]) -> None:
        self._pipeline = pipeline
        self._columns = tuple(columns)

    def condition(self, text: str) -> Sql:
        """Compile a condition in the stream SQL over the result's columns, which are c0, c1, ...; an error is false.

        Raises: StreamnbError with the place in the text: it cannot be parsed, names what is not there, or is no
        condition.
        """
        expression = parse_expression(text)
        entries = [ScopeEntry(None, name, f"c{i}", type_) for i, (name, type_) in enumerate(self._columns)]
        try:
            typed = type_expression(expression, ColumnScope(entries, "alert"), self._pipeline.env())
        except KsqlStatementError as error:
            raise error.at(text) from None
        if typed.type != BOOLEAN:
            raise KsqlStatementError(
                f"the alert's condition is {typed.type}, not BOOLEAN",
                hint="compare it with something: STARS = 1, MESSAGE IS NOT NULL, ...",
                text=text,
                span=expression.span,
            )
        compiled = compile_predicate(typed)
        return sql("({}).v", compiled.attempt) if compiled.can_raise else compiled.sql

    def publisher(self, topic: str) -> Callable[[Sequence[Row]], None]:
        """Make sure of a topic and return what appends rows to it, as JSON objects without a key.

        Raises: StreamnbError when the topic cannot be created.
        """
        pipeline = self._pipeline
        pipeline.engine.call(lambda: _make_sure_of(pipeline, topic))
        names = [name for name, _ in self._columns]

        def append(rows: Sequence[Row]) -> None:
            values = [json.dumps(dict(zip(names, row, strict=True)), default=_plain).encode() for row in rows]
            pipeline.engine.call(lambda: _append(pipeline, topic, values))

        return append


def _make_sure_of(pipeline: Pipeline, topic: str) -> None:
    """Create a topic that is not there. On the engine's thread."""
    with pipeline.store.transaction():
        pipeline.ensure_topic(topic, 1, None)


def _append(pipeline: Pipeline, topic: str, values: Sequence[bytes]) -> None:
    """Append values to a topic. On the engine's thread."""
    count = len(values)
    columns = {
        "seq": pa.array(range(count), pa.int64()),
        "sub": pa.array([0] * count, pa.int64()),
        "ts": pa.array([pipeline.clock.now_ms()] * count, pa.int64()),
        "key": pa.nulls(count, pa.binary()),
        "value": pa.array(values, pa.binary()),
        "hdr": pa.nulls(count, RECORD_SCHEMA.field("hdr").type),
    }
    pipeline.store.register("alerts", pa.table(columns))
    try:
        with pipeline.store.transaction():
            pipeline.topics_of(topic).append(pipeline.store, topic, sql("alerts"))
    finally:
        pipeline.store.release("alerts")


def _plain(value: Any) -> Any:
    """Write what JSON has no type for: bytes in base64, times in ISO 8601, decimals as text."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
