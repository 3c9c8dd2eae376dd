"""A logical plan as a program: the DuckDB statements of one micro-batch, in order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from streamnb.backends.duckdb.aggregate import AggregateSpec, compile_aggregate
from streamnb.backends.duckdb.distinct import compile_distinct
from streamnb.backends.duckdb.expressions import compile_expression
from streamnb.backends.duckdb.flatmap import compile_flat_map
from streamnb.backends.duckdb.join import compile_join
from streamnb.backends.duckdb.merging import merged
from streamnb.backends.duckdb.operator import BatchShape, Mode, Names, Probe, Stage
from streamnb.backends.duckdb.stateless import (
    compile_filter,
    compile_project,
    compile_table_filter,
    is_identity,
    project_view,
)
from streamnb.backends.duckdb.steps import Statement
from streamnb.backends.duckdb.topn import compile_top_n
from streamnb.backends.duckdb.union import compile_union
from streamnb.catalog import DataSource
from streamnb.duck import Sql, sql
from streamnb.plan.logical import (
    Aggregate,
    Distinct,
    Filter,
    FlatMap,
    Join,
    PlanNode,
    Project,
    Scan,
    TopN,
    UnionAll,
)
from streamnb.plan.typed import TypedColumn
from streamnb.state.tables import StateTable

__all__ = ["Input", "OperatorStep", "Program", "compile_plan"]


@dataclass(frozen=True)
class Input:
    """A source of a program and the TEMP table its decoded, ordered batch is put into.

    ``is_looked_up`` tells that a stream's records make the table of a stream–table join: at equal times they come
    before those of the stream, as a table's do.
    """

    source: DataSource
    position: int
    batch: Sql
    is_looked_up: bool = False


@dataclass(frozen=True)
class OperatorStep:
    """The statements of one operator: its name in the names of tables, and the node it was compiled from."""

    name: str
    node: PlanNode
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Program:
    """A compiled query: run ``statements`` once per micro-batch, after the inputs' batches are there.

    ``output`` names the batch they create, of shape ``shape``; ``tables`` is the state to be created beforehand;
    ``late`` holds a query for each operator that counts late records; ``changelog`` tells that several rows of one
    key may come out of a batch although only the last one was asked for; ``view`` reads the current rows of the table
    it makes (columns k0.., [ws, we], ts, v0..) from the state, where the state has them. ``steps`` tells which
    operators the statements are of, for EXPLAIN.
    """

    inputs: tuple[Input, ...]
    statements: tuple[Statement, ...]
    output: Sql
    shape: BatchShape
    tables: tuple[StateTable, ...]
    late: tuple[Sql, ...] = ()
    changelog: bool = False
    probes: tuple[Probe, ...] = ()
    view: Sql | None = None
    steps: tuple[OperatorStep, ...] = ()


@dataclass
class _Compiler:
    names: Names
    mode: Mode
    inputs: list[Input] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    tables: list[StateTable] = field(default_factory=list)
    late: list[Sql] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    numbers: Counter[str] = field(default_factory=Counter)
    steps: list[OperatorStep] = field(default_factory=list)
    is_looked_up: bool = False  # what is compiled now is the table of a stream–table join
    last: Stage | None = None  # the operator that was compiled last

    def step(self, name: str) -> str:
        """Number the operators of each kind: their tables have names of their own, whatever else a plan gains."""
        self.numbers[name] += 1
        return f"{name}{self.numbers[name]}"

    def add(self, stage: Stage, step: str, node: PlanNode) -> BatchShape:
        self.steps.append(OperatorStep(step, node, stage.statements))
        self.statements += stage.statements
        self.tables += stage.tables
        self.probes += stage.probes
        self.last = stage
        if stage.late is not None:
            self.late.append(stage.late)
        return stage.shape

    def compile(self, node: PlanNode) -> tuple[Sql, BatchShape]:
        """Compile a node and what is below it; return its batch and the batch's shape."""
        if isinstance(node, Scan):
            return self._scan(node)
        if isinstance(node, Project):
            return self._project(node)
        if isinstance(node, Filter):
            return self._filter(node)
        if isinstance(node, Aggregate):
            return self._aggregate(node)
        if isinstance(node, FlatMap):
            source, shape = self.compile(node.input)
            step = self.step("flatmap")
            target = self.names.temp(step)
            return target, self.add(compile_flat_map(node, source, target, shape, self.names, step), step, node)
        if isinstance(node, Distinct | TopN):
            return self._compact(node)
        if isinstance(node, UnionAll):
            inputs = [self.compile(part) for part in node.inputs]
            step = self.step("union")
            target = self.names.temp(step)
            return target, self.add(compile_union(node, inputs, target), step, node)
        assert isinstance(node, Join)
        left, left_shape = self._every_change(node.left)
        outer, self.is_looked_up = self.is_looked_up, node.right.is_table and not node.left.is_table
        right, right_shape = self._every_change(node.right)
        self.is_looked_up = outer
        step = self.step("join")
        target = self.names.temp(step)
        stage = compile_join(node, (left, left_shape), (right, right_shape), target, self.names, step)
        return target, self.add(stage, step, node)

    def _scan(self, node: Scan) -> tuple[Sql, BatchShape]:
        batch = self.names.temp(f"in{node.position}")
        self.inputs.append(Input(node.source, node.position, batch, self.is_looked_up))
        self.steps.append(OperatorStep(f"in{node.position}", node, ()))
        return batch, BatchShape(node.keys, node.values, node.windowed)

    def _project(self, node: Project) -> tuple[Sql, BatchShape]:
        node = merged(node)
        below = node.input
        where = None
        if isinstance(below, Filter) and not below.is_table and not compile_expression(below.predicate).can_raise:
            where, below = below.predicate, below.input  # one statement does both
        source, shape = self.compile(below)
        if where is None and is_identity(node, shape):
            return source, shape
        inner = self.last
        step = self.step("project")
        target = self.names.temp(step)
        stage = compile_project(node, where, source, target, shape, self.names, step)
        if where is None and inner is not None and not node.partitioned:
            stage = replace(stage, view=project_view(node, inner.view), once=inner.once)
        return target, self.add(stage, step, node)

    def _compact(self, node: Distinct | TopN) -> tuple[Sql, BatchShape]:
        source, shape = self.compile(node.input)
        step = self.step("distinct" if isinstance(node, Distinct) else "top")
        target = self.names.temp(step)
        if isinstance(node, Distinct):
            stage = compile_distinct(node, source, target, shape, self.names, step)
        else:
            stage = compile_top_n(node, source, target, shape, self.names, step)
        return target, self.add(stage, step, node)

    def _filter(self, node: Filter) -> tuple[Sql, BatchShape]:
        source, shape = self.compile(node.input)
        step = self.step("filter")
        target = self.names.temp(step)
        if node.is_table:
            stage = compile_table_filter(node, source, target, shape, self.names, step, self.mode)
        else:
            stage = compile_filter(node, source, target, shape, self.names, step)
        return target, self.add(stage, step, node)

    def _every_change(self, node: PlanNode) -> tuple[Sql, BatchShape]:
        """Compile what an operator is fed with: a change that is left out would not move the times of its results."""
        mode, self.mode = self.mode, Mode.EVERY
        found = self.compile(node)
        self.mode = mode
        return found

    def _aggregate(self, node: Aggregate) -> tuple[Sql, BatchShape]:
        source, shape = self._every_change(node.input)
        step = self.step("aggregate")
        target = self.names.temp(step)
        spec = AggregateSpec(
            group=node.group,
            window=node.window,
            calls=node.calls,
            having=node.having,
            emit_final=node.emit_final,
            input_is_table=node.input.is_table,
        )
        if node.window is not None and not _keeps_key(node):
            # A group that is not the key is spread over partitions; all of them share one stream time then, that of
            # the query's order, so that what is late does not depend on where a batch ends.
            source = sql("(SELECT * REPLACE (0 AS part) FROM {})", source)
        names = self.names
        if self.numbers["aggregate"] > 1:  # an aggregation of one: its tables have names of their own
            names = replace(names, query_id=f"{names.query_id}:{step}")
        stage = compile_aggregate(spec, source, target, shape, names, self.mode)
        return target, self.add(stage, step, node)


def _keeps_key(node: Aggregate) -> bool:
    """Tell whether the group is the input's key, so that all records of a group are in one partition."""
    columns = [e.column if isinstance(e, TypedColumn) else None for e in node.group]
    return columns == [f"k{i}" for i in range(len(node.input.keys))]


def compile_plan(root: PlanNode, query_id: str, mode: Mode, *, durable: bool = True) -> Program:
    """Compile a plan for one query; ``durable`` keeps its state in the database, else in TEMP tables."""
    compiler = _Compiler(Names(query_id, durable), mode)
    output, shape = compiler.compile(root)
    return Program(
        inputs=tuple(compiler.inputs),
        statements=tuple(compiler.statements),
        output=output,
        shape=shape,
        tables=tuple(compiler.tables),
        late=tuple(compiler.late),
        changelog=root.is_table and mode is Mode.LAST and not (compiler.last is not None and compiler.last.once),
        probes=tuple(compiler.probes),
        view=None if compiler.last is None else compiler.last.view,
        steps=tuple(compiler.steps),
    )
