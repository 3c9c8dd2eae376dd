"""Functions that are DuckDB SQL, in part or as a whole, give what the Python functions give."""

from __future__ import annotations

import datetime
import decimal
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.functions.registry import Registry
from streamnb.schema import SqlType
from streamnb.serde.arrow import arrow_type
from streamnb.store import Store
from tests.functions.calling import RAISES, arg_type, value_sql
from tests.functions.oracles import oracle

Draw = Callable[[random.Random], Any]


def one_of(*values: Any) -> Draw:
    """Draw one of the values."""
    return lambda rng: rng.choice(values)


def text(letters: str, longest: int = 12) -> Draw:
    """Draw a text of these letters, now and then a null."""
    return lambda rng: (
        None if rng.random() < 0.03 else "".join(rng.choice(letters) for _ in range(rng.randint(0, longest)))
    )


def data(values: bytes, longest: int = 12) -> Draw:
    """Draw bytes of these values, now and then a null."""
    return lambda rng: (
        None if rng.random() < 0.03 else bytes(rng.choice(values) for _ in range(rng.randint(0, longest)))
    )


ODD = "aAbB1 ,:=-_\u00e9\u0301\U0001f600\u20ac\u01c5\u00aa\u2160\x00\n\u00df"
COUNTS = one_of(*range(-14, 15), None, 100, 2**31 - 1, -(2**31))


