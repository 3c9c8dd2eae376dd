"""SELECT over history: any DuckDB SELECT over what a pipeline holds, beside the stream SQL.

Topics, streams, tables, the processing log and the metrics of queries are relations for it.
What our grammar accepts is ours; a SELECT that it rejects comes here, as does what is given to ``Workspace.sql``. It
runs on a cursor of its own, in one transaction, so that all relations are seen as of the same tick.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pyarrow as pa
from sqlglot import exp

from streamnb.catalog import DataSource, closest
from streamnb.duck import Sql, duck_type, ident, join, sql
from streamnb.errors import KsqlStatementError, Span
from streamnb.results import Rows
from streamnb.schema import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Field,
    Map,
    SqlType,
    Struct,
)
from streamnb.statements.history_calls import place_calls
from streamnb.statements.history_query import OPENS, HistoryQuery, find_name, parse_history, prefix
from streamnb.statements.history_relations import (
    PSEUDO_COLUMNS,
    TOPIC_COLUMNS,
    columns_of,
    source_relation,
    topic_relation,
)
from streamnb.statements.metrics import METRICS, METRICS_COLUMNS, metrics_relation
from streamnb.statements.pipeline import Pipeline
from streamnb.store import DatabaseError, Store

__all__ = ["reads_history", "select_history"]

_EMIT = re.compile(r"\bEMIT\b", re.IGNORECASE)
_DUCKDB_ONLY = re.compile(
    r"\b(ORDER\s+BY|UNION|EXCEPT|INTERSECT|DISTINCT|OVER|QUALIFY|WITH|OFFSET|USING|FILTER)\b|\(\s*SELECT\b",
    re.IGNORECASE,
)
_BAD_LIMIT = re.compile(r"\bLIMIT\b(?!\s*\d+\b)", re.IGNORECASE)
_MISSING = re.compile(
    r'Referenced column "(?P<name>[^"]+)" not found|Table "[^"]*" does not have a column named "(?P<of>[^"]+)"'
)
_FAILED = re.compile(r"KsqlFunctionError: (?P<what>function (?P<name>\w+): .*)")
_RESULT = ident("temp", f"{prefix}result")


def reads_history(text: str, params: Mapping[str, object] | None = None) -> bool:
    """Tell whether a text that our grammar rejects is a SELECT of DuckDB's.

    When sqlglot rejects it too, it is DuckDB's if it has come to a clause that only DuckDB has.
    """
    if OPENS.match(text) is None or _EMIT.search(text) is not None:
        return False
    if _BAD_LIMIT.search(text) is not None and _DUCKDB_ONLY.search(text) is None:
        return False  # it is about a pull query's LIMIT
    try:
        parse_history(text, lambda table, _: table.name, params=params)
    except KsqlStatementError as error:
        return error.span is None or _DUCKDB_ONLY.search(text, 0, error.span.start) is not None
    return True


class _Sources:
    """The relations that one query reads, by the names they have on its cursor."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.found: dict[str, DataSource] = {}
        self.topics: dict[str, str] = {}
        self.metrics: str | None = None

    def resolve(self, table: exp.Table, span: Span | None) -> str:
        """Find what a table of the query stands for. Raises: KsqlStatementError when there is no such thing."""
        if table.catalog or table.db.upper() not in ("", "TOPIC"):
            raise KsqlStatementError(
                f"{table.sql()} does not exist.",
                summary=f"there is no schema {table.db}",
                hint='streams and tables have no schema; raw topics are in topic, as in topic."ratings".',
                span=span,
            )
        return self._topic(table.name, span) if table.db else self._source(table, span)

    def _source(self, table: exp.Table, span: Span | None) -> str:
        catalog = self._pipeline.catalog
        source = catalog.get(table.name)
        if source is None and not table.this.quoted:
            alike = [s for s in catalog if s.name.upper() == table.name]
            source = alike[0] if len(alike) == 1 else None
        if source is None and table.name.upper() == METRICS:
            self.metrics = f"{prefix}{METRICS}"
            return self.metrics
        if source is None:
            source = catalog.source(table.name, span)
        name = f"{prefix}{source.name}"
        self.found[name] = source
        return name

    def _topic(self, name: str, span: Span | None) -> str:
        log = self._pipeline.outside.log
        topics = {t.name for t in self._pipeline.engine.call(lambda: list(log.topics()))}
        topics |= {s.topic for s in self._pipeline.catalog}
        found = name if name in topics else next((t for t in sorted(topics) if t.upper() == name.upper()), None)
        if found is None:
            near = closest(name, topics)
            raise KsqlStatementError(
                f"Could not find topic '{name}'.",
                summary=f"topic {name} does not exist",
                hint=(f"did you mean {near}? " if near else "") + f"topics here: {', '.join(sorted(topics))}.",
                span=span,
            )
        relation = f"{prefix}topic {found}"
        self.topics[relation] = found
        return relation

    def columns(self) -> list[str]:
        """List the columns of all relations, for hints."""
        names = [c for s in self.found.values() for c, _, _ in columns_of(s)]
        names += [c for _ in self.topics for c, _ in TOPIC_COLUMNS]
        names += [c for c, _ in METRICS_COLUMNS if self.metrics is not None]
        return list(dict.fromkeys(names))


