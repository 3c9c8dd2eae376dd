"""Valid SELECTs drawn at random: every expression has a type, and the columns and functions that give that type."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from streamnb import schema as s
from streamnb.functions.registry import builtin_functions
from streamnb.functions.signature_text import parse_signature
from streamnb.functions.signatures import (
    AnyDecimal,
    AnyType,
    LambdaType,
    Parameter,
    Signature,
    UnitType,
    Var,
)
from streamnb.schema import Array, Decimal, Map, SqlType, Struct

__all__ = ["COLUMNS", "Query", "draw_query"]

DECIMAL = Decimal(9, 2)
COLUMNS: Mapping[str, SqlType] = {
    "I": s.INTEGER,
    "J": s.INTEGER,
    "B": s.BIGINT,
    "D": s.DOUBLE,
    "C": DECIMAL,
    "T": s.STRING,
    "U": s.STRING,
    "F": s.BOOLEAN,
    "L": Array(s.INTEGER),
    "LT": Array(s.STRING),
    "M": Map(s.STRING, s.INTEGER),
    "ST": Struct((s.Field("X", s.INTEGER), s.Field("Y", s.STRING))),
    "TS": s.TIMESTAMP,
    "DAY": s.DATE,
    "CLOCK": s.TIME,
    "RAW": s.BYTES,
}
_NUMBERS: tuple[SqlType, ...] = (s.INTEGER, s.BIGINT, s.DOUBLE, DECIMAL)
_SCALARS: tuple[SqlType, ...] = (*_NUMBERS, s.STRING, s.BOOLEAN, s.TIMESTAMP, s.DATE, s.TIME)
_LITERALS: Mapping[SqlType, Sequence[str]] = {
    s.INTEGER: ("0", "1", "-1", "2", "7", "100", "2147483647", "-2147483648"),
    s.BIGINT: ("2147483648", "-9223372036854775808", "9223372036854775807", "CAST(3 AS BIGINT)"),
    s.DOUBLE: ("0e0", "1.5E0", "-2.25e0", "1e300", "1e-5"),
    DECIMAL: ("CAST(1.25 AS DECIMAL(9, 2))", "CAST('-7.10' AS DECIMAL(9, 2))"),
    s.STRING: ("''", "'a'", "'b,c'", "'12'", "'1.5'", "'true'", "'it''s'", "'%_'", "'é☃'", "'2020-01-02'"),
    s.BOOLEAN: ("true", "false"),
    s.TIMESTAMP: ("TIMESTAMP '2020-02-29T12:30:45.678'", "TIMESTAMP '1969-12-31T23:59:59'"),
    s.DATE: ("DATE '2020-02-29'", "DATE '1969-12-31'"),
    s.TIME: ("TIME '00:00:00'", "TIME '23:59:59'"),
    s.BYTES: ("TO_BYTES('616263', 'hex')", "TO_BYTES('', 'utf8')"),
}
_WORDS: Mapping[str, Sequence[str]] = {
    "pattern": ("'yyyy-MM-dd'", "'HH:mm:ss'", "'yyyy-MM-dd''T''HH:mm:ss.SSS'", "'dd/MM/yyyy HH:mm'"),
    "regex": ("'[a-z]+'", "'(a)(b)?'", "'\\\\d'", "'.*'", "''", "'['"),
    "zone": ("'UTC'", "'Europe/Berlin'", "'America/New_York'", "'+02:00'"),
    "encoding": ("'utf8'", "'hex'", "'ascii'", "'base64'"),
    "byte_order": ("'BIG_ENDIAN'", "'LITTLE_ENDIAN'"),
    "direction": ("'ASC'", "'DESC'"),
    "json": ('\'{"a": [1, {"b": null}], "c": "x"}\'', "'[1, 2, \"a\"]'", "'{'", "T"),
    "path": ("'$.a'", "'$.a[0]'", "'$.c'", "'$'"),
    "url": ("'http://u:p@h.org:80/a/b?x=1&y=%20#f'", "'mailto:a'", "T"),
    "separator": ("','", "''", "'ab'", "U"),
    "entry_separator": ("','", "';'"),
    "value_separator": ("':='", "':'"),
    "digit": ("'n'", "NULL"),
    "length": ("0", "2", "5", "I"),
    "count": ("0", "1", "3"),
    "step": ("1", "-2", "5"),
    "n": ("1", "2"),
    "group": ("0", "1"),
    "interval": ("1", "-40", "I"),
}  # what is drawn for parameters of these names, most of the time
_SERIES_MAX = ("1", "5", "-3")
_VOLATILE = frozenset({"RANDOM", "UUID", "UNIX_TIMESTAMP", "UNIX_DATE"})
_LEFT_OUT = frozenset({"GENERATE_SERIES"})  # two random numbers make a list of billions
_CASTS: Mapping[SqlType, tuple[SqlType, ...]] = {
    s.STRING: (*_SCALARS, Array(s.INTEGER)),
    s.INTEGER: (*_NUMBERS, s.STRING),
    s.BIGINT: (*_NUMBERS, s.STRING),
    s.DOUBLE: (*_NUMBERS, s.STRING),
    DECIMAL: (*_NUMBERS, s.STRING),
    s.BOOLEAN: (s.STRING,),
    s.DATE: (s.TIMESTAMP, s.STRING),
    s.TIME: (s.TIMESTAMP, s.STRING),
    s.TIMESTAMP: (s.DATE, s.STRING),
    Array(s.STRING): (Array(s.INTEGER),),
}


@dataclass(frozen=True)
class Query:
    """A query over stream S: its select items, filter, and grouping column; ``plain``: DuckDB takes it as it is."""

    items: tuple[str, ...]
    where: str | None
    group: str | None
    plain: bool

    def __str__(self) -> str:
        return f"SELECT {', '.join(self._named())} FROM S{self._tail()}"

    def _named(self) -> list[str]:
        head = [self.group] if self.group else []
        return head + [f"{item} AS R{n}" for n, item in enumerate(self.items)]

    def _tail(self) -> str:
        where = f" WHERE {self.where}" if self.where else ""
        return where + (f" GROUP BY {self.group}" if self.group else "")


def draw_query(rng: random.Random) -> Query:
    """Draw a query; one in three is plain."""
    plain = rng.random() < 0.34
    writer = _Plain(rng) if plain else _Writer(rng)
    depth = rng.randrange(1, 4)
    where = writer.condition(depth) if rng.random() < 0.5 else None
    if rng.random() < 0.25:
        return Query(tuple(_aggregates(writer, rng, depth)), where, rng.choice(("T", "J")), plain)
    types = writer.types()
    items = tuple(writer.write(rng.choice(types), depth) for _ in range(rng.randrange(1, 4)))
    return Query(items, where, None, plain)


def _aggregates(writer: _Writer, rng: random.Random, depth: int) -> list[str]:
    calls = ["COUNT(*)"]
    for _ in range(rng.randrange(1, 4)):
        name = rng.choice(("COUNT", "SUM", "MIN", "MAX", "LATEST_BY_OFFSET", "COLLECT_LIST"))
        name = rng.choice(("COUNT", "MIN", "MAX")) if isinstance(writer, _Plain) else name
        type_ = rng.choice(
            (s.INTEGER, s.STRING) if name in ("COLLECT_LIST", "LATEST_BY_OFFSET") else (s.INTEGER, s.BIGINT)
        )
        calls.append(f"{name}({writer.write(type_, depth)})")
    return calls


class _Writer:
    """Writes expressions; ``scope`` has the columns and lambda parameters that may be used."""

    def __init__(self, rng: random.Random, scope: Mapping[str, SqlType] = COLUMNS) -> None:
        self._rng = rng
        self._scope = scope

    def types(self) -> tuple[SqlType, ...]:
        """List what types a column of the result may have."""
        return tuple(dict.fromkeys(COLUMNS.values()))

    def condition(self, depth: int) -> str:
        """Write what stands behind WHERE."""
        return self.write(s.BOOLEAN, depth)

    def write(self, type_: SqlType, depth: int) -> str:
        """Write an expression of a type."""
        columns = [name for name, known in self._scope.items() if known == type_]
        if depth <= 0 or self._rng.random() < 0.15:
            if columns and self._rng.random() < 0.8:
                return self._rng.choice(columns)
            return self._constant(type_)
        ways = [self._case, self._call, self._call, self._call]
        ways += [self._cast] if type_ in _CASTS else []
        ways += [self._arithmetic] if type_ in (s.INTEGER, s.BIGINT, s.DOUBLE) else []
        ways += [self._test, self._test, self._logic] if type_ == s.BOOLEAN else []
        ways += [self._concat, self._field] if type_ == s.STRING else []
        ways += [self._element] if type_ in (s.INTEGER, s.STRING) else []
        return self._rng.choice(ways)(type_, depth - 1)

    def _constant(self, type_: SqlType) -> str:
        if type_ in _LITERALS and self._rng.random() < 0.9:
            return self._rng.choice(_LITERALS[type_])
        if isinstance(type_, Array) and self._rng.random() < 0.7:
            return f"ARRAY[{self.write(type_.element, 0)}, {self.write(type_.element, 0)}]"
        if isinstance(type_, Map) and self._rng.random() < 0.7 and type_.key == s.STRING:
            return f"MAP('a' := {self.write(type_.value, 0)}, T := {self.write(type_.value, 0)})"
        if isinstance(type_, Struct) and self._rng.random() < 0.7:
            return f"STRUCT({', '.join(f'`{f.name}` := {self.write(f.type, 0)}' for f in type_.fields)})"
        return f"CAST(NULL AS {_written(type_)})"

    def _case(self, type_: SqlType, depth: int) -> str:
        default = f" ELSE {self.write(type_, depth)}" if self._rng.random() < 0.7 else ""
        return f"CASE WHEN {self.write(s.BOOLEAN, depth)} THEN {self.write(type_, depth)}{default} END"

    def _cast(self, type_: SqlType, depth: int) -> str:
        return f"CAST({self.write(self._rng.choice(_CASTS[type_]), depth)} AS {_written(type_)})"

    def _arithmetic(self, type_: SqlType, depth: int) -> str:
        if self._rng.random() < 0.15:
            return f"-({self.write(type_, depth)})"
        return f"({self.write(type_, depth)} {self._rng.choice('+-*/%')} {self.write(type_, depth)})"

    def _test(self, type_: SqlType, depth: int) -> str:
        compared = self._rng.choice(_SCALARS)
        left, right = self.write(compared, depth), self.write(compared, depth)
        drawn = self._rng.randrange(8)
        if drawn == 0:
            return f"({left} IS{self._not()} NULL)"
        if drawn == 1:
            return f"({left} IS{self._not()} DISTINCT FROM {right})"
        if drawn == 2 and compared in _NUMBERS:
            return f"({left}{self._not()} BETWEEN {right} AND {self.write(compared, 0)})"
        if drawn == 3 and compared in (s.INTEGER, s.BIGINT, s.STRING):
            return f"({left}{self._not()} IN ({right}, {self.write(compared, 0)}))"
        if drawn == 4 and compared == s.STRING:
            return f"({left}{self._not()} LIKE {self._rng.choice(_PATTERNS)})"
        operators = ("=", "<>") if compared == s.BOOLEAN else ("=", "<>", "<", "<=", ">", ">=")
        return f"({left} {self._rng.choice(operators)} {right})"

    def _not(self) -> str:
        return " NOT" if self._rng.random() < 0.4 else ""

    def _logic(self, type_: SqlType, depth: int) -> str:
        if self._rng.random() < 0.3:
            return f"(NOT {self.write(s.BOOLEAN, depth)})"
        return f"({self.write(s.BOOLEAN, depth)} {self._rng.choice(('AND', 'OR'))} {self.write(s.BOOLEAN, depth)})"

    def _concat(self, type_: SqlType, depth: int) -> str:
        return f"({self.write(s.STRING, depth)} || {self.write(s.STRING, depth)})"

    def _field(self, type_: SqlType, depth: int) -> str:
        return f"{self.write(COLUMNS['ST'], depth)}->Y" if self._rng.random() < 0.5 else "ST->Y"

    def _element(self, type_: SqlType, depth: int) -> str:
        if type_ == s.INTEGER and self._rng.random() < 0.5:
            return f"{self.write(COLUMNS['M'], depth)}[{self.write(s.STRING, 0)}]"
        return f"{self.write(Array(type_), depth)}[{self._rng.choice(('1', '2', '-1', '0', 'I'))}]"

    # Calls

    def _call(self, type_: SqlType, depth: int) -> str:
        fitting = [(name, form, bound) for name, form in _forms() if (bound := _bind(form.returns, type_)) is not None]
        if not fitting:
            return self.write(type_, 0)
        name, form, bound = self._rng.choice(fitting)
        for variable in sorted(form.variables() - bound.keys()):
            bound[variable] = s.STRING if variable == "K" else self._rng.choice((s.INTEGER, s.STRING))
        params = [p for p in form.params for _ in range(self._rng.randrange(1, 3) if p.variadic else 1)]
        call = f"{name}({', '.join(self._argument(name, p, bound, depth) for p in params)})"
        exact = not isinstance(form.returns, AnyDecimal) and name not in ("ROUND", "TRUNC")
        return call if exact else f"CAST({call} AS {_written(type_)})"

    def _argument(self, name: str, parameter: Parameter, bound: Mapping[str, SqlType], depth: int) -> str:
        if isinstance(parameter.type, UnitType):
            return self._rng.choice(("DAYS",) if name.startswith("DATE") else ("HOURS", "MINUTES", "SECONDS"))
        if isinstance(parameter.type, LambdaType):
            return self._lambda(parameter.type, bound, depth)
        word = "regex" if name.startswith("REGEXP") and parameter.name == "pattern" else parameter.name
        if word in _WORDS and parameter.type in (s.STRING, s.INTEGER) and self._rng.random() < 0.9:
            return self._rng.choice(_WORDS[word])
        return self.write(_substitute(parameter.type, bound), depth)

    def _lambda(self, type_: LambdaType, bound: Mapping[str, SqlType], depth: int) -> str:
        names = [f"P{n}" for n in range(len(type_.params))]
        inner = {n: _substitute(t, bound) for n, t in zip(names, type_.params, strict=True)}
        body = _Writer(self._rng, {**self._scope, **inner}).write(_substitute(type_.result, bound), min(depth, 1))
        return f"({', '.join(names)}) => {body}"


_PATTERNS = ("'%a%'", "'_'", "'b%'", "''", "'%'", "'a_c'")


class _Plain(_Writer):
    """Writes what means the same to DuckDB: no NOT, which ksqlDB gives another meaning over NULL, and no overflow."""

    def types(self) -> tuple[SqlType, ...]:
        return (s.INTEGER, s.BIGINT, s.STRING)

    def write(self, type_: SqlType, depth: int) -> str:
        if depth <= 0 or self._rng.random() < 0.2:
            return self._leaf(type_)
        if type_ == s.BOOLEAN:
            return self.condition(depth)
        if self._rng.random() < 0.3:
            default = self.write(type_, depth - 1)
            return f"CASE WHEN {self.condition(depth - 1)} THEN {self.write(type_, depth - 1)} ELSE {default} END"
        if self._rng.random() < 0.3:
            return f"COALESCE({self.write(type_, depth - 1)}, {self._leaf(type_)})"
        if type_ == s.STRING:
            return f"({self.write(type_, depth - 1)} || {self.write(type_, depth - 1)})"
        operand = self._rng.choice(("J", "3"))
        return f"({self.write(type_, depth - 1)} {self._rng.choice('+-*')} {operand})"

    def condition(self, depth: int) -> str:
        if depth > 0 and self._rng.random() < 0.4:
            operator = self._rng.choice(("AND", "OR"))
            return f"({self.condition(depth - 1)} {operator} {self.condition(depth - 1)})"
        type_ = self._rng.choice((s.INTEGER, s.BIGINT, s.STRING))
        left, right = self.write(type_, depth - 1), self.write(type_, depth - 1)
        form = self._rng.choice(("{} = {}", "{} <> {}", "{} < {}", "{} >= {}", "{} IS NULL", "{} IS NOT NULL"))
        return f"({form.format(left, right)})"

    def _leaf(self, type_: SqlType) -> str:
        if type_ == s.STRING:
            return self._rng.choice(("T", "U", "'a'", "''"))
        return self._rng.choice(
            ("CAST(J AS BIGINT)", "CAST(3 AS BIGINT)") if type_ == s.BIGINT else ("J", "J", "1", "-2")
        )


@cache
def _forms() -> tuple[tuple[str, Signature], ...]:
    """List the forms of all functions that give the same at every call."""
    functions = builtin_functions().values()
    kept = [f for f in functions if f.name not in _VOLATILE | _LEFT_OUT and not any(o.volatile for o in f.overloads)]
    return tuple((f.name, parse_signature(o.text)) for f in kept for o in f.overloads)


def _bind(returns: SqlType, wanted: SqlType) -> dict[str, SqlType] | None:
    """Find what type variables stand for when a signature's result is of a type; None where it cannot be."""
    if isinstance(returns, Var):
        return {returns.name: wanted} if not isinstance(wanted, Struct | Map | Array) else None
    if isinstance(returns, Array) and isinstance(wanted, Array):
        return _bind(returns.element, wanted.element)
    if isinstance(returns, Map) and isinstance(wanted, Map):
        keys, values = _bind(returns.key, wanted.key), _bind(returns.value, wanted.value)
        return None if keys is None or values is None else {**keys, **values}
    if isinstance(returns, AnyDecimal):
        return {} if isinstance(wanted, Decimal) else None
    return {} if returns == wanted else None


def _substitute(type_: SqlType, bound: Mapping[str, SqlType]) -> SqlType:
    """Put types in the places of a parameter's variables."""
    if isinstance(type_, Var):
        return bound[type_.name]
    if isinstance(type_, Array):
        return Array(_substitute(type_.element, bound))
    if isinstance(type_, Map):
        return Map(_substitute(type_.key, bound), _substitute(type_.value, bound))
    if isinstance(type_, AnyType):
        return s.STRING
    return DECIMAL if isinstance(type_, AnyDecimal) else type_


def _written(type_: SqlType) -> str:
    return str(type_)
