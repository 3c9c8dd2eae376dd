"""SHOW and LIST: what there is, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamnb.catalog import DataSource, QueryError
from streamnb.config import SETTINGS
from streamnb.functions.aggregate import aggregate_functions
from streamnb.log.base import TopicInfo
from streamnb.results import Rows
from streamnb.schema import BIGINT, DOUBLE, INTEGER, STRING, TIMESTAMP, SqlType
from streamnb.sql import ast
from streamnb.statements.metrics import QueryMetrics, query_metrics, utc
from streamnb.statements.pipeline import Pipeline

__all__ = ["error_line", "list_sources", "problem_of", "show", "show_rows"]

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
        return _topics(pipeline, statement.extended, text, internal=what == "ALL TOPICS")
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


def _topics(pipeline: Pipeline, extended: bool, text: str, *, internal: bool) -> Rows:
    headings: list[Heading] = ["Kafka Topic", ("Partitions", INTEGER), ("Partition Replicas", INTEGER)]
    found = pipeline.ask_log(pipeline.outside.log, lambda log: list(log.topics(internal=internal)))
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


_QUERY: tuple[Heading, ...] = (
    "Query ID",
    "Query Type",
    "Status",
    "Sink",
    ("Rows in", BIGINT),
    ("Rows out", BIGINT),
    ("Rows/s in", DOUBLE),
    ("Lag", BIGINT),
    "Problem",
    "Statement",
)
_QUERY_EXTENDED: tuple[Heading, ...] = (
    "Sources",
    "Sink topic",
    ("Late records dropped", BIGINT),
    ("Logged errors", BIGINT),
    ("Rows/s out", DOUBLE),
    ("Stream time", TIMESTAMP),
    ("State rows", BIGINT),
    ("State bytes, estimated", BIGINT),
    ("Batches", BIGINT),
    ("Batch ms, last", DOUBLE),
    ("Batch ms, mean of 10 s", DOUBLE),
    ("Batch ms, max", DOUBLE),
    "Error kind",
    ("Next try", TIMESTAMP),
    "Errors",
)


def _queries(pipeline: Pipeline, extended: bool, text: str) -> Rows:
    statements = {w.entry.query_id: w.entry.text for w in pipeline.waiting.values()}
    statements |= {id_: info.statement for id_, info in pipeline.catalog.queries.items()}
    found = query_metrics(pipeline, with_state=extended)
    rows = [(*_query(m), statements.get(m.query_id, "")) for m in found]
    if extended:
        rows = [(*row, *_query_details(pipeline, m)) for row, m in zip(rows, found, strict=True)]
    return show_rows(text, "Queries", [*_QUERY, *_QUERY_EXTENDED] if extended else _QUERY, rows)


def _query(m: QueryMetrics) -> tuple[Any, ...]:
    counts = (m.records_in, m.records_out, m.records_in_per_s, m.lag_records)
    return (m.query_id, m.query_type, m.state, m.sink, *counts, problem_of(m))


def _query_details(pipeline: Pipeline, m: QueryMetrics) -> tuple[Any, ...]:
    info = pipeline.catalog.queries.get(m.query_id)
    sink = pipeline.catalog.get(m.sink)
    return (
        ", ".join(info.sources) if info is not None else "",
        sink.topic if sink is not None else "",
        m.late_records,
        m.logged_errors,
        m.records_out_per_s,
        m.stream_time,
        m.state_rows,
        m.state_bytes_estimated,
        m.batches,
        m.batch_ms_last,
        m.batch_ms_mean,
        m.batch_ms_max,
        m.error_kind,
        m.next_try,
        "\n".join(map(error_line, m.errors)),
    )


def error_line(error: QueryError) -> str:
    """Write an error in one line: when, whose fault, what."""
    at = utc(error.time_ms)
    return f"{at.isoformat(' ', 'milliseconds') if at is not None else error.time_ms}  {error.kind}  {error.message}"


def problem_of(metrics: QueryMetrics) -> str:
    """Tell why a query does not run and when it is tried again, or why its output does not get out."""
    if metrics.next_try is None or metrics.problem is None:
        return metrics.problem or ""
    return f"{metrics.problem}; next try at {metrics.next_try.isoformat(' ', 'seconds')}"


def _functions(pipeline: Pipeline, text: str) -> Rows:
    registry = pipeline.registry
    rows = [(name, "SCALAR", registry.describe(name).doc) for name in registry.names()]
    rows += [(name, "AGGREGATE", _aggregate_doc(pipeline, name)) for name in registry.aggregate_names()]
    rows += [(name, "TABLE", registry.describe_table(name).doc) for name in registry.table_names()]
    return show_rows(text, "Functions", ["Function Name", "Type", "Description"], sorted(rows))


def _aggregate_doc(pipeline: Pipeline, name: str) -> str:
    own = pipeline.registry.own(name)
    return aggregate_functions()[name].doc if own is None else own.doc
