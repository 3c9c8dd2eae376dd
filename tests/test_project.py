"""The project's own files: what they promise about each other."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import streamnb

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if ".venv" not in path.parts and "build" not in path.parts
)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def lock_lines() -> list[str]:
    return (ROOT / "requirements.lock").read_text().splitlines()


def test_lock_holds_versions_and_hashes_and_no_address() -> None:
    pattern = re.compile(r"[a-z0-9-]+==[^ ]+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert [line for line in lock_lines() if not pattern.fullmatch(line)] == []


def test_lock_holds_every_dependency_that_the_project_declares() -> None:
    declared = project()["project"]
    wanted = {name_of(r) for r in declared["dependencies"]}
    for extra in declared["optional-dependencies"].values():
        wanted |= {name_of(r) for r in extra}
    locked = {line.split("==")[0] for line in lock_lines() if "==" in line}
    assert wanted - {"streamnb"} <= locked


def test_lock_is_within_the_ranges_that_the_project_declares() -> None:
    locked = dict(line.split(" ")[0].split("==") for line in lock_lines() if "==" in line)
    declared = [Requirement(text) for text in project()["project"]["dependencies"]]
    assert [str(r) for r in declared if not r.specifier.contains(locked[name_of(r.name)])] == []


def test_packages_that_the_code_imports_are_declared() -> None:
    declared = {name_of(r) for r in project()["project"]["dependencies"]}
    own = {"confluent_kafka": "confluent-kafka", "IPython": "ipython"}
    imported: set[str] = set()
    for path in (ROOT / "streamnb").rglob("*.py"):
        for line in path.read_text().splitlines():
            found = re.match(r"\s*(?:import|from) ([A-Za-z_0-9]+)", line)
            if found:
                imported.add(found[1])
    outside = {own.get(name, name) for name in imported if name not in sys.stdlib_module_names and name != "streamnb"}
    assert outside <= declared


def test_version_is_a_released_or_coming_one_of_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in text or f"## [{streamnb.__version__}]" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\((\d{4}-[^)]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("[0-9]*.md")}


def test_every_make_target_of_the_contributing_page_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", (ROOT / "CONTRIBUTING.md").read_text()))
    assert named <= targets


def test_every_notebook_goes_into_the_wheel() -> None:
    included = project()["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    notebooks = {f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks == {source for source in included if source.endswith(".ipynb")}


def test_every_name_of_a_package_exists() -> None:
    assert [name for name in streamnb.__all__ if not hasattr(streamnb, name)] == []
