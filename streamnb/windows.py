"""Windows of time: pure arithmetic, no clock and no input or output.

Times are integer milliseconds since the epoch, UTC. A time window is [start, start + size); a session is
[first record, last record], both included. Stream time is the highest timestamp seen in a partition so far.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DEFAULT_GRACE_MS",
    "SessionWindows",
    "TimeWindows",
    "default_grace_ms",
]

DEFAULT_GRACE_MS = 86_400_000


def default_grace_ms(size_ms: int, *, final: bool = False) -> int:
    """Give the grace of a window without GRACE PERIOD: what its size leaves of 24 hours, none for EMIT FINAL."""
    return 0 if final else max(DEFAULT_GRACE_MS - size_ms, 0)


@dataclass(frozen=True)
class TimeWindows:
    """Hopping windows; tumbling ones advance by their size. Raises: ValueError for lengths that make no sense."""

    size_ms: int
    advance_ms: int
    grace_ms: int
    retention_ms: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.advance_ms <= self.size_ms:
            raise ValueError(f"a window of {self.size_ms} ms cannot advance by {self.advance_ms} ms")
        if self.grace_ms < 0:
            raise ValueError(f"grace cannot be negative: {self.grace_ms} ms")
        if self.retention_ms is not None and self.retention_ms < self.size_ms + self.grace_ms:
            raise ValueError(f"retention of {self.retention_ms} ms is below size and grace")

    @property
    def kept_ms(self) -> int:
        """How long a window stays in the store, counted from its start."""
        return self.size_ms + self.grace_ms if self.retention_ms is None else self.retention_ms

    @property
    def windows_max(self) -> int:
        """The largest number of windows a record can be in."""
        return -(-self.size_ms // self.advance_ms)

    def starts(self, ts_ms: int) -> range:
        """List the starts of the windows that hold a timestamp, earliest first; none starts before the epoch."""
        first = max(0, ts_ms - self.size_ms + self.advance_ms) // self.advance_ms * self.advance_ms
        return range(first, ts_ms + 1, self.advance_ms)

    def accepts(self, start_ms: int, stream_time_ms: int) -> bool:
        """Tell whether a window still takes records at a stream time, that of the record included."""
        return start_ms + self.size_ms > stream_time_ms - self.grace_ms

    def is_final(self, start_ms: int, stream_time_ms: int) -> bool:
        """Tell whether no record can change a window any more."""
        return not self.accepts(start_ms, stream_time_ms)

    def is_kept(self, start_ms: int, stream_time_ms: int) -> bool:
        """Tell whether a window is still in the store: its clock is the start of the newest window."""
        return start_ms >= stream_time_ms // self.advance_ms * self.advance_ms - self.kept_ms


@dataclass(frozen=True)
class SessionWindows:
    """Sessions: records of a key no more than a gap apart. Raises: ValueError for a negative gap or grace."""

    gap_ms: int
    grace_ms: int
    retention_ms: int | None = None

    def __post_init__(self) -> None:
        if self.gap_ms < 0 or self.grace_ms < 0:
            raise ValueError("the gap and the grace of a session cannot be negative")
        if self.retention_ms is not None and self.retention_ms < self.gap_ms + self.grace_ms:
            raise ValueError(f"retention of {self.retention_ms} ms is below gap and grace")

    @property
    def kept_ms(self) -> int:
        """How long a session stays in the store, counted from its end."""
        return self.gap_ms + self.grace_ms if self.retention_ms is None else self.retention_ms

    def touches(self, ts_ms: int, start_ms: int, end_ms: int) -> bool:
        """Tell whether a record at a timestamp joins a session."""
        return end_ms >= ts_ms - self.gap_ms and start_ms <= ts_ms + self.gap_ms

    def is_kept(self, end_ms: int, stream_time_ms: int) -> bool:
        """Tell whether a session is still in the store, at the stream time before the record that asks."""
        return end_ms > stream_time_ms - self.kept_ms

    def is_closed(self, end_ms: int, stream_time_ms: int) -> bool:
        """Tell whether a session (that of a record, merged) is past its grace: the record is late then."""
        return end_ms < stream_time_ms - self.grace_ms - self.gap_ms
