"""The words that drawn statements are made of, by the place they stand in, and the pipeline that knows some of them."""

from __future__ import annotations

import datetime as dt
import decimal
import random
from collections.abc import Mapping, Sequence

from streamnb.functions.aggregate import aggregate_functions
from streamnb.functions.registry import builtin_functions
from streamnb.functions.table import TABLE_FUNCTIONS

__all__ = [
    "CATALOGUE",
    "MARK",
    "PARAMETERS",
    "VARIABLES",
    "bound",
    "evil_text",
    "number",
    "quoted",
    "source",
    "text",
    "word",
]

MARK = "markme"
"""Stands in every name and text that tries to break out of its quotes; nothing of ours contains it."""

EVIL = (
    MARK + '"',
    MARK + "'; DROP TABLE x; --",
    MARK + '" ; SELECT 1 --',
    f"/* {MARK}",
    f"{MARK}$${{0}}{{}}{{",
    MARK + "\\",
    MARK + "`",
    f"{MARK}é\u2028☃",
    MARK + "\n\t",
    MARK + "->>'$.a'",
    MARK + "%s ? $1 :x",
)

CATALOGUE = f"""
CREATE TYPE ADDRESS AS STRUCT<STREET STRING, ZIP INT>;
CREATE STREAM S (ID INT KEY, A INT, B BIGINT, D DOUBLE, T STRING, F BOOLEAN, C DECIMAL(9, 2), L ARRAY<INT>,
  M MAP<STRING, INT>, ST STRUCT<X INT, `y` STRING>, TS TIMESTAMP, DAY DATE, TM TIME, RAW BYTES, HOME ADDRESS)
  WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM R (ID INT KEY, A INT, T STRING, D DOUBLE, F BOOLEAN, L ARRAY<INT>)
  WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM EMPTY_KEY (T STRING, H BYTES HEADER('h')) WITH (KAFKA_TOPIC='e', VALUE_FORMAT='DELIMITED', PARTITIONS=1);
CREATE TABLE U (ID INT PRIMARY KEY, NAME STRING, A INT, T STRING, B BIGINT)
  WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE TABLE N AS SELECT A, COUNT(*) AS N, SUM(B) AS B FROM S GROUP BY A;
CREATE TABLE W AS SELECT T, COUNT(*) AS N FROM S WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY T;
CREATE STREAM `{EVIL[0]}` (`{EVIL[1]}` INT KEY, `{EVIL[2]}` STRING,
  `{EVIL[4]}` STRUCT<`{EVIL[0]}` INT, `{EVIL[3]}` INT>,
  `{EVIL[7]}` BIGINT) WITH (KAFKA_TOPIC='{EVIL[7].encode("ascii", "ignore").decode()}', VALUE_FORMAT='JSON',
  PARTITIONS=1);
"""

VARIABLES: Mapping[str, str] = {"one": "1", "name": "A", "text": "'x'", "evil": f"{MARK}; DROP STREAM S", "minus": "-1"}
PARAMETERS: Mapping[str, object] = {
    "minus": -7,
    "most": 2**63 - 1,
    "half": 0.5,
    "nan": float("nan"),
    "exact": decimal.Decimal("-12.50"),
    "yes": True,
    "nothing": None,
    "raw": b"\x00\xff",
    "day": dt.date(2024, 2, 29),
    "at": dt.datetime(2024, 2, 29, 12),
    "few": [1, 2, 3],
    "texts": list(EVIL),
    "map": {EVIL[0]: 1},
    "struct": {EVIL[1]: 1, "b": EVIL[2]},
    "evil": f"'{MARK}; DROP STREAM S; --",
    "name": "a",
    "quoted": f"`{EVIL[0].replace('`', '``')}`",
    "object": object(),
}
_VALUES = sorted(PARAMETERS)

