"""Publishes the outbox to Kafka on a thread of its own, each row exactly once for read_committed readers.

Theory of operation: the engine commits output rows to its outbox, numbered without gaps, and offers them here in that
order. Each Kafka transaction holds rows and the position behind the last of them (see ``kafka_marker``), so that Kafka
itself knows what is out. Whatever happens, the position is the truth: after a start, and after a commit whose
outcome is unknown, a new producer ends what the old one left open and the position is read again; rows before it are
dropped, the others are sent as they were stored. The engine deletes rows below ``published`` from its outbox.

A row that Kafka will never take is found by halving the transaction, and reported as ``refused``. The engine notes it
for good, blanks it in its outbox (its topic becomes null, so that numbers stay without gaps) and calls ``skip``.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable

import pyarrow as pa
from confluent_kafka import KafkaError, KafkaException

from streamnb.errors import LogError
from streamnb.failpoints import failpoint
from streamnb.log.base import unknown_topic
from streamnb.log.kafka_client import is_unknown_topic, log_error, may_pass
from streamnb.log.kafka_marker import Marker
from streamnb.log.kafka_outgoing import OUTBOX_SCHEMA, Outgoing, Stopped
from streamnb.log.kafka_producer import (
    MessageProducer,
    RecordProducer,
    Refused,
    is_fenced,
    is_poison,
    is_purged,
    missing_topic,
    producer_settings,
)
from streamnb.log.kafka_url import KafkaUrl
from streamnb.log.native import NativeProducer, is_available

__all__ = ["OUTBOX_SCHEMA", "KafkaPublisher"]

TRANSACTION_ROWS_MAX = 50_000
BACKOFF_SECONDS = (0.1, 5.0)
STOP_SECONDS_MAX = 3.0
OUTCOME_SECONDS_MAX = 10.0
PATIENCE_SECONDS = 1.0
LOOK_SECONDS = 0.5
NOTE_SECONDS_MAX = 5.0


class _UnknownOutcome(Exception):
    """The producer cannot be used any more, and whether its last commit took effect is to be read from Kafka."""


class _TopicMissing(Exception):
    """A topic of the transaction does not exist: its records cannot go out, and nothing behind them."""


class KafkaPublisher(Outgoing):
    """Publishes outbox rows in order. ``offer`` and the properties may be used by any one thread besides its own."""

    def __init__(
        self,
        url: KafkaUrl,
        *,
        store_id: str,
        seq_next: int | None = None,
        bytes_max: int = 64 << 20,
        on_news: Callable[[], None] | None = None,
    ) -> None:
        """Make a publisher; ``start`` begins.

        ``store_id`` names the database file for ever (a new file, a new id): positions belong to it. ``seq_next``
        is the number that the engine will give next; a position beyond it means that the file is an old copy,
        and is an error. ``bytes_max`` bounds what is offered and not published. ``on_news`` is called by the thread.
        """
        super().__init__(bytes_max, on_news or (lambda: None))
        self._url, self._seq_next = url, seq_next
        self._marker = Marker(url, store_id, uuid.uuid4().hex)
        # Below: the thread's own.
        self._failed: tuple[KafkaError, str] | None = None  # the transaction's first record that was not delivered
        self._rows_max = TRANSACTION_ROWS_MAX
        self._topics: frozenset[str] = frozenset()  # the transaction's
        self._suspects = False  # one of them was missing
        self._look_at = 0.0
        self._thread = threading.Thread(
            target=self._run, name=f"streamnb-kafka-publisher-{url.service_id}", daemon=True
        )

    def start(self) -> None:
        """Start the thread, which fences other publishers of the service id and reads the position."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, leaving an open transaction to the next start; returns within three seconds."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS_MAX)

    # The thread.

    def _run(self) -> None:
        backoff = BACKOFF_SECONDS[0]
        try:
            while True:
                try:
                    producer = self._make_producer()
                    try:
                        self._open(producer)
                        while True:
                            self._publish(producer, self._next_rows(self._rows_max))
                            backoff = BACKOFF_SECONDS[0]
                    finally:
                        producer.close()
                except _UnknownOutcome as error:
                    self._note_loss(error.__cause__)
                except _TopicMissing as error:
                    self._suspects = True
                    self._set_trouble(unknown_topic(str(error)))
                except LogError as error:
                    if not may_pass(error):
                        raise
                    self._set_trouble(error)
                self._pause(backoff)
                backoff = min(2 * backoff, BACKOFF_SECONDS[1])
        except Stopped:
            pass
        except Exception as error:  # whatever ends the thread is the publisher's error, for the engine to raise
            self._fail(error if isinstance(error, LogError) else LogError(f"publishing failed: {error!r}"))
        finally:
            self._marker.close()

    def _note_loss(self, error: BaseException | None) -> None:
        """Decide about a producer that is lost: go on with a new one, unless another engine took over."""
        reason = error.args[0] if isinstance(error, KafkaException) else None
        if reason is not None and is_fenced(reason) and self._is_taken_over():
            service = self._url.service_id
            raise LogError(
                f"another engine with service id {service} took over",
                summary=f"another engine with service id {service} took over",
                hint="only one engine may run per service id: stop one of them, or give it another service.id",
            ) from error
        trouble = LogError(str(error)) if reason is None else log_error(self._url, reason, "publishing")
        self._set_trouble(trouble)

    def _is_taken_over(self) -> bool:
        """Ask whether another engine fenced this one, or Kafka ended a transaction that took too long.

        Going on unasked, or too soon, might take over from the other engine in turn: it leaves its note some time
        after it has fenced us.
        """
        deadline = time.monotonic() + NOTE_SECONDS_MAX
        while True:
            try:
                if self._marker.is_taken_over():
                    return True
                if time.monotonic() > deadline:
                    return False
            except LogError as error:
                if not may_pass(error):
                    raise
                self._set_trouble(error)
            self._pause(BACKOFF_SECONDS[0])

    def _make_producer(self) -> RecordProducer:
        kind = NativeProducer if is_available() else MessageProducer
        return kind(self._url, producer_settings(self._url), self._on_failed_delivery)

    def _open(self, producer: RecordProducer) -> None:
        """End what an earlier producer left open, and read the position.

        1. Fence other producers of the service id and abort their transaction (``init_transactions``).
        2. Read the position, which nobody else can move any more.
        3. Commit it again with a note: from now on, this engine is the one that publishes.
        """
        self._topics, self._failed = frozenset(), None
        try:
            self._finish(producer, producer.init_transactions)
            failpoint("publish.init_done")
            self._marker.create()
            position = self._marker.position()
            self._check_position(position)
            self._seq_next = None  # from now on this publisher itself moves the position
            self._finish(producer, producer.begin)
            self._commit(producer, position)
        except KafkaException as error:
            raise _UnknownOutcome from error
        if not self._suspects:
            self._set_trouble(None)
        self._advance(position)

    def _check_position(self, position: int) -> None:
        if self._seq_next is not None and position > self._seq_next:
            raise LogError(
                f"Kafka has {position} output records of this pipeline, its database file only {self._seq_next}: "
                "the file is an older copy",
                summary="the database file is older than what the pipeline published",
                hint="use the newest copy of the file, or another service.id to publish everything anew",
            )

    def _publish(self, producer: RecordProducer, rows: pa.Table) -> None:
        """Publish rows in one transaction; when Kafka takes it back, they are the next rows again."""
        next_ = rows["seq"][-1].as_py() + 1
        rows = self._sendable(rows)
        self._topics, self._failed = frozenset(rows["topic"].unique().to_pylist()), None
        if self._suspects:
            self._await_topics(producer)
        half = rows.num_rows // 2
        refused: list[Refused] = []
        try:
            self._finish(producer, producer.begin)
            failpoint("publish.begun")
            refused += producer.produce(rows.slice(0, half), self._check_stop)
            failpoint("publish.mid")
            refused += producer.produce(rows.slice(half), self._check_stop)
            if not refused:
                self._commit(producer, next_)
        except KafkaException as error:
            refused = self._look_into(rows)
            self._abort(producer, error)
        else:
            if not refused:
                failpoint("publish.after_commit")
                self._rows_max = min(2 * self._rows_max, TRANSACTION_ROWS_MAX)
                self._set_trouble(None)
                self._advance(next_)
                return
            self._take_back(producer)
        if refused:
            self._report(tuple(refused))

    def _await_topics(self, producer: RecordProducer) -> None:
        """Wait until all topics of the transaction exist."""
        while True:
            try:
                missing = missing_topic(producer, self._topics)
            except KafkaException as error:
                raise _UnknownOutcome from error
            if missing is None:
                self._suspects = False
                return
            self._set_trouble(unknown_topic(missing))
            self._pause(LOOK_SECONDS)

    def _commit(self, producer: RecordProducer, next_: int) -> None:
        """Commit the transaction with the position ``next_``."""
        failpoint("publish.before_offsets")
        producer.produce(self._marker.note(next_), self._check_stop)
        self._finish(producer, lambda: self._marker.write_offset(producer, next_))
        failpoint("publish.before_commit")
        self._finish(producer, producer.commit)

    def _on_failed_delivery(self, error: KafkaError, topic: str) -> None:
        """Keep the first failure of a transaction: the error of its commit does not say what failed."""
        if self._failed is None and not is_purged(error):
            self._failed = (error, topic)

    def _look_into(self, rows: pa.Table) -> list[Refused]:
        """Find out why a transaction failed: return the row that Kafka will never take, or try fewer to find it.

        A broker refuses what it got in one request as a whole, so that one row has to be alone to be blamed.
        """
        if self._failed is None:
            return []
        error, topic = self._failed
        if is_poison(error) and topic in self._topics:
            if rows.num_rows == 1:
                return [Refused(rows["seq"][0].as_py(), topic, error.str())]
            self._rows_max = rows.num_rows // 2
        elif is_unknown_topic(error):
            raise _TopicMissing(topic)
        else:
            self._set_trouble(log_error(self._url, error, f"writing topic {topic}", topic))
        return []

    def _finish(self, producer: RecordProducer, call: Callable[[], object]) -> None:
        """Call until it is done, in short turns; what a turn began goes on in the next."""
        begun = time.monotonic()
        while True:
            self._check_stop()
            try:
                call()
                return
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                waited = time.monotonic() - begun
                if not reason.retriable() or reason.txn_requires_abort() or waited > OUTCOME_SECONDS_MAX:
                    raise
                if reason.code() != KafkaError._TIMED_OUT or waited > PATIENCE_SECONDS:
                    self._diagnose(producer, reason)

    def _diagnose(self, producer: RecordProducer, reason: KafkaError) -> None:
        """Find out, now and then, what a call waits for: a topic that is not there, or the broker."""
        if time.monotonic() < self._look_at:
            return
        missing = None
        try:
            missing = missing_topic(producer, self._topics)
        except KafkaException as error:
            reason = error.args[0]
        self._look_at = time.monotonic() + LOOK_SECONDS
        if missing is not None:
            raise _TopicMissing(missing)
        self._set_trouble(log_error(self._url, reason, "publishing"))

    def _abort(self, producer: RecordProducer, error: KafkaException) -> None:
        """Take an abortable transaction back, so that it can be published again; give up the producer otherwise."""
        reason: KafkaError = error.args[0]
        if reason.fatal() or not reason.txn_requires_abort():
            raise _UnknownOutcome from error
        if self._failed is None:
            self._diagnose(producer, reason)
        self._take_back(producer)
        self._pause(BACKOFF_SECONDS[0])

    def _take_back(self, producer: RecordProducer) -> None:
        producer.purge()
        try:
            self._finish(producer, producer.abort)
        except KafkaException as error:
            raise _UnknownOutcome from error
