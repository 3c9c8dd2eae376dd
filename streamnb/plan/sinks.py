"""Persistent queries: the source that CREATE ... AS SELECT makes, and what INSERT INTO asks of its query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from streamnb.catalog import Catalog, DataSource, FormatSpec, KeyWindow
from streamnb.errors import KsqlError, KsqlStatementError
from streamnb.plan.clauses import QueryContext
from streamnb.plan.expressions import Env, coerce
from streamnb.plan.formats import key_format, value_format
from streamnb.plan.logical import Aggregate, PlanNode, Project, QueryPlan, Scan, children
from streamnb.plan.properties import Properties
from streamnb.plan.query import plan_query
from streamnb.plan.sources import timestamp_column
from streamnb.plan.typed import TypedColumn
from streamnb.schema import Column, Schema
from streamnb.sql import ast

__all__ = ["PersistentPlan", "plan_create_as", "plan_insert_select"]


@dataclass(frozen=True)
class PersistentPlan:
    """A planned persistent query and the source it writes to."""

    query: QueryPlan
    sink: DataSource


def plan_create_as(statement: ast.CreateAs, catalog: Catalog, env: Env, text: str) -> PersistentPlan:
    """Plan CREATE STREAM or TABLE ... AS SELECT. Raises: KsqlStatementError with ksqlDB's wording."""
    properties = Properties(statement.properties, "sink")
    if statement.query.limit is not None:
        raise KsqlStatementError(
            f"CREATE {statement.kind} AS SELECT statements don't support LIMIT clause.",
            hint="a persistent query goes on for ever; put the LIMIT into a SELECT over its result.",
            span=statement.query.span,
        )
    plan = plan_query(statement.query, QueryContext(catalog, env, statement.kind, statement.name))
    _check_result(statement, plan)
    schema = Schema(plan.key_columns, plan.value_columns)
    left = plan.scans[0]
    prefix = env.config.get("ksql.output.topic.name.prefix", "")
    by_null = any(isinstance(e, ast.NullLiteral) for e in statement.query.partition_by)
    keys = key_format(schema.key, properties, env.config, left)
    values = value_format(schema.value, properties, env.config, left)
    sink = DataSource(
        name=statement.name,
        kind=statement.kind,
        schema=schema,
        topic=properties.text("KAFKA_TOPIC") or prefix + statement.name,
        key_format=FormatSpec("NONE") if by_null else keys,
        value_format=values,
        partitions=properties.integer("PARTITIONS") or _configured(env, "ksql.sink.partitions") or left.partitions,
        replicas=properties.integer("REPLICAS") or _configured(env, "ksql.sink.replicas") or left.replicas,
        timestamp=timestamp_column(properties, schema),
        window=sink_window(plan.root),
        statement=text,
    )
    return PersistentPlan(plan, sink)


def _configured(env: Env, name: str) -> int | None:
    value = env.config.get(name)
    return int(value) if value else None


def _check_result(statement: ast.CreateAs, plan: QueryPlan) -> None:
    if statement.kind == "TABLE" and not plan.root.is_table:
        raise KsqlStatementError(
            "Invalid result type. Your SELECT query produces a STREAM. Please use CREATE STREAM AS SELECT statement "
            "instead.",
            hint="write CREATE STREAM instead of CREATE TABLE, or add GROUP BY and an aggregate.",
        )
    if statement.kind == "STREAM" and plan.root.is_table:
        raise KsqlStatementError(
            "Invalid result type. Your SELECT query produces a TABLE. Please use CREATE TABLE AS SELECT statement "
            "instead.",
            hint="write CREATE TABLE instead of CREATE STREAM.",
        )


def sink_window(node: PlanNode) -> KeyWindow | None:
    """Find the window of a result's key: that of its aggregation, or of the source it passes on."""
    if not node.windowed:
        return None
    if isinstance(node, Aggregate) and node.window is not None:
        window = node.window
        return KeyWindow(window.kind, None if window.kind == "SESSION" else window.size_ms)
    if isinstance(node, Scan):
        return node.source.window
    return next((w for w in map(sink_window, children(node)) if w is not None), None)


def plan_insert_select(statement: ast.InsertInto, catalog: Catalog, env: Env) -> PersistentPlan:
    """Plan INSERT INTO ... SELECT: the columns must fit those of the target, by position.

    Raises: KsqlError with ksqlDB's wording.
    """
    Properties(statement.properties, "insert")
    target = catalog.get(statement.target)
    if target is None:
        raise KsqlError(
            f"Source `{statement.target}` does not exist.",
            summary=f"stream {statement.target} does not exist",
            hint=f"streams here: {', '.join(s.name for s in catalog.streams()) or 'none yet'}.",
            span=statement.at,
        )
    if target.is_table:
        raise KsqlStatementError(
            f"INSERT INTO can only be used to insert into a stream. {target.name} is a table.", span=statement.at
        )
    if target.read_only:
        raise KsqlError(f"Cannot insert into read-only stream: {target.name}", span=statement.at)
    if target.schema.headers:
        raise KsqlError(f"Cannot insert into {target.name} because it has header columns", span=statement.at)
    plan = plan_query(statement.query, QueryContext(catalog, env, "INSERT", statement.target))
    return PersistentPlan(_fit(plan, target), target)


def _fit(plan: QueryPlan, target: DataSource) -> QueryPlan:
    """Coerce a plan's columns to those of the target. Raises: KsqlStatementError when they do not fit."""
    result = (*plan.key_columns, *plan.value_columns)
    wanted = (*target.schema.key, *target.schema.value)
    schema = Schema(plan.key_columns, plan.value_columns)
    fits = len(plan.key_columns) == len(target.schema.key) and [c.name for c in result] == [c.name for c in wanted]
    mismatch = KsqlStatementError(
        "Incompatible schema between results and sink.\n"
        f"Result schema is {schema.render()}\nSink schema is {target.schema.render()}",
        summary=f"the columns of the SELECT do not fit {target.name}",
        hint=f"{target.name} has {target.schema.render()}; the SELECT gives {schema.render()}.",
    )
    if not fits:
        raise mismatch
    if [c.type for c in result] == [c.type for c in wanted]:
        return plan
    try:
        keys = tuple(coerce(t, c.type) for t, c in zip(_columns("k", plan.key_columns), target.schema.key, strict=True))
        values = tuple(
            coerce(t, c.type) for t, c in zip(_columns("v", plan.value_columns), target.schema.value, strict=True)
        )
    except KsqlError:
        raise mismatch from None
    root = Project(
        keys=tuple(c.type for c in target.schema.key),
        values=tuple(c.type for c in target.schema.value),
        windowed=plan.root.windowed,
        is_table=plan.root.is_table,
        input=plan.root,
        key_exprs=keys,
        value_exprs=values,
    )
    return replace(plan, root=root, key_columns=target.schema.key, value_columns=target.schema.value)


def _columns(prefix: str, columns: Sequence[Column]) -> list[TypedColumn]:
    return [TypedColumn(column=f"{prefix}{i}", type=c.type, label=c.name) for i, c in enumerate(columns)]
