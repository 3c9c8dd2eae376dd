"""Golden plans: statements in a file, each followed by the lines of its plan, or of its error, behind ``->``.

A statement that declares a source is run and has no lines. Lines that begin with ``#`` are for people.
"""

from __future__ import annotations

from pathlib import Path

from streamnb.catalog import Catalog
from streamnb.errors import StreamnbError
from streamnb.functions.registry import default_registry
from streamnb.plan.clauses import QueryContext
from streamnb.plan.env import Env
from streamnb.plan.explain import Explanation
from streamnb.plan.query import plan_query
from streamnb.plan.sinks import plan_create_as, plan_insert_select
from streamnb.plan.sources import plan_source
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement

GOLDEN_FILES = sorted((Path(__file__).parent / "golden").glob("*.txt"))
ARROW = "->"


def rewritten(text: str) -> str:
    """Write a golden file's text anew: its statements and comments with what they give now."""
    catalog, env = Catalog(), Env(default_registry())
    lines: list[str] = []
    statement: list[str] = []
    for line in text.splitlines():
        if line.startswith(ARROW):
            continue
        lines.append(line)
        if not statement and (not line.strip() or line.startswith("#")):
            continue
        statement.append(line)
        if line.rstrip().endswith(";"):
            lines += [f"{ARROW} {shown}".rstrip() for shown in _shown("\n".join(statement), catalog, env)]
            statement = []
    if statement:
        raise ValueError(f"a statement has no semicolon at its end: {statement[0]}")
    return "\n".join(lines) + "\n"


def _shown(text: str, catalog: Catalog, env: Env) -> list[str]:
    try:
        statement = parse_statement(text)
        if isinstance(statement, ast.CreateSource):
            catalog.put(plan_source(statement, env, text))
            return []
        if isinstance(statement, ast.CreateAs):
            planned = plan_create_as(statement, catalog, env, text)
            catalog.put(planned.sink)
            return Explanation(planned.query, statement.query, text, sink=planned.sink).lines()
        if isinstance(statement, ast.InsertInto):
            inserted = plan_insert_select(statement, catalog, env)
            return Explanation(inserted.query, statement.query, text, sink=inserted.sink).lines()
        assert isinstance(statement, ast.Select)
        plan = plan_query(statement.query, QueryContext(catalog, env, "PUSH", "GOLDEN"))
        return Explanation(plan, statement.query, text).lines()
    except StreamnbError as error:
        return error.at(text).render().split("\n")
