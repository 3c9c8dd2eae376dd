"""SELECT on its own: push queries that go on, pull queries that end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from streamnb.backends.duckdb.compile import Program, compile_plan
from streamnb.backends.duckdb.operator import Mode, create_errors, run_statements
from streamnb.catalog import DataSource
from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.engine.doorbell import Doorbell
from streamnb.engine.push import PushQuery
from streamnb.engine.scan import scan
from streamnb.engine.sink import materialized
from streamnb.engine.task import QueryTask
from streamnb.errors import KsqlStatementError
from streamnb.plan.clauses import QueryContext
from streamnb.plan.logical import Aggregate, Join, QueryPlan
from streamnb.plan.query import plan_query
from streamnb.results import Live, Rows
from streamnb.sql import ast
from streamnb.statements.pipeline import Pipeline
from streamnb.store import Store

__all__ = ["pull", "push"]

FEED_ROWS = 10_000


def push(pipeline: Pipeline, query: ast.Query, text: str, on_stop: Callable[[Live], None]) -> Live:
    """Start a push query."""
    plan = plan_query(query, QueryContext(pipeline.catalog, pipeline.env(), "PUSH"))
    id_ = pipeline.transient_id()
    every = pipeline.setting("max.batch.records") == "1"
    program = compile_plan(plan.root, id_, Mode.EVERY if every or plan.limit is not None else Mode.LAST, durable=False)
    doorbell = Doorbell()
    readers = [pipeline.reader(i.source.topic, doorbell.ring) for i in program.inputs]
    task = QueryTask(id_, program, readers, pipeline.registry, None)
    query_ = PushQuery(
        task,
        pipeline.engine.call(pipeline.store.cursor),
        doorbell,
        columns=[internal for _, internal in plan.order],
        is_table=plan.root.is_table,
        limit=plan.limit,
        earliest=pipeline.earliest(),
        rows_max=FEED_ROWS,
        batch_rows=int(pipeline.setting("max.batch.records")),
    )
    columns = [(c.name, c.type) for c, _ in plan.order]

    def stopped(live: Live) -> None:
        if doorbell in pipeline.engine.doorbells:
            pipeline.engine.doorbells.remove(doorbell)
        on_stop(live)

    live = Live(text, id_, columns, key_columns=_key_columns(plan), push=query_, on_stop=stopped)
    pipeline.engine.doorbells.append(doorbell)
    query_.start()
    return live


def _key_columns(plan: QueryPlan) -> int:
    """Count the leading result columns that are the key."""
    return min(len(plan.root.keys), len(plan.order)) if plan.root.is_table else 0


def pull(pipeline: Pipeline, query: ast.Query, text: str) -> Rows:
    """Answer a pull query from what there is now.

    A table must be one that a query maintains, or a SOURCE table; a stream is read from its first record to its last.
    Raises: KsqlStatementError with ksqlDB's wording for what pull queries do not do.
    """
    plan = plan_query(query, QueryContext(pipeline.catalog, pipeline.env(), "PULL"))
    _check_pull(query, plan)
    source = plan.scans[0]
    program = compile_plan(plan.root, pipeline.transient_id(), Mode.LAST, durable=False)
    store = pipeline.engine.call(pipeline.store.cursor)
    try:
        store.execute(create_errors())
        if source.is_table:
            rows = _from_table(pipeline, store, source, program, plan)
        else:
            rows = _from_stream(pipeline, store, program, plan)
    finally:
        store.close()
    limited = plan.limit is not None and len(rows) >= plan.limit
    final = None if source.is_table else ("Limit Reached" if limited else "Query Completed")
    columns = tuple((c.name, c.type) for c, _ in plan.order)
    return Rows(text, columns, rows, final_message=final, key_columns=len(plan.root.keys))


def _check_pull(query: ast.Query, plan: QueryPlan) -> None:
    if isinstance(plan.root, Aggregate) or query.group_by:
        raise KsqlStatementError(
            "Pull queries don't support GROUP BY clauses. See https://cnfl.io/queries for more info.\n"
            "Add EMIT CHANGES if you intended to issue a push query.",
            hint="add EMIT CHANGES for a live result; over history, Workspace.sql(...) runs any SELECT.",
            span=query.group_by[0].span if query.group_by else query.span,
        )
    if query.joins or isinstance(plan.root, Join):
        raise KsqlStatementError(
            "Pull queries don't support JOIN clauses. See https://cnfl.io/queries for more info.\n"
            "Add EMIT CHANGES if you intended to issue a push query.",
            hint="add EMIT CHANGES for a live result; over history, Workspace.sql(...) runs any SELECT.",
            span=query.joins[0].span if query.joins else query.span,
        )


def _result(store: Store, output: Sql, plan: QueryPlan, limit: int | None) -> list[tuple[Any, ...]]:
    columns = join(", ", [ident(i) for _, i in plan.order])
    tail = sql("LIMIT {}", lit(limit)) if limit is not None else sql("")
    return store.rows(sql("SELECT {} FROM {} ORDER BY seq, sub {}", columns, output, tail))


def _from_table(
    pipeline: Pipeline, store: Store, source: DataSource, program: Program, plan: QueryPlan
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
        return _from_stream(pipeline, store, program, plan)
    query = pipeline.engine.queries[source.query_id]
    table = materialized(source.query_id, query.task.program.shape)
    shape = query.task.program.shape
    columns = [*shape.window_columns(), *shape.key_columns(), *shape.value_columns()]
    batch = program.inputs[0].batch
    store.execute(
        sql(
            "CREATE OR REPLACE TEMP VIEW {} AS SELECT row_number() OVER () AS seq, 0::BIGINT AS sub, 0 AS part,"
            " 0::BIGINT AS off, ts, NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr, false AS vnull, {} FROM {}",
            batch,
            join(", ", columns),
            table.name,
        )
    )
    for declared in program.tables:
        store.execute(declared.create())
    run_statements(store, program.statements)
    return _result(store, program.output, plan, plan.limit)


def _from_stream(pipeline: Pipeline, store: Store, program: Program, plan: QueryPlan) -> list[tuple[Any, ...]]:
    """Run the query over its topics as they are now, or until it has enough rows."""
    doorbell = Doorbell()
    topics = [i.source.topic for i in program.inputs]
    readers = [pipeline.reader(topic, doorbell.ring) for topic in topics]
    ends = [pipeline.engine.call(functools.partial(pipeline.log_of(topic).ends, topic)) for topic in topics]
    task = QueryTask("pull", program, readers, pipeline.registry, None)
    rows: list[tuple[Any, ...]] = []
    try:
        task.prepare(store, earliest=True)
        for step in scan(task, store, ends, doorbell, int(pipeline.setting("max.batch.records"))):
            if step.count:
                rows += _result(store, task.output(), plan, None if plan.limit is None else plan.limit - len(rows))
            if plan.limit is not None and len(rows) >= plan.limit:
                break
    finally:
        task.close()
    return rows
