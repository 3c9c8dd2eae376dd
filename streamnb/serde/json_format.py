"""JSON: documents in the way ksqlDB reads and writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from streamnb import schema as s
from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.serde import convert
from streamnb.serde.base import (
    AHEAD_OK,
    SCALARS,
    UNWRAP_SINGLES,
    WRAP_SINGLES,
    FastPath,
    Features,
    Memory,
    Side,
    StrictDecoder,
)
from streamnb.serde.json_layout import Layout, Member, learn_layouts, pattern_of, rebuilt, structure_of
from streamnb.serde.json_plain import decode_plain, has_plain_types
from streamnb.serde.json_shape import reshaped
from streamnb.serde.json_strict import record_decoder
from streamnb.serde.json_text import constant, json_text

__all__ = ["JSON", "JsonFormat"]

_DOUBTFUL_MIN, _DOUBTFUL_SHARE = 20, 0.05

_FEATURES = Features(
    singles=frozenset({WRAP_SINGLES, UNWRAP_SINGLES}),
    types=SCALARS | {"ARRAY", "MAP", "STRUCT"},
    learns=True,
)


@dataclass(frozen=True)
class JsonFormat:
    """JSON without a schema registry."""

    name: str = "JSON"
    features: Features = _FEATURES

    def learn(self, side: Side, samples: Sequence[bytes]) -> None:
        """Learn the layouts of the producers' documents."""
        texts = []
        for sample in samples:
            try:
                texts.append(sample.decode())
            except UnicodeDecodeError:
                continue
        learn_layouts(side.memory, texts, side.columns, side.bare)

    def decode_ahead(self, side: Side, documents: pa.Array) -> Mapping[str, pa.Array]:
        """Decode plain documents by C code, where it is there; a topic with many others is left to SQL."""
        if side.bare or not side.memory.plain or not has_plain_types(side.columns):
            return {}
        columns, plain, doubtful = decode_plain(side.columns, documents)
        if doubtful > max(_DOUBTFUL_MIN, len(documents) * _DOUBTFUL_SHARE):
            side.memory.plain = False
            return {}
        return {f"_a{i}": column for i, column in enumerate(columns)} | {AHEAD_OK: plain}

    def ahead_path(self, side: Side, raw: Sql) -> FastPath:
        """Read the columns of plain documents."""
        null = sql("({0} IS NULL OR {0} = 'null'::BLOB)", raw)
        return FastPath((), (), tuple(ident(f"_a{i}") for i in range(len(side.columns))), null, ident(AHEAD_OK))

    def fast_path(self, side: Side, raw: Sql, prefix: str) -> FastPath:
        """Decode with ``from_json`` and vouch for the rows whose text a layout proves."""
        layouts: list[Layout] = side.memory.layouts
        text, parsed = Sql(prefix + "t"), Sql(prefix + "x")
        decoded = (text, sql("TRY(decode({}))", raw))
        null = sql("({} IS NULL OR coalesce({} = 'null', false))", raw, text)
        structure = structure_of(layouts) if layouts else None
        if structure is None:
            nulls = tuple(sql("NULL::{}", duck_type(c.type)) for c in side.columns)
            return FastPath((decoded,), (), nulls, null, null)
        # A document that does not parse makes TRY take its neighbours one by one: worth a test when there are such.
        known = "TRY(CASE WHEN json_valid({0}) THEN from_json({0}, {1}) END)"
        document = sql(known if side.memory.flawed else "TRY(from_json({0}, {1}))", text, structure)
        columns = tuple(_column(i, c, layouts, parsed) for i, c in enumerate(side.columns))
        ok = sql(
            "({} OR ({}))", null, join(" AND ", [_proof(side.memory, parsed, text), *_ranges(side, layouts, parsed)])
        )
        return FastPath((decoded,), ((parsed, document),), columns, null, ok)

    def strict_decoder(self, side: Side) -> StrictDecoder:
        """Decode one document by ksqlDB's rules."""
        return record_decoder(side.columns, side.bare)

    def encode(self, side: Side, values: Sequence[Sql]) -> Sql:
        """Write a document: all columns in order, nulls explicit; a bare null is NULL."""
        if side.bare:
            return sql("encode({})", json_text(values[0], side.columns[0].type))
        parts: list[Sql] = []
        for number, (column, value) in enumerate(zip(side.columns, values, strict=True)):
            parts.append(lit(("," if number else "{") + constant(column.name) + ":"))
            parts.append(sql("coalesce({}, 'null')", json_text(value, column.type)))
        return sql("encode(concat({}))", join(", ", [*parts, lit("}")]))


