"""The empty Bokeh figure of a chart; the page fills it."""

from __future__ import annotations

from typing import Any

from bokeh.models import (
    BasicTicker,
    BoxSelectTool,
    BoxZoomTool,
    CategoricalAxis,
    ColumnDataSource,
    CustomJSTickFormatter,
    DatetimeTickFormatter,
    FactorRange,
    LinearColorMapper,
    PanTool,
    Range1d,
    ResetTool,
    SaveTool,
    WheelZoomTool,
)
from bokeh.models.annotations import BoxAnnotation, ColorBar
from bokeh.plotting import figure

from streamnb.widgets.encoding import Encoding
from streamnb.widgets.groups import SLOTS
from streamnb.widgets.palette import LIGHT, OTHER, RAMP
from streamnb.widgets.points import plain_label

__all__ = ["build_figure"]

# 1200000 is 1.2 M: digits that are read, not counted.
_SHORT_NUMBER = """
const size = Math.abs(tick);
const units = [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"]];
for (const [unit, name] of units) if (size >= unit) return String(Number((tick / unit).toPrecision(4))) + name;
if (size >= 1e-4 || size === 0) return String(Number(tick.toPrecision(4)));
return tick.toExponential(1);
"""

# Below the first tick: the day that the times belong to.
_TIMES = ("microseconds", "milliseconds", "seconds", "minsec", "minutes", "hourmin", "hours")
_DAY: dict[str, Any] = {**dict.fromkeys(_TIMES, "%d %b %Y"), "days": "%Y", "months": "", "years": ""}


def build_figure(encoding: Encoding, x_label: str, height: int) -> figure:
    """Build the figure of an encoding, ``height`` pixels high: a source and renderers for each slot, found by name."""
    category = encoding.scale == "category"
    across: Any = FactorRange(name="x range") if category else Range1d(name="x range")
    upwards: Any = FactorRange(name="y range") if encoding.kind == "heatmap" else Range1d(name="y range")
    axis: Any = None if category else ("datetime" if encoding.scale == "time" else "linear")
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        x_range=across,
        y_range=upwards,
        x_axis_type=axis,
        tools="",
        toolbar_location="right",
        min_border_right=12,
        min_border_top=8,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
        border_line_color=None,
        name="plot",
    )
    _dress_axes(plot, encoding, x_label)
    _add_tools(plot)
    if encoding.kind == "heatmap":
        _add_cells(plot)
    else:
        for slot in range(SLOTS + 1):
            _add_series(plot, encoding.kind, slot)
    plot.add_layout(BoxAnnotation(name="selected", visible=False, fill_alpha=0.12, line_alpha=0.5, level="underlay"))
    return plot


def _dress_axes(plot: figure, encoding: Encoding, x_label: str) -> None:
    if encoding.scale == "category":
        plot.add_layout(CategoricalAxis(name="category axis"), "below")
    (x_axis,), (y_axis,) = plot.xaxis, plot.yaxis
    if encoding.scale == "time":
        x_axis.formatter = DatetimeTickFormatter(
            milliseconds="%H:%M:%S.%3N",
            seconds="%H:%M:%S",
            minsec="%H:%M:%S",
            minutes="%H:%M",
            hourmin="%H:%M",
            hours="%H:%M",
            days="%d %b",
            months="%b %Y",
            years="%Y",
            context=DatetimeTickFormatter(**_DAY),
            context_which="start",
            hide_repeats=True,
        )
    else:
        x_axis.axis_label = plain_label(x_label)
        if encoding.scale == "number":
            x_axis.formatter = CustomJSTickFormatter(code=_SHORT_NUMBER)
    if encoding.kind != "heatmap":
        y_axis.formatter = CustomJSTickFormatter(code=_SHORT_NUMBER)
        y_axis.ticker = BasicTicker(desired_num_ticks=5)
    plot.xgrid.grid_line_color = None
    if encoding.kind == "heatmap":
        plot.ygrid.grid_line_color = None
    for axis in (x_axis, y_axis):
        axis.minor_tick_line_color = None
        axis.major_tick_in = 0
        axis.axis_line_color = None
        axis.major_tick_line_color = None
    plot.xaxis.major_tick_out = 4


def _add_tools(plot: figure) -> None:
    zoom = BoxZoomTool(dimensions="width")
    select = BoxSelectTool(dimensions="width", renderers=[], name="select tool")
    plot.add_tools(zoom, PanTool(), WheelZoomTool(dimensions="width"), select, ResetTool(), SaveTool())
    plot.toolbar.active_drag = zoom
    plot.toolbar.active_scroll = None
    plot.toolbar.logo = None
    plot.toolbar.autohide = True


def _source(slot: int, *names: str) -> ColumnDataSource:
    return ColumnDataSource(data={name: [] for name in names}, name=f"series {slot}")


def _add_series(plot: figure, kind: str, slot: int) -> None:
    colour = (*LIGHT, OTHER["light"])[slot]
    named: dict[str, Any] = {"name": f"drawn {slot}"}
    if kind in ("bar", "stacked", "hist"):
        _add_quads(plot, _source(slot, "left", "right", "bottom", "top", "alpha"), colour, slot)
        return
    source = _source(slot, "x", "y")
    if kind == "area":
        plot.varea(x="x", y1=0, y2="y", source=source, fill_color=colour, fill_alpha=0.13, muted_alpha=0.05, **named)
    if kind in ("line", "area"):
        plot.line(
            x="x", y="y", source=source, line_color=colour, line_width=2, line_join="round", muted_alpha=0.15, **named
        )
    dots = ColumnDataSource(data={"x": [], "y": []}, name=f"dots {slot}")
    size, alpha = (6, 0.6) if kind == "scatter" else (5, 1.0)
    plot.scatter(
        x="x",
        y="y",
        source=dots,
        size=size,
        fill_color=colour,
        fill_alpha=alpha,
        line_color=None,
        muted_alpha=0.08,
        **named,
    )


def _add_quads(plot: figure, source: ColumnDataSource, fill: Any, slot: int) -> None:
    plot.quad(
        "left",
        "right",
        "top",
        "bottom",
        source=source,
        fill_color=fill,
        fill_alpha={"field": "alpha"},
        line_color=None,
        name=f"drawn {slot}",
    )


def _add_cells(plot: figure) -> None:
    mapper = LinearColorMapper(palette=list(RAMP), low=0, high=1, name="colours")
    source = _source(0, "left", "right", "bottom", "top", "value", "alpha")
    _add_quads(plot, source, {"field": "value", "transform": mapper}, 0)
    bar = ColorBar(
        color_mapper=mapper,
        width=10,
        padding=6,
        bar_line_color=None,
        major_tick_line_color=None,
        formatter=CustomJSTickFormatter(code=_SHORT_NUMBER),
        name="colour bar",
    )
    plot.add_layout(bar, "right")
