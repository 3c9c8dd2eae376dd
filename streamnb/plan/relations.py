"""The FROM clause as the rest of a statement sees it: a plan node, the columns that can be named, and its key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from streamnb.catalog import DataSource, closest
from streamnb.errors import KsqlStatementError, Span
from streamnb.plan.logical import PlanNode, Scan
from streamnb.plan.scope import UnresolvedColumnError
from streamnb.schema import BIGINT, INTEGER, Column, SqlType
from streamnb.sql import ast

__all__ = ["PSEUDO_COLUMNS", "Entry", "Relation", "column_refs", "rewrite", "scan", "source_columns"]


class AmbiguousColumnError(UnresolvedColumnError):
    """A column is in several sources; ksqlDB finds it before it plans the statement, and says so."""

    def at(self, text: str, span: Span | None = None) -> AmbiguousColumnError:
        if self.text is None:
            super().at(text, span)
            self.message = f"Exception while preparing statement: {self.message}"
            self.args = (self.message,)
        return self


PSEUDO_COLUMNS = ("ROWTIME", "ROWPARTITION", "ROWOFFSET", "WINDOWSTART", "WINDOWEND")


@dataclass(frozen=True)
class Entry:
    """A column that expressions can name. ``system`` columns take no part in ``*``; ``label`` names it in messages."""

    source: str
    name: str
    internal: str
    type: SqlType
    system: bool = False
    label: str = ""


@dataclass(frozen=True)
class Relation:
    """What FROM yields.

    ``keys`` lists, for each key column of the node, the references that stand for it in a projection, the preferred
    one first; ``prefixed`` tells that ``*`` prefixes names with the source's alias, as joins do; ``foreign_of`` is
    the alias of the left table of a foreign-key join, whose key the result has. The synthetic key of a join is an
    entry of the source "".
    """

    node: PlanNode
    entries: tuple[Entry, ...]
    keys: tuple[tuple[ast.ColumnRef, ...], ...]
    sources: tuple[DataSource, ...]
    prefixed: bool = False
    synthetic_key: bool = False
    foreign_of: str = ""

    def entry(self, ref: ast.ColumnRef, clause: str) -> Entry:
        """Resolve a column. Raises: KsqlStatementError with ksqlDB's wording, naming the clause."""
        aliases = list(dict.fromkeys(e.source for e in self.entries if e.source))
        if ref.source is not None and ref.source not in aliases:
            raise _unknown_source(ref.source, aliases, ref.span)
        found = [e for e in self.entries if e.name == ref.name and ref.source in (None, e.source)]
        if len(found) == 1:
            return found[0]
        if found:
            options = " or ".join(f"{e.source}.{e.name}" for e in found)
            raise AmbiguousColumnError(
                f"Column '{ref.name}' is ambiguous. Could be {options}.",
                summary=f"column {ref.name} is ambiguous",
                hint=f"write {options}.",
                span=ref.span,
            )
        raise self._unknown(ref, clause)

    def _unknown(self, ref: ast.ColumnRef, clause: str) -> UnresolvedColumnError:
        known = [e.name for e in self.entries if not e.system and ref.source in (None, e.source)]
        near = closest(ref.name, known)
        shown = f"{ref.source}.{ref.name}" if ref.source else ref.name
        extra = (
            f" '{ref.name}' must be a column in the source schema since PARTITION BY is applied on the input."
            if clause == "PARTITION BY"
            else ""
        )
        if len(self.sources) == 1:
            owner, where = self.sources[0].name, f"{self.sources[0].kind.lower()} {self.sources[0].name}"
        else:
            owner, where = (ref.source, ref.source) if ref.source else ("", "the joined sources")
        return UnresolvedColumnError(
            f"{clause} column '{shown}' cannot be resolved.{extra}",
            summary=f"column {shown} is not in {where}",
            hint=(f"did you mean {near}? " if near else _as_text(ref, clause))
            + f"{owner or 'They'} {'has' if owner else 'have'} {', '.join(known)}.",
            span=ref.span,
        )

    def canonical(self, expression: ast.Expression, clause: str) -> ast.Expression:
        """Qualify every column of an expression with its source, so that equal expressions compare equal."""

        def qualify(node: ast.Expression) -> ast.Expression | None:
            if isinstance(node, ast.ColumnRef):
                entry = self.entry(node, clause)
                return replace(node, name=entry.name, source=entry.source or None)
            return None

        return rewrite(expression, qualify)

    def is_table(self) -> bool:
        """Tell whether the relation is a table's changelog."""
        return self.node.is_table