@dataclass(frozen=True)
class Drawn:
    """Calls of a function: types, how its arguments are drawn, and which of them are constants of the query."""

    name: str
    types: tuple[str, ...]
    draws: tuple[Draw, ...]
    constants: dict[int, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = [repr(self.constants[i]) if i in self.constants else t for i, t in enumerate(self.types)]
        return f"{self.name}({', '.join(shown)})"


def expected(drawn: Drawn, row: Sequence[Any], returns: SqlType) -> Any:
    """Call the oracle, and convert what it gives to the type of the result."""
    function, strict = oracle(drawn.name, drawn.types)
    if strict and any(value is None for value in row):
        return None
    try:
        return pa.array([function(*row)], arrow_type(returns)).to_pylist(maps_as_pydicts="strict")[0]
    except ValueError:
        return RAISES


def _literal(value: Any) -> Sql:
    return lit(f"{value:f}") if isinstance(value, decimal.Decimal) else value_sql(value)


def found(drawn: Drawn, rows: Sequence[Sequence[Any]], store: Store, registry: Registry) -> list[Any]:
    """Run the call over all rows at once, as a query does."""
    resolved = registry.resolve(drawn.name, [arg_type(t) for t in drawn.types])
    types = [duck_type(t) for t in resolved.param_types if t is not None]
    names = [ident(f"c{i}") for i in range(len(types))]
    columns = join(", ", [sql("{} {}", n, t) for n, t in zip(names, types, strict=True)])
    store.execute(sql("CREATE OR REPLACE TEMP TABLE drawn (id INTEGER, {})", columns))
    tuples = [join(", ", [lit(i), *map(_literal, row)]) for i, row in enumerate(rows)]
    store.execute(sql("INSERT INTO drawn VALUES {}", join(", ", [sql("({})", t) for t in tuples])))
    pieces: list[Sql] = [value_sql(drawn.constants[i]) if i in drawn.constants else n for i, n in enumerate(names)]
    call = resolved.render(pieces)
    registry.install(store)
    got = store.rows(sql("SELECT TRY(struct_pack(v := {})) FROM drawn ORDER BY id", call))
    return [RAISES if value is None else value["v"] for (value,) in got]


def _escape(rng: random.Random) -> str | None:
    starts = rng.choices(("\\u", "\\uu", "", "\\"), (6, 1, 1, 1), k=rng.choice((1, 1, 1, 2)))
    return "".join(start + "".join(rng.choice("019aDdfF") for _ in range(rng.choice((4, 4, 4, 3)))) for start in starts)


_PARTS = text("aAb1,\u00e9\U0001f600", 2)
_BYTES, _SHORT = data(b"ab\x00\xff\x62 "), data(b"ab\x00\xff ", 3)


def _sized(rng: random.Random) -> bytes | None:
    return None if rng.random() < 0.05 else rng.randbytes(rng.choice((0, 4, 4, 8, 8, 8, 9, 16, 16)))


def _number(rng: random.Random) -> float | None:
    return rng.choice((None, 0.0, -0.0, 1.5, rng.uniform(-10, 10), rng.random() * 10 ** rng.randint(-9, 12)))


def _numbers(rng: random.Random) -> list[float | None] | None:
    return None if rng.random() < 0.05 else [_number(rng) for _ in range(rng.randint(0, 3))]


_ORDERS = one_of("BIG_ENDIAN", "little_endian", "MIDDLE", None)
_ENCODED = {
    "hex": text("09afAF", 6),
    "utf8": text(ODD),
    "ascii": text(ODD),
    "base64": lambda rng: rng.choice(
        ("QUJD", "QQ==", "QR==", "QUI=", "Q", "Q===", "QQ==QQ==", "\u00e9", "0x41", "+/+/")
    ),
}


def _bytes_calls() -> Iterator[Drawn]:
    for name in ("BIGINT_FROM_BYTES", "DOUBLE_FROM_BYTES", "INT_FROM_BYTES"):
        yield Drawn(name, ("BYTES",), (_sized,))
        yield Drawn(name, ("BYTES", "STRING"), (_sized, _ORDERS))
        yield Drawn(name, ("BYTES", "STRING"), (_sized, _ORDERS), {1: "LITTLE_ENDIAN"})
    yield Drawn("UUID", ("BYTES",), (_sized,))
    for source, draw in _ENCODED.items():
        yield Drawn("TO_BYTES", ("STRING", "STRING"), (draw, _ORDERS), {1: source})
        yield Drawn("TO_BYTES", ("STRING", "STRING"), (text("0xX' aF+=\u00e9"), _ORDERS), {1: source.upper()})
        yield Drawn("FROM_BYTES", ("BYTES", "STRING"), (_BYTES, _ORDERS), {1: source})
        for target in _ENCODED:
            yield Drawn("ENCODE", ("STRING",) * 3, (draw, _ORDERS, _ORDERS), {1: source, 2: target})
    yield Drawn("ENCODE", ("STRING",) * 3, (text(ODD), one_of("hex", "utf8"), one_of("ascii", "none", None)))


def _double(rng: random.Random) -> float | None:
    places, size = rng.randint(0, 6), 10 ** rng.randint(0, 12)
    drawn = rng.randint(-size, size) / 10**places
    near = math.nextafter(drawn, rng.choice((math.inf, -math.inf)))
    special = (None, 0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1.7e308, -0.3, 1.005, 2.675, 0.5, -0.5)
    return rng.choice((drawn, drawn, near, rng.uniform(-1000, 1000), rng.choice(special)))


def _decimal(precision: int, scale: int) -> Draw:
    def draw(rng: random.Random) -> decimal.Decimal | None:
        ties = int("5" * rng.randint(1, precision)), int("9" * precision), 0, 10 ** (precision - 1)
        number = rng.choice((rng.randrange(10 ** rng.randint(1, precision)), rng.choice(ties)))
        sign = rng.choice((1, -1))
        return None if rng.random() < 0.05 else decimal.Decimal(sign * number).scaleb(-scale, _CONTEXT)

    return draw


_CONTEXT = decimal.Context(prec=60)


def _number_calls() -> Iterator[Drawn]:
    any_places = one_of(-2, -1, 0, 1, 2, 3, 5, 20, 25, None)
    for name in ("ROUND", "TRUNC"):
        for places in (0, 1, 2, 3, 6, 15, 16, -1, None):
            fixed = {} if places is None else {1: places}
            yield Drawn(name, ("DOUBLE", "INT"), (_double, any_places), fixed)
            for precision, scale in ((4, 2), (9, 9), (18, 4), (38, 10), (38, 38), (5, 0)):
                yield Drawn(
                    name, (f"DECIMAL({precision}, {scale})", "INT"), (_decimal(precision, scale), any_places), fixed
                )


def _json_value(rng: random.Random, depth: int) -> str:
    kind = rng.randint(0, 7 if depth else 4)
    if kind < 2:
        return rng.choice(("1", "-1", "0", "-0", "1.0", "1.50", "1e2", "12345678901234567890", "1e999", "9" * 30))
    if kind == 2:
        return rng.choice(("true", "false", "null", "NaN", "-Infinity"))
    if kind < 5:
        inner = rng.choice(
            ("a", "", "1", "a b", "{", "\\u0041", "\\n", "\\/", "\\ud83d", "\u00e9", "\U0001f600", "inf", "\x7f")
        )
        return f'"{inner}"'
    blank = rng.choice(("", "", " ", "\n"))
    count = rng.choice((0, 1, 2, 3))
    end = rng.choice(("",) * 20 + (",", " x"))
    if kind == 5:
        return f"[{(',' + blank).join(_json_value(rng, depth - 1) for _ in range(count))}{end}]"
    names = rng.choices(("a", "b", "c", "", "\u00e9", "$", "a.b", "\\u0041"), k=count)
    members = [f'"{name}"{blank}:{_json_value(rng, depth - 1)}' for name in names]
    return f"{{{','.join(members)}{end}}}"


def _json(rng: random.Random) -> str | None:
    tail = rng.choice(("",) * 20 + (" ", " x", "]", "\x00"))
    odd = rng.choice((None, "", " ", "{", "nul", "NaN", "inf", "01", "'a'", '"a\nb"', "/*x*/1", "\ufeff1"))
    return odd if rng.random() < 0.1 else _json_value(rng, 2) + tail


def _json_calls() -> Iterator[Drawn]:
    for name in ("IS_JSON_STRING", "JSON_KEYS", "JSON_ITEMS", "JSON_RECORDS", "JSON_ARRAY_LENGTH"):
        yield Drawn(name, ("STRING",), (_json,))
    for path in ("$.a", "$[0]", "$.a[1].b", "$.b.a", "$[-1]"):
        yield Drawn("EXTRACTJSONFIELD", ("STRING", "STRING"), (_json, one_of(None)), {1: path})
    for type_, values in (
        ("INT", (1, 0, -1, None)),
        ("BIGINT", (1, 0, 12345678901234567, None)),
        ("STRING", ("a", "", "1", "A", "\n", "/", "\U0001f600", None)),
        ("BOOLEAN", (True, False, None)),
        ("DOUBLE", (1.0, 1.5, 100.0, None)),
    ):
        yield Drawn("JSON_ARRAY_CONTAINS", ("STRING", type_), (_json, one_of(*values)))


def _url(rng: random.Random) -> str | None:
    odd = rng.choice(
        (None, "", "x", "mailto:a@b", "//h/p", "http:/p", "a b", "http://[::1]/", "http://h:99999/", "http://h:x/")
    )
    if rng.random() < 0.1:
        return odd
    letters = rng.choice(("ab/", "ab=&", "ab+=&;", "a%20b=", "a%zz", "\u00e9a", "a=b&c=%C3%A9", "?a=:", "a@b~!*'()"))
    parts = ["".join(rng.choice(letters) for _ in range(rng.randint(0, 6))) for _ in range(4)]
    escaped = rng.choice(("", "", "%20", "%C3%A9", "%zz", "%c3"))
    host = rng.choice(("h.example", "H", "u:p@h", "", "\u00e9", "h_1"))
    port = rng.choice(("", "", ":80", ":", ":0080", ":12345"))
    start = f"{rng.choice(('http', 'HTTPS', 'a+b', '1x'))}://{host}{port}"
    path = rng.choice(("", f"/{parts[0]}{escaped}"))
    return start + path + rng.choice(("", f"?{parts[1]}")) + rng.choice(("", f"#{parts[2]}", "#", "?", "?#"))


def _url_calls() -> Iterator[Drawn]:
    for part in ("FRAGMENT", "HOST", "PATH", "PORT", "PROTOCOL", "QUERY"):
        yield Drawn(f"URL_EXTRACT_{part}", ("STRING",), (_url,))
    yield Drawn("URL_EXTRACT_PARAMETER", ("STRING", "STRING"), (_url, one_of("a", "b", "ab", "", "a=b", "a b", None)))
    yield Drawn("URL_ENCODE_PARAM", ("STRING",), (text(ODD + "*~.-%+/?&2A0"),))
    yield Drawn("URL_DECODE_PARAM", ("STRING",), (text("a+%%%0419cC3\u00e9", 10),))


_EPOCH = datetime.datetime(1970, 1, 1)
_ZONES = ("UTC", "+05:30", "GMT-3", "-00:00:01", "America/New_York", "EST", "Mars/Base", None)
_PATTERNS = ("yyyy-MM-dd HH:mm:ss.SSS", "yyyy-MM-dd'T'HH:mm:ssX", "EEE dd MMM yyyy hh:mm a", "HH:mm z", "dd.MM.yy")


def _ms(rng: random.Random) -> int | None:
    return rng.choice((None, 0, -1, rng.randrange(2**41), rng.randrange(-(2**45), 2**47)))


def _timestamp(rng: random.Random) -> datetime.datetime | None:
    ms = _ms(rng)
    return None if ms is None else _EPOCH + datetime.timedelta(milliseconds=ms)


def _time_text(rng: random.Random) -> str | None:
    value = _timestamp(rng)
    if value is None:
        return None
    form = rng.choice(("%Y-%m-%d %H:%M:%S.123", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S+02", "%Y-%m-%d %H:61:00.000"))
    return value.strftime(form)


def _time_calls() -> Iterator[Drawn]:
    any_pattern, any_zone = one_of(*_PATTERNS), one_of(*_ZONES)
    for zone in _ZONES:
        for pattern in _PATTERNS:
            fixed = {1: pattern, 2: zone}
            yield Drawn("TIMESTAMPTOSTRING", ("BIGINT", "STRING", "STRING"), (_ms, any_pattern, any_zone), fixed)
            yield Drawn(
                "FORMAT_TIMESTAMP", ("TIMESTAMP", "STRING", "STRING"), (_timestamp, any_pattern, any_zone), fixed
            )
            yield Drawn("STRINGTOTIMESTAMP", ("STRING",) * 3, (_time_text, any_pattern, any_zone), fixed)
            yield Drawn("PARSE_TIMESTAMP", ("STRING",) * 3, (_time_text, any_pattern, any_zone), fixed)
        for target in ("UTC", "-08:00", "Europe/Paris"):
            fixed = {1: zone, 2: target}
            yield Drawn("CONVERT_TZ", ("TIMESTAMP", "STRING", "STRING"), (_timestamp, any_zone, any_zone), fixed)


DRAWN = [
    *_time_calls(),
    *_number_calls(),
    *_json_calls(),
    *_url_calls(),
    *_bytes_calls(),
    Drawn("ARRAY_JOIN", ("ARRAY<DOUBLE>",), (_numbers,)),
    Drawn("ARRAY_JOIN", ("ARRAY<DOUBLE>", "STRING"), (_numbers, one_of("; ", "", None))),
    Drawn("ARRAY_JOIN", ("ARRAY<DOUBLE>", "STRING"), (_numbers, one_of("; ")), {1: "; "}),
    Drawn("CHR", ("STRING",), (_escape,)),
    Drawn("INSTR", ("STRING", "STRING", "INT"), (text(ODD), _PARTS, COUNTS)),
    Drawn("INSTR", ("STRING", "STRING", "INT", "INT"), (text("aab\u00e9", 15), _PARTS, COUNTS, COUNTS)),
    Drawn("LPAD", ("BYTES", "INT", "BYTES"), (_BYTES, one_of(*range(-3, 30), None), _SHORT)),
    Drawn("RPAD", ("BYTES", "INT", "BYTES"), (_BYTES, one_of(*range(-3, 30), None), _SHORT)),
    Drawn(
        "SPLIT_TO_MAP",
        ("STRING", "STRING", "STRING"),
        (text("abAB,,::=" + ODD, 20), one_of(",", "", ",,", None), one_of(":", "=", "", None, "::")),
    ),
]


@pytest.mark.parametrize("drawn", DRAWN, ids=str)
def test_sql_gives_what_python_gives(drawn: Drawn, store: Store, registry: Registry) -> None:
    rng = random.Random(str(drawn))
    rows = [[drawn.constants.get(i, draw(rng)) for i, draw in enumerate(drawn.draws)] for _ in range(250)]

    got = found(drawn, rows, store, registry)

    returns = registry.resolve(drawn.name, [arg_type(t) for t in drawn.types]).return_type
    assert returns is not None
    wanted = [expected(drawn, row, returns) for row in rows]
    assert [(r, g) for r, g, w in zip(rows, got, wanted, strict=True) if repr(g) != repr(w)] == []
