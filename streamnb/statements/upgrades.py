"""CREATE OR REPLACE of a running query: which changes leave its state meaningful."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from streamnb.errors import KsqlStatementError
from streamnb.plan.logical import Aggregate, Filter, Join, PlanNode, Scan, children
from streamnb.state.tables import StateTable

__all__ = ["check_same_state", "check_same_types"]


def check_same_state(old: PlanNode, new: PlanNode) -> None:
    """Refuse a new plan to which the old one's state means nothing: sources, groups, windows and joins must stay.

    Projections and filters of streams keep nothing, so they may change. Raises: KsqlStatementError.
    """
    before, after = list(_stateful(old)), list(_stateful(new))
    if before == after:
        return
    sources = [name for kind, name, *_ in before if kind == "source"]
    if sources != [name for kind, name, *_ in after if kind == "source"]:
        raise KsqlStatementError(
            f"Cannot upgrade query: it would read other sources than {', '.join(sources)}",
            hint="drop the source first, then create it anew.",
        )
    differing = next((b for b, a in zip(before, after, strict=False) if b != a), (before or after)[0])
    raise KsqlStatementError(
        f"Cannot upgrade query: Upgrades not yet supported for {differing[0]}",
        summary=f"the query's state ({differing[0]}) does not fit the new statement",
        hint="only filters of streams and added columns can be changed in place; drop the source and create it anew.",
    )


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
    elif isinstance(node, Filter) and node.is_table:
        yield ("TableFilter", node.predicate)