def _as_text(ref: ast.ColumnRef, clause: str) -> str:
    """Guess that a name which is like no column was meant as a text: in a condition, or where it has quotes."""
    quoted = ref.name != ref.name.upper()
    return (
        f"a text is written '{ref.name}'. " if ref.source is None and (quoted or clause in ("WHERE", "HAVING")) else ""
    )


def _unknown_source(name: str, aliases: Sequence[str], span: Span) -> KsqlStatementError:
    meant = next((a for a in aliases if a.startswith(name)), None)
    hint = f"to call {meant} {name}, write {meant} {name} where it is read. " if meant else ""
    return KsqlStatementError(
        f"'{name}' is not a valid stream/table name or alias.",
        summary=f"{name} is no source of this query",
        hint=f"{hint}sources here: {', '.join(aliases)}.",
        span=span,
    )


def source_columns(source: DataSource) -> list[tuple[Column, str]]:
    """Pair the columns of a source's scan with their internal names: keys, values, then headers."""
    schema = source.schema
    named = [(c, f"k{i}") for i, c in enumerate(schema.key)]
    named += [(c, f"v{i}") for i, c in enumerate((*schema.value, *schema.headers))]
    return named


def scan(source: DataSource, alias: str, position: int) -> Relation:
    """Build the relation of one source read under an alias."""
    schema = source.schema
    node = Scan(
        keys=tuple(c.type for c in schema.key),
        values=tuple(c.type for c in (*schema.value, *schema.headers)),
        windowed=source.window is not None,
        is_table=source.is_table,
        source=source,
        position=position,
        alias=alias,
    )
    entries = [Entry(alias, c.name, internal, c.type) for c, internal in source_columns(source)]
    pseudo = [("ROWTIME", "ts", BIGINT), ("ROWPARTITION", "part", INTEGER), ("ROWOFFSET", "off", BIGINT)]
    if source.window is not None:
        pseudo += [("WINDOWSTART", "ws", BIGINT), ("WINDOWEND", "we", BIGINT)]
    entries += [Entry(alias, name, internal, type_, system=True) for name, internal, type_ in pseudo]
    return Relation(
        node=node,
        entries=tuple(entries),
        keys=tuple((ast.ColumnRef(c.name, alias),) for c in schema.key),
        sources=(source,),
    )


def rewrite(expression: ast.Expression, change: Any, bound: frozenset[str] = frozenset()) -> ast.Expression:
    """Rebuild an expression, replacing each node for which ``change`` returns another one.

    ``change(node)`` is asked from the root down; a replaced node is not entered. Columns bound by a lambda around
    them are left alone.
    """
    if isinstance(expression, ast.ColumnRef) and expression.source is None and expression.name in bound:
        return expression
    replaced = change(expression)
    if replaced is not None:
        assert isinstance(replaced, ast.Expression)
        return replaced
    inner = bound | frozenset(expression.params) if isinstance(expression, ast.Lambda) else bound
    updates = {f.name: _rewrite_part(getattr(expression, f.name), change, inner) for f in fields(expression)}
    changed = {name: value for name, value in updates.items() if value is not getattr(expression, name)}
    return replace(expression, **changed) if changed else expression


def _rewrite_part(part: Any, change: Any, bound: frozenset[str]) -> Any:
    if isinstance(part, ast.Expression):
        return rewrite(part, change, bound)
    if isinstance(part, ast.WhenClause):
        return replace(
            part, condition=rewrite(part.condition, change, bound), result=rewrite(part.result, change, bound)
        )
    if isinstance(part, tuple):
        return tuple(_rewrite_part(item, change, bound) for item in part)
    return part


def column_refs(expression: ast.Node) -> Iterator[ast.ColumnRef]:
    """Go through the columns an expression names, those bound by its lambdas left out."""
    yield from _refs(expression, frozenset())


def _refs(part: Any, bound: frozenset[str]) -> Iterator[ast.ColumnRef]:
    if isinstance(part, ast.ColumnRef):
        if part.source is not None or part.name not in bound:
            yield part
        return
    if isinstance(part, ast.Lambda):
        bound = bound | frozenset(part.params)
    items: Iterable[Any] = ()
    if isinstance(part, tuple):
        items = part
    elif is_dataclass(part):
        items = (getattr(part, f.name) for f in fields(part))
    for item in items:
        if isinstance(item, tuple | ast.Node):
            yield from _refs(item, bound)
