"""Joins as the statements of one micro-batch."""

from __future__ import annotations

from streamnb.backends.duckdb.join_stream_table import compile_stream_table
from streamnb.backends.duckdb.operator import BatchShape, Mode, Names, Stage
from streamnb.duck import Sql
from streamnb.plan.logical import Join

__all__ = ["compile_join"]

Side = tuple[Sql, BatchShape]


def compile_join(node: Join, left: Side, right: Side, target: Sql, names: Names, step: str, mode: Mode) -> Stage:
    """Compile a join of two batches, each given by its table and shape."""
    return compile_stream_table(node, left, right, target, names, step)
