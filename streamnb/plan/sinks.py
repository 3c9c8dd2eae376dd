"""Persistent queries: the source that CREATE ... AS SELECT makes, and what INSERT INTO asks of its query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from streamnb.catalog import Catalog, DataSource, FormatSpec, KeyWindow, closest
from streamnb.errors import KsqlError, KsqlStatementError, Span
from streamnb.plan.clauses import QueryContext
from streamnb.plan.echo import written_out
from streamnb.plan.expressions import Env, coerce
from streamnb.plan.formats import key_format, value_format
from streamnb.plan.logical import Aggregate, PlanNode, Project, QueryPlan, Scan, children
from streamnb.plan.properties import Properties
from streamnb.plan.query import plan_query
from streamnb.plan.sources import timestamp_column, timestamp_name
from streamnb.plan.typed import TypedColumn
from streamnb.schema import Column, Schema
from streamnb.sql import ast
from streamnb.sql.parser import line_column

__all__ = ["PersistentPlan", "plan_create_as", "plan_insert_select"]


class UnknownSinkError(KsqlError):
    """The target of INSERT INTO is not there; ksqlDB finds it while it parses, and tells its place."""

    def at(self, text: str, span: Span | None = None) -> UnknownSinkError:
        if self.text is None:
            super().at(text, span)
            line, column = line_column(text, self.span.start if self.span else 0)
            self.message = f"Line: {line}, Col: {column}: {self.message}"
            self.args = (self.message,)
        return self


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
    _check_timestamp(statement.query, properties)
    plan = plan_query(statement.query, QueryContext(catalog, env, statement.kind, statement.name))
    _check_result(statement, plan)
    schema = Schema(plan.key_columns, plan.value_columns)
    left = plan.scans[0]
    prefix = env.config.get("ksql.output.topic.name.prefix", "")
    by_null = any(isinstance(e, ast.NullLiteral) for e in statement.query.partition_by)
    try:
        keys = key_format(schema.key, properties, env.config, left)
        values = value_format(schema.value, properties, env.config, left)
    except KsqlStatementError as error:
        if statement.query.group_by:
            _word_for_aggregation(error, statement, catalog, env)
        raise
    sink = DataSource(
        name=statement.name,
        kind=statement.kind,
        schema=schema,
        topic=properties.text("KAFKA_TOPIC") or prefix + statement.name,
        key_format=FormatSpec("NONE") if by_null else keys,
        value_format=values,
        partitions=properties.count("PARTITIONS") or _configured(env, "ksql.sink.partitions") or left.partitions,
        replicas=properties.count("REPLICAS") or _configured(env, "ksql.sink.replicas") or left.replicas,
        timestamp=timestamp_column(properties, schema),
        window=sink_window(plan.root),
        statement=text,
    )
    return PersistentPlan(plan, sink)


def _word_for_aggregation(error: KsqlStatementError, statement: ast.CreateAs, catalog: Catalog, env: Env) -> None:
    """Word a format that cannot hold the result of an aggregation as ksqlDB does, which finds it while it groups."""
    if error.message.startswith("Key format does not support schema"):
        error.message += f"\nStatement: {written_out(statement, catalog, env)}"
    elif error.message.startswith("Value format does not support schema.\nformat: DELIMITED"):
        error.message = (
            "One of the functions used in the statement has an intermediate type that the value format can not handle. "
            "Please remove the function or change the format."
        )


def _check_timestamp(query: ast.Query, properties: Properties) -> None:
    """Refuse a TIMESTAMP that is not selected before anything else is, where the select list names all its columns.

    Raises: KsqlError.
    """
    names = [_selected_name(item) for item in query.items]
    if None not in names:
        timestamp_name(properties, [str(n) for n in names])


def _selected_name(item: ast.SelectItem | ast.Star | ast.StructStar) -> str | None:
    if not isinstance(item, ast.SelectItem):
        return None
    expression = item.expression
    return item.alias or (expression.name if isinstance(expression, ast.ColumnRef) else None)


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
        streams = [s.name for s in catalog.streams() if not s.read_only]
        near = closest(statement.target, streams)
        raise UnknownSinkError(
            f"Source `{statement.target}` does not exist.",
            summary=f"stream {statement.target} does not exist",
            hint=(f"did you mean {near}? " if near else "") + f"streams here: {', '.join(streams) or 'none yet'}.",
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
