"""The frame around a live view: what the query is doing, and the button that stops it."""

from __future__ import annotations

import html
from collections.abc import Callable

import ipywidgets

from streamnb.engine.progress import Progress, RecentRate
from streamnb.widgets.cells import counted
from streamnb.widgets.delivery import tree
from streamnb.widgets.feed import LiveQuery
from streamnb.widgets.progress import bar_html

__all__ = ["ENDED", "RATE_SPAN_S", "StatusBar", "close_tree", "state_name"]

RATE_SPAN_S = 3.0
_COLOURS = {
    "RUNNING": "var(--jp-success-color1, #2e7d32)",
    "RETRYING": "var(--jp-warn-color1, #f57c00)",
    "ERROR": "var(--jp-error-color1, #d32f2f)",
}
_RESTING = "var(--jp-ui-font-color2, #656d76)"
ENDED = frozenset({"STOPPED", "FINISHED", "DONE", "TERMINATED", "ERROR", "COMPLETED"})


def state_name(query: LiveQuery) -> str:
    """Return the state of a query in capitals."""
    return str(getattr(query.state, "name", query.state)).upper()


class StatusBar:
    """One line: state, name, records (of a table: changes) so far and a second, and Stop."""

    def __init__(self, name: str, noun: str, on_stop: Callable[[], None]) -> None:
        self._name = name
        self._noun = noun
        self._rate = RecentRate(RATE_SPAN_S)
        self._text = ipywidgets.HTML(layout=ipywidgets.Layout(flex="1 1 auto", min_width="0"))
        self._button = ipywidgets.Button(
            description="Stop",
            icon="stop",
            tooltip="Stop this query; the rows stay",
            layout=ipywidgets.Layout(width="76px", height="26px", flex="0 0 auto"),
        )
        self._button.on_click(lambda _button: on_stop())
        self.box = ipywidgets.HBox(
            [self._text, self._button],
            layout=ipywidgets.Layout(align_items="center", width="100%", overflow="hidden"),
        )

    def show(
        self, state: str, total: int, now_s: float, error: str | None = None, progress: Progress | None = None
    ) -> None:
        """Draw the line anew; nothing is sent while it stays the same.

        ``progress`` is that of a query which catches up with what was there when it began.
        """
        ended = state in ENDED
        rate = self._rate.note(now_s, total)
        facts = [html.escape(self._name)] if self._name else []
        facts.append(counted(total, self._noun))
        if not ended and progress is None:
            facts.append(f"{rate:,.0f}/s")
        elif progress is not None and not ended:
            facts.append(bar_html(progress, "catching up"))
        if error:
            facts.append(f'<span style="color:{_COLOURS["ERROR"]}">{html.escape(error[:300])}</span>')
        dot = f'<span style="color:{_COLOURS.get(state, _RESTING)}">&#9679;</span>'
        text = (
            '<div style="font-family:var(--jp-ui-font-family);font-size:12px;line-height:1.4;'
            'font-variant-numeric:tabular-nums;color:var(--jp-ui-font-color1)">'
            f"{dot} <b>{html.escape(state)}</b> &nbsp; {' &nbsp;·&nbsp; '.join(facts)}</div>"
        )
        if text != self._text.value:
            self._text.value = text
        if self._button.disabled != ended:
            self._button.disabled = ended


def close_tree(widget: ipywidgets.Widget) -> None:
    """Close a widget with everything it is made of: closing a box alone leaves the rest alive in the page."""
    for part in tree(widget):
        part.close()
