"""How the queries of a pipeline are: one row of metrics each, for SHOW, DESCRIBE and the relation ``streamnb_metrics``.

Totals count from when the query was started or the pipeline opened, rates and means over the last ten seconds.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import pyarrow as pa

from streamnb.catalog import QueryError
from streamnb.duck import Sql, duck_type, ident, join, sql
from streamnb.engine.engine import PersistentQuery
from streamnb.errors import StoreError
from streamnb.schema import BIGINT, DOUBLE, STRING, TIMESTAMP, SqlType
from streamnb.statements.pipeline import Pipeline
from streamnb.statements.waiting import waiting_queries
from streamnb.store import Store

__all__ = ["METRICS", "METRICS_COLUMNS", "QueryMetrics", "metrics_relation", "query_metrics", "utc"]

METRICS = "STREAMNB_METRICS"
"""The name of the relation that has a row for each persistent query."""


@dataclass(frozen=True)
class QueryMetrics:
    """How a query is and what it has done; None stands for what is not known.

    ``lag_records`` wait in the topics it reads; ``stream_time`` is the highest event time it has seen;
    ``logged_errors`` are its rows of the processing log, late records among them, ``failures`` batches that were taken
    back. State is measured only where it was asked for; its bytes are what its values would take uncompressed, judged
    by some of its rows.
    """

    query_id: str
    query_type: str
    sink: str
    state: str
    error_kind: str | None = None
    problem: str | None = None
    next_try: datetime.datetime | None = None
    records_in: int = 0
    records_out: int = 0
    records_in_per_s: float = 0.0
    records_out_per_s: float = 0.0
    lag_records: int | None = None
    stream_time: datetime.datetime | None = None
    late_records: int | None = None
    logged_errors: int = 0
    failures: int = 0
    batches: int = 0
    batch_ms_last: float | None = None
    batch_ms_mean: float | None = None
    batch_ms_max: float | None = None
    state_rows: int | None = None
    state_bytes_estimated: int | None = None
    errors: tuple[QueryError, ...] = field(default=(), metadata={"hidden": True})


_ARROW: dict[SqlType, pa.DataType] = {
    STRING: pa.string(),
    BIGINT: pa.int64(),
    DOUBLE: pa.float64(),
    TIMESTAMP: pa.timestamp("us"),
}
_TYPES: dict[str, SqlType] = {"str": STRING, "int": BIGINT, "float": DOUBLE, "datetime.datetime": TIMESTAMP}
METRICS_COLUMNS: tuple[tuple[str, SqlType], ...] = tuple(
    (f.name.upper(), _TYPES[str(f.type).removesuffix(" | None")])
    for f in fields(QueryMetrics)
    if not f.metadata.get("hidden")
)
"""The columns of the relation: the fields of ``QueryMetrics``."""


def query_metrics(pipeline: Pipeline, only: str | None = None, *, with_state: bool = False) -> list[QueryMetrics]:
    """Tell how all queries are, or one, as of one moment between two ticks.

    ``with_state`` measures the state tables too, on a cursor of its own, so that no tick waits for it. When the engine
    has stopped, what only the database knows is left out.
    """
    queries = [q for id_, q in pipeline.engine.queries.items() if only in (None, id_)]
    try:
        found = pipeline.engine.call(lambda: [_measured(pipeline, q) for q in queries])
        if with_state and queries:
            found = _with_states(pipeline, queries, found)
    except StoreError:
        found = [_counted(pipeline, q) for q in queries]
    for id_, kind, sink, waiting in waiting_queries(pipeline):
        if only in (None, id_):
            found.append(QueryMetrics(id_, kind, sink, "ERROR", "USER", waiting.problem))
    return found


def _measured(pipeline: Pipeline, query: PersistentQuery) -> QueryMetrics:
    """Read what the engine and its log know of a query. On the engine's thread."""
    lag, late = query.task.lag(pipeline.store), query.task.late_count(pipeline.store)
    return replace(_counted(pipeline, query), lag_records=lag, late_records=late)


def _counted(pipeline: Pipeline, query: PersistentQuery) -> QueryMetrics:
    """Read what the engine has counted of a query."""
    now_ms = pipeline.engine.clock.now_ms()
    info, meter = query.info, query.meter
    failed = info.errors[-1] if info.state in ("RETRYING", "ERROR") and info.errors else None
    records_in_per_s, records_out_per_s = meter.rates(now_ms)
    return QueryMetrics(
        query_id=info.id,
        query_type=info.kind,
        sink=info.sink,
        state=info.state,
        error_kind=None if failed is None else failed.kind,
        problem=pipeline.outside.problem() if failed is None else failed.message,
        next_try=utc(query.next_try_ms),
        records_in=meter.records_in,
        records_out=meter.records_out,
        records_in_per_s=round(records_in_per_s, 2),
        records_out_per_s=round(records_out_per_s, 2),
        stream_time=utc(query.task.stream_time_ms),
        logged_errors=meter.logged_errors,
        failures=meter.failures,
        batches=meter.batches,
        batch_ms_last=_rounded(meter.batch_ms_last),
        batch_ms_mean=_rounded(meter.batch_ms_mean(now_ms)),
        batch_ms_max=_rounded(meter.batch_ms_max),
        errors=tuple(info.errors),
    )


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)


def _with_states(
    pipeline: Pipeline, queries: Sequence[PersistentQuery], found: Sequence[QueryMetrics]
) -> list[QueryMetrics]:
    store = pipeline.engine.call(pipeline.store.cursor)
    try:
        return [_with_state(store, q, m) for q, m in zip(queries, found, strict=True)]
    finally:
        store.close()


def _with_state(store: Store, query: PersistentQuery, metrics: QueryMetrics) -> QueryMetrics:
    """Add the rows and bytes of a query's state tables, and of the table that it maintains."""
    tables = (*query.task.program.tables, *query.sink.stored)
    sizes: Sequence[tuple[int, int]] = [(r[0], r[1]) for t in tables for r in store.rows(t.size())]
    rows, bytes_ = sum(n for n, _ in sizes), sum(n for _, n in sizes)
    return replace(metrics, state_rows=rows, state_bytes_estimated=bytes_)


def utc(ms: int | None) -> datetime.datetime | None:
    """Write a time as a TIMESTAMP value; None for what Python has no date for."""
    if ms is None:
        return None
    try:
        return datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    except OverflowError:
        return None


def metrics_relation(pipeline: Pipeline, store: Store, name: str) -> None:
    """Create the TEMP relation of all queries' metrics."""
    found = query_metrics(pipeline, with_state=True)
    columns = {c: pa.array([getattr(m, c.lower()) for m in found], _ARROW[t]) for c, t in METRICS_COLUMNS}
    store.register(f"{name}:rows", pa.table(columns))
    typed: list[Sql] = [sql("{}::{} AS {}", ident(c), duck_type(t), ident(c)) for c, t in METRICS_COLUMNS]
    rows = sql("SELECT {} FROM {}", join(", ", typed), ident("temp", f"{name}:rows"))
    store.execute(sql("CREATE TEMP TABLE {} AS {}", ident("temp", name), rows))
