"""What the scalar functions give, family by family."""

from __future__ import annotations

from tests.functions.calling import Case
from tests.functions.cases import arrays, bytes, datetimes, json, numbers, strings, urls

CASES: list[Case] = [
    c for family in (arrays, bytes, datetimes, json, numbers, strings, urls) for group in family.CASES for c in group
]
