"""CREATE OR REPLACE of a running query: which changes leave its state meaningful.

Filters and projections of streams keep nothing, so they may change, and so may the filter of a table: the rows that
pass the new one are found as they come, while those that passed the old one stay where they are until they change, as
in ksqlDB. What was joined or counted under another filter does not mix with what is to come, except in an aggregation
without a window, which counts on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from streamnb.errors import KsqlStatementError
from streamnb.plan.logical import Aggregate, Filter, Join, PlanNode, Scan, children
from streamnb.plan.relations import column_refs
from streamnb.sql import ast
from streamnb.sql.printer import format_name
from streamnb.state.tables import StateTable

__all__ = ["check_same_columns", "check_same_state", "check_same_types", "table_filters"]

_HINT = "only filters and added columns can be changed in place; drop the source and create it anew."


def check_same_state(old: PlanNode, new: PlanNode) -> None:
    """Refuse a new plan to which the old one's state means nothing: sources, groups, windows and joins must stay.

    Raises: KsqlStatementError with ksqlDB's wording.
    """
    before, after = list(_stateful(old)), list(_stateful(new))
    sources = [name for kind, name, *_ in before if kind == "source"]
    if sources != [name for kind, name, *_ in after if kind == "source"]:
        raise KsqlStatementError(
            f"Cannot upgrade query: it would read other sources than {', '.join(sources)}",
            summary=f"the query would read other sources than {', '.join(sources)}",
            hint="drop the source first, then create it anew.",
        )
    kinds = [kind for kind, *_ in before if kind != "source"]
    if before != after:
        differing = next((b for b, a in zip(before, after, strict=False) if b != a and b[0] != "source"), None)
        raise _unsupported(differing[0] if differing else (kinds or [k for k, *_ in after if k != "source"])[0])
    bound = next((kind for kind in kinds if kind != "StreamAggregate"), None)
    if bound is not None and list(_filters(old)) != list(_filters(new)):
        raise _unsupported(bound)


def _unsupported(kind: str) -> KsqlStatementError:
    return KsqlStatementError(
        f"Cannot upgrade query: Upgrades not yet supported for {kind}",
        summary=f"the query's state ({kind}) does not fit the new statement",
        hint=_HINT,
    )


def check_same_columns(old: ast.Query, new: ast.Query) -> None:
    """Refuse an aggregation that would read other columns of its source. Raises: KsqlStatementError."""
    if not old.group_by or old.window is not None:
        return
    before, after = _read(old), _read(new)
    if set(before) != set(after):
        shown = [f"[{', '.join(f'`{name}`' for name in names)}]" for names in (before, after)]
        raise KsqlStatementError(
            "Cannot upgrade query: StreamAggregate must have matching columns not part of aggregate. "
            f"Values differ: {shown[0]} vs. {shown[1]}",
            summary=f"the aggregation would read {', '.join(map(format_name, after))} instead of "
            f"{', '.join(map(format_name, before))}",
            hint="name the same columns in SELECT, WHERE and GROUP BY; or drop the source and create it anew.",
        )


def _read(query: ast.Query) -> list[str]:
    """List the columns that an aggregation reads; COUNT(*) reads ROWTIME, as in ksqlDB."""
    parts = [i.expression if isinstance(i, ast.SelectItem) else i for i in query.items]
    parts += [*query.group_by, *(p for p in (query.having, query.where) if p is not None)]
    names: list[str] = []
    for part in parts:
        counted = isinstance(part, ast.Call) and part.name == "COUNT" and part.args in ((), (ast.Star(),))
        names += ["ROWTIME"] if counted else [r.name for r in column_refs(part)]
    return list(dict.fromkeys(names))


def table_filters(node: PlanNode) -> list[Any]:
    """List the conditions by which a plan filters tables."""
    return [predicate for is_table, predicate in _filters(node) if is_table]


def _filters(node: PlanNode) -> Iterator[tuple[bool, Any]]:
    for child in children(node):
        yield from _filters(child)
    if isinstance(node, Filter):
        yield node.is_table, node.predicate


def check_same_types(old: Sequence[StateTable], new: Sequence[StateTable]) -> None:
    """Refuse a new plan that keeps its state in other types, as a Python function may. Raises: KsqlStatementError."""
    before = {table.name: dict(table.columns) for table in old}
    for table in new:
        kept = before.get(table.name, {})
        if any(kept.get(name, type_) != type_ for name, type_ in table.columns):
            raise KsqlStatementError(
                "Cannot upgrade query: its state has other types than the new statement needs",
                hint="give the function back the state it had, or drop the source and create it anew.",
            )


def _stateful(node: PlanNode) -> Iterator[tuple[Any, ...]]:
    """Describe what a plan reads and keeps, inputs first."""
    for child in children(node):
        yield from _stateful(child)
    if isinstance(node, Scan):
        yield ("source", node.source.name)
    elif isinstance(node, Join):
        kind = "TableTableJoin" if node.is_table else "StreamTableJoin" if node.right.is_table else "StreamStreamJoin"
        yield (kind, node.kind, node.keys, node.left.values, node.right.values, node.window, node.foreign_key)
    elif isinstance(node, Aggregate):
        calls = tuple((c.aggregate.name, c.aggregate.param_types, c.args) for c in node.calls)
        kind = "StreamWindowedAggregate" if node.window is not None else "StreamAggregate"
        yield (kind, node.group, calls, node.window, node.having, node.emit_final)
