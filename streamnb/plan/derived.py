"""A sub-query in FROM as the outer query sees it: a stream or table without a name of its own or a topic.

The inner query is planned as a push query, and its plan stands below the outer one's: both are one program. A column of
its key keeps its place in the key, so that a join on it needs no new key, and a tombstone still tells what it deletes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from streamnb.catalog import DataSource, KeyWindow
from streamnb.errors import KsqlStatementError
from streamnb.plan.logical import Aggregate, PlanNode, Project, QueryPlan, Scan, children, is_ordered, shifted
from streamnb.plan.projection import check_unique
from streamnb.plan.relations import Entry, Relation
from streamnb.plan.typed import TypedColumn
from streamnb.schema import BIGINT, Column, Schema
from streamnb.sql import ast

__all__ = ["check_joined", "derived"]

_PSEUDO = (("ROWTIME", "ts"), ("WINDOWSTART", "ws"), ("WINDOWEND", "we"))


def derived(ref: ast.SubQuery, plan: QueryPlan, position: int) -> Relation:
    """Build the relation of a sub-query; ``position`` counts the scans before it.

    Raises: KsqlStatementError when two of its columns have one name.
    """
    columns = [column for column, _ in plan.order]
    check_unique((), columns)
    node = shifted(plan.root, position)
    assert isinstance(node, Project)
    entries = [Entry(ref.alias, column.name, _internal(node, internal), column.type) for column, internal in plan.order]
    keys: list[tuple[ast.ColumnRef, ...]] = []
    for i, type_ in enumerate(node.keys):
        shown = tuple(ast.ColumnRef(e.name, ref.alias) for e in entries if e.internal == f"k{i}")
        if not shown:
            entries.append(Entry(ref.alias, f"#key{i}", f"k{i}", type_, system=True))
        keys.append(shown or (ast.ColumnRef(f"#key{i}", ref.alias),))
    names = {e.name for e in entries}
    entries += [
        Entry(ref.alias, name, internal, BIGINT, system=True)
        for name, internal in _PSEUDO
        if name not in names and (internal == "ts" or node.windowed)
    ]
    return Relation(node, tuple(entries), tuple(keys), (_source(ref, plan, node, entries),))


def check_joined(ref: ast.SubQuery, plan: QueryPlan) -> None:
    """Refuse to join the first rows of an order, which are renewed once a batch. Raises: KsqlStatementError."""
    if is_ordered(plan.root):
        raise KsqlStatementError(
            "A sub-query with ORDER BY cannot be joined.",
            hint="join first, and take the first rows of the result.",
            span=ref.span,
        )


def _internal(node: Project, internal: str) -> str:
    """Name the column of a plan's result that shows the key or a window bound by what it shows."""
    shown = node.value_exprs[int(internal[1:])]
    is_key = isinstance(shown, TypedColumn) and shown in node.key_exprs
    if isinstance(shown, TypedColumn) and is_key:
        return f"k{node.key_exprs.index(shown)}"
    return shown.column if isinstance(shown, TypedColumn) and shown.column in ("ws", "we") else internal


def _source(ref: ast.SubQuery, plan: QueryPlan, node: Project, entries: list[Entry]) -> DataSource:
    """Describe the sub-query as the source it stands for: for the rules of joins, and for messages."""
    first = plan.scans[0]
    key = tuple(Column(e.name, e.type) for e in entries if e.internal.startswith("k"))
    value = tuple(Column(e.name, e.type) for e in entries if not e.internal.startswith("k"))
    return replace(
        first,
        name=ref.alias,
        kind="TABLE" if node.is_table else "STREAM",
        schema=Schema(key, value),
        topic="",
        timestamp=None,
        window=next(_windows(node), None) if node.windowed else None,
        read_only=False,
        query_id=None,
        statement="",
    )


def _windows(node: PlanNode) -> Iterator[KeyWindow]:
    """Go through the windows of a plan, the uppermost first."""
    if isinstance(node, Aggregate) and node.window is not None:
        size_ms = None if node.window.kind == "SESSION" else node.window.size_ms
        yield KeyWindow(node.window.kind, size_ms)
    if isinstance(node, Scan) and node.source.window is not None:
        yield node.source.window
    for child in children(node):
        yield from _windows(child)
