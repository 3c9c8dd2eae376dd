"""The engine: one thread, the only writer, runs all persistent queries tick by tick.

A tick is one transaction: connectors add their records, then each query, in creation order, takes in what is new,
including what an earlier query wrote in this very tick, and writes its output, its place and its errors. A query that
fails takes the tick back and the others run again without it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from streamnb.catalog import QueryError
from streamnb.clock import Clock
from streamnb.duck import sql
from streamnb.engine.checkpoint import Checkpoint
from streamnb.engine.commands import Commands
from streamnb.engine.doorbell import Doorbell
from streamnb.engine.faults import describe_failure
from streamnb.engine.processinglog import PROCESSING_LOG_TOPIC, LogEntry, write
from streamnb.engine.running import Connector, PersistentQuery, QueryFailed, Stepped
from streamnb.engine.writeaheadlog import WriteAheadLog
from streamnb.errors import LogError, StoreBrokenError, StoreError
from streamnb.failpoints import failpoint
from streamnb.log.embedded import EmbeddedLog
from streamnb.store import Store

__all__ = ["Connector", "Engine", "EngineSettings", "PersistentQuery"]

T = TypeVar("T")
HEARTBEAT_S = 1.0
CLOSE_S = 3.0
TRIM_MS = 60_000
RANGES_EPOCHS = 100_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineSettings:
    """How much a tick takes in, how long the engine gathers records before the next one, and how long the
    write-ahead log may grow before it is folded into the file.
    """

    rows_max: int = 100_000
    interval_ms: int = 20
    wal_bytes_max: int = 64 << 20


class Engine:
    """Runs persistent queries and connectors on the store it owns."""

    def __init__(self, store: Store, clock: Clock, settings: EngineSettings) -> None:
        self.store = store
        self.clock = clock
        self.settings = settings
        self.log = EmbeddedLog(store)
        self.checkpoint = Checkpoint(store)
        self.queries: dict[str, PersistentQuery] = {}
        self.connectors: dict[str, Connector] = {}
        self.committed: list[Callable[[], None]] = []
        self.rolled_back: list[Callable[[], None]] = []
        self.recovered: list[Callable[[], None]] = []
        self.housekeeping: list[Callable[[], None]] = []
        self.congested: Callable[[], bool] = lambda: False
        self.epoch = self.checkpoint.last_epoch()
        self.failure: str | None = None
        self._trimmed_ms = clock.now_ms()
        self._commands = Commands()
        self._next_tick_s = 0.0
        self._wal = WriteAheadLog(store)
        self._complaint: str | None = None
        self._wake = threading.Condition()
        self._woken = False
        self._stopping = False
        self.doorbells: list[Doorbell] = []
        self._thread: threading.Thread | None = None

    # From any thread

    def start(self) -> None:
        """Start the engine's thread."""
        self._thread = threading.Thread(target=self._run, name="streamnb-engine", daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], T]) -> T:
        """Run a function on the engine's thread between two ticks and return its result, or raise what it raises."""
        if self._thread is None or threading.current_thread() is self._thread:
            return function()
        future = self._commands.submit(function)
        self.wake()
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()  # unless it runs already
            raise

    def report(self, entries: Sequence[LogEntry]) -> Future[None] | None:
        """Have entries written to the processing log, without waiting for it; None when the engine does not run."""
        if self._thread is None:
            return None
        try:
            future = self._commands.submit(lambda: self.write_log(entries))
        except StoreError:
            return None
        self.wake()
        return future

    def wake(self) -> None:
        """Make the engine look for work now."""
        with self._wake:
            self._woken = True
            self._wake.notify()

    def appended(self) -> None:
        """Take note that records were appended outside a tick, and tell who waits for them."""
        self._announce()
        self.wake()

    def close(self) -> None:
        """Stop: end the tick that runs, then the thread, then the readers; fold the write-ahead log into the file."""
        self._stopping = True
        self.wake()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            deadline_s = time.monotonic() + CLOSE_S
            thread.join(CLOSE_S / 3)
            while thread.is_alive() and time.monotonic() < deadline_s:
                self.store.interrupt()  # between two statements it has no effect
                thread.join(0.05)
        failpoint("shutdown.joined")
        for query in self.queries.values():
            query.task.close()
        if self.failure is None and (self._thread is None or not self._thread.is_alive()):
            with contextlib.suppress(StoreError):  # what was committed is in the write-ahead log
                self._wal.fold_all()

    # On the engine's thread

    def _run(self) -> None:
        try:
            while not self._stopping:
                try:
                    self._turn()
                except StoreBrokenError:
                    if not self._stopping:
                        self.recover()
        except Exception as error:
            if not self._stopping:  # else it was interrupted
                self.failure = str(error)
                _log.exception("the engine stopped")
        finally:
            self._stopping = True
            self._commands.refuse(f"the engine has stopped{': ' + self.failure if self.failure else ''}")
            self._ring()

    def _turn(self) -> None:
        """Do what is asked for, then one tick, then wait for something new; news that come meanwhile are not missed."""
        with self._wake:
            self._woken = False
        self._commands.run()
        self._keep_house()
        if self._gather():
            return
        if self.congested() or not self.tick():
            self._idle()

    def _keep_house(self) -> None:
        """Run what others hang in between ticks, trim the topics, and fold the write-ahead log when it has grown."""
        try:
            for keep in self.housekeeping:
                keep()
        except LogError as error:
            if error.message != self._complaint:
                self._complaint = error.message
                _log.warning("housekeeping failed and is tried again: %s", error.message)
        self._trim()
        if self.failure is None and self._wal.fold(self.settings.wal_bytes_max):
            self.store.sweep()

    def _gather(self) -> bool:
        """Let records gather behind a tick that had few of them; True when it is not yet time for the next tick."""
        left_s = self._next_tick_s - time.monotonic()
        return left_s > 0 and self._wait(left_s)

    def _idle(self) -> None:
        """Wait for work: a command, a record, a connector's next record, a query's next try."""
        self._wait(self._patience_s())

    def _wait(self, timeout_s: float) -> bool:
        with self._wake:
            self._wake.wait_for(lambda: self._woken or self._stopping or self._commands.pending, timeout_s)
        return True

    def _patience_s(self) -> float:
        """Find out how long nothing is due."""
        due = [c.generator.next_due_ms() for c in self.connectors.values()]
        due += [q.backoff.not_before_ms for q in self.queries.values() if q.runnable and q.backoff.tries]
        soonest = min((ms for ms in due if ms is not None), default=None)
        if soonest is None:
            return HEARTBEAT_S
        return min(max((soonest - self.clock.now_ms()) / 1000, 0.001), HEARTBEAT_S)

    def _trim(self) -> None:
        """Once a minute, apply the retention and compaction of the embedded topics, and forget old ranges.

        What a running query has not read yet stays: it would stop, were it gone.
        """
        now_ms = self.clock.now_ms()
        if now_ms - self._trimmed_ms < TRIM_MS:
            return
        self._trimmed_ms = now_ms
        kept = [t for t in self.log.topics() if t.retention_ms is not None or "compact" in t.cleanup]
        for topic in kept:
            with self.store.transaction():
                self.log.trim(topic.name, now_ms, self._unread(topic.name))
        with self.store.transaction():
            self.checkpoint.trim_ranges(self.epoch - RANGES_EPOCHS)

    def _unread(self, topic: str) -> dict[int, int]:
        """Find the first offset of each partition of a topic that a running query has not read."""
        first: dict[int, int] = {}
        for query in self.queries.values():
            if not query.runnable or query.task.place is None:
                continue
            for i, reader in enumerate(query.task.readers):
                if reader.topic == topic:
                    for part, next_ in query.task.place.positions[i].items():
                        first[part] = min(next_, first.get(part, next_))
        return first

    def tick(self) -> bool:
        """Run one tick; True when there is more to do at once.

        1. Begin. 2. Connectors append what is due. 3. Each query takes in records, runs, writes its output and
        its place. 4. Errors of records go to the processing log. 5. Commit. 6. Positions move on in memory.
        A query that fails takes all of it back; its state says why, and the tick runs again without it.
        """
        started_s = time.monotonic()
        while True:
            try:
                count, more = self._try_tick()
            except QueryFailed as failed:
                self.rewind()
                if self._stopping:  # it was interrupted
                    return False
                self._note_failure(failed)
            except StoreBrokenError:
                if self._stopping:
                    raise
                self.recover()
            else:
                is_small = 0 < count < self.settings.rows_max / 10 and not more
                self._next_tick_s = started_s + self.settings.interval_ms / 1000 if is_small else 0.0
                return more

    def recover(self) -> None:
        """Reopen the database and go on from what it holds: whether a commit took effect is read, never guessed."""
        self.store.reopen()
        emitted = self.checkpoint.connectors()
        for connector in self.connectors.values():
            connector.settle(emitted.get(connector.name, 0))
        for query in self.queries.values():
            query.task.place = stored = self.checkpoint.place(query.info.id)
            query.task.prepare(self.store, earliest=True)
            if stored is None and query.task.place is not None:
                with self.store.transaction():
                    self.checkpoint.save_place(query.info.id, query.task.place)
        self.epoch = self.checkpoint.last_epoch()
        for hook in self.recovered:
            hook()
        self._announce()

    def _try_tick(self) -> tuple[int, bool]:
        """Run one transaction; return how many records it took in, and whether there is more to do at once."""
        now_ms = self.clock.now_ms()
        for connector in self.connectors.values():
            connector.before = connector.generator.position
        results: list[Stepped] = []
        failpoint("batch.planned")
        try:
            with self.store.transaction():  # 1
                failpoint("batch.begun")
                emitted = self._run_connectors(now_ms)  # 2
                for query in self.queries.values():  # 3
                    if query.runnable and query.backoff.due(now_ms):
                        results += self._step(query)
                failpoint("batch.outbox_done")
                entries = [e for s in results for e in s.result.log]
                if entries:  # 4
                    write(self.store, self.log, entries, now_ms)
                failpoint("batch.log_done")
                worked = bool(emitted or results)
        except StoreBrokenError:
            raise
        except BaseException:  # 5
            for connector in self.connectors.values():
                connector.generator.rewind(connector.before)
            raise
        self.epoch += worked
        for stepped in results:  # 6
            stepped.settle(now_ms, self.settings.rows_max)
        if worked:
            self._announce()
        more = any(s.result.more for s in results) or self._feeds_back(results, logged=bool(entries))
        return emitted + sum(s.result.count for s in results), more

    def _feeds_back(self, results: Sequence[Stepped], *, logged: bool) -> bool:
        """Tell whether a query wrote to a topic that one before it reads, which has run already."""
        written = {s.query.info.id for s in results if s.written}
        topics = {PROCESSING_LOG_TOPIC} if logged else set()
        for query in reversed(self.queries.values()):
            if query.info.id in written:
                topics.add(query.sink.source.topic)
            if query.runnable and any(r.topic in topics for r in query.task.readers):
                return True
        return False

    def _run_connectors(self, now_ms: int) -> int:
        count = 0
        for connector in self.connectors.values():
            records = connector.generator.next(now_ms)
            if records.num_rows == 0:
                continue
            self.store.register("datagen_records", records)
            try:
                connector.topics.append(self.store, connector.topic, sql("datagen_records"), part=sql("part"))
            finally:
                self.store.release("datagen_records")
            self.checkpoint.save_connector(connector.name, connector.generator.position.emitted)
            count += records.num_rows
        return count

    def _step(self, query: PersistentQuery) -> list[Stepped]:
        rows_max = query.rows_max or self.settings.rows_max
        started_s = time.perf_counter()
        before = query.task.place
        try:
            result = query.task.step(self.store, rows_max)
            failpoint("batch.state_done")
            if result.place == before:
                return []
            written = query.sink.write(self.store, query.task.output()) if result.count else 0
        except StoreBrokenError:
            raise
        except Exception as error:
            raise QueryFailed(query, error, rows_max) from error
        self.checkpoint.save_place(query.info.id, result.place, before, self.epoch + 1)
        return [Stepped(query, result, written, (time.perf_counter() - started_s) * 1000)]

    def rewind(self) -> None:
        """Take back in memory what a failed transaction had appended."""
        for undo in self.rolled_back:
            undo()

    def _announce(self) -> None:
        for notify in self.committed:
            notify()
        self._ring()

    def _ring(self) -> None:
        for doorbell in list(self.doorbells):
            doorbell.ring()

    def stop_queries(self, reason: str) -> None:
        """Put all queries into ERROR: their output has nowhere to go."""
        for query in self.queries.values():
            if query.runnable:
                query.info.state = "ERROR"
                query.info.note_error(QueryError(self.clock.now_ms(), "SYSTEM", reason))

    def _note_failure(self, failed: QueryFailed) -> None:
        """Decide how a failed query goes on; one that has stopped says so in the processing log."""
        query = failed.query
        message = describe_failure(failed.error, query.task)
        query.note_failure(failed.error, message, failed.rows_max, self.clock.now_ms())
        if query.info.state == "ERROR":
            self.write_log([LogEntry(query.info.id, 1, None, None, None, message)])

    def write_log(self, entries: Sequence[LogEntry]) -> None:
        """Write entries to the processing log, in a transaction of their own."""
        with self.store.transaction():
            write(self.store, self.log, entries, self.clock.now_ms())
        self._announce()
