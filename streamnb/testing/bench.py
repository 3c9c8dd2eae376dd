"""A pipeline for one case: in memory, without a thread, fed by hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from streamnb.clock import ManualClock
from streamnb.duck import Sql, join, lit, sql
from streamnb.engine.engine import PersistentQuery
from streamnb.engine.readers import Prepare, Slice, TopicReader, unprepared
from streamnb.log.base import RECORD_SCHEMA, Log
from streamnb.log.embedded import EmbeddedLog
from streamnb.results import Result
from streamnb.sql.parser import StatementText
from streamnb.statements.pipeline import EmbeddedOutside
from streamnb.store import Store
from streamnb.workspace import Workspace

__all__ = ["Bench", "RawRecord", "record_columns"]

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


def record_columns(record: RawRecord) -> Sql:
    """Write a record as the columns ts, key, value, hdr."""
    headers = [sql("struct_pack(k := {}, v := {}::BLOB)", lit(k), lit(v)) for k, v in record.headers]
    return sql(
        "{}::BIGINT AS ts, {}::BLOB AS key, {}::BLOB AS value, {}::STRUCT(k VARCHAR, v BLOB)[] AS hdr",
        lit(record.ts),
        lit(record.key),
        lit(record.value),
        sql("[{}]", join(", ", headers)) if headers else sql("NULL"),
    )


class _Feeder:
    """Holds the one record that is being fed."""

    def __init__(self) -> None:
        self.record: RawRecord | None = None


class _FedReader:
    """Reads the record that is being fed, if it is one of its topic."""

    def __init__(self, topic: str, feeder: _Feeder) -> None:
        self.topic = topic
        self.prepare: Prepare = unprepared
        self._feeder = feeder

    def start(self, store: Store, *, earliest: bool) -> dict[int, int]:
        return {0: 0}

    def read(self, store: Store, positions: Mapping[int, int], rows_max: int) -> Slice:
        record = self._feeder.record
        if record is None or record.topic != self.topic:
            return Slice(0, dict(positions))
        headers = [{"k": k, "v": v} for k, v in record.headers] or None
        row = (0, record.off, record.ts, record.key, record.value, headers)
        columns = [pa.array([value], field.type) for value, field in zip(row, RECORD_SCHEMA, strict=True)]
        return Slice(1, {0: record.off + 1}, records=pa.table(columns, schema=RECORD_SCHEMA))

    def committed(self, positions: Mapping[int, int]) -> None:
        """Nothing to forget."""

    def lag(self, store: Store, positions: Mapping[int, int]) -> int | None:
        return None

    def close(self) -> None:
        """Nothing to stop."""


class _CaseTopics:
    """Writes every record to partition 0, whatever its key, and counts the offsets itself until it is settled."""

    def __init__(self, store: Store) -> None:
        self._log = EmbeddedLog(store, create=False)
        self._places: dict[str, tuple[Sql, int]] = {}

    def place(self, topic: str) -> tuple[Sql, int]:
        """Return the relation of a topic and the offset of the record to come."""
        if topic not in self._places:
            self._places[topic] = (self._log.relation(topic), self._log.ends(topic)[0][1])
        return self._places[topic]

    def append(self, store: Store, topic: str, records: Sql, *, part: Sql | None = None, window_bytes: int = 0) -> int:
        relation, next_ = self.place(topic)
        rows = store.rows(
            sql(
                "INSERT INTO {} SELECT 0, {} + row_number() OVER (ORDER BY seq, sub), ts, key, value, hdr FROM {}",
                relation,
                lit(next_ - 1),
                records,
            )
        )
        count = int(rows[0][0])
        self._places[topic] = (relation, next_ + count)
        return count

    def settle(self, store: Store) -> None:
        """Tell the log of the offsets given, so that others can read and change the topics."""
        for topic, (_, next_) in self._places.items():
            store.execute(sql("UPDATE log.partition SET next = ? WHERE topic = ? AND part = 0"), (next_, topic))
        self._places.clear()
        store.memory.clear()


class _CaseOutside:
    """The topics of a case."""

    def __init__(self, store: Store, feeder: _Feeder) -> None:
        self.log: Log = EmbeddedLog(store, create=False)
        self.topics = _CaseTopics(store)
        self._feeder = feeder

    def reader(self, topic: str, on_news: Callable[[], None]) -> TopicReader:
        return _FedReader(topic, self._feeder)

    def check(self) -> None:
        """Nothing to get out of the database."""

    def problem(self) -> str | None:
        return None

    def close(self) -> None:
        """Nothing to let go of."""


class Bench:
    """A workspace whose queries run only when a record is fed to them."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        self.clock = ManualClock(0)
        settings = {"auto.offset.reset": "earliest", "max.batch.records": "1"}
        self.workspace = Workspace("memory://", clock=self.clock, settings=settings, start=False, history=False)
        self.pipeline = self.workspace.pipeline
        self.store = self.pipeline.store
        self._feeder = _Feeder()
        outside = _CaseOutside(self.store, self._feeder)
        self._topics = outside.topics
        self.pipeline.outside = outside
        self.pipeline.session.properties.update(properties)

    def append(self, records: Sequence[RawRecord]) -> list[RawRecord]:
        """Append records to their topics, in order, and return them with their offsets."""
        placed: list[RawRecord] = []
        for topic in dict.fromkeys(r.topic for r in records):
            own = [r for r in records if r.topic == topic]
            _, next_ = self._topics.place(topic)
            rows = [sql("SELECT {}::BIGINT AS seq, 0 AS sub, {}", lit(i), record_columns(r)) for i, r in enumerate(own)]
            self._topics.append(self.store, topic, sql("({})", join(" UNION ALL ", rows)))
            placed += [replace(r, off=next_ + i) for i, r in enumerate(own)]
        offsets = {topic: iter([r for r in placed if r.topic == topic]) for topic in {r.topic for r in placed}}
        return [next(offsets[r.topic]) for r in records]

    def records(self, topic: str, start: int = 0) -> list[RawRecord]:
        """Read a topic's records from an offset on."""
        relation = EmbeddedLog(self.store, create=False).relation(topic)
        rows = self.store.rows(
            sql(
                "SELECT off, ts, key, value, hdr FROM {} WHERE part = 0 AND off >= {} ORDER BY off",
                relation,
                lit(start),
            )
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

    def execute(self, text: str | StatementText) -> list[Result]:
        """Run statements; what was fed before is in the topics for them."""
        self._topics.settle(self.store)
        return self.workspace.execute(text)

    def settle(self) -> None:
        """Let the readers of push queries find what was written, and wake them."""
        self._topics.settle(self.store)
        self.pipeline.engine.appended()

    def use_embedded_readers(self) -> None:
        """Let the queries that follow read their topics by themselves, and find there what was written so far."""
        self._topics.settle(self.store)
        outside = EmbeddedOutside(self.store)
        outside.topics = self._topics
        self.pipeline.outside = outside

    def feed_through(self, record: RawRecord) -> None:
        """Run all queries on a record, depth first: what a query writes goes through its readers at once."""
        waiting = deque([record])
        while waiting:
            current = waiting.popleft()
            for query in list(self.pipeline.engine.queries.values()):
                if not query.runnable or current.topic not in [r.topic for r in query.task.readers]:
                    continue
                _, start = self._topics.place(query.sink.source.topic)
                self.feed(query, current)
                waiting.extend(self.records(query.sink.source.topic, start))

    def close(self) -> None:
        """End the case."""
        self.workspace.close()
