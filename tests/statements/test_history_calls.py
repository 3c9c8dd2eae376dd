"""The user's functions in a SELECT over history: which it calls, which it refuses, and how a failure reads."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import streamnb
from streamnb.errors import KsqlError
from streamnb.functions.registry import default_registry
from streamnb.schema import STRING
from streamnb.workspace import Workspace
from tests.pipelines import put, rows, run, workspace


def _declare() -> None:
    @streamnb.udf("H_JOINED(VARCHAR, VARCHAR) -> VARCHAR")
    def joined(left: str, right: str) -> str:
        return f"{left}-{right}"

    @streamnb.udf("REVERSE(VARCHAR) -> VARCHAR")
    def reverse(text: str) -> str:
        return f"mine {text}"

    @streamnb.udf("H_TENTHS(INT) -> INT")
    def tenths(number: int) -> int:
        return 10 // number

    @streamnb.udf("H_TOTAL(INT...) -> INT")
    def total(*numbers: int) -> int:
        return sum(numbers)

    @streamnb.udf("H_TWICE(DOUBLE) -> DOUBLE", vectorized=True)
    def twice(numbers: pa.Array) -> pa.Array:
        return pc.multiply(numbers, 2.0)

    @streamnb.udf("H_SIZE(STRUCT<X INT, `y` ARRAY<INT>>) -> STRUCT<N INT>")
    def size(struct: dict[str, object] | None) -> dict[str, int] | None:
        return None if struct is None else {"N": len(str(struct["y"]))}

    @streamnb.udf("H_FORMS(INT) -> INT", "H_FORMS(VARCHAR) -> INT", "H_FORMS(INT, INT) -> INT")
    def forms(*values: object) -> int:
        return len(values)

    @streamnb.udf("H_SAME(A) -> A")
    def same(value: object) -> object:
        return value

    @streamnb.udtf("H_ROWS(INT) -> INT")
    def listed(number: int) -> list[int]:
        return [number]


@pytest.fixture(scope="module")
def nb() -> Iterator[Workspace]:
    _declare()
    with workspace() as nb:
        nb("""
            CREATE STREAM S (K INT KEY, A VARCHAR, N INT, ST STRUCT<X INT, `y` ARRAY<INT>>)
              WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
        """)
        put(nb, "s", [(1, {"A": "a", "N": 5, "ST": {"X": 1, "y": [1, 2]}}), (2, {"A": "b", "N": 0})])
        run(nb)
        yield nb
    for name in default_registry().own_names():
        if name.startswith("H_") or name == "REVERSE":
            default_registry().unregister(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT h_joined(A, 'x') FROM S ORDER BY 1", [("a-x",), ("b-x",)]),
        ("SELECT reverse(A) FROM S ORDER BY 1", [("mine a",), ("mine b",)]),
        ("SELECT H_JOINED(REVERSE(A), A) FROM S ORDER BY 1", [("mine a-a",), ("mine b-b",)]),
        ("SELECT H_TOTAL(), H_TOTAL(N), H_TOTAL(N, N, 1) FROM S ORDER BY 2", [(0, 0, 1), (0, 5, 11)]),
        ("SELECT H_FORMS(N, N) FROM S LIMIT 1", [(2,)]),
        ("SELECT H_TWICE(N) FROM S ORDER BY 1", [(0.0,), (10.0,)]),
        ("SELECT H_SIZE(ST) FROM S ORDER BY K", [({"N": 6},), (None,)]),
        ("SELECT TRY(H_TENTHS(N)) FROM S ORDER BY K", [(2,), (None,)]),
        ("SELECT list_transform([N], x -> H_TOTAL(x, 1)) FROM S ORDER BY K", [([6],), ([1],)]),
        ("WITH q AS (SELECT REVERSE(A) AS R FROM S) SELECT R, COUNT(*) FROM q GROUP BY R HAVING REVERSE(R) > 'n'", []),
        ("SELECT COUNT(*) FROM S GROUP BY H_JOINED('x', 'y') ORDER BY H_JOINED('x', 'y')", [(2,)]),
    ],
)
def test_select_over_history_calls_scalar_functions_of_the_user(
    nb: Workspace, text: str, expected: list[object]
) -> None:
    assert rows(nb, text) == expected


def test_call_of_a_function_of_the_user_names_its_column(nb: Workspace) -> None:
    assert [name for name, _ in nb.sql("SELECT h_joined(A, 'x') FROM S").columns] == ["H_JOINED(A, 'x')"]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("SELECT H_FORMS(N) FROM S", "does not tell which form of H_FORMS is meant", "H_FORMS(STRING) -> INTEGER"),
        ("SELECT H_SAME(N) FROM S", "does not tell which form of H_SAME is meant", "H_SAME(A) -> A"),
        ("SELECT H_JOINED(A) FROM S", "H_JOINED does not take 1 arguments", "H_JOINED(STRING, STRING) -> STRING"),
        ("SELECT H_ROWS(N) FROM S", "table function H_ROWS may not be called over history", "scalar ones"),
        ("SELECT * FROM REVERSE('a')", "scalar function REVERSE may not be called in FROM", "in expressions only"),
        ("SELECT A.H_JOINED('x') FROM S", "H_JOINED is a function of your own", "write H_JOINED(...)"),
        ("SELECT H_TOTAL(A) FROM S", "argument types 'H_TOTAL(VARCHAR)'", "H_TOTAL(col0 INTEGER"),
        ("SELECT H_TENTHS(N) OVER () FROM S", "H_TENTHS is not an aggregate function", None),
        ("SELECT H_TENTHS(N) FROM S", "function H_TENTHS: ZeroDivisionError", "TRY(H_TENTHS(...))"),
    ],
)
def test_call_that_history_cannot_do_is_refused_with_a_caret_and_a_hint(
    nb: Workspace, text: str, message: str, hint: str | None
) -> None:
    with pytest.raises(KsqlError) as refused:
        nb.sql(text)
    drawn = refused.value.render()
    assert message in drawn.split("\n", 1)[0] and "^^^" in drawn and "streamnb_" not in drawn
    assert hint is None or hint in (refused.value.hint or "")


def test_functions_that_duckdb_knows_for_us_stay_hidden(nb: Workspace) -> None:
    nb.sql("SELECT REVERSE(A) FROM S")
    python = default_registry().resolve("REVERSE", [STRING]).python
    assert python is not None
    with pytest.raises(KsqlError, match="Can't find any functions"):
        nb.sql(f"SELECT {python.name}(A) FROM S")
