"""RUN SCRIPT: the statements of a file, as if they stood in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from streamnb.errors import KsqlError, Span, StreamnbError
from streamnb.results import Live, Message, Result
from streamnb.sql import ast

__all__ = ["run_script"]


def run_script(
    statement: ast.RunScript, text: str, running: list[Path], execute: Callable[[str], list[Result]]
) -> Result:
    """Execute a file; a relative path counts from the working directory. ``running`` are the files around this one.

    The answers are one message; rows and a live query at the end are the result instead, and others are stopped.
    Raises: KsqlError when the file cannot be read or runs itself; StreamnbError for the first statement refused, which
    points into the file.
    """
    path = Path(statement.path).resolve()
    if path in running:
        raise KsqlError(
            f"Script {statement.path} runs itself.", hint="take the RUN SCRIPT out of it.", span=statement.at
        )
    script = _read(path, statement.path, statement.at)
    running.append(path)
    try:
        results = execute(script)
    except StreamnbError as error:
        if error.text == script:
            error.summary = f"{error.summary or error.message.strip().splitlines()[0].rstrip('.')} (in {path.name})"
        raise
    finally:
        running.remove(path)
    for live in results[:-1]:
        if isinstance(live, Live):
            live.stop()
    if results and not isinstance(results[-1], Message):
        return results[-1]
    answers = [r.text for r in results if isinstance(r, Message)]
    count = f"{len(results)} statement{'' if len(results) == 1 else 's'} of {path.name} executed"
    return Message(text, "\n".join([*answers, count]))


def _read(path: Path, name: str, at: Span) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise KsqlError(
            f"Failed to read file: {name}",
            summary=f"file {name} cannot be read: {reason}",
            hint=f"relative names count from {Path.cwd()}.",
            span=at,
        ) from error
