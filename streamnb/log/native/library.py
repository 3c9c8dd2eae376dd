"""librdkafka, as confluent-kafka brings it, and our own two loops in C (``native/kafka.c``), both by ctypes.

Only public functions of librdkafka's are declared, with the types of its header. Calls release the interpreter's lock.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping
from ctypes import POINTER, c_char, c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p
from typing import Any

from confluent_kafka import KafkaError, KafkaException, cimpl

from streamnb.native import Column, Strings, native

__all__ = [
    "DELIVERY_CB",
    "ERROR_CB",
    "FUNCTIONS",
    "LOG_CB",
    "METADATA",
    "Batch",
    "Library",
    "Rows",
    "is_available",
    "library",
]

REASON_BYTES = 256

FUNCTIONS = (
    "consume_batch_queue",
    "message_timestamp",
    "message_headers",
    "header_get_all",
    "message_destroy",
    "message_errstr",
    "producev",
    "headers_new",
    "header_add",
    "headers_destroy",
)
"""What ``kafka.c`` calls, in the order of its table."""


class _Partition(ctypes.Structure):
    _fields_ = [
        ("topic", c_char_p),
        ("partition", c_int32),
        ("offset", c_int64),
        ("metadata", c_void_p),
        ("metadata_size", c_size_t),
        ("opaque", c_void_p),
        ("err", c_int),
        ("private", c_void_p),
    ]


class Partitions(ctypes.Structure):
    """librdkafka's list of partitions."""

    _fields_ = [("count", c_int), ("size", c_int), ("elements", POINTER(_Partition))]


class Batch(ctypes.Structure):
    """Records and events, as ``streamnb_fetch`` leaves them."""

    _fields_ = [
        ("rows", c_int64),
        ("events", c_int64),
        ("headers", c_int64),
        ("size_bytes", c_int64),
        ("topic", c_void_p),
        ("partition", c_void_p),
        ("offset", c_void_p),
        ("timestamp", c_void_p),
        ("key", Strings),
        ("value", Strings),
        ("has_headers", c_void_p),
        ("header_offsets", c_void_p),
        ("header_name", Strings),
        ("header_value", Strings),
        ("event_topic", POINTER(c_void_p)),
        ("event_partition", POINTER(c_int32)),
        ("event_error", POINTER(c_int32)),
        ("event_offset", POINTER(c_int64)),
        ("event_reason", POINTER(c_char * REASON_BYTES)),
    ]


class Rows(ctypes.Structure):
    """Records to write, as ``streamnb_produce`` reads them."""

    _fields_ = [
        ("topics", c_void_p),
        ("topic", c_void_p),
        ("partition", c_void_p),
        ("timestamp", c_void_p),
        ("key", Column),
        ("value", Column),
        ("headers", Column),
        ("header_name", Column),
        ("header_value", Column),
    ]


class Message(ctypes.Structure):
    """The first fields of librdkafka's message."""

    _fields_ = [("err", c_int), ("topic", c_void_p), ("partition", c_int32)]


class _Metadata(ctypes.Structure):
    class Topic(ctypes.Structure):
        _fields_ = [("topic", c_char_p), ("partition_cnt", c_int), ("partitions", c_void_p), ("err", c_int)]

    _fields_ = [
        ("broker_cnt", c_int),
        ("brokers", c_void_p),
        ("topic_cnt", c_int),
        ("topics", POINTER(Topic)),
        ("orig_broker_id", c_int32),
        ("orig_broker_name", c_char_p),
    ]


ERROR_CB = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_void_p)
DELIVERY_CB = ctypes.CFUNCTYPE(None, c_void_p, POINTER(Message), c_void_p)
LOG_CB = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_char_p)
METADATA = POINTER(_Metadata)

