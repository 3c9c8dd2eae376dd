"""A chart as an SVG image: what a saved notebook shows without a kernel, without scripts, and in print.

It is drawn on a light card of its own, since an image does not know the theme of the page around it. Texts are
escaped; the number of marks is bounded, so that a saved notebook stays small.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamnb.widgets import palette
from streamnb.widgets.cells import cell_text
from streamnb.widgets.marks import Marks
from streamnb.widgets.points import Floats
from streamnb.widgets.series import ChartFrames
from streamnb.widgets.svg import GRID, INK, SOFT, WIDTH, Frame, document, path_of, points_of, text_at
from streamnb.widgets.ticks import day_text, number_text, number_ticks, time_ticks
from streamnb.widgets.tiles import MetricFrames

__all__ = ["chart_picture", "tiles_picture"]

_POINTS_MAX = 1500  # of one group of lines or points
_SHAPES_MAX = 3000  # bars or cells
_COLOURS = (*palette.LIGHT, palette.OTHER["light"])


def chart_picture(frames: ChartFrames, title: str) -> str:
    """Draw the state of a chart as an SVG document."""
    kind = frames.encoding.kind
    marks = frames.marks if kind in ("line", "area", "scatter") else frames.marks.last(_SHAPES_MAX, whole_places=True)
    parts = [text_at(12, 22, title, SOFT, 12)]
    heading = f"Distribution of {frames.labels[1]}" if kind == "hist" else frames.labels[1]
    heading += f" by {frames.color_label}" if frames.color_label is not None else ""
    parts.append(text_at(12, 44, heading, INK, 14, weight=600))
    legend, top = _legend(frames.groups, 60)
    parts += legend
    if not len(marks):
        parts.append(text_at(WIDTH / 2, top + 60, "no rows yet", SOFT, 13, anchor="middle"))
        return document(parts, top + 120)
    lefts, rights = _sides(marks, frames.encoding.scale)
    bottoms, tops = _stacked(marks) if kind in ("stacked", "hist") else (np.zeros(len(marks)), marks.y)
    x = (0.0, float(len(frames.factors))) if frames.factors else _range_of(lefts, rights)
    if frames.encoding.window_ms is not None and not frames.factors:
        x = (x[1] - frames.encoding.window_ms, x[1])
    y = (0.0, float(len(frames.rows))) if kind == "heatmap" else _heights(bottoms, tops, kind)
    frame = Frame(top, x, y)
    parts += _axes(frame, frames)
    if kind == "heatmap":
        parts += _cells(frame, marks, lefts, rights)
    elif kind in ("bar", "stacked", "hist"):
        beside = kind == "bar"
        parts += _bars(frame, marks, (lefts, rights), (bottoms, tops), beside=beside)
    else:
        parts += _curves(frame, marks, kind)
    bottom = frame.top + frame.height
    below = frames.labels[0] + (f" · {day_text(*x)}" if frames.encoding.scale == "time" else "")
    parts.append(text_at(WIDTH / 2, bottom + 38, below, SOFT, 11, anchor="middle"))
    fewer = f"; drawn are the newest {len(marks):,} marks" if len(marks) < len(frames.marks) else ""
    parts.append(text_at(12, bottom + 56, frames.caption + fewer, SOFT, 11))
    return document(parts, bottom + 66)


def tiles_picture(frames: MetricFrames, title: str) -> str:
    """Draw metric tiles as an SVG document."""
    parts = [text_at(12, 22, title, SOFT, 12)]
    columns, wide, high, gap = 5, 150, 92, 10
    for place, tile in enumerate(frames.tiles):
        left, top = 12 + place % columns * (wide + gap), 36 + place // columns * (high + gap)
        parts.append(
            f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" rx="8" fill="#f7f9fc" stroke="{GRID}"/>'
        )
        parts.append(text_at(left + 10, top + 20, cell_text(tile.label, chars_max=20) or "", SOFT, 12, weight=600))
        parts.append(text_at(left + 10, top + 48, f"{tile.values[-1]:,.6g}", INK, 26, weight=600))
        parts.append(text_at(left + 10, top + 64, frames.label, SOFT, 10))
        if len(tile.values) > 1:
            values = np.array(tile.values)
            low, high_ = float(values.min()), float(values.max())
            small = Frame(top + 68, (0, len(values) - 1), (low, high_), left, left + wide, 20)
            parts.append(path_of(small, np.arange(len(values), dtype=np.float64), values, _COLOURS[0], 1.5))
    rows = -(-len(frames.tiles) // columns)
    if not rows:
        parts.append(text_at(WIDTH / 2, 60, "no rows yet", SOFT, 13, anchor="middle"))
    parts.append(text_at(12, 52 + max(1, rows) * (high + gap), frames.caption, SOFT, 11))
    return document(parts, 62 + max(1, rows) * (high + gap))


def _legend(groups: Sequence[str | None], top: float) -> tuple[list[str], float]:
    """Draw the names of the groups in lines; return where the plot may begin, too."""
    parts: list[str] = []
    x, y = 14.0, top
    for slot, name in enumerate(groups):
        if name is None:
            continue
        width = 26 + 7 * len(name)
        if x + width > WIDTH - 10 and x > 14:
            x, y = 14.0, y + 18
        parts.append(f'<circle cx="{x + 4:.1f}" cy="{y:.1f}" r="4.5" fill="{_COLOURS[slot]}"/>')
        parts.append(text_at(x + 13, y + 4, name, INK, 12))
        x += width
    return parts, y + (22 if parts else 4)


def _sides(marks: Marks, scale: str) -> tuple[Floats, Floats]:
    """Return the left and the right edge of each mark's place."""
    if scale == "category":
        return marks.x, marks.x + 1
    if marks.w.any():
        return marks.x, marks.x + marks.w
    places = np.unique(marks.x)
    width = float(np.diff(places).min()) if len(places) > 1 else (1000.0 if scale == "time" else 1.0)
    return marks.x - width / 2, marks.x + width / 2


