"""SELECT: from its syntax tree to a typed plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from streamnb.errors import KsqlStatementError
from streamnb.plan.clauses import QueryContext, RelationScope, type_predicate
from streamnb.plan.composed import check_plain, is_composed, plan_composed
from streamnb.plan.expressions import Env, type_expression
from streamnb.plan.formats import check_no_maps
from streamnb.plan.grouping import is_aggregation, plan_aggregation
from streamnb.plan.joins import plan_from
from streamnb.plan.logical import Filter, PlanNode, Project, QueryPlan
from streamnb.plan.projection import (
    Item,
    KeyRule,
    check_aliases,
    check_names,
    check_unique,
    expand_items,
    split_items,
    untyped,
)
from streamnb.plan.relations import Relation, column_refs
from streamnb.plan.scope import UnresolvedColumnError
from streamnb.plan.tablefunctions import plan_table_functions, table_calls
from streamnb.plan.typed import Typed, TypedColumn
from streamnb.schema import Column, SqlType
from streamnb.sql import ast
from streamnb.sql.printer import format_expression

__all__ = ["plan_query"]

SYNTHETIC_KEY = (
    "\n{} was added as a synthetic key column because the join criteria did not match any source column. "
    "This expression must be included in the projection and may be aliased."
)


def plan_query(query: ast.Query, context: QueryContext) -> QueryPlan:
    """Plan a SELECT.

    Raises: KsqlStatementError and its kin, with ksqlDB's wording and the span of the place.
    """
    if context.kind != "PUSH":
        check_plain(query, context.kind)
    try:
        if is_composed(query):
            return plan_composed(query, lambda branch: _plan(branch, context))
        return _plan(query, context)
    except UnresolvedColumnError as error:
        error.hint = _alias_advice(query, error) or error.hint
        raise


def _plan_inner(ref: ast.SubQuery, context: QueryContext) -> QueryPlan:
    """Plan a sub-query in FROM."""
    query = ref.query
    if query.limit is not None and not query.order_by:
        raise KsqlStatementError(
            "LIMIT in a sub-query needs an ORDER BY.",
            hint="which rows come first is told by ORDER BY; LIMIT at the end ends the whole query.",
            span=ref.span,
        )
    return plan_query(query, replace(context, kind="PUSH"))


def _alias_advice(query: ast.Query, error: UnresolvedColumnError) -> str | None:
    """Tell that a name which is no column is that of a result, which only comes to be after the other clauses."""
    parts = [p for p in (query.where, query.having, *query.group_by, *query.partition_by) if p is not None]
    missing = next((r.name for part in parts for r in column_refs(part) if r.span == error.span), None)
    named = next((i for i in query.items if isinstance(i, ast.SelectItem) and i.alias == missing and missing), None)
    if named is None:
        return None
    return f"{missing} names a result; other clauses write what it is: {format_expression(named.expression)}"


def _plan(query: ast.Query, context: QueryContext) -> QueryPlan:
    relation = plan_from(query, context.catalog, context.env, lambda ref: _plan_inner(ref, context))
    if context.persistent:
        check_aliases(query)
    _check_clauses(query, relation, context)
    if query.where is not None:
        predicate = type_predicate(query.where, relation, "WHERE", context.env, of_pull=context.kind == "PULL")
        node = relation.node
        filtered = Filter(node.keys, node.values, node.windowed, node.is_table, node, predicate)
        relation = replace(relation, node=filtered)
    if is_aggregation(query, context.env.registry):
        for call in table_calls(query.items, context.env.registry):
            raise KsqlStatementError("Table functions cannot be used with aggregations.", span=call.span)
        return plan_aggregation(query, relation, context)
    relation, query = plan_table_functions(query, relation, context.env)
    return _plan_projection(query, relation, context)


def _check_clauses(query: ast.Query, relation: Relation, context: QueryContext) -> None:
    if query.emit == "FINAL" and query.window is None:
        raise KsqlStatementError(
            "EMIT FINAL is only supported for windowed aggregations.",
            hint="add a WINDOW, or write EMIT CHANGES.",
            span=query.span,
        )
    if query.window is not None and not is_aggregation(query, context.env.registry):
        raise KsqlStatementError(
            "WINDOW clause requires a GROUP BY clause.",
            hint="add GROUP BY and an aggregate such as COUNT(*), or leave WINDOW out.",
            span=query.window.span,
        )
    if query.having is not None and not query.group_by and not is_aggregation(query, context.env.registry):
        raise KsqlStatementError(
            "HAVING requires a GROUP BY clause.", hint="write WHERE for single rows.", span=query.having.span
        )
    if query.partition_by and relation.is_table():
        raise KsqlStatementError(
            "Invalid PARTITION BY: PARTITION BY is only supported on streams, not on tables.",
            hint="use GROUP BY to give a table another key.",
            span=query.partition_by[0].span,
        )
    if context.kind == "PULL" and relation.is_table():
        _check_pull_columns(query)
    if context.persistent and relation.is_table() and relation.node.windowed:
        raise KsqlStatementError("KSQL does not support persistent queries on windowed tables.", span=query.source.span)


def _check_pull_columns(query: ast.Query) -> None:
    """Refuse columns that the rows of a table do not have."""
    clauses: dict[str, Sequence[ast.Node]] = {
        "SELECT": query.items,
        "WHERE": (query.where,) if query.where is not None else (),
    }
    for clause, parts in clauses.items():
        found = [r for part in parts for r in column_refs(part) if r.name in ("ROWPARTITION", "ROWOFFSET")]
        if found:
            shown = ", ".join(dict.fromkeys(f"`{r.name}`" for r in found))
            raise KsqlStatementError(
                f"Pull queries don't support the following columns in {clause} clauses: {shown}", span=found[0].span
            )


def _plan_projection(query: ast.Query, relation: Relation, context: QueryContext) -> QueryPlan:
    """Plan the select list of a query without aggregation."""
    scope = RelationScope(relation, "SELECT")
    bounds = not context.persistent and relation.node.windowed
    items = expand_items(query, relation, lambda e: type_expression(e, scope, context.env).type, with_bounds=bounds)
    canonical = [relation.canonical(i.expression, "SELECT") for i in items]
    if not context.persistent:
        return _transient(query, relation, items, context)
    typed = {id(i): type_item(i.expression, scope, context.env) for i in items}
    rule, key_exprs = _key_rule(query, relation, context)
    if _key_may_go(query, relation, context) and not all(set(r) & set(canonical) for r in rule.candidates):
        rule, key_exprs = KeyRule((), rule.noun), []
    key_items, value_items = split_items(items, canonical, rule, context.sink)
    typed_values = [(i, typed[id(i)]) for i in value_items]
    untyped(typed_values)
    keys = tuple(Column(item.name, _known(typed)) for item, typed in zip(key_items, key_exprs, strict=True))
    values = tuple(Column(item.name, _known(typed)) for item, typed in typed_values)
    check_no_maps(keys)
    by_star = bool(query.partition_by) and any(isinstance(i, ast.Star) for i in query.items)
    check_names(keys, values, persistent=True, by_star=by_star)
    node: PlanNode = Project(
        keys=tuple(c.type for c in keys),
        values=tuple(c.type for c in values),
        windowed=relation.node.windowed and not query.partition_by,
        is_table=relation.node.is_table,
        input=relation.node,
        key_exprs=tuple(key_exprs),
        value_exprs=tuple(t for _, t in typed_values),
        partitioned=bool(query.partition_by),
        names=tuple(c.name for c in values),
    )
    return QueryPlan(node, keys, values, (), relation.sources, query.limit, query.emit)


def _key_may_go(query: ast.Query, relation: Relation, context: QueryContext) -> bool:
    """Tell whether a stream whose key is not selected has no key: so ksqlDB's new planner has it."""
    enabled = context.env.config.get("ksql.new.query.planner.enabled", "false").lower() == "true"
    return enabled and not (relation.is_table() or relation.prefixed or query.partition_by)


