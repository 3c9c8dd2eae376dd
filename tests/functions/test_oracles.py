"""Functions that are DuckDB SQL, in part or as a whole, give what the Python functions give."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.functions.registry import Registry
from streamnb.store import Store
from tests.functions.calling import RAISES, arg_type, value_sql
from tests.functions.oracles import oracle

Draw = Callable[[random.Random], Any]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    opened = Store.open()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry()


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


def expected(drawn: Drawn, row: Sequence[Any]) -> Any:
    """Call the oracle."""
    function, strict = oracle(drawn.name, drawn.types)
    if strict and any(value is None for value in row):
        return None
    try:
        return function(*row)
    except ValueError:
        return RAISES


def found(drawn: Drawn, rows: Sequence[Sequence[Any]], store: Store, registry: Registry) -> list[Any]:
    """Run the call over all rows at once, as a query does."""
    resolved = registry.resolve(drawn.name, [arg_type(t) for t in drawn.types])
    types = [duck_type(t) for t in resolved.param_types if t is not None]
    names = [ident(f"c{i}") for i in range(len(types))]
    columns = join(", ", [sql("{} {}", n, t) for n, t in zip(names, types, strict=True)])
    store.execute(sql("CREATE OR REPLACE TEMP TABLE drawn (id INTEGER, {})", columns))
    tuples = [join(", ", [lit(i), *map(value_sql, row)]) for i, row in enumerate(rows)]
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


_MASKS = (
    ("X", "x", "n", "-"),
    ("*", "*", "*", "*"),
    ("x", "X", "n", "-"),
    ("\\", "", "'", None),
    ("1", "A", "b", "\u00e9"),
    (None, "a1", "9", "{"),
)


def _mask_calls() -> Iterator[Drawn]:
    letters, mask = text(ODD + "zZ09\\{'"), one_of("X", "x", "", None, "-", "\U0001f600")
    for masks in (*_MASKS, ()):
        constants = dict(enumerate(masks))
        yield Drawn("MASK", ("STRING",) * 5, (letters, *[mask] * 4), {i + 1: m for i, m in constants.items()})
        for side in ("LEFT", "RIGHT", "KEEP_LEFT", "KEEP_RIGHT"):
            types = ("STRING", "INT", *["STRING"] * 4)
            marks = {i + 2: m for i, m in constants.items()}
            yield Drawn(f"MASK_{side}", types, (letters, COUNTS, *[mask] * 4), marks)


DRAWN = [
    *_bytes_calls(),
    *_mask_calls(),
    Drawn("ARRAY_JOIN", ("ARRAY<DOUBLE>",), (_numbers,)),
    Drawn("ARRAY_JOIN", ("ARRAY<DOUBLE>", "STRING"), (_numbers, one_of("; ", "", None))),
    Drawn("ARRAY_JOIN", ("ARRAY<DOUBLE>", "STRING"), (_numbers, one_of("; ")), {1: "; "}),
    Drawn("CHR", ("STRING",), (_escape,)),
    Drawn("INSTR", ("STRING", "STRING", "INT"), (text(ODD), _PARTS, COUNTS)),
    Drawn("INSTR", ("STRING", "STRING", "INT", "INT"), (text("aab\u00e9", 15), _PARTS, COUNTS, COUNTS)),
    Drawn("LPAD", ("BYTES", "INT", "BYTES"), (_BYTES, one_of(*range(-3, 30), None), _SHORT)),
    Drawn("RPAD", ("BYTES", "INT", "BYTES"), (_BYTES, one_of(*range(-3, 30), None), _SHORT)),
    Drawn("SPLIT", ("BYTES", "BYTES"), (_BYTES, _SHORT)),
    Drawn(
        "SPLIT_TO_MAP",
        ("STRING", "STRING", "STRING"),
        (text("abAB,,::=" + ODD, 20), one_of(",", "", ",,", None), one_of(":", "=", "", None, "::")),
    ),
]


@pytest.mark.parametrize("drawn", DRAWN, ids=str)
def test_sql_gives_what_python_gives(drawn: Drawn, store: Store, registry: Registry) -> None:
    rng = random.Random(str(drawn))
    rows = [[drawn.constants.get(i, draw(rng)) for i, draw in enumerate(drawn.draws)] for _ in range(400)]

    got = found(drawn, rows, store, registry)

    wanted = [expected(drawn, row) for row in rows]
    assert [(r, g) for r, g, w in zip(rows, got, wanted, strict=True) if repr(g) != repr(w)] == []
