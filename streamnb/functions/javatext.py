"""Texts as Java writes them."""

from __future__ import annotations

import math

__all__ = ["java_double"]


def java_double(value: float) -> str:
    """Write a DOUBLE as Java's ``Double.toString`` does: ``1.0``, ``1.0E10``, ``NaN``."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    size = abs(value)
    if size == 0:
        return f"{sign}0.0"
    if size == 5e-324:  # of the texts that mean the least number, Java takes the nearest with two digits
        return f"{sign}4.9E-324"
    mantissa, _, exponent = f"{size!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.digits * 10 ** point.
    point = int(exponent or 0) + (len(whole) if whole != "0" else len(digits) - len(fraction))
    digits = digits.rstrip("0")
    if 1e-3 <= size < 1e7:
        if point <= 0:
            return f"{sign}0.{'0' * -point}{digits}"
        padded = digits.ljust(point, "0")
        return f"{sign}{padded[:point]}.{padded[point:] or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{point - 1}"
