"""Scalar functions that hide the characters of a text by their class."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from streamnb.duck import Sql, lit
from streamnb.functions.declare import Builder, Call, Function, Overload, fail, fill, in_sql, in_values

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


_CLASSES = ("[A-Z]", "[a-z]", "[0-9]", "[^A-Za-z0-9]")
"""What masks are for, in the order of the arguments, as far as ASCII texts go."""
_CONSTANT_MASK = re.compile(r"NULL(?:::\w+)?\Z|'((?:[^']|'')*)'\Z")


def _constant_masks(pieces: Sequence[Sql]) -> list[str] | None:
    """Read the first characters of masks that are literals; one that is null or empty is an empty text."""
    found = [_CONSTANT_MASK.match(piece) for piece in pieces]
    return None if None in found else [(f.group(1) or "").replace("''", "'")[:1] for f in found if f]


def _in_order(masks: Sequence[str]) -> list[int] | None:
    """Order the classes so that no mask is taken for a character of the text; None where they form a circle."""
    left, order = [i for i, mask in enumerate(masks) if mask], []
    while left:
        ready = [i for i in left if not any(j != i and re.match(_CLASSES[j], masks[i]) for j in left)]
        if not ready:
            return None
        order.append(ready[0])
        left.remove(ready[0])
    return order


def _masked_by(first: int, template: str) -> Builder:
    """Mask ASCII texts with constant masks, which are the arguments from ``first`` on."""

    def build(call: Call) -> Sql | None:
        pieces = call.pieces()
        masks = _constant_masks(pieces[first:])
        order = None if masks is None else _in_order(masks)
        if masks is None or order is None:
            return None

        def masked(text: str) -> str:
            for i in order:
                text = f"regexp_replace({text}, '{_CLASSES[i]}', {{{len(pieces) + i}}}, 'g')"
            return text

        whole = re.sub(r"<<(.*)>>", lambda hidden: masked(hidden.group(1)), template)
        marks = [lit(mask.replace("\\", r"\\")) for mask in masks]
        return fill(f"CASE WHEN strlen({{0}}) = length({{0}}) THEN {whole} ELSE {call.python} END", (*pieces, *marks))

    return build


_HEAD, _TAIL = "left({0}, {1})", "substring({0}, {1}::BIGINT + 1)"
_END, _REST = "right({0}, {1})", "left({0}, greatest(length({0}) - {1}, 0))"
_NEGATIVE = fail("function requires a non-negative number", "VARCHAR")


def _counted(template: str) -> str:
    return f"CASE WHEN {{1}} < 0 THEN {_NEGATIVE} WHEN {{1}} >= 0 THEN {template} END"


def _function(name: str, doc: str, template: str, parts: _Parts) -> Function:
    """Declare a function of a text and a count; what the template has between << and >> is hidden."""
    plain = re.sub(r"<<(.*)>>", lambda hidden: _masked(hidden.group(1)), template)
    overloads: tuple[Overload, ...] = (
        in_sql("(text STRING, count INT) -> STRING", _counted(plain), can_raise=True),
        in_values(
            f"(text STRING, count INT, {_MASKS}) -> STRING",
            _partial(parts),
            can_raise=True,
            strict=False,
            sql_first=_masked_by(2, _counted(template)),
        ),
    )
    return Function(name, _CATEGORY, doc, overloads)


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "MASK",
        _CATEGORY,
        "Hides a text: X for capitals, x for small letters, n for digits, - for the rest, or masks of your own.",
        (
            in_sql("(text STRING) -> STRING", _masked("{0}")),
            in_values(f"(text STRING, {_MASKS}) -> STRING", _mask, strict=False, sql_first=_masked_by(1, "<<{0}>>")),
        ),
    ),
    _function("MASK_KEEP_LEFT", "Hides a text but for its first characters.", f"{_HEAD} || <<{_TAIL}>>", _keep_left),
    _function("MASK_KEEP_RIGHT", "Hides a text but for its last characters.", f"<<{_REST}>> || {_END}", _keep_right),
    _function("MASK_LEFT", "Hides the first characters of a text.", f"<<{_HEAD}>> || {_TAIL}", _mask_left),
    _function("MASK_RIGHT", "Hides the last characters of a text.", f"{_REST} || <<{_END}>>", _mask_right),
)