def _proof(memory: Memory, parsed: Sql, text: Sql) -> Sql:
    """Write the test that a document is what its decoded values say: rebuilt text first, then the patterns."""
    layouts: list[Layout] = memory.layouts
    tests = [sql("WHEN {} = {} THEN true", rebuilt(layout, parsed), text) for layout in layouts]
    patterns = [p for p in map(pattern_of, layouts) if p is not None] if memory.unusual else []
    otherwise = [sql("regexp_full_match({}, {})", text, lit(pattern)) for pattern in patterns] or [sql("false")]
    return sql("CASE {} ELSE {} END", join(" ", tests), join(" OR ", otherwise))


def _member(column: int, layouts: Sequence[Layout]) -> Member | None:
    return next((m for layout in layouts for m in layout.members if m.column == column), None)


def _column(index: int, column: s.Column, layouts: Sequence[Layout], parsed: Sql) -> Sql:
    """Write a column's value from the decoded document."""
    member = _member(index, layouts)
    if member is None:
        return sql("NULL::{}", duck_type(column.type))
    value = member.value(parsed)
    if column.type == s.DOUBLE:
        return sql("({} + 0.0::DOUBLE)", value)  # -0.0 becomes 0.0
    if column.type == s.BYTES:
        return sql("TRY(from_base64({}))", value)
    if column.type == s.DATE:
        return sql("CASE WHEN {} THEN DATE '1970-01-01' + {} END", _within(value, column.type), value)
    if column.type == s.TIME:
        return sql("CASE WHEN {} THEN TIME '00:00:00' + to_milliseconds({}) END", _within(value, column.type), value)
    if column.type == s.TIMESTAMP:
        return sql("CASE WHEN {} THEN make_timestamp({} * 1000) END", _within(value, column.type), value)
    if column.type in (s.INTEGER, s.BIGINT, s.STRING):
        return value
    return reshaped(value, member.type, column.type)


_BOUNDS: dict[s.SqlType, tuple[int, int]] = {
    s.DATE: (-convert.DATE_DAYS_MAX, convert.DATE_DAYS_MAX),
    s.TIME: (0, convert.TIME_MS_MAX),
    s.TIMESTAMP: (-convert.TIMESTAMP_MS_MAX, convert.TIMESTAMP_MS_MAX),
}


def _within(value: Sql, type_: s.SqlType) -> Sql:
    low, high = _BOUNDS[type_]
    return sql("({} BETWEEN {} AND {})", value, lit(low), lit(high))


def _ranges(side: Side, layouts: Sequence[Layout], parsed: Sql) -> list[Sql]:
    """List the conditions on values that their text alone does not settle."""
    conditions = []
    for index, column in enumerate(side.columns):
        member = _member(index, layouts)
        if member is None:
            continue
        value = member.value(parsed)
        if column.type in _BOUNDS:
            conditions.append(sql("({} IS NULL OR {})", value, _within(value, column.type)))
        elif column.type == s.BYTES:
            conditions.append(sql("({0} IS NULL OR coalesce(to_base64(TRY(from_base64({0}))) = {0}, false))", value))
    return conditions


JSON = JsonFormat()
