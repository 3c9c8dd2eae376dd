"""Dashboards: live views, texts and widgets on a grid, below one title, with one search for all."""

from __future__ import annotations

import base64
import html
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import anywidget
import ipywidgets
import traitlets

from streamnb.errors import StreamnbError
from streamnb.widgets.controls import ENDED, close_tree
from streamnb.widgets.feed import Sender, default_sender
from streamnb.widgets.grid import Grid, LayoutSpec, arrange
from streamnb.widgets.live import LiveView
from streamnb.widgets.output import WidgetOutput
from streamnb.widgets.panel import HeadingPanel, Panel, ViewPanel, WidgetPanel
from streamnb.widgets.param import Param
from streamnb.widgets.renewal import Renewal
from streamnb.widgets.transport import static_text

__all__ = ["Dashboard", "Searchable", "dashboard"]

_SUMMARY_S = 0.5


@runtime_checkable
class Searchable(Protocol):
    """A view's body that can show only the rows which hold a text."""

    def search(self, text: str) -> None:
        """Show the rows in which a text occurs, whatever its case; all of them for an empty one. From any thread."""
        ...


class DashboardBar(anywidget.AnyWidget):
    """The title bar: the title, what runs, and the search box."""

    _esm = static_text("shared/element.js", "dashboard.js")
    _css = static_text("shared/theme.css", "dashboard.css")
    key = traitlets.Unicode().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode("RUNNING").tag(sync=True)
    summary = traitlets.Unicode().tag(sync=True)
    searchable = traitlets.Bool(False).tag(sync=True)
    search = traitlets.Unicode().tag(sync=True)


class Dashboard:
    """A page of live views. Shown as the value of a cell; Voilà serves the notebook as it is."""

    def __init__(
        self,
        title: str,
        grid: Grid,
        panels: Mapping[str, Panel],
        params: Sequence[Param] = (),
        sender: Sender | None = None,
    ) -> None:
        self.title = title
        self._grid = grid
        self._panels = dict(panels)
        self._sender = sender or default_sender()
        self._renewal = Renewal()
        self._version = 0
        self._summary_s = float("-inf")
        self._state = "new"
        self._searched = [p.view.body for p in self._panels.values() if isinstance(p, ViewPanel)]
        self._searched = [body for body in self._searched if isinstance(body, Searchable)]
        self.bar = DashboardBar(key=uuid.uuid4().hex, title=title, searchable=bool(self._searched))
        self.bar.observe(lambda change: self._search(change["new"]), names="search")
        self._head = ipywidgets.HBox([self.bar, *(p.widget for p in params)])
        self._head.add_class("snb-dash-head")
        self.widget = ipywidgets.VBox([self._head, self._cards()])
        self.widget.add_class("snb-dash")
        self._output = WidgetOutput(self.widget)

    def _cards(self) -> ipywidgets.Widget:
        for area, place in self._grid.places.items():
            if area in self._panels:
                self._panels[area].widget.layout.grid_area = " / ".join(map(str, place))
        cards = ipywidgets.GridBox(
            [panel.widget for panel in self._panels.values()],
            layout=ipywidgets.Layout(grid_template_columns=f"repeat({self._grid.columns}, minmax(0, 1fr))"),
        )
        cards.add_class("snb-dash-grid")
        return cards

    def show(self) -> None:
        """Put the dashboard into the running cell and begin to follow its queries.

        Raises: StreamnbError when it is, or was, on show already.
        """
        if self._state != "new":
            where = "on show already" if self._state == "shown" else "closed"
            raise StreamnbError(f"the dashboard is {where}", hint="make another one in the cell that shows it")
        self._state = "shown"
        for panel in self._panels.values():
            panel.follow()
        self._output.publish(self.picture())
        self._sender.add(self)

    def _ipython_display_(self) -> None:
        self.show()

    def close(self) -> None:
        """Take the dashboard away with all its views; a still picture stays in the cell. The queries go on."""
        if self._state == "closed":
            return
        shown, self._state = self._state == "shown", "closed"
        self._sender.remove(self)
        picture = self.picture()
        for panel in self._panels.values():
            panel.close()
        if shown:
            self._output.leave(picture)
        self._head.children = (self.bar,)  # parameters belong to whoever made them
        close_tree(self.widget)

    def tick(self, now_s: float) -> bool:
        """Renew the summary and the still picture when they are due; False when the dashboard is closed."""
        if self._state == "closed":
            return False
        if now_s - self._summary_s >= _SUMMARY_S:
            self._summary_s = now_s
            self._version += 1
            self._summarize()
        if self._renewal.due(now_s, self._version, last=False):
            self._output.renew(self.picture())
        return True

    def _summarize(self) -> None:
        states = [panel.state for panel in self._panels.values() if panel.state]
        failed = states.count("ERROR")
        live = sum(state not in ENDED for state in states)
        self.bar.state = "ERROR" if failed else "RUNNING" if live or not states else "STOPPED"
        if failed:
            self.bar.summary = f"{failed} of {len(states)} failed"
        elif live == len(states):
            self.bar.summary = "live" if states else ""
        else:
            self.bar.summary = f"{live} of {len(states)} live" if live else "stopped"

    def _search(self, text: str) -> None:
        for body in self._searched:
            body.search(text)

    def picture(self) -> dict[str, Any]:
        """Draw the dashboard as it is now without JavaScript: ``text/html`` and ``text/plain``."""
        cells, texts = [], [self.title]
        for area, (top, left, bottom, right) in self._grid.places.items():
            panel = self._panels.get(area)
            if panel is None:
                continue
            picture = panel.picture()
            place = f"grid-area:{top}/{left}/{bottom}/{right};min-width:0"
            cells.append(f'<div style="{place}">{_as_html(picture)}</div>')
            texts.append(picture["text/plain"])
        columns = f"display:grid;grid-template-columns:repeat({self._grid.columns},minmax(0,1fr));gap:16px"
        title = f'<div style="font-size:18px;font-weight:600;margin-bottom:8px">{html.escape(self.title)}</div>'
        return {
            "text/html": f'<div class="streamnb-result">{title}<div style="{columns}">{"".join(cells)}</div></div>',
            "text/plain": "\n\n".join(text for text in texts if text),
        }


