"""The partition of a keyed record, as Kafka's Java client chooses it: murmur2 of the key's bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from streamnb.errors import LogError

__all__ = ["ANY_PARTITION", "murmur2", "partitions_of", "partitions_of_windowed", "places_of"]

ANY_PARTITION = -1
"""What Kafka's clients are given where they are to choose the partition themselves."""

Numbers = npt.NDArray[np.integer]

_SEED = np.uint32(0x9747B28C)
_M = np.uint32(0x5BD1E995)


def murmur2(keys: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.uint32]:
    """Hash binary values with Kafka's murmur2, all of them at once.

    Shape: one uint32 per value; that of a null is the hash of no bytes.
    Source: ``org.apache.kafka.common.utils.Utils.murmur2``.
    """
    flat = pc.fill_null(pa.chunked_array(keys).combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys, b"")
    if len(flat) == 0:
        return np.empty(0, dtype=np.uint32)
    flat = flat.cast(pa.large_binary())
    _, offset_buffer, data_buffer = flat.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[flat.offset : flat.offset + len(flat) + 1]
    # Four bytes behind the end, so that the last word of every key may be read whole.
    data = np.zeros(int(offsets[-1]) + 4, dtype=np.uint8)
    if data_buffer is not None:
        data[:-4] = np.frombuffer(data_buffer, dtype=np.uint8)[: offsets[-1]]
    starts, lengths = offsets[:-1], np.diff(offsets)
    hashes = _SEED ^ lengths.astype(np.uint32)
    words = lengths // 4
    for word in range(int(words.max())):
        rows = np.nonzero(words > word)[0]
        k = _word(data, starts[rows] + 4 * word) * _M
        k ^= k >> np.uint32(24)
        hashes[rows] = hashes[rows] * _M ^ k * _M
    rest = lengths % 4
    rows = np.nonzero(rest)[0]
    tail = _word(data, starts[rows] + 4 * words[rows]) & (
        (np.uint32(1) << (8 * rest[rows]).astype(np.uint32)) - np.uint32(1)
    )
    hashes[rows] = (hashes[rows] ^ tail) * _M
    hashes ^= hashes >> np.uint32(13)
    hashes *= _M
    hashes ^= hashes >> np.uint32(15)
    return hashes


def _word(data: npt.NDArray[np.uint8], at: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    """Read four little-endian bytes at each place."""
    word: npt.NDArray[np.uint32] = data[at].astype(np.uint32)
    for shift in (1, 2, 3):
        word |= data[at + shift].astype(np.uint32) << np.uint32(8 * shift)
    return word


def partitions_of(keys: pa.Array | pa.ChunkedArray, count: int) -> pa.Array:
    """Choose one of ``count`` partitions for each key.

    Records without a key go to partition 0, which keeps their order. Shape: keys BINARY in, INTEGER out, never null.
    """
    chosen = pa.array((murmur2(keys) & np.uint32(0x7FFFFFFF)) % np.uint32(count), pa.int32())
    return pc.if_else(pc.is_null(keys), pa.scalar(0, pa.int32()), chosen)


def partitions_of_windowed(rows: pa.Table, count_of: Callable[[str], int]) -> pa.Array:
    """Choose the partition of each row of the outbox whose key holds a window, by the key without it.

    So does Kafka Streams, for all windows of a key to be in one partition. ``count_of`` tells how many partitions a
    topic has, 0 where that is not known. Shape: INTEGER, never null, ANY_PARTITION for the other rows.
    """
    window_bytes = rows["window_bytes"].to_numpy()
    chosen = np.full(rows.num_rows, ANY_PARTITION, np.int32)
    if window_bytes.any():
        topics = rows["topic"].combine_chunks().dictionary_encode()
        for index, topic in enumerate(topics.dictionary.to_pylist()):
            of_topic = np.nonzero((topics.indices.to_numpy() == index) & (window_bytes > 0))[0]
            count = count_of(topic) if len(of_topic) else 0
            if count:
                keys = rows["key"].take(pa.array(of_topic))
                own = pc.binary_slice(keys, 0, -int(window_bytes[of_topic[0]]))
                chosen[of_topic] = partitions_of(own, count)
    return pa.array(chosen)


def places_of(rows: pa.Table, next_: Mapping[int, int]) -> tuple[Numbers, Numbers, Numbers]:
    """Choose the partition of each row (part, or where it is null by key) and its offset, in the order of (seq, sub).

    ``next_`` maps all partitions to the next offset. The last result counts the rows of each partition.
    Raises: LogError for a partition that is none of them.
    """
    chosen = rows["part"]
    if chosen.null_count:
        chosen = pc.coalesce(chosen, partitions_of(rows["key"], len(next_)))
    parts = chosen.to_numpy()
    unknown = sorted(set(np.unique(parts).tolist()) - set(next_))
    if unknown:
        raise LogError(f"partition {unknown[0]} is not in the topic: it has {len(next_)} partitions")
    order = np.lexsort((rows["sub"].to_numpy(), rows["seq"].to_numpy(), parts))
    counts = np.bincount(parts, minlength=len(next_))
    firsts = np.array([next_[p] for p in range(len(next_))]) - (np.cumsum(counts) - counts)
    offsets = np.empty(len(parts), np.int64)
    offsets[order] = np.arange(len(parts)) + np.repeat(firsts, counts)
    return parts, offsets, counts
