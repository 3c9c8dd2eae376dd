"""A saved notebook as sites show it that run none of it: GitHub, which takes most of the HTML away, and nbviewer."""

from __future__ import annotations

import base64
import html
import re
from typing import Any

import bleach
import nbconvert

__all__ = ["github_output", "github_page", "nbviewer_page", "readable"]

# What GitHub's sanitiser lets through: no style, no class, no script, and no picture that carries its own data.
_TAGS = frozenset(
    "a abbr b bdo blockquote br caption cite code dd del details dfn div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr"
    " i img ins kbd li mark ol p pre q rp rt ruby s samp small span strike strong sub summary sup table tbody td tfoot"
    " th thead time tr tt ul var wbr".split()
)
_ATTRIBUTES = {
    "a": ["href"],
    "img": ["src", "alt"],
    "*": ["align", "alt", "border", "colspan", "dir", "height", "open", "rowspan", "title", "valign", "width"],
}
_SHOWN = ("text/html", "image/svg+xml", "image/png", "text/latex", "text/plain")
_RULE = re.compile(r"\W+")


def github_output(output: Any) -> str:
    """Write one output of a cell as GitHub shows it; an output of a widget alone is nothing there."""
    if output.output_type == "stream":
        return f"<pre>{html.escape(output.text)}</pre>"
    if output.output_type == "error":
        return f"<pre>{html.escape(nbconvert.filters.strip_ansi(chr(10).join(output.traceback)))}</pre>"
    mime = next((mime for mime in _SHOWN if mime in output.data), None)
    if mime is None:
        return ""
    if mime == "text/html":
        without = re.sub(r"(?is)<(script|style)\b.*?</\1>", "", output.data[mime])
        return str(bleach.clean(without, _TAGS, _ATTRIBUTES, protocols=["http", "https"], strip=True))
    if mime == "image/svg+xml":
        data = base64.b64encode(output.data[mime].encode()).decode("ascii")
        return f'<img src="data:image/svg+xml;base64,{data}">'
    if mime == "image/png":
        return f'<img src="data:image/png;base64,{output.data[mime]}">'
    return f"<pre>{html.escape(output.data[mime])}</pre>"


def github_page(notebook: Any) -> str:
    """Write a notebook as a page of GitHub's: its own look of tables, and outputs without theirs."""
    parts = [_GITHUB_STYLE]
    for cell in notebook.cells:
        shown = html.escape(cell.source)
        parts.append(f"<pre class=in>{shown}</pre>" if cell.cell_type == "code" else f"<div>{shown}</div>")
        parts += [f"<div class=out>{github_output(output)}</div>" for output in cell.get("outputs", ())]
    return "".join(parts)


_GITHUB_STYLE = """<!doctype html><meta charset=utf-8><style>
body{font:14px/1.5 system-ui,sans-serif;max-width:980px;margin:24px auto;color:#1f2328}
.in{background:#f6f8fa;padding:8px;overflow:auto}.out{margin:8px 0 16px 0;overflow:auto}
table{border-collapse:collapse}td,th{border:1px solid #d1d9e0;padding:6px 13px}img{max-width:100%}
</style>"""


def nbviewer_page(notebook: Any) -> str:
    """Write a notebook as nbviewer does, with nbconvert."""
    page, _ = nbconvert.HTMLExporter(template_name="classic").from_notebook_node(notebook)
    return str(page)


def readable(page: str) -> set[str]:
    """List the words that a reader sees in a piece of HTML."""
    return set(filter(None, _RULE.split(html.unescape(re.sub(r"<[^>]*>", " ", page)))))
