"""Metric tiles: a big number for each key, what it was before, and its way there as a small line."""

from __future__ import annotations

import traitlets

from streamnb.widgets.encoding import ChartOptions, choose_encoding
from streamnb.widgets.feed import LiveQuery
from streamnb.widgets.linked import LinkedWidget
from streamnb.widgets.picture import tiles_picture
from streamnb.widgets.tiles import MetricFrames
from streamnb.widgets.transport import static_text

__all__ = ["MetricTiles"]


class MetricTiles(LinkedWidget):
    """Shows the newest value of each key as a tile; light, without Bokeh."""

    _esm = static_text("metric.js")
    _css = static_text("metric.css")
    spec = traitlets.Dict().tag(sync=True)

    def __init__(self, query: LiveQuery, options: ChartOptions, tiles_max: int, rate_max: float) -> None:
        self.frames = MetricFrames(query, choose_encoding(query, options), tiles_max)
        super().__init__(query, self.frames, rate_max, spec={"y": self.frames.label})

    def _draw(self, title: str) -> str:
        return tiles_picture(self.frames, title)