def _as_html(picture: Mapping[str, str]) -> str:
    """Return a picture's HTML; an SVG becomes an image that carries its data, in which no script runs.

    GitHub shows no such image, so the rows are folded away below it.
    """
    rows = picture.get("text/html", html.escape(picture["text/plain"]))
    table = f'<div style="max-height:420px;overflow:auto">{rows}</div>'
    if "image/svg+xml" not in picture:
        return table
    data = base64.b64encode(picture["image/svg+xml"].encode()).decode("ascii")
    title = html.escape(picture["text/plain"].partition("\n")[0])
    image = f'<img src="data:image/svg+xml;base64,{data}" style="width:100%" alt="{title}">'
    return f"{image}<details><summary>the rows as a table</summary>{table}</details>"


def dashboard(
    title: str = "",
    layout: LayoutSpec = None,
    items: Iterable[Any] | Mapping[str, Any] = (),
    *,
    params: Sequence[Param] = (),
) -> Dashboard:
    """Put live views, texts and widgets on a grid; show the result as the value of a cell.

    ``layout``: ``"2x2"`` (rows × columns), ``[2, 1]`` (items in each row) or areas by row, ``["a a", "b c"]``; without
    one, items go two abreast. ``items``: views (``q.table(...)``, ``q.chart(...)``, ``q.metric(...)``), a live query
    (its table), texts (headings) and widgets, in reading order, or by the name of their area. ``params`` stand in the
    title bar.
    Raises: StreamnbError for a layout that does not fit, and for an item that cannot be shown.
    """
    given = items if isinstance(items, Mapping) else list(items)
    grid, placed = arrange(layout, given)
    for item in placed.values():
        _check(item)
    return Dashboard(title, grid, {area: _panel(item) for area, item in placed.items()}, params)


def _check(item: Any) -> None:
    """Refuse what cannot be shown before any item is taken. Raises: StreamnbError."""
    if not isinstance(item, LiveView | Param | str | ipywidgets.Widget) and not _is_query(item):
        raise StreamnbError(
            f"a dashboard cannot show {type(item).__name__}",
            hint="items are views (q.table(), q.chart(...)), live queries, texts and widgets",
        )


def _is_query(item: Any) -> bool:
    return hasattr(item, "feed") and callable(getattr(item, "table", None))


def _panel(item: Any) -> Panel:
    if isinstance(item, LiveView):
        return ViewPanel(item)
    if isinstance(item, str):
        return HeadingPanel(item)
    if isinstance(item, Param):
        return WidgetPanel(item.widget)
    if isinstance(item, ipywidgets.Widget):
        return WidgetPanel(item)
    return ViewPanel(item.table())
