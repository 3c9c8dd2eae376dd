"""Functions in Python for the command line: files that declare them, and what is said of files that cannot."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamnb.cli.main import main
from streamnb.functions.registry import default_registry

FUNCTIONS = '''
from dataclasses import dataclass

import streamnb as nb
from words_beside import END


@dataclass
class Voice:
    end: str


VOICE = Voice(END)


@nb.udf("CLI_SHOUT(VARCHAR) -> VARCHAR")
def shout(text):
    """Say it loudly."""
    return text.upper() + VOICE.end
'''
STREAM = """
CREATE STREAM T (S VARCHAR) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM LOUD AS SELECT CLI_SHOUT(S) AS S FROM T;
INSERT INTO T (S) VALUES ('fine');
"""
SHOWN = "SET 'auto.offset.reset'='earliest'; SELECT * FROM LOUD EMIT CHANGES LIMIT 1;"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of files, after which nothing of them is left in the process."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    (tmp_path / "words_beside.py").write_text("END = '!'\n")
    (tmp_path / "voices.py").write_text(FUNCTIONS)
    yield tmp_path
    default_registry().unregister("CLI_SHOUT")
    for name in {"words_beside", "voices"} - before:
        sys.modules.pop(name, None)


def test_sql_calls_functions_of_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "--functions", str(folder / "voices.py"), STREAM + SHOWN]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "FINE!"


def test_run_goes_on_with_a_query_whose_function_is_in_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url, functions = str(folder / "pipeline.duckdb"), ["--functions", str(folder / "voices.py")]
    (folder / "pipeline.sql").write_text(STREAM)
    assert main(["run", str(folder / "pipeline.sql"), "--url", url, "--seconds", "0", *functions]) == 0
    default_registry().unregister("CLI_SHOUT")
    (folder / "more.sql").write_text("INSERT INTO T (S) VALUES ('late');")
    assert main(["run", str(folder / "more.sql"), "--url", url, "--seconds", "0", *functions]) == 0
    capsys.readouterr()
    assert main(["sql", "--url", url, *functions, SHOWN.replace("LIMIT 1", "LIMIT 2")]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["FINE!", "LATE!"]


@pytest.mark.parametrize(
    ("source", "drawn"),
    [
        (
            "import streamnb\n\ndef half(:\n",
            ", line 3: SyntaxError: invalid syntax\n  3 | def half(:\n    | ^^^^^^^^^^\n",
        ),
        (
            "def broken():\n    return missing\n\n\nbroken()\n",
            ", line 2: NameError: name 'missing' is not defined\n  2 |     return missing\n    |     ^^^^^^^^^^^^^^\n",
        ),
        ("raise SystemExit(3)\n", ", line 1: SystemExit: 3\n  1 | raise SystemExit(3)\n    | ^^^^^^^^^^^^^^^^^^^\n"),
        (
            '\nimport streamnb as nb\n\n@nb.udf("HALF(DUBLE) -> DOUBLE")\ndef half(x):\n    return x\n',
            ", line 4: unknown type DUBLE\n  1 | HALF(DUBLE) -> DOUBLE\n    |      ^^^^^\nhint: did you mean DOUBLE?\n",
        ),
    ],
)
def test_error_in_a_file_of_functions_names_the_file_and_the_line(
    folder: Path, capsys: pytest.CaptureFixture[str], source: str, drawn: str
) -> None:
    path = folder / "wrong.py"
    path.write_text(source)
    assert main(["sql", "--functions", str(path), "SHOW STREAMS;"]) == 1
    assert capsys.readouterr().err == f"error: file {path}{drawn}"
    assert "wrong" not in sys.modules


def test_missing_file_of_functions_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "pipeline.sql", "--functions", "no-such.py"]) == 1
    assert capsys.readouterr().err == (
        "error: file no-such.py cannot be read: No such file or directory\n"
        "hint: --functions takes a Python file that declares functions\n"
    )
