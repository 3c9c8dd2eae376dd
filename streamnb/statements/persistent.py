"""Persistent queries: CREATE ... AS SELECT, INSERT INTO ... SELECT, TERMINATE, PAUSE, RESUME."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from streamnb.backends.duckdb.compile import compile_plan
from streamnb.backends.duckdb.operator import Mode
from streamnb.backends.duckdb.stateless import is_filter_state
from streamnb.catalog import DataSource, QueryInfo, closest
from streamnb.engine.engine import PersistentQuery
from streamnb.engine.sink import Sink, timed
from streamnb.engine.task import QueryTask
from streamnb.errors import KsqlError
from streamnb.plan.logical import QueryPlan, makes_key
from streamnb.plan.properties import Properties
from streamnb.plan.sinks import plan_create_as, plan_insert_select
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement
from streamnb.statements.journal import Entry
from streamnb.statements.pipeline import Pipeline
from streamnb.statements.sources import check_replaceable, check_upgrade, end_query
from streamnb.statements.upgrades import check_same_columns, check_same_state, check_same_types, table_filters
from streamnb.statements.waiting import end_waiting, waiting_queries

__all__ = ["control_query", "create_as", "insert_select", "query_advice"]


def create_as(
    pipeline: Pipeline, statement: ast.CreateAs, text: str, properties: Mapping[str, str], stored: Entry | None
) -> tuple[str, str | None]:
    """Start a query that writes to a new source; ``stored`` is its journal entry when the pipeline is rebuilt.

    Returns the answer and the query's id.
    """
    kind = statement.kind.lower()
    existing = pipeline.catalog.get(statement.name)
    if existing is not None and statement.if_not_exists:
        return f"Cannot add {kind} `{statement.name}`: A {kind} with the same name already exists.", None
    check_replaceable(existing, statement.kind, statement.name, or_replace=statement.or_replace)
    planned = plan_create_as(statement, pipeline.catalog, pipeline.env(properties), text)
    sink = planned.sink
    old = pipeline.engine.queries.get(existing.query_id or "") if existing is not None else None
    if existing is not None:
        check_upgrade(existing, replace(sink, query_id=""))
    prefix = "CTAS" if statement.kind == "TABLE" else "CSAS"
    id_ = stored.query_id if stored is not None else old.info.id if old is not None else None
    if id_ is None:
        id_ = f"{prefix}_{sink.name}_{pipeline.engine.checkpoint.next_number('query')}"
    settings = Properties(statement.properties, "sink")
    topic = pipeline.ensure_topic(
        sink.topic,
        None if stored is not None else sink.partitions,
        sink.replicas,
        retention_ms=settings.retention_ms(),
        cleanup=settings.cleanup(),
    )
    if stored is not None and stored.status == "TERMINATED":
        pipeline.catalog.put(replace(sink, partitions=topic.partitions, query_id=id_))
        return f"Query {id_} stays terminated", id_
    if old is not None:
        _stop_for(pipeline, old, statement.query, planned.query)
    sink = replace(sink, partitions=topic.partitions, query_id=id_)
    _start(pipeline, id_, prefix, planned.query, sink, text, properties, old)
    if stored is not None and stored.status == "PAUSED":
        pipeline.catalog.queries[id_].state = "PAUSED"
    return f"Created query with ID {id_}", id_


def _stop_for(pipeline: Pipeline, old: PersistentQuery, query: ast.Query, plan: QueryPlan) -> None:
    """Stop a query that another one replaces, which goes on where it stands, with the state it has built up.

    Raises: KsqlStatementError when the old state means nothing to the new query.
    """
    before = parse_statement(old.info.statement)
    assert isinstance(before, ast.CreateAs)
    planned = plan_create_as(before, pipeline.catalog, pipeline.env(), old.info.statement)
    check_same_columns(before.query, query)
    check_same_state(planned.query.root, plan.root)
    check_same_types(old.task.program.tables, compile_plan(plan.root, old.info.id, Mode.LAST).tables)
    if table_filters(planned.query.root) != table_filters(plan.root):
        for table in old.task.program.tables:
            if is_filter_state(table):
                pipeline.store.execute(table.drop())
    old.task.close()


def insert_select(
    pipeline: Pipeline, statement: ast.InsertInto, text: str, properties: Mapping[str, str], stored: Entry | None
) -> tuple[str, str]:
    """Start a query that writes to an existing stream."""
    planned = plan_insert_select(statement, pipeline.catalog, pipeline.env(properties))
    named = Properties(statement.properties, "insert").text("QUERY_ID")
    query_id = stored.query_id if stored is not None else None
    taken = {*pipeline.catalog.queries, *(waiting_id for waiting_id, *_ in waiting_queries(pipeline))}
    if named is not None and query_id is None and named.upper() in taken:
        raise KsqlError(f"Query ID '{named.upper()}' already exists.", hint="choose another QUERY_ID.")
    id_ = query_id or (named.upper() if named else f"INSERTQUERY_{pipeline.engine.checkpoint.next_number('query')}")
    _start(pipeline, id_, "INSERT", planned.query, planned.sink, text, properties)
    if stored is not None and stored.status == "PAUSED":
        pipeline.catalog.queries[id_].state = "PAUSED"
    return f"Created query with ID {id_}", id_


def _start(
    pipeline: Pipeline,
    id_: str,
    kind: str,
    plan: QueryPlan,
    sink: DataSource,
    text: str,
    properties: Mapping[str, str],
    old: PersistentQuery | None = None,
) -> None:
    """Compile a query and hand it to the engine, at its stored place or that of the query it replaces."""
    every = pipeline.setting("max.batch.records") == "1" or properties.get("cache.max.bytes.buffering") == "0"
    program = compile_plan(plan.root, id_, Mode.EVERY if every else Mode.LAST)
    program = timed(program, id_, sink, pipeline.registry)
    checkpoint = pipeline.engine.checkpoint
    readers = [pipeline.reader(i.source.topic) for i in program.inputs]
    strict = properties.get("ksql.timestamp.throw.on.invalid", "false").lower() == "true"
    known = checkpoint.place(id_) or (old.task.place if old is not None else None)
    task = QueryTask(id_, program, readers, pipeline.registry, known, strict_times=strict)
    task.prepare(pipeline.store, earliest=pipeline.earliest(properties))
    topics = pipeline.outside.topics
    target = Sink(id_, sink, program, topics, key_made=makes_key(plan.root))
    target.create(pipeline.store, old.sink if old is not None else None)
    assert task.place is not None
    checkpoint.save_place(id_, task.place)
    names = tuple(dict.fromkeys(s.name for s in plan.scans))
    info = QueryInfo(id_, kind, sink.name, names, text)
    pipeline.catalog.put(sink)
    pipeline.catalog.queries[id_] = info
    pipeline.engine.queries[id_] = PersistentQuery(info, task, target)


def control_query(pipeline: Pipeline, statement: ast.QueryControl) -> str:
    """TERMINATE, PAUSE or RESUME one query, or all."""
    waiting = {id_: w for id_, _, _, w in waiting_queries(pipeline)}
    ids = _named(pipeline, statement, waiting if statement.action == "TERMINATE" else ())
    for id_ in ids:
        if id_ in waiting:
            end_waiting(pipeline, waiting[id_], terminated=True)
            continue
        info = pipeline.catalog.queries[id_]
        if statement.action == "TERMINATE":
            end_query(pipeline, id_)
        elif statement.action == "PAUSE":
            info.state = "PAUSED"
        elif info.state in ("PAUSED", "RETRYING", "ERROR"):
            pipeline.engine.queries[id_].resume()
    done = {"TERMINATE": "terminated", "PAUSE": "paused", "RESUME": "resumed"}[statement.action]
    return f"Query {done}: {', '.join(ids)}" if ids else "No queries."


def _named(pipeline: Pipeline, statement: ast.QueryControl, waiting: Iterable[str]) -> Sequence[str]:
    queries = [*pipeline.catalog.queries, *waiting]
    if statement.query_id is None:
        return list(queries)
    wanted = next((q for q in queries if q.upper() == statement.query_id.upper()), None)
    if wanted is None:
        raise KsqlError(
            f"Unknown queryId: {statement.query_id}",
            summary=f"query {statement.query_id} does not exist",
            hint=query_advice(pipeline, statement.query_id),
            span=statement.at,
        )
    return [wanted]


def query_advice(pipeline: Pipeline, name: str) -> str:
    """Suggest which query was meant: one of a similar id, or the one that writes a source of this name."""
    queries = pipeline.catalog.queries
    writer = next((q.id for q in queries.values() if q.sink == name), None)
    near = writer or closest(name, queries)
    return (f"did you mean {near}? " if near else "") + f"queries here: {', '.join(queries) or 'none'}."
