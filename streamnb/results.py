"""What statements answer: a message, rows, or a live query."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from streamnb.engine.feed import Feed
from streamnb.engine.progress import Progress
from streamnb.engine.push import PushQuery
from streamnb.engine.relation import Relation
from streamnb.engine.watch import Watch
from streamnb.errors import KsqlError
from streamnb.plan.diagram import Diagram
from streamnb.schema import Decimal, Primitive, SqlType
from streamnb.serde.arrow import arrow_type

if TYPE_CHECKING:
    import pandas as pd

    from streamnb.duck import Sql
    from streamnb.widgets.alerts import Alert
    from streamnb.widgets.live import LiveView

__all__ = ["Live", "Message", "Result", "Rows"]

_LOOK_S = 0.1

Columns = Sequence[tuple[str, SqlType]]


def _arrow(columns: Columns, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    arrays = []
    for i, (_, type_) in enumerate(columns):
        declared = arrow_type(type_) if isinstance(type_, Primitive | Decimal) else None  # nested ones are inferred
        arrays.append(pa.array([row[i] for row in rows], declared))
    return pa.Table.from_arrays(arrays, names=_unique([name for name, _ in columns]))


def _unique(names: Sequence[str]) -> list[str]:
    """Number repeated names, which Arrow and pandas would mix up."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return result


@dataclass(frozen=True)
class Message:
    """A sentence; ``query_id`` names the persistent query that the statement started, if any."""

    statement: str
    text: str
    query_id: str | None = None


@dataclass(frozen=True)
class Rows:
    """A finished table of rows: SHOW, DESCRIBE, EXPLAIN, PRINT, a pull query, or a SELECT over history.

    ``key_places`` are the places of the columns that identify a row of a table, window bounds included; ``diagram`` is
    the plan of an EXPLAIN, to be drawn.
    """

    statement: str
    columns: tuple[tuple[str, SqlType], ...]
    rows: list[tuple[Any, ...]]
    title: str = ""
    final_message: str | None = None
    key_columns: int = 0
    key_places: tuple[int, ...] = ()
    diagram: Diagram | None = None

    def arrow(self) -> pa.Table:
        """Return the rows as an Arrow table."""
        return _arrow(self.columns, self.rows)

    def df(self) -> pd.DataFrame:
        """Return the rows as a pandas frame."""
        frame: pd.DataFrame = self.arrow().to_pandas()
        return frame


class Watching(Protocol):
    """What the alerts of a query need of the pipeline."""

    def condition(self, text: str) -> Sql:
        """Compile a condition over the result's columns, which are c0, c1, ..."""
        ...

    def publisher(self, topic: str) -> Callable[[Sequence[tuple[Any, ...]]], None]:
        """Return what appends rows of the result to a topic."""
        ...


