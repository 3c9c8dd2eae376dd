"""GROUP BY: grouping expressions become the key, aggregate calls become value columns, the rest is projected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from streamnb.errors import KsqlStatementError
from streamnb.functions.registry import Registry
from streamnb.plan.aggregatecalls import plan_calls
from streamnb.plan.clauses import QueryContext, RelationScope, type_predicate
from streamnb.plan.expressions import Env, type_expression
from streamnb.plan.formats import check_no_maps, check_source_formats
from streamnb.plan.logical import Aggregate, AggregateCall, PlanNode, Project, QueryPlan, WindowSpec
from streamnb.plan.projection import Item, KeyRule, check_names, expand_items, split_items, unqualified, untyped
from streamnb.plan.relations import Entry, Relation, column_refs, rewrite
from streamnb.plan.typed import Typed, TypedColumn
from streamnb.schema import BIGINT, Column, SqlType
from streamnb.sql import ast
from streamnb.sql.printer import format_expression

__all__ = ["is_aggregation", "plan_aggregation"]

DAY_MS = 86_400_000
_BOUNDS = ("WINDOWSTART", "WINDOWEND")


def is_aggregation(query: ast.Query, registry: Registry) -> bool:
    """Tell whether a SELECT groups: it has GROUP BY, or calls an aggregate function."""
    if query.group_by:
        return True
    parts: list[Any] = [*query.items, query.having]
    return any(True for part in parts if part is not None for _ in _aggregate_calls(part, registry))


def _aggregate_calls(part: Any, registry: Registry) -> Iterator[ast.Call]:
    """Go through the outermost aggregate calls of an expression."""
    if isinstance(part, ast.Call) and registry.is_aggregate(part.name):
        yield part
        return
    if isinstance(part, tuple):
        items: Any = part
    elif is_dataclass(part):
        items = [getattr(part, f.name) for f in fields(part)]
    else:
        return
    for item in items:
        if isinstance(item, tuple | ast.Node):
            yield from _aggregate_calls(item, registry)


class _Grouping:
    """The columns of an aggregation's output, found while its clauses are rewritten."""

    def __init__(self, query: ast.Query, relation: Relation, env: Env) -> None:
        self.relation = relation
        self.env = env
        self.windowed = query.window is not None
        self.by = query.group_by or (ast.IntegerLiteral(1),)  # without GROUP BY all records are one group
        self.group = tuple(relation.canonical(e, "GROUP BY") for e in self.by)
        self.calls: list[ast.Call] = []

    def over_output(self, expression: ast.Expression, clause: str) -> ast.Expression:
        """Rewrite an expression over the source into one over the aggregation's output (``#k0``, ``#v0``)."""

        def change(node: ast.Expression) -> ast.Expression | None:
            canonical = self._canonical(node, clause)
            if canonical in self.group:
                return ast.ColumnRef(f"#k{self.group.index(canonical)}", span=node.span)
            if isinstance(node, ast.Call) and self.env.registry.is_aggregate(node.name):
                return ast.ColumnRef(f"#v{self._call_index(node, clause)}", span=node.span)
            if isinstance(node, ast.ColumnRef) and node.name in _BOUNDS and self._bounds_allowed(node, clause):
                return ast.ColumnRef("#ws" if node.name == "WINDOWSTART" else "#we", span=node.span)
            return None

        return rewrite(expression, change)

    def _canonical(self, node: ast.Expression, clause: str) -> ast.Expression | None:
        """Qualify an expression's columns; window bounds and aggregates are no part of any grouping expression."""
        if any(r.name in _BOUNDS and self.windowed for r in column_refs(node)):
            return None
        if any(True for _ in _aggregate_calls(node, self.env.registry)):
            return None
        return self.relation.canonical(node, clause)

    def _bounds_allowed(self, ref: ast.ColumnRef, clause: str) -> bool:
        if not self.windowed:
            return False
        if clause != "SELECT":
            raise _bounds_misplaced(ref)
        return True

    def _call_index(self, call: ast.Call, clause: str) -> int:
        canonical = replace(call, args=tuple(self._argument(a, clause, call) for a in call.args))
        if canonical not in self.calls:
            self.calls.append(canonical)
        return self.calls.index(canonical)

    def _argument(self, arg: ast.Expression, clause: str, call: ast.Call) -> ast.Expression:
        if isinstance(arg, ast.Star):
            return arg
        for ref in column_refs(arg):
            if ref.name in _BOUNDS and self.windowed:
                raise _bounds_misplaced(ref)
        if any(True for _ in _aggregate_calls(arg, self.env.registry)):
            raise KsqlStatementError(
                f"Aggregate functions can not be nested: {format_expression(call)}",
                summary="an aggregate cannot be inside another one",
                hint="make a table of the inner one with CREATE TABLE ... AS SELECT, and aggregate that.",
                span=arg.span,
            )
        return self.relation.canonical(arg, clause)


def _bounds_misplaced(ref: ast.ColumnRef) -> KsqlStatementError:
    return KsqlStatementError(
        f"Window bounds column {ref.name} can only be used in the SELECT clause of windowed aggregations", span=ref.span
    )


