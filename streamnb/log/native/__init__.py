"""Kafka by librdkafka's own interface, straight from and to Arrow, where a C compiler was there at install time."""

from streamnb.log.native.consumer import NativeConsumer
from streamnb.log.native.library import is_available
from streamnb.log.native.producer import NativeProducer

__all__ = ["NativeConsumer", "NativeProducer", "is_available"]
