"""The pipeline's DuckDB database. The only package that imports duckdb."""

from streamnb.store.store import DatabaseError, Store, reason_of

__all__ = ["DatabaseError", "Store", "reason_of"]
