"""Every exception of streamnb, and how one is drawn for people.

The tree::

    StreamnbError
    ├── KsqlError                  anything a statement or a query can be refused for
    │   ├── KsqlStatementError     the statement parses, but cannot be planned or executed
    │   │   └── ParseFailedError   the text is no statement
    │   └── KsqlFunctionError      a function cannot be declared, resolved or applied
    │       └── UnknownFunctionError   there is no function of a name
    ├── LogError                   a topic or a broker cannot be reached or used
    └── StoreError                 the pipeline's database file cannot be opened or used
        ├── StoreLockedError       another process holds the file
        └── StoreBrokenError       the open database is lost, a commit's outcome unknown; reopening recovers

``message`` keeps ksqlDB's wording, since REST clients and case files compare it; ``render()`` is for people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = [
    "KsqlError",
    "KsqlFunctionError",
    "KsqlStatementError",
    "LogError",
    "ParseFailedError",
    "Span",
    "StoreBrokenError",
    "StoreError",
    "StoreLockedError",
    "StreamnbError",
    "UnknownFunctionError",
]


@dataclass(frozen=True, slots=True)
class Span:
    """Where a piece of text stands: offsets of its first character and of the one behind its last."""

    start: int
    end: int


class StreamnbError(Exception):
    """Base of every error that streamnb raises on purpose.

    ``message`` is ksqlDB's wording where ksqlDB has one; ``summary`` is the first line shown to people (lower
    case, no full stop); ``hint`` says something the reader can do; ``text`` and ``span`` point at the statement.
    """

    def __init__(
        self,
        message: str,
        *,
        summary: str | None = None,
        hint: str | None = None,
        text: str | None = None,
        span: Span | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.summary = summary
        self.hint = hint
        self.text = text
        self.span = span

    def at(self, text: str, span: Span | None = None) -> StreamnbError:
        """Add the statement's text (and a span where none is known yet) and return the same error."""
        if self.text is None:
            self.text = text
            self.span = self.span or span
        return self

    def render(self, *, coloured: bool = False) -> str:
        """Draw the error: what is wrong, the source line with a caret below the place, and a hint.

        ``coloured`` adds a terminal's colours. Control characters of data are shown as replaced.
        """
        paint = _painted if coloured else _plain
        lines = [f"{paint('error:', _RED)} {paint(_shown(self.summary or _first_line(self.message)), _BOLD)}"]
        if self.text is not None and self.span is not None:
            margin, line, below, carets = _excerpt(self.text, self.span)
            lines += [f"{paint(margin, _DIM)}{_shown(line)}", f"{paint(below, _DIM)}{paint(carets, _RED)}"]
        if self.hint:
            lines.append(f"{paint('hint:', _CYAN)} {_shown(self.hint)}")
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """Tell IPython what to show in place of a traceback, in colours unless its own are off."""
        from IPython.core.getipython import get_ipython

        colors = str(getattr(get_ipython(), "colors", "nocolor"))
        return self.render(coloured=colors.lower() != "nocolor").split("\n")


def _first_line(message: str) -> str:
    return message.strip().split("\n", 1)[0].rstrip(".")


# JupyterLab draws bold red in a shade that its dark theme swallows.
_RED, _BOLD, _DIM, _CYAN = "31", "1", "2", "36"
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def _plain(text: str, style: str) -> str:
    return text


def _painted(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m"


def _shown(text: str) -> str:
    """Write text that may hold data: no character of it reaches a terminal as a command."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def _excerpt(text: str, span: Span) -> tuple[str, str, str, str]:
    """Cut out the line a span starts in: its margin with the number, from 1, the line, and what stands below it."""
    start = min(max(span.start, 0), len(text))
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    number = text.count("\n", 0, start) + 1
    column = start - line_start
    width = max(1, min(span.end, line_start + len(line)) - start)
    shown = line.rstrip("\r").replace("\t", " ").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    margin = f"{number:>3} | "
    return margin, shown, f"{' ' * (len(margin) - 2)}| {' ' * column}", "^" * width


class KsqlError(StreamnbError):
    """A statement or a running query is refused."""


class KsqlStatementError(KsqlError):
    """A statement that parses cannot be planned or executed."""


class ParseFailedError(KsqlStatementError):
    """Text that is no statement of the dialect."""


class KsqlFunctionError(KsqlError):
    """A function is unknown, does not accept its arguments, or raised."""


class UnknownFunctionError(KsqlFunctionError):
    """There is no function of a name: ``name``, in upper case."""

    def __init__(self, message: str, *, name: str, summary: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, summary=summary, hint=hint)
        self.name = name


class LogError(StreamnbError):
    """A topic or a broker cannot be reached or used."""


class StoreError(StreamnbError):
    """The pipeline's database file cannot be opened or used."""


class StoreLockedError(StoreError):
    """Another process holds the pipeline's database file."""


class StoreBrokenError(StoreError):
    """The database in memory cannot be used any more; its file can.

    Raised by a commit, it says nothing about its outcome: what was stored tells, once the store is reopened.
    """
