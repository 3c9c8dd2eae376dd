"""What JupyterLab is given besides the magics: the words that it colours, and a place where it looks for them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import streamnb
from streamnb.magics.words import language_words

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "streamnb" / "labextension"


def test_words_are_those_of_the_grammar_and_the_functions() -> None:
    assert (EXTENSION / "static" / "words.json").read_text(encoding="utf-8") == language_words(), "run make docs"


def test_extension_has_the_version_of_the_package() -> None:
    assert json.loads((EXTENSION / "package.json").read_text())["version"] == streamnb.__version__


def test_wheel_puts_things_where_jupyterlab_and_voila_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATCH_BUILD_NO_HOOKS", "true")  # the C code stays as it is
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(wheel).namelist()
    place = f"streamnb-{streamnb.__version__}.data/data/share/jupyter/labextensions/streamnb"
    assert {f"{place}/package.json", f"{place}/static/ksql.js", f"{place}/static/words.json"} <= set(names)
    page = f"streamnb-{streamnb.__version__}.data/data/share/jupyter/voila/templates/streamnb"
    assert {f"{page}/conf.json", f"{page}/index.html.j2"} <= set(names)
    assert {"streamnb/notebooks/01_ratings.ipynb", "streamnb/notebooks/02_access_points.ipynb"} <= set(names)
    assert {"streamnb/sql/grammar.lark", "streamnb/widgets/static/table/view.js"} <= set(names)
    assert not [name for name in names if name.startswith(("streamnb/labextension", "streamnb/voila"))]
