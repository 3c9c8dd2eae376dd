"""Publishes the outbox to Kafka on a thread of its own, each row exactly once for read_committed readers.

Theory of operation: the engine commits output rows to its outbox, numbered without gaps, and offers them here in that
order. Each Kafka transaction holds rows and the position behind the last of them (see ``kafka_marker``), so that Kafka
itself knows what is out. Whatever happens, the position is the truth: after a start, and after a commit whose
outcome is unknown, a new producer ends what the old one left open and the position is read again; rows before it are
dropped, the others are sent as they were stored. The engine deletes rows below ``published`` from its outbox.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamnb.errors import LogError
from streamnb.failpoints import failpoint
from streamnb.log.base import RECORD_SCHEMA
from streamnb.log.kafka_client import CALL_SECONDS_MAX, client_settings, guarded, is_unreachable, log_error, logger
from streamnb.log.kafka_marker import Marker
from streamnb.log.kafka_url import KafkaUrl

__all__ = ["OUTBOX_SCHEMA", "KafkaPublisher"]

OUTBOX_SCHEMA = pa.schema(
    [
        ("seq", pa.int64()),
        ("topic", pa.string()),
        *(RECORD_SCHEMA.field(name) for name in ("ts", "key", "value", "hdr")),
    ]
)
"""The columns of outbox rows; ``seq`` has no gaps and begins at 0 or later."""

TRANSACTION_ROWS_MAX = 50_000
BACKOFF_SECONDS = (0.1, 5.0)
STOP_SECONDS_MAX = 3.0
OUTCOME_SECONDS_MAX = 60.0

_TUNED: Mapping[str, Any] = {
    "linger.ms": 5,  # a commit flushes at once; until then small batches would cost the broker dearly
    "batch.size": 1_000_000,
    "batch.num.messages": 100_000,
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 262_144,
    "transaction.timeout.ms": 60_000,
    "reconnect.backoff.max.ms": 1_000,
    # A transaction that begins while the broker still ends the one before is asked to come again after this.
    "retry.backoff.ms": 5,
    "retry.backoff.max.ms": 500,
}

_FENCED = frozenset((KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH))
_POISON = frozenset((KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError._INVALID_ARG))
_PURGED = frozenset((KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT))


class _UnknownOutcome(Exception):
    """The producer cannot be used any more, and whether its last commit took effect is to be read from Kafka."""


class _Stopped(Exception):
    """The publisher was told to stop."""


class KafkaPublisher:
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
        self._url, self._seq_next, self._bytes_max = url, seq_next, bytes_max
        self._on_news = on_news or (lambda: None)
        self._marker = Marker(url, store_id, uuid.uuid4().hex)
        self._changed = threading.Condition()
        # Below: guarded by the condition's lock.
        self._batches: deque[pa.Table] = deque()
        self._size_bytes = 0
        self._published: int | None = None
        self._error: LogError | None = None
        self._trouble: LogError | None = None
        self._stopping = False
        self._refusal: tuple[KafkaError, str] | None = None  # the thread's own
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

    @property
    def published(self) -> int | None:
        """Return the first sequence number that is not known to be out; None until Kafka was asked."""
        with self._changed:
            return self._published

    @property
    def error(self) -> LogError | None:
        """Return why the publisher has ended: another engine took over, a record is refused, the file is a copy."""
        with self._changed:
            return self._error

    @property
    def trouble(self) -> LogError | None:
        """Return what keeps the publisher from going on for now, and is tried again; None while all is well."""
        with self._changed:
            return self._trouble

    def offer(self, rows: pa.Table) -> bool:
        """Hand over the next rows of the outbox (``OUTBOX_SCHEMA``); False when there is no room for them yet.

        Rows must be offered in the order of ``seq`` without a gap; published ones are passed over. An empty
        queue has room for any batch. Raises: LogError when the publisher has ended on an error.
        """
        with self._changed:
            if self._error is not None:
                raise self._error
            if self._batches and self._size_bytes + rows.nbytes > self._bytes_max:
                return False
            if rows.num_rows:
                self._batches.append(rows)
                self._size_bytes += rows.nbytes
                self._changed.notify_all()
            return True

    def wait_published(self, seq: int, timeout: float) -> bool:
        """Wait until all rows below ``seq`` are out; False when the time is over or the publisher has ended first."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or self._is_published(seq), timeout)
            return self._is_published(seq)

    def _is_published(self, seq: int) -> bool:
        return self._published is not None and self._published >= seq

    # The thread.

    def _run(self) -> None:
        backoff = BACKOFF_SECONDS[0]
        try:
            while True:
                try:
                    producer = self._open()
                    try:
                        while True:
                            self._publish(producer, self._next_rows())
                            backoff = BACKOFF_SECONDS[0]
                    finally:
                        producer.purge()
                except _UnknownOutcome as error:
                    self._note_loss(error.__cause__)
                except LogError as error:
                    if not _may_pass(error):
                        raise
                    self._set_trouble(error)
                self._pause(backoff)
                backoff = min(2 * backoff, BACKOFF_SECONDS[1])
        except _Stopped:
            pass
        except Exception as error:  # whatever ends the thread is the publisher's error, for the engine to raise
            with self._changed:
                self._error = error if isinstance(error, LogError) else LogError(f"publishing failed: {error!r}")
                self._changed.notify_all()
            self._on_news()
        finally:
            self._marker.close()

    def _note_loss(self, error: BaseException | None) -> None:
        """Decide about a producer that is lost: go on with a new one, unless another engine took over."""
        reason = error.args[0] if isinstance(error, KafkaException) else None
        if reason is not None and reason.code() in _FENCED and self._marker.is_taken_over():
            service = self._url.service_id
            raise LogError(
                f"another engine with service id {service} took over",
                summary=f"another engine with service id {service} took over",
                hint="only one engine may run per service id: stop one of them, or give it another service.id",
            ) from error
        trouble = LogError(str(error)) if reason is None else log_error(self._url, reason, "publishing")
        self._set_trouble(trouble)

    def _set_trouble(self, trouble: LogError | None) -> None:
        with self._changed:
            if self._trouble is trouble:
                return
            self._trouble = trouble
        self._on_news()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if self._changed.wait_for(lambda: self._stopping, seconds * random.uniform(0.5, 1.0)):
                raise _Stopped

    def _check_stop(self) -> None:
        with self._changed:
            if self._stopping:
                raise _Stopped

    def _open(self) -> Producer:
        """Make a producer, end what an earlier one left open, and read the position.

        1. Fence other producers of the service id and abort their transaction (``init_transactions``).
        2. Read the position, which nobody else can move any more.
        3. Commit it again with a note: from now on, this engine is the one that publishes.
        """
        fixed = {
            "transactional.id": f"streamnb-{self._url.service_id}",
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "delivery.report.only.error": True,
            "on_delivery": self._on_failed_delivery,
        }
        with guarded(self._url, "publishing"):
            producer = Producer(client_settings(self._url, _TUNED, fixed), logger=logger)
        try:
            self._finish(lambda: producer.init_transactions(CALL_SECONDS_MAX))
            failpoint("publish.init_done")
            self._marker.create()
            position = self._marker.position()
            self._check_position(position)
            self._finish(producer.begin_transaction)
            self._commit(producer, position)
        except KafkaException as error:
            raise _UnknownOutcome from error
        self._set_trouble(None)
        self._advance(position)
        return producer

    def _check_position(self, position: int) -> None:
        if self._seq_next is not None and position > self._seq_next:
            raise LogError(
                f"Kafka has {position} output records of this pipeline, its database file only {self._seq_next}: "
                "the file is an older copy",
                summary="the database file is older than what the pipeline published",
                hint="use the newest copy of the file, or another service.id to publish everything anew",
            )

    def _next_rows(self) -> pa.Table:
        """Wait for rows and return those of the first batch that are not published."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._stopping or bool(self._batches))
                if self._stopping:
                    raise _Stopped
                rows = self._batches[0]
                first, published = rows["seq"][0].as_py(), self._published or 0
                if first + rows.num_rows > published:
                    break
                self._drop_batch()
        if first > published and published > 0:
            raise LogError(f"outbox rows {published} to {first - 1} were never offered")
        return rows.slice(max(0, published - first), TRANSACTION_ROWS_MAX)

    def _drop_batch(self) -> None:
        self._size_bytes -= self._batches.popleft().nbytes

    def _publish(self, producer: Producer, rows: pa.Table) -> None:
        """Publish rows in one transaction, as often as Kafka aborts it."""
        next_ = rows["seq"][-1].as_py() + 1
        try:
            self._finish(producer.begin_transaction)
            failpoint("publish.begun")
            half = rows.num_rows // 2
            self._produce(producer, rows.slice(0, half))
            failpoint("publish.mid")
            self._produce(producer, rows.slice(half))
            self._commit(producer, next_)
        except KafkaException as error:
            self._check_refused()
            self._abort(producer, error)
            return
        failpoint("publish.after_commit")
        self._set_trouble(None)
        self._advance(next_)

    def _commit(self, producer: Producer, next_: int) -> None:
        """Commit the transaction with the position ``next_``."""
        failpoint("publish.before_offsets")
        self._marker.write_note(producer, next_)
        self._finish(lambda: self._marker.write_offset(producer, next_))
        failpoint("publish.before_commit")
        self._finish(lambda: producer.commit_transaction(CALL_SECONDS_MAX))

    def _produce(self, producer: Producer, rows: pa.Table) -> None:
        columns = [rows[name].to_pylist() for name in ("topic", "value", "key", "ts")]
        headers = rows["hdr"].to_pylist() if rows["hdr"].null_count < rows.num_rows else None
        produce = producer.produce
        for index, (topic, value, key, ts) in enumerate(zip(*columns, strict=True)):
            sent = None if headers is None or headers[index] is None else _headers(headers[index])
            while True:
                try:
                    produce(topic, value, key, timestamp=ts, headers=sent)
                    break
                except BufferError:
                    producer.poll(CALL_SECONDS_MAX)
                    self._check_stop()
                except KafkaException as error:
                    if error.args[0].code() not in _POISON:
                        raise
                    raise _refused(error.args[0], topic) from error

    def _on_failed_delivery(self, error: KafkaError | None, message: Message) -> None:
        """Keep the first failure of a transaction: the error of its commit does not say what failed."""
        if error is not None and self._refusal is None and error.code() not in _PURGED:
            self._refusal = (error, str(message.topic()))

    def _check_refused(self) -> None:
        """Raise when a record will never be taken; else tell what keeps records from being taken."""
        refusal, self._refusal = self._refusal, None
        if refusal is None:
            return
        error, topic = refusal
        if error.code() in _POISON:
            raise _refused(error, topic)
        self._set_trouble(log_error(self._url, error, f"writing topic {topic}", topic))

    def _finish(self, call: Callable[[], object]) -> None:
        """Call until it is done, in short turns; what a turn began goes on in the next."""
        deadline = time.monotonic() + OUTCOME_SECONDS_MAX
        while True:
            self._check_stop()
            try:
                call()
                return
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                if not reason.retriable() or reason.txn_requires_abort() or time.monotonic() > deadline:
                    raise
                self._set_trouble_later(reason, deadline)

    def _set_trouble_later(self, reason: KafkaError, deadline: float) -> None:
        if deadline - time.monotonic() < OUTCOME_SECONDS_MAX - 5:
            self._set_trouble(log_error(self._url, reason, "publishing"))

    def _abort(self, producer: Producer, error: KafkaException) -> None:
        """Take an abortable transaction back, so that it can be published again; give up the producer otherwise."""
        reason: KafkaError = error.args[0]
        if reason.fatal() or not reason.txn_requires_abort():
            raise _UnknownOutcome from error
        if self.trouble is None:
            self._set_trouble(log_error(self._url, reason, "publishing"))
        producer.purge()
        try:
            self._finish(lambda: producer.abort_transaction(CALL_SECONDS_MAX))
        except KafkaException as second:
            raise _UnknownOutcome from second
        self._pause(BACKOFF_SECONDS[0])

    def _advance(self, next_: int) -> None:
        with self._changed:
            self._published = next_
            self._changed.notify_all()
        self._on_news()


def _may_pass(error: LogError) -> bool:
    cause = error.__cause__
    return isinstance(cause, KafkaException) and is_unreachable(cause.args[0])


def _refused(error: KafkaError, topic: str) -> LogError:
    return LogError(
        f"Kafka refuses an output record of topic {topic}: {error.str()}",
        summary=f"Kafka refuses an output record of topic {topic}",
        hint="it may be too large: see message.max.bytes of the client (in the URL) and max.message.bytes of the topic",
    )


def _headers(headers: list[dict[str, Any]]) -> list[tuple[str, str | bytes | None]]:
    return [(header["k"], header["v"]) for header in headers]
