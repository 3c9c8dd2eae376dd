"""What may be typed next in a cell: keywords by the grammar, names by the catalogue, values by the notebook."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from streamnb.catalog import Catalog
from streamnb.magics.cells import Place, find_place
from streamnb.magics.commands import COMMANDS
from streamnb.magics.options import CELL_OPTIONS, Option
from streamnb.magics.scope import PATH, Scope, written
from streamnb.magics.vocabulary import (
    Found,
    connector_words,
    functions,
    kind_of,
    property_words,
    settings,
    topics,
    values,
    variables,
)
from streamnb.sql.parser import accepted_tokens
from streamnb.sql.tokens import is_plain_name, open_quote
from streamnb.workspace import Workspace

__all__ = ["complete", "matcher"]

_WORD = re.compile(r"[\w@]*\Z")
_PLACEHOLDER = re.compile(r"(?:(?<![\w'\"`\]):]):|\{\{\s*)(\w*)\Z")
_HEAD_WORD = re.compile(r"\S*\Z")
_BEFORE_SOURCE = re.compile(
    r"\b(?:FROM|JOIN|INTO|DESCRIBE|EXTENDED|(?:DROP|ALTER)\s+(?:STREAM|TABLE)(?:\s+IF\s+EXISTS)?)\s+\Z", re.IGNORECASE
)
_BEFORE_QUERY = re.compile(r"\A\s*(?:TERMINATE|PAUSE|RESUME|EXPLAIN)\s+(?:QUERY\s+)?\Z", re.IGNORECASE)
_BEFORE_FUNCTION = re.compile(r"\bDESCRIBE\s+FUNCTION\s+\Z", re.IGNORECASE)
_BEFORE_CONNECTOR = re.compile(r"\b(?:DESCRIBE|DROP)\s+CONNECTOR\s+(?:IF\s+EXISTS\s+)?\Z", re.IGNORECASE)
_BEFORE_TOPIC = re.compile(r"\APRINT\s+\Z", re.IGNORECASE)
_INSERTED = re.compile(r"\A\s*INSERT\s+INTO\s+(?:`[^`]+`|\w+)\s*\([^()]*\Z", re.IGNORECASE)
_HISTORY = re.compile(r"\s*(?:SELECT|WITH)\b", re.IGNORECASE)
_WITH = re.compile(r"\bWITH\s*\((?:[^()']|'(?:[^']|'')*')*\Z", re.IGNORECASE)
_BEFORE_PROPERTY = re.compile(r"[(,]\s*\Z")
_PROPERTY_VALUE = re.compile(r"(?:'([^']+)'|(\w+))\s*=\s*\Z")
_CONNECTOR = re.compile(r"\A\s*CREATE\s+(?:SOURCE|SINK)\s+CONNECTOR\b", re.IGNORECASE)
_SETTING = re.compile(r"\b(?:SET|UNSET|ALTER\s+SYSTEM)\s+\Z", re.IGNORECASE)
_TYPES = ("INT", "BIGINT", "DOUBLE", "VARCHAR", "STRING", "BOOLEAN", "BYTES", "DATE", "TIME", "TIMESTAMP")
_TYPE_WORDS = frozenset(("DECIMAL", "ARRAY", "MAP", "STRUCT"))  # those that the grammar knows
_ALIASES = re.compile(r"\bAS\s+(\w+)", re.IGNORECASE)
_PRIORITY = 1000

Matcher = Callable[[CompletionContext], SimpleMatcherResult]
Names = Mapping[str, object]


def matcher(workspace: Callable[[], Workspace | None], names: Callable[[], Names]) -> Matcher:
    """Make IPython's matcher for %ksql and %%ksql; in such a cell no other matcher has a say."""

    def ksql_matcher(context: CompletionContext) -> SimpleMatcherResult:
        lines = context.full_text.split("\n")
        offset = sum(len(line) + 1 for line in lines[: context.cursor_line]) + context.cursor_position
        fragment, found = complete(context.full_text, offset, workspace(), names())
        completions = [SimpleCompletion(text=text, type=kind) for text, kind in found]
        return SimpleMatcherResult(
            completions=completions, matched_fragment=fragment, suppress=bool(completions), ordered=True
        )

    register: Callable[[Matcher], Matcher] = context_matcher(identifier="streamnb.ksql", priority=_PRIORITY)
    return register(ksql_matcher)


