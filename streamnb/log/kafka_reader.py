"""Reads Kafka topics on a thread of its own, from the engine's offsets, into bounded buffers.

Theory of operation: the engine keeps the offsets, in the transaction that holds what became of the records; Kafka keeps
none, and there is no consumer group. The engine's cycle is ``take``, apply and commit, ``settle`` with its new offsets;
records that it took and did not use (an input of a join has to wait, a transaction was taken back) are named in
``settle`` by the offset to go on at, and are given again. A partition never jumps: an offset that the broker does not
have makes its topic fail.

The thread stops fetching while the buffers are full. It pauses single partitions only when another one, which the
engine may be waiting for, has nothing buffered: librdkafka throws away what it has fetched for a paused partition.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from confluent_kafka import KafkaError, KafkaException

from streamnb.errors import LogError
from streamnb.failpoints import failpoint
from streamnb.log.base import PartitionState, out_of_range
from streamnb.log.buffers import TopicBuffer
from streamnb.log.kafka_client import CALL_SECONDS_MAX, client_settings, guarded, is_unreachable, log_error
from streamnb.log.kafka_consumer import Event, MessageConsumer, Place, RecordConsumer
from streamnb.log.kafka_url import KafkaUrl
from streamnb.log.native import NativeConsumer, is_available

__all__ = ["KafkaReader"]

ROWS_PER_FETCH = 10_000
IDLE_SECONDS = 0.05
GATHER_SECONDS = 0.002
PROBE_SECONDS = 1.0
STOP_SECONDS_MAX = 3.0

_TUNED: Mapping[str, Any] = {
    # librdkafka waits a second when its queue was full: a fast reader would mostly sleep.
    "fetch.queue.backoff.ms": 2,
    "queued.min.messages": 200_000,
    "queued.max.messages.kbytes": 65_536,
    "max.partition.fetch.bytes": 4 << 20,
    # A partition that is added waits for the fetch under way to return.
    "fetch.wait.max.ms": 100,
    "reconnect.backoff.max.ms": 1_000,
}


class KafkaReader:
    """Reads partitions from given offsets. Methods may be called from any one thread besides its own."""

    def __init__(
        self,
        url: KafkaUrl,
        *,
        rows_max: int = 400_000,
        bytes_max: int = 96 << 20,
        on_news: Callable[[], None] | None = None,
        prepare: Callable[[pa.Table], pa.Table] | None = None,
    ) -> None:
        """Make a reader; ``start`` begins. ``on_news`` is called by its thread when ``take`` or the states have news.

        ``prepare`` is run by the thread over records that it fetched: it may add columns. ``rows_max`` and
        ``bytes_max`` bound all buffers together; fetching stops above them.
        """
        self._url = url
        self._rows_max, self._bytes_max = rows_max, bytes_max
        self._on_news = on_news or (lambda: None)
        self._prepare = prepare or (lambda records: records)
        fixed = {
            "group.id": f"streamnb-{url.service_id}",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "allow.auto.create.topics": False,
        }
        kind = NativeConsumer if is_available() else MessageConsumer
        self._consumer: RecordConsumer = kind(url, client_settings(url, _TUNED, fixed), self._on_client_error)
        self._changed = threading.Condition()
        # Below: guarded by the condition's lock.
        self._commands: list[Callable[[], None]] = []
        self._buffers: dict[str, TopicBuffer] = {}
        self._states: dict[str, dict[int, PartitionState]] = {}
        self._moving: Counter[Place] = Counter()  # partitions whose assignment is under way
        self._failures: dict[str, LogError] = {}
        self._error: LogError | None = None
        self._stopping = False
        # Below: the thread's own.
        self._assigned: set[Place] = set()
        self._paused: set[Place] = set()
        self._probed_at = 0.0
        self._probes = 0
        self._missing: set[str] = set()
        self._thread = threading.Thread(target=self._run, name=f"streamnb-kafka-reader-{url.service_id}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and close the consumer; returns within three seconds."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS_MAX)
        else:
            self._consumer.close()

    @property
    def error(self) -> LogError | None:
        """Return why nothing can be read for now (no broker answers) or any more; None while all is well."""
        with self._changed:
            return self._error

    def failure(self, topic: str) -> LogError | None:
        """Return why a topic is not read any more (offset out of range, deleted, refused); ``seek`` clears it."""
        with self._changed:
            return self._failures.get(topic)

    def states(self, topic: str) -> Mapping[int, PartitionState]:
        """Tell how far each partition of a topic is read."""
        with self._changed:
            buffer = self._buffers.get(topic)
            states = self._states.get(topic, {})
            rows = buffer.rows if buffer is not None else {}
            return {part: replace(state, rows=rows.get(part, 0)) for part, state in states.items()}

    def seek(self, topic: str, positions: Mapping[int, int]) -> None:
        """Read partitions of a topic from these offsets on: new ones, or others anew, dropping what is buffered."""
        with self._changed:
            buffer = self._buffers.setdefault(topic, TopicBuffer())
            states = self._states.setdefault(topic, {})
            for part, offset in positions.items():
                buffer.drop(part)
                states[part] = PartitionState(offset)
                self._moving[topic, part] += 1
            self._failures.pop(topic, None)
            self._send(lambda: self._assign(topic, dict(positions)))

    def remove(self, topic: str) -> None:
        """Stop reading a topic and drop what is buffered of it."""
        with self._changed:
            self._buffers.pop(topic, None)
            self._failures.pop(topic, None)
            parts = list(self._states.pop(topic, {}))
            self._send(lambda: self._unassign(topic, parts))

    def _send(self, command: Callable[[], None]) -> None:
        self._commands.append(command)
        self._changed.notify_all()

    def take(self, rows_max: int) -> dict[str, pa.Table]:
        """Give up to ``rows_max`` buffered records of each topic that has any: part, off, ts, key, value, hdr.

        They are given once, until ``settle``. Raises: LogError when the reader's thread has ended on an error.
        """
        with self._changed:
            if self._error is not None and not self._thread.is_alive():
                raise self._error
            return {topic: buffer.take(rows_max) for topic, buffer in self._buffers.items() if buffer.has_fresh}

    def gather(self, topic: str, rows: int, timeout: float) -> None:
        """Let a topic's buffer fill while more is known to come: to ``rows``, evenly, or until the time is up.

        Few large batches cost less than many small ones, and hold back less of what is merged by time.
        """
        deadline = time.monotonic() + timeout
        while not self._has_gathered(topic, rows) and time.monotonic() < deadline:
            time.sleep(GATHER_SECONDS)

    def _has_gathered(self, topic: str, rows: int) -> bool:
        with self._changed:
            buffer, states = self._buffers.get(topic), self._states.get(topic, {})
            if buffer is None or not buffer.has_fresh or self._error is not None or topic in self._failures:
                return True  # nothing to wait with
            if sum(b.size_bytes for b in self._buffers.values()) >= self._bytes_max:
                return True
            share = rows // max(1, len(states))
            return all(s.lag == 0 or buffer.rows[part] >= share for part, s in states.items())

    def settle(self, topic: str, positions: Mapping[int, int]) -> None:
        """Forget the taken records before ``positions``; the other taken ones are given again, before newer ones.

        ``positions`` holds the next offset of each partition; one that is left out gives all its taken records again.
        """
        with self._changed:
            buffer = self._buffers.get(topic)
            if buffer is not None and buffer.has_taken:
                buffer.settle(positions)
                self._changed.notify_all()

    def wait(self, timeout: float) -> bool:
        """Wait until ``take`` would give records or something has failed; False when the time is over first."""
        with self._changed:
            return self._changed.wait_for(
                lambda: (
                    any(buffer.has_fresh for buffer in self._buffers.values())
                    or bool(self._failures)
                    or self._error is not None
                ),
                timeout,
            )

    # The thread.

    def _run(self) -> None:
        try:
            while self._step():
                pass
        except Exception as error:  # whatever ends the thread is the reader's error, for the engine to raise
            with self._changed:
                self._error = error if isinstance(error, LogError) else LogError(f"reading Kafka failed: {error!r}")
                self._changed.notify_all()
            self._on_news()
        finally:
            self._consumer.close()

    def _step(self) -> bool:
        """Do what was asked for, then fetch once; False when it is time to end."""
        with self._changed:
            if self._stopping:
                return False
            commands, self._commands = self._commands, []
            idle = not commands and not self._states
            if idle:
                self._changed.wait(1.0)
        if idle:
            return True
        with guarded(self._url, "reading"):
            for command in commands:
                command()
            if self._has_room():
                if not self._fetch():
                    self._probe()
                return True
        with self._changed:
            if not self._commands and not self._stopping:
                self._changed.wait(CALL_SECONDS_MAX)
        return True

    def _assign(self, topic: str, positions: Mapping[int, int]) -> None:
        failpoint("source.seek")
        self._unassign(topic, list(positions))
        self._consumer.assign(topic, positions)
        self._assigned.update((topic, part) for part in positions)
        with self._changed:
            self._moving -= Counter((topic, part) for part in positions)

    def _unassign(self, topic: str, parts: list[int]) -> None:
        places = self._assigned.intersection((topic, part) for part in parts)
        if places:
            self._consumer.unassign(places)
        self._assigned -= places
        self._paused -= places

    def _has_room(self) -> bool:
        """Tell whether to fetch; full partitions are paused when another one is starving, and go on when half empty."""
        with self._changed:
            rows = {(t, p): b.rows[p] for t, b in self._buffers.items() for p in self._states[t]}
            size_bytes = sum(buffer.size_bytes for buffer in self._buffers.values())
            starving = any(not rows[t, p] and not s.at_end for t, ps in self._states.items() for p, s in ps.items())
        total = sum(rows.values())
        share = self._rows_max // max(1, len(rows))
        resumable = {place for place in self._paused if rows.get(place, 0) <= share // 2}
        if resumable:
            self._consumer.resume(resumable)
        self._paused -= resumable
        if total < self._rows_max and size_bytes < self._bytes_max:
            return True
        if not starving:
            return False
        full = {place for place, count in rows.items() if count} - self._paused
        if full:
            self._consumer.pause(full)
        self._paused |= full
        return True

    def _fetch(self) -> bool:
        """Move what has arrived to the buffers; False when nothing came for a while."""
        fetched = self._consumer.fetch(min(ROWS_PER_FETCH, 1 + self._rows_max // 20), IDLE_SECONDS)
        if fetched is None:
            return False
        failpoint("source.polled")
        tables = {topic: self._prepare(records) for topic, records in fetched.tables.items()}
        self._fail(self._failures_of(fetched.events))
        with self._changed:
            for topic, table in tables.items():
                self._store(topic, table)
            for event in fetched.events:
                self._note_end(event)
            if fetched.tables:
                self._error = None
            self._changed.notify_all()
        self._on_news()
        return True

    def _store(self, topic: str, records: pa.Table) -> None:
        """Buffer records; those of a partition that was moved or removed meanwhile are dropped."""
        states = self._states.get(topic)
        if states is None:
            return
        if any(count and place[0] == topic for place, count in self._moving.items()):
            settled = [part for part in states if not self._moving[topic, part]]
            records = records.filter(np.isin(records["part"].to_numpy(), settled))
        if not records.num_rows:
            return
        for part, offset in self._buffers[topic].add(records).items():
            states[part] = PartitionState(offset + 1, self._consumer.end((topic, part)))

    def _note_end(self, event: Event) -> None:
        """Remember that a partition is read to its end."""
        topic, part, offset = event.topic, event.part, event.offset
        if event.error.code() != KafkaError._PARTITION_EOF or topic is None or part is None or offset is None:
            return
        self._error = None
        state = self._states.get(topic, {}).get(part)
        if state is not None and state.next <= offset and not self._moving[topic, part]:  # else records came behind it
            self._states[topic][part] = PartitionState(offset, offset, at_end=True)

    def _failures_of(self, events: Sequence[Event]) -> dict[str, LogError]:
        """Sort out the events that end the reading of a topic."""
        failures: dict[str, LogError] = {}
        for event in events:
            error, topic, part = event.error, event.topic, event.part
            if error.code() == KafkaError._PARTITION_EOF:
                continue
            if topic is None or is_unreachable(error):
                self._on_client_error(error)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET and part is not None:
                failures[topic] = self._out_of_range(topic, part)
            else:
                failures[topic] = log_error(self._url, error, f"reading topic {topic}", topic)
        return failures

    def _out_of_range(self, topic: str, part: int) -> LogError:
        with self._changed:
            state = self._states.get(topic, {}).get(part)
        held = None
        with suppress(KafkaException):  # the range is told if the broker tells it in time
            held = self._consumer.held((topic, part), CALL_SECONDS_MAX)
        return out_of_range(topic, part, None if state is None else state.next, held)

    def _on_client_error(self, error: KafkaError) -> None:
        """Note that brokers do not answer, or refuse; called by librdkafka inside a call of the thread."""
        with self._changed:
            self._error = log_error(self._url, error, "reading")
            self._changed.notify_all()
        self._on_news()

    def _probe(self) -> None:
        """Look at one topic now and then: brokers that are back and topics that are gone do not tell by themselves.

        A topic must be missing twice in a row, since a broker may hear late of a new one.
        """
        if time.monotonic() - self._probed_at < PROBE_SECONDS:
            return
        self._probed_at = time.monotonic()
        with self._changed:
            topics = sorted(self._states.keys() - self._failures.keys())
        if not topics:
            return
        topic = topics[self._probes % len(topics)]
        self._probes += 1
        with suppress(KafkaException):  # still unreachable
            error = self._consumer.topic_error(topic, CALL_SECONDS_MAX)
            with self._changed:
                self._error = None
            if error is None:
                self._missing.discard(topic)
            elif topic not in self._missing:
                self._missing.add(topic)
            else:
                self._fail({topic: log_error(self._url, error, f"reading topic {topic}", topic)})

    def _fail(self, failures: Mapping[str, LogError]) -> None:
        """Stop reading topics, for these reasons."""
        for topic, failure in failures.items():
            with self._changed:
                parts = list(self._states.get(topic, {}))
                if parts:
                    self._failures[topic] = failure
                self._changed.notify_all()
            self._unassign(topic, parts)
        if failures:
            self._on_news()
