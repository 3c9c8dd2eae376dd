"""Table functions in a select list: their calls become columns of a FlatMap below the projection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from streamnb.errors import KsqlStatementError
from streamnb.functions.registry import Registry
from streamnb.plan.clauses import RelationScope
from streamnb.plan.expressions import Env, coerce, type_expression
from streamnb.plan.logical import FlatMap
from streamnb.plan.relations import Entry, Relation, rewrite
from streamnb.schema import Array, SqlType
from streamnb.sql import ast

__all__ = ["plan_table_functions", "table_calls"]


def plan_table_functions(query: ast.Query, relation: Relation, env: Env) -> tuple[Relation, ast.Query]:
    """Move the table function calls of a select list into a FlatMap.

    Returns the relation with a column for each call, and the query with the calls replaced by these columns.
    Raises: KsqlStatementError for calls inside other table functions, or over a table.
    """
    calls: list[ast.Call] = []
    for item in query.items:
        calls += [c for c in table_calls(item, env.registry) if c not in calls]
    if not calls:
        return relation, query
    if relation.is_table():
        raise KsqlStatementError("Table source is not supported with table functions", span=calls[0].span)
    scope = RelationScope(relation, "SELECT")
    resolved = []
    for call in calls:
        if any(True for arg in call.args for _ in table_calls(arg, env.registry)):
            raise KsqlStatementError(f"Table functions can't be nested: {call.name}", span=call.span)
        typed = [type_expression(a, scope, env) for a in call.args if not isinstance(a, ast.Star)]
        function = env.registry.resolve_table(call.name, [t.type for t in typed])
        args = [t if p is None else coerce(t, p) for t, p in zip(typed, function.param_types, strict=True)]
        resolved.append((function, tuple(args)))
    types = [_element(function.return_type, call) for (function, _), call in zip(resolved, calls, strict=True)]
    node = relation.node
    flat = FlatMap(
        keys=node.keys,
        values=(*node.values, *types),
        windowed=node.windowed,
        is_table=False,
        input=node,
        calls=tuple(resolved),
        spans=tuple(call.span for call in calls),
    )
    source = relation.entries[0].source
    first = len(node.values)
    entries = [Entry(source, f"#f{i}", f"v{first + i}", t, system=True) for i, t in enumerate(types)]

    def change(expression: ast.Expression) -> ast.Expression | None:
        if isinstance(expression, ast.Call) and expression in calls:
            return ast.ColumnRef(f"#f{calls.index(expression)}", source, span=expression.span)
        return None

    items = tuple(
        ast.SelectItem(rewrite(i.expression, change), _alias(i), span=i.span) if isinstance(i, ast.SelectItem) else i
        for i in query.items
    )
    items = _name_unnamed(query, items)
    return replace(relation, node=flat, entries=(*relation.entries, *entries)), replace(query, items=items)


def _alias(item: ast.SelectItem) -> str | None:
    return item.alias


def _name_unnamed(query: ast.Query, items: tuple[Any, ...]) -> tuple[Any, ...]:
    """Name the columns that had none before their calls were replaced, as ksqlDB numbers them."""
    named: list[Any] = []
    unnamed = 0
    for before, after in zip(query.items, items, strict=True):
        own = before.expression if isinstance(before, ast.SelectItem) and before.alias is None else None
        if own is not None and not isinstance(own, ast.ColumnRef | ast.FieldRef):
            after = replace(after, alias=f"KSQL_COL_{unnamed}")
            unnamed += 1
        named.append(after)
    return tuple(named)


def _element(type_: SqlType | None, call: ast.Call) -> SqlType:
    if not isinstance(type_, Array):
        raise KsqlStatementError(
            f"The type of the rows of {call.name} is not known.",
            summary=f"the type of what {call.name} returns is not known",
            hint="write CAST(NULL AS ARRAY<...>) for its argument",
            span=call.span,
        )
    return type_.element


def table_calls(part: Any, registry: Registry) -> Iterator[ast.Call]:
    """Go through the outermost table function calls of an expression."""
    if isinstance(part, ast.Call) and registry.is_table(part.name):
        yield part
        return
    items: Any = ()
    if isinstance(part, tuple):
        items = part
    elif is_dataclass(part):
        items = [getattr(part, f.name) for f in fields(part)]
    for item in items:
        if isinstance(item, tuple | ast.Node):
            yield from table_calls(item, registry)