def complete(cell: str, offset: int, workspace: Workspace | None, names: Names) -> tuple[str, Found]:
    """Complete a cell at an offset.

    Returns: the fragment that is completed, and what may stand in its place, best first, with what each is.
    """
    place = find_place(cell, offset)
    if place is None:
        return "", []
    if place.head and (cell.lstrip().startswith("%%") or not _is_statement(place.before)):
        return _complete_head(cell, place, workspace)
    fragment, found = _Statement(place, workspace, names).complete()
    if place.head and not place.before.removesuffix(fragment).strip():
        found = [*((name, "command") for name in COMMANDS), *found]
    return fragment, _starting(fragment, found)


def _is_statement(line: str) -> bool:
    words = line.split()
    started = len(words) > 1 or (len(words) == 1 and line[-1:].isspace())
    return not line.lstrip().startswith("-") and not (started and words[0] in COMMANDS)


# The magic's own line


def _complete_head(cell: str, place: Place, workspace: Workspace | None) -> tuple[str, Found]:
    found_word = _HEAD_WORD.search(place.before)
    fragment = found_word[0] if found_word else ""
    words = place.before.removesuffix(fragment).split()
    is_cell = cell.lstrip().startswith("%%")
    command = None if is_cell or not words else COMMANDS.get(words[0])
    options = CELL_OPTIONS if command is None else command.options
    previous = next((o for o in options if words and o.name == words[-1]), None)
    found = [(o.name, "option") for o in options]
    if previous is not None and previous.metavar:
        found = _option_values(previous, place.after, workspace) + (found if previous.bare is not None else [])
    elif command is not None and not fragment.startswith("-"):
        found = _command_words(words[0], workspace) + found
    elif not fragment.startswith("-"):
        found = found if is_cell else [*((name, "command") for name in COMMANDS), *found]
    return fragment, _starting(fragment, found)


def _option_values(option: Option, statement: str, workspace: Workspace | None) -> Found:
    if option.choices:
        return [(choice, "value") for choice in option.choices]
    if option.metavar == "COLUMN" and workspace is not None:
        scope = Scope.of(workspace.pipeline.catalog, statement)
        aliases = [(alias.upper(), "column") for alias in _ALIASES.findall(statement)]
        return aliases + [(written(name), kind_of(type_)) for name, type_, _ in scope.columns()]
    return []


def _command_words(command: str, workspace: Workspace | None) -> Found:
    if command == "print":
        return topics(workspace)
    if command == "stop" and workspace is not None:
        return [(live.name, "query") for live in workspace.lives()]
    return []


# Statements


