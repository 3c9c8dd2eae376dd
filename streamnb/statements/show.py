"""SHOW and LIST: what there is, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamnb.catalog import DataSource
from streamnb.config import SETTINGS
from streamnb.engine.engine import PersistentQuery
from streamnb.functions.aggregate import aggregate_functions
from streamnb.log.base import TopicInfo
from streamnb.results import Rows
from streamnb.schema import BIGINT, INTEGER, STRING, SqlType
from streamnb.sql import ast
from streamnb.statements.pipeline import Pipeline
from streamnb.statements.waiting import waiting_queries

__all__ = ["late_records", "list_sources", "problem_of", "show", "show_rows"]


Heading = str | tuple[str, SqlType]


def show_rows(text: str, title: str, names: Sequence[Heading], rows: list[tuple[Any, ...]]) -> Rows:
    """Make a result of rows; a column whose type is not given is text."""
    columns = tuple((n, STRING) if isinstance(n, str) else n for n in names)
    return Rows(text, columns, rows, title)


def show(pipeline: Pipeline, statement: ast.Show, text: str) -> Rows:
    """List things of one kind."""
    what = statement.what
    if what in ("STREAMS", "TABLES"):
        return list_sources(pipeline, what, statement.extended, text)
    if what in ("TOPICS", "ALL TOPICS"):
        return _topics(pipeline, statement.extended, text)
    if what == "QUERIES":
        return _queries(pipeline, statement.extended, text)
    if what == "FUNCTIONS":
        return _functions(pipeline, text)
    if what == "PROPERTIES":
        values = [(s.name, pipeline.session.properties.get(s.name), s.default, s.meaning) for s in SETTINGS]
        return show_rows(text, "Properties", ["Property", "Value", "Default", "Meaning"], values)
    if what == "TYPES":
        types = [(name, str(type_)) for name, type_ in sorted(pipeline.catalog.types.items())]
        return show_rows(text, "Types", ["Type Name", "Schema"], types)
    if what == "VARIABLES":
        return show_rows(text, "Variables", ["Variable", "Value"], sorted(pipeline.session.variables.items()))
    if what == "CONNECTOR PLUGINS":
        return show_rows(text, "Connector plugins", ["Class", "Type"], [("datagen", "source")])
    connectors = [(c.name, "SOURCE", "datagen", c.topic, "RUNNING") for c in pipeline.engine.connectors.values()]
    if what == "SINK CONNECTORS":
        connectors = []
    return show_rows(text, "Connectors", ["Connector Name", "Type", "Class", "Topic", "Status"], list(connectors))


def _topics(pipeline: Pipeline, extended: bool, text: str) -> Rows:
    headings: list[Heading] = ["Kafka Topic", ("Partitions", INTEGER), ("Partition Replicas", INTEGER)]
    found = pipeline.ask_log(pipeline.outside.log, lambda log: list(log.topics()))
    rows: list[tuple[Any, ...]] = [(t.name, t.partitions, t.replicas) for t in found]
    if extended:
        headings += [("Retention ms", BIGINT), "Cleanup", ("Records", BIGINT), "Declared as", "Read by"]
        rows = [(*row, t.retention_ms, t.cleanup, *_use(pipeline, t)) for row, t in zip(rows, found, strict=True)]
    return show_rows(text, "Topics", headings, rows)


def _use(pipeline: Pipeline, topic: TopicInfo) -> tuple[int, str, str]:
    """Count a topic's offsets that are kept, and name its sources and the queries that read them."""
    ends = pipeline.ask_log(pipeline.outside.log, lambda log: log.ends(topic.name))
    sources = [s.name for s in pipeline.catalog.on_topic(topic.name)]
    readers = [q.id for q in pipeline.catalog.queries.values() if set(sources) & set(q.sources)]
    return sum(end - first for first, end in ends.values()), ", ".join(sources), ", ".join(readers)


def list_sources(pipeline: Pipeline, what: str, extended: bool, text: str) -> Rows:
    """List the STREAMS or the TABLES; extended, with their columns, their topics' shape, and who uses them."""
    name = "Stream Name" if what == "STREAMS" else "Table Name"
    headings: list[Heading] = [name, "Kafka Topic", "Key Format", "Value Format", "Windowed"]
    found = pipeline.catalog.streams() if what == "STREAMS" else pipeline.catalog.tables()
    rows: list[tuple[Any, ...]] = [
        (s.name, s.topic, s.key_format.name, s.value_format.name, "true" if s.window is not None else "false")
        for s in found
    ]
    if extended:
        headings += ["Columns", ("Partitions", INTEGER), "Timestamp", "Read by", "Written by", "Statement"]
        rows = [(*row, *_details(pipeline, s)) for row, s in zip(rows, found, strict=True)]
    return show_rows(text, what.title(), headings, rows)


def _details(pipeline: Pipeline, source: DataSource) -> tuple[Any, ...]:
    queries = pipeline.catalog.queries.values()
    return (
        source.schema.render(),
        source.partitions,
        source.timestamp.column if source.timestamp else "",
        ", ".join(q.id for q in queries if source.name in q.sources),
        ", ".join(q.id for q in queries if q.sink == source.name),
        source.statement,
    )


def _queries(pipeline: Pipeline, extended: bool, text: str) -> Rows:
    headings: list[Heading] = ["Query ID", "Query Type", "Status", "Sink", ("Rows in", BIGINT), ("Rows out", BIGINT)]
    headings += ["Problem", "Statement"]
    rows: list[tuple[Any, ...]] = []
    for id_, info in pipeline.catalog.queries.items():
        query = pipeline.engine.queries[id_]
        problem = problem_of(pipeline, query)
        rows.append((id_, info.kind, info.state, info.sink, query.rows_in, query.rows_out, problem, info.statement))
        if extended:
            rows[-1] += (", ".join(info.sources), query.sink.source.topic, late_records(pipeline, query))
    for id_, kind, sink, waiting in waiting_queries(pipeline):
        row: tuple[Any, ...] = (id_, kind, "ERROR", sink, 0, 0, waiting.problem, waiting.entry.text)
        rows.append((*row, "", "", 0) if extended else row)
    if extended:
        headings += ["Sources", "Sink topic", ("Late records dropped", BIGINT)]
    return show_rows(text, "Queries", headings, rows)


def late_records(pipeline: Pipeline, query: PersistentQuery) -> int:
    """Count the records that a query dropped as late."""
    return pipeline.engine.call(lambda: query.task.late_count(pipeline.store))


def problem_of(pipeline: Pipeline, query: PersistentQuery) -> str:
    """Tell why a query does not run, or why its output does not get out."""
    if query.info.state in ("RETRYING", "ERROR") and query.info.errors:
        return query.info.errors[-1]
    return pipeline.outside.problem() or ""


def _functions(pipeline: Pipeline, text: str) -> Rows:
    registry = pipeline.registry
    rows = [(name, "SCALAR", registry.describe(name).doc) for name in registry.names()]
    rows += [(name, "AGGREGATE", _aggregate_doc(pipeline, name)) for name in registry.aggregate_names()]
    rows += [(name, "TABLE", registry.describe_table(name).doc) for name in registry.table_names()]
    return show_rows(text, "Functions", ["Function Name", "Type", "Description"], sorted(rows))


def _aggregate_doc(pipeline: Pipeline, name: str) -> str:
    own = pipeline.registry.own(name)
    return aggregate_functions()[name].doc if own is None else own.doc
