"""FROM: one source, or a chain of joins.

Each side of a join is a projection below it: its key is the join expression, its values are the columns that the rest
of the query names. Above the join, a column of either side is one of the join's value columns, and the key column
stands for every column that was equated with it. In a foreign-key join the left side keeps its own key, and the
expression is its last value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from streamnb.catalog import Catalog
from streamnb.plan.clauses import RelationScope
from streamnb.plan.derived import check_joined, derived
from streamnb.plan.expressions import Env, type_expression
from streamnb.plan.formats import check_no_maps, check_source_formats
from streamnb.plan.join_checks import (
    check_foreign_key,
    check_kinds,
    check_partitions,
    check_types,
    check_windowed,
    join_window,
)
from streamnb.plan.join_conditions import JoinStep, analyze_joins
from streamnb.plan.logical import Join, JoinWindow, Project, QueryPlan, scan_count
from streamnb.plan.relations import Entry, Relation, column_refs, scan
from streamnb.plan.typed import Typed, TypedColumn
from streamnb.schema import Column, SqlType
from streamnb.sql import ast
from streamnb.sql.printer import format_expression

__all__ = ["plan_from"]

SYNTHETIC_NAME = "ROWKEY"
PlanInner = Callable[[ast.SubQuery], QueryPlan]
UNUSED = ""  # the internal name of a column that the rest of the query does not name


def plan_from(query: ast.Query, catalog: Catalog, env: Env, plan_inner: PlanInner | None = None) -> Relation:
    """Plan the FROM clause; ``plan_inner`` plans the sub-queries in it.

    Raises: KsqlStatementError with ksqlDB's wording.
    """
    scans: list[Relation] = []
    for ref in query.refs:
        position = sum(scan_count(s.node) for s in scans)
        if isinstance(ref, ast.SubQuery):
            assert plan_inner is not None
            inner = plan_inner(ref)
            if query.joins:
                check_joined(ref, inner)
            scans.append(derived(ref, inner, position))
        else:
            scans.append(scan(catalog.source(ref.name, ref.span), ref.alias, position))
    sources = [s.sources[0] for s in scans]
    if not query.joins:
        return scans[0]
    scans = [_arranged(query, s) for s in scans]
    check_source_formats(sources, "JOIN")
    everything = replace(scans[0], entries=tuple(e for s in scans for e in s.entries), sources=tuple(sources))
    chain = _start(scans[0])
    for i, step in enumerate(analyze_joins(query, sources, everything)):
        chain = _ChainPlanner(query, env, step, i).join(chain, scans[i + 1])
    return replace(chain.relation, sources=tuple(sources))


@dataclass(frozen=True)
class _Chain:
    """What is joined so far.

    ``equated`` lists the columns that the key column stands for, ``viable`` those that can name it in a projection:
    none behind a FULL OUTER join. ``key`` is the one it is known by: a join on another one computes its key anew.
    """

    relation: Relation
    equated: tuple[ast.ColumnRef, ...]
    viable: tuple[ast.ColumnRef, ...]
    key: ast.ColumnRef | None
    partitions: int


def _start(first: Relation) -> _Chain:
    keys = tuple(refs[0] for refs in first.keys) if len(first.keys) == 1 else ()
    return _Chain(first, keys, keys, keys[0] if keys else None, first.sources[0].partitions)


@dataclass(frozen=True)
class _ChainPlanner:
    """Plans one join of a query: the ``index``-th one."""

    query: ast.Query
    env: Env
    step: JoinStep
    index: int

    def join(self, left: _Chain, right: Relation) -> _Chain:
        """Join a source to what is joined so far. Raises: KsqlStatementError."""
        step, source = self.step, self.step.source
        left_is_table = left.relation.node.is_table
        right_on_key = len(right.keys) == 1 and step.right == right.keys[0][0]
        check_kinds(step, left_is_table=left_is_table, right_on_key=right_on_key)
        left_on_key = step.left in left.equated if left_is_table else step.left == left.key
        foreign = left_is_table and not left_on_key
        if foreign:
            check_foreign_key(step, is_first=self.index == 0)
        window = join_window(step, left_is_table=left_is_table)
        left_key = self._key(step.left, left.relation)
        right_key = self._key(step.right, right)
        check_types(step, left_key.type, right_key.type)
        check_windowed(step, left.relation.sources[0], left_on_key=left_on_key, right_on_key=right_on_key)
        if not foreign and left_on_key and right_on_key:
            check_partitions(self.query.source, left.partitions, step)
        if left_on_key:
            left_key = TypedColumn(column="k0", type=left_key.type, label=format_expression(step.left))
        sides = (
            self._side(left.relation, left_key, keep_key=foreign),
            self._side(right, right_key, keep_key=False),
        )
        node = self._node(sides, window, foreign)
        entries = _entries(left.relation, right, sides)
        relation = Relation(node, entries, left.relation.keys, (left.relation.sources[0], source), prefixed=True)
        if foreign:
            relation = replace(relation, foreign_of=self.query.source.alias)
            return replace(left, relation=relation)
        return self._keyed(left, relation)

    def _key(self, expression: ast.Expression, relation: Relation) -> Typed:
        return type_expression(expression, RelationScope(relation, "JOIN ON"), self.env)

    def _side(self, relation: Relation, key: Typed, *, keep_key: bool) -> tuple[Project, tuple[Entry, ...]]:
        """Project a side to its key and to the columns that are named later; return those columns too."""
        kept = tuple(e for e in relation.entries if e.source and e.internal != UNUSED and self._is_named(e))
        node = relation.node
        values: list[Typed] = [TypedColumn(column=e.internal, type=e.type, label=f"{e.source}.{e.name}") for e in kept]
        keys: tuple[Typed, ...] = (key,)
        if keep_key:
            keys = tuple(
                TypedColumn(column=f"k{i}", type=type_, label=format_expression(refs[0]))
                for i, (type_, refs) in enumerate(zip(node.keys, relation.keys, strict=True))
            )
            values.append(key)
        project = Project(
            keys=_types(keys),
            values=_types(values),
            windowed=node.windowed,
            is_table=node.is_table,
            input=node,
            key_exprs=keys,
            value_exprs=tuple(values),
        )
        return project, kept

    def _is_named(self, entry: Entry) -> bool:
        """Tell whether a column is named behind this join: in a clause, by a star, or by a later join."""
        rest = replace(self.query, joins=self.query.joins[self.index + 1 :])
        if not entry.system:
            stars = [i.source for i in rest.items if isinstance(i, ast.Star)]
            if None in stars or entry.source in stars:
                return True
        return any(r.name == entry.name and r.source in (None, entry.source) for r in column_refs(rest))

    def _node(
        self, sides: Sequence[tuple[Project, tuple[Entry, ...]]], window: JoinWindow | None, foreign: bool
    ) -> Join:
        (left, _), (right, _) = sides
        fk = None
        if foreign:
            last = len(left.values) - 1
            fk = TypedColumn(column=f"v{last}", type=left.values[last], label=format_expression(self.step.left))
        return Join(
            keys=left.keys,
            values=(*left.values, *right.values),
            windowed=left.windowed,
            is_table=left.is_table,
            left=left,
            right=right,
            kind=self.step.join.kind,
            window=window,
            foreign_key=fk,
        )

    def _keyed(self, left: _Chain, relation: Relation) -> _Chain:
        """Find the columns that name the key of a join's result, or give it a synthetic one."""
        step = self.step
        columns = [e for e in (step.left, step.right) if isinstance(e, ast.ColumnRef)]
        equated = _union(left.equated if step.left in left.equated else (), columns)
        viable = _union(left.viable if step.left in left.viable else (), columns)
        if step.join.kind == "FULL":
            viable = ()
        check_no_maps((Column(_key_name(viable), relation.node.keys[0]),))
        if viable:
            named = (ref for ref in viable if self._in_projection(ref))
            return _Chain(replace(relation, keys=(viable,)), equated, viable, next(named, viable[0]), left.partitions)
        name = _synthetic_name(relation)
        entry = Entry("", name, "k0", relation.node.keys[0])
        relation = replace(
            relation,
            entries=(entry, *relation.entries),
            keys=((ast.ColumnRef(name),),),
            synthetic_key=True,
        )
        return _Chain(relation, equated, (), None, left.partitions)

    def _in_projection(self, ref: ast.ColumnRef) -> bool:
        for item in self.query.items:
            if isinstance(item, ast.Star) and item.source in (None, ref.source):
                return True
            written = item.expression if isinstance(item, ast.SelectItem) else None
            if isinstance(written, ast.ColumnRef) and written.name == ref.name and written.source in (None, ref.source):
                return True
        return False


