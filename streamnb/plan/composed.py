"""DISTINCT, UNION and ORDER BY of push queries: what is planned around plain SELECTs.

Every part is a plan of its own, whose root shows the selected columns as values; the nodes here stand above those. What
ORDER BY names besides result columns is selected along with them, and left out at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from streamnb.errors import KsqlStatementError
from streamnb.plan.coercion import convert
from streamnb.plan.logical import Distinct, PlanNode, Project, QueryPlan, SortKey, TopN, UnionAll, scan_count, shifted
from streamnb.plan.typed import TypedColumn
from streamnb.plan.types import common_type
from streamnb.schema import BIGINT, INTEGER, Column, Field, Map, SqlType, Struct
from streamnb.sql import ast
from streamnb.sql.printer import format_expression

__all__ = ["ORDER_ROWS_MAX", "check_plain", "extensions", "is_composed", "plan_composed"]

ORDER_ROWS_MAX = 10_000
"""How many rows an ordered result has at most: each batch may renew them all."""
_UNSEEN = "#order"
_INSTEAD = {
    "DISTINCT": "GROUP BY with an aggregate makes a table of what is distinct.",
    "UNION": "write an INSERT INTO for each further SELECT.",
    "ORDER BY": "a SELECT from the result can be ordered, with EMIT CHANGES and LIMIT or without.",
    "SELECT in FROM": "CREATE a stream or table AS the inner SELECT, and read from that.",
}

PlanBranch = Callable[[ast.Query], QueryPlan]


def is_composed(query: ast.Query) -> bool:
    """Tell whether a query has more than the plain clauses of a SELECT."""
    return query.distinct or bool(query.unions) or bool(query.order_by)


def extensions(query: ast.Query) -> dict[str, ast.Node]:
    """List the clauses of a query that ksqlDB does not have, and where they are."""
    clauses: dict[str, ast.Node | None] = {
        "DISTINCT": query if query.distinct else None,
        "UNION": next(iter(query.unions), None),
        "ORDER BY": next(iter(query.order_by), None),
        "SELECT in FROM": next((ref for ref in query.refs if isinstance(ref, ast.SubQuery)), None),
    }
    return {clause: node for clause, node in clauses.items() if node is not None}


def check_plain(query: ast.Query, kind: str) -> None:
    """Refuse what push queries alone do; ``kind`` is that of the query. Raises: KsqlStatementError."""
    for clause, node in extensions(query).items():
        if kind == "PULL":
            raise KsqlStatementError(f"Pull queries don't support {clause}.", hint="add EMIT CHANGES.", span=node.span)
        raise KsqlStatementError(
            f"Persistent queries don't support {clause}.",
            summary=f"{clause} is for push queries, and what this one makes is kept",
            hint=_INSTEAD[clause],
            span=node.span,
        )


def plan_composed(query: ast.Query, plan_branch: PlanBranch) -> QueryPlan:
    """Plan a query with DISTINCT, UNION or ORDER BY; ``plan_branch`` plans a SELECT without them.

    Raises: KsqlStatementError.
    """
    if query.order_by:
        _check_order(query)
    plan = _united(query, plan_branch)
    if not query.order_by:
        return replace(plan, limit=query.limit)
    names = [c.name for c, _ in plan.order]
    sought = [_result_column(query, item, names) for item in query.order_by]
    unseen = [item for item, place in zip(query.order_by, sought, strict=True) if place is None]
    if unseen:
        plan = _united(_with_unseen(query, unseen), plan_branch)
    places = iter(range(len(names), len(plan.order)))
    keys = [
        _sort_key(item, plan.order[next(places) if place is None else place])
        for item, place in zip(query.order_by, sought, strict=True)
    ]
    return _first_rows(query, plan, keys, len(names))


# Branches


def _united(query: ast.Query, plan_branch: PlanBranch) -> QueryPlan:
    """Plan the SELECTs of a query and put them together, from the first on."""
    plan = _branch(query, query, plan_branch)
    waiting: list[tuple[ast.Query, QueryPlan]] = [(query, plan)]
    for union in query.unions:
        waiting.append((union.query, _branch(union.query, query, plan_branch)))
        if not union.keep_all:
            waiting = [(query, _distinct(_union(waiting)))]
    return _union(waiting)


def _branch(branch: ast.Query, whole: ast.Query, plan_branch: PlanBranch) -> QueryPlan:
    plan = plan_branch(replace(branch, distinct=False, unions=(), order_by=(), emit=whole.emit, limit=None))
    return _distinct(plan) if branch.distinct else plan


def _distinct(plan: QueryPlan) -> QueryPlan:
    """Keep one row for equal ones."""
    below = plan.root
    node = Distinct(keys=below.values, values=(), windowed=False, is_table=below.is_table, input=below)
    shown = [TypedColumn(c.type, f"k{i}", c.name) for i, (c, _) in enumerate(plan.order)]
    return replace(plan, root=_project(node, [c for c, _ in plan.order], shown))


def _project(node: PlanNode, columns: Sequence[Column], shown: Sequence[TypedColumn]) -> Project:
    """Show columns of a node as the result's values; its key stays."""
    return Project(
        keys=node.keys,
        values=tuple(c.type for c in columns),
        windowed=node.windowed,
        is_table=node.is_table,
        input=node,
        key_exprs=tuple(TypedColumn(t, f"k{i}", f"#key{i}") for i, t in enumerate(node.keys)),
        value_exprs=tuple(shown),
        names=tuple(c.name for c in columns),
    )


