"""Errors in the notebook: a caret and a hint, in colours where there are some, and never a traceback."""

from __future__ import annotations

import re

import pytest

from streamnb.errors import Span, StreamnbError
from tests.magics.notebook import SOURCE, Notebook

REFUSED = "%%ksql\nSELECT *\nFROM RATINGS WHERE STARZ < 3 EMIT CHANGES;"
PLAIN = [
    "error: column STARZ is not in stream RATINGS",
    "  3 | FROM RATINGS WHERE STARZ < 3 EMIT CHANGES;",
    "    |                    ^^^^^",
]
_ANSI = re.compile(r"\x1b\[[\d;]*m")


def test_error_is_coloured_where_the_shell_is(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.shell.colors = "linux"
    assert not notebook.run(REFUSED)
    lines = notebook.printed.splitlines()
    assert [_ANSI.sub("", line) for line in lines[:3]] == PLAIN
    assert lines[0].startswith("\x1b[31merror:\x1b[0m ")
    assert lines[2].endswith("\x1b[31m^^^^^\x1b[0m")
    assert lines[3].startswith("\x1b[36mhint:\x1b[0m ")
    notebook.shell.colors = "nocolor"
    assert not notebook.run(REFUSED)
    assert notebook.printed.splitlines()[:3] == PLAIN


def test_data_in_an_error_is_no_command_to_a_terminal() -> None:
    text = "SELECT '\x1b[2J\x07' FROM\r\n"
    error = StreamnbError("a\x1b[31mb", hint="c\x9bd", text=text, span=Span(0, 6))
    assert error.render().splitlines() == [
        "error: a\N{REPLACEMENT CHARACTER}[31mb",
        "  1 | SELECT '\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}' FROM",
        "    | ^^^^^^",
        "hint: c\N{REPLACEMENT CHARACTER}d",
    ]


@pytest.mark.parametrize(
    "cell",
    [
        "%ksql SELECT NOSUCH FROM RATINGS EMIT CHANGES;",
        "%%ksql --chart bar --y CHANNEL\nSELECT * FROM RATINGS EMIT CHANGES;",
        "q.chart('bar', y='CHANNEL')",
        "q.table(limit=1).stop(); raise q_error",
        "nb = streamnb.connect('memory://'); nb.sql('SELECT 1 FROM NOSUCH')",
        "streamnb.connect('kafka://')",
        "display(refused)",
        "refused",
        "button.click()",
    ],
)
def test_no_way_leads_to_a_traceback(notebook: Notebook, cell: str) -> None:
    notebook.run(SOURCE)
    notebook.run("%%ksql -o q --no-display\nSELECT * FROM RATINGS EMIT CHANGES;")
    notebook.run("""
import ipywidgets, streamnb
q_error = streamnb.StreamnbError("the query is not well", hint="look after it")

class Refused:
    def _ipython_display_(self):
        raise q_error

def press(_button):
    raise q_error

refused = Refused()
button = ipywidgets.Button()
button.on_click(press)
""")
    notebook.run(cell)
    assert "error: " in notebook.printed
    assert "Traceback" not in notebook.printed
    assert "  File " not in notebook.printed


def test_failed_live_query_says_why_in_its_view_and_in_jobs(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("%%ksql -o q --wait\nSELECT CHANNEL, STARS FROM RATINGS EMIT CHANGES LIMIT 1;")
    q = notebook.value("q")
    q.feed._error = "the broker is gone <b>"
    view = q.table()
    view.show()
    view._sender.remove(view)
    view.tick(0.0)
    assert "the broker is gone &lt;b&gt;" in view.widget.children[0].children[0].value
    notebook.run("%ksql jobs")
    assert "the broker is gone <b>" in notebook.texts()[0]
