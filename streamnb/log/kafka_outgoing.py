"""What the engine and the publisher's thread share: rows on their way out, how far they are, and what holds them up."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Collection

import numpy as np
import pyarrow as pa

from streamnb.errors import LogError
from streamnb.log.base import RECORD_SCHEMA
from streamnb.log.kafka_producer import Refused

__all__ = ["OUTBOX_SCHEMA", "Outgoing", "Stopped"]

OUTBOX_SCHEMA = pa.schema(
    [
        ("seq", pa.int64()),
        ("topic", pa.string()),
        *(RECORD_SCHEMA.field(name) for name in ("ts", "key", "value", "hdr")),
        ("window_bytes", pa.int32()),
    ]
)
"""The columns of outbox rows; ``seq`` has no gaps and begins at 0 or later; rows without a topic are not sent.

``window_bytes`` counts the bytes at the end of the key that say the window, and do not choose the partition.
"""


class Stopped(Exception):
    """The publisher was told to stop."""


class Outgoing:
    """A bounded queue of outbox rows. Public methods and properties may be used by any one thread."""

    def __init__(self, bytes_max: int, on_news: Callable[[], None]) -> None:
        self._bytes_max, self._on_news = bytes_max, on_news
        self._changed = threading.Condition()
        # Below: guarded by the condition's lock.
        self._batches: deque[pa.Table] = deque()
        self._size_bytes = 0
        self._published: int | None = None
        self._error: LogError | None = None
        self._trouble: LogError | None = None
        self._stopping = False
        self._refused: tuple[Refused, ...] = ()
        self._skipped: set[int] = set()

    @property
    def published(self) -> int | None:
        """Return the first sequence number that is not known to be out; None until Kafka was asked."""
        with self._changed:
            return self._published

    @property
    def error(self) -> LogError | None:
        """Return why the publisher has ended: another engine took over, the user has no rights, the file is a copy."""
        with self._changed:
            return self._error

    @property
    def trouble(self) -> LogError | None:
        """Return what keeps the publisher from going on for now, and is tried again; None while all is well."""
        with self._changed:
            return self._trouble

    @property
    def refused(self) -> tuple[Refused, ...]:
        """Return the rows that Kafka will never take; nothing goes out until ``skip`` names them."""
        with self._changed:
            return self._refused

    def skip(self, seqs: Collection[int]) -> None:
        """Go on without refused rows. At later starts they must be offered without a topic."""
        with self._changed:
            self._skipped.update(seqs)
            self._refused = tuple(row for row in self._refused if row.seq not in self._skipped)
            self._changed.notify_all()

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

    def _fail(self, error: LogError) -> None:
        with self._changed:
            self._error = error
            self._changed.notify_all()
        self._on_news()

    def _set_trouble(self, trouble: LogError | None) -> None:
        with self._changed:
            if self._trouble is trouble:
                return
            self._trouble = trouble
        self._on_news()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if self._changed.wait_for(lambda: self._stopping, seconds * random.uniform(0.5, 1.0)):
                raise Stopped

    def _check_stop(self) -> None:
        with self._changed:
            if self._stopping:
                raise Stopped

    def _next_rows(self, rows_max: int) -> pa.Table:
        """Wait for rows and return those of the first batch that are not published."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._stopping or bool(self._batches))
                if self._stopping:
                    raise Stopped
                rows = self._batches[0]
                first, published = rows["seq"][0].as_py(), self._published or 0
                if first + rows.num_rows > published:
                    break
                self._drop_batch()
        if first > published and published > 0:
            raise LogError(f"outbox rows {published} to {first - 1} were never offered")
        return rows.slice(max(0, published - first), rows_max)

    def _drop_batch(self) -> None:
        self._size_bytes -= self._batches.popleft().nbytes

    def _sendable(self, rows: pa.Table) -> pa.Table:
        """Leave out rows without a topic, and those that are to be skipped."""
        keep = rows["topic"].is_valid().to_numpy()
        with self._changed:
            if self._skipped:
                keep &= ~np.isin(rows["seq"].to_numpy(), sorted(self._skipped))
        return rows if keep.all() else rows.filter(pa.array(keep))

    def _report(self, refused: tuple[Refused, ...]) -> None:
        """Tell of refused rows and wait until they are to be skipped."""
        with self._changed:
            self._refused = refused
        self._on_news()
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or not self._refused)
        self._check_stop()

    def _advance(self, next_: int) -> None:
        with self._changed:
            self._published = next_
            self._changed.notify_all()
        self._on_news()
