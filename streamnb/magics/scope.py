"""Which columns and fields a statement can name, before it is finished: by the sources that it mentions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from streamnb.catalog import Catalog, DataSource
from streamnb.schema import BIGINT, INTEGER, Array, Map, SqlType, Struct, quote_name
from streamnb.sql.tokens import is_plain_name

__all__ = ["PATH", "Scope", "written"]

_CLAUSES = "LEFT|RIGHT|INNER|FULL|OUTER|JOIN|ON|WITHIN|WHERE|WINDOW|GROUP|HAVING|PARTITION|UNION|ORDER|EMIT|LIMIT"
_SOURCE = re.compile(
    rf"\b(?:FROM|JOIN|INTO|STREAM|TABLE|DESCRIBE)\s+(`[^`]+`|\w+)(?:\s+(?:AS\s+)?(?!(?:{_CLAUSES}|AS|WITH|ADD)\b)(\w+))?",
    re.IGNORECASE,
)
_PART = re.compile(r"(`[^`]+`|\w+)\s*((?:\[[^\]]*\]\s*)*)(\.|->)\s*")
PATH = re.compile(r"(?:(?:`[^`]+`|\w+)\s*(?:\[[^\]]*\]\s*)*(?:\.|->)\s*)+\Z")
"""What stands before a name that belongs to something: ``alias.``, ``column->``, ``alias.column[1]->field->``."""
_PSEUDO = (("ROWTIME", BIGINT), ("ROWPARTITION", INTEGER), ("ROWOFFSET", BIGINT))
_BOUNDS = (("WINDOWSTART", BIGINT), ("WINDOWEND", BIGINT))


def written(name: str) -> str:
    """Write a resolved name as it stands in a statement."""
    return name if is_plain_name(name) and name == name.upper() else quote_name(name)


def _resolved(name: str) -> str:
    return name[1:-1] if name.startswith("`") else name.upper()


@dataclass(frozen=True)
class Scope:
    """The sources of a statement with their aliases."""

    sources: tuple[tuple[str, DataSource], ...]

    @staticmethod
    def of(catalog: Catalog, statement: str) -> Scope:
        """Find the sources that a statement names, wherever they stand in it."""
        found: dict[str, DataSource] = {}
        for name, alias in _SOURCE.findall(statement):
            source = catalog.get(_resolved(name))
            if source is not None:
                found[_resolved(alias) if alias else source.name] = source
        return Scope(tuple(found.items()))

    def columns(self) -> Iterator[tuple[str, SqlType, DataSource]]:
        """List the columns of all sources, and whose they are."""
        for _, source in self.sources:
            yield from ((c.name, c.type, source) for c in source.schema.columns())

    def pseudo_columns(self) -> Iterator[tuple[str, SqlType]]:
        """List the columns that no schema declares."""
        if self.sources:
            yield from _PSEUDO
        if any(source.window is not None for _, source in self.sources):
            yield from _BOUNDS

    def members(self, path: str) -> list[tuple[str, SqlType, str]]:
        """List what may follow a path, ``alias.`` or ``column->``: names, types, and where each comes from."""
        parts = [(_resolved(name), index, sign) for name, index, sign in _PART.findall(path)]
        if not parts:
            return []
        (first, _, sign), rest = parts[0], parts[1:]
        if sign == ".":
            source = next((s for alias, s in self.sources if first in (alias, s.name)), None)
            if source is None:
                return []
            if not rest:
                return [(c.name, c.type, source.name) for c in source.schema.columns()]
            types = {c.name: c.type for c in source.schema.columns()}
            (first, index, _), rest = rest[0], rest[1:]
        else:
            types = {name: type_ for name, type_, _ in self.columns()}
            index = parts[0][1]
        return _fields(types.get(first), index, rest, path)

    def column(self, name: str, path: str = "") -> tuple[str, SqlType, str] | None:
        """Find a column by its name, in any case where it is not quoted; behind a path, that member."""
        wanted = _resolved(name)
        known = self.members(path) if path else [(n, t, s.name) for n, t, s in self.columns()]
        return next((member for member in known if member[0] == wanted), None)


def _fields(
    type_: SqlType | None, index: str, rest: list[tuple[str, str, str]], path: str
) -> list[tuple[str, SqlType, str]]:
    for _ in range(index.count("[")):
        type_ = type_.element if isinstance(type_, Array) else type_.value if isinstance(type_, Map) else None
    if not isinstance(type_, Struct):
        return []
    if not rest:
        return [(f.name, f.type, path.strip().removesuffix("->")) for f in type_.fields]
    (name, index, _), *rest = rest
    return _fields(next((f.type for f in type_.fields if f.name == name), None), index, rest, path)
