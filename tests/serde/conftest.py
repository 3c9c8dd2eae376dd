"""Fixtures of the serde tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamnb.store import Store


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """Open one database in memory per test module."""
    opened = Store.open()
    yield opened
    opened.close()
