"""The cards of a dashboard: a title, how the query is doing, and the view, text or widget inside."""

from __future__ import annotations

import html
from typing import Any

import anywidget
import ipywidgets
import traitlets

from streamnb.engine.progress import Progress, RecentRate
from streamnb.widgets.cells import counted
from streamnb.widgets.controls import ENDED, RATE_SPAN_S, close_tree
from streamnb.widgets.live import LiveView
from streamnb.widgets.transport import static_text

__all__ = ["HeadingPanel", "Panel", "PanelHead", "ViewPanel", "WidgetPanel", "compact"]

_ERROR_CHARS_MAX = 300


def compact(number: float) -> str:
    """Write a rate in few characters: 7, 1.2k, 35k, 1.2M."""
    for bound, unit in ((1e6, "M"), (1e3, "k")):
        if number >= bound * 0.9995:
            scaled = number / bound
            return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"
    return f"{number:.0f}"


class PanelHead(anywidget.AnyWidget):
    """The line above a view: its title, a dot for the state and the rate; below it an error when there is one.

    Without a state it is a title alone.
    """

    _esm = static_text("shared/element.js", "panel.js")
    title = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode("RUNNING").tag(sync=True)
    rate = traitlets.Unicode().tag(sync=True)
    detail = traitlets.Unicode().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)

    def __init__(self, title: str, noun: str) -> None:
        self._noun = noun
        self._recent = RecentRate(RATE_SPAN_S)
        super().__init__(title=title)

    def show(
        self, state: str, total: int, now_s: float, error: str | None = None, progress: Progress | None = None
    ) -> None:
        """Draw the state anew; only what has changed is sent. While the query catches up, the rate is a share."""
        rate = self._recent.note(now_s, total)
        facts = [state.lower(), counted(total, self._noun)]
        self.state = state
        self.rate = "" if state in ENDED else f"{compact(rate)}/s"
        if state not in ENDED:
            facts.append(f"{rate:,.1f}/s")
        if progress is not None and state not in ENDED:
            self.rate = f"catching up, {progress.share:.0%}"
            facts.append(f"{progress.left:,} records behind")
        self.detail = " · ".join(facts)
        self.error = (error or "")[:_ERROR_CHARS_MAX]


class Panel:
    """One place of a dashboard. ``widget`` is the card, ``title`` may be empty."""

    def __init__(self, title: str, children: list[Any], kind: str) -> None:
        self.title = title
        self.widget = ipywidgets.VBox(children)
        for name in ("snb-card", f"snb-card-{kind}"):
            self.widget.add_class(name)

    @property
    def state(self) -> str:
        """The state of the panel's query; empty for a panel without one."""
        return ""

    def follow(self) -> None:
        """Begin to show what is live."""

    def picture(self) -> dict[str, Any]:
        """Draw the panel's content without JavaScript: ``text/html`` and ``text/plain``, a chart as an image too."""
        return {"text/html": "", "text/plain": ""}

    def close(self) -> None:
        """Take the panel off the page, with everything it is made of."""
        close_tree(self.widget)


class ViewPanel(Panel):
    """A live view in a card."""

    def __init__(self, view: LiveView) -> None:
        self.view = view
        self.head = PanelHead(view.name, view.noun)
        self.head.add_class("snb-card-top")
        body = view.embed(self.head)
        body.add_class("snb-card-body")
        super().__init__(view.name, [self.head, body], "view")

    @property
    def state(self) -> str:
        return self.head.state

    def follow(self) -> None:
        self.view.follow()

    def picture(self) -> dict[str, Any]:
        return self.view.full_picture()

    def close(self) -> None:
        self.view.close()
        super().close()


class HeadingPanel(Panel):
    """A plain text between the cards."""

    def __init__(self, text: str) -> None:
        head = PanelHead(text, "")
        head.state = ""
        super().__init__("", [head], "text")
        self._text = text

    def picture(self) -> dict[str, Any]:
        return {"text/html": f"<b>{html.escape(self._text)}</b>", "text/plain": self._text}


class WidgetPanel(Panel):
    """Any widget in a card. It belongs to whoever made it: the dashboard lets go of it and does not close it."""

    def __init__(self, widget: ipywidgets.Widget) -> None:
        super().__init__("", [widget], "widget")

    def close(self) -> None:
        self.widget.children = ()
        super().close()