def _types(expressions: Sequence[Typed]) -> tuple[SqlType, ...]:
    types = [e.type for e in expressions]
    assert all(t is not None for t in types)
    return tuple(t for t in types if t is not None)


def _union(first: Sequence[ast.ColumnRef], second: Sequence[ast.ColumnRef]) -> tuple[ast.ColumnRef, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _key_name(viable: Sequence[ast.ColumnRef]) -> str:
    return f"{viable[0].source}_{viable[0].name}" if viable else SYNTHETIC_NAME


def _synthetic_name(relation: Relation) -> str:
    """Name a synthetic key unlike any column of the sources."""
    taken = {e.name for e in relation.entries}
    name, number = SYNTHETIC_NAME, 0
    while name in taken:
        number += 1
        name = f"{SYNTHETIC_NAME}_{number}"
    return name


def _entries(left: Relation, right: Relation, sides: Sequence[tuple[Project, tuple[Entry, ...]]]) -> tuple[Entry, ...]:
    """List the columns of both sides as the join yields them."""
    entries: list[Entry] = []
    offset = 0
    for relation, (project, kept) in zip((left, right), sides, strict=True):
        places = {(e.source, e.name): f"v{offset + i}" for i, e in enumerate(kept)}
        entries += [replace(e, internal=places.get((e.source, e.name), UNUSED)) for e in relation.entries if e.source]
        offset += len(project.values)
    return tuple(entries)


def _arranged(query: ast.Query, source: Relation) -> Relation:
    """Order the columns of a source as the star of a join shows them: window bounds stand behind the key.

    With PARTITION BY, ksqlDB's star shows the pseudo columns too, and the key last.
    """
    keys = [e for e in source.entries if e.internal.startswith("k")]
    values = [e for e in source.entries if e.internal.startswith("v")]
    bounds = [replace(e, system=False) for e in source.entries if e.internal in ("ws", "we")]
    pseudo = [e for e in source.entries if e.internal in ("ts", "part", "off")]
    if query.partition_by:
        return replace(source, entries=(*values, *(replace(e, system=False) for e in pseudo), *bounds, *keys))
    return replace(source, entries=(*keys, *bounds, *values, *pseudo))
