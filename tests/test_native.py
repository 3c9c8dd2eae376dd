"""The C code: it compiles without a warning, and nothing needs it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from streamnb.native import native

ROOT = Path(__file__).parent.parent
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-fsyntax-only")
COMPILER = shutil.which("cc")


def build_hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(COMPILER is None, reason="no C compiler (cc) on the PATH")
@pytest.mark.parametrize("source", sorted((ROOT / "streamnb" / "native").glob("*.c")), ids=lambda path: path.name)
def test_source_compiles_without_a_warning(source: Path) -> None:
    subprocess.run(["cc", *STRICT, str(source)], check=True)


@pytest.mark.skipif("CI" not in os.environ, reason="only the project's own runs promise that a C compiler was there")
def test_library_is_compiled_and_loads() -> None:
    assert native() is not None


def test_package_installs_without_a_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert build_hook().compile_native(tmp_path) is False
    assert "no C compiler (no-such-compiler)" in capsys.readouterr().err


@pytest.mark.skipif(COMPILER is None, reason="no C compiler (cc) on the PATH")
def test_package_installs_where_the_sources_do_not_compile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for source in build_hook().SOURCES:
        (tmp_path / source).write_text("#error not here\n")
    assert build_hook().compile_native(tmp_path) is False
    assert "#error not here" in capsys.readouterr().err


@pytest.mark.parametrize("switch", ["0", "1"])
def test_queries_give_the_same_with_and_without_the_library(switch: str) -> None:
    script = """
import json, streamnb
with streamnb.connect("memory://", auto_offset_reset="earliest") as nb:
    nb.execute("CREATE STREAM s (a INT, b DOUBLE, c VARCHAR) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
               "INSERT INTO s VALUES (1, 1.5, 'x'); INSERT INTO s VALUES (NULL, 0.1, NULL);")
    found = nb("SELECT a, b, c FROM s;")
    print(json.dumps(found.rows))
"""
    environment = os.environ | {"STREAMNB_NATIVE": switch}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[1, 1.5, "x"], [None, 0.1, None]]
