"""Scalar functions that hide the characters of a text by their class."""

from __future__ import annotations

from collections.abc import Callable

from streamnb.functions.declare import Function, Overload, fail, in_sql, in_values

__all__ = ["FUNCTIONS"]

_CATEGORY = "string"
_MASKS = "upper STRING, lower STRING, digit STRING, other STRING"

# Letters go first: what stands for a letter or for another character is no digit, and "n" comes last.
_DEFAULTS = ((r"\p{{Ll}}", "x"), (r"\p{{Lu}}", "X"), (r"[^\p{{Lu}}\p{{Ll}}\p{{Nd}}]", "-"), (r"\p{{Nd}}", "n"))


def _masked(text: str) -> str:
    """Write the masking of a piece of template with ksqlDB's default characters."""
    for pattern, mask in _DEFAULTS:
        text = f"regexp_replace({text}, '{pattern}', '{mask}', 'g')"
    return text


def _mask_one(character: str, masks: tuple[str | None, ...]) -> str:
    upper, lower, digit, other = masks
    if character.isupper():
        mask = upper
    elif character.islower():
        mask = lower
    else:
        mask = digit if character.isdecimal() else other
    return mask[0] if mask else character


# Masks of one's own stay in Python: one regexp_replace for each of four classes takes DuckDB as long.


def _mask(text: str | None, *masks: str | None) -> str | None:
    """Mask each character by its class; a null or empty mask leaves the class as it is."""
    return None if text is None else "".join(_mask_one(c, masks) for c in text)


_Parts = Callable[[str, int], tuple[str, str, str]]


def _partial(parts: _Parts) -> Callable[..., str | None]:
    """Make a function that masks the middle one of three parts of a text."""

    def mask(text: str | None, count: int | None, *masks: str | None) -> str | None:
        if text is None or count is None:
            return None
        if count < 0:
            raise ValueError(f"function requires a non-negative number, not {count}")
        before, hidden, after = parts(text, count)
        return before + (_mask(hidden, *masks) or "") + after

    return mask


def _mask_left(text: str, count: int) -> tuple[str, str, str]:
    return "", text[:count], text[count:]


def _mask_right(text: str, count: int) -> tuple[str, str, str]:
    cut = max(len(text) - count, 0)
    return text[:cut], text[cut:], ""


def _keep_left(text: str, count: int) -> tuple[str, str, str]:
    return text[:count], text[count:], ""


def _keep_right(text: str, count: int) -> tuple[str, str, str]:
    cut = max(len(text) - count, 0)
    return "", text[:cut], text[cut:]


_HEAD, _TAIL = "left({0}, {1})", "substring({0}, {1}::BIGINT + 1)"
_END, _REST = "right({0}, {1})", "left({0}, greatest(length({0}) - {1}, 0))"
_NEGATIVE = fail("function requires a non-negative number", "VARCHAR")


def _counted(template: str) -> str:
    return f"CASE WHEN {{1}} < 0 THEN {_NEGATIVE} WHEN {{1}} >= 0 THEN {template} END"


def _function(name: str, doc: str, template: str, parts: _Parts) -> Function:
    overloads: tuple[Overload, ...] = (
        in_sql("(text STRING, count INT) -> STRING", _counted(template), can_raise=True),
        in_values(f"(text STRING, count INT, {_MASKS}) -> STRING", _partial(parts), can_raise=True, strict=False),
    )
    return Function(name, _CATEGORY, doc, overloads)


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "MASK",
        _CATEGORY,
        "Hides a text: X for capitals, x for small letters, n for digits, - for the rest, or masks of your own.",
        (
            in_sql("(text STRING) -> STRING", _masked("{0}")),
            in_values(f"(text STRING, {_MASKS}) -> STRING", _mask, strict=False),
        ),
    ),
    _function(
        "MASK_KEEP_LEFT", "Hides a text but for its first characters.", f"{_HEAD} || {_masked(_TAIL)}", _keep_left
    ),
    _function(
        "MASK_KEEP_RIGHT", "Hides a text but for its last characters.", f"{_masked(_REST)} || {_END}", _keep_right
    ),
    _function("MASK_LEFT", "Hides the first characters of a text.", f"{_masked(_HEAD)} || {_TAIL}", _mask_left),
    _function("MASK_RIGHT", "Hides the last characters of a text.", f"{_REST} || {_masked(_END)}", _mask_right),
)
