"""SELECT on its own: push queries that go on, pull queries that end."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from streamnb.backends.duckdb.compile import Program, compile_plan
from streamnb.backends.duckdb.operator import Mode
from streamnb.backends.duckdb.steps import create_errors, run_statements
from streamnb.catalog import DataSource
from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.engine.doorbell import Doorbell
from streamnb.engine.processinglog import LogEntry
from streamnb.engine.progress import Backlog, Report
from streamnb.engine.push import REPORTED_MAX, PushQuery
from streamnb.engine.scan import scan
from streamnb.engine.sides import key_side
from streamnb.engine.sink import current_rows
from streamnb.engine.task import QueryTask
from streamnb.errors import KsqlStatementError, StoreError
from streamnb.plan.clauses import QueryContext
from streamnb.plan.composed import extensions
from streamnb.plan.logical import (
    Aggregate,
    PlanNode,
    Project,
    QueryPlan,
    children,
    hides_key,
    is_ordered,
)
from streamnb.plan.lookup import check_lookup
from streamnb.plan.query import plan_query
from streamnb.plan.typed import TypedColumn
from streamnb.results import Live, Rows
from streamnb.serde.encode import encode
from streamnb.sql import ast
from streamnb.statements.pipeline import Pipeline
from streamnb.statements.watching import Watching
from streamnb.store import Store

__all__ = ["is_restricted", "pull", "push", "refused_clauses"]

FEED_ROWS = 10_000
_PULL_SWITCHES = (
    "ksql.query.pull.limit.clause.enabled",
    "ksql.query.pull.table.scan.enabled",
    "ksql.query.pull.range.scan.enabled",
    "ksql.query.pull.stream.enabled",
)
MORE = "See https://cnfl.io/queries for more info.\nAdd EMIT CHANGES if you intended to issue a push query."


def push(pipeline: Pipeline, query: ast.Query, text: str, on_stop: Callable[[Live], None]) -> Live:
    """Start a push query."""
    plan = plan_query(query, QueryContext(pipeline.catalog, pipeline.env(), "PUSH"))
    id_ = pipeline.transient_id()
    every = pipeline.setting("max.batch.records") == "1" or plan.limit is not None
    program = compile_plan(plan.root, id_, Mode.EVERY if every else Mode.LAST, durable=False)
    doorbell = Doorbell()
    readers = [pipeline.reader(i.source.topic, doorbell.ring) for i in program.inputs]
    task = QueryTask(id_, program, readers, pipeline.registry, None)
    ended: list[Live] = []

    def end() -> None:
        if doorbell in pipeline.engine.doorbells:
            pipeline.engine.doorbells.remove(doorbell)
        for live in ended:
            on_stop(live)

    query_ = PushQuery(
        task,
        pipeline.engine.call(pipeline.store.cursor),
        doorbell,
        columns=[(c.name, internal, c.type) for c, internal in plan.order],
        is_table=plan.root.is_table,
        is_ordered=is_ordered(plan.root),
        limit=plan.limit,
        earliest=pipeline.earliest(),
        rows_max=FEED_ROWS,
        batch_rows=int(pipeline.setting("max.batch.records")),
        report=pipeline.engine.report,
        on_end=end,
    )
    columns = [(c.name, c.type) for c, _ in plan.order]
    live = Live(
        text,
        id_,
        columns,
        key_columns=_key_columns(plan),
        key_places=_key_places(plan),
        sources=tuple(dict.fromkeys(source.name for source in plan.scans)),
        watching=Watching(pipeline, columns),
        push=query_,
        on_stop=on_stop,
    )
    ended.append(live)
    pipeline.engine.doorbells.append(doorbell)
    query_.start()
    return live


def _key_columns(plan: QueryPlan) -> int:
    """Count the leading result columns that are the key."""
    if not plan.root.is_table or hides_key(plan.root):
        return 0
    return min(len(plan.root.keys), len(plan.order))


def _key_places(plan: QueryPlan) -> tuple[int, ...]:
    """List the places of the result columns that are the key of a table's row, or the bounds of its window."""
    root = plan.root
    if not root.is_table or not isinstance(root, Project):
        return ()
    internal = [e.column if isinstance(e, TypedColumn) else "" for e in root.value_exprs]
    return tuple(i for i, name in enumerate(internal) if name.startswith("k") or name in ("ws", "we"))