def _stacked(marks: Marks) -> tuple[Floats, Floats]:
    """Return where each mark begins and ends when those of one place stand on each other, the negative ones below."""
    bottoms = np.zeros(len(marks))
    heights: dict[tuple[float, bool], float] = {}
    for i, (x, y) in enumerate(zip(marks.x.tolist(), marks.y.tolist(), strict=True)):
        bottoms[i] = heights.get((x, y >= 0), 0.0)
        heights[x, y >= 0] = bottoms[i] + y
    return bottoms, bottoms + marks.y


def _range_of(lefts: Floats, rights: Floats) -> tuple[float, float]:
    start, end = float(lefts.min()), float(rights.max())
    return (start, end) if end > start else (start - 1, end + 1)


def _heights(bottoms: Floats, tops: Floats, kind: str) -> tuple[float, float]:
    low, high = float(min(bottoms.min(), tops.min())), float(max(bottoms.max(), tops.max()))
    if kind in ("line", "scatter"):
        low, high = float(tops.min()), float(tops.max())
        low = 0.0 if 0 <= low < 0.5 * high else low
    pad = (high - low) * 0.07 or abs(high) * 0.1 or 1.0
    return (low if low == 0 else low - pad), high + pad


def _axes(frame: Frame, frames: ChartFrames) -> list[str]:
    parts = []
    bottom = frame.top + frame.height
    if frames.encoding.kind == "heatmap":
        step = max(1, -(-len(frames.rows) // 20))
        for code, name in list(enumerate(frames.rows))[::step]:
            shown = cell_text(name, chars_max=9) or ""
            parts.append(text_at(frame.left - 6, float(frame.upwards(code + 0.5)) + 4, shown, SOFT, 11, anchor="end"))
    else:
        for value, label in number_ticks(*frame.y, 5):
            y = float(frame.upwards(value))
            parts.append(f'<path d="M{frame.left:.1f} {y:.1f}H{frame.right:.1f}" stroke="{GRID}"/>')
            parts.append(text_at(frame.left - 6, y + 4, label, SOFT, 11, anchor="end"))
    if frames.factors:
        many = len(frames.factors) > 8
        step = max(1, -(-len(frames.factors) // 30))
        for code, name in list(enumerate(frames.factors))[::step]:
            x, shown = float(frame.across(code + 0.5)), cell_text(name, chars_max=9 if many else 14) or ""
            parts.append(
                text_at(x, bottom + 15, shown, SOFT, 11, anchor="end" if many else "middle", turn=-25 if many else 0)
            )
        return parts
    ticks = time_ticks(*frame.x, 8) if frames.encoding.scale == "time" else number_ticks(*frame.x, 8)
    parts += [
        text_at(float(frame.across(value)), bottom + 16, label, SOFT, 11, anchor="middle") for value, label in ticks
    ]
    return parts


def _bars(
    frame: Frame, marks: Marks, sides: tuple[Floats, Floats], ends: tuple[Floats, Floats], *, beside: bool
) -> list[str]:
    """Draw bars, one path for each group."""
    used = np.unique(marks.g).tolist()
    share = len(used) if beside else 1
    parts = []
    for number, slot in enumerate(used):
        chosen = marks.g == slot
        left, right = frame.across(sides[0][chosen]), frame.across(sides[1][chosen])
        room = (right - left) * 0.9 / share
        start = left + (right - left) * 0.05 + (room * number if beside else 0)
        low, high = frame.upwards(ends[0][chosen]), frame.upwards(ends[1][chosen])
        shapes = zip(start.tolist(), low.tolist(), room.tolist(), high.tolist(), strict=True)
        path = "".join(f"M{x:.1f} {a:.1f}h{w:.1f}V{b:.1f}h{-w:.1f}z" for x, a, w, b in shapes)
        parts.append(f'<path d="{path}" fill="{_COLOURS[slot]}"/>')
    return parts


def _curves(frame: Frame, marks: Marks, kind: str) -> list[str]:
    """Draw lines, areas or points."""
    parts = []
    for slot in np.unique(marks.g).tolist():
        group = marks.take(marks.g == slot)
        group = group.take(np.argsort(group.x, kind="stable"))
        colour = _COLOURS[slot]
        if kind == "scatter":
            kept = group.take(np.linspace(0, len(group) - 1, min(len(group), _POINTS_MAX)).astype(np.int64))
            places = zip(frame.across(kept.x).tolist(), frame.upwards(kept.y).tolist(), strict=True)
            dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in places)
            parts.append(
                f'<path d="{dots}" stroke="{colour}" stroke-width="5.5" stroke-linecap="round" stroke-opacity="0.55"/>'
            )
            continue
        thin = _thinned(group)
        if kind == "area":
            base = float(frame.upwards(max(frame.y[0], min(0.0, frame.y[1]))))
            points = points_of(frame, thin.x, thin.y)
            last, first = (float(frame.across(float(x))) for x in (thin.x[-1], thin.x[0]))
            edges = f"{last:.1f} {base:.1f}L{first:.1f} {base:.1f}"
            parts.append(f'<path d="M{points}L{edges}z" fill="{colour}" fill-opacity="0.14"/>')
        parts.append(path_of(frame, thin.x, thin.y, colour, 2))
    return parts


def _thinned(group: Marks) -> Marks:
    """Keep the first, lowest, highest and last of each of many parts of a long line: what its picture shows."""
    if len(group) <= _POINTS_MAX:
        return group
    kept: set[int] = set()
    for part in np.array_split(np.arange(len(group)), _POINTS_MAX // 4):
        heights = group.y[part]
        kept |= {int(part[0]), int(part[heights.argmin()]), int(part[heights.argmax()]), int(part[-1])}
    return group.take(np.array(sorted(kept)))


def _cells(frame: Frame, marks: Marks, lefts: Floats, rights: Floats) -> list[str]:
    """Draw the cells of a heatmap, one path for each shade, and the scale of the shades."""
    low, high = min(0.0, float(marks.y.min())), float(marks.y.max())
    shades = ((marks.y - low) / ((high - low) or 1.0) * (len(palette.RAMP) - 1)).round().astype(np.int64)
    parts = []
    for shade in np.unique(shades).tolist():
        chosen = shades == shade
        left, right = frame.across(lefts[chosen]), frame.across(rights[chosen])
        top, bottom = frame.upwards(marks.g[chosen] + 0.97), frame.upwards(marks.g[chosen] + 0.03)
        shapes = zip(left.tolist(), top.tolist(), (right - left).tolist(), (bottom - top).tolist(), strict=True)
        path = "".join(
            f"M{x:.1f} {y:.1f}h{max(w - 0.8, 0.5):.1f}v{h:.1f}h{-max(w - 0.8, 0.5):.1f}z" for x, y, w, h in shapes
        )
        parts.append(f'<path d="{path}" fill="{palette.RAMP[shade]}"/>')
    scale = f"{number_text(low)} (light) to {number_text(high)} (dark)"
    parts.append(text_at(frame.right, 44, scale, SOFT, 11, anchor="end"))
    return parts
