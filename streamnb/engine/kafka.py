"""Topics on Kafka: readers that start at the engine's offsets, and the outbox that the publisher empties.

The engine's transaction holds the offsets, the state and the output rows, numbered without a gap, in the outbox. After
the commit the rows are offered to the publisher, which sends them in Kafka transactions together with their number;
what Kafka has acknowledged is trimmed later. A crash anywhere leaves rows in the outbox that Kafka's own marker
tells apart: those before it are out, the others are sent when the engine starts again.
"""

from __future__ import annotations

import sys
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from streamnb.duck import Sql, ident, lit, sql
from streamnb.engine.checkpoint import Checkpoint
from streamnb.engine.engine import Engine
from streamnb.engine.processinglog import LogEntry, write
from streamnb.engine.readers import Slice, TopicReader
from streamnb.errors import LogError
from streamnb.failpoints import failpoint
from streamnb.log.kafka_admin import KafkaLog
from streamnb.log.kafka_producer import Refused
from streamnb.log.kafka_publisher import KafkaPublisher
from streamnb.log.kafka_reader import KafkaReader
from streamnb.log.kafka_url import KafkaUrl
from streamnb.store import Store

__all__ = ["KafkaOutside", "KafkaTopicReader", "Outbox"]

TRIM_ROWS = 100_000
GATHER_SECONDS_MAX = 0.05
SWITCH_SECONDS = 0.0001
"""How long a thread may keep the interpreter while others wait: a tick returns to it some thirty times."""
PENDING_BYTES_MAX = 128 << 20
PRODUCTION_ERROR = 2
ERRORS_SHOWN = 10


class KafkaTopicReader:
    """Reads one topic for one query, with a consumer and a thread of its own."""

    def __init__(self, topic: str, url: KafkaUrl, log: KafkaLog, on_news: Callable[[], None]) -> None:
        self.topic = topic
        self._url = url
        self._log = log
        self._on_news = on_news
        self._name = f"kafka:{topic}:{id(self)}"
        self._reader: KafkaReader | None = None

    def start(self, store: Store, *, earliest: bool) -> dict[int, int]:
        return {part: first if earliest else next_ for part, (first, next_) in self._log.ends(self.topic).items()}

    def read(self, store: Store, positions: Mapping[int, int], rows_max: int, target: Sql) -> Slice:
        reader = self._reader
        if reader is None:
            reader = self._reader = KafkaReader(self._url, on_news=self._on_news)
            failpoint("source.seek")
            reader.seek(self.topic, positions)
            reader.start()
        problem = reader.failure(self.topic)
        if problem is not None:
            self.close()  # the next try begins anew
            raise problem
        reader.settle(self.topic, positions)
        reader.gather(self.topic, rows_max, GATHER_SECONDS_MAX)
        try:
            records = reader.take(rows_max).get(self.topic)
        except LogError:
            self.close()
            raise
        states = reader.states(self.topic)
        if records is None or records.num_rows == 0:
            return Slice(0, dict(positions), waiting=any(s.lag != 0 for s in states.values()))
        reached = self._register(store, records, target)
        more = frozenset(part for part, state in states.items() if part in reached and reached[part] < state.next)
        more |= {part for part, state in states.items() if state.lag}
        waiting = any(part not in reached and state.lag != 0 for part, state in states.items())
        return Slice(records.num_rows, {**positions, **reached}, frozenset(more), waiting, records)

    def _register(self, store: Store, records: pa.Table, target: Sql) -> dict[int, int]:
        """Show taken records as the target; return the offset behind the last one of each partition."""
        store.register(self._name, records.append_column("i", pa.array(np.arange(records.num_rows))))
        store.execute(sql("CREATE OR REPLACE TEMP VIEW {} AS SELECT * FROM {}", target, ident(self._name)))
        parts, offsets = records["part"].to_numpy(), records["off"].to_numpy()
        return {part: int(offsets[parts == part].max()) + 1 for part in np.unique(parts).tolist()}

    def committed(self, positions: Mapping[int, int]) -> None:
        if self._reader is not None:
            self._reader.settle(self.topic, positions)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._reader = None


