"""DELIMITED: a line of separated values, quoted with ``"`` where needed, as Apache Commons CSV reads and prints it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from streamnb import schema as s
from streamnb.duck import Sql, duck_type, join, lit, sql
from streamnb.serde import convert
from streamnb.serde.base import SCALARS, UNWRAP_SINGLES, FastPath, Features, Side, StrictDecoder, Undecodable
from streamnb.serde.csv_line import split_line
from streamnb.serde.json_text import decimal_text, double_text

__all__ = ["DELIMITED", "DelimitedFormat"]

_FEATURES = Features(
    singles=frozenset({UNWRAP_SINGLES}),
    types=SCALARS,
    delimiter=True,
)


@dataclass(frozen=True)
class DelimitedFormat:
    """Separated values; a column's text is empty for null."""

    name: str = "DELIMITED"
    features: Features = _FEATURES

    def learn(self, side: Side, samples: Sequence[bytes]) -> None:
        """Learn nothing: lines without quotes have one form."""

    def fast_path(self, side: Side, raw: Sql, prefix: str) -> FastPath:
        """Split the lines that hold no quote and no line end, and convert the cells that are plainly written."""
        text, cells = Sql(prefix + "t"), Sql(prefix + "x")
        plain = sql(
            "CASE WHEN {0} <> '' AND NOT regexp_matches({0}, '[\"\\r\\n]') THEN string_split({0}, {1}) END",
            text,
            lit(side.delimiter),
        )
        columns = []
        checks = [sql("len({}) = {}", cells, lit(len(side.columns)))]
        for index, column in enumerate(side.columns):
            cell = sql("{}[{}]", cells, lit(index + 1))
            good = _cell_check(cell, column.type)
            columns.append(sql("CASE WHEN {} THEN {} END", good, _cell_value(cell, column.type)))
            checks.append(sql("({} = '' OR {})", cell, good))
        null = sql("({} IS NULL)", raw)
        ok = sql("({} OR ({}))", null, join(" AND ", checks))
        return FastPath(((text, sql("TRY(decode({}))", raw)),), ((cells, plain),), tuple(columns), null, ok)

    def decode_ahead(self, side: Side, documents: pa.Array) -> Mapping[str, pa.Array]:
        """Leave it to SQL."""
        return {}

    def ahead_path(self, side: Side, raw: Sql) -> FastPath:
        """Read the bytes: nothing was decoded ahead."""
        return self.fast_path(side, raw, "_v")

    def strict_decoder(self, side: Side) -> StrictDecoder:
        """Decode one line by ksqlDB's rules; bad UTF-8 is replaced."""
        parsers = [_parser(c.type) for c in side.columns]

        def decode(data: bytes) -> list[Any]:
            cells = split_line(data.decode("utf-8", "replace"), side.delimiter)
            if not cells:
                raise Undecodable("No fields in record")
            if len(cells) != len(parsers):
                raise Undecodable(
                    f"Column count mismatch on deserialization. expected: {len(parsers)}, got: {len(cells)}"
                )
            return [parser(cell) if cell else None for parser, cell in zip(parsers, cells, strict=True)]

        return decode

    def encode(self, side: Side, values: Sequence[Sql]) -> Sql:
        """Write a line: null is empty, text is quoted only where it has to be."""
        parts: list[Sql] = []
        for number, (column, value) in enumerate(zip(side.columns, values, strict=True)):
            if number:
                parts.append(lit(side.delimiter))
            parts.append(_quoted(_cell_text(value, column.type), side.delimiter, first=number == 0))
        return sql("encode(concat({}))", join(", ", parts))


_INTEGERS: dict[s.SqlType, Sql] = {
    s.INTEGER: sql("INTEGER"),
    s.BIGINT: sql("BIGINT"),
    s.DATE: sql("BIGINT"),
    s.TIME: sql("BIGINT"),
    s.TIMESTAMP: sql("BIGINT"),
}
_BOUNDS: dict[s.SqlType, tuple[int, int]] = {
    s.DATE: (-convert.DATE_DAYS_MAX, convert.DATE_DAYS_MAX),
    s.TIME: (0, convert.TIME_MS_MAX),
    s.TIMESTAMP: (-convert.TIMESTAMP_MS_MAX, convert.TIMESTAMP_MS_MAX),
}


