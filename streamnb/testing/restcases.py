"""REST cases, run in process: admin statements, inputs, then queries whose rows are compared."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from streamnb.engine.feed import Change
from streamnb.errors import StreamnbError
from streamnb.results import Live, Result, Rows
from streamnb.schema import quote_name
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement, split_statements
from streamnb.store import DatabaseError
from streamnb.testing.bench import Bench
from streamnb.testing.cases import Case
from streamnb.testing.compare import nodes_match
from streamnb.testing.querycases import CaseFailure, compare_outputs, execute, feed_inputs

__all__ = ["run_rest_case"]

PATIENCE_S = 5.0


def run_rest_case(case: Case) -> None:
    """Run a REST case. Raises: CaseFailure when it does not end as expected."""
    bench = Bench(case.properties)
    expected = case.body.get("expectedError")
    try:
        try:
            responses = _run(bench, case)
        except (StreamnbError, DatabaseError) as error:
            if expected is None:
                raise
            _expect(expected, error)
            return
        if expected is not None:
            raise CaseFailure(f"no error; expected {expected.get('message')}")
        if case.body.get("outputs"):
            compare_outputs(bench, case, first_only=True)
        if "responses" in case.body:
            _compare(case, [r for r in case.body["responses"] if "queryProto" not in r], responses)
    finally:
        bench.close()


def _expect(expected: Mapping[str, Any], error: Exception) -> None:
    message = expected.get("message")
    actual = error.message if isinstance(error, StreamnbError) else str(error)
    if message is not None and message not in actual:
        raise CaseFailure(f"message {actual!r}, expected {message!r}", lenient=True)


def _run(bench: Bench, case: Case) -> list[Any]:
    texts = split_statements("\n".join(case.statements))
    queries = [s.text for s in texts if _is_query(s.text)]
    admin = [s.text + ";" for s in texts if not _is_query(s.text)]
    execute(bench, admin, case.body)
    bench.use_embedded_readers()
    answered = [text for text in admin if not _inserts_values(text)]
    responses: list[Any] = [{"admin": {"@type": "currentStatus"}} for _ in answered]
    first: Result | None = None
    if case.body.get("inputConditions", {}).get("waitForActivePushQuery"):
        first = bench.workspace(queries[0])
    feed_inputs(bench, case)
    bench.settle()
    for i, text in enumerate(queries):
        result = first if i == 0 and first is not None else bench.workspace(text)
        if isinstance(result, Live):
            if not result.wait(PATIENCE_S):
                result.stop()
            if result.error is not None:
                raise CaseFailure(f"the query failed: {result.error}")
            responses.append({"query": _push_rows(result)})
        elif isinstance(result, Rows):
            responses.append({"query": _pull_rows(result)})
    return responses


def _inserts_values(text: str) -> bool:
    return isinstance(parse_statement(text), ast.InsertValues)


def _is_query(text: str) -> bool:
    return text.strip().upper().startswith("SELECT ")


def _header(columns: Sequence[tuple[str, Any]], keys: Sequence[int]) -> dict[str, Any]:
    schema = ", ".join(f"{quote_name(n)} {t}" + (" KEY" if i in keys else "") for i, (n, t) in enumerate(columns))
    return {"header": {"schema": schema}}


def _push_rows(result: Live) -> list[Any]:
    rows: list[Any] = [_header(result.columns, ())]
    for change in result.feed.changes():
        rows.append({"row": {"columns": [_plain(v) for v in _cells(change, result)]}})
        if change.tombstone:
            rows[-1]["row"]["tombstone"] = True
    rows.append({"finalMessage": "Limit Reached"})
    return rows


def _cells(change: Change, result: Live) -> Sequence[Any]:
    if not change.tombstone:
        return change.row
    return [v if i in result.key_places else None for i, v in enumerate(change.row)]


def _pull_rows(result: Rows) -> list[Any]:
    rows: list[Any] = [_header(result.columns, result.key_places)]
    rows += [{"row": {"columns": [_plain(v) for v in row]}} for row in result.rows]
    if result.final_message is not None:
        rows.append({"finalMessage": result.final_message})
    return rows


def _plain(value: Any) -> Any:
    """Turn a result's value into a JSON node."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value


def _compare(case: Case, expected: Sequence[Any], actual: Sequence[Any]) -> None:
    if len(expected) != len(actual):
        raise CaseFailure(f"{len(actual)} responses, expected {len(expected)}")
    for i, (wanted, got) in enumerate(zip(expected, actual, strict=True)):
        if "query" in wanted:
            _compare_rows(case, i, wanted["query"], got.get("query", []))


def _compare_rows(case: Case, i: int, wanted: Sequence[Any], got: Sequence[Any]) -> None:
    if len(wanted) != len(got):
        raise CaseFailure(f"response {i}: {len(got)} rows, expected {len(wanted)}: {str(got)[:400]}")
    left = [g["row"]["columns"] for g in got if "row" in g]
    for row, other in zip(wanted, got, strict=True):
        for kind, content in row.items():
            kind = kind.split("|")[0]
            if kind == "row":
                columns = content.get("columns")
                match = next((c for c in left if nodes_match(columns, c)), None)
                if match is None:
                    raise CaseFailure(f"response {i}: no row {_text(columns)} among {str(left)[:300]}")
                left.remove(match)
                if content.get("tombstone") and not other.get("row", {}).get("tombstone"):
                    raise CaseFailure(f"response {i}: no tombstone")
            elif kind == "header":
                _compare_header(case, i, content, other.get("header", {}))
            elif other.get(kind) != content:
                raise CaseFailure(f"response {i}: {kind} {other.get(kind)!r}, expected {content!r}")


def _compare_header(case: Case, i: int, wanted: Mapping[str, Any], got: Mapping[str, Any]) -> None:
    schema = wanted.get("schema")
    if schema is not None and schema != got.get("schema"):
        raise CaseFailure(f"response {i}: schema {got.get('schema')}, expected {schema}")


def _text(node: Any) -> str:
    return json.dumps(node, default=lambda v: str(v) if isinstance(v, Decimal) else repr(v))
