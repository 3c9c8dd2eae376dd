"""Columns into the bytes of one side, window bounds included."""

from __future__ import annotations

from collections.abc import Sequence

from streamnb.duck import Sql, sql
from streamnb.serde.base import Side

__all__ = ["encode"]


def encode(side: Side, values: Sequence[Sql], ws: Sql | None = None, we: Sql | None = None) -> Sql:
    """Write the BLOB expression that encodes one side from an expression per column.

    The expressions are repeated: pass column names or other cheap ones. That the side as a whole is null (a tombstone,
    a missing key) is for the caller to say; a bare column that is null gives NULL. ``ws`` and ``we`` are the bounds of
    the window when ``side.window`` is set: time windows append the start, session windows the end and the start.
    Raises: ValueError when the number of expressions is not that of the columns, or bounds are missing.
    """
    if len(values) != len(side.columns):
        raise ValueError(f"{len(side.columns)} columns, {len(values)} expressions")
    body = side.format.encode(side, values) if side.columns else sql("NULL::BLOB")
    if side.window is None:
        return body
    if ws is None or (side.window == "session" and we is None):
        raise ValueError("a windowed key needs the bounds of its window")
    start = sql("({})::BIGINT::BIT::BLOB", ws)
    if we is None or side.window == "time":
        return sql("({} || {})", body, start)
    return sql("({} || ({})::BIGINT::BIT::BLOB || {})", body, we, start)
