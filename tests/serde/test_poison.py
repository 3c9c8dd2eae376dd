"""A broken record is refused alone: the good ones around it survive, whatever is wrong with it."""

from __future__ import annotations

import pytest

from streamnb import schema as s
from streamnb.serde import Rejected, Side
from streamnb.store import Store
from tests.serde.harness import decode, side_of

POISONS = {
    "empty": b"",
    "blank": b" \n",
    "truncated": b'{"A":1,"B":"x"',
    "wrong type": b'{"A":true,"B":"x"}',
    "not an object": b"[1]",
    "text for a number": b'{"A":"one","B":"x"}',
    "decimal overflow": b'{"A":1,"B":"x","C":1234.5}',
    "decimal rounding": b'{"A":1,"B":"x","C":1.005}',
    "NaN": b'{"A":NaN,"B":"x"}',
    "raw NUL": b'{"A":1,"B":"\x00"}',
    "invalid UTF-8": b'{"A":1,"B":"\xff\xfe"}',
    "overlong UTF-8": b'{"A":1,"B":"\xc0\xaf"}',
    "surrogate in UTF-8": b'{"A":1,"B":"\xed\xa0\x80"}',
    "depth bomb of arrays": b'{"A":1,"Z":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "depth bomb of objects": b'{"Z":' * 50_000 + b"1" + b"}" * 50_000,
    "endless opening": b"[" * 200_000,
    "huge number": b'{"A":' + b"9" * 5000 + b"}",
    "huge exponent": b'{"A":1e999999999,"B":"x"}',
    "trailing comma": b'{"A":1,"B":"x",}',
    "single quotes": b"{'A':1}",
    "unquoted name": b"{A:1}",
    "bad escape": b'{"A":1,"B":"\\x"}',
    "bad base64": b'{"A":1,"D":"***"}',
}
GOOD = b'{"A":1,"B":"x","C":1.25,"D":"YWI="}'
JSON_TYPES = (s.INTEGER, s.STRING, s.Decimal(5, 2), s.BYTES)


@pytest.mark.parametrize("kind", POISONS)
def test_poison_is_rejected_alone(store: Store, kind: str) -> None:
    poison = POISONS[kind]
    key, value = side_of("KAFKA", s.BIGINT), side_of("JSON", *JSON_TYPES)
    good_key = (5).to_bytes(8, "big")
    rows, rejected = decode(store, [(good_key, GOOD), (good_key, poison), (good_key, GOOD)], key, value)
    assert sorted(rows) == [0, 2]
    assert [(r.i, r.part, r.off, r.side, r.data) for r in rejected] == [(1, 0, 101, "value", poison)]
    assert rejected[0].message


def test_all_poisons_together_leave_the_good_records(store: Store) -> None:
    poisons = list(POISONS.values())
    records = [(None, data) for poison in poisons for data in (GOOD, poison)]
    rows, rejected = decode(store, records, side_of("NONE"), side_of("JSON", *JSON_TYPES))
    assert sorted(rows) == list(range(0, len(records), 2))
    assert [r.data for r in rejected] == poisons


@pytest.mark.parametrize(
    ("side", "poison", "message"),
    [
        (side_of("KAFKA", s.INTEGER), b"\0" * 8, "Size of data received by IntegerDeserializer is not 4"),
        (side_of("KAFKA", s.BIGINT), b"\0" * 4, "Size of data received by LongDeserializer is not 8"),
        (side_of("KAFKA", s.DOUBLE), b"", "Size of data received by Deserializer is not 8"),
        (
            side_of("JSON", s.BIGINT, wrapped=False),
            b"{}",
            "Can't convert type. sourceType: ObjectNode, requiredType: BIGINT",
        ),
        (side_of("DELIMITED", s.BIGINT), b"x", 'For input string: "x"'),
        (side_of("DELIMITED", s.BIGINT), b"", "No fields in record"),
    ],
)
def test_poisoned_key_is_rejected_and_named(store: Store, side: Side, poison: bytes, message: str) -> None:
    rows, rejected = decode(store, [(None, GOOD), (poison, GOOD)], side, side_of("JSON", *JSON_TYPES))
    assert list(rows) == [0]
    assert rejected == [Rejected(1, 0, 101, "key", message, poison)]


def test_empty_batch_decodes_to_an_empty_table(store: Store) -> None:
    assert decode(store, [], side_of("KAFKA", s.BIGINT), side_of("JSON", *JSON_TYPES)) == ({}, [])