def plan_aggregation(query: ast.Query, relation: Relation, context: QueryContext) -> QueryPlan:
    """Plan a SELECT with GROUP BY or aggregates. Raises: KsqlStatementError with ksqlDB's wording."""
    _check_grouping(query, relation, context)
    grouping = _Grouping(query, relation, context.env)
    scope = RelationScope(relation, "SELECT")
    items = expand_items(query, relation, lambda e: type_expression(e, scope, context.env).type)
    rewritten = [grouping.over_output(i.expression, "SELECT") for i in items]
    having = grouping.over_output(query.having, "HAVING") if query.having is not None else None
    _check_plain(items, rewritten, query.having, having, scope, context.env)
    _check_group_by(query, context)
    group = [_type_group(e, relation, context.env) for e in grouping.by]
    group_types = [_group_type(t) for t in group]
    if not grouping.calls and context.persistent:
        raise KsqlStatementError(
            "GROUP BY requires aggregate functions in either the SELECT or HAVING clause.",
            hint="add an aggregate such as COUNT(*).",
            span=query.span,
        )
    calls = plan_calls(grouping.calls, relation, context.env, query.window)
    output = _output_relation(relation, group_types, calls, grouping)
    node = Aggregate(
        keys=tuple(group_types),
        values=tuple(c.aggregate.result_type for c in calls),
        windowed=query.window is not None,
        is_table=True,
        input=relation.node,
        group=tuple(group),
        calls=tuple(calls),
        window=window_spec(query.window, final=query.emit == "FINAL") if query.window is not None else None,
        having=type_predicate(having, output, "HAVING", context.env) if having is not None else None,
        emit_final=query.emit == "FINAL",
    )
    pairs = list(zip(items, rewritten, strict=True))
    return _project(query, relation, replace(output, node=node), pairs, grouping, context)


def _check_grouping(query: ast.Query, relation: Relation, context: QueryContext) -> None:
    check_source_formats(relation.sources, "GROUP BY")
    for expression in query.group_by:
        for ref in column_refs(expression):
            if ref.name in _BOUNDS and query.window is not None:
                raise _bounds_misplaced(ref)
        for call in _aggregate_calls(expression, context.env.registry):
            raise KsqlStatementError(
                f"GROUP BY does not support aggregate functions: {call.name} is an aggregate function.", span=call.span
            )
    if context.kind == "STREAM" and not relation.is_table():
        raise KsqlStatementError(
            "Invalid result type. Your SELECT query produces a TABLE. Please use CREATE TABLE AS SELECT statement "
            "instead.",
            hint="write CREATE TABLE instead of CREATE STREAM.",
        )


def _check_group_by(query: ast.Query, context: QueryContext) -> None:
    """Refuse aggregates without GROUP BY in a persistent query."""
    if not query.group_by and context.persistent:
        names = [_shown_call(c) for i in query.items for c in _aggregate_calls(i, context.env.registry)]
        raise KsqlStatementError(
            f"CREATE {context.kind} AS SELECT statement does not support aggregate function [{', '.join(names)}] "
            "without a GROUP BY clause.",
            hint="add GROUP BY.",
            span=query.span,
        )


def _shown_call(call: ast.Call) -> str:
    if (call.args and isinstance(call.args[0], ast.Star)) or not call.args:
        return f"{call.name}(ROWTIME)"
    return format_expression(call)


def _check_plain(
    items: Sequence[Item],
    rewritten: Sequence[ast.Expression],
    having_before: ast.Expression | None,
    having: ast.Expression | None,
    scope: RelationScope,
    env: Env,
) -> None:
    """Refuse columns that are neither grouped nor aggregated."""
    bad = [i for i, e in zip(items, rewritten, strict=True) if any(not r.name.startswith("#") for r in column_refs(e))]
    for item in bad:
        if not any(True for _ in _aggregate_calls(item.expression, env.registry)):
            type_expression(item.expression, scope, env)  # an unknown function is reported as such
    if bad:
        prefixed = scope.relation.prefixed
        shown = ", ".join(format_expression(i.expression) if prefixed else unqualified(i.expression) for i in bad)
        raise KsqlStatementError(
            f"Non-aggregate SELECT expression(s) not part of GROUP BY: {shown}\n"
            "Either add the column(s) to the GROUP BY or remove them from the SELECT.",
            summary=f"{shown} is neither grouped nor aggregated",
            hint="add it to GROUP BY, wrap it in an aggregate such as LATEST_BY_OFFSET, or remove it.",
            span=bad[0].span,
        )
    if having is not None and having_before is not None:
        loose = [r for r in column_refs(having) if not r.name.startswith("#")]
        if loose:
            shown = ", ".join(dict.fromkeys(r.name for r in loose))
            raise KsqlStatementError(
                f"Non-aggregate HAVING expression not part of GROUP BY: {shown}", span=loose[0].span
            )


def _type_group(expression: ast.Expression, relation: Relation, env: Env) -> Typed:
    return type_expression(expression, RelationScope(relation, "GROUP BY"), env)


