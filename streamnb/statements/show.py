"""SHOW, DESCRIBE, EXPLAIN: what there is, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from streamnb.backends.duckdb.compile import compile_plan
from streamnb.backends.duckdb.operator import Mode, Repeat, When
from streamnb.catalog import DataSource, closest
from streamnb.config import SETTINGS
from streamnb.engine.engine import PersistentQuery
from streamnb.errors import KsqlError
from streamnb.functions.aggregate import aggregate_functions
from streamnb.functions.declare import Function, Overload
from streamnb.functions.signatures import Signature
from streamnb.plan.clauses import QueryContext
from streamnb.plan.explain import explain
from streamnb.plan.query import plan_query
from streamnb.results import Rows
from streamnb.schema import BIGINT, INTEGER, STRING, Array, SqlType
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement
from streamnb.statements.pipeline import Pipeline
from streamnb.statements.waiting import waiting_queries

__all__ = ["describe", "explain_statement", "show"]


Heading = str | tuple[str, SqlType]


def _rows(text: str, title: str, names: Sequence[Heading], rows: list[tuple[Any, ...]]) -> Rows:
    columns = tuple((n, STRING) if isinstance(n, str) else n for n in names)
    return Rows(text, columns, rows, title)


def show(pipeline: Pipeline, statement: ast.Show, text: str) -> Rows:
    """List things of one kind."""
    what = statement.what
    if what in ("STREAMS", "TABLES"):
        return _sources(pipeline, what, text)
    if what in ("TOPICS", "ALL TOPICS"):
        found = pipeline.ask_log(pipeline.outside.log, lambda log: list(log.topics()))
        topics: list[tuple[Any, ...]] = [(t.name, t.partitions, t.replicas) for t in found]
        headings: list[Heading] = ["Kafka Topic", ("Partitions", INTEGER), ("Partition Replicas", INTEGER)]
        return _rows(text, "Topics", headings, topics)
    if what == "QUERIES":
        return _queries(pipeline, text)
    if what == "FUNCTIONS":
        return _functions(pipeline, text)
    if what == "PROPERTIES":
        values = [(s.name, pipeline.session.properties.get(s.name), s.default, s.meaning) for s in SETTINGS]
        return _rows(text, "Properties", ["Property", "Value", "Default", "Meaning"], values)
    if what == "TYPES":
        types = [(name, str(type_)) for name, type_ in sorted(pipeline.catalog.types.items())]
        return _rows(text, "Types", ["Type Name", "Schema"], types)
    if what == "VARIABLES":
        return _rows(text, "Variables", ["Variable", "Value"], sorted(pipeline.session.variables.items()))
    if what == "CONNECTOR PLUGINS":
        return _rows(text, "Connector plugins", ["Class", "Type"], [("datagen", "source")])
    connectors = [(c.name, "SOURCE", "datagen", c.topic, "RUNNING") for c in pipeline.engine.connectors.values()]
    if what == "SINK CONNECTORS":
        connectors = []
    return _rows(text, "Connectors", ["Connector Name", "Type", "Class", "Topic", "Status"], list(connectors))


def _sources(pipeline: Pipeline, what: str, text: str) -> Rows:
    names = [
        "Stream Name" if what == "STREAMS" else "Table Name",
        "Kafka Topic",
        "Key Format",
        "Value Format",
        "Windowed",
    ]
    found = pipeline.catalog.streams() if what == "STREAMS" else pipeline.catalog.tables()
    rows = [
        (s.name, s.topic, s.key_format.name, s.value_format.name, "true" if s.window is not None else "false")
        for s in found
    ]
    return _rows(text, what.title(), names, rows)


def _queries(pipeline: Pipeline, text: str) -> Rows:
    rows = []
    for id_, info in pipeline.catalog.queries.items():
        query = pipeline.engine.queries[id_]
        problem = _problem(pipeline, query)
        rows.append((id_, info.kind, info.state, info.sink, query.rows_in, query.rows_out, problem, info.statement))
    for id_, kind, sink, waiting in waiting_queries(pipeline):
        rows.append((id_, kind, "ERROR", sink, 0, 0, waiting.problem, waiting.entry.text))
    names: list[Heading] = ["Query ID", "Query Type", "Status", "Sink", ("Rows in", BIGINT), ("Rows out", BIGINT)]
    return _rows(text, "Queries", [*names, "Problem", "Statement"], rows)


def _problem(pipeline: Pipeline, query: PersistentQuery) -> str:
    """Tell why a query does not run, or why its output does not get out."""
    if query.info.state in ("RETRYING", "ERROR") and query.info.errors:
        return query.info.errors[-1]
    return pipeline.outside.problem() or ""


def _functions(pipeline: Pipeline, text: str) -> Rows:
    registry = pipeline.registry
    rows = [(name, "SCALAR", registry.describe(name).doc) for name in registry.names()]
    rows += [(name, "AGGREGATE", _aggregate_doc(pipeline, name)) for name in registry.aggregate_names()]
    rows += [(name, "TABLE", registry.describe_table(name).doc) for name in registry.table_names()]
    return _rows(text, "Functions", ["Function Name", "Type", "Description"], sorted(rows))


def _aggregate_doc(pipeline: Pipeline, name: str) -> str:
    own = pipeline.registry.own(name)
    return aggregate_functions()[name].doc if own is None else own.doc


def describe(pipeline: Pipeline, statement: ast.Describe, text: str) -> Rows:
    """Tell the columns of a source, or what a function does."""
    name = statement.name or ""
    if statement.what == "FUNCTION":
        return _describe_function(pipeline, name, text)
    if statement.what == "CONNECTOR":
        connector = pipeline.engine.connectors.get(name)
        if connector is None:
            raise KsqlError(f"Connector {name} does not exist.", span=statement.span)
        return _rows(text, name, ["Property", "Value"], sorted(connector.properties.items()))
    if statement.what in ("STREAMS", "TABLES"):
        return _sources(pipeline, statement.what, text)
    source = pipeline.catalog.get(name)
    if source is None:
        near = closest(name, [s.name for s in pipeline.catalog])
        raise KsqlError(
            f"Could not find STREAM/TABLE '{name}' in the Metastore",
            summary=f"stream or table {name} does not exist",
            hint=f"did you mean {near}?" if near else "SHOW STREAMS; and SHOW TABLES; list what there is.",
            span=statement.span,
        )
    if statement.extended:
        return _describe_extended(pipeline, source, text)
    return _rows(text, source.name, ["Field", "Type"], _fields(source))


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
    query = pipeline.engine.queries.get(source.query_id or "")
    if query is not None:
        late = pipeline.engine.call(lambda: query.task.late_count(pipeline.store))
        rows += [
            ("Status", query.info.state),
            ("Problem", _problem(pipeline, query)),
            ("Records read", str(query.rows_in)),
            ("Records written", str(query.rows_out)),
            ("Late records dropped", str(late)),
            ("Last error", query.info.errors[-1] if query.info.errors else ""),
        ]
    return _rows(text, source.name, ["Property", "Value"], list(rows))


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
    return _rows(text, upper, ["Property", "Value"], list(rows))


def _form(function: Function, overload: Overload) -> Signature:
    """Show an overload as it is called: what a table function gives is the type of a row."""
    signature = overload.signature
    if function.kind != "TABLE" or not isinstance(signature.returns, Array):
        return signature
    return replace(signature, returns=signature.returns.element)


def _function(pipeline: Pipeline, name: str) -> Function:
    """Find the declaration of a function of any kind. Raises: KsqlFunctionError when there is none."""
    own = pipeline.registry.own(name)
    if own is not None:
        return own
    return (
        pipeline.registry.describe_table(name) if pipeline.registry.is_table(name) else pipeline.registry.describe(name)
    )


def explain_statement(pipeline: Pipeline, statement: ast.Explain, text: str) -> Rows:
    """Draw the plan of a statement or of a running query, with the DuckDB statements of one micro-batch."""
    query = _explained(pipeline, statement)
    plan = plan_query(query, QueryContext(pipeline.catalog, pipeline.env(), _kind(pipeline, statement), "EXPLAINED"))
    program = compile_plan(plan.root, "EXPLAINED", Mode.LAST, durable=False)
    rows: list[tuple[Any, ...]] = [("plan", line) for line in explain(plan)]
    for i, step in enumerate(program.statements, start=1):
        if isinstance(step, When):
            rows.append((f"duckdb {i}, if", step.condition))
            rows += [(f"duckdb {i}, then", statement) for statement in step.statements]
        else:
            rows.append((f"duckdb {i}", step.first if isinstance(step, Repeat) else step))
    return _rows(text, "Plan", ["Part", "Text"], rows)


def _explained(pipeline: Pipeline, statement: ast.Explain) -> ast.Query:
    inner = statement.statement
    if statement.query_id is not None:
        ids = {q.upper(): info for q, info in pipeline.catalog.queries.items()}
        info = ids.get(statement.query_id.upper())
        if info is None:
            raise KsqlError(
                f"Query with id:{statement.query_id} does not exist, use SHOW QUERIES to view the full set of queries.",
                span=statement.span,
            )
        inner = parse_statement(info.statement)
    if isinstance(inner, ast.Select | ast.CreateAs | ast.InsertInto):
        return inner.query
    raise KsqlError(
        "The provided statement does not run a ksql query", hint="explain a SELECT or a CREATE ... AS SELECT."
    )


def _kind(pipeline: Pipeline, statement: ast.Explain) -> str:
    inner = statement.statement
    if isinstance(inner, ast.Select):
        return "PUSH"
    if isinstance(inner, ast.CreateAs):
        return inner.kind
    info = next(
        (i for q, i in pipeline.catalog.queries.items() if q.upper() == (statement.query_id or "").upper()), None
    )
    return {"CTAS": "TABLE", "CSAS": "STREAM"}.get(info.kind if info else "", "INSERT")
