"""The colours of charts: told apart by colour-blind readers too, and clear on the page of either theme."""

from __future__ import annotations

import itertools

from streamnb.widgets.groups import SLOTS

__all__ = ["DARK", "LIGHT", "OTHER", "RAMP"]

# Found by search: each colour as far as possible from those before it, as seen with and without red–green blindness, in
# both themes at once.
LIGHT = (
    *("#316bca", "#f0901e", "#ad0445", "#1abcb8", "#b16512"),
    *("#6b248e", "#008d89", "#c882f1", "#0d5b45", "#76518c"),
)
DARK = (
    *("#6ba3ff", "#ffb04d", "#ff5d7d", "#7af0ea", "#bb6802"),
    *("#a25cc8", "#05cbc6", "#e3b6ff", "#1fdcaa", "#ad86c5"),
)
OTHER = {"light": "#9aa4b2", "dark": "#6e7885"}
assert len(LIGHT) == len(DARK) == SLOTS

# From little to much, in even steps of lightness; the page turns it round in the dark, so that much stands out.
_STOPS = ("#eef4fb", "#b0d2ee", "#5aa3d9", "#2a6ab3", "#1f3679", "#181f55")
_STEPS = 12  # between two of them


def _between(start: str, end: str, part: float) -> str:
    pairs = ((int(start[i : i + 2], 16), int(end[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)


RAMP = tuple(_between(a, b, i / _STEPS) for a, b in itertools.pairwise(_STOPS) for i in range(_STEPS)) + _STOPS[-1:]
