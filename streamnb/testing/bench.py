"""A pipeline for one case: in memory, without a thread, fed by hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from streamnb.clock import ManualClock
from streamnb.duck import Sql, lit, sql
from streamnb.engine.engine import PersistentQuery
from streamnb.engine.readers import Slice, TopicReader
from streamnb.log.base import Log
from streamnb.log.embedded import EmbeddedLog
from streamnb.statements.pipeline import EmbeddedOutside
from streamnb.store import Store
from streamnb.workspace import Workspace

__all__ = ["Bench", "RawRecord"]

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True)
class RawRecord:
    """A record of a topic as bytes."""

    topic: str
    off: int
    ts: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class _Feeder:
    """Holds the one record that is being fed."""

    def __init__(self) -> None:
        self.record: RawRecord | None = None


class _FedReader:
    """Reads the record that is being fed, if it is one of its topic."""

    def __init__(self, topic: str, feeder: _Feeder) -> None:
        self.topic = topic
        self._feeder = feeder

    def start(self, store: Store, *, earliest: bool) -> dict[int, int]:
        return {0: 0}

    def read(self, store: Store, positions: Mapping[int, int], rows_max: int, target: Sql) -> Slice:
        record = self._feeder.record
        if record is None or record.topic != self.topic:
            return Slice(0, dict(positions))
        headers = "[" + ", ".join("struct_pack(k := {}, v := {}::BLOB)" for _ in record.headers) + "]"
        parts = [p for k, v in record.headers for p in (lit(k), lit(v))]
        hdr = sql(headers, *parts) if record.headers else sql("NULL")
        store.execute(
            sql(
                "CREATE OR REPLACE TEMP TABLE {} AS SELECT 0::BIGINT AS i, 0 AS part, {}::BIGINT AS off, {}::BIGINT AS ts,"
                " {}::BLOB AS key, {}::BLOB AS value, {}::STRUCT(k VARCHAR, v BLOB)[] AS hdr",
                target,
                lit(record.off),
                lit(record.ts),
                lit(record.key),
                lit(record.value),
                hdr,
            )
        )
        return Slice(1, {0: record.off + 1})

    def committed(self, positions: Mapping[int, int]) -> None:
        """Nothing to forget."""

    def close(self) -> None:
        """Nothing to stop."""


class _CaseTopics:
    """Writes every record to partition 0, whatever its key."""

    def append(self, store: Store, topic: str, records: Sql, *, part: Sql | None = None) -> int:
        return EmbeddedLog(store, create=False).append(topic, records, part=sql("0"))


class _CaseOutside:
    """The topics of a case."""

    def __init__(self, store: Store, feeder: _Feeder) -> None:
        self.log: Log = EmbeddedLog(store, create=False)
        self.topics = _CaseTopics()
        self._feeder = feeder

    def reader(self, topic: str, on_news: Callable[[], None]) -> TopicReader:
        return _FedReader(topic, self._feeder)

    def close(self) -> None:
        """Nothing to let go of."""


class Bench:
    """A workspace whose queries run only when a record is fed to them."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        self.clock = ManualClock(0)
        settings = {"auto.offset.reset": "earliest", "max.batch.records": "1"}
        self.workspace = Workspace("memory://", clock=self.clock, settings=settings, start=False)
        self.pipeline = self.workspace.pipeline
        self.store = self.pipeline.store
        self._feeder = _Feeder()
        self.pipeline.outside = _CaseOutside(self.store, self._feeder)
        self.pipeline.session.properties.update(properties)

    def append(self, record: RawRecord) -> RawRecord:
        """Append a record to its topic and return it with its offset."""
        log = EmbeddedLog(self.store, create=False)
        off = log.ends(record.topic)[0][1]
        headers = "[" + ", ".join("struct_pack(k := {}, v := {}::BLOB)" for _ in record.headers) + "]"
        parts = [p for k, v in record.headers for p in (lit(k), lit(v))]
        hdr = sql(headers, *parts) if record.headers else sql("NULL")
        row = sql(
            "(SELECT 0 AS seq, 0 AS sub, {}::BIGINT AS ts, {}::BLOB AS key, {}::BLOB AS value,"
            " {}::STRUCT(k VARCHAR, v BLOB)[] AS hdr)",
            lit(record.ts),
            lit(record.key),
            lit(record.value),
            hdr,
        )
        log.append(record.topic, row, part=sql("0"))
        return RawRecord(record.topic, off, record.ts, record.key, record.value, record.headers)

    def records(self, topic: str, start: int = 0) -> list[RawRecord]:
        """Read a topic's records from an offset on."""
        relation = EmbeddedLog(self.store, create=False).relation(topic)
        rows = self.store.rows(
            sql("SELECT off, ts, key, value, hdr FROM {} WHERE part = 0 AND off >= {} ORDER BY off", relation, lit(start))
        )
        return [
            RawRecord(topic, off, ts, key, value, tuple((h["k"], h["v"]) for h in hdr or ()))
            for off, ts, key, value, hdr in rows
        ]

    def feed(self, query: PersistentQuery, record: RawRecord) -> None:
        """Run a query on one record. Raises: StreamnbError when the query would stop."""
        self._feeder.record = record
        task = query.task
        result = task.step(self.store, 1)
        if result.count:
            query.sink.write(self.store, task.output())
        task.accept(result)
        self._feeder.record = None

    def use_embedded_readers(self) -> None:
        """Let the queries that follow read their topics by themselves."""
        outside = EmbeddedOutside(self.store)
        outside.topics = self.pipeline.outside.topics
        self.pipeline.outside = outside

    def feed_through(self, record: RawRecord) -> None:
        """Run all queries on a record, depth first: what a query writes goes through its readers at once."""
        waiting = deque([record])
        while waiting:
            current = waiting.popleft()
            for query in list(self.pipeline.engine.queries.values()):
                if not query.runnable or current.topic not in [r.topic for r in query.task.readers]:
                    continue
                start = EmbeddedLog(self.store, create=False).ends(query.sink.source.topic)[0][1]
                self.feed(query, current)
                waiting.extend(self.records(query.sink.source.topic, start))

    def close(self) -> None:
        """End the case."""
        self.workspace.close()


