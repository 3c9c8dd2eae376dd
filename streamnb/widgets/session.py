"""What the cells of one notebook share: the workspace, the live queries and their views, the history."""

from __future__ import annotations

import datetime as dt
import gc
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import streamnb
from streamnb.catalog import closest
from streamnb.errors import KsqlError, StreamnbError
from streamnb.plan.diagram import Box, Diagram
from streamnb.results import Live, Message, Result, Rows
from streamnb.schema import STRING
from streamnb.sql.parser import split_statements
from streamnb.statements.graph import pipeline_diagram, rate_text
from streamnb.widgets import views
from streamnb.widgets.encoding import ChartOptions
from streamnb.widgets.feed import LiveQuery
from streamnb.widgets.graph import LiveGraph
from streamnb.widgets.live import LiveView
from streamnb.widgets.output import publish
from streamnb.widgets.progress import ProgressBar
from streamnb.widgets.replan import watch
from streamnb.widgets.reports import (
    JOB_COLUMNS,
    Entry,
    live_rows,
    mask_secrets,
    query_rows,
    script_bundle,
    title_of,
    write_file,
    write_script,
)
from streamnb.widgets.snapshot import of_rows
from streamnb.widgets.still import GRID_ROWS_MIN, Still, StillTable
from streamnb.workspace import Workspace, connect

__all__ = ["CellOptions", "Job", "NotebookSession", "Showable", "mask_secrets"]

_SETTLE_S = 2.0


@dataclass(frozen=True)
class CellOptions:
    """How the results of a cell are shown. ``limit`` bounds the rows on show, ``rate`` the frames a second."""

    name: str | None = None
    chart: ChartOptions | None = None
    limit: int | None = None
    rate: float | None = None
    show: bool = True
    wait: bool = False


class Showable(Protocol):
    """What can be the value of a cell and has to be taken away when the cell runs again."""

    def show(self) -> None:
        """Put it into the running cell."""
        ...

    def close(self) -> None:
        """Take it off the page; a still picture stays."""
        ...


@dataclass(frozen=True)
class Job:
    """A push query that a cell started, and its view."""

    name: str
    live: Live
    owner: str
    view: LiveView | None
    unwatch: Callable[[], None]

    def end(self, *, close: bool) -> None:
        """Stop the query; its view stays on the page with its last rows unless it is closed."""
        self.unwatch()
        if self.view is None:
            self.live.stop()
            return
        self.view.stop()
        if close:
            self.view.close()
        else:
            self.view.settle(_SETTLE_S)


