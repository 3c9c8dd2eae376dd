"""Stored statements that cannot be executed for now: kept, shown with what is wrong, and tried again.

A query may call a Python function that is registered only after the file was opened. Its statement waits with its
place, its state and its topic, and so do the statements built on it; they go on when the function is there. Only
dropping or terminating them, or creating something of the same name, makes them go.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from streamnb.duck import ident, lit, sql
from streamnb.errors import KsqlFunctionError, StoreBrokenError, StreamnbError, UnknownFunctionError
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement
from streamnb.statements.journal import Entry, Waiting
from streamnb.statements.pipeline import Pipeline
from streamnb.store import DatabaseError

__all__ = ["Restorer", "end_waiting", "waiting_queries", "waiting_source"]

_log = logging.getLogger(__name__)

Apply = Callable[[ast.Statement, Entry], object]
"""Executes a stored statement in the transaction that is open."""


class Restorer:
    """Executes stored statements, and those that wait again when functions were registered. On the engine's thread."""

    def __init__(self, pipeline: Pipeline, apply: Apply) -> None:
        self._pipeline = pipeline
        self._apply = apply
        self._seen: int | None = None

    def restore(self, entries: Sequence[Entry]) -> None:
        """Execute the statements of the journal in their order; those that fail wait."""
        for entry in entries:
            self._try(entry)
        self.retry()

    def note_change(self) -> None:
        """Take note that there is something new, on which a statement that waits may be built."""
        self._seen = None

    @property
    def is_due(self) -> bool:
        """Tell whether something waits, and there is something new since it was tried."""
        return bool(self._pipeline.waiting) and self._seen != self._pipeline.registry.version

    def retry(self) -> None:
        """Try what waits again, if that is due, until none of it can go on."""
        while self.is_due:
            self._seen = self._pipeline.registry.version
            for waiting in sorted(self._pipeline.waiting.values(), key=lambda w: w.entry.id):
                if self._try(waiting.entry):
                    _log.info("goes on: %s", waiting.entry.text)
                    self.note_change()

    def _try(self, entry: Entry) -> bool:
        pipeline = self._pipeline
        before = pipeline.snapshot()
        try:
            statement = parse_statement(entry.text)
            with pipeline.store.transaction():
                self._apply(statement, entry)
        except StoreBrokenError:
            raise
        except (StreamnbError, DatabaseError, RecursionError) as error:
            pipeline.restore(before)
            problem = _problem(error)
            known = pipeline.waiting.get(entry.id)
            if known is None or known.problem != problem:
                _log.warning("a stored statement cannot be executed: %s: %s", entry.text, problem)
            pipeline.set_waiting({**pipeline.waiting, entry.id: Waiting(entry, problem)})
            return False
        pipeline.set_waiting({i: w for i, w in pipeline.waiting.items() if i != entry.id})
        return True


def _problem(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UnknownFunctionError):
            return (
                f"function {cause.name} is not registered: run the cell with its @udf, @udtf or @udaf, and the query"
                " goes on"
            )
        cause = cause.__cause__
    if isinstance(error, KsqlFunctionError) and error.summary:
        return error.summary
    return error.message if isinstance(error, StreamnbError) else str(error)


def waiting_queries(pipeline: Pipeline) -> list[tuple[str, str, str, Waiting]]:
    """List the queries that wait: id, kind, sink, and why."""
    found = []
    for waiting in pipeline.waiting.values():
        entry = waiting.entry
        if entry.query_id is None or entry.status == "TERMINATED":
            continue
        kind, sink = "INSERT", ""
        try:
            statement = parse_statement(entry.text)
        except StreamnbError:
            statement = None
        if isinstance(statement, ast.CreateAs):
            kind, sink = ("CTAS" if statement.kind == "TABLE" else "CSAS"), statement.name
        elif isinstance(statement, ast.InsertInto):
            sink = statement.target
        found.append((entry.query_id, kind, sink, waiting))
    return found


def waiting_source(pipeline: Pipeline, name: str) -> Waiting | None:
    """Find the statement of a source that waits."""
    return next(
        (w for w in pipeline.waiting.values() if w.entry.kind == "SOURCE" and w.entry.name == name),
        None,
    )


def end_waiting(pipeline: Pipeline, waiting: Waiting, *, terminated: bool = False) -> None:
    """Let go of a statement that waits, and of its query's state; ``terminated`` keeps the source, without a query."""
    entry = waiting.entry
    left = {i: w for i, w in pipeline.waiting.items() if i != entry.id}
    if terminated and entry.kind == "SOURCE":
        left[entry.id] = replace(waiting, entry=replace(entry, status="TERMINATED"))
    pipeline.set_waiting(left)
    if entry.query_id is None:
        return
    kept = pipeline.store.rows(
        sql(
            "SELECT table_name, table_type = 'VIEW' FROM information_schema.tables WHERE table_schema = 'state' AND"
            " starts_with(table_name, {}) ORDER BY ALL DESC",
            lit(f"{entry.query_id}:"),
        )
    )
    for name, is_view in kept:
        pipeline.store.execute(sql("DROP {} {}", sql("VIEW" if is_view else "TABLE"), ident("state", name)))
    pipeline.engine.checkpoint.forget_query(entry.query_id)
