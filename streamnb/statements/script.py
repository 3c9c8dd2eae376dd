"""A pipeline written as a script: the statements that build it anew, in order."""

from __future__ import annotations

from collections.abc import Iterable

from streamnb.sql.printer import format_text
from streamnb.statements.journal import Entry

__all__ = ["pipeline_script"]

_STATES = {"PAUSED": "the query was paused", "TERMINATED": "the query was terminated"}


def pipeline_script(entries: Iterable[Entry]) -> str:
    """Write stored statements as a script for ``streamnb run``, each under the settings it was executed with.

    Records and functions in Python are no part of it.
    """
    lines: list[str] = []
    current: dict[str, str] = {}
    for entry in entries:
        wanted = dict(entry.properties)
        lines += [f"UNSET {format_text(name)};" for name in current if name not in wanted]
        lines += [
            f"SET {format_text(name)} = {format_text(value)};"
            for name, value in wanted.items()
            if current.get(name) != value
        ]
        current = wanted
        if entry.status in _STATES:
            lines.append(f"-- {_STATES[entry.status]}")
        lines.append(f"{entry.text.rstrip().rstrip(';')};")
    return "\n".join([*lines, ""])
