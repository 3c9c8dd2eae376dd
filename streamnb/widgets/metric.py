"""Metric tiles: a big number for each key, what it was before, and its way there as a small line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from streamnb.widgets.encoding import ChartOptions, choose_encoding, position_of
from streamnb.widgets.feed import LiveQuery
from streamnb.widgets.linked import LinkedWidget
from streamnb.widgets.linking import Criteria, Keeps, all_of, occurs
from streamnb.widgets.picture import tiles_picture
from streamnb.widgets.tiles import MetricFrames
from streamnb.widgets.transport import static_text

__all__ = ["MetricTiles"]


class MetricTiles(LinkedWidget):
    """Shows the newest value of each key as a tile; light, without Bokeh."""

    _esm = static_text("shared/element.js", "shared/views.js", "metric.js")
    _css = static_text("shared/theme.css", "metric.css")
    spec = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        query: LiveQuery,
        options: ChartOptions,
        tiles_max: int,
        rate_max: float,
        where: Mapping[str, Any] | None = None,
    ) -> None:
        """Make tiles of the rows in which each column of ``where`` has its value. Raises: StreamnbError."""
        named = {query.columns[position_of(query.columns, name)][0]: v for name, v in (where or {}).items()}
        self._only = Criteria({name: frozenset([v]) for name, v in named.items()}).keeps(query.columns)
        self._found: Keeps | None = None
        self.frames = MetricFrames(query, choose_encoding(query, options), tiles_max)
        super().__init__(query, self.frames, rate_max, spec={"y": self.frames.label})

    def search(self, text: str) -> None:
        """Show the tiles of rows in which a text occurs, in any case; all of them for an empty one."""
        self._found = occurs(text, self._query.columns)
        self._restrict()

    def _keeps(self) -> Keeps | None:
        return all_of(super()._keeps(), self._only, self._found)

    def _draw(self, title: str) -> str:
        return tiles_picture(self.frames, title)