def _union(branches: Sequence[tuple[ast.Query, QueryPlan]]) -> QueryPlan:
    """Put the rows of several plans into one."""
    if len(branches) == 1:
        return branches[0][1]
    first = branches[0][1]
    for query, plan in branches[1:]:
        _check_branch(query, plan, first)
    columns = [
        Column(c.name, _common([(query, plan.order[i][0]) for query, plan in branches], c.name))
        for i, (c, _) in enumerate(first.order)
    ]
    inputs: list[PlanNode] = []
    for _, plan in branches:
        inputs.append(shifted(plan.root, sum(map(scan_count, inputs))))
    is_table = first.root.is_table
    node = UnionAll(
        keys=_union_keys(inputs) if is_table else (),
        values=tuple(c.type for c in columns),
        windowed=False,
        is_table=is_table,
        inputs=tuple(inputs),
        exprs=tuple(
            tuple(
                convert(TypedColumn(own.type, f"v{i}", own.name), column.type)
                for i, (column, (own, _)) in enumerate(zip(columns, plan.order, strict=True))
            )
            for _, plan in branches
        ),
    )
    shown = [TypedColumn(c.type, f"v{i}", c.name) for i, c in enumerate(columns)]
    order = tuple((c, f"v{i}") for i, c in enumerate(columns))
    scans = tuple(s for _, plan in branches for s in plan.scans)
    return replace(first, root=_project(node, columns, shown), value_columns=tuple(columns), order=order, scans=scans)


def _union_keys(inputs: Sequence[PlanNode]) -> tuple[SqlType, ...]:
    parts = [type_ for node in inputs for type_ in (*node.keys, *([BIGINT] if node.windowed else []))]
    return INTEGER, Struct(tuple(Field(f"P{i}", type_) for i, type_ in enumerate(parts)))


def _check_branch(query: ast.Query, plan: QueryPlan, first: QueryPlan) -> None:
    if len(plan.order) != len(first.order):
        raise KsqlStatementError(
            f"UNION needs the same number of columns in each SELECT: this one has {len(plan.order)}, the first one has "
            f"{len(first.order)}.",
            hint=f"the first SELECT has {', '.join(c.name for c, _ in first.order)}.",
            span=query.span,
        )
    if plan.root.is_table != first.root.is_table:
        kinds = ["table" if p.root.is_table else "stream" for p in (first, plan)]
        raise KsqlStatementError(
            f"UNION needs either streams or tables: the first SELECT gives a {kinds[0]}, this one a {kinds[1]}.",
            hint="rows of a table change and go away, those of a stream stay: read the table's topic as a stream, say.",
            span=query.span,
        )


