"""The partitioner against values of Kafka's Java client and a plain, byte by byte murmur2."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamnb.log.partitioner import murmur2, partitions_of


def plain_murmur2(key: bytes) -> int:
    mask = 0xFFFFFFFF
    h = 0x9747B28C ^ len(key)
    whole = len(key) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * 0x5BD1E995 & mask
        k ^= k >> 24
        h = (h * 0x5BD1E995 & mask) ^ (k * 0x5BD1E995 & mask)
    if key[whole:]:
        h = (h ^ int.from_bytes(key[whole:], "little")) * 0x5BD1E995 & mask
    h ^= h >> 13
    h = h * 0x5BD1E995 & mask
    return h ^ h >> 15


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_equals_the_java_clients(key: bytes, signed: int) -> None:
    assert murmur2(pa.array([key])).tolist() == [signed % 2**32]


@given(st.lists(st.binary(max_size=40)), st.integers(0, 3))
def test_murmur2_of_a_slice_equals_the_plain_one_key_by_key(keys: list[bytes], skipped: int) -> None:
    array = pa.array(keys, pa.binary()).slice(skipped)
    assert murmur2(array).tolist() == [plain_murmur2(key) for key in keys[skipped:]]


def test_records_without_a_key_go_to_partition_0() -> None:
    keys = pa.array([b"abc", None, b""], pa.binary())
    chosen = partitions_of(keys, 7)
    assert chosen.to_pylist() == [479470107 % 7, 0, (plain_murmur2(b"") & 0x7FFFFFFF) % 7]
