"""JSON documents for tests: what producers write, and what goes wrong with it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

__all__ = ["BASE", "EDITS", "documents", "values"]

BASE: dict[str, Any] = {
    "a": 7,
    "b": 1.5,
    "c": "text",
    "d": 10.25,
    "e": True,
    "f": 3,
    "g": {"x": 1, "y": ["p", "q"]},
    "h": {"k": 1.5},
    "i": 1_500_000_000_000,
    "j": "YWI=",
    "unknown": 5,
}

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.1, -0.0, 1e-5, 1e22, 10.10, 12345678.905]),
    st.text(max_size=5),
    st.sampled_from(
        ["7", " 7", "YWI=", "YW", "true", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")]
    ),
    st.sampled_from([[], {}, [1], ["p", None], {"x": 2}, {"X": 1, "x": 2}, {"y": None, "x": 1}, {"k": 2}, {"k": -0.0}]),
)
names = st.sampled_from([*BASE, *(n.upper() for n in BASE), "other", ""])


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Mutate the base document: other values, names, order, separators, escapes, and broken text."""
    fields = dict(BASE)
    for _ in range(draw(st.integers(0, 2))):
        fields[draw(names)] = draw(values)
    order = draw(st.permutations(list(fields))) if draw(st.integers(0, 4)) == 0 else list(fields)
    separators = draw(st.sampled_from([(",", ":"), (",", ":"), (",", ":"), (", ", ": ")]))
    text = json.dumps({n: fields[n] for n in order}, separators=separators, ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):
        old, new = draw(st.sampled_from(EDITS))
        text = text.replace(old, new, 1)
    data = text.encode()
    if draw(st.integers(0, 9)) == 0:
        cut = draw(st.integers(0, len(data)))
        data = data[:cut] + draw(st.sampled_from([b"", b"\xff", b"\x00", b'"', b"\\", b"}", b" "])) + data[cut + 1 :]
    return data


EDITS = [
    ("1.5", "1.50"),
    ("1.5", "NaN"),
    ("1.5", "nan"),
    ("1.5", "Infinity"),
    ("1.5", "-0.0"),
    ("1.5", "15e-1"),
    ("1.5", "1e999"),
    ("1.5", '"NaN"'),
    ("10.25", "10.250"),
    ("10.25", "10.255"),
    ("10.25", '"10.25"'),
    ("10.25", "-0.00"),
    ("7", "7.0"),
    ("7", "07"),
    ("7", "-0"),
    ("7", "7,"),
    ("text", "te\\u0078t"),
    ("text", "\\/"),
    ("text", "\\ud800"),
    ("text", "\\u0000"),
    ("text", "\\\\\\\\"),
    ("text", '","d":1,"c":"'),
    ('"a"', '"\\u0061"'),
    ('"a"', '"a":1,"a"'),
    ("}", ",}"),
    ("}", "} "),
    ("}", "}}"),
    ("true", "TRUE"),
    ("true", "1"),
    ('"unknown"', '"A"'),
    ("[", "[1,"),
    ('"k"', '"k":1,"k"'),
    (",", ",,"),
    ("{", "{ "),
    ("{", " {"),
]
