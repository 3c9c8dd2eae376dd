"""A diagram as shapes: what the page draws live, and what is written as an SVG file for a page without a kernel.

The shapes are plain data of a few kinds, so that there is one drawing, and text is text in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamnb.plan.diagram import Box, Diagram
from streamnb.widgets.cells import shorten
from streamnb.widgets.layers import order_layers
from streamnb.widgets.svg import clean_text

__all__ = ["Drawing", "draw", "svg_text"]

_WIDTH = 232
_GAP_X = 44
_GAP_Y = 22
_LINE = 15
_HEAD = 25
_PASSING = 10  # the height of a place held open for an arrow
_MARGIN = 12
_NAME_PX = 194  # what is left beside the mark of the state
_NOTE_PX = 210
_NOTES_MAX = 6
_TITLE_CHARS = 400
_STATES = ("RUNNING", "PAUSED", "RETRYING", "ERROR")

Shape = dict[str, Any]
"""``{"shape": rect | path | text | circle, attributes...}``; a text has ``text``, any may have ``title``."""

_STYLE = """
.b{fill:#fff;stroke:#8c959f;stroke-width:1.2}.k{stroke:none}.a{fill:none;stroke:#8c959f;stroke-width:1.4}.h{fill:#8c959f}
.n{fill:#1f2328;font:600 11.5px system-ui,sans-serif}.d{fill:#57606a;font:11px system-ui,sans-serif}
.p{fill:#b3261e;font:11px system-ui,sans-serif}
.connector{fill:#8250df}.topic{fill:#6e7781}.stream{fill:#1f77b4}.table{fill:#2e7d32}.query{fill:#c7631a}
.live{fill:#b0266b}.step{fill:#c7631a}.RUNNING{fill:#2e7d32}.PAUSED{fill:#6e7781}.RETRYING{fill:#e08600}
.ERROR{fill:#b3261e}
"""


@dataclass(frozen=True)
class Drawing:
    """Shapes in drawing order, and the size of the whole in pixels."""

    width: int
    height: int
    shapes: tuple[Shape, ...]


def draw(diagram: Diagram) -> Drawing:
    """Lay a diagram out from left to right."""
    boxes = {box.id: box for box in diagram.boxes}
    layers, ways = order_layers([box.id for box in diagram.boxes], diagram.arrows)
    heights = {id_: _height(boxes[id_]) if id_ in boxes else _PASSING for layer in layers for id_ in layer}
    tallest = max((sum(heights[i] + _GAP_Y for i in layer) - _GAP_Y for layer in layers), default=0)
    places: dict[str, tuple[float, float]] = {}
    for n, layer in enumerate(layers):
        y = _MARGIN + (tallest - sum(heights[i] + _GAP_Y for i in layer) + _GAP_Y) / 2
        for id_ in layer:
            places[id_] = (_MARGIN + n * (_WIDTH + _GAP_X), y)
            y += heights[id_] + _GAP_Y
    shapes: list[Shape] = []
    for way in ways:
        shapes += _arrow([(places[id_], heights[id_]) for id_ in way])
    for id_, box in boxes.items():
        shapes += _box(box, *places[id_], heights[id_])
    width = 2 * _MARGIN + max(len(layers), 1) * (_WIDTH + _GAP_X) - _GAP_X
    return Drawing(width, round(tallest) + 2 * _MARGIN, tuple(shapes))


def svg_text(drawing: Drawing) -> str:
    """Write a drawing as an SVG document that needs nothing else."""
    size = f'width="{drawing.width}" height="{drawing.height}" viewBox="0 0 {drawing.width} {drawing.height}"'
    drawn = "".join(map(_element, drawing.shapes))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>'
        f'<rect width="100%" height="100%" rx="6" fill="#fafbfc"/>{drawn}</svg>'
    )


def _element(shape: Mapping[str, Any]) -> str:
    attributes = "".join(
        f' {name}="{clean_text(str(value))}"' for name, value in shape.items() if name not in ("shape", "text", "title")
    )
    title = f"<title>{clean_text(str(shape['title']))}</title>" if "title" in shape else ""
    return f"<{shape['shape']}{attributes}>{title}{clean_text(str(shape.get('text', '')))}</{shape['shape']}>"


def _height(box: Box) -> int:
    lines = min(len(box.notes), _NOTES_MAX) + (1 if box.problem else 0)
    return _HEAD + lines * _LINE + (6 if lines else 0)


def _fit(text: str, width_px: int, bold: float = 1.0) -> str:
    """Cut a text to a width, by what its characters take in the fonts of most systems; there is nothing to measure."""
    taken = 0.0
    for n, char in enumerate(text):
        taken += bold * (7.5 if char.isupper() or not char.isascii() else 3.2 if char in " .,:;il|'" else 6.0)
        if taken > width_px:
            return text[: max(n - 1, 1)] + "…"
    return text


def _box(box: Box, x: float, y: float, height: int) -> list[Shape]:
    whole = "\n".join(filter(None, (box.name, *box.notes, box.state, box.problem)))
    shapes: list[Shape] = [
        {"shape": "rect", "class": "b", "x": x, "y": y, "width": _WIDTH, "height": height, "rx": 5}
        | {"title": shorten(whole, _TITLE_CHARS)},
        {"shape": "rect", "class": f"k {box.kind}", "x": x, "y": y, "width": 5, "height": height, "rx": 2.5},
        {"shape": "text", "class": "n", "x": x + 14, "y": y + 17, "text": _fit(box.name, _NAME_PX, 1.06)},
    ]
    for n, note in enumerate(box.notes[:_NOTES_MAX]):
        y_note = y + _HEAD + 8 + n * _LINE
        shapes.append({"shape": "text", "class": "d", "x": x + 14, "y": y_note, "text": _fit(note, _NOTE_PX)})
    if box.problem:
        text = _fit(box.problem, _NOTE_PX)
        shapes.append({"shape": "text", "class": "p", "x": x + 14, "y": y + height - 9, "text": text})
    if box.state in _STATES:
        shapes.append(
            {"shape": "circle", "class": f"k {box.state}", "cx": x + _WIDTH - 13, "cy": y + 13, "r": 4.5}
            | {"title": box.state}
        )
    return shapes


def _arrow(way: Sequence[tuple[tuple[float, float], int]]) -> list[Shape]:
    """Draw a curve through the places of a way, and its head."""
    (x, y), height = way[0]
    x, y = x + _WIDTH, y + height / 2
    steps = [f"M{x:.0f} {y:.1f}"]
    for place, ((to_x, to_y), to_height) in enumerate(way[1:], start=1):
        middle = to_y + to_height / 2
        last = place == len(way) - 1
        end = to_x - 6 if last else to_x
        bend = (x + end) / 2
        steps.append(f"C{bend:.1f} {y:.1f} {bend:.1f} {middle:.1f} {end:.0f} {middle:.1f}")
        if not last:
            end = to_x + _WIDTH
            steps.append(f"H{end:.0f}")
        x, y = end, middle
    head = f"M{x + 6:.0f} {y:.1f}l-8 -4.5v9z"
    return [{"shape": "path", "class": "a", "d": "".join(steps)}, {"shape": "path", "class": "h", "d": head}]
