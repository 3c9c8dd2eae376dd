"""Streaming SQL in the notebook: the ksqlDB dialect on DuckDB, over an embedded log or Kafka."""

__version__ = "0.1.0"
__all__ = ["__version__"]
