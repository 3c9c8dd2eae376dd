"""Which group of a chart has which colour, and which category has which place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from streamnb.widgets.marks import Codes
from streamnb.widgets.points import Floats

__all__ = ["FACTORS_MAX", "OTHER_SLOT", "SLOTS", "Slots", "codes_of", "largest", "newest"]

SLOTS = 10  # groups with a colour of their own
OTHER_SLOT = SLOTS
FACTORS_MAX = 60


class Slots:
    """Gives each group one of ``SLOTS`` slots, and so its colour, for as long as it is on show.

    The groups that come when all slots are taken share the slot ``OTHER_SLOT``; how many they are is counted over
    the last ``span`` records.
    """

    def __init__(self, span: int) -> None:
        self._span = span
        self._slots: dict[str, int] = {}
        self._others: dict[str, int] = {}
        self._clock = 0

    @property
    def others(self) -> int:
        """Count the groups without a slot of their own."""
        return len(self._others)

    def names(self) -> list[str | None]:
        """Name each slot; None for those not in use."""
        names: list[str | None] = [None] * (SLOTS + 1)
        for group, slot in self._slots.items():
            names[slot] = group
        if self._others:
            names[OTHER_SLOT] = "other"
        return names

    def assign(self, groups: Sequence[str]) -> Codes:
        """Return the slot of each record's group."""
        self._clock += len(groups)
        for group in dict.fromkeys(groups):
            if group in self._slots:
                continue
            free = next((s for s in range(SLOTS) if s not in self._slots.values()), None)
            self._others.pop(group, None)
            if free is None:
                self._others[group] = self._clock
            else:
                self._slots[group] = free
        while self._others and (oldest := next(iter(self._others.items())))[1] <= self._clock - self._span:
            del self._others[oldest[0]]
        slot_of = self._slots
        return np.fromiter((slot_of.get(group, OTHER_SLOT) for group in groups), np.uint8, len(groups))

    def keep(self, groups: Iterable[str]) -> None:
        """Free the slots of all groups but these."""
        present = set(groups)
        self._slots = {group: slot for group, slot in self._slots.items() if group in present}
        self._others.clear()

    def keep_used(self, codes: Codes) -> None:
        """Free the slots that none of the marks has."""
        used = np.bincount(codes, minlength=SLOTS + 1)
        self._slots = {group: slot for group, slot in self._slots.items() if used[slot]}


def largest(labels: Sequence[str], heights: Floats) -> list[str]:
    """List the ``FACTORS_MAX`` categories with the largest heights, numbers in their order, then texts in theirs."""
    present = list(dict.fromkeys(labels))
    if len(present) > FACTORS_MAX:
        sizes = dict.fromkeys(present, 0.0)
        for label, height in zip(labels, np.abs(heights).tolist(), strict=True):
            sizes[label] += height
        present = sorted(present, key=lambda label: -sizes[label])[:FACTORS_MAX]
    return sorted(present, key=_natural_order)


def newest(labels: Sequence[str], before: Sequence[str]) -> list[str]:
    """List the categories in the order of their appearance; of too many, the newest ``FACTORS_MAX``."""
    present = dict.fromkeys(labels)
    kept = [name for name in before if name in present]
    known = set(kept)
    return (kept + [name for name in present if name not in known])[-FACTORS_MAX:]


def codes_of(labels: Sequence[str], names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Number the category of each record by its place among the names; -1 for one that is not there."""
    places = {name: place for place, name in enumerate(names)}
    return np.fromiter((places.get(label, -1) for label in labels), np.int64, len(labels))


def _natural_order(label: str) -> tuple[int, float, str]:
    try:
        number = float(label)
    except ValueError:
        return 1, 0.0, label
    return (0, number, label) if math.isfinite(number) else (1, 0.0, label)
