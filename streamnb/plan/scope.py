"""Where the columns that an expression names are looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from streamnb.catalog import closest
from streamnb.errors import KsqlStatementError, Span
from streamnb.plan.typed import TypedColumn
from streamnb.schema import SqlType
from streamnb.sql import ast

__all__ = ["ColumnScope", "EmptyScope", "Scope", "ScopeEntry", "UnresolvedColumnError"]


class UnresolvedColumnError(KsqlStatementError):
    """A column is unknown or ambiguous; the message starts with its place once the statement's text is known."""

    def at(self, text: str, span: Span | None = None) -> UnresolvedColumnError:
        if self.text is None and (place := self.span or span) is not None and place.end > 0:
            line_start = text.rfind("\n", 0, place.start) + 1
            line = text.count("\n", 0, place.start) + 1
            self.message = f"Line: {line}, Col: {place.start - line_start + 1}: {self.message}"
            self.args = (self.message,)
        super().at(text, span)
        return self


class Scope(Protocol):
    """Finds columns."""

    def resolve(self, ref: ast.ColumnRef) -> TypedColumn:
        """Find a column. Raises: KsqlStatementError with a hint when there is none, or more than one."""
        ...  # pragma: no cover


class EmptyScope:
    """The scope of constants: no column can be used."""

    def resolve(self, ref: ast.ColumnRef) -> TypedColumn:
        """Refuse every column."""
        if ref.source:
            raise KsqlStatementError(
                f"Failed to prepare statement: '{ref.source}' is not a valid stream/table name or alias.",
                summary=f"column {ref.source}.{ref.name} cannot be used here",
                hint="only constants can be used here.",
                span=ref.span,
            )
        name = ref.name
        raise KsqlStatementError(
            f"Column '{name}' cannot be resolved.",
            summary=f"column {name} cannot be used here",
            hint=f"only constants can be used here; text stands in single quotes: '{ref.name}'",
            span=ref.span,
        )


@dataclass(frozen=True)
class ScopeEntry:
    """A column that can be named: its source's alias (None: it has none), its name, and how the batch calls it."""

    source: str | None
    name: str
    column: str
    type: SqlType
    hidden: bool = False  # not listed in hints, as pseudo columns


@dataclass(frozen=True)
class ColumnScope:
    """A scope of listed columns; ``clause`` opens the message about an unknown one, as in "WHERE column"."""

    entries: Sequence[ScopeEntry]
    clause: str = "SELECT"

    def resolve(self, ref: ast.ColumnRef) -> TypedColumn:
        """Find a column by its name, and by its source where one is written."""
        self._check_source(ref)
        found = [e for e in self.entries if e.name == ref.name and ref.source in (None, e.source)]
        if not found:
            raise self._unknown(ref)
        if len(found) > 1:
            options = " or ".join(f"{e.source}.{e.name}" for e in found)
            raise UnresolvedColumnError(
                f"Column '{ref.name}' is ambiguous. Could be {options}.",
                summary=f"column {ref.name} is ambiguous",
                hint=f"write {options}",
                span=ref.span,
            )
        entry = found[0]
        joined = len({e.source for e in self.entries}) > 1
        label = f"{entry.source}_{entry.name}" if joined and entry.source else entry.name
        return TypedColumn(entry.type, entry.column, label)

    def _check_source(self, ref: ast.ColumnRef) -> None:
        sources = list(dict.fromkeys(e.source for e in self.entries if e.source is not None))
        if ref.source is not None and sources and ref.source not in sources:
            near = closest(ref.source, sources)
            raise KsqlStatementError(
                f"'{ref.source}' is not a valid stream/table name or alias.",
                summary=f"source {ref.source} is not in this query",
                hint=(f"did you mean {near}? " if near else "") + f"the sources here: {', '.join(sources)}",
                span=ref.span,
            )

    def _unknown(self, ref: ast.ColumnRef) -> KsqlStatementError:
        name = f"{ref.source}.{ref.name}" if ref.source else ref.name
        known = [e.name for e in self.entries if not e.hidden and ref.source in (None, e.source)]
        near = closest(ref.name, known)
        return UnresolvedColumnError(
            f"{self.clause} column '{name}' cannot be resolved.",
            summary=f"column {name} cannot be resolved",
            hint=(f"did you mean {near}? " if near else "") + f"there are {', '.join(known)}",
            span=ref.span,
        )
