"""Joins as the statements of one micro-batch.

A join yields every change, in the order of the records that cause them; where only the last change per key and batch
is asked for, the query's sink takes the last one.
"""

from __future__ import annotations

from streamnb.backends.duckdb.join_foreign_key import compile_foreign_key
from streamnb.backends.duckdb.join_sides import JoinSides, Side
from streamnb.backends.duckdb.join_stream_stream import compile_stream_stream
from streamnb.backends.duckdb.join_stream_table import compile_stream_table
from streamnb.backends.duckdb.join_table_table import compile_table_table
from streamnb.backends.duckdb.operator import BatchShape, Names, Stage
from streamnb.duck import Sql
from streamnb.plan.logical import Join

__all__ = ["compile_join"]


def compile_join(
    node: Join, left: tuple[Sql, BatchShape], right: tuple[Sql, BatchShape], target: Sql, names: Names, step: str
) -> Stage:
    """Compile a join of two batches, each given by its table and shape."""
    sides = JoinSides(node, Side(*left), Side(*right), target, names, step)
    if node.foreign_key is not None:
        return compile_foreign_key(sides)
    if node.left.is_table:
        return compile_table_table(sides)
    if node.right.is_table:
        return compile_stream_table(sides)
    return compile_stream_stream(sides)