@dataclass(frozen=True)
class _Statement:
    """Completes the statement that the cursor stands in."""

    place: Place
    workspace: Workspace | None
    names: Names

    @property
    def _catalog(self) -> Catalog:
        return Catalog() if self.workspace is None else self.workspace.pipeline.catalog

    def complete(self) -> tuple[str, Found]:
        text = self.place.statement
        quote = open_quote(text)
        if quote is not None:
            inside = text[quote + 1 :]
            return inside, self._in_quotes(text[:quote], text[quote])
        placeholder = _PLACEHOLDER.search(text)
        if placeholder is not None:
            return placeholder[1], variables(self.names, as_names="{" in placeholder[0])
        found_word = _WORD.search(text)
        fragment = found_word[0] if found_word else ""
        before = text[: len(text) - len(fragment)]
        return fragment, self._after(before)

    def _scope(self, before: str) -> Scope:
        return Scope.of(self._catalog, f"{before} {self.place.rest}")

    def _in_quotes(self, before: str, quote: str) -> Found:
        """List texts or quoted names, without the quotes."""
        if quote != "'":
            names = [(s.name, s.kind.lower()) for s in self._catalog]
            return names + [(name, kind_of(type_)) for name, type_, _ in self._scope(before).columns()]
        value = _PROPERTY_VALUE.search(before)
        if value is not None:
            name = value[1] or value[2]
            if name.upper() == "TIMESTAMP":
                return [(column, kind_of(type_)) for column, type_, _ in self._scope(before).columns()]
            return values(name, self.workspace)
        if _BEFORE_TOPIC.search(before):
            return topics(self.workspace)
        if _SETTING.search(before):
            return settings()
        if _CONNECTOR.match(before) and _WITH.search(before) and _BEFORE_PROPERTY.search(before):
            return connector_words(before)
        return []

    def _after(self, before: str) -> Found:
        """List what may stand behind a text that ends between two words."""
        path = PATH.search(before)
        if path is not None:
            return [(written(name), kind_of(type_)) for name, type_, _ in self._scope(before).members(path[0])]
        for pattern, listed in self._named():
            if pattern.search(before):
                return listed()
        if _WITH.search(before) and _BEFORE_PROPERTY.search(before):
            if _CONNECTOR.match(before):
                return [(f"'{key}'", what) for key, what in connector_words(before)]
            return property_words(f"{before} {self.place.rest}")
        value = _PROPERTY_VALUE.search(before) if _WITH.search(before) else None
        if value is not None:
            return [(f"'{v}'", what) for v, what in values(value[1] or value[2], self.workspace)]
        return self._words(before)

    def _named(self) -> list[tuple[re.Pattern[str], Callable[[], Found]]]:
        """List the places where only names of one kind stand, and what lists them."""
        return [
            (_BEFORE_FUNCTION, lambda: [] if self.workspace is None else functions(self.workspace)),
            (_BEFORE_CONNECTOR, self._connectors),
            (_BEFORE_SOURCE, self._sources),
            (_BEFORE_QUERY, self._queries),
            (_BEFORE_TOPIC, lambda: [(_raw(name), kind) for name, kind in topics(self.workspace)]),
        ]

    def _sources(self) -> Found:
        return sorted((written(s.name), s.kind.lower()) for s in self._catalog) + self._keywords()

    def _queries(self) -> Found:
        return [(id_, "query") for id_ in self._catalog.queries] + self._keywords()

    def _keywords(self) -> Found:
        return _keywords(accepted_tokens(self.place.statement))

    def _connectors(self) -> Found:
        names = [] if self.workspace is None else self.workspace.pipeline.engine.connectors
        return [(name, "connector") for name in names]

    def _types(self) -> Found:
        own = [(name, "type") for name in self._catalog.types]
        return own + [(name, "type") for name in (*_TYPES, *sorted(_TYPE_WORDS))]

    def _words(self, before: str) -> Found:
        """List columns, functions and keywords, in this order, as far as the grammar takes them."""
        accepted = accepted_tokens(before)
        if accepted >= _TYPE_WORDS and "CASE" not in accepted:
            return self._types() + _keywords(accepted - _TYPE_WORDS)
        # What the grammar rejects so far is DuckDB's perhaps.
        takes_values = "CASE" in accepted or (not accepted and _HISTORY.match(before) is not None)
        found: Found = []
        if takes_values or _INSERTED.match(before):
            scope = self._scope(before)
            found += [(written(name), kind_of(type_)) for name, type_, _ in scope.columns()]
        if takes_values:
            found += [(alias, "alias") for alias, source in scope.sources if alias != source.name]
            found += [(name, kind_of(type_)) for name, type_ in scope.pseudo_columns()]
            found += [] if self.workspace is None else functions(self.workspace)
        return found + _keywords(accepted)


def _raw(topic: str) -> str:
    return topic if is_plain_name(topic) else f"'{topic}'"


def _keywords(accepted: Iterable[str]) -> Found:
    return [(word, "keyword") for word in sorted(accepted) if word[:1].isalpha()]


def _starting(fragment: str, found: Iterable[tuple[str, str]]) -> Found:
    """Keep what begins with the fragment, whatever its case and quotes, each text once."""
    wanted = fragment.upper().lstrip("`'")
    kept: dict[str, str] = {}
    for text, kind in found:
        if text.upper().lstrip("`'").startswith(wanted):
            kept.setdefault(text, kind)
    return list(kept.items())
