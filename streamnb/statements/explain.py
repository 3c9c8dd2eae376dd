"""EXPLAIN: the plan of a statement or of a running query, with the DuckDB statements of one micro-batch."""

from __future__ import annotations

from typing import Any

from streamnb.backends.duckdb.compile import compile_plan
from streamnb.backends.duckdb.operator import Mode, Repeat, Statement, When
from streamnb.errors import KsqlError
from streamnb.plan.clauses import QueryContext
from streamnb.plan.explain import explain
from streamnb.plan.query import plan_query
from streamnb.results import Rows
from streamnb.schema import STRING
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement
from streamnb.statements.persistent import query_advice
from streamnb.statements.pipeline import Pipeline

__all__ = ["explain_statement"]


def explain_statement(pipeline: Pipeline, statement: ast.Explain, text: str) -> Rows:
    """Draw the plan of a statement or of a running query, with the DuckDB statements of one micro-batch."""
    query = _explained(pipeline, statement)
    plan = plan_query(query, QueryContext(pipeline.catalog, pipeline.env(), _kind(pipeline, statement), "EXPLAINED"))
    program = compile_plan(plan.root, "EXPLAINED", Mode.LAST, durable=False)
    rows: list[tuple[Any, ...]] = [("plan", line) for line in explain(plan)]
    for i, step in enumerate(program.statements, start=1):
        rows += [(f"duckdb {i}{part}", statement) for part, statement in _texts(step)]
    return Rows(text, (("Part", STRING), ("Text", STRING)), rows, "Plan")


def _texts(step: Statement) -> list[tuple[str, str]]:
    """List the DuckDB statements of a step, with what they are in it."""
    if isinstance(step, When):
        either = [(", then", statement) for statement in step.then]
        return [(", if", step.condition), *either, *((", else", statement) for statement in step.otherwise)]
    return [("", step.first if isinstance(step, Repeat) else step)]


def _explained(pipeline: Pipeline, statement: ast.Explain) -> ast.Query:
    inner = statement.statement
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
        inner = parse_statement(info.statement)
    if isinstance(inner, ast.Select | ast.CreateAs | ast.InsertInto):
        return inner.query
    raise KsqlError(
        "The provided statement does not run a ksql query",
        summary="only a query has a plan",
        hint="explain a SELECT, a CREATE ... AS SELECT, an INSERT INTO ... SELECT, or the id of a running query.",
        span=inner.span if inner is not None else None,
    )


def _kind(pipeline: Pipeline, statement: ast.Explain) -> str:
    inner = statement.statement
    if isinstance(inner, ast.Select):
        return "PUSH"
    if isinstance(inner, ast.CreateAs):
        return inner.kind
    info = next(
        (i for q, i in pipeline.catalog.queries.items() if q.upper() == (statement.query_id or "").upper()), None
    )
    return {"CTAS": "TABLE", "CSAS": "STREAM"}.get(info.kind if info else "", "INSERT")