class Outbox:
    """Takes records for topics on Kafka, in the engine's transaction, and hands them to the publisher after it."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._next = self._stored = checkpoint.number("outbox")
        self._appended: list[pa.Table] = []
        self._waiting: deque[pa.Table] = deque()
        self._trimmed = 0

    @property
    def next_seq(self) -> int:
        """The number that the next committed row gets."""
        return self._stored

    def append(self, store: Store, topic: str, records: Sql, *, part: Sql | None = None) -> int:
        found = store.arrow(sql("SELECT ts, key, value, hdr FROM (SELECT * FROM {} ORDER BY seq, sub)", records))
        count = found.num_rows
        if count == 0:
            return 0
        seq = pa.array(np.arange(self._next, self._next + count))
        rows = found.add_column(0, "topic", pa.repeat(topic, count)).add_column(0, "seq", seq)
        store.register("outbox_rows", rows)
        try:
            store.execute(sql("INSERT INTO streamnb.outbox SELECT * FROM outbox_rows"))
        finally:
            store.unregister("outbox_rows")
        self._next += rows.num_rows
        self._checkpoint.set_number("outbox", self._next)
        self._appended.append(rows)
        return int(rows.num_rows)

    def committed(self) -> None:
        """Move on: the transaction was committed."""
        self._stored = self._next
        self._waiting.extend(self._appended)
        self._appended = []

    def rolled_back(self) -> None:
        """Forget what was appended: the transaction was taken back."""
        self._next = self._stored
        self._appended = []

    def recovered(self) -> None:
        """Go on from what the reopened database holds."""
        if self._checkpoint.number("outbox") == self._next:
            self.committed()
        else:
            self.rolled_back()

    def load(self, store: Store) -> None:
        """Take up what an earlier run left in the outbox."""
        rows = store.arrow(sql("SELECT seq, topic, ts, key, value, hdr FROM streamnb.outbox ORDER BY seq"))
        if rows.num_rows:
            self._trimmed = int(rows["seq"][0].as_py())
            self._waiting.append(rows)
        else:
            self._trimmed = self._stored

    def offer(self, publisher: KafkaPublisher) -> None:
        """Hand waiting rows to the publisher, as far as it has room."""
        while self._waiting and publisher.offer(self._waiting[0]):
            self._waiting.popleft()

    @property
    def congested(self) -> bool:
        """Tell whether so much waits that queries should pause."""
        waiting: int = sum(rows.nbytes for rows in self._waiting)
        return waiting > PENDING_BYTES_MAX

    def blank(self, store: Store, refused: Sequence[Refused]) -> list[bytes | None]:
        """Empty refused rows, in the caller's transaction: their numbers stay. Return what their values were."""
        table = pa.table({"place": range(len(refused)), "seq": [row.seq for row in refused]})
        store.register("outbox_refused", table)
        try:
            values = store.rows(
                sql("SELECT value FROM outbox_refused LEFT JOIN streamnb.outbox USING (seq) ORDER BY place")
            )
            store.execute(
                sql(
                    "UPDATE streamnb.outbox SET topic = NULL, key = NULL, value = NULL, hdr = NULL"
                    " WHERE seq IN (SELECT seq FROM outbox_refused)"
                )
            )
        finally:
            store.unregister("outbox_refused")
        return [value for (value,) in values]

    def trim(self, store: Store, published: int, *, all_of_it: bool) -> None:
        """Delete rows that are out, in a transaction of its own, when there are many or ``all_of_it`` is asked for."""
        behind = min(published, self._stored) - self._trimmed
        if behind <= 0 or (behind < TRIM_ROWS and not all_of_it):
            return
        with store.transaction():
            store.execute(sql("DELETE FROM streamnb.outbox WHERE seq < {}", lit(published)))
        self._trimmed = min(published, self._stored)
        failpoint("publish.trimmed")


