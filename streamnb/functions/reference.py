"""Writes the reference page of functions: ``python -m streamnb.functions.reference`` prints it without its last column.

How many of ksqlDB's public cases call a function and pass is not known to the package: ``make docs`` adds it, where the
cases are at hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from streamnb.functions.aggregate import AggregateFunction, aggregate_functions
from streamnb.functions.declare import Function, Overload
from streamnb.functions.registry import builtin_functions
from streamnb.functions.table import TABLE_FUNCTIONS

__all__ = ["main", "render_reference"]

_HEAD = """\
# Functions

Written by `make docs`; the declarations in `streamnb/functions` are the source.

A capital letter is a type variable, `X...` any number of arguments, `DECIMAL` every precision and scale. An argument
converts without CAST from INTEGER to BIGINT, DECIMAL and DOUBLE in this order, and from STRING to DATE, TIME and
TIMESTAMP.

**Carried out by**: the template of DuckDB SQL, in which `{0}` is the first argument and `{*}` all of them; SQL where
the template depends on the call; Python where DuckDB cannot do it. **Vectorised** is what works on whole columns: SQL
always; Python over Arrow arrays; *in part* where only some calls or records need a Python call of their own.
**Public cases**: how many of ksqlDB's own test cases call the function, and how many of them pass; those that need a
schema registry are not counted.
"""
_TEMPLATE_MAX = 90

Counts = Mapping[str, tuple[int, int]]
"""Passing cases and all cases by the name of a function."""


def render_reference(counts: Counts | None = None) -> str:
    """Write the page as Markdown."""
    functions = [*builtin_functions().values()]
    parts = [
        _HEAD,
        "## Scalar functions\n",
        _table(functions, counts or {}),
        "## Table functions\n",
        _table(TABLE_FUNCTIONS.values(), counts or {}),
        "## Aggregate functions\n",
        _aggregates(aggregate_functions().values(), counts or {}),
        "## What loops over records in Python\n",
        f"With a form that always does: {_names(functions, 'no')}.\n",
        f"Only for calls or records that SQL cannot do: {_names(functions, 'in part')}.\n",
    ]
    return "\n".join(parts)


def _table(functions: Iterable[Function], counts: Counts) -> str:
    lines = [
        "| function | category | carried out by | vectorised | signatures | | public cases |",
        "|---|---|---|---|---|---|---|",
    ]
    for f in functions:
        cells = [
            f"`{f.name}`",
            f.category,
            _each(map(_carried_out, f.overloads)),
            _each(map(_vectorised, f.overloads)),
            _each(f"`{o.text}`" for o in f.overloads),
            f.doc,
            _passing(f.name, counts),
        ]
        lines.append(_row(cells))
    return "\n".join(lines) + "\n"


def _aggregates(functions: Iterable[AggregateFunction], counts: Counts) -> str:
    lines = ["| function | of a table too | signatures | | public cases |", "|---|---|---|---|---|"]
    for f in functions:
        forms = _each(f"`{s.describe(f.name)}`" for s in f.signatures)
        lines.append(_row([f"`{f.name}`", "yes" if f.undoable else "no", forms, f.doc, _passing(f.name, counts)]))
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _each(parts: Iterable[str]) -> str:
    return "<br>".join(dict.fromkeys(parts))


def _carried_out(overload: Overload) -> str:
    if overload.template is None:
        return "Python"
    if isinstance(overload.template, str):
        text = overload.template
        if len(text) > _TEMPLATE_MAX:
            text = text[:_TEMPLATE_MAX] + "…"
        return f"`{text}`"
    return "SQL" if overload.python is None else "SQL, Python"


def _vectorised(overload: Overload) -> str:
    if overload.python is None or not overload.per_value:
        return "yes"
    return "no" if overload.template is None else "in part"


def _names(functions: Iterable[Function], vectorised: str) -> str:
    found = [f.name for f in functions if any(_vectorised(o) == vectorised for o in f.overloads)]
    return ", ".join(f"`{name}`" for name in found)


def _passing(name: str, counts: Counts) -> str:
    passed, all_ = counts.get(name, (0, 0))
    if not all_:
        return "–"
    return f"{passed}" if passed == all_ else f"{passed} of {all_}"


def main() -> None:
    """Print the page."""
    sys.stdout.write(render_reference())


if __name__ == "__main__":
    main()
