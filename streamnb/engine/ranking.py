"""Where the rows of a change stand in an order, beside the rows that a viewport holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from streamnb.duck import sql
from streamnb.engine.rowfilter import Condition
from streamnb.engine.roworder import RowOrder
from streamnb.store import Store

__all__ = ["Places", "Ranked", "Span", "needs_ids_only", "rank"]

Places = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Span:
    """The rows held: those that stand from ``low`` to ``high``, one row each that may have changed since.

    ``low`` None: the order begins with the rows held; ``high`` None: it ends with them.
    """

    rows: pa.Table
    low: pa.Table | None
    high: pa.Table | None


@dataclass(frozen=True)
class Ranked:
    """Of some rows: how many match, how many of these lie before the span, and the places of those within."""

    matching: int
    before: int
    within: Places


def rank(
    store: Store, order: RowOrder, condition: Condition | None, columns: Sequence[str], span: Span, came: Any, left: Any
) -> tuple[Ranked, Ranked, Places]:
    """Rank the rows that came and those that left (or None), and sort the former among those held, in one statement.

    ``columns`` are those that order and condition need, id included, which all tables must have; the rows that left
    have to have no more than ids if ``needs_ids_only`` says so. The last result lists the rows within the span in
    order: the places of those held, and, behind them, of those that came.
    """
    nothing = came.slice(0, 0)
    by_id = left is not None and needs_ids_only(condition, span.low)
    # An edge comes before, or behind, its equals: its own row, or the next version of it, is within.
    parts = [span.low, came, None if by_id else left, span.rows, span.high]
    parts = [nothing if part is None else part for part in parts]
    mixed = pa.concat_tables([part.select(columns) for part in parts])
    mixed = mixed.append_column("p", pa.array(np.arange(mixed.num_rows)))
    store.register("mixed", mixed)
    match = sql("true") if condition is None else condition.where
    parameters = () if condition is None else condition.parameters
    query = sql("SELECT p FROM mixed m WHERE {} ORDER BY {}, p", match, order.by("m"))
    places = store.numbers(query, parameters)["p"]
    first = 0 if span.low is None else int(np.flatnonzero(places == 0)[0]) + 1
    last = len(places) if span.high is None else int(np.flatnonzero(places == mixed.num_rows - 1)[0])
    came_at, left_at, held_at, high_at = np.cumsum([part.num_rows for part in parts[:-1]]).tolist()

    def ranked(start: int, end: int) -> Ranked:
        (at,) = np.nonzero((places >= start) & (places < end))
        within = places[at[(at >= first) & (at < last)]] - start
        return Ranked(len(at), int(np.count_nonzero(at < first)), within)

    between = places[first:last]
    held_count = high_at - held_at
    is_held, is_new = (between >= held_at) & (between < high_at), (between >= came_at) & (between < left_at)
    merged = np.where(is_held, between - held_at, between - came_at + held_count)[is_held | is_new]
    if by_id:
        (within,) = np.nonzero(np.isin(left.column("id").to_numpy(), span.rows.column("id").to_numpy()))
        return ranked(came_at, left_at), Ranked(left.num_rows, 0, within), merged
    return ranked(came_at, left_at), ranked(left_at, held_at), merged


def needs_ids_only(condition: Condition | None, low: pa.Table | None) -> bool:
    """Tell whether the ids of the rows that left tell how many match, lie before the span and within."""
    return condition is None and low is None
