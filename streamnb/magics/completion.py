"""What may be typed next in a cell: keywords by the grammar, names by the catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from streamnb.catalog import Catalog
from streamnb.errors import StreamnbError
from streamnb.results import Rows
from streamnb.schema import quote_name
from streamnb.sql.parser import accepted_tokens, split_statements
from streamnb.sql.tokens import is_plain_name
from streamnb.workspace import Workspace

__all__ = ["complete", "matcher"]

_FRAGMENT = re.compile(r"[\w@]*\Z")
_QUALIFIED = re.compile(r"(\w+)\s*(?:\.|->)\s*\Z")
_OPTION = re.compile(r"--?[\w-]*\Z")
_CLAUSES = "LEFT|RIGHT|INNER|FULL|OUTER|JOIN|ON|WITHIN|WHERE|WINDOW|GROUP|HAVING|PARTITION|UNION|ORDER|EMIT|LIMIT"
_ALIAS = re.compile(rf"\b(?:FROM|JOIN)\s+`?(\w+)`?(?:\s+(?:AS\s+)?(?!(?:{_CLAUSES})\b)(\w+))?", re.I)
_BEFORE_SOURCE = re.compile(r"\b(?:FROM|JOIN|DESCRIBE|EXTENDED|INTO|DROP\s+STREAM|DROP\s+TABLE|IF\s+EXISTS)\s+\Z", re.I)
_TOPIC = re.compile(r"(?:KAFKA_TOPIC\s*=\s*|'kafka\.topic'\s*=\s*|\bPRINT\s+)'?([\w.-]*)\Z", re.I)
_OPTIONS = ("-o", "--chart", "--x", "--y", "--color", "--limit", "--rate", "--no-display", "--wait")
_COMMANDS = ("connect", "jobs", "history", "stop", "close")

Matcher = Callable[[CompletionContext], SimpleMatcherResult]
Found = list[tuple[str, str]]  # text, kind


def complete(text: str, workspace: Workspace | None, after: str = "") -> tuple[str, Found]:
    """Complete the end of a text; ``after`` is what follows it in the cell.

    Returns: the fragment that is completed, and what may stand in its place, with the kind of each.
    """
    topic = _TOPIC.search(text)
    if topic is not None and workspace is not None:
        return topic[1], _starting(topic[1], [(name, "topic") for name in _topics(workspace)])
    fragment_match = _FRAGMENT.search(text)
    fragment = fragment_match[0] if fragment_match else ""
    before = text[: len(text) - len(fragment)]
    catalog = workspace.pipeline.catalog if workspace is not None else Catalog()
    statement = _last_statement(before) + fragment + after.split(";", 1)[0]
    qualifier = _QUALIFIED.search(before)
    if qualifier is not None:
        return fragment, _starting(fragment, _columns(catalog, _sources(catalog, statement, qualifier[1])))
    if _BEFORE_SOURCE.search(before):
        return fragment, _starting(fragment, [(_written(s.name), s.kind.lower()) for s in catalog])
    accepted = accepted_tokens(before)
    found: Found = []
    if "<name>" in accepted:
        found += _columns(catalog, _sources(catalog, statement, None))
        if fragment and workspace is not None:
            registry = workspace.pipeline.registry
            names = [*registry.names(), *registry.aggregate_names(), *registry.table_names()]
            found += [(name, "function") for name in sorted(names)]
    found += [(word, "keyword") for word in sorted(accepted) if word[:1].isalpha()]
    return fragment, _starting(fragment, found)


def matcher(workspace: Callable[[], Workspace | None]) -> Matcher:
    """Make IPython's matcher for %ksql and %%ksql."""

    def ksql_matcher(context: CompletionContext) -> SimpleMatcherResult:
        parts = _in_magic(context)
        if parts is None:
            return SimpleMatcherResult(completions=[], suppress=False)
        text, after, is_head = parts
        option = _OPTION.search(text) if is_head else None
        if option is not None:
            fragment, found = option[0], _starting(option[0], [(name, "option") for name in _OPTIONS])
        else:
            fragment, found = complete(text, workspace(), after)
            if is_head and not text[: len(text) - len(fragment)].strip():
                found = _starting(fragment, [(name, "command") for name in _COMMANDS]) + found
        completions = [SimpleCompletion(text=name, type=kind) for name, kind in found]
        return SimpleMatcherResult(completions=completions, matched_fragment=fragment, suppress=True, ordered=True)

    register: Callable[[Matcher], Matcher] = context_matcher(identifier="streamnb.ksql")
    return register(ksql_matcher)


def _in_magic(context: CompletionContext) -> tuple[str, str, bool] | None:
    """Find the statement text around the cursor, and whether the cursor is on the magic's own line."""
    lines = context.full_text.split("\n")
    number, column = context.cursor_line, context.cursor_position
    before, after = "\n".join([*lines[:number], lines[number][:column]]), lines[number][column:]
    if context.full_text.lstrip().startswith("%%ksql"):
        if "\n" not in before.lstrip():
            head = re.sub(r"\A\s*%%ksql\b", "", before)
            return (head, "", True) if _OPTION.search(head) else None
        return before.lstrip().split("\n", 1)[1], "\n".join([after, *lines[number + 1 :]]), False
    line = re.search(r"(?:\A|=)\s*%ksql\s(.*)\Z", lines[number][:column])
    return (line[1], after, True) if line is not None else None


def _starting(fragment: str, found: Iterable[tuple[str, str]]) -> Found:
    """Keep what begins with the fragment, whatever its case, each text once."""
    wanted = fragment.upper()
    kept = {name: kind for name, kind in reversed(list(found)) if name.upper().lstrip("`").startswith(wanted)}
    return list(reversed(kept.items()))


def _last_statement(text: str) -> str:
    statements = split_statements(text)
    return statements[-1].text if statements and not text.rstrip().endswith(";") else ""


def _sources(catalog: Catalog, statement: str, qualifier: str | None) -> list[str]:
    """List the sources a statement names; those of one name or alias when there is a qualifier."""
    found = [(name if name in catalog else name.upper(), alias) for name, alias in _ALIAS.findall(statement)]
    if qualifier is None:
        return [name for name, _ in found if name in catalog]
    wanted = qualifier.upper()
    return [name for name, alias in found if name in catalog and wanted in (name.upper(), alias.upper())]


def _columns(catalog: Catalog, sources: Iterable[str]) -> Found:
    return [
        (_written(column.name), f"column {column.type}"[:40])
        for name in sources
        if (source := catalog.get(name)) is not None
        for column in source.schema.columns()
    ]


def _written(name: str) -> str:
    return name if is_plain_name(name) and name == name.upper() else quote_name(name)


def _topics(workspace: Workspace) -> list[str]:
    try:
        result = workspace("SHOW TOPICS;")
    except StreamnbError:
        return []
    return [str(row[0]) for row in result.rows] if isinstance(result, Rows) else []
