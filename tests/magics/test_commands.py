"""%ksql's options and commands: what they do, how they are refused, and that all of them are documented."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streamnb.cli.main import main
from streamnb.magics.commands import COMMANDS
from streamnb.magics.help import HELP
from streamnb.magics.ksql import KsqlMagics
from streamnb.magics.options import CELL_OPTIONS, read_options
from streamnb.results import Live, Rows
from tests.magics.notebook import SOURCE, Notebook

PAGE = (Path(__file__).parents[2] / "docs" / "magics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("cell", ["%ksql --help", "%%ksql --help\n;", "%ksql --limit 3 --help"])
def test_help_shows_options_commands_and_examples(notebook: Notebook, cell: str) -> None:
    assert notebook.run(cell)
    (text,) = notebook.texts()
    assert text == HELP
    for part in (
        *(o.usage for o in CELL_OPTIONS),
        *(c.usage(name) for name, c in COMMANDS.items()),
        ":name",
        "{{name}}",
    ):
        assert part in text


def test_question_mark_shows_the_same_help(notebook: Notebook) -> None:
    shell: Any = notebook.shell
    assert shell.object_inspect("%%ksql")["docstring"] == HELP


def test_every_option_command_and_setting_is_documented() -> None:
    wanted = [f"`{option.usage}`" for option in CELL_OPTIONS]
    wanted += [f"`%ksql {command.usage(name)}`" for name, command in COMMANDS.items()]
    wanted += [f"`KsqlMagics.{name}`" for name in KsqlMagics.class_own_traits(config=True)]
    assert [text for text in wanted if text not in PAGE] == []


@pytest.mark.parametrize("cell", ["%%ksql q <<\n{}", "%%ksql --no-display q <<\n{}", "%ksql q << {}"])
def test_arrow_assigns_the_result(notebook: Notebook, cell: str) -> None:
    notebook.run(SOURCE)
    assert notebook.run(cell.format("SELECT CHANNEL FROM RATINGS WHERE ID = 1;"))
    result = notebook.value("q")
    assert isinstance(result, Rows)
    assert result.rows == [("web",)]


@pytest.mark.parametrize(
    ("text", "values", "rest"),
    [
        ("-o q --limit 5 SELECT 1", {"o": "q", "limit": 5}, " SELECT 1"),
        ("--limit=5 --rate=2.5 SELECT 1", {"limit": 5, "rate": 2.5}, " SELECT 1"),
        ("--chart SELECT 1", {"chart": "auto"}, " SELECT 1"),
        ("--chart bar SELECT 1", {"chart": "bar"}, " SELECT 1"),
        ("--y 'my column' q << SELECT 1", {"y": "my column", "o": "q"}, " SELECT 1"),
        ("--chart q << SELECT 1", {"chart": "auto", "o": "q"}, " SELECT 1"),
        ("SELECT '--limit 3  -o x'", {}, "SELECT '--limit 3  -o x'"),
        ("-- a comment", {}, "-- a comment"),
    ],
)
def test_options_of_a_line_end_where_the_statement_begins(text: str, values: dict[str, Any], rest: str) -> None:
    given = read_options(text, CELL_OPTIONS, line=True)
    assert (given.values, given.rest) == (values, rest)


@pytest.mark.parametrize(
    ("cell", "lines"),
    [
        (
            "%%ksql --chart pie\nSHOW STREAMS;",
            [
                "error: --chart takes no pie",
                "  1 | %%ksql --chart pie",
                "    |        ^^^^^^^^^^^",
            ],
        ),
        (
            "%%ksql --limit none\nSHOW STREAMS;",
            [
                "error: --limit: none is no whole number above 0",
                "  1 | %%ksql --limit none",
                "    |        ^^^^^^^^^^^^",
                "hint: write --limit N",
            ],
        ),
        (
            "%%ksql --rate -1\nSHOW STREAMS;",
            [
                "error: --rate: -1 is no number above 0",
                "  1 | %%ksql --rate -1",
                "    |        ^^^^^^^^^",
                "hint: write --rate N",
            ],
        ),
        (
            "%%ksql -o\nSHOW STREAMS;",
            ["error: -o needs a value", "  1 | %%ksql -o", "    |        ^^", "hint: write -o NAME"],
        ),
        (
            "%%ksql -o 1x\nSHOW STREAMS;",
            [
                "error: -o: 1x is no name of a variable",
                "  1 | %%ksql -o 1x",
                "    |        ^^^^^",
                "hint: write -o NAME",
            ],
        ),
        (
            "%%ksql --wait=1\nSHOW STREAMS;",
            ["error: --wait takes no value", "  1 | %%ksql --wait=1", "    |        ^^^^^^"],
        ),
        (
            "%%ksql SHOW STREAMS;\nSHOW STREAMS;",
            [
                "error: SHOW is no option",
                "  1 | %%ksql SHOW STREAMS;",
                "    |        ^^^^",
                "hint: options stand behind %%ksql, statements on the lines below",
            ],
        ),
        (
            "%ksql jbs",
            ["error: unknown command jbs", "  1 | %ksql jbs", "    |       ^^^", "hint: did you mean jobs?"],
        ),
        (
            "%ksql stop --al",
            [
                "error: unknown option --al",
                "  1 | %ksql stop --al",
                "    |            ^^^^",
                "hint: did you mean --all?",
            ],
        ),
        (
            "%ksql close now",
            ["error: close takes no now", "  1 | %ksql close now", "    |       ^^^^^^^^^", "hint: write close"],
        ),
        (
            "%ksql print --limit 3",
            [
                "error: print needs a name",
                "  1 | %ksql print --limit 3",
                "    |       ^^^^^^^^^^^^^^^",
                "hint: write print TOPIC [--limit N] [--from-beginning]",
            ],
        ),
    ],
)  # fmt: skip
def test_wrong_option_or_command_is_pointed_at(notebook: Notebook, cell: str, lines: list[str]) -> None:
    assert not notebook.run(cell)
    shown = notebook.printed.splitlines()
    assert shown[: len(lines)] == lines
    assert "Traceback" not in notebook.printed


def test_print_shows_the_newest_records_or_the_first(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    shown = []
    for cell in ("%ksql print ratings --limit 1", "%ksql print ratings --limit 1 --from-beginning"):
        assert notebook.run(cell)
        shown.append(notebook.texts()[0])
    assert ["ios" in text for text in shown] == [True, False]
    assert ["web" in text for text in shown] == [False, True]
    assert notebook.run("%ksql print ratings FROM BEGINNING LIMIT 1;")  # the statement, in small letters
    assert not notebook.run("%ksql print rating")
    assert "did you mean ratings?" in notebook.printed


def test_jobs_tell_rates_lag_and_problems_of_all_queries(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("%ksql CREATE STREAM GOOD AS SELECT * FROM RATINGS WHERE STARS > 3;")
    notebook.run("%%ksql -o q --wait\nSELECT * FROM RATINGS EMIT CHANGES LIMIT 2;")
    notebook.value("q").feed._error = "topic ratings cannot be read"
    notebook.run("%ksql jobs")
    table = notebook.texts()[0]
    assert table.splitlines()[0].split() == [
        "name",
        "kind",
        "state",
        "records",
        "records/s",
        "lag",
        "problem",
        "statement",
    ]
    assert "topic ratings cannot be read" in table
    assert "CSAS_GOOD_" in table


def test_history_becomes_a_script_with_refused_statements_as_comments(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run("%%ksql\nDEFINE A = 'x';\nDROP STREAM\n  NOSUCH;")
    assert notebook.run(f"%ksql history {tmp_path / 'h.sql'}")
    lines = (tmp_path / "h.sql").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "DEFINE A = 'x';"
    assert lines[1].startswith("-- refused at ")
    assert lines[2:] == ["-- DROP STREAM", "--   NOSUCH;"]


def test_exported_pipeline_runs_in_another_process(
    notebook: Notebook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.run(SOURCE)
    notebook.run("least = 3\nkind = 'good'")
    notebook.run(
        "%%ksql\nSET 'max.batch.records' = '7';\nCREATE STREAM {{kind}} AS SELECT * FROM RATINGS WHERE STARS > :least;"
    )
    notebook.run("%%ksql\nUNSET 'max.batch.records';\nCREATE TYPE T AS STRUCT<A INT>;")
    notebook.run("%ksql export")
    shown = notebook.texts()[0]
    file = tmp_path / "pipeline.sql"
    assert notebook.run(f"%ksql export {file}")
    assert notebook.texts()[0] == f"written: {file} · run it with: streamnb run {file}"
    script = file.read_text(encoding="utf-8")
    assert script.rstrip() == shown
    assert main(["run", str(file), "--seconds", "0", "--url", str(tmp_path / "p.duckdb")]) == 0
    capsys.readouterr()
    assert main(["sql", "SHOW QUERIES; SHOW TYPES;", "--url", str(tmp_path / "p.duckdb")]) == 0
    printed = capsys.readouterr().out
    assert "GOOD" in printed and "STRUCT" in printed


def test_export_shows_no_secrets_and_says_when_the_file_holds_them(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run(
        "%%ksql\nCREATE SOURCE CONNECTOR C WITH ('connector.class'='datagen', 'quickstart'='ratings',\n"
        "  'kafka.topic'='t', 'key.converter'='org.apache.kafka.connect.storage.StringConverter');"
    )
    notebook.run("%ksql ALTER SYSTEM 'ksql.output.topic.name.prefix' = 'x';")
    notebook.run("%ksql export")
    assert "CREATE SOURCE CONNECTOR C" in notebook.texts()[0]
    assert not notebook.run(f"%ksql export {tmp_path / 'no' / 'such' / 'folder.sql'}")
    assert notebook.printed.splitlines()[0].endswith("cannot be written: No such file or directory")


def test_settings_of_the_magics_are_taken(notebook: Notebook) -> None:
    notebook.run(SOURCE)
    notebook.run("%config KsqlMagics.max_rows = 1")
    notebook.run("%ksql SELECT CHANNEL FROM RATINGS;")
    assert "showing 1 of 2" in notebook.texts()[0].lower() or "web" not in notebook.texts()[0]
    notebook.run("%config KsqlMagics.offset_reset = 'latest'")
    notebook.run("%ksql memory://")
    assert notebook.texts()[0].endswith("auto.offset.reset = latest")


def test_settings_are_listed_once_after_a_reload(notebook: Notebook) -> None:
    notebook.run("%reload_ext streamnb")
    notebook.run("%config KsqlMagics")
    assert [c.__class__.__name__ for c in notebook.shell.configurables].count("KsqlMagics") == 1
    for name in KsqlMagics.class_own_traits(config=True):
        assert f"KsqlMagics.{name}" in notebook.printed


def test_interrupt_ends_the_wait_and_not_the_query(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(live: Live, timeout: float | None = None, *, progress: bool = True) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(Live, "wait", interrupted)
    notebook.run(SOURCE)
    assert not notebook.run("%%ksql --wait q <<\nSELECT * FROM RATINGS EMIT CHANGES;")
    assert notebook.printed.splitlines() == [
        "error: no longer waiting for q",
        "hint: the query goes on; %ksql stop q ends it",
    ]
    assert [live.state for live in notebook.lives()] == ["RUNNING"]


def test_output_of_a_notebook_is_json(notebook: Notebook) -> None:
    for cell in ("%ksql --help", "%ksql export", "%ksql jobs", "%ksql history"):
        notebook.run(cell)
        assert json.loads(json.dumps([output.data for output in notebook.outputs]))