_COLUMNS_OF: Mapping[str, Sequence[str]] = {
    "S": ("ID", "A", "B", "D", "T", "F", "C", "L", "M", "ST", "TS", "DAY", "TM", "RAW", "HOME", "A", "T", "T"),
    "R": ("ID", "A", "T", "D", "F", "L"),
    "U": ("ID", "NAME", "A", "T", "B"),
    "N": ("A", "N", "B"),
    "W": ("T", "N", "WINDOWSTART"),
    "EMPTY_KEY": ("T", "H"),
    "KSQL_PROCESSING_LOG": ("TIME", "LOGGER", "MESSAGE", "LEVEL"),
    f"`{EVIL[0]}`": [f"`{e}`" for e in (EVIL[1], EVIL[2], EVIL[4], EVIL[7])],
}
_SOURCES = (*_COLUMNS_OF, "X")
_COLUMNS = (
    "ID",
    "A",
    "T",
    "ID",
    "A",
    "T",
    "B",
    "D",
    "T",
    "F",
    "C",
    "L",
    "M",
    "ST",
    "TS",
    "DAY",
    "TM",
    "RAW",
    "HOME",
    "NAME",
    "N",
)
_COLUMNS_RARE = ("ROWTIME", "ROWOFFSET", "ROWPARTITION", "WINDOWSTART", "WINDOWEND", "H", "X", "KSQL_COL_0", "S_ID")
_PROPERTIES = (
    "KAFKA_TOPIC", "VALUE_FORMAT", "KEY_FORMAT", "FORMAT", "PARTITIONS", "REPLICAS", "TIMESTAMP", "TIMESTAMP_FORMAT",
)  # fmt: skip
_PROPERTIES_RARE = (
    "WRAP_SINGLE_VALUE", "WINDOW_TYPE", "WINDOW_SIZE", "VALUE_DELIMITER", "RETENTION_MS", "VALUE_SCHEMA_ID",
    "connector.class", "quickstart", "kafka.topic",
)  # fmt: skip
_TYPES = (
    "INT", "INTEGER", "BIGINT", "DOUBLE", "BOOLEAN", "STRING", "VARCHAR", "BYTES", "DATE", "TIME", "TIMESTAMP",
    "DECIMAL", "ADDRESS", "NO_TYPE",
)  # fmt: skip
_TYPED = ("DATE", "TIME", "TIMESTAMP", "DECIMAL", "X")
_FIELDS = ("X", "y", "STREET", "ZIP")
_SETTINGS = (
    "auto.offset.reset", "max.batch.records", "ksql.output.topic.name.prefix", "ksql.sink.partitions",
    "ksql.persistence.default.format.value", "ksql.query.pull.limit.clause.enabled", "x",
)  # fmt: skip
_TEXTS = (
    "", "a", "json", "JSON", "KAFKA", "DELIMITED", "s", "u", "new", "yyyy-MM-dd", "HH:mm:ss", "UTC", "Europe/Rome",
    "2020-01-02", "2020-01-02T03:04:05", "12:00:00", "1", "-1.5", "1e400", "1E999999999", "NaN", "-Infinity",
    "true", "it's", "%a_", "[a", "(", "$.x", "datagen", "ratings", ";",
    '{"a": [1, 2]}', "http://h/p?q=1#f", "\x00", "\\", "${name}", "${nothing}", "TUMBLING", "1 HOUR", "utf8",
    "earliest", "io.confluent.kafka.connect.datagen.DatagenConnector",
)  # fmt: skip
_NUMBERS = {
    "INTEGER_VALUE": ("0", "1", "2", "3", "10", "38", "39", "100", "2147483647", "2147483648", "9223372036854775807",
                      "9223372036854775808", "1" * 40, "9" * 5000),
    "DECIMAL_VALUE": ("0.0", "1.5", ".5", "5.", "12345678901234567890.123456789", "0." + "1" * 50, "9" * 5000 + ".1"),
    "FLOATING_VALUE": ("1e0", "1.5E-3", "1e308", "0e0", "1e309", "1e-400", "1e999999999", "1." + "7" * 5000 + "e3"),
}  # fmt: skip

_FUNCTIONS = [name for name in builtin_functions() if name not in ("SLEEP",)]
_AGGREGATES = [*aggregate_functions(), *TABLE_FUNCTIONS]


def _function(rng: random.Random) -> str:
    return rng.choice(_FUNCTIONS if rng.random() < 0.7 else _AGGREGATES) if rng.random() < 0.995 else "NO_FUNCTION"


def source(rng: random.Random) -> str:
    """Draw the source that a statement is about."""
    return "S" if rng.random() < 0.4 else rng.choice(_SOURCES)


def word(place: str, rng: random.Random, about: str = "S") -> str:
    """Draw a name for a place, the rule of the grammar it stands in; ``about`` is the statement's source."""
    drawn = rng.random()
    if drawn < 0.01:
        return quoted(place, rng)
    if place in ("call", "call_star"):
        return _function(rng)
    words: Sequence[str] = _COLUMNS if rng.random() < 0.9 else _COLUMNS_RARE
    if place == "column_ref" and rng.random() < 0.985:
        words = _COLUMNS_OF.get(about, _COLUMNS)
    elif place == "source" and rng.random() < 0.85:
        return about
    elif place in ("source", "source_star", "describe_source", "drop_source", "insert_into"):
        words = _SOURCES
    elif place in ("named_type", "drop_type", "create_type"):
        words = _TYPES
    elif place == "property":
        words = _PROPERTIES if rng.random() < 0.9 else _PROPERTIES_RARE
    elif place == "typed_literal":
        words = _TYPED
    elif place == "field_ref":
        words = _FIELDS
    elif place in ("lambda_one", "lambda_param"):
        words = ("X", "Y", "A")
    elif place in ("query_control", "explain", "insert_values", "alter_source", "create_as", "create_source"):
        words = (*_SOURCES, "CTAS_N_1", "INSERTQUERY_1", "ALL")
    elif place == "describe_other":
        return _function(rng)
    found = rng.choice(words)
    return found.lower() if drawn < 0.1 and found.isidentifier() else found


def quoted(place: str, rng: random.Random) -> str:
    """Draw a quoted name for a place."""
    name = (
        EVIL[0]
        if place == "source" and rng.random() < 0.8
        else rng.choice(EVIL if rng.random() < 0.7 else (*_COLUMNS, *_SOURCES, "", "a b", "select", "É"))
    )
    mark = rng.choice('`"')
    return mark + name.replace(mark, mark * 2) + mark


def text(place: str, rng: random.Random) -> str:
    """Draw a text in single quotes."""
    words: Sequence[str] = _TEXTS
    if place in ("set_property", "unset_property", "alter_system"):
        words = (*_SETTINGS, *_TEXTS)
    elif place == "property" and rng.random() < 0.95:
        words = _PROPERTIES
    elif rng.random() < 0.3:
        words = EVIL
    return "'" + rng.choice(words).replace("'", "''") + "'"


def evil_text(rng: random.Random) -> str:
    """Draw a text that tries to break out of its quotes."""
    return "'" + rng.choice(EVIL).replace("'", "''") + "'"


def bound(rng: random.Random) -> str:
    """Draw a value of the program."""
    return ":" + rng.choice(_VALUES)


def number(kind: str, rng: random.Random) -> str:
    """Draw a number of a terminal's kind; small ones mostly."""
    numbers = _NUMBERS[kind]
    return rng.choice(numbers[:4] if rng.random() < 0.8 else numbers)
