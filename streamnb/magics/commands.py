"""What %ksql does besides statements: a table from a command's name to what it asks of the session."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streamnb.catalog import closest
from streamnb.errors import Span, StreamnbError
from streamnb.magics.options import Given, Option, read_options
from streamnb.sql import ast
from streamnb.sql.parser import accepted_tokens
from streamnb.sql.printer import format_statement
from streamnb.widgets.session import CellOptions, NotebookSession

__all__ = ["COMMANDS", "PREFIX", "Command", "find_command"]

PREFIX = "%ksql "
_URL = re.compile(r"(?:memory|duckdb|kafka|ksqldb|flink)://\S*|\S+\.(?:duckdb|db)|:memory:")


@dataclass(frozen=True)
class Command:
    """One command: what it does, and how it is called. At most ``words_max`` words follow its name."""

    help: str
    run: Callable[[NotebookSession, Given], None]
    words: str = ""
    words_max: int = 0
    words_min: int = 0
    options: tuple[Option, ...] = ()

    def usage(self, name: str) -> str:
        """Write how the command is called: ``print TOPIC [--limit N]``."""
        return " ".join([name, *filter(None, [self.words]), *(f"[{option.usage}]" for option in self.options)])


def _connect(session: NotebookSession, given: Given) -> None:
    session.connect(given.words[0] if given.words else os.environ.get("STREAMNB_URL") or "memory://")


def _print(session: NotebookSession, given: Given) -> None:
    topic = ast.PrintTopic(given.words[0], given.flag("from_beginning"), None, given.number("limit"))
    session.run(format_statement(topic), CellOptions(limit=given.number("limit")))


def _stop(session: NotebookSession, given: Given) -> None:
    session.stop(given.words[0] if given.words else None, everything=given.flag("all"))


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ValueError("is no whole number above 0")
    return int(text)


COMMANDS: Mapping[str, Command] = {
    "connect": Command("open a pipeline: memory://, a file, kafka://host:9092; $STREAMNB_URL", _connect, "[URL]", 1),
    "jobs": Command("show the live and persistent queries: state, rates, lag, problems", lambda s, _: s.jobs()),
    "graph": Command("draw the pipeline and the live queries as a graph that stays current", lambda s, _: s.graph()),
    "print": Command(
        "show records of a topic: the newest, or the first ones",
        _print,
        "TOPIC",
        1,
        1,
        (Option("--limit", "this many records", "N", _whole), Option("--from-beginning", "the first ones")),
    ),
    "history": Command(
        "show the statements that were run, or write them into a file",
        lambda session, given: session.history(given.words[0] if given.words else None),
        "[FILE.sql]",
        1,
    ),
    "export": Command(
        "show the pipeline as a script, or write it into a file for streamnb run",
        lambda session, given: session.export(given.words[0] if given.words else None),
        "[FILE.sql]",
        1,
    ),
    "stop": Command(
        "stop a live query: the newest one, one by its name, or all",
        _stop,
        "[NAME]",
        1,
        options=(Option("--all", "all of them"),),
    ),
    "close": Command("stop the live queries and close the pipeline", lambda session, _: session.close()),
}
"""The commands by name. A further one is a further line: its name, and the method of the session that it calls."""


def find_command(line: str) -> Callable[[NotebookSession], None] | None:
    """Find the command that a line calls, ready to run; None when the line is a statement.

    Raises: StreamnbError for an option that the command does not have, and for what is nearly a command.
    """
    first, _, rest = line.strip().rstrip(";").rstrip().partition(" ")
    if not first:
        first = "connect"
    elif _URL.fullmatch(first) and not rest:
        first, rest = "connect", first
    command = COMMANDS.get(first)
    if command is None:
        _check_near(first, line)
        return None
    prefix = f"{PREFIX}{first} "
    words = rest.split()
    if first == "print" and (line.rstrip().endswith(";") or len([w for w in words if not w.startswith("-")]) > 2):
        return None  # the statement, in small letters
    given = read_options(rest, command.options, line=False, prefix=prefix)
    if not command.words_min <= len(given.words) <= command.words_max:
        problem = "needs a name" if len(given.words) < command.words_min else f"takes no {given.words[-1]}"
        span = Span(len(PREFIX), len(prefix) + len(rest))
        raise StreamnbError(f"{first} {problem}", hint=f"write {command.usage(first)}", text=prefix + rest, span=span)
    return lambda session: command.run(session, given)


def _check_near(first: str, line: str) -> None:
    """Refuse a word that begins no statement and is nearly a command."""
    near = closest(first, COMMANDS) if first.upper() not in accepted_tokens("") else None
    if near is not None and not line.rstrip().endswith(";"):
        start = len(PREFIX) + line.index(first)
        span = Span(start, start + len(first))
        raise StreamnbError(f"unknown command {first}", hint=f"did you mean {near}?", text=PREFIX + line, span=span)
