"""Linked views: what is selected in one view of a query restricts the other views of it.

A view says by ``choose`` what its reader has selected, in terms of the query's columns; every other view of the query
hears of it and asks ``criteria`` what it should show: what all the others have selected, and not what it has itself.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamnb.schema import SqlType
from streamnb.widgets.cells import cell_text, column_kind, instant_ms
from streamnb.widgets.feed import LiveQuery

__all__ = ["EVERYTHING", "Criteria", "Keeps", "Selection", "all_of", "comparable", "occurs", "selection_of"]

Row = tuple[Any, ...]
Keeps = Callable[[Row], bool]


@dataclass(frozen=True)
class Criteria:
    """Which rows are selected: those that have one of the ``values`` of each column, and lie in all ``spans``.

    A span is [from, to) of a number, or of a time in milliseconds since the epoch. Values are those of the rows, as
    ``comparable`` makes them.
    """

    values: Mapping[str, frozenset[Any]] = field(default_factory=dict)
    spans: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.values or self.spans)

    def also(self, other: Criteria) -> Criteria:
        """Return the criteria of both."""
        values = dict(self.values)
        for name, wanted in other.values.items():
            values[name] = values[name] & wanted if name in values else wanted
        spans = dict(self.spans)
        for name, (start, end) in other.spans.items():
            low, high = spans.get(name, (start, end))
            spans[name] = (max(low, start), min(high, end))
        return Criteria(values, spans)

    def keeps(self, columns: Sequence[tuple[str, SqlType]]) -> Keeps | None:
        """Return the test of a row of these columns; None when every row passes."""
        names = [name for name, _ in columns]
        values = [(names.index(name), wanted) for name, wanted in self.values.items() if name in names]
        spans = [(names.index(name), *span) for name, span in self.spans.items() if name in names]
        if not values and not spans:
            return None

        def test(row: Row) -> bool:
            for position, wanted in values:
                if comparable(row[position]) not in wanted:
                    return False
            return all(_within(row[position], start, end) for position, start, end in spans)

        return test


def comparable(value: Any) -> Any:
    """Return what stands for a value among the values of ``Criteria``: nested ones as Python writes them."""
    return repr(value) if isinstance(value, list | dict) else value


def occurs(text: str, columns: Sequence[tuple[str, SqlType]]) -> Keeps | None:
    """Return the test whether a text occurs in a row as it is shown, in any case; None for an empty text."""
    wanted = text.strip().casefold()
    kinds = [column_kind(name, type_) for name, type_ in columns]

    def test(row: Row) -> bool:
        return any(wanted in (cell_text(v, kind) or "").casefold() for v, kind in zip(row, kinds, strict=True))

    return test if wanted else None


def all_of(*tests: Keeps | None) -> Keeps | None:
    """Return the test of those rows that pass all tests, of which None passes every row."""
    given = [test for test in tests if test is not None]
    if len(given) < 2:
        return given[0] if given else None
    return lambda row: all(test(row) for test in given)


EVERYTHING = Criteria()


def _within(value: Any, start: float, end: float) -> bool:
    place = instant_ms(value)
    if place is None:
        try:
            place = float(value)
        except (TypeError, ValueError):
            return False
    return start <= place < end


class Selection:
    """What the views of one query have selected, and who wants to know."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chosen: dict[int, Criteria] = {}
        self._listeners: dict[int, Callable[[], None]] = {}

    def join(self, view: object, changed: Callable[[], None]) -> None:
        """Tell a view, by calling ``changed`` on the thread of whoever selects, that another's selection is new."""
        with self._lock:
            self._listeners[id(view)] = changed

    def leave(self, view: object) -> None:
        """Forget a view and what it has selected."""
        self.choose(view, EVERYTHING)
        with self._lock:
            self._listeners.pop(id(view), None)

    def choose(self, view: object, criteria: Criteria) -> None:
        """Note what is selected in a view, in place of what was, and tell the others."""
        with self._lock:
            if self._chosen.get(id(view), EVERYTHING) == criteria:
                return
            if criteria:
                self._chosen[id(view)] = criteria
            else:
                self._chosen.pop(id(view), None)
            others = [changed for listener, changed in self._listeners.items() if listener != id(view)]
        for changed in others:
            changed()

    def criteria(self, view: object) -> Criteria:
        """Return what a view should show: what is selected in all the others."""
        with self._lock:
            chosen = [criteria for owner, criteria in self._chosen.items() if owner != id(view)]
        result = EVERYTHING
        for criteria in chosen:
            result = result.also(criteria)
        return result


_selections: dict[int, Selection] = {}
_selections_lock = threading.Lock()


def selection_of(query: LiveQuery) -> Selection:
    """Return the selection that all views of a query share; it lives as long as the query."""
    with _selections_lock:
        selection = _selections.get(id(query))
        if selection is None:
            selection = _selections[id(query)] = Selection()
            weakref.finalize(query, _selections.pop, id(query), None)
        return selection
