from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from typing import Any

import pytest

from streamnb.magics.ksql import SWITCH_S
from streamnb.results import Live, Rows
from tests.magics.notebook import SOURCE, Notebook


def test_connecting_says_where_queries_start(notebook: Notebook) -> None:
    notebook.run("%ksql memory://")
    assert notebook.texts()[0].endswith("auto.offset.reset = earliest")


def test_url_comes_from_the_environment(notebook: Notebook, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("STREAMNB_URL", str(tmp_path / "p.duckdb"))
    notebook.run("%ksql connect")
    assert f"connected to {tmp_path / 'p.duckdb'}" in notebook.texts()[0]


def test_statements_of_a_cell_answer_in_one_table(notebook: Notebook) -> None:
    assert notebook.run(SOURCE)
    (table,) = notebook.texts()
    assert table.splitlines()[0].split() == ["statement", "result"]
    assert "Stream created" in table


def test_refused_statement_fails_the_cell_with_a_caret_and_no_traceback(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    failed = not notebook.run("%%ksql\nSELECT *\nFROM RATINGS WHERE STARZ < 3 EMIT CHANGES;")
    assert failed
    assert notebook.printed.splitlines()[:3] == [
        "error: column STARZ is not in stream RATINGS",
        "  3 | FROM RATINGS WHERE STARZ < 3 EMIT CHANGES;",
        "    |                    ^^^^^",
    ]
    assert "Traceback" not in notebook.printed


def test_answers_before_a_refused_statement_are_shown(notebook: Notebook) -> None:
    notebook.run("%%ksql\nDEFINE A = 'x';\nDROP STREAM NOSUCH;")
    assert notebook.texts() == ["A = x"]


def test_statement_without_a_pipeline_is_told_to_connect(notebook: Notebook) -> None:
    notebook.run("%ksql close")
    notebook.run("%ksql SHOW STREAMS;")
    assert notebook.printed.startswith("error: no pipeline is open\nhint: connect first")


def test_pull_query_is_shown_and_given_to_the_variable(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("%%ksql -o rows\nSELECT CHANNEL, STARS FROM RATINGS;")
    assert "web" in notebook.texts()[0]
    rows = notebook.value("rows")
    assert isinstance(rows, Rows)
    assert rows.df().to_dict("list") == {"CHANNEL": ["web", "ios"], "STARS": [5, 1]}


def test_line_keeps_the_spaces_and_quotes_of_a_statement(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("rows = %ksql INSERT INTO RATINGS VALUES (3, 'it''s  -o me', 3);")
    notebook.run("%ksql -o rows SELECT CHANNEL FROM RATINGS WHERE ID = 3;")
    assert notebook.value("rows").rows == [("it's  -o me",)]


def test_push_query_gives_a_live_handle_and_its_view(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("%%ksql -o q --wait\nSELECT CHANNEL FROM RATINGS EMIT CHANGES LIMIT 2;")
    q = notebook.value("q")
    assert isinstance(q, Live)
    assert list(q.df()["CHANNEL"]) == ["web", "ios"]
    assert "application/vnd.jupyter.widget-view+json" in notebook.outputs[0].data
    assert "ios" in notebook.outputs[-1].data["text/plain"]


def test_query_without_a_view_shows_nothing(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("%%ksql -o q --no-display\nSELECT * FROM RATINGS EMIT CHANGES;")
    assert notebook.outputs == []
    assert notebook.value("q").state == "RUNNING"


def test_cell_that_runs_again_stops_its_earlier_query(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    cell = "%%ksql -o q\nSELECT * FROM RATINGS EMIT CHANGES;"
    notebook.run(cell)
    first = notebook.value("q")
    notebook.run(cell)
    assert [first.state, notebook.value("q").state] == ["STOPPED", "RUNNING"]


def test_chart_that_cannot_be_drawn_stops_its_query(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    assert not notebook.run("%%ksql --chart bar --y CHANNEL\nSELECT * FROM RATINGS EMIT CHANGES;")
    assert notebook.printed.startswith("error: column CHANNEL is STRING")
    notebook.run("%ksql jobs")
    assert "(0 rows)" in notebook.texts()[0]


def test_unknown_option_suggests_the_nearest(notebook: Notebook) -> None:
    assert not notebook.run("%%ksql --chrt bar\nSHOW STREAMS;")
    assert notebook.printed.splitlines() == [
        "error: unknown option --chrt",
        "  1 | %%ksql --chrt bar",
        "    |        ^^^^^^",
        "hint: did you mean --chart?",
    ]


def test_stop_ends_one_query_or_all(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    for name in ("a", "b", "c"):
        notebook.run(f"%%ksql -o {name}\nSELECT '{name}' AS X FROM RATINGS EMIT CHANGES;")
    notebook.run("%ksql stop b")
    assert [notebook.value(n).state for n in "abc"] == ["RUNNING", "STOPPED", "RUNNING"]
    notebook.run("%ksql stop --all")
    assert [notebook.value(n).state for n in "abc"] == ["STOPPED", "STOPPED", "STOPPED"]


def test_stop_of_an_unknown_query_names_those_that_run(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("%%ksql -o ratings\nSELECT * FROM RATINGS EMIT CHANGES;")
    notebook.run("%ksql stop ratigs")
    assert "did you mean ratings?" in notebook.printed


def test_history_masks_secrets(notebook: Notebook) -> None:
    notebook.run("%ksql CREATE SOURCE CONNECTOR C WITH ('connector.class'='x', 'connection.password'='hunter2');")
    notebook.run("%ksql history")
    assert "hunter2" not in str([output.data for output in notebook.outputs])


FUNCTION = """
import streamnb as nb

@nb.udf("SHOUT(VARCHAR) -> VARCHAR")
def shout(text):
    "Say it louder."
    return text.upper() + "!"
"""


def test_function_of_one_cell_is_used_in_the_next_and_replaced_when_the_cell_runs_again(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    assert notebook.run(FUNCTION)
    assert notebook.run("%%ksql -o first\nSELECT SHOUT(CHANNEL) AS C FROM RATINGS;")
    assert notebook.run(FUNCTION.replace("!", "?"))
    assert notebook.run("%%ksql -o second\nSELECT SHOUT(CHANNEL) AS C FROM RATINGS;")
    assert [notebook.value(name).rows for name in ("first", "second")] == [
        [("WEB!",), ("IOS!",)],
        [("WEB?",), ("IOS?",)],
    ]


def test_wrong_signature_fails_the_cell_with_a_caret_and_no_traceback(notebook: Notebook) -> None:
    assert not notebook.run(FUNCTION.replace("(VARCHAR)", "(VARCHR)"))
    assert notebook.printed.splitlines() == [
        "error: unknown type VARCHR",
        "  1 | SHOUT(VARCHR) -> VARCHAR",
        "    |       ^^^^^^",
        "hint: did you mean VARCHAR?",
    ]


def test_statement_takes_variables_of_the_notebook_as_values_and_names(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("most = 3\nwhere = 'ratings'\nchannels = ['ios', \"it's\"]")
    notebook.run("%%ksql -o rows\nSELECT ID FROM {{where}} WHERE STARS < :most AND CHANNEL IN :channels;")
    assert notebook.value("rows").rows == [(2,)]
    notebook.run("%ksql -o rows SELECT ID FROM RATINGS WHERE STARS > :most;")
    assert notebook.value("rows").rows == [(1,)]


def test_unknown_variable_is_pointed_at(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("most = 3")
    assert not notebook.run("%%ksql\nSELECT ID FROM RATINGS\nWHERE STARS < :mst;")
    assert notebook.printed.splitlines() == [
        "error: there is no value for :mst",
        "  3 | WHERE STARS < :mst;",
        "    |               ^^^^",
        "hint: did you mean :most?",
    ]


def wait_for(query: Live, rows: int) -> list[Any]:
    """Wait until a query shows so many rows, and return their first column."""
    version = -1
    while len(query.feed.snapshot().rows) < rows:
        assert query.feed.wait(version, timeout=20)
        version = query.feed.snapshot().version
    return [row[0] for row in query.feed.snapshot().rows]


def test_live_query_is_planned_again_when_its_parameter_changes(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("import streamnb as nb\nstars = nb.param('stars', 3, min=1, max=5)")
    assert notebook.run("%%ksql -o q\nSELECT CHANNEL FROM RATINGS WHERE STARS > :stars EMIT CHANGES;")
    q = notebook.value("q")
    assert wait_for(q, 1) == ["web"]
    notebook.value("stars").value = 5
    notebook.run("%ksql INSERT INTO RATINGS VALUES (3, 'gate', 7);")
    assert (wait_for(q, 1), q.state) == (["gate"], "RUNNING")
    assert [live.name for live in notebook.lives()] == [q.name]


def test_stopped_query_stays_stopped_when_its_parameter_changes(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("import ipywidgets\nstars = ipywidgets.IntSlider(3)")
    notebook.run("%%ksql -o q\nSELECT CHANNEL FROM RATINGS WHERE STARS > :stars EMIT CHANGES;")
    notebook.value("q").stop()
    notebook.value("stars").value = 1
    assert (notebook.value("q").state, notebook.lives()) == ("STOPPED", [])


def test_value_that_cannot_be_bound_leaves_the_query_as_it_was(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("import streamnb as nb\nleast = nb.param('least', [3, 'many'])")
    notebook.run("%%ksql -o q\nSELECT CHANNEL FROM RATINGS WHERE STARS > :least EMIT CHANGES;")
    q = notebook.value("q")
    notebook.value("least").value = "many"
    assert (wait_for(q, 1), q.state) == (["web"], "RUNNING")
    assert q.problem is not None and q.problem.startswith("error: ")
    notebook.value("least").value = 3
    assert q.problem is None


def test_persistent_query_keeps_the_value_it_was_created_with(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("import streamnb as nb\nstars = nb.param('stars', 3)")
    notebook.run("%ksql CREATE STREAM GOOD AS SELECT * FROM RATINGS WHERE STARS > :stars;")
    notebook.value("stars").value = 0
    notebook.run("%%ksql -o q --no-display\nSELECT CHANNEL FROM GOOD EMIT CHANGES;")
    assert wait_for(notebook.value("q"), 1) == ["web"]


def test_loading_the_extension_leaves_what_only_some_cells_need_for_later() -> None:
    heavy = ("bokeh", "pandas", "sqlglot", "confluent_kafka")
    code = f"import sys, streamnb.magics; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_threads_take_turns_more_often_while_the_extension_is_loaded(notebook: Notebook) -> None:
    shell, before = notebook.shell, sys.getswitchinterval()
    shell.run_line_magic("unload_ext", "streamnb")
    sys.setswitchinterval(usual := 0.005)
    try:
        shell.run_line_magic("load_ext", "streamnb")
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S, rel=0.01)
        shell.run_line_magic("unload_ext", "streamnb")
        assert sys.getswitchinterval() == pytest.approx(usual, rel=0.01)
        shell.run_line_magic("load_ext", "streamnb")
    finally:
        sys.setswitchinterval(before)


def test_interrupt_while_a_view_is_put_up_leaves_no_query_behind(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(live: Live) -> None:
        raise KeyboardInterrupt

    notebook.run(SOURCE)
    monkeypatch.setattr("streamnb.widgets.session.watch", interrupted)
    assert not notebook.run("%%ksql\nSELECT * FROM RATINGS EMIT CHANGES;")
    assert notebook.lives() == []


def test_cell_that_runs_again_lets_go_of_the_rows_of_its_earlier_run(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    relations: list[weakref.ref[Any]] = []
    gc.disable()  # what is let go is not left to chance
    try:
        for _ in range(3):
            notebook.run("%%ksql -o q\nSELECT * FROM RATINGS EMIT CHANGES;")
            relations.append(weakref.ref(notebook.value("q").relation()))
    finally:
        gc.enable()
    assert relations[0]() is None
