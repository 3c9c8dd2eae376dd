"""Documentation at the cursor: of functions, sources and columns in our cells, of Python elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from streamnb.magics.inspection import Inspection, document
from streamnb.workspace import Workspace
from tests.pipelines import workspace


@pytest.fixture(scope="module")
def nb() -> Iterator[Workspace]:
    with workspace(start=True) as nb:
        nb("""
            CREATE STREAM RATINGS (ID INT KEY, CHANNEL VARCHAR, HOME STRUCT<CITY STRING>, `<b>` INT)
              WITH (KAFKA_TOPIC='ratings', PARTITIONS=2, VALUE_FORMAT='JSON');
        """)
        yield nb


def shown(nb: Workspace | None, marked: str) -> str | None:
    bundle = document(marked.replace("|", "", 1), marked.index("|"), nb)
    return None if bundle is None else bundle["text/plain"]


@pytest.mark.parametrize(
    ("cell", "title", "part"),
    [
        ("SELECT UCA|SE(CHANNEL) FROM RATINGS", "scalar function UCASE", "UCASE(STRING text) -> STRING"),
        ("SELECT ucase(|", "scalar function UCASE", "capital letters"),
        ("SELECT LPAD(UCASE(CHANNEL), |", "scalar function LPAD", "LPAD("),
        ("SELECT COUNT|(*) FROM RATINGS", "aggregate function COUNT", "COUNT()"),
        ("SELECT EXPLODE|(X) FROM RATINGS", "table function EXPLODE", "EXPLODE("),
        ("SELECT * FROM rat|ings R", "stream RATINGS", "topic ratings, 2 partitions; key KAFKA, value JSON"),
        ("SELECT R|.ID FROM RATINGS R", "stream RATINGS", "ID       INTEGER (key)"),
        ("SELECT R.CHAN|NEL FROM RATINGS R", "column of RATINGS", "CHANNEL  STRING"),
        ("SELECT HOME->CI|TY FROM RATINGS", "column of HOME", "CITY  STRING"),
        ("SELECT `<b|>` FROM RATINGS", "column of RATINGS", "<b>  INTEGER"),
    ],
)
def test_name_at_the_cursor_is_documented(nb: Workspace, cell: str, title: str, part: str) -> None:
    text = shown(nb, f"%%ksql\n{cell}")
    assert text is not None
    assert text.splitlines()[0] == title
    assert part in text


@pytest.mark.parametrize(
    "cell", ["%%ksql\nSELECT 'UCA|SE'", "print(UCA|SE)", "%%ksql\nSELECT NOSUCH|", "%%ksql --cha|rt\nSELECT 1"]
)
def test_what_is_none_of_ours_is_left_to_python(nb: Workspace, cell: str) -> None:
    assert shown(nb, cell) is None


def test_names_are_no_markup(nb: Workspace) -> None:
    bundle = document("%%ksql\nSELECT `<b>` FROM RATINGS", 16, nb)
    assert bundle is not None
    assert "&lt;b&gt;" in bundle["text/html"] and "<b>  " not in bundle["text/html"]


class Kernel:
    """The part of ipykernel's kernel that answers inspect requests."""

    def do_inspect(self, code: str, cursor_pos: int, detail_level: int = 0, omit_sections: Any = ()) -> dict[str, Any]:
        return {"found": False, "code": code, "detail_level": detail_level}


def test_kernel_asks_us_first_until_it_is_unhooked(nb: Workspace) -> None:
    shell: Any = InteractiveShell.__new__(InteractiveShell)
    shell.__dict__["kernel"] = kernel = Kernel()
    inspection = Inspection(lambda: nb)
    inspection.hook(shell)
    assert "UCASE" in kernel.do_inspect("%%ksql\nSELECT UCASE(", 18)["data"]["text/plain"]
    assert kernel.do_inspect("print", 3, 1) == {"found": False, "code": "print", "detail_level": 1}
    inspection.unhook()
    assert kernel.do_inspect("%%ksql\nSELECT UCASE(", 18)["found"] is False
    assert "do_inspect" not in vars(kernel)


def test_shell_without_a_kernel_is_left_alone(nb: Workspace) -> None:
    shell: Any = InteractiveShell.__new__(InteractiveShell)
    Inspection(lambda: nb).hook(shell)
    Inspection(lambda: nb).unhook()
