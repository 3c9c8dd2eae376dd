"""``streamnb test``: what it prints and how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streamnb.cli.main import main

STATEMENTS = (
    "CREATE STREAM RATINGS (STARS INT) WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='JSON');",
    "CREATE STREAM POOR AS SELECT STARS FROM RATINGS WHERE STARS < 3;",
)
INPUTS = [{"topic": "ratings", "value": {"STARS": stars}, "timestamp": stars} for stars in (1, 5, 2)]
OUTPUTS = [{"topic": "POOR", "value": {"STARS": stars}, "timestamp": stars} for stars in (1, 2)]


def write_cases(folder: Path) -> Path:
    right = {"name": "right", "statements": STATEMENTS, "inputs": INPUTS, "outputs": OUTPUTS}
    wrong = {"name": "wrong", "statements": STATEMENTS, "inputs": INPUTS, "outputs": OUTPUTS[:1]}
    path = folder / "ratings.json"
    path.write_text(json.dumps({"tests": [right, wrong]}))
    return path


def write_single(folder: Path, outputs: object) -> list[str]:
    (folder / "s.sql").write_text("\n".join(STATEMENTS))
    (folder / "i.json").write_text(json.dumps({"inputs": INPUTS}))
    (folder / "o.json").write_text(json.dumps(outputs))
    return ["test", "-s", str(folder / "s.sql"), "-i", str(folder / "i.json"), "-o", str(folder / "o.json")]


def test_failing_case_is_printed_and_the_last_line_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_cases(tmp_path)
    assert main(["test", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "failed: ratings.json: ratings - wrong" in lines
    assert lines[-2:] == ["    1 of 2     ratings.json", "1 passed, 1 failed"]


def test_known_failure_is_forgiven_until_it_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases, known = write_cases(tmp_path), tmp_path / "known.txt"
    known.write_text("# because\n\nratings - wrong\n")
    assert main(["test", str(cases), "--known-failures", str(known)]) == 0
    known.write_text("ratings - wrong\nratings - right\n")
    assert main(["test", str(cases), "--known-failures", str(known)]) == 1
    assert "  ratings - right" in capsys.readouterr().out.splitlines()


def test_single_case_of_three_files_passes_or_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(write_single(tmp_path, {"outputs": OUTPUTS})) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"
    assert main(write_single(tmp_path, {"outputs": OUTPUTS[:1]})) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"


def test_file_without_the_right_list_is_refused_with_its_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(write_single(tmp_path, OUTPUTS)) == 1
    assert "has no list named outputs" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_file_that_holds_no_cases_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    assert main(["test", str(path)]) == 1
    assert capsys.readouterr().err.startswith("error: test cases cannot be read")


def test_folder_without_cases_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 0 failed"


@pytest.mark.parametrize("beside", [True, False])
def test_script_of_a_case_lies_beside_its_file_or_in_its_comment(tmp_path: Path, beside: bool) -> None:
    if beside:
        (tmp_path / "setup.txt").write_text("\n".join(STATEMENTS))
    told = "" if beside else "-- contents of script:\n" + "".join(f"-- {line}\n" for line in STATEMENTS)
    (tmp_path / "cases.sql").write_text(
        f"--@test: script\n{told}RUN SCRIPT '/setup.txt';\n"
        "INSERT INTO RATINGS (STARS) VALUES (1);\nASSERT VALUES POOR (STARS) VALUES (1);\n"
    )
    assert main(["test", str(tmp_path / "cases.sql")]) == 0
