"""What the publisher remembers inside Kafka: up to where an outbox is published, and which engine did it last.

Both are written in the same Kafka transaction as the records they speak of: the position as the committed offset of an
internal consumer group, and a note in an internal topic. The note also outlives the seven days after which
Kafka forgets the offsets of an idle group, and tells a fenced publisher whether another engine took over.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, TopicPartition

from streamnb.errors import LogError
from streamnb.log.kafka_admin import INTERNAL_PREFIX, KafkaLog
from streamnb.log.kafka_client import CALL_SECONDS_MAX, client_settings, guarded, learn_leaders, logger, too_slow
from streamnb.log.kafka_outgoing import OUTBOX_SCHEMA
from streamnb.log.kafka_producer import Group, RecordProducer
from streamnb.log.kafka_url import KafkaUrl

__all__ = ["Marker", "Note"]

READ_SECONDS_MAX = 5.0


@dataclass(frozen=True)
class Note:
    """The last note: the engine that wrote it, the store it published from, and the next sequence number."""

    engine: str
    store: str
    next: int


class Marker:
    """The marker of one service and store. Belongs to the publisher's thread."""

    def __init__(self, url: KafkaUrl, store: str, engine: str) -> None:
        self._url, self._store, self._engine = url, store, engine
        self.topic = f"{INTERNAL_PREFIX}{url.service_id}-outbox"
        self._group_id = f"{INTERNAL_PREFIX}{url.service_id}-{store}"
        self._consumer = self._make_consumer("read_committed")
        self._group = Group(self._group_id, self._consumer)

    def _make_consumer(self, isolation: str) -> Consumer:
        fixed = {
            "group.id": self._group_id,
            "enable.auto.commit": False,
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "allow.auto.create.topics": False,
        }
        with guarded(self._url, "reading the outbox marker"):
            return Consumer(client_settings(self._url, {"fetch.wait.max.ms": 50}, fixed), logger=logger)

    def close(self) -> None:
        """Close the marker's consumer."""
        self._consumer.close()

    def create(self) -> None:
        """Create the marker's topic unless it is there."""
        log = KafkaLog(self._url)
        try:
            if log.topic(self.topic) is None:
                log.create_topic(self.topic, cleanup="compact")
        except LogError:
            if log.topic(self.topic) is None:  # else another engine was faster
                raise
        finally:
            log.close()

    def note(self, next_: int) -> pa.Table:
        """Write the note, as an outbox row of its own; its transaction must also hold the position."""
        note = {"engine": self._engine, "store": self._store, "next": next_}
        now_ms = time.time_ns() // 1_000_000
        values = (next_, self.topic, now_ms, self._store.encode(), json.dumps(note).encode(), None, 0)
        return pa.table([[value] for value in values], schema=OUTBOX_SCHEMA)

    def write_offset(self, producer: RecordProducer, next_: int) -> None:
        """Add the position to the producer's transaction."""
        producer.send_offset(self.topic, next_, self._group)

    def position(self) -> int:
        """Read the next sequence number to publish: 0 when nothing of this store was published yet."""
        place = TopicPartition(self.topic, 0)
        with guarded(self._url, "reading the outbox marker", self.topic):
            committed = self._consumer.committed([place], timeout=READ_SECONDS_MAX)[0]
            noted = [note.next for note in self._notes(self._consumer) if note.store == self._store]
        return max(committed.offset, 0, *noted)

    def is_taken_over(self) -> bool:
        """Tell whether the last engine that wrote a note for this service is another one.

        Notes count before they are committed too: a commit that succeeded shows to readers some time later.
        """
        with guarded(self._url, "reading the outbox marker", self.topic):
            consumer = self._make_consumer("read_uncommitted")
            try:
                notes = self._notes(consumer)
            finally:
                consumer.close()
        return bool(notes) and notes[-1].engine != self._engine

    def _notes(self, consumer: Consumer) -> list[Note]:
        """Read the notes, oldest first: the last one of each store at least, as compaction leaves them."""
        place = TopicPartition(self.topic, 0, 0)
        learn_leaders(consumer, self.topic)
        consumer.assign([place])
        deadline = time.monotonic() + READ_SECONDS_MAX
        notes: list[Note] = []
        try:
            while time.monotonic() < deadline:
                for message in consumer.consume(1, CALL_SECONDS_MAX) + consumer.consume(500, 0):
                    error, value = message.error(), message.value()
                    if error is None and value is not None:
                        notes.append(Note(**json.loads(value)))
                    elif error is not None and error.code() == KafkaError._PARTITION_EOF:
                        return notes
        finally:
            consumer.unassign()
        raise too_slow(f"the outbox marker of service {self._url.service_id} could not be read in time")