class NotebookSession:
    """One open pipeline and everything the notebook does with it."""

    def __init__(self, names: Mapping[str, object] | None = None) -> None:
        """Begin without a pipeline. ``names`` are the notebook's variables, which ``:name`` and ``{{name}}`` take."""
        self._names: Mapping[str, object] = {} if names is None else names
        self.offset_reset = "earliest"
        self._workspace: Workspace | None = None
        self._jobs: dict[str, Job] = {}
        self._history: list[Entry] = []
        self._owner = ""
        self._shown: list[Result] = []
        self._views: list[tuple[str, Showable]] = []

    @property
    def workspace(self) -> Workspace | None:
        """The open pipeline, if there is one."""
        return self._workspace

    def connect(self, url: str) -> None:
        """Open a pipeline in place of the one that is open, and say so in the cell.

        Queries start at the oldest record: who types a query into a notebook wants to see rows.
        """
        self.close()
        self._workspace = connect(url, auto_offset_reset=self.offset_reset)
        self._workspace.on_progress = ProgressBar()
        lines = [
            f"connected to {mask_secrets(url)} · streamnb {streamnb.__version__} · "
            f"auto.offset.reset = {self.offset_reset}"
        ]
        queries = self._workspace.pipeline.catalog.queries
        if queries:
            lines.append(f"running again: {', '.join(queries)}")
        lines += [f"no longer works: {problem}" for problem in self._workspace.problems]
        publish({"text/plain": "\n".join(lines)})

    def close(self) -> None:
        """Stop all live queries and close the pipeline; the views leave still pictures."""
        for job in list(self._jobs.values()):
            job.end(close=True)
        self._jobs.clear()
        self._close_views(self._views)
        if self._workspace is not None:
            self._workspace.close()
            self._workspace = None

    def begin_cell(self, owner: str) -> None:
        """Note which cell runs now, and end what its earlier run started: its views are gone from the page."""
        self._owner = owner
        self._shown.clear()
        if self._end_of(owner):
            # A query, its rows and its view refer to each other. Python counts objects, not the database among them,
            # and would let many earlier runs gather before it looks for such circles by itself.
            gc.collect()

    def _end_of(self, owner: str) -> bool:
        """End the live queries and views that a cell has started; tell whether there are any."""
        jobs = [job for job in self._jobs.values() if job.owner == owner]
        views = [entry for entry in self._views if entry[0] == owner]
        for job in jobs:
            del self._jobs[job.name]
            job.end(close=True)
        self._close_views(views)
        return bool(jobs or views)

    def _close_views(self, entries: Sequence[tuple[str, Showable]]) -> None:
        for entry in list(entries):
            self._views.remove(entry)
            entry[1].close()

    def run(self, text: str, options: CellOptions) -> Result | None:
        """Run the statements of a cell one by one, show their results, and return the last one's.

        Raises: StreamnbError for the first statement that is refused, pointing at its place in the cell; the results
        of those before it have been shown.
        """
        workspace = self._connected()
        answers: list[Message] = []
        result: Result | None = None
        try:
            for statement in split_statements(text):
                result = self._execute(workspace, text, statement.start, statement.text)
                self._shown.append(result)
                if isinstance(result, Message):
                    answers.append(result)
                    continue
                _publish_answers(answers)
                self._show(result, options)
        finally:
            _publish_answers(answers)
        if result is None:
            raise KsqlError("the cell holds no statement", hint="write a statement below %%ksql, SHOW STREAMS; say.")
        return result

    def _execute(self, workspace: Workspace, cell: str, start: int, statement: str) -> Result:
        # The rest of the cell becomes blank, so that an error's line and column are those of the cell.
        blank = re.sub(r"[^\n]", " ", cell[:start])
        padded = f"{blank}{statement}"
        began = dt.datetime.now()
        try:
            (result,) = workspace.execute(padded, self._names)
        except StreamnbError as error:
            self._history.append(Entry(began, "error", mask_secrets(statement)))
            if error.text == padded:
                error.text = cell
            raise
        self._history.append(Entry(began, "ok", mask_secrets(statement)))
        return result

    def _connected(self) -> Workspace:
        if self._workspace is None:
            raise KsqlError(
                "no pipeline is open", hint="connect first: %ksql memory://, or a file, or kafka://host:9092"
            )
        return self._workspace

    def show(self, result: Result, options: CellOptions | None = None) -> None:
        """Show a result that is the value of a cell; one that this cell has shown already stays as it is."""
        if not any(shown is result for shown in self._shown):
            self._shown.append(result)
            self._show(result, options or CellOptions())

    def show_view(self, view: Showable) -> None:
        """Show a view in the running cell, until that cell runs again."""
        self._views.append((self._owner, view))
        view.show()

    def _show(self, result: Result, options: CellOptions) -> None:
        if isinstance(result, Live):
            self._start_job(result, options)
        elif not options.show:
            return
        elif isinstance(result, Rows):
            if options.chart is not None:
                self.show_view(_draw(Still(result), options, ""))
            elif len(result.rows) > GRID_ROWS_MIN:
                self.show_view(StillTable(result, options.limit))
            else:
                if result.diagram is not None:
                    plan = result.diagram
                    self.show_view(LiveGraph(lambda: plan, live=False))
                _publish_rows(result, options.limit)
        else:
            _publish_answers([result])

    def _start_job(self, live: Live, options: CellOptions) -> None:
        name = options.name or live.name
        earlier = [job for job in self._jobs.values() if job.name == name or job.live is live]
        for job in earlier:
            del self._jobs[job.name]
            if job.live is not live:
                job.end(close=True)
            else:
                job.unwatch()
                if job.view is not None:
                    job.view.close()
        view = None
        try:
            if options.show:
                view = _draw(live, options, options.name or title_of(live.statement))
                view.show()
            self._jobs[name] = Job(name, live, self._owner, view, watch(live))
        except BaseException:  # an interrupt too must not leave a query that no later run of the cell knows of
            live.stop()
            if view is not None:
                view.close()
            raise
        if options.wait:
            _wait(name, live, progress=view is None)
            if view is not None:
                view.settle(_SETTLE_S)

    def stop(self, name: str | None, *, everything: bool = False) -> None:
        """Stop a live query by name, the newest one without a name, or all of them."""
        if not everything and name is None and self._jobs:
            name = next(reversed(self._jobs))
        chosen = list(self._jobs.values()) if everything else [j for j in self._jobs.values() if j.name == name]
        if not chosen and not everything:
            near = closest(name or "", self._jobs)
            running = ", ".join(self._jobs) or "none"
            hint = f"live queries: {running}. TERMINATE ends persistent ones."
            raise KsqlError(
                f"live query {name} does not run" if name else "no live query runs",
                hint=f"did you mean {near}? {hint}" if near else hint,
            )
        for job in chosen:
            job.end(close=False)
            del self._jobs[job.name]
        publish({"text/plain": f"stopped {', '.join(job.name for job in chosen) or 'nothing: no live query runs'}"})

    def jobs(self) -> None:
        """Show the live queries of the notebook and the persistent ones of the pipeline."""
        lives = [(job.name, job.live) for job in self._jobs.values()]
        pipeline = None if self._workspace is None else self._workspace.pipeline
        _publish_table("", JOB_COLUMNS, [*live_rows(lives), *query_rows(pipeline)])

    def graph(self) -> None:
        """Show the pipeline and the live queries as a graph that stays current."""
        self._connected()
        self.show_view(LiveGraph(self._diagram))

    def _diagram(self) -> Diagram:
        """Put the live queries beside the pipeline. Raises: KsqlError once the pipeline is closed."""
        pipeline = self._connected().pipeline
        drawn = pipeline_diagram(pipeline)
        ids = {box.id for box in drawn.boxes}
        boxes, arrows = list(drawn.boxes), list(drawn.arrows)
        for job in list(self._jobs.values()):
            if job.live.state != "RUNNING":
                continue
            rate = rate_text(job.live.stats()["rows_per_s"])
            boxes.append(Box(f"live {job.name}", "live", job.name, ("live query", f"out {rate}"), "RUNNING"))
            ends = [f"source {name}" for name in job.live.sources]
            arrows += [(end, f"live {job.name}") for end in ends if end in ids]
        return Diagram(tuple(boxes), tuple(arrows))

    def history(self, file: str | None = None) -> None:
        """Show the statements run so far, secrets masked, or write them into a file, where refused ones are comments.

        Raises: StreamnbError when the file cannot be written.
        """
        if file is None:
            rows = [(entry.at.strftime("%H:%M:%S"), entry.outcome, entry.statement) for entry in self._history]
            _publish_table("", ("time", "outcome", "statement"), rows)
        else:
            publish({"text/plain": write_file(file, "".join(entry.script() for entry in self._history))})

    def export(self, file: str | None = None) -> None:
        """Show the pipeline as a script, secrets masked, or write it into a file for ``streamnb run``.

        Raises: StreamnbError when the file cannot be written.
        """
        script = self._connected().script()
        if file is None:
            publish(script_bundle(script))
        else:
            publish({"text/plain": write_script(file, script)})


