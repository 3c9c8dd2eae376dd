"""The command's options, messages and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamnb import __version__
from streamnb.cli.main import main

RATINGS = """
CREATE STREAM RATINGS (STARS INT, MESSAGE VARCHAR) WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='JSON', PARTITIONS=1);
INSERT INTO RATINGS (STARS, MESSAGE) VALUES (1, 'late [again]');
INSERT INTO RATINGS (STARS, MESSAGE) VALUES (5, 'fine');
"""
EARLIEST = "SET 'auto.offset.reset'='earliest';"


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"streamnb {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["sql", "SHOW STREAMS;", "--seconds", "soon"], "'soon' is no number of seconds"),
        (["demo", "--headless", "--seconds", "-1"], "'-1' is no number of seconds"),
        (["test"], "give PATHs of cases, or one case by -s, -i and -o"),
        (["test", "cases", "-s", "a.sql"], "give PATHs of cases, or one case by -s, -i and -o"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_sql_prints_the_rows_of_a_push_query_until_its_limit(capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT STARS, MESSAGE FROM RATINGS EMIT CHANGES LIMIT 2;"
    assert main(["sql", f"{EARLIEST}{RATINGS}{query}"]) == 0
    assert capsys.readouterr().out.splitlines()[-3:] == ["STARS\tMESSAGE", "1\tlate [again]", "5\tfine"]


def test_sql_draws_a_table_query_until_the_seconds_are_over(capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT STARS, COUNT(*) AS N FROM RATINGS GROUP BY STARS EMIT CHANGES;"
    assert main(["sql", "--seconds", "0.5", f"{EARLIEST}{RATINGS}{query}"]) == 0
    out = capsys.readouterr().out
    assert "STARS" in out
    assert "N" in out


def test_sql_reads_statements_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = tmp_path / "script.sql"
    script.write_text("SHOW STREAMS;")
    with script.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert main(["sql", "-"]) == 0
    assert "Stream" in capsys.readouterr().out


def test_error_in_a_statement_exits_with_1_and_draws_a_caret(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "SELEC 1;"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert "^" in captured.err
    assert "Traceback" not in captured.err


def test_run_goes_on_with_a_durable_pipeline_where_it_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "pipeline.sql"
    url = str(tmp_path / "pipeline.duckdb")
    script.write_text(f"{EARLIEST}{RATINGS}CREATE STREAM POOR AS SELECT * FROM RATINGS WHERE STARS < 3;")
    assert main(["run", str(script), "--url", url, "--seconds", "0.5"]) == 0
    assert "running" in capsys.readouterr().out
    assert main(["sql", "--url", url, f"{EARLIEST}SELECT * FROM POOR EMIT CHANGES LIMIT 1;"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1\tlate [again]"


def test_run_of_a_missing_file_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "no-such-file.sql"]) == 1
    assert capsys.readouterr().err == "error: file no-such-file.sql cannot be read: No such file or directory\n"
