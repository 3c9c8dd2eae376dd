"""A statement written out as ksqlDB has it in some messages: every column with its source, every item with its name."""

from __future__ import annotations

from dataclasses import replace

from streamnb.catalog import Catalog
from streamnb.plan.clauses import RelationScope
from streamnb.plan.expressions import Env, type_expression
from streamnb.plan.joins import plan_from
from streamnb.plan.projection import expand_items
from streamnb.plan.relations import Relation
from streamnb.sql import ast
from streamnb.sql.printer import format_name, format_query

__all__ = ["written_out"]


def written_out(statement: ast.CreateAs, catalog: Catalog, env: Env) -> str:
    """Write a statement whose query has been planned, so that all its names are known; its WITH clause is left out."""
    query = statement.query
    relation = plan_from(query, catalog, env)
    scope = RelationScope(relation, "SELECT")
    items = expand_items(query, relation, lambda e: type_expression(e, scope, env).type)
    full = replace(
        query,
        items=tuple(ast.SelectItem(relation.canonical(i.expression, "SELECT"), i.name) for i in items),
        where=_whole(query.where, relation),
        group_by=tuple(relation.canonical(e, "GROUP BY") for e in query.group_by),
        having=_whole(query.having, relation),
        emit=query.emit or "CHANGES",
    )
    return f"CREATE {statement.kind} {format_name(statement.name)} AS {format_query(full, every_alias=True)}"


def _whole(expression: ast.Expression | None, relation: Relation) -> ast.Expression | None:
    return None if expression is None else relation.canonical(expression, "WHERE")