def _cell_check(cell: Sql, type_: s.SqlType) -> Sql:
    """Test that a cell is written in a form that DuckDB converts as Java does; not true for an empty cell."""
    if isinstance(type_, s.Decimal):
        whole = type_.precision - type_.scale
        pattern = f"[-]?[0-9]{{1,{whole}}}" if whole else "-?0"
        if type_.scale:
            pattern += rf"(\.[0-9]{{1,{type_.scale}}})?"
        return sql("regexp_full_match({}, {})", cell, lit(pattern))
    if type_ == s.STRING:
        return sql("{} <> ''", cell)
    if type_ == s.BOOLEAN:
        return sql("lower({}) IN ('true', 'false')", cell)
    if type_ == s.DOUBLE:
        return sql("regexp_full_match({}, '-?[0-9]{{1,17}}(\\.[0-9]{{1,17}})?([eE]-?[0-9]{{1,2}})?')", cell)
    if type_ == s.BYTES:
        return sql("({0} <> '' AND coalesce(to_base64(TRY(from_base64({0}))) = {0}, false))", cell)
    number = sql("TRY_CAST({} AS {})", cell, _INTEGERS[type_])
    canonical = sql("coalesce({}::VARCHAR = {}, false)", number, cell)
    if type_ not in _BOUNDS:
        return canonical
    low, high = _BOUNDS[type_]
    return sql("({} AND {} BETWEEN {} AND {})", canonical, number, lit(low), lit(high))


def _cell_value(cell: Sql, type_: s.SqlType) -> Sql:
    if type_ == s.STRING:
        return cell
    if type_ == s.BYTES:
        return sql("from_base64({})", cell)
    if type_ == s.DATE:
        return sql("DATE '1970-01-01' + {}::INTEGER", cell)
    if type_ == s.TIME:
        return sql("TIME '00:00:00' + to_milliseconds({}::BIGINT)", cell)
    if type_ == s.TIMESTAMP:
        return sql("make_timestamp({}::BIGINT * 1000)", cell)
    return sql("{}::{}", cell, duck_type(type_))


def _number_format(text: str) -> Undecodable:
    return Undecodable(f'For input string: "{text}"')


def _integer(bits: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = convert.parse_java_integer(text, bits)
        if value is None:
            raise _number_format(text)
        return value

    return parse


def _double(text: str) -> float:
    value = convert.parse_java_double(text)
    if value is None:
        raise _number_format(text)
    return value


def _bytes(text: str) -> bytes:
    value = convert.mime_base64(text)
    if value is None:
        raise Undecodable("Value is not a valid Base64 encoded string")
    return value


def _decimal(type_: s.Decimal) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = convert.parse_java_decimal(text)
        if value is None:
            raise _number_format(text)
        return convert.fit_decimal(value, type_)

    return parse


_LONG = _integer(64)
_PARSERS: dict[s.SqlType, Callable[[str], Any]] = {
    s.BOOLEAN: lambda text: text.lower() == "true",
    s.INTEGER: _integer(32),
    s.BIGINT: _LONG,
    s.DOUBLE: _double,
    s.STRING: str,
    s.BYTES: _bytes,
    s.DATE: lambda text: convert.check_date(_LONG(text)),
    s.TIME: lambda text: convert.check_time(_LONG(text)),
    s.TIMESTAMP: lambda text: convert.check_timestamp(_LONG(text)),
}


def _parser(type_: s.SqlType) -> Callable[[str], Any]:
    return _decimal(type_) if isinstance(type_, s.Decimal) else _PARSERS[type_]


def _cell_text(value: Sql, type_: s.SqlType) -> Sql:
    """Write a column as text; dates and times are numbers, bytes base64."""
    if type_ == s.STRING:
        return value
    if type_ == s.DOUBLE:
        return sql(
            "CASE WHEN isfinite({0}) THEN {1} WHEN isnan({0}) THEN 'NaN' WHEN {0} > 0 THEN 'Infinity'"
            " WHEN {0} < 0 THEN '-Infinity' END",
            value,
            double_text(value),
        )
    if isinstance(type_, s.Decimal):
        return decimal_text(value, type_)
    if type_ == s.BYTES:
        return sql("to_base64({})", value)
    if type_ == s.DATE:
        return sql("(({}) - DATE '1970-01-01')::VARCHAR", value)
    if type_ in (s.TIME, s.TIMESTAMP):
        return sql("epoch_ms({})::VARCHAR", value)
    return sql("({})::VARCHAR", value)


def _quoted(text: Sql, delimiter: str, *, first: bool) -> Sql:
    """Quote a cell under the conditions of Commons CSV 1.4: the line's first cell has to start with a letter or digit.

    NULL stays NULL, which ``concat`` writes as nothing.
    """
    start = "[^0-9A-Za-z]" if first else r"[\x00-#]"
    escaped = rf"\x{{{ord(delimiter):x}}}"
    pattern = rf'^{start}|[\r\n"{escaped}]|[\x00- ]$'
    needs = sql("regexp_matches({}, {})", text, lit(pattern))
    if first:
        needs = sql("({} = '' OR {})", text, needs)
    return sql("CASE WHEN {0} THEN '\"' || replace({1}, '\"', '\"\"') || '\"' ELSE {1} END", needs, text)


DELIMITED = DelimitedFormat()
