"""Where an axis has its ticks, and what stands beside them."""

from __future__ import annotations

import datetime as dt
import math

from streamnb.widgets.bins import nice_step

__all__ = ["day_text", "number_text", "number_ticks", "time_ticks"]

_EPOCH = dt.datetime(1970, 1, 1)
_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
_TIME_STEPS = [
    *(step * _SECOND for step in (1, 2, 5, 10, 15, 30)),
    *(step * _MINUTE for step in (1, 2, 5, 10, 15, 30)),
    *(step * _HOUR for step in (1, 2, 3, 6, 12)),
    *(step * _DAY for step in (1, 2, 7, 14, 30, 90, 180, 365, 1825)),
]
_UNITS = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"))
_TICKS_MAX = 500

Ticks = list[tuple[float, str]]


def number_text(value: float) -> str:
    """Write a number with four digits at most: 1200000 is 1.2 M."""
    size = abs(value)
    for unit, name in _UNITS:
        if size >= unit:
            return f"{value / unit:.4g}{name}"
    return f"{value:.4g}"


def number_ticks(start: float, end: float, count: int) -> Ticks:
    """Place about ``count`` ticks at round numbers."""
    step = nice_step(end - start, count)
    first = math.ceil(start / step - 1e-9)
    last = min(math.floor(end / step + 1e-9), first + _TICKS_MAX)
    return [(n * step, number_text(n * step)) for n in range(first, last + 1)]


def time_ticks(start_ms: float, end_ms: float, count: int) -> Ticks:
    """Place at most ``count`` ticks at round times (UTC); the date is said where the clock alone would not do."""
    span = end_ms - start_ms
    step = next((s for s in _TIME_STEPS if span / s <= count), None)
    if step is None or span <= 4 * _SECOND:
        step = round(max(1.0, nice_step(span, count)))
    first = math.ceil(start_ms / step)
    last = min(math.floor(end_ms / step), first + _TICKS_MAX)
    return [(n * step, _time_text(n * step, step)) for n in range(first, last + 1)]


def day_text(start_ms: float, end_ms: float) -> str:
    """Say on which day, or days, a span of time lies."""
    try:
        first, last = (f"{_EPOCH + dt.timedelta(milliseconds=ms):%d %b %Y}" for ms in (start_ms, end_ms))
    except OverflowError:
        return ""
    return first if first == last else f"{first} – {last}"


def _time_text(ms: int, step_ms: int) -> str:
    try:
        moment = _EPOCH + dt.timedelta(milliseconds=ms)
    except OverflowError:
        return str(ms)
    if step_ms >= _DAY:
        return f"{moment:%d %b %Y}" if step_ms >= 30 * _DAY else f"{moment:%d %b}"
    if step_ms >= _MINUTE:
        return f"{moment:%H:%M}"
    return f"{moment:%H:%M:%S}" if step_ms >= _SECOND else f"{moment:%S}.{moment.microsecond // 1000:03}"
