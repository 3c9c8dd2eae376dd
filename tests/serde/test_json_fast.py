"""The vectorised JSON path: equal to the strict decoder on anything, and taken by what real producers write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamnb import schema as s
from streamnb.serde import Side
from streamnb.store import Store
from tests.serde.harness import counted, decode_values, side_of, strict

NESTED = s.Struct((s.Field("X", s.INTEGER), s.Field("Y", s.Array(s.STRING))))
TYPES = (
    s.BIGINT,
    s.DOUBLE,
    s.STRING,
    s.Decimal(8, 2),
    s.BOOLEAN,
    s.INTEGER,
    NESTED,
    s.Map(s.STRING, s.DOUBLE),
    s.TIMESTAMP,
    s.BYTES,
)
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


def assert_paths_agree(store: Store, side: Side, documents: list[bytes]) -> None:
    fast, fast_rejected = decode_values(store, documents, side)
    slow, slow_rejected = decode_values(store, documents, strict(side))
    assert repr(sorted(fast.items())) == repr(sorted(slow.items()))
    assert fast_rejected == slow_rejected


@settings(max_examples=60, deadline=None)
@given(batch=st.lists(documents(), min_size=1, max_size=30), unusual=st.booleans())
def test_fast_path_agrees_with_strict_decoder_on_mutated_documents(
    store: Store, batch: list[bytes], unusual: bool
) -> None:
    side = side_of("JSON", *TYPES)
    side.memory.unusual = unusual
    assert_paths_agree(store, side, [json.dumps(BASE, separators=(",", ":")).encode()] * 3 + batch)


@settings(max_examples=40, deadline=None)
@given(type_=st.sampled_from(TYPES), batch=st.lists(values, min_size=1, max_size=20), unusual=st.booleans())
def test_fast_path_agrees_with_strict_decoder_on_bare_values(
    store: Store, type_: s.SqlType, batch: list[Any], unusual: bool
) -> None:
    side = side_of("JSON", type_, wrapped=False)
    side.memory.unusual = unusual
    assert_paths_agree(store, side, [json.dumps(value).encode() for value in batch])


@pytest.mark.parametrize("unusual", [False, True])
@pytest.mark.parametrize("edit", EDITS)
def test_fast_path_agrees_with_strict_decoder_on_each_edit(store: Store, edit: tuple[str, str], unusual: bool) -> None:
    good = json.dumps(BASE, separators=(",", ":"))
    side = side_of("JSON", *TYPES)
    side.memory.unusual = unusual
    edited = [good.replace(*edit, count).encode() for count in (1, 2, 100)]
    assert_paths_agree(store, side, [good.encode(), *edited, good.encode()])


@pytest.mark.parametrize(
    "write",
    [
        lambda node: json.dumps(node, separators=(",", ":")),
        lambda node: json.dumps(node),
        lambda node: json.dumps(dict(reversed(node.items()))),
        lambda node: json.dumps({n.upper(): v for n, v in node.items() if n != "g"}),
        lambda node: json.dumps(node | {"c": 'é\n"\\/', "j": None, "g": None}, ensure_ascii=False),
        lambda node: f' {{ "A" : {node["a"]}, "c":"{node["c"]}" , "z":null}}\n',
    ],
)
def test_fast_path_vouches_for_documents_of_a_real_producer(store: Store, write: Any) -> None:
    side, asked = counted(side_of("JSON", *TYPES))
    batch = [write(BASE | {"a": n, "c": f"text {n}", "e": n % 2 == 0}).encode() for n in range(10)]
    rows, rejected = decode_values(store, batch, side)
    assert (len(rows), rejected, asked) == (10, [], [])


@pytest.mark.parametrize(
    ("types", "documents"),
    [
        ((s.DOUBLE,), [b'{"a":10}', b'{"a":10.5}', b'{"a":1.0E-5}', b'{"a":1.50}']),
        ((s.Decimal(10, 2),), [b'{"a":10.5}', b'{"a":10}', b'{"a":10.55}']),
        ((s.STRING,), [b'{"a":"\\u00e9"}', b'{"a":"\\/"}', b'{"a":"\\ud83d\\ude00"}']),
        ((s.INTEGER, s.INTEGER), [b'{"a":1,"b":2}', b'{"a":1}', b'{"b":1}', b'{"b":1,"a":2}', b"{}"][:4]),
    ],
)
def test_fast_path_vouches_for_values_written_in_several_ways(
    store: Store, types: tuple[s.SqlType, ...], documents: list[bytes]
) -> None:
    side, asked = counted(side_of("JSON", *types))
    rows, rejected = decode_values(store, documents, side)
    assert (len(rows), rejected, asked) == (len(documents), [], [])


def test_new_layout_is_learned_when_it_becomes_common(store: Store) -> None:
    side, asked = counted(side_of("JSON", s.INTEGER, s.STRING))
    decode_values(store, [b'{"a":1,"b":"x"}'] * 5, side)
    other = [f'{{"b":"y","more":null,"a":{n}}}'.encode() for n in range(50)]
    decode_values(store, other, side)
    assert len(asked) == 50
    asked.clear()
    rows, _ = decode_values(store, other, side)
    assert asked == []
    assert rows[49] == (49, "y", False)


def test_one_field_that_fills_two_columns_reaches_both(store: Store) -> None:
    side = side_of("JSON", s.INTEGER, s.INTEGER, names="aA")
    rows, rejected = decode_values(store, [b'{"a":1}', b'{"a":1,"A":2}', b'{"A":3}'], side)
    assert rows == {0: (1, 1, False), 1: (1, 2, False), 2: (None, 3, False)}
    assert rejected == []


def test_null_document_is_a_null_record(store: Store) -> None:
    rows, rejected = decode_values(store, [b"null", None, b" null ", b'{"a":1}'], side_of("JSON", s.INTEGER))
    assert rows == {0: (None, True), 1: (None, True), 2: (None, True), 3: (1, False)}
    assert rejected == []
