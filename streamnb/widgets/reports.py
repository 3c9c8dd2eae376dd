"""What a notebook's session tells about itself: its queries, its history, and its pipeline as a script."""

from __future__ import annotations

import datetime as dt
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from streamnb.errors import KsqlError
from streamnb.results import Live
from streamnb.statements.metrics import query_metrics
from streamnb.statements.pipeline import Pipeline
from streamnb.widgets.cells import shorten

__all__ = [
    "JOB_COLUMNS",
    "Entry",
    "live_rows",
    "mask_secrets",
    "query_rows",
    "script_bundle",
    "title_of",
    "write_file",
    "write_script",
]

JOB_COLUMNS = ("name", "kind", "state", "records", "records/s", "lag", "problem", "statement")
_TITLE_CHARS = 70
_SECRET = re.compile(r"('[^']*(?:password|secret|token|credential|jaas|api.?key)[^']*'\s*=\s*)'(?:[^']|'')*'", re.I)
_SECRET_IN_URL = re.compile(r"(://[^/@\s:]*:)[^/@\s]+@|([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&\s]*", re.I)


JobRow = tuple[str | None, ...]


@dataclass(frozen=True)
class Entry:
    """One statement of the history."""

    at: dt.datetime
    outcome: str
    statement: str

    def script(self) -> str:
        """Write the statement for a script; one that was refused as a comment."""
        text = f"{self.statement.rstrip().rstrip(';')};"
        if self.outcome != "ok":
            text = "\n".join(f"-- {line}" for line in [f"refused at {self.at:%H:%M:%S}:", *text.split("\n")])
        return f"{text}\n"


def mask_secrets(text: str) -> str:
    """Replace what looks like a password, token or key in a statement or a URL."""
    masked = _SECRET.sub(r"\1'***'", text)
    return _SECRET_IN_URL.sub(lambda m: f"{m[1]}***@" if m[1] else f"{m[2]}***", masked)


def title_of(statement: str) -> str:
    """Write a statement in one line, cut when it is long, secrets masked."""
    return shorten(" ".join(mask_secrets(statement).split()), _TITLE_CHARS)


def live_rows(lives: Iterable[tuple[str, Live]]) -> list[JobRow]:
    """Tell how push queries are, by the names that the notebook has for them; for ``JOB_COLUMNS``."""
    rows: list[JobRow] = []
    for name, live in lives:
        stats = live.stats()
        progress = live.progress
        lag = "" if progress is None else f"{progress.left:,}"
        counts = (f"{stats['rows_in']:,.0f}", f"{stats['rows_in_per_s']:,.1f}", lag)
        rows.append((name, "live", live.state, *counts, live.error or live.problem, title_of(live.statement)))
    return rows


def query_rows(pipeline: Pipeline | None) -> list[JobRow]:
    """Tell how the persistent queries of a pipeline are; for ``JOB_COLUMNS``."""
    if pipeline is None:
        return []
    statements = {query.id: title_of(query.statement) for query in pipeline.catalog.queries.values()}
    rows: list[JobRow] = []
    for m in query_metrics(pipeline):
        lag = "" if m.lag_records is None else f"{m.lag_records:,}"
        counts = (f"{m.records_in:,}", f"{m.records_in_per_s:,.1f}", lag)
        rows.append((m.query_id, "persistent", m.state, *counts, m.problem, statements.get(m.query_id)))
    return rows


def script_bundle(script: str) -> dict[str, str]:
    """Show a script, secrets masked, in the colours of SQL where Markdown is drawn."""
    shown = mask_secrets(script).rstrip() or "-- the pipeline is empty"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return {"text/plain": shown, "text/markdown": f"{fence}sql\n{shown}\n{fence}"}


def write_script(file: str, script: str) -> str:
    """Write a script into a file and tell how to run it. Raises: KsqlError when it cannot be written."""
    secrets = "; it holds secrets in plain text" if mask_secrets(script) != script else ""
    return write_file(file, script, f" · run it with: streamnb run {shlex.quote(file)}{secrets}")


def write_file(file: str, text: str, note: str = "") -> str:
    """Write a text into a file and say so. Raises: KsqlError when it cannot be written."""
    path = Path(file).expanduser()
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise KsqlError(f"file {file} cannot be written: {error.strerror}") from error
    return f"written: {path}{note}"
