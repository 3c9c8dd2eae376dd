"""Records of a history on their way to the topics that a query reads."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from streamnb.duck import sql
from streamnb.log.embedded import EmbeddedLog
from streamnb.store import Store
from tests.oracle.filter import Log

__all__ = ["append"]


def append(store: Store, log: EmbeddedLog, topics: Sequence[str], records: Sequence[Log]) -> None:
    """Append records to topics; a record's ``source`` is the place of its topic in the list."""
    for source, topic in enumerate(topics):
        mine = sorted((r for r in records if r.source == source), key=lambda r: (r.part, r.off))
        if not mine:
            continue
        store.register("history_records", _table(mine))
        rows = sql("(SELECT *, 0 AS sub, NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr FROM history_records)")
        log.append(topic, rows, part=sql("part"))
        store.unregister("history_records")


def _table(records: Sequence[Log]) -> pa.Table:
    return pa.table(
        {
            "seq": pa.array(range(len(records)), pa.int64()),
            "part": pa.array([r.part for r in records], pa.int32()),
            "ts": pa.array([r.ts for r in records], pa.int64()),
            "key": pa.array([None if r.key is None else r.key.encode() for r in records], pa.binary()),
            "value": pa.array([r.value for r in records], pa.binary()),
        }
    )