def _group_type(typed: Typed) -> SqlType:
    if typed.type is None:
        raise KsqlStatementError("Can't infer a type of null. Please explicitly cast it to a required type.")
    return typed.type


def _output_relation(
    relation: Relation, keys: Sequence[SqlType], calls: Sequence[AggregateCall], grouping: _Grouping
) -> Relation:
    """Describe the aggregation's output, whose columns are named ``#k0``, ``#v0``, ``#ws`` and ``#we``."""
    source = relation.sources[0].name
    shown = [unqualified(e, prefixed=relation.prefixed) for e in (*grouping.group, *grouping.calls)]
    entries = [Entry(source, f"#k{i}", f"k{i}", t, label=shown[i]) for i, t in enumerate(keys)]
    entries += [
        Entry(source, f"#v{i}", f"v{i}", c.aggregate.result_type, label=shown[len(keys) + i])
        for i, c in enumerate(calls)
    ]
    if grouping.windowed:
        entries += [Entry(source, "#ws", "ws", BIGINT), Entry(source, "#we", "we", BIGINT)]
    return replace(relation, entries=tuple(entries), keys=(), prefixed=False, synthetic_key=False)


def window_spec(window: ast.Window, *, final: bool) -> WindowSpec:
    """Translate a WINDOW clause to milliseconds.

    Without GRACE PERIOD the grace is what is left of 24 hours, and 0 for EMIT FINAL (source: ksqlDB's tests).
    """
    size = window.size.ms
    default_grace = 0 if final else max(DAY_MS - size, 0)
    grace = window.grace.ms if window.grace is not None else default_grace
    retention = window.retention.ms if window.retention is not None else size + grace
    if retention < size + grace:
        raise KsqlStatementError(
            f"Retention period {retention} ms must be at least the window size plus the grace period "
            f"({size + grace} ms).",
            summary="RETENTION is less than the window's size and its grace",
            hint=f"write RETENTION {size + grace} MILLISECONDS, or more; or leave it out.",
            span=window.span,
        )
    advance = window.advance.ms if window.advance is not None else size
    if size == 0:
        raise KsqlStatementError(
            "Window size (sizeMs) must be larger than zero."
            if window.kind != "SESSION"
            else "Gap time (gapMs) cannot be zero or negative.",
            summary="a window cannot be 0 long",
            hint="write SIZE 1 SECOND, or more." if window.kind != "SESSION" else "write SESSION (1 SECOND), or more.",
            span=window.span,
        )
    if not 0 < advance <= size and window.kind == "HOPPING":
        raise KsqlStatementError(
            f"Window advancement interval should be more than zero and less than window duration which is {size} ms, "
            f"and given advancement interval is: {advance} ms",
            summary="windows that advance by more than their size leave records out",
            hint="ADVANCE BY is above 0 and at most SIZE.",
            span=window.span,
        )
    return WindowSpec(window.kind, size, advance, grace, retention)


def _project(
    query: ast.Query,
    source: Relation,
    output: Relation,
    items: Sequence[tuple[Item, ast.Expression]],
    grouping: _Grouping,
    context: QueryContext,
) -> QueryPlan:
    """Plan the select list over the aggregation's output."""
    scope = RelationScope(output, "SELECT")
    node = output.node
    key_exprs: list[Typed] = [
        TypedColumn(column=f"k{i}", type=t, label=e.label)
        for i, (t, e) in enumerate(zip(node.keys, output.entries, strict=False))
    ]
    if context.persistent:
        candidates = tuple((e,) for e in grouping.group)
        rule = KeyRule(candidates, "grouping expression", of_group=True, unqualified=not source.prefixed)
        canonical = [_group_canonical(e, grouping) for _, e in items]
        key_items, _ = split_items([i for i, _ in items], canonical, rule, context.sink)
        values = [(i, type_expression(e, scope, context.env)) for i, e in items if i not in key_items]
        keys = tuple(Column(i.name, t) for i, t in zip(key_items, node.keys, strict=True))
    else:
        values = [(i, type_expression(e, scope, context.env)) for i, e in items]
        keys = ()
    untyped(values)
    columns = tuple(Column(i.name, t.type) for i, t in values if t.type is not None)
    check_no_maps(keys)
    check_names(keys, columns, persistent=context.persistent)
    root: PlanNode = Project(
        keys=node.keys,
        values=tuple(c.type for c in columns),
        windowed=node.windowed,
        is_table=True,
        input=node,
        key_exprs=tuple(key_exprs),
        value_exprs=tuple(t for _, t in values),
        names=tuple(c.name for c in columns),
    )
    order = () if context.persistent else tuple((c, f"v{i}") for i, c in enumerate(columns))
    return QueryPlan(root, keys, columns, order, source.sources, query.limit, query.emit)


def _group_canonical(expression: ast.Expression, grouping: _Grouping) -> ast.Expression:
    """Turn ``#k0`` back into the grouping expression, which the rule for keys knows."""
    if isinstance(expression, ast.ColumnRef) and expression.name.startswith("#k"):
        return grouping.group[int(expression.name[2:])]
    return expression
