"""The logs: topics embedded in the pipeline's database, and Apache Kafka's."""

from streamnb.log.base import Log, TopicInfo
from streamnb.log.embedded import EmbeddedLog

__all__ = ["EmbeddedLog", "Log", "TopicInfo"]
