"""Topics on Kafka: readers that start at the engine's offsets, and the outbox that the publisher empties.

The engine's transaction holds the offsets, the state and the output rows, numbered without a gap, in the outbox. After
the commit the rows are offered to the publisher, which sends them in Kafka transactions together with their number;
what Kafka has acknowledged is trimmed later. A crash anywhere leaves rows in the outbox that Kafka's own marker
tells apart: those before it are out, the others are sent when the engine starts again.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Mapping, Sequence

from streamnb.catalog import QueryError
from streamnb.duck import sql
from streamnb.engine.engine import Engine
from streamnb.engine.outbox import Outbox
from streamnb.engine.processinglog import LogEntry, write
from streamnb.engine.readers import Prepare, Slice, TopicReader, reached, unprepared
from streamnb.errors import LogError
from streamnb.failpoints import failpoint
from streamnb.log.kafka_admin import KafkaLog
from streamnb.log.kafka_producer import Refused
from streamnb.log.kafka_publisher import KafkaPublisher
from streamnb.log.kafka_reader import KafkaReader
from streamnb.log.kafka_url import KafkaUrl
from streamnb.store import Store

__all__ = ["KafkaOutside", "KafkaTopicReader"]

GATHER_SECONDS_MAX = 0.05
SWITCH_SECONDS = 0.0001
"""How long a thread may keep the interpreter while others wait: a tick returns to it some thirty times."""
PRODUCTION_ERROR = 2


class KafkaTopicReader:
    """Reads one topic for one query, with a consumer and a thread of its own."""

    def __init__(self, topic: str, url: KafkaUrl, log: KafkaLog, on_news: Callable[[], None]) -> None:
        self.topic = topic
        self._url = url
        self._log = log
        self._on_news = on_news
        self._reader: KafkaReader | None = None
        self.prepare: Prepare = unprepared

    def start(self, store: Store, *, earliest: bool) -> dict[int, int]:
        return {part: first if earliest else next_ for part, (first, next_) in self._log.ends(self.topic).items()}

    def read(self, store: Store, positions: Mapping[int, int], rows_max: int) -> Slice:
        reader = self._reader
        if reader is None:
            reader = self._reader = KafkaReader(self._url, on_news=self._on_news, prepare=self.prepare)
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
        moved = reached(records)
        more = frozenset(part for part, state in states.items() if part in moved and moved[part] < state.next)
        more |= {part for part, state in states.items() if state.lag}
        waiting = any(part not in moved and state.lag != 0 for part, state in states.items())
        return Slice(records.num_rows, {**positions, **moved}, frozenset(more), waiting, records)

    def committed(self, positions: Mapping[int, int]) -> None:
        if self._reader is not None:
            self._reader.settle(self.topic, positions)

    def lag(self, store: Store, positions: Mapping[int, int]) -> int | None:
        states = {} if self._reader is None else self._reader.states(self.topic)
        found = [states[part] for part in positions if part in states]
        unfetched = [state.lag for state in found]
        if len(found) < len(positions) or None in unfetched:
            return None
        return sum(n or 0 for n in unfetched) + sum(state.rows for state in found)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._reader = None


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
        for entry in entries:
            query = engine.queries.get(entry.query_id)
            if query is not None:
                query.meter.logged_errors += 1
                message = f"Kafka refuses an output record of topic {entry.topic}: {entry.message}"
                query.info.note_error(QueryError(engine.clock.now_ms(), "USER", message))
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