class Live:
    """A running push query.

    ``sources`` are the names of the streams and tables it reads. ``feed`` has its newest rows, a bounded number;
    ``df()`` and ``arrow()`` are snapshots of these. ``statement`` is as it was written, and ``params`` is what its
    ``:name`` and ``{{name}}`` were given, by name. ``problem`` says why it could not be planned again when one of these
    changed; it then goes on as it was.
    """

    def __init__(
        self,
        statement: str,
        name: str,
        columns: Columns,
        *,
        key_columns: int,
        key_places: tuple[int, ...] = (),
        sources: tuple[str, ...] = (),
        watching: Watching,
        push: PushQuery,
        on_stop: Callable[[Live], None],
    ) -> None:
        self.statement = statement
        self.name = name
        self.columns = tuple(columns)
        self.key_columns = key_columns
        self.key_places = key_places
        self.sources = sources
        self.params: Mapping[str, object] = {}
        self.problem: str | None = None
        self._watching = watching
        self._plan_again: Callable[[], Live] | None = None
        self._push = push
        self._on_stop = on_stop
        self._started_s = time.monotonic()

    @property
    def feed(self) -> Feed:
        """Where the query leaves its newest rows."""
        return self._push.feed

    def relation(self) -> Relation:
        """Return the rows of the result as something to be sorted, filtered and looked at while it changes.

        It has all rows, up to two million of a table and half a million of a stream, when it is first asked for before
        many have come; else the newest ones of the feed and what comes from now on.
        """
        return self._push.keeper.relation(self.feed)

    @property
    def is_table(self) -> bool:
        """Tell whether the result is a table (current row per key) or a stream (rows are appended)."""
        return self.feed.is_table

    @property
    def state(self) -> str:
        """RUNNING, STOPPED, DONE (LIMIT reached) or ERROR."""
        snapshot = self.feed.snapshot()
        if not snapshot.done:
            return "RUNNING"
        if snapshot.error:
            return "ERROR"
        return "STOPPED" if self._push.stopped else "DONE"

    @property
    def error(self) -> str | None:
        """What the query failed of."""
        return self.feed.snapshot().error

    @property
    def progress(self) -> Progress | None:
        """Tell how far the query has come on what was there when it began; None once it has caught up or ended."""
        return None if self.feed.done else self._push.backlog.progress

    def arrow(self) -> pa.Table:
        """Return the newest rows as an Arrow table."""
        return _arrow(self.columns, self.feed.snapshot().rows)

    def df(self) -> pd.DataFrame:
        """Return the newest rows as a pandas frame."""
        frame: pd.DataFrame = self.arrow().to_pandas()
        return frame

    # What draws lies above what is drawn: these import it when they are called, and only then.

    def table(self, **options: Any) -> LiveView:
        """Return a live table of the query, to be shown as the value of a cell or put into a dashboard.

        The options are those of ``streamnb.widgets.views.table``.
        """
        from streamnb.widgets import views

        return views.table(self, **options)

    def chart(self, kind: str = "auto", **options: Any) -> LiveView:
        """Return a live chart of the query; the options are those of ``streamnb.widgets.views.chart``."""
        from streamnb.widgets import views

        return views.chart(self, kind, **options)

    def metric(self, title: str = "", **options: Any) -> LiveView:
        """Return a tile with one number of the query; the options are those of ``streamnb.widgets.views.metric``."""
        from streamnb.widgets import views

        return views.metric(self, title, **options)

    def alert(self, condition: str | None = None, **options: Any) -> Alert:
        """Raise an alert for each row that comes to meet a condition in the stream SQL, such as ``STARS = 1``.

        The options are those of ``streamnb.widgets.alerts.Alert``: a banner, a callback, a topic.
        """
        from streamnb.widgets.alerts import Alert

        return Alert(self, condition, **options)

    def watch(self, condition: str | None, on_match: Callable[[list[tuple[Any, ...]]], None]) -> Callable[[], None]:
        """Have rows told that come to meet a condition, all rows without one; return what ends that.

        A row of a table is told again only after it has ceased to meet it. ``on_match`` runs on the query's thread.
        Raises: StreamnbError, with the place in it, for a condition that is none.
        """
        watch = Watch(self._watching.condition(condition or "TRUE"), on_match)
        self._push.watches += (watch,)

        def end() -> None:
            self._push.watches = tuple(w for w in self._push.watches if w is not watch)

        return end

    def publisher(self, topic: str) -> Callable[[Sequence[tuple[Any, ...]]], None]:
        """Return what appends rows of the result to a topic as JSON; the topic is created where it is not there."""
        return self._watching.publisher(topic)

    def wait(self, timeout: float | None = None, *, progress: bool = True) -> bool:
        """Wait until the query has ended (by LIMIT, an error or ``stop``); False when the time is up.

        While it reads what was there when it began, a bar shows how far it is: in the cell, or in the terminal.
        """
        if not progress or self._push.backlog.is_over:
            return self.feed.wait_done(timeout)
        from streamnb.widgets.progress import ProgressBar

        until_s = None if timeout is None else time.monotonic() + timeout
        bar = ProgressBar()
        try:
            while not self.feed.done and not self._push.backlog.is_over:
                left_s = _LOOK_S if until_s is None else min(_LOOK_S, until_s - time.monotonic())
                if left_s <= 0 or self.feed.wait_done(left_s):
                    break
                bar(self.progress)
        finally:
            bar(None)
        return self.feed.wait_done(None if until_s is None else max(until_s - time.monotonic(), 0))

    def stop(self) -> None:
        """End the query."""
        self._push.stop()
        self._on_stop(self)

    def replan(self) -> None:
        """Plan the statement again with what its parameters hold now, and go on with that; views of it stay.

        Raises: StreamnbError when it is refused now, or has other columns; the query then goes on as it was.
        """
        if self._plan_again is None:
            return
        anew = self._plan_again()
        if [name for name, _ in anew.columns] != [name for name, _ in self.columns]:
            anew.stop()
            raise KsqlError("the result has other columns now", hint="run the cell again for a view of them")
        ended, self._push = self._push, anew._push
        self._push.watches = ended.watches
        self.name, self.columns, self._started_s = anew.name, anew.columns, anew._started_s
        ended.stop()

    def replan_by(self, plan_again: Callable[[], Live]) -> None:
        """Set how the query is planned again: the function starts it with the parameters of now."""
        self._plan_again = plan_again

    def stats(self) -> dict[str, float]:
        """Count what the query has done: records in, rows out, and both a second since the start."""
        seconds = max(time.monotonic() - self._started_s, 1e-9)
        return {
            "rows_in": self._push.rows_in,
            "rows_in_per_s": self._push.rows_in / seconds,
            "rows_out": self.feed.total,
            "rows_per_s": self.feed.total / seconds,
        }

    def __repr__(self) -> str:
        return f"<Live {self.name}: {self.state}, {self.feed.total} rows>"


Result = Message | Rows | Live
