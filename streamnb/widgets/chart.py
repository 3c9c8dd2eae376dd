"""The live chart: a Bokeh figure that follows a query by patches."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import bokeh
import traitlets
from bokeh.embed import json_item
from bokeh.models import ColumnDataSource, FactorRange, HoverTool
from bokeh.models.annotations import Legend, LegendItem
from bokeh.models.renderers import DataRenderer, GlyphRenderer
from bokeh.palettes import Category10
from bokeh.plotting import figure
from bokeh.util.paths import bokehjs_path

from streamnb.widgets.encoding import ChartOptions, Encoding, choose_encoding
from streamnb.widgets.feed import FeedSnapshot, LiveQuery
from streamnb.widgets.series import SLOTS, ChartFrames, plain_label
from streamnb.widgets.transport import FrameWidget, static_text

__all__ = ["LiveChart", "build_figure"]

_PALETTE = (*Category10[SLOTS], "#999999")
_HEIGHT_PX = 320
_LIBRARY_OFFERS = (1.0, 4.0, 16.0)  # seconds after the first frame, while the page stays silent


@cache
def _library() -> bytes:
    """Return BokehJS as the bokeh package ships it, compressed: charts need no network."""
    return gzip.compress((Path(bokehjs_path()) / "js" / "bokeh.min.js").read_bytes(), compresslevel=6)


def build_figure(encoding: Encoding, x_label: str, y_label: str, color_label: str | None) -> figure:
    """Build the empty figure: one source and one renderer for each slot, named by the slot's number."""
    options: dict[str, Any] = {"x_axis_type": "datetime"} if encoding.scale == "time" else {}
    if encoding.scale == "category":
        options = {"x_range": FactorRange(name="categories")}
    plot = figure(
        height=_HEIGHT_PX,
        sizing_mode="stretch_width",
        tools="pan,box_zoom,wheel_zoom,reset,save",
        toolbar_location="above",
        active_scroll=None,
        output_backend="canvas",
        x_axis_label=plain_label(x_label),
        y_axis_label=plain_label(y_label),
        **options,
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.toolbar_inner = True
    plot.xgrid.grid_line_color = None if encoding.scale == "category" else plot.xgrid.grid_line_color
    if encoding.scale == "category":
        plot.xaxis.name = "category axis"
    items: list[LegendItem] = []
    hovered: list[DataRenderer] = []
    for slot in range(SLOTS + 1):
        renderers = _draw(plot, encoding.kind, slot)
        hovered.append(renderers[-1])
        items.append(LegendItem(label="", renderers=list(renderers), visible=False, name=f"legend {slot}"))
    if encoding.color is not None:
        legend = Legend(items=items, title=plain_label(color_label), click_policy="hide", label_text_font_size="11px")
        plot.add_layout(legend, "right")
    tooltips = [(plain_label(x_label), "@xt"), (plain_label(y_label), "@yt")]
    if encoding.color is not None:
        tooltips.append((plain_label(color_label), "@c"))
    plot.add_tools(HoverTool(renderers=hovered, tooltips=tooltips))
    return plot


def _draw(plot: figure, kind: str, slot: int) -> list[GlyphRenderer[Any]]:
    """Add a slot's renderers; the last one is what the mouse finds."""
    color = _PALETTE[slot]
    names = ("x", "top", "bottom", "w", "xt", "yt", "c") if kind == "bar" else ("x", "y", "xt", "yt", "c")
    source = ColumnDataSource(data={name: [] for name in names}, name=f"series {slot}")
    if kind == "bar":
        bars = plot.vbar(
            x="x", top="top", bottom="bottom", width="w", source=source, color=color, fill_alpha=0.85, line_color=None
        )
        return [bars]
    if kind == "scatter":
        return [plot.scatter(x="x", y="y", source=source, size=6, color=color, fill_alpha=0.6, line_color=None)]
    drawn: list[GlyphRenderer[Any]] = []
    if kind == "area":
        drawn.append(plot.varea(x="x", y1=0, y2="y", source=source, fill_color=color, fill_alpha=0.25))
    drawn.append(plot.line(x="x", y="y", source=source, line_color=color, line_width=2))
    drawn.append(plot.scatter(x="x", y="y", source=source, size=4, color=color, line_color=None))
    return drawn


class LiveChart(FrameWidget):
    """Draws the newest rows of a query as bars, lines, areas or points."""

    _esm = static_text("chart.js")
    _css = static_text("chart.css")
    figure = traitlets.Dict().tag(sync=True)
    bokeh_version = traitlets.Unicode(bokeh.__version__).tag(sync=True)

    def __init__(self, query: LiveQuery, options: ChartOptions, points_max: int, rate_max: float) -> None:
        encoding = choose_encoding(query, options)
        frames = ChartFrames(query, encoding, points_max)
        color_label = query.columns[encoding.color][0] if encoding.color is not None else None
        drawn = build_figure(encoding, frames.x_label, frames.y_label, color_label)
        self._first_s: float | None = None
        self._offers = list(_LIBRARY_OFFERS)
        super().__init__(frames, rate_max, figure=json_item(drawn))

    def push(self, snapshot: FeedSnapshot, now_s: float) -> None:
        """Send what a snapshot changes, and BokehJS unasked when the page has been silent for a while."""
        super().push(snapshot, now_s)
        self._first_s = now_s if self._first_s is None else self._first_s
        if self._offers and not self._pacer.answered and now_s - self._first_s >= self._offers[0]:
            self._offers.pop(0)
            self._send_library()

    def _asked(self, kind: Any) -> None:
        if kind == "library":
            self._offers.clear()
            self._send_library()
        else:
            super()._asked(kind)

    def _send_library(self) -> None:
        self.send({"type": "library"}, buffers=[_library()])
