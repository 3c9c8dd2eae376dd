"""Python functions that calls need, and the databases that know them already."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from streamnb.duck import duck_type
from streamnb.schema import INTEGER, SqlType
from streamnb.store import DatabaseError, Store

__all__ = ["PythonFunction", "PythonFunctions", "python_name"]


def python_name(function: str, text: str, types: Sequence[SqlType]) -> str:
    """Name a Python function for DuckDB: by its SQL name, and a mark of all that tells it from others of that name."""
    shown = ", ".join(duck_type(t) for t in types)
    mark = hashlib.sha1(f"{text}|{shown}".encode(), usedforsecurity=False).hexdigest()[:8]
    return f"streamnb_{function.lower()}_{mark}"


@dataclass(frozen=True)
class PythonFunction:
    """A vectorised Python function as DuckDB knows it."""

    name: str
    body: Callable[..., Any]
    params: tuple[SqlType, ...]
    returns: SqlType


class PythonFunctions:
    """The Python functions that resolved calls use, by the name that DuckDB knows them by.

    A name is never given a second time, so SQL that runs keeps the function it was written for.
    """

    def __init__(self) -> None:
        self._needed: dict[str, PythonFunction] = {}
        self._installed: weakref.WeakKeyDictionary[Store, set[str]] = weakref.WeakKeyDictionary()

    def need(
        self, name: str, make_body: Callable[[], Callable[..., Any]], params: Sequence[SqlType], returns: SqlType
    ) -> PythonFunction:
        """Return the function of a name; one that is not there yet is made."""
        if name not in self._needed:
            self._needed[name] = PythonFunction(name, make_body(), tuple(params) or (INTEGER,), returns)
        return self._needed[name]

    def install(self, store: Store) -> None:
        """Make all functions needed so far callable on a store's database; cheap when there is nothing new.

        They are created on a connection of their own, so that a transaction of the caller's that is taken back does
        not take them along; one that is open sees them.
        """
        installed = self._installed.setdefault(store, set())
        missing = [python for name, python in list(self._needed.items()) if name not in installed]
        if not missing:
            return
        cursor = store.cursor()
        try:
            for python in missing:
                _create(cursor, python)
                installed.add(python.name)
        finally:
            cursor.close()


def _create(store: Store, python: PythonFunction) -> None:
    try:
        store.create_function(python.name, python.body, python.params, python.returns)
    except DatabaseError as error:
        if "already exists" not in str(error):  # another store of the same database was first
            raise
