"""Logical plans: frozen trees of relational operators over typed expressions.

Every node yields records with key columns ``k0, k1, ...`` and value columns ``v0, v1, ...``; the expressions of the
node above refer to them by these internal names, so users' names never meet DuckDB's rules for names. The names that
people see stand in the sink (persistent queries) or in ``QueryPlan.columns`` (push and pull queries).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from streamnb.catalog import DataSource
from streamnb.errors import Span
from streamnb.functions.aggregate import ResolvedAggregate
from streamnb.functions.registry import Resolved
from streamnb.plan.typed import Typed
from streamnb.schema import Column, SqlType
from streamnb.sql.ast import NO_SPAN

__all__ = [
    "Aggregate",
    "AggregateCall",
    "Distinct",
    "Filter",
    "FlatMap",
    "Join",
    "JoinWindow",
    "PlanNode",
    "Project",
    "QueryPlan",
    "Scan",
    "SortKey",
    "TopN",
    "UnionAll",
    "WindowSpec",
    "children",
    "hides_key",
    "is_ordered",
    "makes_key",
    "scan_count",
    "shifted",
]


@dataclass(frozen=True)
class PlanNode:
    """Base of the operators: the types of their output, and whether it is a table's changelog."""

    keys: tuple[SqlType, ...]
    values: tuple[SqlType, ...]
    windowed: bool
    is_table: bool


@dataclass(frozen=True)
class Scan(PlanNode):
    """Read a source; ``position`` counts the scans of the query from 0. Header columns follow the value columns.

    ``alias`` is what the query calls the source.
    """

    source: DataSource
    position: int
    alias: str = ""


@dataclass(frozen=True)
class Filter(PlanNode):
    """Keep the records for which a predicate is true; a table row that stops matching becomes a tombstone."""

    input: PlanNode
    predicate: Typed


@dataclass(frozen=True)
class Project(PlanNode):
    """Compute new key and value columns. A null value stays null.

    ``partitioned`` tells that PARTITION BY makes a new key: a part of it that reads more than the old key is null
    where the value is null. ``names`` are the users' names of the values, where there are such.
    """

    input: PlanNode
    key_exprs: tuple[Typed, ...]
    value_exprs: tuple[Typed, ...]
    partitioned: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class FlatMap(PlanNode):
    """Zip the results of table functions and append them, a row each, to the input's value columns.

    ``spans`` are where the calls were written.
    """

    input: PlanNode
    calls: tuple[tuple[Resolved, tuple[Typed, ...]], ...]
    spans: tuple[Span, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class WindowSpec:
    """A WINDOW clause in milliseconds. For SESSION ``size_ms`` is the gap."""

    kind: str
    size_ms: int
    advance_ms: int
    grace_ms: int
    retention_ms: int


@dataclass(frozen=True)
class AggregateCall:
    """An aggregate function with its column arguments; ``span`` is where it was written."""

    aggregate: ResolvedAggregate
    args: tuple[Typed, ...]
    span: Span = field(default=NO_SPAN, compare=False, repr=False)


@dataclass(frozen=True)
class Aggregate(PlanNode):
    """Group, and keep one row per group (and window): group expressions as keys, aggregates as values.

    ``having`` refers to the operator's own output columns.
    """

    input: PlanNode
    group: tuple[Typed, ...]
    calls: tuple[AggregateCall, ...]
    window: WindowSpec | None
    having: Typed | None
    emit_final: bool


@dataclass(frozen=True)
class JoinWindow:
    """WITHIN, in milliseconds. ``grace_ms`` None means that no GRACE PERIOD was written: unmatched rows go at once."""

    before_ms: int
    after_ms: int
    grace_ms: int | None


@dataclass(frozen=True)
class Join(PlanNode):
    """Join two inputs on their keys; values are those of the left input, then those of the right one.

    ``kind`` is INNER, LEFT, RIGHT or FULL. Both inputs have the join key as their key, except that in a foreign-key
    join (``foreign_key`` given, over the left input's columns) the left input keeps its own.
    """

    left: PlanNode
    right: PlanNode
    kind: str
    window: JoinWindow | None = None
    foreign_key: Typed | None = None


@dataclass(frozen=True)
class Distinct(PlanNode):
    """Keep one record for equal values, the first one; of a table, a row for those that it has at the time.

    The input's values become the key, and there are no values.
    """

    input: PlanNode


@dataclass(frozen=True)
class UnionAll(PlanNode):
    """Let the records of several inputs through, all streams or all tables; ``exprs`` make each one's values alike.

    A stream has no key; that of a table is the number of a row's input, and a struct of the keys and window starts of
    all inputs, which are NULL except for its own: no part of a key may be NULL itself.
    """

    inputs: tuple[PlanNode, ...]
    exprs: tuple[tuple[Typed, ...], ...]


@dataclass(frozen=True)
class SortKey:
    """An expression of ORDER BY, over the values of the input."""

    expression: Typed
    descending: bool
    nulls_first: bool


@dataclass(frozen=True)
class TopN(PlanNode):
    """Keep the first ``limit`` rows in an order: a table whose key is the place of a row, from 1."""

    input: PlanNode
    order: tuple[SortKey, ...]
    limit: int


@dataclass(frozen=True)
class QueryPlan:
    """A planned SELECT: the tree, the columns of its result, and how it ends.

    ``key_columns`` and ``value_columns`` name the root's k0.. and v0... ``order`` lists the result's columns as
    selected, as pairs of a name and an internal column, for push and pull queries.
    """

    root: PlanNode
    key_columns: tuple[Column, ...]
    value_columns: tuple[Column, ...]
    order: tuple[tuple[Column, str], ...]
    scans: tuple[DataSource, ...]
    limit: int | None = None
    emit: str | None = None


def makes_key(node: PlanNode) -> bool:
    """Tell whether the key of a plan's result is computed, so that none of its records lacks one."""
    if isinstance(node, Aggregate) or (isinstance(node, Project) and node.partitioned):
        return True
    return isinstance(node, Project | Filter | FlatMap) and makes_key(node.input)


def children(node: PlanNode) -> tuple[PlanNode, ...]:
    """List a node's inputs, left before right."""
    if isinstance(node, Join):
        return (node.left, node.right)
    if isinstance(node, UnionAll):
        return node.inputs
    if isinstance(node, Filter | Project | FlatMap | Aggregate | Distinct | TopN):
        return (node.input,)
    return ()


def scan_count(node: PlanNode) -> int:
    """Count the scans of a plan."""
    return isinstance(node, Scan) + sum(map(scan_count, children(node)))


def shifted(node: PlanNode, count: int) -> PlanNode:
    """Number the scans of a plan anew, so that ``count`` others come before them."""
    if count == 0:
        return node
    if isinstance(node, Scan):
        return replace(node, position=node.position + count)
    if isinstance(node, Join):
        return replace(node, left=shifted(node.left, count), right=shifted(node.right, count))
    if isinstance(node, UnionAll):
        return replace(node, inputs=tuple(shifted(part, count) for part in node.inputs))
    assert isinstance(node, Filter | Project | FlatMap | Aggregate | Distinct | TopN)
    return replace(node, input=shifted(node.input, count))


def is_ordered(root: PlanNode) -> bool:
    """Tell whether the result of a plan has an order: its key is the place of a row then."""
    return isinstance(root, Project) and isinstance(root.input, TopN)


def hides_key(node: PlanNode) -> bool:
    """Tell whether the key of a plan's result is one that no column can show: a place, or that of a union."""
    if isinstance(node, Project | Filter):
        return hides_key(node.input)
    return isinstance(node, TopN | UnionAll)
