"""SELECT over history: any DuckDB SELECT over topics, streams and tables, beside the stream SQL."""

from __future__ import annotations

from streamnb.errors import KsqlError
from streamnb.results import Rows
from streamnb.statements.pipeline import Pipeline

__all__ = ["is_history_query", "select_history"]


def is_history_query(text: str) -> bool:
    """Tell whether a text that our grammar rejects may be a SELECT of DuckDB's."""
    return False


def select_history(pipeline: Pipeline, text: str) -> Rows:
    """Run a SELECT of DuckDB's over what the pipeline holds."""
    raise KsqlError(text)
