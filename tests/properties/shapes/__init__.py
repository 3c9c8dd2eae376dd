"""All shapes."""

from __future__ import annotations

from tests.properties.shape import Shape
from tests.properties.shapes.aggregates import AGGREGATES
from tests.properties.shapes.chains import CHAINS
from tests.properties.shapes.joins import JOINS
from tests.properties.shapes.windows import WINDOWS

__all__ = ["SHAPES"]

SHAPES: dict[str, Shape] = {shape.name: shape for shape in (*AGGREGATES, *WINDOWS, *JOINS, *CHAINS)}
