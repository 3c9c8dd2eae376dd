"""A plan for people: a tree of operators in the words of the statement, and what each internal column stands for.

Every typed expression knows where it was written, so its text is cut out of the statement. What was not written (the
columns of a star, the key of a join) is shown by the name that people know.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from streamnb.catalog import DataSource
from streamnb.errors import Span
from streamnb.plan.diagram import Box, Diagram
from streamnb.plan.logical import (
    Aggregate,
    Distinct,
    Filter,
    FlatMap,
    Join,
    JoinWindow,
    PlanNode,
    Project,
    QueryPlan,
    Scan,
    SortKey,
    TopN,
    UnionAll,
    WindowSpec,
    children,
)
from streamnb.plan.typed import Typed, TypedCast, TypedColumn, TypedField, TypedLiteral
from streamnb.plan.typed import children as operands
from streamnb.schema import Column
from streamnb.sql import ast
from streamnb.sql.printer import format_name

__all__ = ["Explanation"]

_BLANKS = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`)|(?:\s|--[^\n]*|/\*.*?\*/)+", re.DOTALL)
_DAY_MS = 86_400_000
_UNITS = (("DAY", _DAY_MS), ("HOUR", 3_600_000), ("MINUTE", 60_000), ("SECOND", 1000), ("MILLISECOND", 1))
_META = ("ts = ROWTIME", "part = ROWPARTITION", "off = ROWOFFSET")


@dataclass(frozen=True)
class Explanation:
    """A plan with the statement it was made of, and the source it writes to, if any.

    ``text`` is what ``query`` was parsed from; the spans of its parts count from ``start``.
    """

    plan: QueryPlan
    query: ast.Query
    text: str
    start: int = 0
    sink: DataSource | None = None

    def lines(self) -> list[str]:
        """Draw the tree, with a line for the result above it."""
        return [f"result: {self._result()}", *self._tree(self._shown(self.plan.root))]

    def diagram(self) -> Diagram:
        """Put the operators into boxes, from what they read to the result."""
        boxes: list[Box] = []
        arrows: list[tuple[str, str]] = []

        def add(node: PlanNode) -> str:
            sources = [add(self._shown(child)) for child in children(node)]
            name, notes = _heading(self.title(node))
            boxes.append(Box(f"step {len(boxes)}", "step", name, (*notes, *self._clauses(node))))
            arrows.extend((source, boxes[-1].id) for source in sources)
            return boxes[-1].id

        last = add(self._shown(self.plan.root))
        name, notes = _heading(self._result())
        boxes.append(Box("result", "table" if self.plan.root.is_table else "stream", name, notes))
        return Diagram(tuple(boxes), (*arrows, (last, "result")))

    def title(self, node: PlanNode) -> str:
        """Say in one line what an operator does."""
        match node:
            case Scan():
                return self._scan(node)
            case Filter():
                gone = "; a row that stops passing is deleted" if node.is_table else ""
                return f"filter WHERE {self.written(node.predicate)}{gone}"
            case FlatMap():
                return f"rows of {', '.join(self._flat_calls(node))}"
            case Aggregate():
                return " ".join(filter(None, ("aggregate", ", ".join(self._calls(node)), self._group_by(node))))
            case Distinct():
                gone = "; a row that none has any more is deleted" if node.is_table else ": the first of equal records"
                return f"distinct {', '.join(self._values(node.input))}{gone}"
            case UnionAll():
                return f"union of {len(node.inputs)} {'tables' if node.is_table else 'streams'}"
            case TopN():
                rows = "the first row" if node.limit == 1 else f"the first {node.limit} rows"
                return f"{rows} ORDER BY {', '.join(map(self._sort_key, node.order))}"
            case Join():
                left, right = ("table" if side.is_table else "stream" for side in (node.left, node.right))
                on = " = ".join(self._join_keys(node))
                return f"{node.kind} JOIN {left} with {right} ON {on}{' (foreign key)' if node.foreign_key else ''}"
        assert isinstance(node, Project)
        if self._is_side(node) and (node.is_table or _keeps_key(node)):
            return f"take {', '.join(self._values(node)) or 'only the key'}"
        if self._is_side(node):
            return f"repartition by {self.written(node.key_exprs[0])}; the key was {self._key_names(node.input)}"
        if not node.names:
            return f"convert to {_listed((*self.plan.key_columns, *self.plan.value_columns))}"
        return f"select {', '.join(self._selected(node))}"

    def columns(self, node: PlanNode) -> list[str]:
        """Say what the internal columns of an operator's output stand for: ``k0 = CHANNEL``."""
        found = [f"k{i} = {name}" for i, name in enumerate(self._keys(node))]
        if node.windowed:
            found += ["ws = WINDOWSTART", "we = WINDOWEND"]
        found += [f"v{i} = {name}" for i, name in enumerate(self._values(node))]
        return [*found, *_META] if isinstance(node, Scan) else found

    def written(self, typed: Typed) -> str:
        """Cut an expression out of the statement; show what was not written there by its name or its parts."""
        text = self._cut(typed.span)
        if text is not None:
            return text
        if isinstance(typed, TypedColumn) and typed.label.startswith("#"):
            return "a key that is not selected"
        if isinstance(typed, TypedColumn):
            return typed.label if self.query.joins else typed.label.removeprefix(f"{self.query.source.alias}.")
        if isinstance(typed, TypedField):
            return f"{self.written(typed.base)}->{format_name(typed.name)}"
        if isinstance(typed, TypedCast):
            return self.written(typed.operand)
        if isinstance(typed, TypedLiteral):
            return "NULL" if typed.value is None else repr(typed.value)
        kind = type(typed).__name__.removeprefix("Typed").lower()
        return f"{kind}({', '.join(map(self.written, operands(typed)))})"

    def _cut(self, span: Span) -> str | None:
        """Read a place of the statement, in one line and without comments; None for a star or no place."""
        if span == ast.NO_SPAN:
            return None
        piece = _BLANKS.sub(lambda m: m[1] or " ", self.text[span.start - self.start : span.end - self.start]).strip()
        return None if not piece or piece.endswith("*") else piece

    # The tree

    def _tree(self, node: PlanNode) -> list[str]:
        """Draw an operator, its clauses, and its inputs."""
        lines = [self.title(node), *self._clauses(node)]
        inputs = [self._shown(child) for child in children(node)]
        for i, child in enumerate(inputs):
            first, rest = ("└─ ", "   ") if i == len(inputs) - 1 else ("├─ ", "│  ")
            drawn = self._tree(child)
            lines += [first + drawn[0], *(rest + line for line in drawn[1:])]
        return lines

    def _shown(self, node: PlanNode) -> PlanNode:
        """Pass over a projection that says nothing new.

        The side of a join that keeps its key only leaves out columns that nobody names; what stands above DISTINCT,
        ORDER BY or UNION often repeats the select list below.
        """
        if not isinstance(node, Project):
            return node
        if self._is_side(node):
            return node.input if _keeps_key(node) else node
        repeats = isinstance(node.input, Distinct | TopN | UnionAll) and self._values(node) == self._row(node.input)
        return node.input if repeats else node

    def _row(self, node: PlanNode) -> list[str]:
        """Name the columns of a row: of those that are distinct, it is the key."""
        return self._keys(node) if isinstance(node, Distinct) else self._values(node)

    def _is_side(self, node: Project) -> bool:
        """Tell whether a projection is below a join: it has no names, and is not what fits a result to its sink."""
        return not node.names and node is not self.plan.root

    def _clauses(self, node: PlanNode) -> list[str]:
        """List what stands below an operator's title."""
        if isinstance(node, Aggregate):
            having = [] if node.having is None else [f"HAVING {self.written(node.having)}"]
            window = [] if node.window is None else [self._window(node.window)]
            return [*window, *having, *(["EMIT FINAL"] if node.emit_final else []), *self._grouping(node)]
        if isinstance(node, Join):
            window = [] if node.window is None else [_within(node.window, node.kind)]
            sides = [s for s in (node.left, node.right) if isinstance(s, Project)]
            if node.foreign_key is not None:
                return ["no repartition: rows are found by the foreign key"]
            kept = all(map(_keeps_key, sides))
            return [*window, *(["no repartition: both sides have this key"] if kept else [])]
        if isinstance(node, Project) and node.partitioned:
            by = f"repartition by {', '.join(self._keys(node))}" if node.key_exprs else "no key any more"
            return [f"{by}; the key was {self._key_names(node.input)}"]
        if node is self.plan.root and self.plan.limit is not None:
            return [f"LIMIT {self.plan.limit}"]
        return []

    def _grouping(self, node: Aggregate) -> list[str]:
        """Tell whether records of one group lie in several partitions."""
        if _is_everything(node):
            return []
        group = ", ".join(map(self.written, node.group))
        columns = [e.column if isinstance(e, TypedColumn) else None for e in node.group]
        if columns == [f"k{i}" for i in range(len(node.input.keys))]:
            return [f"no repartition: {group} is the key"]
        return [f"repartition by {group}; the key was {self._key_names(node.input)}"]

    # Titles

    def _result(self) -> str:
        plan = self.plan
        root = plan.root
        key = f", key {_listed(plan.key_columns)}" if plan.key_columns else ""
        window = " and the window" if key and root.windowed else ""
        kind = "table" if root.is_table else "stream"
        where = "" if self.sink is None else f" {format_name(self.sink.name)}: {_stored(self.sink)}"
        between = ";" if self.sink is not None else ","
        return f"{kind}{where}{key.replace(',', between, 1)}{window}; {_listed(plan.value_columns) or 'no values'}"

    def _scan(self, node: Scan) -> str:
        source = node.source
        alias = "" if node.alias == source.name else f" AS {format_name(node.alias)}"
        window = " and its window" if source.window is not None else ""
        key = f"key {_listed(source.schema.key)}{window}" if source.schema.key else "no key"
        values = _listed(source.schema.value)
        name = format_name(source.name)
        kind = source.kind.lower()
        return f"read {kind} {name}{alias}: {_stored(source)}; {key}; {values}"

    def _window(self, window: WindowSpec) -> str:
        size = _duration(window.size_ms)
        parts = [size if window.kind == "SESSION" else f"SIZE {size}"]
        if window.kind == "HOPPING":
            parts.append(f"ADVANCE BY {_duration(window.advance_ms)}")
        written = self.query.window
        grace = _duration(window.grace_ms)
        if written is not None and written.grace is None and 0 < window.grace_ms == _DAY_MS - window.size_ms:
            grace = f"1 DAY less {size}"
        parts += [f"RETENTION {_duration(window.retention_ms)}", f"GRACE PERIOD {grace}"]
        given = {} if written is None else {"RETENTION": written.retention, "GRACE PERIOD": written.grace}
        defaults = " and ".join(name for name, duration in given.items() if duration is None)
        return f"WINDOW {window.kind} ({', '.join(parts)}){f'; {defaults} by default' if defaults else ''}"

    def _selected(self, node: Project) -> list[str]:
        """List the columns of a select list; the key is one of them where the query writes to a source."""
        keys = zip(self._keys(node), self.plan.key_columns, strict=False)
        shown = [_as(key, column.name) for key, column in keys]
        values = zip(map(self.written, node.value_exprs), node.names, strict=True)
        return shown + [text if name.startswith("#") else _as(text, name) for text, name in values]

    def _sort_key(self, key: SortKey) -> str:
        turned = " DESC" if key.descending else ""
        return f"{self.written(key.expression)}{turned}{' NULLS FIRST' if key.nulls_first else ''}"

    def _calls(self, node: Aggregate) -> list[str]:
        return [self._cut(c.span) or f"{c.aggregate.name}({', '.join(map(self.written, c.args))})" for c in node.calls]

    def _flat_calls(self, node: FlatMap) -> list[str]:
        return [
            self._cut(span) or f"{function.name}({', '.join(map(self.written, args))})"
            for (function, args), span in zip(node.calls, node.spans, strict=True)
        ]

    def _group_by(self, node: Aggregate) -> str:
        return "over all records" if _is_everything(node) else f"GROUP BY {', '.join(map(self.written, node.group))}"

    def _join_keys(self, node: Join) -> tuple[str, str]:
        left = node.foreign_key if node.foreign_key is not None else _side_key(node.left)
        return self.written(left), self.written(_side_key(node.right))

    # Names of columns

    def _key_names(self, node: PlanNode) -> str:
        return ", ".join(self._keys(node)) or "none"

    def _keys(self, node: PlanNode) -> list[str]:
        match node:
            case Scan():
                return [format_name(c.name) for c in node.source.schema.key]
            case Filter() | FlatMap():
                return self._keys(node.input)
            case Distinct():
                return self._values(node.input)
            case UnionAll():
                return ["number of the input", "its key"] if node.is_table else []
            case TopN():
                return ["place"]
            case Aggregate():
                return ["all records"] if _is_everything(node) else list(map(self.written, node.group))
            case Join():
                return self._keys(node.left)
        assert isinstance(node, Project)
        if isinstance(node.input, Aggregate | Distinct | TopN | UnionAll) and _keeps_key(node):
            return self._keys(node.input)
        return list(map(self.written, node.key_exprs))

    def _values(self, node: PlanNode) -> list[str]:
        match node:
            case Scan():
                return [format_name(c.name) for c in (*node.source.schema.value, *node.source.schema.headers)]
            case Filter():
                return self._values(node.input)
            case FlatMap():
                return [*self._values(node.input), *self._flat_calls(node)]
            case Distinct():
                return []
            case UnionAll():
                return self._values(node.inputs[0])
            case TopN():
                return self._values(node.input)
            case Aggregate():
                return self._calls(node)
            case Join():
                return [*self._values(node.left), *self._values(node.right)]
        assert isinstance(node, Project)
        written = map(self.written, node.value_exprs)
        if not node.names:
            return list(written)
        return [
            text if name.startswith("#") else format_name(name) for text, name in zip(written, node.names, strict=True)
        ]


