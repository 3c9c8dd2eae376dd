"""A consumer whose records never become Python objects: C code copies them from librdkafka's queue into Arrow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from ctypes import byref, c_int64
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from confluent_kafka import KafkaError, KafkaException

from streamnb.errors import LogError
from streamnb.log.base import RECORD_SCHEMA
from streamnb.log.kafka_client import CALL_SECONDS_MAX, guarded
from streamnb.log.kafka_consumer import Event, Fetched, Place
from streamnb.log.kafka_url import KafkaUrl
from streamnb.log.native.client import CONSUMER, NativeClient
from streamnb.log.native.library import Batch, Library
from streamnb.native import strings_array

__all__ = ["NativeConsumer"]

FETCH_BYTES_MAX = 32 << 20
HEADERS = RECORD_SCHEMA.field("hdr").type


class NativeConsumer:
    """Reads with librdkafka's own interface. Belongs to one thread."""

    def __init__(self, url: KafkaUrl, settings: Mapping[str, Any], on_error: Callable[[KafkaError], None]) -> None:
        """Make a client. Raises: LogError for a setting that is not understood, or where C code is not available."""
        with guarded(url, "reading"):
            self._client = NativeClient(CONSUMER, settings, on_error)
        self._lib, self._handle = self._client.lib, self._client.handle
        self._lib.poll_set_consumer(self._handle)
        self._queue = self._lib.queue_get_consumer(self._handle)

    # Partitions

    def assign(self, topic: str, positions: Mapping[int, int]) -> None:
        """Read partitions from these offsets on; by itself librdkafka may take a second to ask where they are."""
        with suppress(KafkaException):  # then librdkafka learns it in its own time
            self.topic_error(topic, CALL_SECONDS_MAX)
        self._with({(topic, part): at for part, at in positions.items()}, self._lib.incremental_assign, errors=True)

    def unassign(self, places: Collection[Place]) -> None:
        self._with(dict.fromkeys(places), self._lib.incremental_unassign, errors=True)

    def pause(self, places: Collection[Place]) -> None:
        self._with(dict.fromkeys(places), self._lib.pause_partitions)

    def resume(self, places: Collection[Place]) -> None:
        self._with(dict.fromkeys(places), self._lib.resume_partitions)

    def _with(self, places: Mapping[Place, int | None], call: Callable[..., Any], *, errors: bool = False) -> None:
        """Call a function on a list of partitions; ``errors``: it answers with an error object, not with a code."""
        lib = self._lib
        partitions = lib.topic_partition_list_new(len(places))
        try:
            for (topic, part), offset in places.items():
                partition = lib.topic_partition_list_add(partitions, topic.encode(), part)
                if offset is not None:
                    partition.contents.offset = offset
            result = call(self._handle, partitions)
        finally:
            lib.topic_partition_list_destroy(partitions)
        (lib.check_error if errors else lib.check)(result)

    def end(self, place: Place) -> int | None:
        low, high = c_int64(-1), c_int64(-1)
        topic, part = place
        code = self._lib.get_watermark_offsets(self._handle, topic.encode(), part, byref(low), byref(high))
        return high.value if code == 0 and high.value >= 0 else None

    def held(self, place: Place, timeout: float) -> tuple[int, int]:
        low, high = c_int64(), c_int64()
        topic, part = place
        wait_ms = int(timeout * 1000)
        self._lib.check(
            self._lib.query_watermark_offsets(self._handle, topic.encode(), part, byref(low), byref(high), wait_ms)
        )
        return low.value, high.value

    def topic_error(self, topic: str, timeout: float) -> KafkaError | None:
        return self._client.topic_error(topic, timeout)

    # Records

    def fetch(self, rows_max: int, timeout: float) -> Fetched | None:
        lib = self._lib
        pointer = lib.fetch(lib.api, self._queue, rows_max, FETCH_BYTES_MAX, int(timeout * 1000))
        if not pointer:
            raise LogError("out of memory while reading Kafka")
        batch = _Batch(lib, pointer)
        found = batch.contents
        if not found.rows and not found.events:
            return None
        return Fetched(batch.tables(), batch.events())

    def close(self) -> None:
        self._lib.queue_destroy(self._queue)
        self._lib.consumer_close(self._handle)
        self._client.close()


class _Batch:
    """The memory of what was fetched: freed when the last array over it is gone."""

    def __init__(self, lib: Library, pointer: Any) -> None:
        self._lib, self._pointer = lib, pointer
        self.contents: Batch = pointer.contents

    def __del__(self) -> None:
        self._lib.free(self._pointer)

    def tables(self) -> dict[str, pa.Table]:
        """Show the records of each topic as a table over this memory."""
        found = self.contents
        if not found.rows:
            return {}
        rows = found.rows
        columns = [
            self._fixed(pa.int32(), found.partition, rows),
            self._fixed(pa.int64(), found.offset, rows),
            self._fixed(pa.int64(), found.timestamp, rows),
            strings_array(pa.binary(), found.key, self),
            strings_array(pa.binary(), found.value, self),
            self._headers(),
        ]
        table = pa.Table.from_arrays(columns, schema=RECORD_SCHEMA)
        topics = self._numbers(found.topic, rows)
        if (topics == topics[0]).all():
            return {self._topic(int(topics[0])): table}
        return {self._topic(t): table.filter(pa.array(topics == t)) for t in dict.fromkeys(topics.tolist())}

    def events(self) -> list[Event]:
        """List what is no record."""
        found, events = self.contents, []
        for i in range(found.events):
            reason = found.event_reason[i].value.decode(errors="replace")
            topic = found.event_topic[i]
            error = KafkaError(found.event_error[i], reason)
            place = (found.event_partition[i], found.event_offset[i])
            events.append(Event(error, self._topic(topic), *place) if topic else Event(error, None, None, None))
        return events

    def _topic(self, handle: int) -> str:
        name: bytes = self._lib.topic_name(handle)
        return name.decode()

    def _numbers(self, address: int, count: int) -> npt.NDArray[np.int64]:
        return np.frombuffer(self._buffer(address, count * 8), np.int64)

    def _buffer(self, address: int, size: int) -> pa.Buffer:
        return pa.foreign_buffer(address, size, self)

    def _fixed(self, type_: pa.DataType, address: int, count: int) -> pa.Array:
        return pa.Array.from_buffers(type_, count, [None, self._buffer(address, count * type_.byte_width)])

    def _headers(self) -> pa.Array:
        found = self.contents
        if not found.header_offsets:
            return pa.nulls(found.rows, HEADERS)
        names = strings_array(pa.string(), found.header_name, self)
        values = strings_array(pa.binary(), found.header_value, self)
        pairs = pa.StructArray.from_arrays([names, values], fields=list(HEADERS.value_type))
        offsets = self._buffer(found.header_offsets, (found.rows + 1) * 4)
        valid = self._buffer(found.has_headers, found.rows // 8 + 1)
        return pa.Array.from_buffers(HEADERS, found.rows, [valid, offsets], children=[pairs])
