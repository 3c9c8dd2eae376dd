"""CREATE STREAM and TABLE, CREATE TYPE, DROP: the catalogue's statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from streamnb.catalog import DataSource, closest
from streamnb.errors import KsqlError, KsqlStatementError
from streamnb.plan.expressions import resolve_type
from streamnb.plan.formats import check_value_columns
from streamnb.plan.properties import Properties
from streamnb.plan.sources import declared_schema, plan_source
from streamnb.sql import ast
from streamnb.statements.pipeline import Pipeline
from streamnb.statements.waiting import end_waiting, waiting_source

__all__ = [
    "alter_source",
    "check_replaceable",
    "check_upgrade",
    "create_source",
    "create_type",
    "drop_source",
    "drop_type",
    "end_query",
]


def create_source(
    pipeline: Pipeline, statement: ast.CreateSource, text: str, properties: Mapping[str, str], *, replay: bool
) -> str:
    """Declare a stream or table over a topic, which is created when PARTITIONS is given."""
    kind = statement.kind.lower()
    existing = pipeline.catalog.get(statement.name)
    if existing is not None and statement.if_not_exists:
        return f"Cannot add {kind} `{statement.name}`: A {kind} with the same name already exists."
    check_replaceable(
        existing, statement.kind, statement.name, or_replace=statement.or_replace, is_source=statement.is_source
    )
    source = plan_source(statement, pipeline.env(properties), text)
    if existing is not None:
        check_upgrade(existing, source)
    declared = next((p for p in statement.properties if p.name.upper() == "PARTITIONS"), None)
    settings = Properties(statement.properties, "source")
    replicas, retention_ms, cleanup = settings.count("REPLICAS"), settings.retention_ms(), settings.cleanup()
    try:
        topic = pipeline.ensure_topic(
            source.topic,
            source.partitions if declared and not replay else None,
            replicas,
            retention_ms=retention_ms,
            cleanup=cleanup,
        )
    except KsqlError as error:
        named = next((p for p in statement.properties if p.name.upper() == "KAFKA_TOPIC"), None)
        error.span = named.span if named is not None else statement.at
        raise
    if declared is not None and not replay and topic.partitions != source.partitions:
        raise KsqlError(
            f"A Kafka topic with the name '{topic.name}' already exists, with different partition/replica "
            f"configuration than required. KSQL expects {source.partitions} partitions (topic has {topic.partitions})",
            summary=f"topic {topic.name} exists with {topic.partitions} partitions",
            hint=f"leave PARTITIONS out, or write PARTITIONS={topic.partitions}.",
            span=declared.span,
        )
    pipeline.catalog.put(replace(source, partitions=topic.partitions))
    return f"{statement.kind.title()} created"


def alter_source(pipeline: Pipeline, statement: ast.AlterSource) -> str:
    """Add value columns to a declared source; queries that run keep the columns they know."""
    source = pipeline.catalog.get(statement.name)
    kind = statement.kind.lower()
    if source is None:
        raise KsqlError(
            f"Source {statement.name} does not exist.",
            summary=f"{kind} {statement.name} does not exist",
            hint="SHOW STREAMS; and SHOW TABLES; list what there is.",
            span=statement.at,
        )
    if source.kind != statement.kind:
        raise KsqlError(
            f"Incompatible data source type is {source.kind}, but statement was ALTER {statement.kind}",
            hint=f"write ALTER {source.kind} {source.name} ...",
            span=statement.at,
        )
    if source.read_only:
        raise KsqlError(
            f"Cannot alter {kind} '{source.name}': ALTER operations are not supported on source {kind}s.",
            summary=f"{source.name} can only be read",
            hint="drop it, and create it anew with the columns, or without SOURCE.",
            span=statement.at,
        )
    if source.query_id is not None:
        raise KsqlError(
            "ALTER command is not supported for CREATE ... AS statements.",
            hint=f"write CREATE OR REPLACE {statement.kind} {source.name} AS SELECT ...",
            span=statement.at,
        )
    added = declared_schema(statement.kind, statement.columns, pipeline.env()).value
    schema = replace(source.schema, value=(*source.schema.value, *added))
    repeated = [c.name for c in added if [d.name for d in schema.columns()].count(c.name) > 1]
    if repeated:
        raise KsqlStatementError(
            f"Cannot add column `{repeated[0]}` to schema. A column with the same name already exists.",
            summary=f"{source.name} has a column {repeated[0]} already",
            hint=f"{source.name} has {', '.join(c.name for c in source.schema.columns())}.",
            span=next((c.span for c in statement.columns if c.name == repeated[0]), statement.at),
        )
    check_value_columns(source.value_format.name, schema.value)
    pipeline.catalog.put(replace(source, schema=schema))
    return f"{statement.kind.title()} {source.name} altered"


def check_replaceable(
    existing: DataSource | None, kind: str, name: str, *, or_replace: bool, is_source: bool = False
) -> None:
    """Refuse a name that is taken, unless OR REPLACE may replace it. Raises: KsqlError."""
    word = kind.lower()
    if or_replace and (is_source or (existing is not None and existing.read_only)):
        raise KsqlError(
            f"Cannot add {word} '{name}': CREATE OR REPLACE is not supported on source {word}s.",
            hint=f"drop {name} first.",
        )
    if existing is None:
        return
    found = existing.kind.lower()
    if not or_replace and existing.kind != kind:
        raise KsqlError(
            f"Cannot add {word} '{name}': A {found} with the same name already exists",
            summary=f"{name} is a {found} already",
            hint=f"choose another name, or DROP {existing.kind} {name}; first.",
        )
    if not or_replace:
        raise KsqlError(
            f"Cannot add {word} '{name}': A {found} with the same name already exists",
            summary=f"{found} {name} exists already",
            hint=f"write CREATE OR REPLACE {kind}, CREATE {kind} IF NOT EXISTS, or DROP {existing.kind} {name}; first.",
        )
    if existing.kind != kind:
        raise KsqlError(
            f"Cannot upgrade data source: Cannot replace {found} with {word}: {name}", hint=f"drop {name} first."
        )


def check_upgrade(old: DataSource, new: DataSource) -> None:
    """Let a replaced source only gain value columns, behind those it has, and stay what it is otherwise.

    Queries that read it go on reading the topic in the formats they know. Raises: KsqlError.
    """
    _check_upgraded_columns(old, new)
    before, after = _kept(old), _kept(new)
    what = next((name for name, value in before.items() if after[name] != value), None)
    if what is None:
        return
    raise KsqlError(
        f"Cannot upgrade data source: DataSource '`{old.name}`' has {what} = {before[what]} which is not upgradeable "
        f"to {after[what]}",
        summary=f"the {what} of {old.name} is {before[what]}, and cannot become {after[what]}",
        hint=f"drop {old.name} first to make it anew.",
    )


def _kept(source: DataSource) -> dict[str, str]:
    """Tell what of a source OR REPLACE may not change, by ksqlDB's names, as people read it."""
    timestamp = source.timestamp
    pattern = f" ({timestamp.pattern})" if timestamp and timestamp.pattern else ""
    window = f" {source.window.kind} {source.window.size_ms or ''}".rstrip() if source.window else ""
    return {
        "timestampColumn": f"{timestamp.column}{pattern}" if timestamp else "ROWTIME",
        "topic": source.topic,
        "key format": f"{source.key_format.name}{window}",
        "value format": source.value_format.name,
        "origin": "a declaration" if source.query_id is None else "a query",
    }


