"""Typed expressions to DuckDB SQL.

Columns appear under their bare internal names. An expression that ``can_raise`` stops the whole statement when a row
fails, unless it stands in ``TRY(struct_pack(v := ...))``; DuckDB refuses TRY() around a ``volatile`` one.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamnb import schema as s
from streamnb.backends.duckdb.arithmetic import decimal_arithmetic, integer_arithmetic, negate
from streamnb.backends.duckdb.casts import cast, cast_raises
from streamnb.duck import EMPTY_STRUCT_FIELD, Sql, duck_type, field_names, ident, join, lit, sql
from streamnb.errors import KsqlStatementError
from streamnb.functions.declare import LambdaSql, Piece, fill
from streamnb.functions.registry import Registry
from streamnb.plan import typed as t
from streamnb.plan.typed import Typed
from streamnb.schema import Array, Decimal, Map, SqlType, Struct
from streamnb.store import DatabaseError, Store

__all__ = ["Compiled", "compile_expression", "compile_predicate", "evaluate_constant"]


@dataclass(frozen=True)
class Compiled:
    """DuckDB SQL of an expression, and what an operator has to know about it."""

    sql: Sql
    can_raise: bool
    volatile: bool = False


def compile_expression(typed: Typed) -> Compiled:
    """Write a typed expression as DuckDB SQL; its DuckDB type is that of ``duck_type(typed.type)``."""
    return _Compiler({}).compile(typed)


def compile_predicate(typed: Typed) -> Compiled:
    """Write a condition for WHERE, where NULL counts as false: comparisons stand bare, so that DuckDB can use them."""
    return _Compiler({}).predicate(typed)


def evaluate_constant(typed: Typed, store: Store, registry: Registry | None = None) -> Any:
    """Compute an expression without columns.

    DECIMAL gives ``Decimal``, TIMESTAMP a naive ``datetime`` in UTC, ARRAY a list, MAP and STRUCT a dict.
    Raises: KsqlStatementError when it fails.
    """
    if isinstance(typed, t.TypedLiteral):
        return typed.value
    if registry is not None:
        registry.install(store)
    compiled = compile_expression(typed)
    try:
        value = store.rows(sql("SELECT {}", compiled.sql))[0][0]
    except DatabaseError as error:
        reason = str(error).split("\n", 1)[0]
        raise KsqlStatementError(
            f"Failed to evaluate the expression: {reason}", summary="the constant cannot be computed", hint=reason
        ) from error
    return _named(value, typed.type)


def _named(value: Any, type_: SqlType | None) -> Any:
    """Give the fields of structs the names that SQL knows them by."""
    if value is None:
        return None
    if isinstance(type_, Struct):
        names = zip(type_.fields, field_names(type_), strict=True)
        return {f.name: _named(value[name], f.type) for f, name in names}
    if isinstance(type_, Array):
        return [_named(item, type_.element) for item in value]
    if isinstance(type_, Map):
        return {key: _named(item, type_.value) for key, item in value.items()}
    return value


_OPERATORS = {
    "=": Sql("="),
    "<>": Sql("<>"),
    "<": Sql("<"),
    "<=": Sql("<="),
    ">": Sql(">"),
    ">=": Sql(">="),
    "IS DISTINCT FROM": Sql("IS DISTINCT FROM"),
    "IS NOT DISTINCT FROM": Sql("IS NOT DISTINCT FROM"),
    "+": Sql("+"),
    "-": Sql("-"),
    "*": Sql("*"),
    "/": Sql("/"),
    "%": Sql("%"),
}
_NEVER_NULL = (t.TypedComparison, t.TypedBetween, t.TypedIn, t.TypedLike, t.TypedIsNull)
_RAISING_IS_NULL = ("IFNULL", "COALESCE")


def _built(whole: Sql, parts: Sequence[Compiled], raises: bool = False) -> Compiled:
    return Compiled(whole, raises or any(p.can_raise for p in parts), any(p.volatile for p in parts))


class _Compiler:
    """Writes one expression; ``params`` holds the SQL of the lambda parameters around it."""

    def __init__(self, params: Mapping[str, Sql]) -> None:
        self._params = params

    def compile(self, typed: Typed) -> Compiled:
        """Write one node."""
        return _RULES[type(typed)](self, typed)

    def predicate(self, typed: Typed) -> Compiled:
        """Write a condition of which only the truth matters."""
        if isinstance(typed, t.TypedLogical) and not self.compile(typed.right).can_raise:
            left, right = self.predicate(typed.left), self.predicate(typed.right)
            return _built(sql("({} {} {})", left.sql, Sql(typed.op), right.sql), [left, right])
        if isinstance(typed, t.TypedComparison | t.TypedBetween | t.TypedIn | t.TypedLike):
            return self._bare(typed)
        return self.compile(typed)

    def _literal(self, e: t.TypedLiteral) -> Compiled:
        return Compiled(_literal(e.value, e.type), False)

    def _param(self, e: t.TypedParam) -> Compiled:
        return Compiled(self._params[e.name], False)

    # Parts of arrays, maps and structs

    def _field(self, e: t.TypedField) -> Compiled:
        base = self.compile(e.base)
        assert isinstance(e.base.type, Struct)
        at = [f.name for f in e.base.type.fields].index(e.name)
        return _built(sql("struct_extract({}, {})", base.sql, lit(field_names(e.base.type)[at])), [base])

    def _element(self, e: t.TypedElement) -> Compiled:
        base, index = self.compile(e.base), self.compile(e.index)
        return _built(sql("list_extract({}, {})", base.sql, index.sql), [base, index])

    def _map_value(self, e: t.TypedMapValue) -> Compiled:
        base, key = self.compile(e.base), self.compile(e.key)
        return _built(sql("map_extract_value({}, {})", base.sql, key.sql), [base, key])

    def _guarded(self, e: Typed) -> Compiled:
        """Write an operand that is NULL where it raises."""
        part = self.compile(e)
        if part.can_raise and not part.volatile:
            return Compiled(sql("TRY({})", part.sql), False)
        return part

    def _array(self, e: t.TypedArray) -> Compiled:
        items = [self._guarded(i) for i in e.items]
        return _built(sql("[{}]", join(", ", [i.sql for i in items])), items)

    def _map(self, e: t.TypedMap) -> Compiled:
        """Write a map; as in Java the last of equal keys counts, and a NULL key of text is ``null``."""
        assert isinstance(e.type, Map)
        keys, values = [self._guarded(k) for k, _ in e.entries], [self._guarded(v) for _, v in e.entries]
        names = [sql("coalesce({}, 'null')", k.sql) if e.type.key == s.STRING else k.sql for k in keys]
        entries = [sql("struct_pack(k := {}, v := {})", k, v.sql) for k, v in zip(names, values, strict=True)]
        constants = [k.value for k, _ in e.entries if isinstance(k, t.TypedLiteral)]
        whole = sql("[{}]", join(", ", entries))
        if len(set(constants)) < len(entries) and len(entries) > 1:
            whole = fill(
                "list_filter({0}, lambda x, i: NOT list_contains(list_transform({0}[i + 1:], lambda y: y.k), x.k))",
                [whole],
            )
        return _built(sql("map_from_entries({})", whole), [*keys, *values], e.type.key != s.STRING)

    def _struct(self, e: t.TypedStruct) -> Compiled:
        assert isinstance(e.type, Struct)
        values = [self._guarded(v) for v in e.values]
        named = [sql("{} := {}", ident(n), v.sql) for n, v in zip(field_names(e.type), values, strict=True)]
        named = named or [sql("{} := NULL::BOOLEAN", ident(EMPTY_STRUCT_FIELD))]
        return _built(sql("struct_pack({})", join(", ", named)), values)

    # Operators

    def _negative(self, e: t.TypedNegative) -> Compiled:
        operand = self.compile(e.operand)
        assert e.type is not None
        return _built(negate(operand.sql, e.type), [operand])

    def _arithmetic(self, e: t.TypedArithmetic) -> Compiled:
        left, right = self.compile(e.left), self.compile(e.right)
        assert e.type is not None and e.left.type is not None and e.right.type is not None
        divides = e.op in ("/", "%")
        if isinstance(e.type, Decimal):
            whole = decimal_arithmetic(e.op, e.type, (left.sql, e.left.type), (right.sql, e.right.type))
            return _built(whole, [left, right], divides or e.type.precision >= 38)
        if e.type == s.DOUBLE:
            return _built(sql("({} {} {})", left.sql, _OPERATORS[e.op], right.sql), [left, right])
        divisor = e.right.value if isinstance(e.right, t.TypedLiteral) and isinstance(e.right.value, int) else None
        whole = integer_arithmetic(e.op, e.type, left.sql, right.sql, divisor or None)
        return _built(whole, [left, right], divides and not divisor)

    def _concat(self, e: t.TypedConcat) -> Compiled:
        left, right = self.compile(e.left), self.compile(e.right)
        return _built(sql("({} || {})", left.sql, right.sql), [left, right])

    def _comparison(self, e: t.TypedComparison) -> Compiled:
        bare = self._bare(e)
        if "DISTINCT" in e.op:
            return bare
        return Compiled(sql("coalesce({}, false)", bare.sql), bare.can_raise, bare.volatile)

    def _tested(self, e: Typed) -> Compiled:
        bare = self._bare(e)
        return Compiled(sql("coalesce({}, false)", bare.sql), bare.can_raise, bare.volatile)

    def _bare(self, e: Typed) -> Compiled:
        """Write a test that is NULL where an operand is."""
        if isinstance(e, t.TypedComparison):
            left, right = self._comparable(e.left), self._comparable(e.right)
            return _built(sql("({} {} {})", left.sql, _OPERATORS[e.op], right.sql), [left, right])
        if isinstance(e, t.TypedBetween):
            parts = [self.compile(e.operand), self.compile(e.low), self.compile(e.high)]
            return _built(sql("({} BETWEEN {} AND {})", *(p.sql for p in parts)), parts)
        if isinstance(e, t.TypedIn):
            operand, items = self._comparable(e.operand), [self._comparable(i) for i in e.items]
            return _built(sql("({} IN ({}))", operand.sql, join(", ", [i.sql for i in items])), [operand, *items])
        assert isinstance(e, t.TypedLike)
        operand, pattern = self.compile(e.operand), self.compile(e.pattern)
        if e.escape is None:
            return _built(sql("({} LIKE {})", operand.sql, pattern.sql), [operand, pattern])
        whole = Sql("({0} LIKE {1} ESCAPE {2})")
        if isinstance(e.pattern, t.TypedLiteral):
            return _built(sql(whole, operand.sql, pattern.sql, lit(e.escape)), [operand, pattern])
        # TRY() does not hold DuckDB's error for a pattern that ends with the escape character
        odd = "(length({1}) - length(rtrim({1}, {2}))) % 2 = 1"
        checked = f"(CASE WHEN {odd} THEN ('Like pattern ends with its escape: ' || {{1}})::BOOLEAN ELSE {whole} END)"
        return _built(fill(checked, [operand.sql, pattern.sql, lit(e.escape)]), [operand, pattern], raises=True)

    def _comparable(self, e: Typed) -> Compiled:
        part = self.compile(e)
        assert e.type is not None
        return Compiled(_canonical(part.sql, e.type), part.can_raise, part.volatile)

    def _logical(self, e: t.TypedLogical) -> Compiled:
        """Write AND or OR; a right side that may raise is evaluated only where the left one leaves it open."""
        left, right = self.compile(e.left), self.compile(e.right)
        op = Sql(e.op)
        if not right.can_raise:
            return _built(sql("({} {} {})", left.sql, op, right.sql), [left, right])
        decided = lit(e.op == "OR")
        if isinstance(e.left, _NEVER_NULL):
            arms = (right.sql, decided) if e.op == "AND" else (decided, right.sql)
            return _built(sql("(CASE WHEN {} THEN {} ELSE {} END)", left.sql, *arms), [left, right])
        whole = sql(
            "(CASE {0} WHEN {1} THEN {1} WHEN {2} THEN {3} ELSE (NULL::BOOLEAN {4} {3}) END)",
            left.sql,
            decided,
            lit(e.op != "OR"),
            right.sql,
            op,
        )
        return _built(whole, [left, right])

    def _not(self, e: t.TypedNot) -> Compiled:
        operand = self.compile(e.operand)
        return _built(sql("(NOT {})", operand.sql), [operand])

    def _is_null(self, e: t.TypedIsNull) -> Compiled:
        operand = self.compile(e.operand)
        test = Sql("IS NOT NULL") if e.negated else Sql("IS NULL")
        return _built(sql("({} {})", operand.sql, test), [operand])

    # Conversions and calls

    def _cast(self, e: t.TypedCast) -> Compiled:
        operand = self.compile(e.operand)
        assert e.type is not None and e.operand.type is not None
        return _built(cast(operand.sql, e.operand.type, e.type), [operand], cast_raises(e.operand.type, e.type))

    def _case(self, e: t.TypedCase) -> Compiled:
        whens = [(self.predicate(c), self.compile(r)) for c, r in e.whens]
        default = self.compile(e.default) if e.default is not None else Compiled(lit(None), False)
        arms = [sql("WHEN {} THEN {}", c.sql, r.sql) for c, r in whens]
        whole = sql("(CASE {} ELSE {} END)", join(" ", arms), default.sql)
        return _built(whole, [*(p for pair in whens for p in pair), default])

    def _at_time_zone(self, e: t.TypedAtTimeZone) -> Compiled:
        operand, zone = self.compile(e.operand), self.compile(e.zone)
        return _built(sql("(({} AT TIME ZONE 'UTC') AT TIME ZONE {})", operand.sql, zone.sql), [operand, zone], True)

    def _call(self, e: t.TypedCall) -> Compiled:
        pieces: list[Piece] = []
        parts: list[Compiled] = []
        for arg in e.args:
            if isinstance(arg, t.TypedLambda):
                pieces.append(self._lambda(arg))
                parts.append(self._with(arg, [ident(p.name) for p in arg.params]))
                continue
            part = self._guarded(arg) if e.function.name in _RAISING_IS_NULL else self.compile(arg)
            pieces.append(part.sql)
            parts.append(part)
        whole = _built(e.function.render(pieces), parts, e.function.can_raise)
        return Compiled(whole.sql, whole.can_raise, whole.volatile or e.function.volatile)

    def _lambda(self, e: t.TypedLambda) -> LambdaSql:
        names = tuple(ident(p.name) for p in e.params)
        return LambdaSql(names, lambda params: self._with(e, params).sql)

    def _with(self, e: t.TypedLambda, params: Sequence[Sql]) -> Compiled:
        known = {p.name: piece for p, piece in zip(e.params, params, strict=True)}
        return _Compiler({**self._params, **known}).compile(e.body)


def _literal(value: t.Constant, type_: SqlType | None) -> Sql:
    if value is None:
        return lit(None) if type_ is None else sql("NULL::{}", duck_type(type_))
    if isinstance(value, datetime.datetime):
        return sql("TIMESTAMP {}", lit(value.isoformat(sep=" ")))
    if isinstance(value, datetime.date):
        return sql("DATE {}", lit(value.isoformat()))
    if isinstance(value, datetime.time):
        return sql("TIME {}", lit(value.isoformat()))
    if type_ in (s.INTEGER, s.BIGINT) and not isinstance(value, bool):
        if type_ == s.INTEGER and value != -(2**31):
            return lit(value)
        return sql("{}::{}", lit(str(value)), duck_type(type_)) if _is_edge(value) else sql("{}::BIGINT", lit(value))
    if isinstance(value, decimal.Decimal):
        assert type_ is not None
        return sql("{}::{}", lit(f"{value:f}"), duck_type(type_))
    return lit(value)


def _is_edge(value: object) -> bool:
    """Tell whether DuckDB would read ``-value::type`` as the negative of a number that is out of range."""
    return value in (-(2**31), -(2**63))


def _holds_map(type_: SqlType) -> bool:
    if isinstance(type_, Struct):
        return any(_holds_map(f.type) for f in type_.fields)
    return isinstance(type_, Map) or (isinstance(type_, Array) and _holds_map(type_.element))


def _canonical(value: Sql, type_: SqlType) -> Sql:
    """Write maps as sorted entries, since DuckDB compares maps in the order of their entries."""
    if not _holds_map(type_):
        return value
    item = ident("c@")
    if isinstance(type_, Map):
        inner = _canonical(sql("{}.value", item), type_.value)
        pair = sql("struct_pack(k := {}.key, v := {})", item, inner)
        return sql("list_sort(list_transform(map_entries({}), lambda {}: {}))", value, item, pair)
    if isinstance(type_, Array):
        return sql("list_transform({}, lambda {}: {})", value, item, _canonical(item, type_.element))
    assert isinstance(type_, Struct)
    parts = [
        sql("{} := {}", ident(n), _canonical(sql("struct_extract({}, {})", item, lit(n)), f.type))
        for f, n in zip(type_.fields, field_names(type_), strict=True)
    ]
    whole = sql("CASE WHEN {} IS NULL THEN NULL ELSE struct_pack({}) END", item, join(", ", parts))
    return sql("list_transform([{}], lambda {}: {})[1]", value, item, whole)


_RULES: dict[type[Any], Callable[[_Compiler, Any], Compiled]] = {
    t.TypedLiteral: _Compiler._literal,
    t.TypedColumn: lambda c, e: Compiled(ident(e.column), False),
    t.TypedParam: _Compiler._param,
    t.TypedField: _Compiler._field,
    t.TypedElement: _Compiler._element,
    t.TypedMapValue: _Compiler._map_value,
    t.TypedArray: _Compiler._array,
    t.TypedMap: _Compiler._map,
    t.TypedStruct: _Compiler._struct,
    t.TypedNegative: _Compiler._negative,
    t.TypedArithmetic: _Compiler._arithmetic,
    t.TypedConcat: _Compiler._concat,
    t.TypedComparison: _Compiler._comparison,
    t.TypedBetween: _Compiler._tested,
    t.TypedIn: _Compiler._tested,
    t.TypedLike: _Compiler._tested,
    t.TypedLogical: _Compiler._logical,
    t.TypedNot: _Compiler._not,
    t.TypedIsNull: _Compiler._is_null,
    t.TypedCast: _Compiler._cast,
    t.TypedCase: _Compiler._case,
    t.TypedAtTimeZone: _Compiler._at_time_zone,
    t.TypedCall: _Compiler._call,
    t.TypedUnit: lambda c, e: Compiled(lit(e.unit), False),
}