def select_history(pipeline: Pipeline, text: str, params: Mapping[str, object] | None = None) -> Rows:
    """Run a SELECT of DuckDB's over what the pipeline holds. ``params``: see ``parse_history``.

    Spans of errors count from the start of ``text``. Raises: KsqlStatementError for what it may not or cannot do.
    """
    sources = _Sources(pipeline)
    query = parse_history(text, sources.resolve, pipeline.registry.own_names(), params)
    calls = place_calls(query.tree, pipeline.registry)
    store = pipeline.engine.call(pipeline.store.cursor)
    try:
        pipeline.registry.install(store)
        store.execute(sql("BEGIN TRANSACTION"))
        printed = query.printed(store, calls)
        rejected = _create_relations(pipeline, store, sources, query)
        try:
            columns, rows = _run(store, printed)
        except DatabaseError as error:
            raise _explained(error, query, sources, calls) from error
    finally:
        store.close()
    note = None
    if rejected:
        note = f'{rejected} records could not be decoded and are left out; topic."NAME" has them as bytes.'
    return Rows(text, columns, rows, final_message=note)


def _create_relations(pipeline: Pipeline, store: Store, sources: _Sources, query: HistoryQuery) -> int:
    pseudo = [c for c in PSEUDO_COLUMNS if query.mentions(c)]
    for name, topic in sources.topics.items():
        topic_relation(pipeline, store, topic, name)
    if sources.metrics is not None:
        metrics_relation(pipeline, store, sources.metrics)
    return sum(source_relation(pipeline, store, source, name, pseudo) for name, source in sources.found.items())


def _run(store: Store, query: Sql) -> tuple[tuple[tuple[str, SqlType], ...], list[tuple[object, ...]]]:
    """Run the query and bring its columns to the types that results have."""
    store.execute(sql("CREATE TEMP TABLE {} AS {}", _RESULT, query))
    described = store.rows(sql("DESCRIBE {}", _RESULT))
    arrow = store.arrow(sql("SELECT * FROM {} LIMIT 0", _RESULT)).schema
    columns, parts = [], []
    for (name, duck, *_), field in zip(described, arrow, strict=True):
        type_ = _sql_type(field.type)
        if duck in ("HUGEINT", "UHUGEINT", "UBIGINT") and _fits(store, name):
            type_ = BIGINT
        columns.append((name, type_))
        parts.append(sql("CAST({} AS {})", ident(name), duck_type(type_)))
    return tuple(columns), store.rows(sql("SELECT {} FROM {}", join(", ", parts), _RESULT))


def _fits(store: Store, name: str) -> bool:
    """Tell whether a column of wide integers, such as sums, holds nothing wider than BIGINT."""
    column = ident(name)
    return not store.rows(
        sql("SELECT 1 FROM {0} WHERE {1} IS NOT NULL AND TRY_CAST({1} AS BIGINT) IS NULL LIMIT 1", _RESULT, column)
    )


_PLAIN: tuple[tuple[object, SqlType], ...] = (
    (pa.types.is_boolean, BOOLEAN),
    (pa.types.is_date, DATE),
    (pa.types.is_time, TIME),
    (pa.types.is_timestamp, TIMESTAMP),
    (pa.types.is_floating, DOUBLE),
    (pa.types.is_binary, BYTES),
    (pa.types.is_large_binary, BYTES),
)


def _sql_type(type_: pa.DataType) -> SqlType:
    """Find the SQL type that holds the values of an Arrow type; what has no counterpart becomes text."""
    if pa.types.is_integer(type_):
        return INTEGER if type_.bit_width < 32 or type_ == pa.int32() else BIGINT
    if pa.types.is_decimal(type_):
        return Decimal(type_.precision, type_.scale)
    if pa.types.is_map(type_):
        return Map(_sql_type(type_.key_type), _sql_type(type_.item_type))
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_):
        return Array(_sql_type(type_.value_type))
    if pa.types.is_struct(type_):
        return Struct(tuple(Field(f.name, _sql_type(f.type)) for f in type_))
    return next((result for test, result in _PLAIN if callable(test) and test(type_)), STRING)


def _explained(
    error: DatabaseError, query: HistoryQuery, sources: _Sources, calls: Mapping[str, str]
) -> KsqlStatementError:
    """Say in the reader's names what DuckDB rejects, and show the place when it names one."""
    text = re.sub(r"\n+LINE \d+:.*", "", str(error), flags=re.DOTALL).replace(prefix, "")
    for python, shown in calls.items():
        text = text.replace(python, shown)
    failed = _FAILED.search(text)
    if failed is not None:
        return KsqlStatementError(
            text.strip(),
            summary=failed["what"],
            hint=f"TRY({failed['name']}(...)) is NULL for the rows of which it fails",
            span=find_name(query.text, failed["name"], call=True),
        )
    kind, _, rest = text.partition(" Error: ")
    what, _, more = (rest or kind).partition("\n")
    columns = sources.columns()
    hint = " ".join(line.strip() for line in more.split("\n")[:2] if line.strip()) or None
    missing = _MISSING.match(what)
    name = missing["name"] or missing["of"] if missing is not None else None
    if name is not None:
        near = closest(name, columns)
        what = f"column {name} does not exist"
        hint = (f"did you mean {near}? " if near else "") + (f"columns here: {', '.join(columns)}." if columns else "")
    if hint is None and "FROM clause" in what:
        hint = 'say what to read: FROM a stream, a table, or topic."name".'
    quoted = (
        [name] if name is not None else [*re.findall(r'"([^"]+)"', what), *(c for c in calls.values() if c in what)]
    )
    span: Span | None = next((s for s in (find_name(query.text, n) for n in quoted) if s is not None), None)
    summary = (what[0] if what[:2].isupper() else what[0].lower()) + what[1:].rstrip(".!")
    return KsqlStatementError(text.strip(), summary=summary, hint=hint or None, span=span)