def _check_upgraded_columns(old: DataSource, new: DataSource) -> None:
    moved = [c for i, c in enumerate(old.schema.key) if c not in new.schema.key[i : i + 1]]
    if moved or len(old.schema.key) != len(new.schema.key):
        shown = ", ".join(f"{c} KEY" for c in moved or new.schema.key)
        raise KsqlError(
            f"Cannot upgrade data source: DataSource '`{old.name}`' has schema = {old.schema.render()} which is not "
            f"upgradeable to {new.schema.render()}. (Key columns must be identical. The following key columns are "
            f"changed, missing or reordered: [{shown}])",
            hint=f"drop {old.name} first to give it another key.",
        )
    missing = [c for i, c in enumerate(old.schema.value) if c not in new.schema.value[i : i + 1]]
    if missing:
        shown = ", ".join(map(str, missing))
        raise KsqlError(
            f"Cannot upgrade data source: DataSource '`{old.name}`' has schema = {old.schema.render()} which is not "
            f"upgradeable to {new.schema.render()}. (The following columns are changed, missing or reordered: "
            f"[{shown}])",
            summary=f"{old.name} would lose or change {shown}",
            hint="a replaced source may only gain columns behind those it has; drop it first to change others.",
        )


def drop_source(pipeline: Pipeline, statement: ast.DropSource) -> str:
    """Drop a source, ending the query that writes to it, and its topic when DELETE TOPIC says so."""
    catalog = pipeline.catalog
    source = catalog.get(statement.name)
    kind = statement.kind.title()
    waiting = waiting_source(pipeline, statement.name)
    if source is None and waiting is not None:
        end_waiting(pipeline, waiting)
        return f"Source `{statement.name}` was dropped."
    if source is None:
        if statement.if_exists:
            return f"Source `{statement.name}` does not exist."
        raise KsqlError(
            f"{kind} {statement.name} does not exist",
            summary=f"{statement.kind.lower()} {statement.name} does not exist",
            hint="SHOW STREAMS; and SHOW TABLES; list what there is.",
            span=statement.at,
        )
    if source.kind != statement.kind:
        raise KsqlError(
            f"Incompatible data source type is {source.kind}, but statement was DROP {statement.kind}",
            hint=f"write DROP {source.kind} {source.name};",
        )
    if statement.delete_topic and source.read_only:
        raise KsqlError(
            f"Cannot delete topic for read-only source: {source.name}",
            summary=f"{source.name} can only be read, and its topic stays",
            hint=f"write DROP {source.kind} {source.name};",
        )
    catalog.remove(source.name)
    for query in [q for q in catalog.queries.values() if q.sink == source.name]:
        end_query(pipeline, query.id)
    if statement.delete_topic and not catalog.on_topic(source.topic):
        pipeline.log_of(source.topic).delete_topic(source.topic)
    return f"Source `{source.name}` (topic: {source.topic}) was dropped."


