"""Fixtures of the tests that call functions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamnb.functions.registry import Registry
from streamnb.store import Store


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    opened = Store.open()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry()