def _common(columns: Sequence[tuple[ast.Query, Column]], name: str) -> SqlType:
    """Find the type that a column has in a union."""
    found: SqlType = columns[0][1].type
    for query, column in columns[1:]:
        wider = common_type(found, column.type)
        if wider is None:
            raise KsqlStatementError(
                f"UNION has no common type for column {name}: {found} and {column.type} of {column.name}.",
                hint=f"write CAST({column.name} AS {found}), or convert the other one.",
                span=query.span,
            )
        found = wider
    return found


# ORDER BY


def _check_order(query: ast.Query) -> None:
    if query.limit is None:
        raise KsqlStatementError(
            "A live ORDER BY needs a LIMIT.",
            summary="a live result is ordered as far as its LIMIT goes, and there is none",
            hint="add LIMIT 10, say; without EMIT CHANGES, what is there already is sorted as a whole.",
            span=query.order_by[0].span,
        )
    if not 0 < query.limit <= ORDER_ROWS_MAX:
        raise KsqlStatementError(
            f"The LIMIT of a live ORDER BY is between 1 and {ORDER_ROWS_MAX}, not {query.limit}.",
            hint="each batch may renew all rows that are shown: take as many as somebody can look at.",
            span=query.order_by[0].span,
        )


def _result_column(query: ast.Query, item: ast.OrderItem, names: Sequence[str]) -> int | None:
    """Find the result column that an ORDER BY expression stands for; None when it is about what FROM has.

    Raises: KsqlStatementError when there is no such column, or rows of several records have become one.
    """
    expression = item.expression
    if isinstance(expression, ast.IntegerLiteral):
        if not 1 <= expression.value <= len(names):
            raise KsqlStatementError(
                f"ORDER BY {expression.value} names no column: the result has {len(names)}.",
                hint=f"1 is {names[0]}, and so on.",
                span=item.span,
            )
        return expression.value - 1
    if isinstance(expression, ast.ColumnRef) and expression.source is None and names.count(expression.name) == 1:
        return names.index(expression.name)
    selected = [i.expression if isinstance(i, ast.SelectItem) else None for i in query.items]
    if expression in selected and None not in selected:
        return selected.index(expression)
    if query.distinct or query.unions:
        what = "UNION" if query.unions else "DISTINCT"
        raise KsqlStatementError(
            f"ORDER BY of {what} names a result column, or its place, and {format_expression(expression)} is none.",
            hint=f"the result has {', '.join(names)}.",
            span=item.span,
        )
    return None


def _with_unseen(query: ast.Query, unseen: Sequence[ast.OrderItem]) -> ast.Query:
    """Select expressions of ORDER BY too, behind the others."""
    added = [ast.SelectItem(o.expression, f"{_UNSEEN}{i}", span=o.expression.span) for i, o in enumerate(unseen)]
    return replace(query, items=(*query.items, *added))


def _sort_key(item: ast.OrderItem, shown: tuple[Column, str]) -> SortKey:
    column, internal = shown
    if isinstance(column.type, Map | Struct):
        raise KsqlStatementError(
            f"ORDER BY cannot order values of type {column.type}.",
            hint="order by a part of it.",
            span=item.span,
        )
    expression = TypedColumn(column.type, internal, column.name, span=item.expression.span)
    return SortKey(expression, item.descending, item.nulls_first)


def _first_rows(query: ast.Query, plan: QueryPlan, keys: Sequence[SortKey], shown: int) -> QueryPlan:
    """Keep the first rows of a plan, and the columns of it that are shown."""
    below = plan.root
    assert query.limit is not None
    node = TopN(
        keys=(INTEGER,),
        values=below.values,
        windowed=False,
        is_table=True,
        input=below,
        order=tuple(keys),
        limit=query.limit,
    )
    order = plan.order[:shown]
    columns = tuple(c for c, _ in order)
    root = _project(node, columns, [TypedColumn(c.type, internal, c.name) for c, internal in order])
    return replace(plan, root=root, value_columns=columns, order=order, limit=None)