def _wait(name: str, live: Live, *, progress: bool) -> None:
    try:
        live.wait(progress=progress)  # a view has a bar of its own
    except KeyboardInterrupt:
        hint = f"the query goes on; %ksql stop {name} ends it"
        raise KsqlError(f"no longer waiting for {name}", hint=hint) from None


def _draw(query: LiveQuery, options: CellOptions, name: str) -> LiveView:
    """Make the view that the options of a cell ask for."""
    if options.chart is None:
        return views.table(query, name=name, limit=options.limit, rate=options.rate)
    asked = options.chart
    return views.chart(
        query,
        asked.kind,
        x=asked.x,
        y=asked.y,
        color=asked.color,
        window=asked.window,
        height=asked.height,
        name=name,
        limit=options.limit,
        rate=options.rate,
    )


def _publish_answers(answers: list[Message]) -> None:
    """Show the answers gathered so far as one table, and forget them."""
    if len(answers) == 1:
        publish({"text/plain": answers[0].text})
    elif answers:
        rows = [(title_of(answer.statement), answer.text) for answer in answers]
        _publish_table("", ("statement", "result"), rows)
    answers.clear()


def _publish_table(title: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    publish(of_rows([(name, STRING) for name in names], rows, title))


def _publish_rows(rows: Rows, limit: int | None) -> None:
    publish(of_rows(rows.columns, rows.rows, rows.title, limit))
    if rows.final_message:
        publish({"text/plain": rows.final_message})