def _heading(title: str) -> tuple[str, tuple[str, ...]]:
    """Cut a title into a name and the lines below it: at its signs, or before its first clause."""
    clause = re.search(r" (?=(?:WHERE|ON|GROUP BY)\b)|(?<=\Aselect) |(?<=\Aaggregate) ", title)
    cut = clause or re.search(r"[:;] ", title)
    return (title, ()) if cut is None else (title[: cut.start()], tuple(title[cut.end() :].split("; ")))


def _side_key(side: PlanNode) -> Typed:
    assert isinstance(side, Project)
    return side.key_exprs[0]


def _keeps_key(node: Project) -> bool:
    """Tell whether a projection leaves the key of its input as it is."""
    columns = [e.column if isinstance(e, TypedColumn) else None for e in node.key_exprs]
    return columns == [f"k{i}" for i in range(len(node.input.keys))]


def _is_everything(node: Aggregate) -> bool:
    """Tell whether there was no GROUP BY: all records are one group then."""
    return len(node.group) == 1 and isinstance(node.group[0], TypedLiteral) and node.group[0].span == ast.NO_SPAN


def _listed(columns: Sequence[Column]) -> str:
    return ", ".join(f"{format_name(c.name)} {c.type}" for c in columns)


def _as(text: str, name: str) -> str:
    """Write a selected column; its name is left out where it is plain from the expression."""
    shown = format_name(name)
    return text if text.upper() == name.upper() or text.split(".")[-1] in (name, shown) else f"{text} AS {shown}"


def _stored(source: DataSource) -> str:
    """Tell where the records of a source are."""
    partitions = f"{source.partitions} partition{'' if source.partitions == 1 else 's'}"
    return f"topic {source.topic}, {source.value_format.name}, {partitions}"


def _within(window: JoinWindow, kind: str) -> str:
    before, after = _duration(window.before_ms), _duration(window.after_ms)
    within = before if before == after else f"({before}, {after})"
    if window.grace_ms is not None:
        return f"WITHIN {within} GRACE PERIOD {_duration(window.grace_ms)}"
    at_once = "" if kind == "INNER" else ": a row without a match is sent at once"
    return f"WITHIN {within}, no GRACE PERIOD{at_once}"


def _duration(ms: int) -> str:
    """Write a duration in the largest unit that divides it."""
    unit, size = next(((u, n) for u, n in _UNITS if ms and ms % n == 0), ("SECOND", 1000))
    amount = ms // size
    return f"{amount} {unit}{'' if amount == 1 else 'S'}"