def pull(pipeline: Pipeline, query: ast.Query, text: str, report: Report | None = None) -> Rows:
    """Answer a pull query from what there is now; ``report`` is told how far it has read its topics.

    A table must be one that a query maintains, or a SOURCE table; a stream is read from its first record to its last.
    Raises: KsqlStatementError with ksqlDB's wording for what pull queries do not do.
    """
    _check_pull(query)
    _check_limit(query, pipeline)
    plan = plan_query(query, QueryContext(pipeline.catalog, pipeline.env(), "PULL"))
    check_lookup(query, plan.scans[0], pipeline.config())
    source = plan.scans[0]
    program = compile_plan(plan.root, pipeline.transient_id(), Mode.LAST, durable=False)
    store = pipeline.engine.call(pipeline.store.cursor)
    try:
        store.execute(create_errors())
        pipeline.registry.install(store)
        if source.is_table:
            rows = _from_table(pipeline, store, source, program, plan, report)
        else:
            rows = _from_stream(pipeline, store, program, plan, report)
    finally:
        store.close()
    limited = plan.limit is not None and len(rows) >= plan.limit
    final = None if source.is_table else ("Limit Reached" if limited else "Query Completed")
    columns = tuple((c.name, c.type) for c, _ in plan.order)
    return Rows(text, columns, rows, final_message=final, key_columns=len(plan.root.keys), key_places=_key_places(plan))


def is_restricted(pipeline: Pipeline) -> bool:
    """Tell whether a setting takes something away from pull queries, which nothing else may give back."""
    return any(pipeline.config().get(name, "true").lower() == "false" for name in _PULL_SWITCHES)


def refused_clauses(query: ast.Query) -> dict[str, ast.Node]:
    """List the clauses of a query that ksqlDB's pull queries do not have, and where they are."""
    clauses: dict[str, ast.Node | None] = {
        "JOIN": next(iter(query.joins), None),
        "WINDOW": query.window,
        "GROUP BY": next(iter(query.group_by), None),
        "PARTITION BY": next(iter(query.partition_by), None),
        "HAVING": query.having,
        **extensions(query),
    }
    return {clause: node for clause, node in clauses.items() if node is not None}


def _check_pull(query: ast.Query) -> None:
    for clause, node in refused_clauses(query).items():
        raise KsqlStatementError(
            f"Pull queries don't support {clause} clauses. {MORE}",
            hint="add EMIT CHANGES for a live result; over history, Workspace.sql(...) runs any SELECT.",
            span=node.span,
        )


def _check_limit(query: ast.Query, pipeline: Pipeline) -> None:
    if query.limit is None:
        return
    name = "ksql.query.pull.limit.clause.enabled"
    if pipeline.config().get(name, "true").lower() == "false":
        raise KsqlStatementError(
            f"LIMIT clause in pull queries is currently disabled. You can enable them by setting {name}=true. {MORE}",
            hint=f"SET '{name}'='true';",
            span=query.span,
        )
    if query.limit < 0:
        raise KsqlStatementError(
            "Pull queries don't support negative integers in the LIMIT clause. See https://cnfl.io/queries for more "
            "info.",
            span=query.span,
        )


def _groups(node: PlanNode) -> bool:
    """Tell whether a plan aggregates, so that its rows have another key than its source's."""
    return isinstance(node, Aggregate) or any(_groups(child) for child in children(node))


def _result(store: Store, output: Sql, plan: QueryPlan, limit: int | None) -> list[tuple[Any, ...]]:
    """Read the rows of a batch; those of a table in the order of their keys' bytes, as a RocksDB store has them."""
    source = plan.scans[0]
    columns = join(", ", [ident(i) for _, i in plan.order])
    tail = sql("LIMIT {}", lit(limit)) if limit is not None else sql("")
    order = sql("seq, sub")
    if source.is_table and not _groups(plan.root):
        windowed = source.window is not None
        keys = [ident(f"k{i}") for i in range(len(source.schema.key))]
        bounds = (ident("ws"), ident("we")) if windowed else (None, None)
        order = sql("{}, seq, sub", encode(key_side(source), keys, *bounds))
    return store.rows(sql("SELECT {} FROM {} WHERE NOT vnull ORDER BY {} {}", columns, output, order, tail))


