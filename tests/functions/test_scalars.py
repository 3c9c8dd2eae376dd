"""Every scalar function gives what the tables of cases say."""

from __future__ import annotations

import math

import pytest

from streamnb.functions.regex import java_pattern
from streamnb.functions.registry import Registry, builtin_functions
from streamnb.store import Store
from tests.functions.calling import Case, run
from tests.functions.cases import CASES
from tests.functions.cases.strings import TRANSLATED


@pytest.mark.parametrize("given", CASES, ids=str)
def test_scalar_function_gives_what_its_case_says(given: Case, store: Store, registry: Registry) -> None:
    found = run(store, registry, given)
    if isinstance(given.gives, float):
        assert isinstance(found, float)
        assert found == pytest.approx(given.gives, rel=1e-15, nan_ok=True)
        assert math.copysign(1.0, found) == math.copysign(1.0, given.gives) or math.isnan(found)
    else:
        assert found == given.gives


def test_every_scalar_function_has_a_case() -> None:
    volatile = {name for name, f in builtin_functions().items() if all(o.volatile for o in f.overloads)}
    assert set(builtin_functions()) - volatile == {c.name for c in CASES}


@pytest.mark.parametrize("name", ["RANDOM", "UUID", "UNIX_TIMESTAMP", "UNIX_DATE"])
def test_volatile_function_gives_a_value_for_each_row(name: str, store: Store, registry: Registry) -> None:
    assert run(store, registry, Case(name, (), None)) is not None
    assert registry.resolve(name, []).volatile


@pytest.mark.parametrize(("pattern", "text", "match"), TRANSLATED)
def test_java_pattern_finds_what_java_finds(pattern: str, text: str, match: str) -> None:
    found = java_pattern(pattern).search(text)
    assert found is not None and found.group() == match


def test_java_pattern_refuses_a_class_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="IsGreek"):
        java_pattern(r"\p{IsGreek}")
