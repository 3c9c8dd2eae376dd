"""%ksql and %%ksql: arguments are read here, everything else is the session's work."""

from __future__ import annotations

import atexit
import re
import sys
from collections.abc import Callable
from typing import Any

import traitlets
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from streamnb.errors import Span, StreamnbError
from streamnb.magics.commands import PREFIX, find_command
from streamnb.magics.completion import matcher
from streamnb.magics.help import HELP
from streamnb.magics.inspection import Inspection
from streamnb.magics.options import CELL_OPTIONS, Given, read_options
from streamnb.results import Live, Message, Result, Rows
from streamnb.widgets.alerts import Alert
from streamnb.widgets.dashboard import Dashboard
from streamnb.widgets.encoding import HEIGHT_PX, ChartOptions
from streamnb.widgets.live import LiveView
from streamnb.widgets.output import publish
from streamnb.widgets.session import CellOptions, NotebookSession
from streamnb.widgets.views import POINTS_MAX

__all__ = ["KsqlMagics", "load_ipython_extension", "unload_ipython_extension"]

SWITCH_S = 0.0005
_CELL = "%%ksql"


@magics_class
class KsqlMagics(Magics):
    """Streaming SQL in cells. ``%config KsqlMagics`` lists these settings, ``%config KsqlMagics.rate = 5`` sets one."""

    max_rows = traitlets.Int(
        None,
        min=1,
        allow_none=True,
        help="Rows that a table shows, if --limit does not say; None shows all that are kept.",
    ).tag(config=True)
    max_points = traitlets.Int(POINTS_MAX, min=1, help="Points that a chart shows, if --limit does not say.").tag(
        config=True
    )
    chart_height = traitlets.Int(HEIGHT_PX, min=80, help="Height of a chart in pixels.").tag(config=True)
    rate = traitlets.Float(20.0, min=0.1, help="Frames a second at most, if --rate does not say.").tag(config=True)
    offset_reset = traitlets.Enum(
        ("earliest", "latest"), "earliest", help="Where queries start: auto.offset.reset of a new connection."
    ).tag(config=True)

    def __init__(self, shell: InteractiveShell, session: NotebookSession) -> None:
        super().__init__(shell)
        self.switch_s = sys.getswitchinterval()
        self.session = session
        self.names: dict[str, Any] = shell.user_ns
        self.complete = matcher(lambda: session.workspace, lambda: self.names)
        self.inspection = Inspection(lambda: session.workspace)
        session.offset_reset = self.offset_reset
        self.observe(lambda change: setattr(session, "offset_reset", change["new"]), "offset_reset")

    def cell_starts(self, info: Any) -> None:
        """Tell the session which cell runs: by its id, by its text where there is none."""
        if not info.silent:
            self.session.begin_cell(info.cell_id or info.raw_cell)

    def show(self, result: Result) -> None:
        """Show a result that is the value of a cell."""
        self.session.show(result, self._cell_options(Given()))

    @no_var_expand
    @line_cell_magic
    def ksql(self, line: str, cell: str | None = None) -> Result | None:
        """Run streaming SQL; the text of ``%ksql --help`` takes the place of this one."""
        given = read_options(line, CELL_OPTIONS, line=cell is None, prefix=_CELL + " " if cell is not None else PREFIX)
        if given.flag("help"):
            publish({"text/plain": HELP})
            return None
        if cell is None:
            command = find_command(given.rest) if not given.values else None
            if command is not None:
                command(self.session)
                return None
            text = given.rest
        else:
            _check_head(line, given)
            # The empty line stands for the magic's own, so that errors count lines as the notebook does.
            text = "\n" + cell
        result = self.session.run(text, self._cell_options(given))
        name = given.text("o")
        if name is not None:
            self.names[name] = result
            return None
        return result

    def _cell_options(self, given: Given) -> CellOptions:
        kind, x, y, color, window = (given.text(key) for key in ("chart", "x", "y", "color", "window"))
        chart = None
        limit: int | None = self.max_rows
        if kind or x or y or color or window:
            chart = ChartOptions(kind or "auto", x, y, color, window, self.chart_height)
            limit = None if kind == "metric" else self.max_points  # tiles are few
        return CellOptions(
            given.text("o"),
            chart,
            given.number("limit") or limit,
            given.rate("rate") or self.rate,
            show=not given.flag("no_display"),
            wait=given.flag("wait"),
        )


KsqlMagics.ksql.__doc__ = HELP


def _check_head(line: str, given: Given) -> None:
    """Refuse words on the magic's own line that are no options. Raises: StreamnbError pointing at the first one."""
    if given.words:
        found = re.search(re.escape(given.words[0]), line)
        start = len(_CELL) + 1 + (found.start() if found else 0)
        raise StreamnbError(
            f"{given.words[0]} is no option",
            hint="options stand behind %%ksql, statements on the lines below",
            text=f"{_CELL} {line}",
            span=Span(start, start + len(given.words[0])),
        )


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics, their completion, their documentation and the display of results."""
    magics = KsqlMagics(shell, NotebookSession(shell.user_ns))
    shell.register_magics(magics)
    shell.events.register("pre_run_cell", magics.cell_starts)
    shell.Completer.custom_matchers.append(magics.complete)
    magics.inspection.hook(shell)
    for kind, show in _shown(magics).items():
        if shell.display_formatter is not None:
            shell.display_formatter.ipython_display_formatter.for_type(kind, show)
    # A frame of a live view waits for the interpreter some thirty times; while a cell computes in pure Python, for 5 ms
    # each time by Python's default, and views stood nearly still.
    magics.switch_s = sys.getswitchinterval()
    sys.setswitchinterval(min(magics.switch_s, SWITCH_S))
    atexit.register(magics.session.close)


def _shown(magics: KsqlMagics) -> dict[type, Callable[[Any], None]]:
    return {
        **dict.fromkeys((Live, Message, Rows), magics.show),
        **dict.fromkeys((LiveView, Dashboard, Alert), magics.session.show_view),
    }


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Close the session and take back what was registered; the magics stay, and say that no pipeline is open."""
    magics = shell.magics_manager.registry.get("KsqlMagics")
    if isinstance(magics, KsqlMagics):
        shell.events.unregister("pre_run_cell", magics.cell_starts)
        shell.Completer.custom_matchers.remove(magics.complete)
        magics.inspection.unhook()
        sys.setswitchinterval(magics.switch_s)
        for kind in _shown(magics):
            if shell.display_formatter is not None:
                shell.display_formatter.ipython_display_formatter.pop(kind, None)
        configurables: list[Any] = shell.configurables
        configurables[:] = [c for c in configurables if c is not magics]
        magics.session.close()
        atexit.unregister(magics.session.close)
