"""The one door: ``connect`` to a pipeline, ``execute`` statements, get results. Every surface calls it."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from streamnb.clock import Clock, SystemClock
from streamnb.config import check_setting
from streamnb.engine.progress import Report
from streamnb.errors import (
    KsqlError,
    KsqlFunctionError,
    KsqlStatementError,
    ParseFailedError,
    Span,
    StoreBrokenError,
    StreamnbError,
)
from streamnb.functions.registry import default_registry
from streamnb.results import Live, Message, Result, Rows
from streamnb.sql import ast
from streamnb.sql.parser import StatementText, parse_statement, placeholders, split_statements
from streamnb.sql.printer import format_statement
from streamnb.statements.checks import assert_schema, assert_topic
from streamnb.statements.connect import open_pipeline
from streamnb.statements.connectors import create_connector, drop_connector
from streamnb.statements.describe import describe
from streamnb.statements.explain import explain_statement
from streamnb.statements.inserts import insert_values
from streamnb.statements.journal import Entry, Journal, subject
from streamnb.statements.persistent import control_query, create_as, insert_select
from streamnb.statements.pipeline import Pipeline, PipelineSnapshot
from streamnb.statements.queries import pull, push
from streamnb.statements.script import pipeline_script
from streamnb.statements.scripts import run_script
from streamnb.statements.selects import select, select_over_history, select_rejected
from streamnb.statements.session import alter_system, change_session
from streamnb.statements.show import show
from streamnb.statements.sources import alter_source, create_source, create_type, drop_source, drop_type
from streamnb.statements.topics import print_topic
from streamnb.statements.waiting import Restorer, end_waiting

__all__ = ["Workspace", "connect"]

_STORED = (
    ast.CreateSource
    | ast.AlterSource
    | ast.CreateAs
    | ast.InsertInto
    | ast.DropSource
    | ast.CreateType
    | ast.DropType
    | ast.CreateConnector
    | ast.DropConnector
    | ast.QueryControl
    | ast.AlterSystem
)


def connect(url: str = "memory://", *, clock: Clock | None = None, **settings: object) -> Workspace:
    """Open a pipeline.

    ``url``: ``memory://``, a path or ``duckdb:///path`` of the file that holds everything, or
    ``kafka://host:9092?...``. Settings are those of ``SET``, with ``_`` for ``.`` in Python's spelling.
    Raises: StreamnbError when the file or the broker cannot be used.
    """
    return Workspace(url, clock=clock or SystemClock(), settings=settings)


class Workspace:
    """An open pipeline. Its queries run until ``close``; a file keeps them, and they go on when it is opened again."""

    def __init__(
        self, url: str, *, clock: Clock, settings: Mapping[str, object], start: bool = True, history: bool = True
    ) -> None:
        """Open a pipeline as ``connect`` does.

        The case runner runs the queries itself (``start`` is false), and what ksqlDB rejects is rejected (``history``
        is false): no RUN SCRIPT then, and only ``sql`` runs DuckDB's SELECTs.
        """
        given = {name.replace("_", ".") if "." not in name else name: str(value) for name, value in settings.items()}
        given = dict(check_setting(name, value) for name, value in given.items())
        self.url = url
        self.on_progress: Report | None = None
        """Is told, on the thread that executes, how far a pull query has read its topics; None at its end."""
        self._beyond_ksqldb = history
        self._pipeline = open_pipeline(url, default_registry(), clock, given)
        self._lives: dict[str, Live] = {}
        self._scripts: list[Path] = []
        self._lock = threading.RLock()
        self._closed = False
        try:
            self._pipeline.prepare()
            self._journal = Journal(self._pipeline.store)
            self._restorer = Restorer(self._pipeline, self._restore)
            self._restorer.restore(self._journal.entries())
        except BaseException:
            self._pipeline.outside.close()
            self._pipeline.store.close()
            raise
        self._pipeline.engine.housekeeping.append(self._restorer.retry)
        if start:
            self._pipeline.engine.start()
        _open.add(self)

    @property
    def pipeline(self) -> Pipeline:
        """Catalogue, engine and session, for the other surfaces of streamnb."""
        return self._pipeline

    @property
    def problems(self) -> list[str]:
        """List the stored statements that cannot be executed for now, and why."""
        return [f"{w.entry.text}: {w.problem}" for w in self._pipeline.waiting.values()]

    def __call__(self, text: str, params: Mapping[str, object] | None = None) -> Result | None:
        """Run statements as ``execute`` does and return the last one's result."""
        results = self.execute(text, params)
        return results[-1] if results else None

    def execute(self, text: str | StatementText, params: Mapping[str, object] | None = None) -> list[Result]:
        """Run statements one by one, in order: a script, or one statement that ``split_statements`` gave.

        ``params`` are what ``:name`` (a value) and ``{{name}}`` (a name) stand for; they become literals and names of
        the parsed statement, never text. Values: numbers, text, bool, None, bytes, dates, times, and lists and dicts.
        A statement that is kept, such as CREATE … AS SELECT, is kept with the literals in it.

        Raises: StreamnbError for the first statement that is refused; those before it stay executed.
        """
        with self._lock:
            self._check_open()
            if self._restorer.is_due:
                self._pipeline.engine.call(self._restorer.retry)
            statements = [text] if isinstance(text, StatementText) else split_statements(text)
            return [self._execute_one(statement, params) for statement in statements if statement.text.strip()]

    def _execute_one(self, text: StatementText, params: Mapping[str, object] | None) -> Result:
        span: Span | None = None
        try:
            try:
                variables = self._pipeline.session.variables
                statement = parse_statement(text, variables, params, strict=not self._beyond_ksqldb)
            except ParseFailedError as rejected:
                if not self._beyond_ksqldb:
                    raise
                return select_rejected(self._pipeline, text, params, rejected)
            if isinstance(statement, ast.Select) and statement.query.emit is None and self._beyond_ksqldb:
                return select(self._pipeline, statement.query, text, params, self.on_progress)
            span = statement.at if statement.at != ast.NO_SPAN else statement.span
            return self._dispatch(statement, text.text.strip(), params)
        except KsqlFunctionError as error:
            refused = KsqlStatementError(error.message, summary=error.summary, hint=error.hint, span=error.span)
            raise refused.at(text.script or text.text, span) from error
        except StreamnbError as error:
            raise error.at(text.script or text.text, span) from error.__cause__
        except RecursionError:
            raise KsqlStatementError(
                "The statement is nested too deeply.",
                summary="the statement is nested too deeply",
                hint="compute a part of it in a stream of its own",
                text=text.script or text.text,
            ) from None

    def sql(self, text: str, params: Mapping[str, object] | None = None) -> Rows:
        """Run one SELECT of DuckDB's over history: any topic (as ``topic."name"``), stream, table or processing log.

        ``params`` are what ``:name`` and ``{{name}}`` stand for, as in ``execute``.
        ``execute`` does so too, for what the stream SQL rejects; here nothing is taken for a pull or push query.
        Raises: StreamnbError when the SELECT is wrong or not allowed.
        """
        with self._lock:
            self._check_open()
            statements = split_statements(text)
            try:
                if len(statements) != 1:
                    raise ParseFailedError(f"Expected exactly one SELECT statement; found {len(statements)}")
                return select_over_history(self._pipeline, statements[0], params)
            except StreamnbError as error:
                raise error.at(text) from error.__cause__

    def _check_open(self) -> None:
        if self._closed:
            raise KsqlError("the workspace is closed", hint="connect again.")

    def _dispatch(self, statement: ast.Statement, text: str, params: Mapping[str, object] | None) -> Result:
        pipeline = self._pipeline
        if isinstance(statement, _STORED):
            return pipeline.engine.call(lambda: self._execute_stored(statement, text))
        if isinstance(statement, ast.InsertValues):
            return Message(text, pipeline.engine.call(lambda: self._insert(statement)))
        if isinstance(statement, ast.Select):
            if statement.query.emit is not None:
                live = push(pipeline, statement.query, text, self._forget)
                live.params = {name: (params or {})[name] for name in placeholders(text)}
                live.replan_by(lambda: self._start_again(live))
                self._lives[live.name] = live
                if live.feed.done:
                    self._forget(live)
                return live
            return pull(pipeline, statement.query, text, self.on_progress)
        if isinstance(statement, ast.Show):
            return show(pipeline, statement, text)
        if isinstance(statement, ast.Describe):
            return describe(pipeline, statement, text)
        if isinstance(statement, ast.Explain):
            return explain_statement(pipeline, statement, text)
        if isinstance(statement, ast.PrintTopic):
            return print_topic(pipeline, statement, text)
        if isinstance(statement, ast.RunScript):
            return run_script(statement, text, self._scripts, lambda script: self.execute(script, params))
        if isinstance(statement, ast.AssertTopic):
            return Message(text, assert_topic(pipeline, statement))
        if isinstance(statement, ast.AssertSchema):
            return Message(text, assert_schema(statement))
        return Message(text, change_session(pipeline.session, statement))

    def _start_again(self, live: Live) -> Live:
        """Start what a live query states with what its parameters hold now; the query that takes it over is ours."""
        anew = self.execute(live.statement, live.params)[-1]
        assert isinstance(anew, Live)
        with self._lock:
            if anew.name in self._lives:
                self._lives[anew.name] = live
        return anew

    def _insert(self, statement: ast.InsertValues) -> str:
        self._pipeline.outside.check()
        try:
            answer = insert_values(self._pipeline, statement)
        except BaseException:
            self._pipeline.engine.rewind()
            raise
        self._pipeline.engine.appended()
        return answer

    # On the engine's thread

    def _execute_stored(self, statement: ast.Statement, text: str) -> Message:
        """Execute a statement that changes the pipeline for good, and store it, in one transaction."""
        pipeline = self._pipeline
        pipeline.outside.check()
        kept = format_statement(statement) if placeholders(text) else text
        properties = dict(pipeline.session.properties)
        before = pipeline.snapshot()
        number = pipeline.engine.checkpoint.number("statement")
        try:
            with pipeline.store.transaction():
                answer, query_id = self._apply(statement, kept, properties)
                self._store(statement, kept, properties, query_id, before)
        except StoreBrokenError:
            pipeline.engine.recover()
            if pipeline.engine.checkpoint.number("statement") == number:
                pipeline.restore(before)
                raise
        except BaseException:
            pipeline.restore(before)
            raise
        self._restorer.note_change()
        return Message(text, answer, query_id)

    def _store(
        self,
        statement: ast.Statement,
        text: str,
        properties: Mapping[str, str],
        query_id: str | None,
        before: PipelineSnapshot,
    ) -> None:
        """Put a statement into the journal if it changed anything."""
        pipeline = self._pipeline
        pipeline.engine.checkpoint.next_number("statement")
        made = subject(statement, query_id)
        if made is not None and pipeline.changed(before):
            if "${" in text:  # variables are the session's, the journal stands for itself
                text = format_statement(statement)
            for waiting in list(pipeline.waiting.values()):
                if (waiting.entry.kind, waiting.entry.name) == made:
                    end_waiting(pipeline, waiting)
                    self._journal.remove(waiting.entry.id)
            self._journal.add(*made, text, properties, query_id)
        self._journal.settle(pipeline.present())

    def _apply(
        self, statement: ast.Statement, text: str, properties: Mapping[str, str], stored: Entry | None = None
    ) -> tuple[str, str | None]:
        """Execute a statement; ``stored`` is its journal entry when the pipeline is rebuilt."""
        pipeline = self._pipeline
        if isinstance(statement, ast.CreateAs):
            return create_as(pipeline, statement, text, properties, stored)
        if isinstance(statement, ast.InsertInto):
            return insert_select(pipeline, statement, text, properties, stored)
        if isinstance(statement, ast.CreateSource):
            return create_source(pipeline, statement, text, properties, replay=stored is not None), None
        if isinstance(statement, ast.AlterSource):
            return alter_source(pipeline, statement), None
        if isinstance(statement, ast.DropSource):
            return drop_source(pipeline, statement), None
        if isinstance(statement, ast.QueryControl):
            return control_query(pipeline, statement), None
        if isinstance(statement, ast.CreateType):
            return create_type(pipeline, statement), None
        if isinstance(statement, ast.DropType):
            return drop_type(pipeline, statement), None
        if isinstance(statement, ast.CreateConnector):
            return create_connector(pipeline, statement, replay=stored is not None), None
        if isinstance(statement, ast.AlterSystem):
            return alter_system(pipeline, statement, replay=stored is not None), None
        assert isinstance(statement, ast.DropConnector)
        return drop_connector(pipeline, statement), None

    def _restore(self, statement: ast.Statement, stored: Entry) -> None:
        self._apply(statement, stored.text, stored.properties, stored)

    def _forget(self, live: Live) -> None:
        self._lives.pop(live.name, None)

    # What surfaces ask for

    def lives(self) -> list[Live]:
        """List the push queries that were started and not stopped."""
        return list(self._lives.values())

    def script(self) -> str:
        """Write the statements that build this pipeline anew, in order and with their settings: for ``streamnb run``.

        Secrets of connectors are written as they are.
        """
        return pipeline_script(self._pipeline.engine.call(self._journal.entries))

    def close(self) -> None:
        """Stop all queries and close the file; queries of a file go on when it is opened again."""
        if self._closed:
            return
        self._closed = True
        _open.discard(self)
        for live in self.lives():
            live.stop()
        self._pipeline.engine.close()
        self._pipeline.outside.close()
        self._pipeline.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        catalog = self._pipeline.catalog
        return f"<Workspace {self.url}: {len(list(catalog))} sources, {len(catalog.queries)} queries>"


_open: set[Workspace] = set()  # not weak: one that its user lost runs on, and must be closed at exit


@atexit.register
def _close_all() -> None:
    """End engine threads before the interpreter does: a thread inside DuckDB at exit aborts the process."""
    for workspace in list(_open):
        workspace.close()
