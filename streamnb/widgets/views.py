"""The views of a live query, by the name of what they draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamnb.schema import STRING
from streamnb.widgets.encoding import ChartOptions, Span
from streamnb.widgets.feed import FRAME_S, LiveQuery, Sender
from streamnb.widgets.live import LiveView
from streamnb.widgets.metric import MetricTiles
from streamnb.widgets.table import LiveTable
from streamnb.widgets.tiles import TILES_MAX

__all__ = ["POINTS_MAX", "chart", "metric", "table"]

POINTS_MAX = 5000


def table(
    query: LiveQuery,
    *,
    name: str = "",
    limit: int | None = None,
    rate: float | None = None,
    sender: Sender | None = None,
) -> LiveView:
    """Make a live table of a query; it is not on the page yet.

    ``limit`` bounds the rows that can be scrolled to (all that the query keeps), ``rate`` the frames a
    second (20).
    """
    return LiveView(query, LiveTable(query, limit, rate or 1 / FRAME_S, name), name=name, sender=sender)


def chart(
    query: LiveQuery,
    kind: str = "auto",
    *,
    x: str | None = None,
    y: str | None = None,
    color: str | None = None,
    window: Span | None = None,
    height: int | None = None,
    name: str = "",
    limit: int | None = None,
    rate: float | None = None,
    sender: Sender | None = None,
) -> LiveView:
    """Make a live chart of a query; it is not on the page yet.

    ``kind`` is one of ``CHART_KINDS``; what is not said is chosen from the columns. ``window`` is how far a time axis
    reaches back from the newest event time (``5m``), ``height`` is in pixels. ``limit`` bounds the points, 5,000 if not
    said, ``rate`` the frames a second, 20.

    Raises: StreamnbError for a column that is not there or can't be drawn as asked.
    """
    options = ChartOptions(kind, x, y, color, window, height)
    rate_max = rate or 1 / FRAME_S
    if kind == "metric":
        return LiveView(query, MetricTiles(query, options, limit or TILES_MAX, rate_max), name=name, sender=sender)
    from streamnb.widgets.chart import LiveChart  # Bokeh takes longer to import than all the rest

    body = LiveChart(query, options, limit or POINTS_MAX, rate_max)
    return LiveView(query, body, name=name, sender=sender)


def metric(
    query: LiveQuery,
    title: str = "",
    *,
    value: str | None = None,
    where: Mapping[str, Any] | None = None,
    rate: float | None = None,
    sender: Sender | None = None,
) -> LiveView:
    """Make a tile with the newest number of one row of a query; it is not on the page yet.

    ``value`` is the number's column, the first number if not said. ``where`` names columns and the values by which the
    row is found; without it the title is the key of the row, or, of a result without a text for its key, a mere title.

    Raises: StreamnbError for a column that is not there or holds no numbers.
    """
    name, type_ = query.columns[0]
    by_title = where is None and bool(title) and query.key_columns > 0 and type_ == STRING
    wanted = {name: title} if by_title else where
    body = MetricTiles(query, ChartOptions("metric", y=value), TILES_MAX, rate or 1 / FRAME_S, wanted)
    return LiveView(query, body, name="" if by_title else title, sender=sender)