class KafkaOutside:
    """The topics of a Kafka cluster."""

    def __init__(self, url: KafkaUrl, engine: Engine) -> None:
        """Reach the cluster. Raises: LogError when it does not answer."""
        self._url = url
        self._engine = engine
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
        self.log = KafkaLog(url)
        self.log.check()
        self.topics = Outbox(engine.checkpoint)
        self.topics.load(engine.store)
        self._publisher = KafkaPublisher(
            url, store_id=self._store_id(), seq_next=self.topics.next_seq, on_news=engine.wake
        )
        self._publisher.start()
        engine.committed.append(self.topics.committed)
        engine.rolled_back.append(self.topics.rolled_back)
        engine.recovered.append(self.topics.recovered)
        engine.housekeeping.append(self._keep_house)
        engine.congested = lambda: self.topics.congested

    def _store_id(self) -> str:
        """Read the database's own id, which positions in Kafka belong to; a new file gets a new one."""
        store = self._engine.store
        store.execute(sql("CREATE TABLE IF NOT EXISTS streamnb.identity (id VARCHAR)"))
        rows = store.rows(sql("SELECT id FROM streamnb.identity"))
        if not rows:
            store.execute(sql("INSERT INTO streamnb.identity VALUES (?)"), (uuid.uuid4().hex,))
            rows = store.rows(sql("SELECT id FROM streamnb.identity"))
        return str(rows[0][0])

    def _keep_house(self) -> None:
        """Between ticks: offer what waits, trim what is out, and stop the queries when the publisher has ended."""
        error = self._publisher.error
        if error is not None:
            self._engine.stop_queries(error.message)
            return
        refused = self._publisher.refused
        if refused:
            self._give_up(refused)
        self.topics.offer(self._publisher)
        published = self._publisher.published
        if published is not None:
            self.topics.trim(self._engine.store, published, all_of_it=published == self.topics.next_seq)

    def _give_up(self, refused: Sequence[Refused]) -> None:
        """Note records that Kafka will never take in the processing log, and go on behind them."""
        engine = self._engine
        with engine.store.transaction():
            values = self.topics.blank(engine.store, refused)
            entries = [
                LogEntry(self._writer_of(row.topic), PRODUCTION_ERROR, row.topic, None, None, row.reason, data=value)
                for row, value in zip(refused, values, strict=True)
            ]
            write(engine.store, engine.log, entries, engine.clock.now_ms())
        for entry in entries[-ERRORS_SHOWN:]:
            query = engine.queries.get(entry.query_id)
            if query is not None:
                message = f"Kafka refuses an output record of topic {entry.topic}: {entry.message}"
                query.info.errors = [*query.info.errors[1 - ERRORS_SHOWN :], message]
        self._publisher.skip([row.seq for row in refused])
        engine.appended()

    def _writer_of(self, topic: str) -> str:
        """Name the query that writes a topic, the first if there are several; INSERT VALUES has none."""
        writers = (id_ for id_, query in self._engine.queries.items() if query.sink.source.topic == topic)
        return next(writers, "INSERT_VALUES")

    def check(self) -> None:
        """Raise what has ended the publisher: nothing that is written now would get out."""
        error = self._publisher.error
        if error is not None:
            raise error

    def problem(self) -> str | None:
        """Tell what keeps output from Kafka, for now or for good."""
        problem = self._publisher.error or self._publisher.trouble
        return None if problem is None else problem.message

    def reader(self, topic: str, on_news: Callable[[], None]) -> TopicReader:
        return KafkaTopicReader(topic, self._url, self.log, on_news)

    def flush(self, timeout: float) -> bool:
        """Wait until everything committed so far is published; False when the time is up."""
        return self._publisher.wait_published(self.topics.next_seq, timeout)

    def close(self) -> None:
        self._publisher.stop()
        self.log.close()
