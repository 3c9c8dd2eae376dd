"""The live table: rows that change in place in the notebook's page."""

from __future__ import annotations

import traitlets

from streamnb.widgets.feed import LiveQuery
from streamnb.widgets.rows import RowFrames, layout_of
from streamnb.widgets.transport import FrameWidget, static_text

__all__ = ["LiveTable"]


class LiveTable(FrameWidget):
    """Shows the newest rows of a query: a stream grows on top, a table's row changes where it stands."""

    _esm = static_text("table.js")
    _css = static_text("table.css")
    columns: traitlets.List[dict[str, object]] = traitlets.List().tag(sync=True)
    is_table = traitlets.Bool().tag(sync=True)

    def __init__(self, query: LiveQuery, rows_max: int, rate_max: float) -> None:
        layout = layout_of(query)
        described = [
            {"name": name, "type": str(type_), "kind": kind, "key": position in layout.identity}
            for position, (name, type_, kind) in enumerate(zip(layout.names, layout.types, layout.kinds, strict=True))
        ]
        super().__init__(RowFrames(layout, rows_max), rate_max, columns=described, is_table=query.is_table)
