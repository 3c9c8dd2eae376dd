"""What Shift-Tab shows in a %%ksql cell: the documentation of the function, source or column at the cursor.

The kernel answers inspect requests by looking Python objects up. While the extension is loaded, its ``do_inspect`` asks
here first; outside cells of ours, and for what we know nothing of, all goes on as before.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from streamnb.catalog import DataSource
from streamnb.errors import StreamnbError
from streamnb.magics.cells import find_place
from streamnb.magics.scope import PATH, Scope
from streamnb.results import Rows
from streamnb.sql.tokens import open_quote
from streamnb.workspace import Workspace

__all__ = ["Inspection", "document"]

_WORD_BEFORE = re.compile(r"(?:`[^`]*|\w*)\Z")
_WORD_AFTER = re.compile(r"[^`]*`|\w*")
_CALL = re.compile(r"(\w+)\s*\Z")

Bundle = dict[str, str]


class Inspection:
    """Answers the inspect requests of a kernel as long as it is hooked."""

    def __init__(self, workspace: Callable[[], Workspace | None]) -> None:
        self._workspace = workspace
        self._kernel: Any = None

    def hook(self, shell: InteractiveShell) -> None:
        """Be asked first; a shell without a kernel, as in the terminal, has no inspect requests."""
        kernel: Any = getattr(shell, "kernel", None)
        original = getattr(kernel, "do_inspect", None)
        if original is None:
            return

        def do_inspect(code: str, cursor_pos: int, *args: Any, **options: Any) -> Any:
            bundle = document(code, cursor_pos, self._workspace())
            if bundle is None:
                return original(code, cursor_pos, *args, **options)
            return {"status": "ok", "found": True, "data": bundle, "metadata": {}}

        self._kernel = kernel
        kernel.do_inspect = do_inspect

    def unhook(self) -> None:
        """Let the kernel answer by itself again."""
        if self._kernel is not None:
            vars(self._kernel).pop("do_inspect", None)
            self._kernel = None


def document(cell: str, offset: int, workspace: Workspace | None) -> Bundle | None:
    """Describe what stands at an offset of a cell, as a MIME bundle; None for what is none of ours.

    Behind an opening parenthesis, and between the arguments of a call, it is the function that is called.
    """
    place = find_place(cell, offset)
    if place is None or place.head or workspace is None:
        return None
    before, after = place.statement, place.rest
    quote = open_quote(before)
    if quote is not None and before[quote] == "'":
        return None
    start, end = _WORD_BEFORE.search(before), _WORD_AFTER.match(after)
    word = (start[0] if start else "") + (end[0] if end else "")
    context = before[: start.start()] if start else before
    found = _named(workspace, word, context, f"{before}{after}") if word else None
    if found is None:
        called = _called(before)
        found = _function(workspace, called) if called else None
    return found


def _named(workspace: Workspace, word: str, context: str, statement: str) -> Bundle | None:
    scope = Scope.of(workspace.pipeline.catalog, statement)
    path = PATH.search(context)
    column = scope.column(word, path[0] if path else "")
    if column is not None:
        return _bundle(f"{column[0]}  {column[1]}", f"column of {column[2]}", [])
    if path is not None:
        return None
    bare = word.strip("`")
    source = next((s for alias, s in scope.sources if bare.upper() == alias.upper()), None)
    source = source or workspace.pipeline.catalog.get(bare) or workspace.pipeline.catalog.get(bare.upper())
    return _source(source) if source is not None else _function(workspace, word)


def _called(before: str) -> str | None:
    """Find the function in whose parentheses a text ends."""
    depth = 0
    for position in range(len(before) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(before[position], 0)
        if depth < 0:
            found = _CALL.search(before, 0, position)
            return found[1] if found else None
    return None


def _function(workspace: Workspace, name: str) -> Bundle | None:
    if not re.fullmatch(r"\w+", name):
        return None
    try:
        described = workspace(f"DESCRIBE FUNCTION `{name.upper()}`;")
    except StreamnbError:
        return None
    if not isinstance(described, Rows):
        return None
    facts = dict(described.rows)
    forms = [str(value) for label, value in described.rows if label == "Form"]
    kind = str(facts.get("Type") or "").lower()
    return _bundle("\n".join(forms), f"{kind} function {facts.get('Name')}", [str(facts.get("Description") or "")])


def _source(source: DataSource) -> Bundle:
    key = "primary key" if source.is_table else "key"
    columns = [(c.name, f"{c.type} ({key})") for c in source.schema.key]
    columns += [(c.name, str(c.type)) for c in source.schema.value]
    columns += [(c.name, f"{c.type} (headers)") for c in source.schema.headers]
    width = max((len(name) for name, _ in columns), default=0)
    partitions = f"{source.partitions} partition{'' if source.partitions == 1 else 's'}"
    facts = [f"topic {source.topic}, {partitions}; key {source.key_format.name}, value {source.value_format.name}"]
    if source.window is not None:
        facts.append(f"{source.window.kind.lower()} windows")
    if source.query_id is not None:
        facts.append(f"kept by query {source.query_id}")
    shown = "\n".join(f"{name:<{width}}  {type_}" for name, type_ in columns)
    return _bundle(shown, f"{source.kind.lower()} {source.name}", facts)


def _bundle(code: str, title: str, texts: Sequence[str]) -> Bundle:
    """Show a title, text and code; values are data, nothing in them is taken as markup."""
    parts = [f"<b>{html.escape(title)}</b>", *(f"<p>{html.escape(text)}</p>" for text in texts if text)]
    return {
        "text/plain": "\n".join([title, "", *(text for text in texts if text), *([""] if texts else []), code]),
        "text/html": "".join([*parts, f"<pre>{html.escape(code)}</pre>"]),
    }
