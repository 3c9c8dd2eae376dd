"""Table functions give a row for each element of the array they return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from streamnb.duck import sql
from streamnb.errors import KsqlFunctionError
from streamnb.functions.registry import Registry
from streamnb.functions.table import resolve_table_function
from streamnb.schema import BIGINT, INTEGER, Array, Decimal
from streamnb.store import Store
from tests.functions.calling import value_sql


def rows(registry: Registry, name: str, types: Sequence[Any], *args: Any) -> Any:
    store = Store.open()
    found = registry.resolve_table(name, types)
    registry.install(store)
    return store.rows(sql("SELECT {}", found.render([value_sql(a) for a in args])))[0][0]


def test_explode_gives_the_elements_themselves() -> None:
    found = resolve_table_function("explode", [Array(Decimal(5, 2))])
    assert (found.name, found.return_type, found.rows(sql("v0"))) == ("EXPLODE", Decimal(5, 2), "v0")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], [[None, None], [None, 2], [1, None], [1, 2]]),
        ([1, None], [[None, None], [1, None]]),
        ([None], [[None]]),
        ([], [[]]),
    ],
)
def test_cube_explode_blanks_out_every_choice_of_elements(values: list[int | None], expected: list[Any]) -> None:
    found = resolve_table_function("CUBE_EXPLODE", [Array(INTEGER)])
    assert found.return_type == Array(INTEGER)
    assert Store.open().rows(sql("SELECT {}", found.rows(sql("{}::INTEGER[]", value_sql(values)))))[0][0] == expected


def test_table_function_refuses_what_is_no_array() -> None:
    with pytest.raises(KsqlFunctionError, match=r"Function 'explode' does not accept parameters \(BIGINT\)"):
        resolve_table_function("EXPLODE", [BIGINT])


def test_table_functions_have_names_of_their_own() -> None:
    assert Registry().table_names() == ["CUBE_EXPLODE", "EXPLODE"]
    assert "EXPLODE" not in Registry()
