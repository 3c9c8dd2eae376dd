"""%ksql and %%ksql: arguments are read here, everything else is the session's work."""

from __future__ import annotations

import argparse
import atexit
import difflib
import os
import re
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from streamnb.magics.completion import matcher
from streamnb.results import Live, Message, Result, Rows
from streamnb.widgets.dashboard import Dashboard
from streamnb.widgets.encoding import CHART_KINDS, ChartOptions
from streamnb.widgets.live import LiveView
from streamnb.widgets.session import CellOptions, NotebookSession

__all__ = ["OPTIONS", "KsqlMagics", "load_ipython_extension", "unload_ipython_extension"]

OPTIONS = ("-o", "--chart", "--x", "--y", "--color", "--limit", "--rate", "--no-display", "--wait", "--all")
_FLAGS = ("--no-display", "--wait", "--all")
_URL = re.compile(r"(?:memory|duckdb|kafka|ksqldb|flink)://\S*|\S+\.(?:duckdb|db)|:memory:")


# IPython's decorators have no types.
_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_declare: Callable[[], _Decorator] = magic_arguments
_option: Callable[..., _Decorator] = argument
_read: Callable[[Any, str], argparse.Namespace] = parse_argstring


@magics_class
class KsqlMagics(Magics):
    """Streaming SQL in cells."""

    def __init__(self, shell: InteractiveShell, session: NotebookSession) -> None:
        super().__init__(shell)
        self.session = session
        self.names: dict[str, Any] = shell.user_ns
        self.complete = matcher(lambda: session.workspace)

    def cell_starts(self, info: Any) -> None:
        """Tell the session which cell runs: by its id, by its text where there is none."""
        if not info.silent:
            self.session.begin_cell(info.cell_id or info.raw_cell)

    @no_var_expand
    @_declare()
    @_option("-o", dest="name", metavar="NAME", help="give the last result to this variable: .df(), .arrow(), .stop()")
    @_option("--chart", choices=CHART_KINDS, nargs="?", const="auto", help="draw a live chart instead of a table")
    @_option("--x", metavar="COLUMN", help="the chart's horizontal column")
    @_option("--y", metavar="COLUMN", help="the chart's height, a number")
    @_option("--color", metavar="COLUMN", help="one colour for each value of this column")
    @_option("--limit", type=int, metavar="N", help="show the newest N rows")
    @_option("--rate", type=float, metavar="N", help="draw at most N times a second (20)")
    @_option("--no-display", action="store_true", help="start the query without a view")
    @_option("--wait", action="store_true", help="return when the query has ended (LIMIT, or an interrupt)")
    @_option("--all", action="store_true", help="with stop: all live queries")
    @_option("words", nargs="*", help="a URL, a statement, or stop [NAME], jobs, graph, history, close")
    @line_cell_magic
    def ksql(self, line: str, cell: str | None = None) -> Result | None:
        """Run streaming SQL: a statement on the line, or the statements of the cell.

        Examples::

            %ksql memory://                      connect; a file (pipeline.duckdb) or kafka://host:9092 as well
            %ksql connect                        connect to $STREAMNB_URL, memory:// when it is not set
            %ksql SHOW STREAMS;
            %%ksql -o q --chart bar              a live chart; q.df(), q.arrow(), q.stop()
            SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL EMIT CHANGES;
            %ksql jobs                           what runs; also: graph, history, stop [NAME], stop --all, close
        """
        # The empty line stands for the magic's own, so that errors count lines as the notebook does.
        head, rest = (line, "\n" + cell) if cell is not None else _split_line(line)
        arguments = _parse(head)
        if arguments.words:
            raise UsageError(f"options come before the statements, and {arguments.words[0]!r} is none")
        if cell is None and self._command(rest, arguments):
            return None
        result = self.session.run(rest, _cell_options(arguments))
        if arguments.name:
            self.names[arguments.name] = result
            return None
        return result

    def _command(self, line: str, arguments: argparse.Namespace) -> bool:
        """Run what is no statement; False when the line is one."""
        words = line.strip().rstrip(";").split()
        if not words or words == ["connect"]:
            self.session.connect(os.environ.get("STREAMNB_URL") or "memory://")
        elif _URL.fullmatch(words[-1]) and words[:-1] in ([], ["connect"]):
            self.session.connect(words[-1])
        elif words == ["jobs"]:
            self.session.jobs()
        elif words == ["graph"]:
            self.session.graph()
        elif words == ["history"]:
            self.session.history()
        elif words == ["close"]:
            self.session.close()
        elif words[0] == "stop" and len(words) <= 2:
            everything = arguments.all or words[1:] == ["--all"]
            self.session.stop(None if everything else next(iter(words[1:]), None), everything=everything)
        else:
            return False
        return True


def _cell_options(arguments: argparse.Namespace) -> CellOptions:
    chart = None
    if arguments.chart or arguments.x or arguments.y or arguments.color:
        chart = ChartOptions(arguments.chart or "auto", arguments.x, arguments.y, arguments.color)
    for name in ("limit", "rate"):
        if getattr(arguments, name) is not None and getattr(arguments, name) <= 0:
            raise UsageError(f"--{name} must be above 0")
    return CellOptions(
        arguments.name, chart, arguments.limit, arguments.rate, show=not arguments.no_display, wait=arguments.wait
    )


def _split_line(line: str) -> tuple[str, str]:
    """Cut a line into its leading options and the rest, which keeps its quotes and spaces as they are."""
    position = 0
    words = list(re.finditer(r"\S+", line))
    while words and words[0][0].startswith("-") and words[0][0] != "--":
        word = words.pop(0)
        position = word.end()
        takes_value = word[0] in OPTIONS and word[0] not in _FLAGS
        if takes_value and words and not (word[0] == "--chart" and words[0][0] not in CHART_KINDS):
            position = words.pop(0).end()
    return line[:position], line[position:]


def _parse(options: str) -> argparse.Namespace:
    """Parse options. Raises: UsageError that names the option which may have been meant."""
    try:
        namespace = _read(KsqlMagics.ksql, options)
    except UsageError as error:
        unknown = re.search(r"unrecognized arguments: (\S+)", str(error))
        near = difflib.get_close_matches(unknown[1], OPTIONS, n=1) if unknown else []
        if near:
            raise UsageError(f"unknown option {unknown[1] if unknown else ''}: did you mean {near[0]}?") from None
        raise
    return namespace


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics, their completion and the display of results."""
    magics = KsqlMagics(shell, NotebookSession(shell.user_ns))
    shell.register_magics(magics)
    shell.events.register("pre_run_cell", magics.cell_starts)
    shell.Completer.custom_matchers.append(magics.complete)
    formatter: Any = shell.display_formatter.ipython_display_formatter if shell.display_formatter else None
    for kind in (Live, Message, Rows):
        if formatter is not None:
            formatter.for_type(kind, magics.session.show)
    for view in (LiveView, Dashboard):
        if formatter is not None:
            formatter.for_type(view, magics.session.show_view)
    atexit.register(magics.session.close)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Close the session and take back what was registered; the magics stay, and say that no pipeline is open."""
    magics = shell.magics_manager.registry.get("KsqlMagics")
    if isinstance(magics, KsqlMagics):
        shell.events.unregister("pre_run_cell", magics.cell_starts)
        shell.Completer.custom_matchers.remove(magics.complete)
        magics.session.close()
        atexit.unregister(magics.session.close)
