"""The processing log: what went wrong with single records, as a topic and a stream that SQL can read.

The topic is always embedded in the pipeline's database, so its rows are committed with the batch they tell of. Types
are ksqlDB's: 0 deserialization, 1 record processing, 2 production, 3 serialization.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from streamnb.catalog import DataSource, FormatSpec
from streamnb.duck import sql
from streamnb.log.embedded import EmbeddedLog
from streamnb.schema import BIGINT, INTEGER, STRING, Column, Schema
from streamnb.serde.base import Rejected
from streamnb.store import Store

__all__ = [
    "PROCESSING_LOG",
    "PROCESSING_LOG_RETENTION_MS",
    "PROCESSING_LOG_TOPIC",
    "LogEntry",
    "processing_log_source",
    "rejected_entries",
    "write",
]

PROCESSING_LOG = "KSQL_PROCESSING_LOG"
PROCESSING_LOG_TOPIC = "ksql_processing_log"
PROCESSING_LOG_RETENTION_MS = 7 * 24 * 3_600_000
DESERIALIZATION_ERROR = 0
DATA_BYTES_MAX = 4096
_COLUMNS = (
    ("LOGGER", STRING),
    ("LEVEL", STRING),
    ("TIME", BIGINT),
    ("TYPE", INTEGER),
    ("TOPIC", STRING),
    ("PARTITION", INTEGER),
    ("OFFSET", BIGINT),
    ("SIDE", STRING),
    ("MESSAGE", STRING),
    ("RECORD_B64", STRING),
)


@dataclass(frozen=True)
class LogEntry:
    """One thing that went wrong: the query, what kind of thing, the record's place and its bytes (bounded)."""

    query_id: str
    type: int
    topic: str | None
    part: int | None
    off: int | None
    message: str
    side: str | None = None
    data: bytes | None = None


def processing_log_source() -> DataSource:
    """Describe the stream over the processing log."""
    return DataSource(
        name=PROCESSING_LOG,
        kind="STREAM",
        schema=Schema((), tuple(Column(name, type_) for name, type_ in _COLUMNS)),
        topic=PROCESSING_LOG_TOPIC,
        key_format=FormatSpec("NONE"),
        value_format=FormatSpec("JSON"),
        read_only=True,
    )


def rejected_entries(query_id: str, rejected: Iterable[tuple[str, Rejected]]) -> list[LogEntry]:
    """Describe records that could not be decoded."""
    return [
        LogEntry(query_id, DESERIALIZATION_ERROR, topic, r.part, r.off, r.message, r.side, r.data)
        for topic, r in rejected
    ]


def write(store: Store, log: EmbeddedLog, entries: Sequence[LogEntry], now_ms: int) -> None:
    """Append entries to the processing log, in the caller's transaction."""
    values = [_encode(e, now_ms) for e in entries]
    table = pa.table(
        {
            "seq": pa.array(range(len(values)), pa.int64()),
            "sub": pa.array([0] * len(values), pa.int64()),
            "ts": pa.array([now_ms] * len(values), pa.int64()),
            "key": pa.nulls(len(values), pa.binary()),
            "value": pa.array(values, pa.binary()),
        }
    )
    store.register("processing_log_entries", table)
    try:
        rows = sql("(SELECT *, NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr FROM processing_log_entries)")
        log.append(PROCESSING_LOG_TOPIC, rows)
    finally:
        store.release("processing_log_entries")


def _encode(entry: LogEntry, now_ms: int) -> bytes:
    data = None if entry.data is None else base64.b64encode(entry.data[:DATA_BYTES_MAX]).decode()
    document = {
        "LOGGER": f"processing.{entry.query_id}",
        "LEVEL": "ERROR",
        "TIME": now_ms,
        "TYPE": entry.type,
        "TOPIC": entry.topic,
        "PARTITION": entry.part,
        "OFFSET": entry.off,
        "SIDE": entry.side,
        "MESSAGE": entry.message,
        "RECORD_B64": data,
    }
    return json.dumps(document).encode()
