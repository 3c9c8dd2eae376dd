"""SET, UNSET, ALTER SYSTEM, DEFINE, UNDEFINE and RUN SCRIPT."""

from __future__ import annotations

from pathlib import Path

import pytest

import streamnb
from streamnb.errors import KsqlError
from streamnb.results import Message, Rows
from tests.pipelines import rows, workspace


def refused(nb: streamnb.Workspace, text: str) -> KsqlError:
    with pytest.raises(KsqlError) as caught:
        nb(text)
    return caught.value


def test_unknown_setting_is_pointed_at_with_its_likely_name() -> None:
    with workspace() as nb:
        assert refused(nb, "SET 'auto.ofset.reset' = 'earliest';").render() == (
            "error: there is no setting auto.ofset.reset\n"
            "  1 | SET 'auto.ofset.reset' = 'earliest';\n"
            "    |     ^^^^^^^^^^^^^^^^^^\n"
            "hint: did you mean auto.offset.reset?"
        )


def test_undefine_of_an_unknown_variable_suggests_a_known_one() -> None:
    with workspace() as nb:
        nb("DEFINE topic = 'ratings';")
        assert refused(nb, "UNDEFINE topics;").hint == "did you mean topic?"


def test_altered_system_property_holds_when_the_file_is_opened_again(tmp_path: Path) -> None:
    path = str(tmp_path / "p.duckdb")
    with streamnb.connect(path) as nb:
        nb("ALTER SYSTEM 'auto.offset.reset' = 'latest'; ALTER SYSTEM 'auto.offset.reset' = 'earliest';")
    with streamnb.connect(path) as nb:
        assert nb.pipeline.setting("auto.offset.reset") == "earliest"
        nb("SET 'auto.offset.reset' = 'latest'; UNSET 'auto.offset.reset';")
        assert nb.pipeline.setting("auto.offset.reset") == "earliest"
    with streamnb.connect(path, auto_offset_reset="latest") as nb:
        assert nb.pipeline.setting("auto.offset.reset") == "latest"


def test_script_runs_as_if_its_statements_stood_in_its_place(tmp_path: Path) -> None:
    script = tmp_path / "setup.sql"
    script.write_text(
        "CREATE STREAM A (X INT) WITH (KAFKA_TOPIC='a', PARTITIONS=1, VALUE_FORMAT='JSON');\nDEFINE n = '1';"
    )
    with workspace() as nb:
        result = nb(f"RUN SCRIPT '{script}';")
        assert isinstance(result, Message)
        assert result.text == "Stream created\nn = 1\n2 statements of setup.sql executed"
        assert rows(nb, "SHOW VARIABLES;") == [("n", "1")]


def test_script_that_ends_with_rows_gives_these(tmp_path: Path) -> None:
    script = tmp_path / "show.sql"
    script.write_text("DEFINE n = '1'; SHOW VARIABLES;")
    with workspace() as nb:
        result = nb(f"RUN SCRIPT '{script}';")
        assert isinstance(result, Rows)
        assert result.rows == [("n", "1")]


def test_error_in_a_script_points_into_it(tmp_path: Path) -> None:
    script = tmp_path / "setup.sql"
    script.write_text("DEFINE n = '1';\nDROP STREAM NOPE;")
    with workspace() as nb:
        assert refused(nb, f"RUN SCRIPT '{script}';").render().splitlines()[:3] == [
            "error: stream NOPE does not exist (in setup.sql)",
            "  2 | DROP STREAM NOPE;",
            "    |             ^^^^",
        ]


def test_script_that_is_missing_or_runs_itself_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "loop.sql"
    script.write_text(f"RUN SCRIPT '{script}';")
    with workspace() as nb:
        assert "runs itself" in refused(nb, f"RUN SCRIPT '{script}';").message
        assert refused(nb, "RUN SCRIPT 'missing.sql';").message == "Failed to read file: missing.sql"
