"""What the engine runs: persistent queries and source connectors, with what it has to remember of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from streamnb.catalog import QueryError, QueryInfo
from streamnb.engine.faults import Backoff, error_kind, is_user_error
from streamnb.engine.metrics import Meter
from streamnb.engine.sink import Sink, Topics
from streamnb.engine.task import QueryTask, StepResult
from streamnb.errors import LogError

__all__ = ["Connector", "Generator", "PersistentQuery", "QueryFailed", "Stepped"]

TRIES_MAX = 5


@dataclass
class PersistentQuery:
    """A persistent query as the engine runs it."""

    info: QueryInfo
    task: QueryTask
    sink: Sink
    rows_max: int | None = None
    meter: Meter = field(default_factory=Meter)
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def runnable(self) -> bool:
        """Tell whether the query takes part in ticks."""
        return self.info.state in ("RUNNING", "RETRYING")

    @property
    def next_try_ms(self) -> int | None:
        """Tell when a failed query is tried again; None when it is not, or at once."""
        return self.backoff.not_before_ms if self.info.state == "RETRYING" and self.backoff.tries else None

    def resume(self) -> None:
        """Let a query that was paused, has failed or waits for its next try go on at once."""
        self.info.state = "RUNNING"
        self.rows_max = None
        self.backoff = Backoff()

    def note_success(self, rows_max: int) -> None:
        """Take note of a committed step; a batch that was made smaller grows again, up to ``rows_max``."""
        self.rows_max = None if self.rows_max is None or self.rows_max * 4 >= rows_max else self.rows_max * 4
        self.backoff = Backoff()
        if self.info.state == "RETRYING":
            self.info.state = "RUNNING"

    def note_failure(self, error: Exception, message: str, rows_max: int, now_ms: int) -> None:
        """Decide what follows a failed step of at most ``rows_max`` records of each partition.

        A topic that cannot be reached is waited for, for ever. Anything else is tried with ever smaller batches; a
        batch of one record that fails stops the query, at once or, where trying again may help, after some tries.
        """
        self.meter.failures += 1
        self.info.note_error(QueryError(now_ms, error_kind(error), message))
        self.info.state = "RETRYING"
        if isinstance(error, LogError):
            self.backoff = self.backoff.next(now_ms)
        elif rows_max > 1:
            self.rows_max = max(1, rows_max // 16)
        elif is_user_error(error):
            self.info.state = "ERROR"
        else:
            self.backoff = self.backoff.next(now_ms)
            self.info.state = "RETRYING" if self.backoff.tries < TRIES_MAX else "ERROR"


@dataclass(frozen=True)
class Stepped:
    """What a query did in a tick: the result of its step, how many records it wrote, and how long that took."""

    query: PersistentQuery
    result: StepResult
    written: int
    batch_ms: float

    def settle(self, now_ms: int, rows_max: int) -> None:
        """Move the query on: the tick was committed."""
        query, result = self.query, self.result
        query.task.accept(result)
        query.meter.note_batch(now_ms, result.count, self.written, len(result.log), self.batch_ms)
        query.note_success(rows_max)


class Generator(Protocol):
    """Makes records as time passes; ``position`` says how far it is and ``rewind`` goes back to an earlier one."""

    @property
    def position(self) -> Any: ...
    def next(self, now_ms: int) -> pa.Table:
        """Return the records (seq, sub, part, ts, key, value, hdr) that are due."""
        ...

    def next_due_ms(self) -> int | None:
        """Tell when the next record is due; None when that is not known, or none comes any more."""
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