def _from_table(
    pipeline: Pipeline,
    store: Store,
    source: DataSource,
    program: Program,
    plan: QueryPlan,
    report: Report | None,
) -> list[tuple[Any, ...]]:
    """Run the query over a table's current rows."""
    if source.query_id is None or source.query_id not in pipeline.engine.queries:
        if not source.read_only:
            raise KsqlStatementError(
                f"The `{source.name}` table isn't queryable. To derive a queryable table, you can do 'CREATE TABLE "
                f"QUERYABLE_{source.name} AS SELECT * FROM {source.name}'. See https://cnfl.io/queries for more info.\n"
                "Add EMIT CHANGES if you intended to issue a push query.",
                summary=f"table {source.name} is not kept by a query",
                hint=f"CREATE TABLE QUERYABLE_{source.name} AS SELECT * FROM {source.name}; and select from that.",
            )
        return _from_topic_of_table(pipeline, store, program, plan, report)
    query = pipeline.engine.queries[source.query_id]
    shape = query.task.program.shape
    columns = [*shape.window_columns(), *shape.key_columns(), *shape.value_columns()]
    batch = program.inputs[0].batch
    store.execute(
        sql(
            "CREATE OR REPLACE TEMP VIEW {} AS SELECT row_number() OVER () AS seq, 0::BIGINT AS sub, 0 AS part,"
            " 0::BIGINT AS off, ts, NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr, false AS vnull, {} FROM {}",
            batch,
            join(", ", columns),
            current_rows(source.query_id),
        )
    )
    for declared in program.tables:
        store.execute(declared.create())
    run_statements(store, program.statements)
    return _result(store, program.output, plan, plan.limit)


def _from_stream(
    pipeline: Pipeline, store: Store, program: Program, plan: QueryPlan, report: Report | None
) -> list[tuple[Any, ...]]:
    """Run the query over its topics as they are now, or until it has enough rows."""
    rows: list[tuple[Any, ...]] = []
    for output in _outputs(pipeline, store, program, report):
        rows += _result(store, output, plan, None if plan.limit is None else plan.limit - len(rows))
        if plan.limit is not None and len(rows) >= plan.limit:
            break
    return rows


def _from_topic_of_table(
    pipeline: Pipeline, store: Store, program: Program, plan: QueryPlan, report: Report | None
) -> list[tuple[Any, ...]]:
    """Run the query over a table's topic as it is now, and keep the last row of each key."""
    shape = program.shape
    changes = ident("temp", "pull:changes")
    store.execute(shape.create(changes))
    for output in _outputs(pipeline, store, program, report):
        store.execute(sql("INSERT INTO {} SELECT {} FROM {}", changes, join(", ", shape.columns()), output))
    keys = join(", ", [*shape.key_columns(), *shape.window_columns()[:1]])
    last = sql(
        "(SELECT * FROM {} QUALIFY row_number() OVER (PARTITION BY {} ORDER BY seq DESC, sub DESC) = 1)", changes, keys
    )
    return _result(store, last, plan, plan.limit)


def _outputs(pipeline: Pipeline, store: Store, program: Program, report: Report | None) -> Iterator[Sql]:
    """Run a program over its topics as they are now; yields the output of each step that gave records."""
    report = report or (lambda _: None)
    doorbell = Doorbell()
    topics = [i.source.topic for i in program.inputs]
    readers = [pipeline.reader(topic, doorbell.ring) for topic in topics]
    ends = [pipeline.engine.call(functools.partial(pipeline.log_of(topic).ends, topic)) for topic in topics]
    task = QueryTask("pull", program, readers, pipeline.registry, None)
    errors: list[LogEntry] = []
    backlog = Backlog(sum(next_ - first for parts in ends for first, next_ in parts.values()))
    try:
        task.prepare(store, earliest=True)
        for step in scan(task, store, ends, doorbell, int(pipeline.setting("max.batch.records"))):
            errors += step.log[: REPORTED_MAX - len(errors)]
            backlog.add(step.count)
            if backlog.progress is not None:
                report(backlog.progress)
            if step.count:
                yield task.output()
    finally:
        task.close()
        report(None)
        if errors:
            with contextlib.suppress(StoreError):  # the engine has stopped
                pipeline.engine.call(functools.partial(pipeline.engine.write_log, errors))
