"""One statement through everything that happens to it, and what must hold there, whatever it says.

Nothing but StreamnbError is raised, and every one can be drawn; what parses prints as itself; nothing takes a second;
and every text for DuckDB is one statement in which the user's names and texts stand in quotes.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, TypeVar
from unittest import mock

import duckdb

from streamnb.backends.duckdb.compile import compile_plan
from streamnb.backends.duckdb.operator import Mode
from streamnb.backends.duckdb.steps import texts_of
from streamnb.duck import Sql
from streamnb.errors import ParseFailedError, StreamnbError
from streamnb.plan.clauses import QueryContext
from streamnb.plan.logical import QueryPlan
from streamnb.plan.query import plan_query
from streamnb.plan.sinks import plan_create_as, plan_insert_select
from streamnb.sql import ast
from streamnb.sql.parser import StatementText, accepted_tokens, parse_statement, split_statements
from streamnb.sql.printer import format_statement
from streamnb.store import Store
from streamnb.workspace import Workspace
from tests.fuzz.generate import generator
from tests.fuzz.mutate import mutated, texts
from tests.fuzz.vocabulary import CATALOGUE, MARK, PARAMETERS, VARIABLES, evil_text
from tests.pipelines import workspace
from tests.properties.queries import COLUMNS, draw_query

__all__ = ["SECONDS_MAX", "Trials", "draw"]

T = TypeVar("T")
SECONDS_MAX = 1.0
"""What a statement may take; a longer text may take as much for every ``LONG`` characters: one that is all brackets
and does not parse is read three times, at some 20 microseconds a character."""
LONG = 25_000
DEEP = 400
"""Only a longer text can be nested too deeply."""
_EXECUTED = 0.02
"""The share of statements that go through the workspace's door and are taken back; it takes twenty times as long."""
_READ = 0.25
"""The share of DuckDB texts that DuckDB parses; all are looked through for what stands outside quotes."""
_QUOTED = re.compile(r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'", re.DOTALL)
_LOOSE = re.compile(rf"{MARK}|['\"`;]|--|/\*|\$\$", re.IGNORECASE)
_SIDE_EFFECTS = ast.CreateConnector | ast.RunScript | ast.PrintTopic


def draw(seed: int, index: int) -> str:
    """Draw a run's statement: from the grammar, a broken one of other tests, or a query that is valid."""
    rng = random.Random(f"{seed}:{index}")
    kind = rng.random()
    if kind < 0.45:
        return generator().statement(rng)
    return mutated(rng) if kind < 0.9 else _valid(rng)


def _valid(rng: random.Random) -> str:
    """Draw a query whose types fit; texts in it try to break out."""
    text = str(draw_query(rng)).replace(" FROM S", " FROM TYPED", 1)
    text = text.replace("'a'", evil_text(rng)).replace("'abc'", evil_text(rng))
    return f"{text} EMIT CHANGES"


class Trials:
    """A pipeline in memory that statements are tried on; the counts of how far they came."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._nb = self._open()
        self._rng = random.Random(0)
        self._is_spoilt = False
        self.counts = {"drawn": 0, "parsed": 0, "planned": 0, "executed": 0, "DuckDB texts": 0}
        self.slowest = (0.0, "")

    def _open(self) -> Workspace:
        self._stack.close()
        self._nb = self._stack.enter_context(workspace())
        self._nb(CATALOGUE)
        columns = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
        self._nb(f"CREATE STREAM TYPED ({columns}) WITH (KAFKA_TOPIC='typed', VALUE_FORMAT='JSON', PARTITIONS=1);")
        self._create_sources()
        self._nb.pipeline.session.variables.update(VARIABLES)
        self._is_spoilt = False
        return self._nb

    def _create_sources(self) -> None:
        """Create the sources that the statements of the other tests are about, as far as names are free."""
        pipeline = self._nb.pipeline
        for text in texts():
            with suppress(StreamnbError):
                statement = parse_statement(text)
                if isinstance(statement, ast.CreateSource) and pipeline.catalog.get(statement.name) is None:
                    topic = next((p.value for p in statement.properties if p.name.upper() == "KAFKA_TOPIC"), None)
                    if isinstance(topic, ast.StringLiteral) and pipeline.engine.log.topic(topic.value) is None:
                        pipeline.engine.log.create_topic(topic.value)
                    self._nb(text)

    def close(self) -> None:
        """Close the pipeline."""
        self._stack.close()

    def check(self, text: str, seed: int) -> None:
        """Try a statement. Raises: whatever escaped, AssertionError for what does not hold."""
        self.counts["drawn"] += 1
        if self._is_spoilt:
            self._open()
        seconds_max = SECONDS_MAX * max(1.0, len(text) / LONG)
        for left in (2, 1, 0):
            self._rng.seed(seed)
            began = time.process_time()
            self._try(text)
            seconds = time.process_time() - began
            if seconds < seconds_max or self._is_spoilt:
                break
            assert left, f"the statement took {seconds:.1f} s"
        self.slowest = max(self.slowest, (seconds, text))

    def _try(self, text: str) -> None:
        statement = _refused(lambda: parse_statement(text, VARIABLES, PARAMETERS, test_tool=True), text)
        if self._rng.random() < 0.02:
            accepted_tokens(text[: self._rng.randrange(len(text) + 1)])
        if statement is not None:
            self.counts["parsed"] += 1
            self._print(statement, text)
            planned = _refused(lambda: self._plan(statement, text), text)
            self.counts["planned"] += planned is not None
        if self._rng.random() < _EXECUTED and not isinstance(statement, _SIDE_EFFECTS):
            _refused(lambda: self._execute(text, statement), text)

    def _print(self, statement: ast.Statement, text: str) -> None:
        try:
            printed = format_statement(statement)
            again = parse_statement(printed, test_tool=True)
            same = again == statement
        except (ParseFailedError, RecursionError) as error:
            assert len(text) > DEEP, f"does not print as a statement: {error}"
        else:
            assert same, f"prints as another statement: {printed}"

    # Planning

    def _plan(self, statement: ast.Statement, text: str) -> bool | None:
        plan = self._query_plan(statement, text)
        if plan is None:
            return None
        mode = self._rng.choice((Mode.EVERY, Mode.LAST))
        program = compile_plan(plan.root, "fuzz", mode, durable=False)
        for table in program.tables:
            self._read(table.create())
        for step in program.statements:
            for piece in texts_of(step):
                self._read(piece)
        return True

    def _query_plan(self, statement: ast.Statement, text: str) -> QueryPlan | None:
        pipeline = self._nb.pipeline
        catalog, env = pipeline.catalog, pipeline.env()
        if isinstance(statement, ast.CreateAs):
            return plan_create_as(statement, catalog, env, text).query
        if isinstance(statement, ast.InsertInto):
            return plan_insert_select(statement, catalog, env).query
        if isinstance(statement, ast.Select):
            kind = "PULL" if statement.query.emit is None else "PUSH"
            return plan_query(statement.query, QueryContext(catalog, env, kind))
        return None

    # Execution

    def _execute(self, text: str, statement: ast.Statement | None) -> None:
        """Run a statement through the door, as a cell would, and take back what it changed."""
        pipeline, session = self._nb.pipeline, self._nb.pipeline.session
        before, properties, variables = pipeline.snapshot(), dict(session.properties), dict(session.variables)
        try:
            with _statements_seen(self._read):
                for part in split_statements(text)[:3]:
                    _refused(partial(self._run, part), text)
        finally:
            for live in self._nb.lives():
                live.stop()
            gone = before.queries.keys() - pipeline.engine.queries.keys()
            gone |= {s.name for s in before.catalog} - {s.name for s in pipeline.catalog}
            pipeline.restore(before)
            session.properties, session.variables = properties, variables
            self.counts["executed"] += 1
            self._is_spoilt = bool(gone)  # with tables and topics

    def _run(self, part: StatementText) -> None:
        if isinstance(parse_statement(part.text, VARIABLES, PARAMETERS), ast.AssertTopic):
            return  # it waits as long as it says
        for result in self._nb.execute(part, PARAMETERS):
            repr(result)

    # What DuckDB gets

    def _read(self, statement: Sql) -> None:
        """Look at a text that DuckDB gets: is it one statement, and is nothing of the user's outside quotes?"""
        self.counts["DuckDB texts"] += 1
        loose = _LOOSE.search(_QUOTED.sub("", statement))
        assert loose is None, f"{loose[0]!r} stands outside quotes: {statement}"
        if self._rng.random() < _READ:
            found = duckdb.extract_statements(statement)
            assert len(found) == 1, f"{len(found)} statements: {statement}"


def _refused(action: Callable[[], T], text: str) -> T | None:
    """Do something that may be refused; the error must be one of ours, and one that can be drawn."""
    try:
        return action()
    except StreamnbError as error:
        drawn = error.at(text).render()
        assert drawn.startswith("error: "), drawn
        assert error._render_traceback_()
    except RecursionError:  # which the workspace refuses
        assert len(text) > DEEP
    return None


@contextmanager
def _statements_seen(see: Callable[[Sql], None]) -> Iterator[None]:
    rows, arrow = Store.rows, Store.arrow

    def seen_rows(store: Store, statement: Sql, *rest: Any) -> object:
        see(statement)
        return rows(store, statement, *rest)

    def seen_arrow(store: Store, statement: Sql, *rest: Any) -> object:
        see(statement)
        return arrow(store, statement, *rest)

    with mock.patch.object(Store, "rows", seen_rows), mock.patch.object(Store, "arrow", seen_arrow):
        yield
