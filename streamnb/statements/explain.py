"""EXPLAIN: the plan of a statement or of a running query, with the DuckDB statements of one micro-batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streamnb.backends.duckdb.compile import compile_plan
from streamnb.backends.duckdb.operator import Mode
from streamnb.backends.duckdb.steps import Fold, KeyedStep, Repeat, Statement, TimeStep, When
from streamnb.catalog import DataSource
from streamnb.errors import KsqlError
from streamnb.plan.clauses import QueryContext
from streamnb.plan.explain import Explanation
from streamnb.plan.logical import QueryPlan
from streamnb.plan.query import plan_query
from streamnb.plan.sinks import plan_create_as, plan_insert_select
from streamnb.results import Rows
from streamnb.schema import STRING
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement
from streamnb.statements.persistent import query_advice
from streamnb.statements.pipeline import Pipeline

__all__ = ["explain_statement"]


@dataclass(frozen=True)
class _Explained:
    """The statement to explain, the text it was parsed from, where in a script that begins, and its query's id."""

    statement: ast.Select | ast.CreateAs | ast.InsertInto
    text: str
    start: int
    query_id: str | None


def explain_statement(pipeline: Pipeline, statement: ast.Explain, text: str) -> Rows:
    """Draw the plan of a statement or of a running query, tell what the columns of each of its steps are, and show
    the DuckDB statements of one micro-batch.
    """
    explained = _explained(pipeline, statement, text)
    plan, sink = _planned(pipeline, explained)
    id_ = explained.query_id
    program = compile_plan(plan.root, id_ or "EXPLAINED", Mode.LAST, durable=id_ is not None)
    explanation = Explanation(plan, explained.statement.query, explained.text, explained.start, sink)
    rows: list[tuple[Any, ...]] = [("plan", line) for line in explanation.lines()]
    for step in program.steps:
        title, columns = _brief(explanation.title(step.node)), ", ".join(explanation.columns(step.node))
        rows.append((f"names in {step.name}", f"{title}: {columns}"))
    for step in program.steps:
        rows += [(f"sql of {step.name}{part}", sql) for s in step.statements for part, sql in _texts(s)]
    return Rows(text, (("Part", STRING), ("Text", STRING)), rows, "Plan", diagram=explanation.diagram())


def _planned(pipeline: Pipeline, explained: _Explained) -> tuple[QueryPlan, DataSource | None]:
    """Plan a query, and the source it writes to, if any."""
    statement, catalog, env = explained.statement, pipeline.catalog, pipeline.env()
    if isinstance(statement, ast.CreateAs):
        created = plan_create_as(statement, catalog, env, explained.text)
        return created.query, created.sink
    if isinstance(statement, ast.InsertInto):
        inserted = plan_insert_select(statement, catalog, env)
        return inserted.query, inserted.sink
    return plan_query(statement.query, QueryContext(catalog, env, "PUSH", "EXPLAINED")), None


def _brief(title: str) -> str:
    """Name an operator by the first words of its title, which the plan has in full."""
    if title.startswith("select "):
        return "select"
    return title.split(":", 1)[0] if title.startswith("read ") else title


def _texts(step: Statement) -> list[tuple[str, str]]:
    """List the DuckDB statements of a step, with what they are in it."""
    if isinstance(step, When):
        either = [(", then", text) for inner in step.then for _, text in _texts(inner)]
        either += [(", else", text) for inner in step.otherwise for _, text in _texts(inner)]
        return [(", if", step.condition), *either]
    if isinstance(step, Repeat):
        rounds = [(", each time", statement) for statement in (step.first, *step.rest)]
        return [(", as often as", step.times), *rounds]
    if isinstance(step, KeyedStep):
        return [("", statement) for statement in step.scanned]
    if isinstance(step, TimeStep):
        open_ = [(", if no window closes", text) for text in (step.clock.move(1), step.find, *step.quick)]
        exact = [(", if a window closes", text) for text in step.exact]
        log = (", if records failed", step.log)
        return [("", step.spans), log, *open_, (", if another window begins", step.leave), *exact]
    if isinstance(step, Fold):
        return []
    return [("", step)]


def _explained(pipeline: Pipeline, statement: ast.Explain, text: str) -> _Explained:
    """Find the statement to explain. Raises: KsqlError when it is no query, or there is no query of the id."""
    inner, source, start, query_id = statement.statement, text, statement.span.start, None
    if statement.query_id is not None:
        ids = {q.upper(): info for q, info in pipeline.catalog.queries.items()}
        info = ids.get(statement.query_id.upper())
        if info is None:
            raise KsqlError(
                f"Query with id:{statement.query_id} does not exist, use SHOW QUERIES to view the full set of queries.",
                summary=f"query {statement.query_id} does not exist",
                hint=query_advice(pipeline, statement.query_id),
                span=statement.at,
            )
        inner, source, start, query_id = parse_statement(info.statement), info.statement, 0, info.id
    if isinstance(inner, ast.Select | ast.CreateAs | ast.InsertInto):
        return _Explained(inner, source, start, query_id)
    raise KsqlError(
        "The provided statement does not run a ksql query",
        summary="only a query has a plan",
        hint="explain a SELECT, a CREATE ... AS SELECT, an INSERT INTO ... SELECT, or the id of a running query.",
        span=inner.span if inner is not None else None,
    )
