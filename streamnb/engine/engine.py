"""The engine: one thread, the only writer, runs all persistent queries tick by tick.

A tick is one transaction: connectors add their records, then each query, in creation order, takes in what is new,
including what an earlier query wrote in this very tick, and writes its output, its place and its errors. A query that
fails takes the tick back and the others run again without it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from streamnb.catalog import QueryInfo
from streamnb.clock import Clock
from streamnb.duck import sql
from streamnb.engine.checkpoint import Checkpoint
from streamnb.engine.doorbell import Doorbell
from streamnb.engine.faults import Backoff, describe_failure, is_user_error
from streamnb.engine.processinglog import LogEntry, write
from streamnb.engine.sink import Sink, Topics
from streamnb.engine.task import QueryTask, StepResult
from streamnb.errors import StoreBrokenError, StoreError
from streamnb.failpoints import failpoint
from streamnb.log.embedded import EmbeddedLog
from streamnb.store import Store

__all__ = ["Connector", "Engine", "EngineSettings", "PersistentQuery"]

T = TypeVar("T")
IDLE_S = 0.05
TRIM_MS = 60_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineSettings:
    """How much a tick takes in, how long the engine gathers records before the next one, and how long the
    write-ahead log may grow before it is folded into the file (DuckDB does so inside a commit, at 16 MiB).
    """

    rows_max: int = 50_000
    interval_ms: int = 20
    wal_bytes_max: int = 12 << 20


@dataclass
class PersistentQuery:
    """A persistent query as the engine runs it."""

    info: QueryInfo
    task: QueryTask
    sink: Sink
    rows_in: int = 0
    rows_out: int = 0
    rows_max: int | None = None
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def runnable(self) -> bool:
        """Tell whether the query takes part in ticks."""
        return self.info.state in ("RUNNING", "RETRYING")


class Generator(Protocol):
    """Makes records as time passes; ``position`` says how far it is and ``rewind`` goes back to an earlier one."""

    @property
    def position(self) -> Any: ...
    def next(self, now_ms: int) -> pa.Table:
        """Return the records (seq, sub, part, ts, key, value, hdr) that are due."""
        ...

    def rewind(self, position: Any) -> None:
        """Take records back: their transaction failed."""
        ...


@dataclass
class Connector:
    """A source connector as the engine runs it: what makes its records, and the topic they go to."""

    name: str
    topic: str
    generator: Generator
    topics: Topics
    properties: dict[str, str] = field(default_factory=dict)
    before: Any = None  # the generator's position when the tick began

    def settle(self, emitted: int) -> None:
        """Go on behind what was committed: where the tick ended, or where it began."""
        if self.generator.position.emitted != emitted:
            self.generator.rewind(self.before)


class QueryFailed(Exception):
    """A query raised while a tick ran; the tick is taken back."""

    def __init__(self, query: PersistentQuery, error: Exception, rows_max: int) -> None:
        super().__init__(str(error))
        self.query = query
        self.error = error
        self.rows_max = rows_max


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
        self.epoch = self.checkpoint.number("epoch")
        self.failure: str | None = None
        self._trimmed_ms = clock.now_ms()
        self._commands: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
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
        if not self._thread.is_alive():
            raise StoreError(
                f"the engine has stopped{': ' + self.failure if self.failure else ''}",
                hint="connect again; what was acknowledged is in the pipeline's file.",
            )
        future: Future[T] = Future()
        self._commands.append((function, future))
        self.wake()
        return future.result()

    def wake(self) -> None:
        """Make the engine look for work now."""
        with self._wake:
            self._woken = True
            self._wake.notify()

    def appended(self) -> None:
        """Take note that records were appended outside a tick, and tell who waits for them."""
        self._announce()

    def close(self) -> None:
        """Stop: end the tick that runs, then the thread, then the readers; fold the write-ahead log into the file."""
        self._stopping = True
        self.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2.0)
            if self._thread.is_alive():
                self.store.interrupt()
                self._thread.join(2.0)
        failpoint("shutdown.joined")
        for query in self.queries.values():
            query.task.close()
        if self._thread is None or not self._thread.is_alive():
            with contextlib.suppress(StoreError):  # what was committed is in the write-ahead log
                self._fold(0)

    # On the engine's thread

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._run_commands()
                for keep in self.housekeeping:
                    keep()
                self._fold(self.settings.wal_bytes_max)
                if self.congested() or not self.tick():
                    self._idle()
        except Exception as error:
            self.failure = str(error)
            _log.exception("the engine stopped")
        finally:
            self._stopping = True
            self._refuse_commands()
            self._ring()

    def _run_commands(self) -> None:
        while self._commands:
            function, future = self._commands.popleft()
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

    def _refuse_commands(self) -> None:
        while self._commands:
            _, future = self._commands.popleft()
            future.set_exception(StoreError("the engine has stopped"))

    def _idle(self) -> None:
        """Wait for work: a command, a record, a connector's next record, a query's next try."""
        self._trim()
        with self._wake:
            self._wake.wait_for(lambda: self._woken or self._stopping, IDLE_S)
            self._woken = False

    def _trim(self) -> None:
        """Once a minute, apply the retention and compaction of the embedded topics."""
        now_ms = self.clock.now_ms()
        if now_ms - self._trimmed_ms < TRIM_MS:
            return
        self._trimmed_ms = now_ms
        kept = [t for t in self.log.topics() if t.retention_ms is not None or "compact" in t.cleanup]
        for topic in kept:
            with self.store.transaction():
                self.log.trim(topic.name, now_ms)

    def _fold(self, bytes_max: int) -> None:
        """Fold a longer write-ahead log into the file; when DuckDB refuses, a later tick does it."""
        if self.store.path is None or self.failure is not None:
            return
        wal = self.store.path.with_name(self.store.path.name + ".wal")
        if wal.exists() and wal.stat().st_size > bytes_max:
            self.store.checkpoint()

    def tick(self) -> bool:
        """Run one tick; True when there is more to do at once.

        1. Begin. 2. Connectors append what is due. 3. Each query takes in records, runs, writes its output and
        its place. 4. Errors of records go to the processing log. 5. Commit. 6. Positions move on in memory.
        A query that fails takes all of it back; its state says why, and the tick runs again without it.
        """
        while True:
            try:
                return self._try_tick()
            except QueryFailed as failed:
                self.rewind()
                self._note_failure(failed)
            except StoreBrokenError:
                self._recover()

    def _recover(self) -> None:
        """Reopen the database and go on from what it holds: whether a commit took effect is read, never guessed."""
        self.store.reopen()
        emitted = self.checkpoint.connectors()
        for connector in self.connectors.values():
            connector.settle(emitted.get(connector.name, 0))
        for query in self.queries.values():
            query.task.place = self.checkpoint.place(query.info.id)
            query.task.prepare(self.store, earliest=True)
        self.epoch = self.checkpoint.number("epoch")
        for hook in self.recovered:
            hook()
        self._announce()

    def _try_tick(self) -> bool:
        now_ms = self.clock.now_ms()
        for connector in self.connectors.values():
            connector.before = connector.generator.position
        results: list[tuple[PersistentQuery, StepResult, int]] = []
        failpoint("batch.planned")
        try:
            with self.store.transaction():  # 1
                failpoint("batch.begun")
                emitted = self._run_connectors(now_ms)  # 2
                for query in self.queries.values():  # 3
                    if query.runnable and query.backoff.due(now_ms):
                        results += self._step(query)
                failpoint("batch.outbox_done")
                entries = [e for _, r, _ in results for e in r.log]
                if entries:  # 4
                    write(self.store, self.log, entries, now_ms)
                failpoint("batch.log_done")
                worked = bool(emitted or results)
                if worked:
                    self.checkpoint.set_number("epoch", self.epoch + 1)
        except StoreBrokenError:
            raise
        except BaseException:  # 5
            for connector in self.connectors.values():
                connector.generator.rewind(connector.before)
            raise
        self.epoch += worked
        for query, result, written in results:  # 6
            query.task.accept(result)
            query.rows_in += result.count
            query.rows_out += written
            query.rows_max = None if query.rows_max is None else min(query.rows_max * 4, self.settings.rows_max)
            self._note_success(query)
        if worked:
            self._announce()
        return any(r.more for _, r, _ in results)

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
                self.store.unregister("datagen_records")
            self.checkpoint.save_connector(connector.name, connector.generator.position.emitted)
            count += records.num_rows
        return count

    def _step(self, query: PersistentQuery) -> list[tuple[PersistentQuery, StepResult, int]]:
        rows_max = query.rows_max or self.settings.rows_max
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
        return [(query, result, written)]

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
                query.info.errors = [*query.info.errors[-9:], reason]

    def _note_success(self, query: PersistentQuery) -> None:
        if query.info.state == "RETRYING":
            query.info.state = "RUNNING"
        query.backoff = Backoff()

    def _note_failure(self, failed: QueryFailed) -> None:
        """Try a smaller batch; a batch of one that fails stops the query, naming the record."""
        query = failed.query
        message = describe_failure(failed.error, query.task)
        query.info.errors = [*query.info.errors[-9:], message]
        if failed.rows_max > 1:
            query.rows_max = max(1, failed.rows_max // 16)
            query.info.state = "RETRYING"
        elif is_user_error(failed.error):
            query.info.state = "ERROR"
        else:
            query.backoff = query.backoff.next(self.clock.now_ms())
            query.info.state = "RETRYING" if query.backoff.tries < 5 else "ERROR"
        if query.info.state == "ERROR":
            entry = LogEntry(query.info.id, 1, None, None, None, message)
            with self.store.transaction():
                write(self.store, self.log, [entry], self.clock.now_ms())
            self._announce()


