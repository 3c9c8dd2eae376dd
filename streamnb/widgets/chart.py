"""The live chart: a Bokeh figure that follows a query by binary frames."""

from __future__ import annotations

import gzip
import math
from functools import cache
from pathlib import Path
from typing import Any

import bokeh
import traitlets
from bokeh.embed import json_item
from bokeh.util.paths import bokehjs_path

from streamnb.widgets import palette
from streamnb.widgets.encoding import HEIGHT_PX, ChartOptions, Encoding, choose_encoding
from streamnb.widgets.feed import FeedSnapshot, LiveQuery
from streamnb.widgets.figure import build_figure
from streamnb.widgets.linked import LinkedWidget
from streamnb.widgets.linking import Criteria
from streamnb.widgets.picture import chart_picture
from streamnb.widgets.points import plain_label
from streamnb.widgets.series import ChartFrames
from streamnb.widgets.transport import static_text

__all__ = ["LiveChart"]

_LIBRARY_OFFERS = (1.0, 4.0, 16.0)  # seconds after the first frame, while the page stays silent
_CHOSEN_MAX = 1000


@cache
def _library() -> bytes:
    """Return BokehJS as the bokeh package ships it, compressed: charts need no network."""
    return gzip.compress((Path(bokehjs_path()) / "js" / "bokeh.min.js").read_bytes(), compresslevel=6)


class LiveChart(LinkedWidget):
    """Draws the rows of a query; what is selected in it restricts the other views of the query, and theirs this one."""

    _esm = static_text("shared/element.js", "shared/views.js", "chart_data.js", "chart_parts.js", "chart.js")
    _css = static_text("shared/theme.css", "chart.css")
    figure = traitlets.Dict().tag(sync=True)
    spec = traitlets.Dict().tag(sync=True)
    bokeh_version = traitlets.Unicode(bokeh.__version__).tag(sync=True)

    def __init__(self, query: LiveQuery, options: ChartOptions, points_max: int, rate_max: float) -> None:
        encoding = choose_encoding(query, options)
        self.frames = ChartFrames(query, encoding, points_max)
        self._first_s: float | None = None
        self._offers = list(_LIBRARY_OFFERS)
        self._chosen: dict[str, Any] = {}
        height = options.height or HEIGHT_PX
        drawn = build_figure(encoding, self.frames.labels[0], height)
        spec = _spec(self.frames, encoding, height)
        super().__init__(query, self.frames, rate_max, figure=json_item(drawn), spec=spec)

    def push(self, snapshot: FeedSnapshot, now_s: float) -> None:
        """Send what a snapshot changes, and BokehJS unasked when the page has been silent for a while."""
        super().push(snapshot, now_s)
        self._first_s = now_s if self._first_s is None else self._first_s
        if self._offers and not self._pacer.answered and now_s - self._first_s >= self._offers[0]:
            self._offers.pop(0)
            self._send_library()

    def _draw(self, title: str) -> str:
        return chart_picture(self.frames, title)

    def _send_frame(self, frame: dict[str, Any], now_s: float | None) -> None:
        super()._send_frame({**frame, "chosen": self._chosen} if frame["full"] else frame, now_s)

    def _heard(self, widget: Any, message: Any, buffers: Any) -> None:
        if isinstance(message, dict) and message.get("type") == "select":
            self._choose(message)
        else:
            super()._heard(widget, message, buffers)

    def _asked(self, kind: Any) -> None:
        if kind == "library":
            self._offers.clear()
            self._send_library()
        else:
            super()._asked(kind)

    def _send_library(self) -> None:
        self.send({"type": "library"}, buffers=[_library()])

    def _choose(self, message: dict[str, Any]) -> None:
        """Note what the reader has selected in this chart: a span of x, groups, categories."""
        columns, e = self._query.columns, self.frames.encoding
        span, groups, places = _span(message), _texts(message, "groups"), _texts(message, "places")
        across = e.y if e.kind == "hist" else e.x
        values: dict[str, frozenset[Any]] = {}
        spans: dict[str, tuple[float, float]] = {}
        if span and across is not None and e.scale != "category":
            spans[columns[across][0]] = span
        if groups and e.color is not None:
            values[columns[e.color][0]] = self.frames.values_of_groups(groups)
        if places and e.x is not None and e.scale == "category":
            values[columns[e.x][0]] = self.frames.values_of_places(places)
        chosen = {"span": span, "groups": groups, "places": places}
        self._chosen = {name: value for name, value in chosen.items() if value}
        self._selection.choose(self, Criteria(values, spans))


def _span(message: dict[str, Any]) -> tuple[float, float] | None:
    value = message.get("span")
    if not isinstance(value, list) or len(value) != 2:
        return None
    if not all(isinstance(edge, int | float) and math.isfinite(edge) for edge in value):
        return None
    return float(value[0]), float(value[1])


def _texts(message: dict[str, Any], name: str) -> list[str]:
    value = message.get(name)
    if not isinstance(value, list) or len(value) > _CHOSEN_MAX:
        return []
    return [text for text in value if isinstance(text, str)]


def _spec(frames: ChartFrames, encoding: Encoding, height: int) -> dict[str, Any]:
    """Say what the page has to know beside the figure; labels are plain text."""
    return {
        "kind": encoding.kind,
        "scale": encoding.scale,
        "windowed": encoding.window_end is not None,
        "window": encoding.window_ms,
        "height": height,
        "x": plain_label(frames.labels[0]),
        "y": plain_label(frames.labels[1]),
        "color": plain_label(frames.color_label) if frames.color_label is not None else None,
        "light": [*palette.LIGHT, palette.OTHER["light"]],
        "dark": [*palette.DARK, palette.OTHER["dark"]],
        "ramp": list(palette.RAMP),
    }
