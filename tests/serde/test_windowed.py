"""Keys of windowed topics carry the bounds of their window."""

from __future__ import annotations

import struct

import pytest

from streamnb import schema as s
from streamnb.duck import Sql, sql
from streamnb.serde import Side, encode
from streamnb.serde.neutral import bytes_to_node, node_to_bytes
from streamnb.store import Store
from tests.serde.harness import NO_KEY, decode, encode_decoded, side_of, strict

TIME = side_of("KAFKA", s.STRING, window="time", window_size_ms=1000)
SESSION = side_of("JSON", s.STRING, s.INTEGER, window="session")


@pytest.mark.parametrize("side", [TIME, strict(TIME)])
def test_time_window_is_read_from_the_last_eight_bytes(store: Store, side: Side) -> None:
    keys = [b"a" + struct.pack(">q", 5000), struct.pack(">q", 0), None, b""]
    rows, rejected = decode(store, [(key, None) for key in keys], side, NO_KEY)
    assert rejected == []
    assert rows == {
        0: ("a", 5000, 6000, True),
        1: ("", 0, 1000, True),
        2: (None, None, None, True),
        3: (None, None, None, True),
    }


@pytest.mark.parametrize("side", [SESSION, strict(SESSION)])
def test_session_window_is_read_as_end_then_start(store: Store, side: Side) -> None:
    rows, rejected = decode(store, [(b'{"A":"x","B":1}' + struct.pack(">qq", 9, 4), b"")], side, NO_KEY)
    assert (rows, rejected) == ({0: ("x", 1, 4, 9, False)}, [])


@pytest.mark.parametrize("side", [TIME, strict(TIME)])
@pytest.mark.parametrize("key", [b"short", b"a" + struct.pack(">q", -1)])
def test_key_without_a_proper_window_is_rejected(store: Store, side: Side, key: bytes) -> None:
    rows, rejected = decode(store, [(key, None)], side, NO_KEY)
    assert rows == {}
    assert [(r.side, r.data) for r in rejected] == [("key", key)]


@pytest.mark.parametrize("side", [TIME, SESSION], ids=["time", "session"])
def test_windowed_key_round_trip_keeps_the_bytes(store: Store, side: Side) -> None:
    node = "x" if side is TIME else {"A": "x", "B": 1}
    data = node_to_bytes(side, node, (4000, 5000))
    decode(store, [(data, None)], side, NO_KEY)
    assert encode_decoded(store, side, "k") == [data]
    assert bytes_to_node(side, data) == (node, (4000, 5000))


def test_encoding_refuses_a_windowed_key_without_bounds() -> None:
    with pytest.raises(ValueError, match="bounds"):
        encode(TIME, [sql("k0")])
    with pytest.raises(ValueError, match="columns"):
        encode(TIME, list[Sql]())
