"""Push queries: each on a thread and a cursor of its own, with its state in TEMP tables, so that it delays nobody."""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.engine.doorbell import Doorbell
from streamnb.engine.faults import describe_failure
from streamnb.engine.feed import Change, Feed
from streamnb.engine.keeper import RowKeeper
from streamnb.engine.processinglog import LogEntry
from streamnb.engine.progress import Backlog
from streamnb.engine.task import QueryTask
from streamnb.engine.watch import Watch
from streamnb.errors import StreamnbError
from streamnb.schema import BIGINT, SqlType
from streamnb.store import DatabaseError, Store

__all__ = ["REPORTED_MAX", "PushQuery"]

HEARTBEAT_S = 1.0
STOP_S = 2.0
REPORTED_MAX = 1000
DEAD_ROWS_MAX = 100_000
"""So many records are taken in before rows of the state that they have replaced are cleared away."""
_CLEARED_SHARE = 20  # of the time, at most one part in so many goes into that
Report = Callable[[Sequence[LogEntry]], "Future[None] | None"]
_log = logging.getLogger(__name__)


class PushQuery:
    """A running push query and the feed it fills."""

    def __init__(
        self,
        task: QueryTask,
        store: Store,
        doorbell: Doorbell,
        *,
        columns: Sequence[tuple[str, str, SqlType]],
        is_table: bool,
        is_ordered: bool,
        limit: int | None,
        earliest: bool,
        rows_max: int,
        batch_rows: int,
        report: Report,
        on_end: Callable[[], None],
    ) -> None:
        """Prepare the query; the task and the store are its own from here on, and closed when it ends.

        ``columns`` are name, column of the output batch, and type; ``is_ordered`` tells that the key of the result is
        the place of a row. ``report`` has errors of records written to the processing log, ``on_end`` is called when
        the query has ended.
        """
        self.task = task
        self.feed = Feed(is_table=is_table, rows_max=rows_max, is_ordered=is_ordered)
        self._store = store
        self._doorbell = doorbell
        self._columns = [ident(internal) for _, internal, _ in columns]
        self._is_table = is_table
        keys = (*task.program.shape.keys, *((BIGINT,) if task.program.shape.windowed else ()))
        self.keeper = RowKeeper(
            [(name, type_) for name, _, type_ in columns], keys if is_table else (), is_table=is_table
        )
        self._left = limit
        self._rows_max = rows_max
        self._batch_rows = batch_rows
        self._stopping = threading.Event()
        self._report = report
        self._on_end = on_end
        self._closing = threading.Lock()
        self._closed = False
        self.rows_in = 0
        self.backlog = Backlog()
        self.stopped = False
        self.watches: tuple[Watch, ...] = ()
        self._uncleared = 0
        self._clear_from_s = 0.0
        try:
            task.prepare(store, earliest=earliest)
        except BaseException:
            self._close()
            raise
        self._thread = threading.Thread(target=self._run, name=f"streamnb-push-{task.query_id}", daemon=True)

    def start(self) -> None:
        """Start the query's thread."""
        self.backlog = Backlog(self.task.lag(self._store))
        self._thread.start()

    def stop(self) -> None:
        """End the query; its feed keeps what it has shown."""
        self.stopped = not self.feed.done
        self._stopping.set()
        self._doorbell.ring()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            deadline_s = time.monotonic() + STOP_S
            while self._thread.is_alive() and time.monotonic() < deadline_s:
                self._interrupt()  # between two statements it has no effect
                self._thread.join(0.05)
        self.feed.finish()

    def _interrupt(self) -> None:
        with self._closing, contextlib.suppress(DatabaseError):
            if not self._closed:
                self._store.interrupt()

    def _close(self) -> None:
        with self._closing:
            self._closed = True
            self.task.close()
            self._store.close()

    @property
    def running(self) -> bool:
        """Tell whether the query goes on."""
        return not self.feed.done

    def _run(self) -> None:
        error: str | None = None
        try:
            if self._left == 0:
                return
            while not self._stopping.is_set():
                seen = self._doorbell.rings()
                if not self._step():
                    self._doorbell.wait(seen, HEARTBEAT_S)
        except (StreamnbError, DatabaseError) as failure:
            if not self._stopping.is_set():
                error = describe_failure(failure, self.task)
        except Exception as failure:
            _log.exception("push query %s failed", self.task.query_id)
            error = str(failure)
        finally:
            self._close()
            self.feed.finish(error)
            self._on_end()

    def _step(self) -> bool:
        """Run one micro-batch and add its changes to the feed; True when there may be more at once."""
        result = self.task.step(self._store, self._batch_rows)
        if result.count:
            self._deliver()
            self.rows_in += result.count
            self._clear(result.count)
        self.task.accept(result)
        self.backlog.add(result.count, more=result.count > 0 or result.more or result.waiting)
        if not self.backlog.is_known:  # a broker has not told yet
            self.backlog.find(self.task.lag(self._store))
        if result.log:
            self._tell(result.log[:REPORTED_MAX])
        return result.count > 0 or result.more

    def _clear(self, count: int) -> None:
        """Clear replaced rows away when there may be many: TEMP tables keep them, and each look-up reads them."""
        self._uncleared += count
        began = time.monotonic()
        if self._uncleared > DEAD_ROWS_MAX and began >= self._clear_from_s:
            self._store.clear_deleted()
            self._uncleared = 0
            ended = time.monotonic()
            self._clear_from_s = ended + _CLEARED_SHARE * (ended - began)

    def _tell(self, entries: Sequence[LogEntry]) -> None:
        """Report errors of records, and wait until that is done, but no longer than the query goes on."""
        reported = self._report(entries)
        while reported is not None and not self._stopping.is_set():
            if concurrent.futures.wait([reported], 0.1).done:
                return

    def _deliver(self) -> None:
        shape = self.task.program.shape
        keys = [*shape.key_columns(), *shape.window_columns()[:1]] if self._is_table else []
        output = self.task.output()
        if not self._is_table:
            output = sql("(SELECT * FROM {} WHERE NOT vnull)", output)  # a stream's null value is no row
        if self._left is not None:
            output = sql("(SELECT * FROM {} ORDER BY seq, sub LIMIT {})", output, lit(self._left))
        count = int(self._store.rows(sql("SELECT count(*) FROM {}", output))[0][0])
        if count == 0:
            return
        rows = self._store.rows(self._newest(output, keys, count))
        changes = [Change(row[1 : 1 + len(keys)], row[1 + len(keys) :], row[0]) for row in rows]
        for watch in self.watches:
            watch.look(self._store, output, keys, self._columns)
        with self.keeper.lock:
            if self.keeper.wanted:
                self.keeper.add(self._store.arrow(self._whole(output, keys)))
            self.feed.add(changes, count)
        if self._left is not None:
            self._left -= count
        if self._left == 0:
            self._stopping.set()

    def _whole(self, output: Sql, keys: Sequence[Sql]) -> Sql:
        """Select what a relation takes of a batch: all of its rows."""
        named = [sql("{} AS {}", key, ident(f"k{i}")) for i, key in enumerate(keys)]
        meta = [sql("vnull"), *named] if self._is_table else []
        columns = [sql("{} AS {}", column, ident(f"c{i}")) for i, column in enumerate(self._columns)]
        return sql("SELECT {} FROM {} ORDER BY seq, sub", join(", ", [*meta, *columns]), output)

    def _newest(self, output: Sql, keys: Sequence[Sql], count: int) -> Sql:
        """Select what the feed can keep of a batch: its newest rows, and all that a LIMIT counts."""
        columns = join(", ", [sql("vnull"), *keys, *self._columns])
        skip = 0 if self._left is not None else max(0, count - self._rows_max)
        return sql("SELECT {} FROM {} ORDER BY seq, sub OFFSET {}", columns, output, lit(skip))