def end_query(pipeline: Pipeline, query_id: str) -> None:
    """Take a persistent query out of the engine and drop what is kept of it."""
    query = pipeline.engine.queries.pop(query_id, None)
    pipeline.catalog.queries.pop(query_id, None)
    if query is not None:
        query.task.close()
        query.sink.drop(pipeline.store)
        query.task.drop(pipeline.store)
    pipeline.engine.checkpoint.forget_query(query_id)


def create_type(pipeline: Pipeline, statement: ast.CreateType) -> str:
    """Name a type."""
    if statement.name in pipeline.catalog.types:
        if statement.if_not_exists:
            return f"{statement.name} is already registered with type {pipeline.catalog.types[statement.name]}"
        raise KsqlStatementError(
            f"Cannot register custom type '{statement.name}' since it is already registered with type: "
            f"{pipeline.catalog.types[statement.name]}",
            summary=f"type {statement.name} exists already",
            hint=f"write IF NOT EXISTS, or DROP TYPE {statement.name}; first.",
        )
    type_ = resolve_type(statement.type, pipeline.env())
    pipeline.catalog.types[statement.name] = type_
    return f"Registered custom type with name '{statement.name}' and SQL type {type_}"


def drop_type(pipeline: Pipeline, statement: ast.DropType) -> str:
    """Forget a named type."""
    if statement.name not in pipeline.catalog.types:
        if statement.if_exists:
            return f"Type '{statement.name}' does not exist"
        near = closest(statement.name, pipeline.catalog.types)
        raise KsqlError(
            f"Type {statement.name} does not exist.",
            hint=f"did you mean {near}?" if near else "SHOW TYPES; lists the custom types; or write IF EXISTS.",
        )
    del pipeline.catalog.types[statement.name]
    return f"Dropped type '{statement.name}'"
