"""Pieces of an SVG document: text that is escaped, lines, and a rectangle with axes."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamnb.widgets.points import Floats

__all__ = ["GRID", "INK", "SOFT", "WIDTH", "Frame", "clean_text", "document", "path_of", "points_of", "text_at"]

WIDTH = 820
INK, SOFT, GRID = "#1f2328", "#656d76", "#e6e9ee"
_CARD = "#ffffff"
_PLOT_HEIGHT = 240
_LEFT, _RIGHT = 62, 20
_TEXT_CHARS_MAX = 160
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"


@dataclass(frozen=True)
class Frame:
    """The rectangle of a plot and the ranges of its axes."""

    top: float
    x: tuple[float, float]
    y: tuple[float, float]
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    height: float = _PLOT_HEIGHT

    def across(self, values: Floats | float) -> Any:
        """Turn places into pixels."""
        size = (self.x[1] - self.x[0]) or 1.0
        return self.left + (values - self.x[0]) / size * (self.right - self.left)

    def upwards(self, values: Floats | float) -> Any:
        """Turn heights into pixels."""
        size = (self.y[1] - self.y[0]) or 1.0
        return self.top + self.height - (values - self.y[0]) / size * self.height


def document(parts: Sequence[str], height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" font-family="{html.escape(_FONT)}" role="img">'
        f'<rect width="{WIDTH}" height="{height:.0f}" rx="6" fill="{_CARD}"/>{"".join(parts)}</svg>'
    )


def clean_text(text: str) -> str:
    """Escape a text; XML has no place for control characters, not even escaped."""
    return html.escape("".join(c if c.isprintable() or c == "\n" else " " for c in text))


def text_at(
    x: float, y: float, text: str, colour: str, size: int, *, anchor: str = "start", weight: int = 400, turn: int = 0
) -> str:
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}"{turned}>{clean_text(text[:_TEXT_CHARS_MAX])}</text>'
    )


def points_of(frame: Frame, x: Floats, y: Floats) -> str:
    pairs = zip(frame.across(x).tolist(), frame.upwards(y).tolist(), strict=True)
    return "L".join(f"{a:.1f} {b:.1f}" for a, b in pairs)


def path_of(frame: Frame, x: Floats, y: Floats, colour: str, width: float) -> str:
    return (
        f'<path d="M{points_of(frame, x, y)}" fill="none" stroke="{colour}" stroke-width="{width}" '
        'stroke-linejoin="round" stroke-linecap="round"/>'
    )
