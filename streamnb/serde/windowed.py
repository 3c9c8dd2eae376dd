"""Keys of windowed topics: the key's bytes, then the window's bounds as Kafka Streams appends them.

A time window appends its start (8 bytes, big-endian), a session window its end and its start.
"""

from __future__ import annotations

from streamnb.duck import Sql, lit, sql
from streamnb.serde.base import Side, Undecodable

__all__ = ["FastWindow", "fast_window", "split_windowed", "window_bytes_of"]

FastWindow = tuple[Sql, Sql, Sql, Sql]
"""Expressions for the key's own bytes, the start and the end of the window, and whether they may be used."""


def window_bytes_of(side: Side) -> int:
    """Tell how many bytes of a key say its window."""
    return {None: 0, "session": 16}.get(side.window, 8)


def fast_window(side: Side, raw: Sql) -> FastWindow:
    """Write the vectorised split of windowed key bytes; a null or empty key has no window."""
    suffix = window_bytes_of(side)
    size = sql("octet_length({})", raw)
    long_enough = sql("{} >= {}", size, lit(suffix))
    own = sql("CASE WHEN {} THEN array_slice({}, 1, {} - {}) END", long_enough, raw, size, lit(suffix))
    start = _bigint(raw, size, long_enough, from_end=8)
    usable = sql("coalesce({} >= 0, false)", start)
    if side.window == "session":
        end = _bigint(raw, size, long_enough, from_end=16)
        usable = sql("({} AND {} >= {})", usable, end, start)
    else:
        end = sql("({} + {})", start, lit(side.window_size_ms))
    return own, start, end, sql("({0} IS NULL OR {1} = 0 OR {2})", raw, size, usable)


def _bigint(raw: Sql, size: Sql, long_enough: Sql, from_end: int) -> Sql:
    return sql(
        "CASE WHEN {} THEN array_slice({}, {} - {}, {} - {})::BIT::BIGINT END",
        long_enough,
        raw,
        size,
        lit(from_end - 1),
        size,
        lit(from_end - 8),
    )


def split_windowed(side: Side, data: bytes) -> tuple[bytes | None, int | None, int | None]:
    """Split the bytes of one windowed key into the key's own bytes, start and end.

    Raises: Undecodable when there are too few bytes, or the bounds are no window.
    """
    if not data:
        return None, None, None
    suffix = window_bytes_of(side)
    if len(data) < suffix:
        raise Undecodable(f"Size of windowed key is {len(data)}, less than {suffix}")
    start = int.from_bytes(data[-8:], "big", signed=True)
    if start < 0:
        raise Undecodable("Window startMs time cannot be negative.")
    if side.window == "session":
        end = int.from_bytes(data[-16:-8], "big", signed=True)
        if end < start:
            raise Undecodable("Window endMs time cannot be smaller than window startMs time.")
    else:
        end = start + (side.window_size_ms or 0)
    return data[:-suffix], start, end