def type_item(expression: ast.Expression, scope: RelationScope, env: Env) -> Typed:
    """Type an expression of the select list. Raises: KsqlStatementError."""
    try:
        return type_expression(expression, scope, env)
    except UnresolvedColumnError:
        raise
    except KsqlStatementError as error:
        raise KsqlStatementError(
            f"Invalid Select: {error.message}",
            summary=error.summary or error.message.split("\n", 1)[0].rstrip("."),
            hint=error.hint,
            text=error.text,
            span=error.span,
        ) from error


def _known(typed: Typed) -> SqlType:
    assert typed.type is not None
    return typed.type


def _key_rule(query: ast.Query, relation: Relation, context: QueryContext) -> tuple[KeyRule, list[Typed]]:
    """Find what the result's key columns are, and the expressions that compute them."""
    if query.partition_by:
        return _partition_rule(query, relation, context)
    exprs: list[Typed] = list(_key_columns(relation))
    noun = "join expression" if relation.prefixed else "key column"
    note = SYNTHETIC_KEY.format(relation.keys[0][0].name) if relation.synthetic_key else ""
    rule = KeyRule(
        relation.keys,
        noun,
        of_join=relation.prefixed,
        unqualified=not relation.prefixed,
        note=note,
        foreign_of=relation.foreign_of,
    )
    return rule, exprs


