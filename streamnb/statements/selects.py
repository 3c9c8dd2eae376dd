"""SELECTs that end: ksqlDB's pull queries, and DuckDB's own over history, which has what those lack."""

from __future__ import annotations

from collections.abc import Mapping

from streamnb.engine.progress import Report
from streamnb.errors import KsqlFunctionError, KsqlStatementError, ParseFailedError, Span, StreamnbError
from streamnb.plan.composed import extensions
from streamnb.results import Rows
from streamnb.sql import ast
from streamnb.sql.parser import StatementText
from streamnb.statements.metrics import METRICS
from streamnb.statements.pipeline import Pipeline
from streamnb.statements.queries import is_restricted, pull, refused_clauses

__all__ = ["select", "select_over_history", "select_rejected"]

Params = Mapping[str, object] | None


def select(pipeline: Pipeline, query: ast.Query, text: StatementText, params: Params, report: Report | None) -> Rows:
    """Answer a SELECT without EMIT: as ksqlDB's pull query if it is one, else over history.

    If neither does, the error is that of the pull query, unless it only refuses a clause that history has.
    """
    name = query.source.name
    if name.upper() == METRICS and pipeline.catalog.get(name) is None:  # it is no stream and no table
        return select_over_history(pipeline, text, params)
    if extensions(query) and _reads_history(text, params):
        return select_over_history(pipeline, text, params)
    try:
        return pull(pipeline, query, text.text.strip(), report)
    except (KsqlStatementError, KsqlFunctionError) as refused:
        if is_restricted(pipeline) or not _reads_history(text, params):
            raise
        try:
            return select_over_history(pipeline, text, params)
        except ParseFailedError:
            raise refused from None
        except StreamnbError as error:
            raise error if refused_clauses(query) else refused from None


def select_rejected(pipeline: Pipeline, text: StatementText, params: Params, rejected: ParseFailedError) -> Rows:
    """Run what our grammar rejects over history, if it is a SELECT; else raise what the grammar says.

    If neither can read it, the error counts of the one that got further.
    """
    if not _reads_history(text, params):
        raise rejected
    try:
        return select_over_history(pipeline, text, params)
    except ParseFailedError as error:
        further = error.span is not None and rejected.span is not None and error.span.start > rejected.span.start
        raise error if further else rejected from None


def select_over_history(pipeline: Pipeline, text: StatementText, params: Params) -> Rows:
    """Run a SELECT of DuckDB's.

    Raises: StreamnbError, with its place in the script, when it is wrong or not allowed.
    """
    from streamnb.statements.history import select_history  # sqlglot takes a while to import

    try:
        return select_history(pipeline, text.text, params)
    except StreamnbError as error:
        if error.span is not None and text.script:
            error.span = Span(error.span.start + text.start, error.span.end + text.start)
        raise


def _reads_history(text: StatementText, params: Params) -> bool:
    from streamnb.statements.history import reads_history

    return reads_history(text.text, params)
