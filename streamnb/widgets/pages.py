"""What a live table tells its page: the rows that are in view, and of these only what the page does not have."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from streamnb.engine.relation import Relation, View
from streamnb.engine.rowfilter import RowFilter
from streamnb.engine.viewport import Page
from streamnb.errors import StreamnbError
from streamnb.schema import STRING
from streamnb.store import DatabaseError, reason_of
from streamnb.widgets.columns import Packer, pack_columns
from streamnb.widgets.feed import FeedSnapshot
from streamnb.widgets.rows import Layout

__all__ = ["PageFrames", "Request", "read_request"]

COUNT_FIRST = 40
COUNT_MAX = 400
SORTS_MAX = 8


@dataclass(frozen=True)
class Request:
    """What a page wants to see: numbered by the page, rows from ``first`` on; ``paused`` leaves new rows waiting."""

    number: int = 0
    first: int = 0
    count: int = COUNT_FIRST
    view: View = field(default_factory=View)
    paused: bool = False


def read_request(message: dict[str, Any], columns: int) -> Request | None:
    """Read a page's message; None for one that no page of ours sends."""
    try:
        changes = message["changes"] is True
        width = columns + changes
        sort = tuple((int(column), bool(down)) for column, down in message["sort"][:SORTS_MAX])
        filters = tuple(sorted((int(column), str(text)) for column, text in message["filters"].items() if text))
        if not all(0 <= column < width for column, _ in (*sort, *filters)):
            return None
        return Request(
            int(message["r"]),
            max(0, int(message["first"])),
            min(COUNT_MAX, max(1, int(message["count"]))),
            View(sort, RowFilter(filters, str(message["search"])), changes),
            message["paused"] is True,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


class PageFrames:
    """Turns pages of a relation into frames: all rows in view for a page that is new, else those that changed.

    Ownership: one thread at a time; the table that owns it holds a lock.
    """

    def __init__(self, relation: Relation, layout: Layout, limit: int | None) -> None:
        self.request = Request()
        self.outer = ""
        """A text that all rows on show have to contain, whatever the page asks for."""
        self.selected = RowFilter()
        """What other views have selected: values and spans, no texts."""
        self._relation = relation
        self._layout = layout
        self._limit = limit
        self._order = _default_sort(layout)
        self._columns = [
            (name, type_, kind) for name, type_, kind in zip(layout.names, layout.types, layout.kinds, strict=True)
        ]
        self._view: View | None = None
        self._accepted = self.request.view
        self._problem: str | None = None
        self._sent: set[int] = set()
        self._sent_version = -1
        self._following = 0

    @property
    def version(self) -> int:
        """The version of the relation that the last frame was made of."""
        return self._sent_version

    @property
    def relation(self) -> Relation:
        """Where the rows come from."""
        return self._relation

    def follow(self, relation: Relation) -> None:
        """Go on with the rows of another relation of the same columns."""
        if relation is not self._relation:
            self._relation = relation
            self._view = None
            self._sent_version = -1

    def advance(self, snapshot: FeedSnapshot | None = None) -> dict[str, Any]:
        """Describe what changed since the last frame."""
        return self._frame(full=False)

    def full(self) -> dict[str, Any]:
        """Describe everything that is in view."""
        return self._frame(full=True)

    @property
    def shown(self) -> View:
        """What the last frame showed."""
        return self._view or self.view_of(self.request)

    def view_of(self, request: Request) -> View:
        """Complete what the page asks for by the order of a table and the bound on its rows."""
        asked = request.view
        sort = asked.sort or (() if asked.changes else self._order)
        chosen, spans = self.selected.chosen, self.selected.spans
        wanted = replace(asked.filter, outer=self.outer, chosen=chosen, spans=spans)
        return replace(asked, sort=sort, filter=wanted, rows_max=self._limit)

    def want(self, request: Request) -> None:
        """Show something else from the next frame on."""
        self.request, self._problem = request, None

    def _frame(self, full: bool) -> dict[str, Any]:
        request, relation = self.request, self._relation
        view = self.view_of(request)
        follow = not request.paused or view != self._view
        try:
            page = relation.page(view, request.first, request.count, follow=follow)
        except (StreamnbError, DatabaseError) as error:
            if request.view == self._accepted or relation.closed:
                raise
            # The reader is told what is wrong; the rows on show stay and go on.
            self._problem = _told(error)
            self.request = replace(request, view=self._accepted)
            return self._frame(full)
        self._accepted = request.view
        if view != self._view:
            if self._view is not None:
                relation.leave(self._view)
            self._view, full = view, True
        self._sent_version = page.version if follow else self._sent_version
        self.request = replace(request, first=page.first)
        return {
            **self._describe(page, view, full),
            "r": request.number,
            "moved": page.moved,
            "first": page.first,
            "filtered": page.filtered,
            "kept": relation.count(view),
            "seen": relation.total,
            "changes": view.changes,
            "state": _state(request),
            "problem": self._problem,
        }

    def _describe(self, page: Page, view: View, full: bool) -> dict[str, Any]:
        ids = page.rows.column("id").to_numpy()
        versions = page.rows.column("v").to_numpy()
        if full:
            fresh = np.arange(len(ids))
        else:
            unknown = np.fromiter((row not in self._sent for row in ids.tolist()), bool, len(ids))
            fresh = np.nonzero(unknown | (versions > self._following))[0]
        self._sent = set(ids.tolist())
        self._following = page.version
        packer = Packer()
        columns = self._columns
        if view.changes:
            columns = [("change", STRING, "text"), *columns]
        order = packer.add(ids.astype(np.float64))
        rows = packer.add(fresh.astype(np.int32))
        packed = pack_columns(page.rows.take(fresh), columns, packer)
        return {
            "full": full,
            "order": order,
            "rows": rows,
            "columns": packed,
            "gone": sorted(page.gone),
            "buffers": [packer.buffer()],
        }


def _told(error: StreamnbError | DatabaseError) -> str:
    if isinstance(error, StreamnbError):
        return f"{error.summary or error.message}{f' · {error.hint}' if error.hint else ''}"
    return reason_of(error)


def _state(request: Request) -> dict[str, Any]:
    """Describe what is asked for, for a page that has forgotten it."""
    return {
        "sort": [list(item) for item in request.view.sort],
        "filters": {str(column): text for column, text in request.view.filter.columns},
        "search": request.view.filter.search,
        "changes": request.view.changes,
        "paused": request.paused,
    }


def _default_sort(layout: Layout) -> tuple[tuple[int, bool], ...]:
    """Sort a table by its key, the newest window first; a stream comes newest first by itself."""
    if not layout.is_table:
        return ()
    window = [] if layout.window_start is None else [(layout.window_start, True)]
    return tuple([*window, *((i, False) for i in layout.identity if i != layout.window_start)][:SORTS_MAX])
