"""GROUP BY as the statements of one micro-batch."""

from __future__ import annotations

from streamnb.backends.duckdb.aggregate_layout import AggregateSpec, Layout
from streamnb.backends.duckdb.aggregate_session import compile_sessions
from streamnb.backends.duckdb.aggregate_time import compile_groups
from streamnb.backends.duckdb.operator import BatchShape, Mode, Names, Stage
from streamnb.duck import Sql
from streamnb.plan.logical import AggregateCall, WindowSpec

__all__ = ["AggregateCall", "AggregateSpec", "WindowSpec", "compile_aggregate"]


def compile_aggregate(
    spec: AggregateSpec, source: Sql, target: Sql, input: BatchShape, names: Names, mode: Mode
) -> Stage:
    """Compile an aggregation that reads the batch ``source`` and creates the batch ``target``.

    Output: k0.. the group, v0.. the results, ws and we where there is a window; ``vnull`` marks the tombstone of a row
    for which HAVING stopped holding, or of a session that was merged; ts is the group's highest, a session's end.
    Order: (seq, sub); one record's outputs go by window start, those of a session by its end.
    """
    layout = Layout(spec, names, mode)
    if layout.window_kind == "SESSION":
        return compile_sessions(layout, source, target)
    return compile_groups(layout, input, source, target)
