"""Writes the reference page of functions: ``python -m streamnb.functions.reference > docs/reference/functions.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from streamnb.functions.declare import Function, Overload
from streamnb.functions.registry import builtin_functions
from streamnb.functions.table import TABLE_FUNCTIONS

__all__ = ["main", "render_reference"]

_HEAD = """\
# Functions

Written by `python -m streamnb.functions.reference`; the declarations in `streamnb/functions` are the source.

A capital letter is a type variable, `X...` any number of arguments, `DECIMAL` every precision and scale. An argument
converts without CAST from INTEGER to BIGINT, DECIMAL and DOUBLE in this order, and from STRING to DATE, TIME and
TIMESTAMP.

How a function runs: **DuckDB**, as SQL over whole batches; **Python**, a vectorised function over Arrow arrays;
**per value**, a Python function called for each row; **DuckDB, per value**, SQL where the call or the row allows it,
and Python for the others.
"""


def render_reference() -> str:
    """Write the page as Markdown."""
    functions = builtin_functions().values()
    loops = [f.name for f in functions if any(_how(o) == "per value" for o in f.overloads)]
    parts = [
        _HEAD,
        "## Scalar functions\n",
        _table(functions),
        "## Table functions\n",
        _table(TABLE_FUNCTIONS.values()),
        "## Functions with a form that always runs per value\n",
        ", ".join(f"`{name}`" for name in loops) + "\n",
    ]
    return "\n".join(parts)


def _table(functions: Iterable[Function]) -> str:
    lines = ["| function | category | signatures | how | |", "|---|---|---|---|---|"]
    for f in functions:
        signatures = "<br>".join(f"`{o.text}`".replace("|", "\\|") for o in f.overloads)
        ways = list(dict.fromkeys(_how(o) for o in f.overloads))
        doc = f.doc.replace("|", "\\|")
        lines.append(f"| `{f.name}` | {f.category} | {signatures} | {'; '.join(ways)} | {doc} |")
    return "\n".join(lines) + "\n"


def _how(overload: Overload) -> str:
    if overload.python is None:
        return "DuckDB"
    way = "per value" if overload.per_value else "Python"
    return way if overload.template is None else f"DuckDB, {way}"


def main() -> None:
    """Print the page."""
    sys.stdout.write(render_reference())


if __name__ == "__main__":
    main()
