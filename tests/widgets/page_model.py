"""What a page does with the frames of a chart, in Python: the arrays that it holds after each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from streamnb.widgets.marks import Marks

_TYPES = {"at": np.uint32, "set": np.float64, "x": np.float64, "y": np.float64, "w": np.float64, "g": np.uint8}


class PageModel:
    """The marks of a chart in a page."""

    def __init__(self) -> None:
        self.marks = Marks()
        self.names: dict[str, Any] = {}

    def apply(self, frame: dict[str, Any]) -> None:
        """Take in a frame."""
        parts: dict[str, npt.NDArray[Any]] = {
            name: np.frombuffer(buffer, _TYPES[name])
            for name, buffer in zip(frame["names"], frame["buffers"], strict=True)
        }
        old = Marks() if frame["all"] else self.marks
        y = old.y.copy()
        if "at" in parts:
            y[frame["drop"] + parts["at"]] = parts["set"]
        kept = Marks(old.x, y, old.g, old.w).take(slice(frame["drop"], None))
        if "x" in parts:
            widths = parts.get("w", np.zeros(len(parts["x"])))
            kept = kept.joined(Marks(parts["x"], parts["y"], parts["g"], widths))
        self.marks = kept
        self.names |= {name: frame[name] for name in ("groups", "factors", "rows", "caption") if name in frame}


def tuples(marks: Marks) -> list[tuple[float, ...]]:
    """Return marks as tuples of x, y, group, width."""
    columns = (marks.x.tolist(), marks.y.tolist(), marks.g.tolist(), marks.w.tolist())
    return list(zip(*columns, strict=True))
