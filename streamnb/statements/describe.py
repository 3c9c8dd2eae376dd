"""DESCRIBE: the columns of a source and what reads and writes it, what a function does, how a connector is set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streamnb.catalog import DataSource, closest
from streamnb.errors import KsqlError, KsqlFunctionError
from streamnb.functions.aggregate import aggregate_functions
from streamnb.functions.declare import Function, Overload
from streamnb.functions.signatures import Signature
from streamnb.plan.elsewhere import function_advice
from streamnb.results import Rows
from streamnb.schema import Array
from streamnb.sql import ast
from streamnb.statements.metrics import QueryMetrics, query_metrics
from streamnb.statements.pipeline import Pipeline
from streamnb.statements.show import error_line, list_sources, problem_of, show_rows

__all__ = ["describe"]


def describe(pipeline: Pipeline, statement: ast.Describe, text: str) -> Rows:
    """Tell the columns of a source, or what a function does."""
    name = statement.name or ""
    if statement.what == "FUNCTION":
        return _describe_function(pipeline, name, text)
    if statement.what == "CONNECTOR":
        connector = pipeline.engine.connectors.get(name)
        if connector is None:
            raise KsqlError(
                f"Connector {name} does not exist.",
                summary=f"connector {name} does not exist",
                hint=f"connectors here: {', '.join(pipeline.engine.connectors) or 'none'}.",
                span=statement.at,
            )
        return show_rows(text, name, ["Property", "Value"], sorted(connector.properties.items()))
    if statement.what in ("STREAMS", "TABLES"):
        return list_sources(pipeline, statement.what, statement.extended, text)
    source = pipeline.catalog.get(name)
    if source is None:
        near = closest(name, [s.name for s in pipeline.catalog])
        raise KsqlError(
            f"Could not find STREAM/TABLE '{name}' in the Metastore",
            summary=f"stream or table {name} does not exist",
            hint=f"did you mean {near}?" if near else "SHOW STREAMS; and SHOW TABLES; list what there is.",
            span=statement.at,
        )
    if statement.extended:
        return _describe_extended(pipeline, source, text)
    return show_rows(text, source.name, ["Field", "Type"], _fields(source))


def _fields(source: DataSource) -> list[tuple[Any, ...]]:
    label = "primary key" if source.is_table else "key"
    rows: list[tuple[Any, ...]] = [(c.name, f"{c.type}  ({label})") for c in source.schema.key]
    rows += [(c.name, str(c.type)) for c in source.schema.value]
    rows += [(c.name, f"{c.type}  (headers)") for c in source.schema.headers]
    return rows


def _describe_extended(pipeline: Pipeline, source: DataSource, text: str) -> Rows:
    queries = pipeline.catalog.queries.values()
    rows = [
        ("Name", source.name),
        ("Type", source.kind),
        ("Timestamp field", source.timestamp.column if source.timestamp else "Not set - using <ROWTIME>"),
        ("Key format", source.key_format.name),
        ("Value format", source.value_format.name),
        ("Kafka topic", f"{source.topic} (partitions: {source.partitions}, replication: {source.replicas})"),
        ("Statement", source.statement),
        *((f"Field {name}", type_) for name, type_ in _fields(source)),
        ("Queries that read from it", ", ".join(q.id for q in queries if source.name in q.sources)),
        ("Queries that write into it", ", ".join(q.id for q in queries if q.sink == source.name)),
    ]
    found = query_metrics(pipeline, source.query_id, with_state=True) if source.query_id else []
    rows += _metrics(found[0]) if found else [("Status", "TERMINATED")] if source.query_id else []
    return show_rows(text, source.name, ["Property", "Value"], list(rows))


def _metrics(m: QueryMetrics) -> list[tuple[str, str]]:
    """Tell how the query is that maintains a source, and what it has done."""
    told = [
        ("Status", m.state),
        ("Problem", problem_of(m)),
        ("Records read", str(m.records_in)),
        ("Records written", str(m.records_out)),
        ("Records/s read", f"{m.records_in_per_s:.1f}"),
        ("Records/s written", f"{m.records_out_per_s:.1f}"),
        ("Lag", "not known yet" if m.lag_records is None else f"{m.lag_records} records"),
        ("Stream time", "" if m.stream_time is None else m.stream_time.isoformat(" ", "milliseconds")),
        ("Late records dropped", str(m.late_records if m.late_records is not None else "")),
        ("Logged errors", str(m.logged_errors)),
        ("State", "" if m.state_rows is None else f"{m.state_rows} rows, about {m.state_bytes_estimated} bytes"),
        ("Batches", f"{m.batches}{_batch_times(m)}"),
        ("Last error", error_line(m.errors[-1]) if m.errors else ""),
    ]
    return told + [("Earlier error", error_line(e)) for e in reversed(m.errors[:-1])]


def _batch_times(m: QueryMetrics) -> str:
    if m.batch_ms_last is None:
        return ""
    mean = "" if m.batch_ms_mean is None else f", mean of the last 10 s {m.batch_ms_mean:.1f}"
    return f"; ms each: last {m.batch_ms_last:.1f}{mean}, max {m.batch_ms_max:.1f}"


def _describe_function(pipeline: Pipeline, name: str, text: str) -> Rows:
    upper = name.upper()
    aggregate = aggregate_functions().get(upper)
    rows: list[tuple[str, str | None]]
    if aggregate is not None:
        forms = [s.describe(aggregate.name) for s in aggregate.signatures]
        rows = [("Name", upper), ("Type", "AGGREGATE"), ("Description", aggregate.doc)]
    else:
        function = _function(pipeline, name)
        forms = [f"{upper}{_form(function, o)}" for o in function.overloads]
        rows = [("Name", upper), ("Type", function.kind), ("Description", function.doc)]
        if function.category == "user":
            rows.insert(2, ("Author", None))
    rows += [("Form", form) for form in forms]
    return show_rows(text, upper, ["Property", "Value"], list(rows))


def _form(function: Function, overload: Overload) -> Signature:
    """Show an overload as it is called: what a table function gives is the type of a row."""
    signature = overload.signature
    if function.kind != "TABLE" or not isinstance(signature.returns, Array):
        return signature
    return replace(signature, returns=signature.returns.element)


def _function(pipeline: Pipeline, name: str) -> Function:
    """Find the declaration of a function of any kind. Raises: KsqlFunctionError when there is none."""
    registry = pipeline.registry
    own = registry.own(name)
    if own is not None:
        return own
    if registry.is_table(name):
        return registry.describe_table(name)
    try:
        return registry.describe(name)
    except KsqlFunctionError as error:
        error.hint = function_advice(name) or error.hint
        raise
