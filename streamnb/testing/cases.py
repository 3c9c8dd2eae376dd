"""Reads case files and expands their cases, once per format and configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

__all__ = ["Case", "load_cases"]


@dataclass(frozen=True)
class Case:
    """One expanded case. ``body`` is its JSON object with exact numbers; ``kind`` is query, rest or sql.

    ``folder`` is where its file lies, and the scripts that it runs.
    """

    id: str
    file: str
    kind: str
    statements: tuple[str, ...]
    properties: Mapping[str, str]
    body: Mapping[str, Any]
    folder: Path = Path()


def load_cases(path: Path) -> Iterator[Case]:
    """Go through the cases of a file: JSON cases, or ``--@test`` cases of an SQL file.

    Raises: ValueError when the file has neither form.
    """
    if path.suffix == ".sql":
        from streamnb.testing.sqlcases import load_sql_cases

        yield from load_sql_cases(path)
        return
    document = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    tests = document.get("tests") if isinstance(document, dict) else None
    if not isinstance(tests, list):
        raise ValueError(f"{path} holds no test cases: it has no list named tests")
    for body in tests:
        yield from _expand(path, body)


def _expand(path: Path, body: Mapping[str, Any]) -> Iterator[Case]:
    configured = next((k for k, v in body.get("properties", {}).items() if v == "{CONFIG}"), None)
    for format_ in body.get("format") or [None]:
        for config in body.get("config") or [None]:
            id_ = f"{path.stem} - {body['name']}"
            properties = {k: str(v) for k, v in body.get("properties", {}).items()}
            statements = [str(s) for s in body.get("statements", [])]
            if format_ is not None:
                id_ += f" - {format_}"
                statements = [s.replace("{FORMAT}", format_) for s in statements]
            if config is not None and configured is not None:
                id_ += f" - {configured}={config}"
                properties[configured] = str(config)
            rest = path.parent.name.startswith("rest") or "responses" in body or "expectedError" in body
            kind = "rest" if rest else "query"
            yield Case(id_, path.name, kind, tuple(statements), properties, body)
