"""Sessions."""

from __future__ import annotations

from streamnb.backends.duckdb.aggregate_layout import Layout
from streamnb.backends.duckdb.operator import Stage
from streamnb.duck import Sql

__all__ = ["compile_sessions"]


def compile_sessions(layout: Layout, source: Sql, target: Sql) -> Stage:
    raise ValueError("sessions")
