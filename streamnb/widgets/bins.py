"""Counting values into the bins of a histogram, as they come."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from streamnb.widgets.points import Floats

__all__ = ["Bins", "nice_step"]

_FINE_MAX = 4000
_FINE_START = 400  # fine bins over the range of the first values
_SHOWN_MAX = 30
_TINY = 1e-290  # what is smaller counts as zero
_DIGITS = 15  # of a float that can be relied on
_TIMES = [step * 10**power for power in range(5) for step in (1, 2, 5)]  # fine bins in one that is shown


def nice_step(span: float, parts: int) -> float:
    """Return the smallest of 1, 2, 5, 10, 20, … (and 0.5, 0.2, …) that cuts a span into at most ``parts`` parts."""
    if not 0 < span < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / parts))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0, 20.0) if span / (step * power) <= parts)


class Bins:
    """Counts by group over a fine grid whose width is a power of ten; what is drawn is the grid at a nice width.

    The fine grid grows with the range of the values. Beyond its bound, ten fine bins become one, so that every count
    stays exact whatever comes; values are never kept.
    """

    def __init__(self, groups: int, *, whole: bool) -> None:
        """Prepare for a number of groups; ``whole`` values never get bins narrower than 1."""
        self._whole = whole
        self._exponent: int | None = None  # the width of a fine bin is ten to this power
        self._first = 0  # the number of the first fine bin: its left edge divided by the width
        self._counts = np.zeros((groups, 0), np.int64)

    def clear(self) -> None:
        """Forget the counts and keep the grid."""
        self._counts[:] = 0

    @property
    def total(self) -> int:
        """Count all values so far."""
        return int(self._counts.sum())

    def add(self, values: Floats, groups: npt.NDArray[np.uint8]) -> None:
        """Count finite values, each into its group."""
        if not len(values):
            return
        low, high = float(values.min()), float(values.max())
        if self._exponent is None:
            self._exponent = self._first_exponent(low, high)
        self._cover(low, high)
        bins = self._bin(values) - self._first
        size = self._counts.shape[1]
        flat = np.bincount(groups.astype(np.int64) * size + bins, minlength=self._counts.size)
        self._counts += flat.reshape(self._counts.shape)

    def shown(self) -> tuple[float, Floats, npt.NDArray[np.int64]]:
        """Return what is drawn: the width, the left edges, and the counts by group and bin; empty bins included."""
        filled = np.flatnonzero(self._counts.any(axis=0))
        if self._exponent is None or not len(filled):
            return 1.0, np.empty(0), self._counts[:, :0]
        first, last = self._first + int(filled[0]), self._first + int(filled[-1]) + 1
        times = next(t for t in _TIMES if (last - 1) // t - first // t < _SHOWN_MAX)
        start = first // times
        number = (last - 1) // times - start + 1
        places = (self._first + np.arange(self._counts.shape[1])) // times - start
        counts = np.zeros((len(self._counts), number), np.int64)
        inside = (places >= 0) & (places < number)
        for group, fine in enumerate(self._counts):
            np.add.at(counts[group], places[inside], fine[inside])
        width = times * self._width
        numbers = (start + np.arange(number)) * float(times)
        edges = numbers / 10.0**-self._power if self._power < 0 else numbers * self._width
        return width, edges, counts

    @property
    def _power(self) -> int:
        return self._exponent or 0

    @property
    def _width(self) -> float:
        return float(10.0**self._power)

    def _bin(self, values: Floats) -> npt.NDArray[np.int64]:
        # Multiplied by a whole power of ten where it is below 1, since 0.1 times 3 is no 0.3.
        scaled = values * 10.0**-self._power if self._power < 0 else values / self._width
        return np.floor(scaled + 1e-9).astype(np.int64)

    def _first_exponent(self, low: float, high: float) -> int:
        largest = max(abs(low), abs(high)) or 1.0
        span = min(max(high - low or largest, _TINY), 1e300)
        largest = max(largest, _TINY)
        exponent = max(math.floor(math.log10(span / _FINE_START)), math.floor(math.log10(largest)) - _DIGITS)
        return max(0, exponent) if self._whole else exponent

    def _cover(self, low: float, high: float) -> None:
        """Make the grid reach over a range, coarser when it would have too many bins."""
        size = self._counts.shape[1]
        while True:
            width = self._width
            begin = low / width if not size else min(low / width, self._first)
            end = high / width if not size else max(high / width, self._first + size - 1)
            if end - begin < _FINE_MAX - 1 or not math.isfinite(width * 10):
                break
            self._coarsen()
            size = self._counts.shape[1]
        first, last = (int(self._bin(np.array([edge]))[0]) for edge in (low, high))
        if size:
            first, last = min(first, self._first), max(last, self._first + size - 1)
        grown = np.zeros((len(self._counts), last - first + 1), np.int64)
        grown[:, self._first - first : self._first - first + size] = self._counts if size else 0
        self._first, self._counts = first, grown

    def _coarsen(self) -> None:
        self._exponent = self._power + 1
        size = self._counts.shape[1]
        if not size:
            return
        places = (self._first + np.arange(size)) // 10
        first = int(places[0])
        coarse = np.zeros((len(self._counts), int(places[-1]) - first + 1), np.int64)
        for group, fine in enumerate(self._counts):
            np.add.at(coarse[group], places - first, fine)
        self._first, self._counts = first, coarse