def _key_columns(relation: Relation) -> tuple[TypedColumn, ...]:
    """List the key columns of a relation under the names they are known by."""
    return tuple(
        TypedColumn(column=f"k{i}", type=type_, label=format_expression(refs[0]) if relation.prefixed else refs[0].name)
        for i, (type_, refs) in enumerate(zip(relation.node.keys, relation.keys, strict=True))
    )


def _partition_rule(query: ast.Query, relation: Relation, context: QueryContext) -> tuple[KeyRule, list[Typed]]:
    if any(isinstance(e, ast.NullLiteral) for e in query.partition_by):
        if len(query.partition_by) > 1:
            raise KsqlStatementError(
                "Cannot PARTITION BY multiple columns including NULL", span=query.partition_by[0].span
            )
        return KeyRule((), "partitioning expression"), []
    canonical = [relation.canonical(e, "PARTITION BY") for e in query.partition_by]
    scope = RelationScope(relation, "PARTITION BY")
    typed = [type_expression(e, scope, context.env) for e in query.partition_by]
    return KeyRule(tuple((e,) for e in canonical), "partitioning expression"), typed


def _transient(query: ast.Query, relation: Relation, items: Sequence[Item], context: QueryContext) -> QueryPlan:
    """Plan a push or pull query: the node keeps its key, and every selected column is a value column."""
    node = relation.node
    if query.partition_by:
        raise (
            KsqlStatementError("PARTITION BY is only supported in persistent queries.", span=query.partition_by[0].span)
            if context.kind == "PULL"
            else KsqlStatementError(
                "Push queries do not support PARTITION BY clauses.",
                hint="leave it out, or write CREATE STREAM name AS SELECT ... PARTITION BY ...",
                span=query.partition_by[0].span,
            )
        )
    scope = RelationScope(relation, "SELECT")
    typed = [(i, type_item(i.expression, scope, context.env)) for i in items]
    untyped(typed)
    columns = tuple(Column(i.name, _known(t)) for i, t in typed)
    if context.kind == "PULL":
        check_unique((), columns)
    keys = _key_columns(relation)
    project = Project(
        keys=node.keys,
        values=tuple(c.type for c in columns),
        windowed=node.windowed,
        is_table=node.is_table,
        input=node,
        key_exprs=keys,
        value_exprs=tuple(t for _, t in typed),
        names=tuple(c.name for c in columns),
    )
    order = tuple((c, f"v{i}") for i, c in enumerate(columns))
    return QueryPlan(project, (), columns, order, relation.sources, query.limit, query.emit)
