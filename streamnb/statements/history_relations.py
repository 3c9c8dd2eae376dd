"""Topics, streams and tables as relations of DuckDB, with the names and types that users know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from streamnb.backends.duckdb.compile import Input, Program
from streamnb.backends.duckdb.operator import BatchShape
from streamnb.catalog import DataSource, FormatSpec
from streamnb.duck import Sql, duck_type, ident, join, sql
from streamnb.engine.doorbell import Doorbell
from streamnb.engine.scan import scan
from streamnb.engine.sink import current_rows
from streamnb.engine.task import QueryTask
from streamnb.log.embedded import EmbeddedLog
from streamnb.schema import BIGINT, BYTES, HEADERS_TYPE, INTEGER, Column, HeaderColumn, Schema, SqlType
from streamnb.statements.pipeline import Pipeline
from streamnb.store import Store

__all__ = ["PSEUDO_COLUMNS", "TOPIC_COLUMNS", "columns_of", "source_relation", "topic_relation"]

PSEUDO_COLUMNS = ("ROWTIME", "ROWPARTITION", "ROWOFFSET")
"""Columns that a relation has when the query names them."""

TOPIC_COLUMNS: tuple[tuple[str, SqlType], ...] = (
    ("ROWPARTITION", INTEGER),
    ("ROWOFFSET", BIGINT),
    ("ROWTIME", BIGINT),
    ("KEY", BYTES),
    ("VALUE", BYTES),
    ("HEADERS", HEADERS_TYPE),
)
_HEADERS = sql("list_transform(coalesce(hdr, []), lambda h: struct_pack(KEY := h.k, VALUE := h.v))")


def columns_of(source: DataSource, pseudo: Iterable[str] = ()) -> list[tuple[str, SqlType, str]]:
    """List a source's columns: name, type, and the batch's column that holds it."""
    schema = source.schema
    columns: list[tuple[str, SqlType, str]] = [(c.name, c.type, f"k{i}") for i, c in enumerate(schema.key)]
    if source.window is not None:
        columns += [("WINDOWSTART", BIGINT, "ws"), ("WINDOWEND", BIGINT, "we")]
    columns += [(c.name, c.type, f"v{i}") for i, c in enumerate((*schema.value, *schema.headers))]
    internal: Mapping[str, tuple[SqlType, str]] = {
        "ROWTIME": (BIGINT, "ts"), "ROWPARTITION": (INTEGER, "part"), "ROWOFFSET": (BIGINT, "off")
    }  # fmt: skip
    taken = {name for name, _, _ in columns}
    return columns + [(name, *internal[name]) for name in pseudo if name not in taken]


def _shown(columns: Sequence[tuple[str, SqlType, str]]) -> Sql:
    """Select columns under their users' names; one that differs from an earlier one in case only gets a mark."""
    taken: set[str] = set()
    parts = []
    for name, type_, internal in columns:
        while name.lower() in taken:
            name += "~"
        taken.add(name.lower())
        parts.append(sql("{}::{} AS {}", ident(internal), duck_type(type_), ident(name)))
    return join(", ", parts)


def source_relation(pipeline: Pipeline, store: Store, source: DataSource, name: str, pseudo: Sequence[str]) -> int:
    """Create the TEMP relation of a stream's records or a table's current rows; return how many it cannot decode."""
    query = pipeline.engine.queries.get(source.query_id or "")
    if source.is_table and query is not None:
        rows = current_rows(query.info.id)
        known = [c for c in columns_of(source, pseudo) if c[2] not in ("part", "off")]
        store.execute(sql("CREATE TEMP VIEW {} AS SELECT {} FROM {}", ident("temp", name), _shown(known), rows))
        return 0
    decoded = ident("temp", f"{name}:decoded")
    rejected = _decode(pipeline, store, source, name, decoded)
    rows = sql("(SELECT * FROM {} WHERE NOT vnull)", decoded)
    if source.is_table:
        keys = [ident(f"k{i}") for i in range(len(source.schema.key))]
        keys += [ident("ws")] if source.window is not None else []
        rows = sql(
            "(SELECT * FROM (SELECT * FROM {0} WHERE {1} IS NOT NULL QUALIFY row_number() OVER (PARTITION BY {2} ORDER"
            " BY seq DESC) = 1) WHERE NOT vnull)",
            decoded,
            sql("coalesce({})", join(", ", [sql("({})::VARCHAR", k) for k in keys])),
            join(", ", keys),
        )
    columns = _shown(columns_of(source, pseudo))
    store.execute(sql("CREATE TEMP VIEW {} AS SELECT {} FROM {}", ident("temp", name), columns, rows))
    return rejected


def _decode(pipeline: Pipeline, store: Store, source: DataSource, name: str, target: Sql) -> int:
    """Decode a source's whole topic into a TEMP table, with the intake of all queries."""
    batch = ident("temp", f"{name}:in")
    schema = source.schema
    shape = BatchShape(
        tuple(c.type for c in schema.key),
        tuple(c.type for c in (*schema.value, *schema.headers)),
        source.window is not None,
    )
    doorbell = Doorbell()
    reader = pipeline.reader(source.topic, doorbell.ring)
    program = Program((Input(source, 0, batch),), (), batch, shape, ())
    task = QueryTask(name, program, [reader], pipeline.registry, None)
    log = pipeline.log_of(source.topic)
    ends = pipeline.engine.call(lambda: dict(log.ends(source.topic)))
    rejected = 0
    try:
        task.prepare(store, earliest=True)
        store.execute(shape.create(target))
        columns = join(", ", shape.columns())
        for step in scan(task, store, [ends], doorbell, int(pipeline.setting("max.batch.records"))):
            if step.count:
                store.execute(sql("INSERT INTO {} SELECT {} FROM {}", target, columns, batch))
            rejected += len(step.log)
    finally:
        task.close()
    return rejected


def topic_relation(pipeline: Pipeline, store: Store, topic: str, name: str) -> None:
    """Create the TEMP relation of a topic's raw records."""
    if isinstance(pipeline.log_of(topic), EmbeddedLog):
        records = EmbeddedLog(store, create=False).relation(topic)
        named = zip(("part", "off", "ts", "key", "value", "hdr"), TOPIC_COLUMNS, strict=True)
        columns = [sql("{} AS {}", _HEADERS if raw == "hdr" else ident(raw), ident(c)) for raw, (c, _) in named]
    else:
        records = ident("temp", f"{name}:decoded")
        source = _bytes_of(topic)
        _decode(pipeline, store, source, name, records)
        internal = {c: i for c, _, i in columns_of(source, PSEUDO_COLUMNS)}
        columns = [sql("{} AS {}", ident(internal[c]), ident(c)) for c, _ in TOPIC_COLUMNS]
    store.execute(sql("CREATE TEMP VIEW {} AS SELECT {} FROM {}", ident("temp", name), join(", ", columns), records))


def _bytes_of(topic: str) -> DataSource:
    """Describe a topic as a stream of bytes."""
    types = dict(TOPIC_COLUMNS)
    schema = Schema(
        (Column("KEY", types["KEY"]),), (Column("VALUE", types["VALUE"]),), (HeaderColumn("HEADERS", types["HEADERS"]),)
    )
    raw = FormatSpec("KAFKA", wrapped=False)
    return DataSource(f"topic {topic}", "STREAM", schema, topic, raw, raw)