# name: result, parameters
_PROTOTYPES: Mapping[str, tuple[Any, tuple[Any, ...]]] = {
    "conf_new": (c_void_p, ()),
    "conf_set": (c_int, (c_void_p, c_char_p, c_char_p, c_char_p, c_size_t)),
    "conf_set_error_cb": (None, (c_void_p, ERROR_CB)),
    "conf_set_log_cb": (None, (c_void_p, LOG_CB)),
    "conf_set_dr_msg_cb": (None, (c_void_p, DELIVERY_CB)),
    "conf_destroy": (None, (c_void_p,)),
    "new": (c_void_p, (c_int, c_void_p, c_char_p, c_size_t)),
    "set_log_queue": (c_int, (c_void_p, c_void_p)),
    "poll_set_consumer": (c_int, (c_void_p,)),
    "queue_get_consumer": (c_void_p, (c_void_p,)),
    "queue_destroy": (None, (c_void_p,)),
    "consumer_close": (c_int, (c_void_p,)),
    "destroy": (None, (c_void_p,)),
    "poll": (c_int, (c_void_p, c_int)),
    "purge": (c_int, (c_void_p, c_int)),
    "err2str": (c_char_p, (c_int,)),
    "message_errstr": (c_char_p, (POINTER(Message),)),
    "error_code": (c_int, (c_void_p,)),
    "error_string": (c_char_p, (c_void_p,)),
    "error_is_fatal": (c_int, (c_void_p,)),
    "error_is_retriable": (c_int, (c_void_p,)),
    "error_txn_requires_abort": (c_int, (c_void_p,)),
    "error_destroy": (None, (c_void_p,)),
    "topic_partition_list_new": (POINTER(Partitions), (c_int,)),
    "topic_partition_list_add": (POINTER(_Partition), (POINTER(Partitions), c_char_p, c_int32)),
    "topic_partition_list_destroy": (None, (POINTER(Partitions),)),
    "incremental_assign": (c_void_p, (c_void_p, POINTER(Partitions))),
    "incremental_unassign": (c_void_p, (c_void_p, POINTER(Partitions))),
    "pause_partitions": (c_int, (c_void_p, POINTER(Partitions))),
    "resume_partitions": (c_int, (c_void_p, POINTER(Partitions))),
    "get_watermark_offsets": (c_int, (c_void_p, c_char_p, c_int32, POINTER(c_int64), POINTER(c_int64))),
    "query_watermark_offsets": (c_int, (c_void_p, c_char_p, c_int32, POINTER(c_int64), POINTER(c_int64), c_int)),
    "topic_new": (c_void_p, (c_void_p, c_char_p, c_void_p)),
    "topic_name": (c_char_p, (c_void_p,)),
    "topic_destroy": (None, (c_void_p,)),
    "metadata": (c_int, (c_void_p, c_int, c_void_p, POINTER(METADATA), c_int)),
    "metadata_destroy": (None, (METADATA,)),
    "init_transactions": (c_void_p, (c_void_p, c_int)),
    "begin_transaction": (c_void_p, (c_void_p,)),
    "send_offsets_to_transaction": (c_void_p, (c_void_p, POINTER(Partitions), c_void_p, c_int)),
    "commit_transaction": (c_void_p, (c_void_p, c_int)),
    "abort_transaction": (c_void_p, (c_void_p, c_int)),
    "consumer_group_metadata_new": (c_void_p, (c_char_p,)),
    "consumer_group_metadata_destroy": (None, (c_void_p,)),
}


class Library:
    """librdkafka's functions by their names without ``rd_kafka_``, and our own: ``fetch``, ``free``, ``produce``."""

    def __init__(self, own: ctypes.CDLL) -> None:
        client = ctypes.CDLL(cimpl.__file__)  # finds what the extension itself is linked with
        for name, (result, parameters) in _PROTOTYPES.items():
            function = client[f"rd_kafka_{name}"]
            function.restype, function.argtypes = result, parameters
            setattr(self, name, function)
        # The table of addresses that kafka.c calls through; of these, prototypes are declared in C.
        addresses = [ctypes.cast(client[f"rd_kafka_{name}"], c_void_p) for name in FUNCTIONS]
        self.api = (c_void_p * len(addresses))(*addresses)
        self.fetch = own.streamnb_fetch
        self.fetch.restype, self.fetch.argtypes = POINTER(Batch), (c_void_p, c_void_p, c_int64, c_int64, c_int)
        self.produce = own.streamnb_produce
        self.produce.restype = c_int64
        self.produce.argtypes = (c_void_p, c_void_p, POINTER(Rows), c_int64, c_int64, POINTER(c_int))
        self.free = own.streamnb_free
        self.free.restype, self.free.argtypes = None, (POINTER(Batch),)

    def __getattr__(self, name: str) -> Any:  # for type checkers: the functions are set one by one
        raise AttributeError(name)

    def check(self, code: int) -> None:
        """Raise librdkafka's error code as confluent-kafka does. Raises: KafkaException unless it is 0."""
        if code:
            raise KafkaException(KafkaError(code, self.err2str(code).decode()))

    def check_error(self, error: int | None) -> None:
        """Raise librdkafka's error object, and let go of it. Raises: KafkaException unless it is NULL."""
        if not error:
            return
        traits = (self.error_is_fatal, self.error_is_retriable, self.error_txn_requires_abort)
        found = KafkaError(
            self.error_code(error), self.error_string(error).decode(), *(bool(trait(error)) for trait in traits)
        )
        self.error_destroy(error)
        raise KafkaException(found)


@functools.cache
def library() -> Library | None:
    """Load librdkafka; None where the C code is not available, or librdkafka lacks a function."""
    own = native()
    try:
        return None if own is None else Library(own)
    except (OSError, AttributeError):
        return None


def is_available() -> bool:
    """Tell whether records can be read without Python objects."""
    return library() is not None
