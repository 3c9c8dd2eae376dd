"""A transactional producer that takes records from Arrow tables, without a Python object for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ctypes import addressof, byref, c_int, c_void_p
from typing import Any

import pyarrow as pa
from confluent_kafka import KafkaError

from streamnb.log.kafka_client import CALL_SECONDS_MAX, guarded, logger
from streamnb.log.kafka_producer import LOOK_SECONDS_MAX, Group, Refused, is_poison
from streamnb.log.kafka_url import KafkaUrl
from streamnb.log.native.client import PRODUCER, NativeClient
from streamnb.log.native.library import Rows
from streamnb.log.partitioner import partitions_of_windowed
from streamnb.native import column_of, contiguous

__all__ = ["NativeProducer"]

CALL_MS = int(CALL_SECONDS_MAX * 1000)
PURGE_ALL = 1 | 2  # what is queued, what is under way


class NativeProducer:
    """Writes with librdkafka's own interface. Belongs to one thread."""

    def __init__(
        self, url: KafkaUrl, settings: Mapping[str, Any], on_failed: Callable[[KafkaError, str], None]
    ) -> None:
        with guarded(url, "publishing"):
            self._client = NativeClient(PRODUCER, settings, lambda error: logger.warning("%s", error), on_failed)
        self._lib, self._handle = self._client.lib, self._client.handle
        self._topics: dict[str, int] = {}
        self._partitions: dict[str, int] = {}

    def init_transactions(self) -> None:
        self._lib.check_error(self._lib.init_transactions(self._handle, CALL_MS))

    def begin(self) -> None:
        self._lib.check_error(self._lib.begin_transaction(self._handle))

    def commit(self) -> None:
        self._lib.check_error(self._lib.commit_transaction(self._handle, CALL_MS))

    def abort(self) -> None:
        self._lib.check_error(self._lib.abort_transaction(self._handle, CALL_MS))

    def send_offset(self, topic: str, offset: int, group: Group) -> None:
        lib = self._lib
        partitions, metadata = lib.topic_partition_list_new(1), lib.consumer_group_metadata_new(group.name.encode())
        try:
            lib.topic_partition_list_add(partitions, topic.encode(), 0).contents.offset = offset
            lib.check_error(lib.send_offsets_to_transaction(self._handle, partitions, metadata, CALL_MS))
        finally:
            lib.topic_partition_list_destroy(partitions)
            lib.consumer_group_metadata_destroy(metadata)

    def produce(self, rows: pa.Table, check_stop: Callable[[], None]) -> list[Refused]:
        lib, refused = self._lib, list[Refused]()
        if not rows.num_rows:
            return refused
        names = contiguous(rows["topic"]).dictionary_encode()
        handles = (c_void_p * len(names.dictionary))(*(self._topic(name) for name in names.dictionary.to_pylist()))
        partitions = partitions_of_windowed(rows, self.partitions)
        found = Rows(
            addressof(handles),
            *(_address(array) for array in (names.indices, partitions, contiguous(rows["ts"]))),
            *(column_of(contiguous(rows[name])) for name in ("key", "value")),
        )
        headers = contiguous(rows["hdr"])
        if headers.null_count < len(headers):
            found.headers = column_of(headers)
            found.header_name, found.header_value = (column_of(headers.values.field(n)) for n in (0, 1))
        place, error = 0, c_int()
        while True:
            place = lib.produce(lib.api, self._handle, byref(found), place, rows.num_rows, byref(error))
            if place == rows.num_rows:
                return refused
            if error.value == KafkaError._QUEUE_FULL:
                lib.poll(self._handle, CALL_MS)
                check_stop()
                continue
            reason = KafkaError(error.value, lib.err2str(error.value).decode())
            if not is_poison(reason):
                lib.check(error.value)
            refused.append(Refused(rows["seq"][place].as_py(), rows["topic"][place].as_py(), reason.str()))
            place += 1

    def _topic(self, name: str) -> int:
        """Get the handle of a topic; they live as long as the client."""
        if name not in self._topics:
            handle = self._lib.topic_new(self._handle, name.encode(), None)
            if not handle:
                self._lib.check(KafkaError._INVALID_ARG)
            self._topics[name] = handle
        return self._topics[name]

    def partitions(self, topic: str) -> int:
        if topic not in self._partitions:
            self._partitions[topic] = self._client.partitions(self._topic(topic), LOOK_SECONDS_MAX)
        return self._partitions[topic]

    def topics(self, timeout: float) -> frozenset[str]:
        return frozenset(self._client.topics(timeout))

    def purge(self) -> None:
        self._lib.purge(self._handle, PURGE_ALL)

    def close(self) -> None:
        self.purge()
        for handle in self._topics.values():
            self._lib.topic_destroy(handle)
        self._client.close()


def _address(array: pa.Array) -> int:
    """Find the first value of an array of numbers without nulls."""
    return int(array.buffers()[1].address) + int(array.offset) * int(array.type.bit_width // 8)
