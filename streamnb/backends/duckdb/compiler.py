"""One typed expression after another as DuckDB SQL."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streamnb import schema as s
from streamnb.backends.duckdb.arithmetic import decimal_arithmetic, integer_arithmetic, negate
from streamnb.backends.duckdb.casts import cast, cast_raises
from streamnb.backends.duckdb.operands import Part, evaluated_all, fails_early
from streamnb.backends.duckdb.values import canonical, literal
from streamnb.duck import EMPTY_STRUCT_FIELD, Sql, duck_type, field_names, ident, join, lit, sql
from streamnb.functions.declare import LambdaSql, fill
from streamnb.functions.javatime import zone
from streamnb.plan import typed as t
from streamnb.plan.typed import Typed
from streamnb.schema import Decimal, Map, Struct

__all__ = ["RAISING_IS_NULL", "Compiler", "Part"]

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
RAISING_IS_NULL = ("IFNULL", "COALESCE")


def _built(whole: Sql, parts: Sequence[Part], raises: bool = False) -> Part:
    return Part(whole, raises or any(p.can_raise for p in parts), any(p.volatile for p in parts))


def _known(typed: Typed) -> s.SqlType:
    assert typed.type is not None
    return typed.type


class Compiler:
    """Writes one expression.

    ``params`` holds the SQL of the lambda parameters around it. ``safe``: casts and divisions give NULL instead of
    raising.
    """

    def __init__(self, params: Mapping[str, Sql] | None = None, safe: bool = False) -> None:
        self._params = params or {}
        self._safe = safe

    def compile(self, typed: Typed) -> Part:
        """Write one node."""
        return _RULES[type(typed)](self, typed)

    def predicate(self, typed: Typed) -> Part:
        """Write a condition of which only the truth matters."""
        if isinstance(typed, t.TypedLogical) and not self.compile(typed.right).can_raise:
            return self._either(typed, self.predicate(typed.left), self.predicate(typed.right))
        if isinstance(typed, t.TypedComparison | t.TypedBetween | t.TypedIn | t.TypedLike):
            return self.bare(typed)
        return self.compile(typed)

    def _literal(self, e: t.TypedLiteral) -> Part:
        return Part(literal(e.value, e.type))

    def _param(self, e: t.TypedParam) -> Part:
        return Part(self._params[e.name])

    def _function(
        self,
        operands: Sequence[Typed],
        parts: Sequence[Part],
        write: Callable[[Sequence[Sql]], Sql],
        raises: bool = False,
    ) -> Part:
        """Write what DuckDB computes by a function of operands. One that can raise is evaluated in any case.

        Not so within a lambda, whose elements DuckDB takes record by record once one raises, nor where none does.
        """
        if self._safe or (self._params and not any(map(fails_early, operands, parts))):
            return _built(write([p.sql for p in parts]), parts, raises)
        return _built(evaluated_all(operands, parts, write, raises), parts, raises)

    # Parts of arrays, maps and structs

    def _field(self, e: t.TypedField) -> Part:
        base = self.compile(e.base)
        assert isinstance(e.base.type, Struct)
        at = [f.name for f in e.base.type.fields].index(e.name)
        return _built(sql("struct_extract({}, {})", base.sql, lit(field_names(e.base.type)[at])), [base])

    def _element(self, e: t.TypedElement) -> Part:
        base, index = self.compile(e.base), self.compile(e.index)
        return self._function((e.base, e.index), [base, index], lambda of: sql("list_extract({}, {})", *of))

    def _map_value(self, e: t.TypedMapValue) -> Part:
        base, key = self.compile(e.base), self.compile(e.key)
        return self._function((e.base, e.key), [base, key], lambda of: sql("map_extract_value({}, {})", *of))

    def _guarded(self, e: Typed) -> Part:
        """Write an operand that is NULL where it raises."""
        part = self.compile(e)
        if part.can_raise and not part.volatile:
            return Part(sql("TRY({})", part.sql))
        return part

    def _array(self, e: t.TypedArray) -> Part:
        items = [self._guarded(i) for i in e.items]
        return _built(sql("[{}]", join(", ", [i.sql for i in items])), items)

    def _map(self, e: t.TypedMap) -> Part:
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

    def _struct(self, e: t.TypedStruct) -> Part:
        assert isinstance(e.type, Struct)
        values = [self._guarded(v) for v in e.values]
        named = [sql("{} := {}", ident(n), v.sql) for n, v in zip(field_names(e.type), values, strict=True)]
        named = named or [sql("{} := NULL::BOOLEAN", ident(EMPTY_STRUCT_FIELD))]
        return _built(sql("struct_pack({})", join(", ", named)), values)

    # Operators

    def _negative(self, e: t.TypedNegative) -> Part:
        operand = self.compile(e.operand)
        type_ = _known(e)
        return self._function((e.operand,), [operand], lambda of: negate(of[0], type_))

    def _arithmetic(self, e: t.TypedArithmetic) -> Part:
        """Write arithmetic. NULL gives NULL, but inside a lambda it raises as in ksqlDB, which fails the whole call."""
        part = self._plain_arithmetic(e)
        if not self._params:
            return part
        assert e.type is not None
        failure = sql("'arithmetic with NULL'::{}", duck_type(e.type))
        return Part(sql("coalesce({}, {})", part.sql, failure), True, part.volatile)

    def _plain_arithmetic(self, e: t.TypedArithmetic) -> Part:
        left, right = self.compile(e.left), self.compile(e.right)
        assert e.type is not None and e.left.type is not None and e.right.type is not None
        op, type_, types, safe = e.op, e.type, (e.left.type, e.right.type), self._safe
        divisor = e.right.value if isinstance(e.right, t.TypedLiteral) and isinstance(e.right.value, int) else None

        def write(of: Sequence[Sql]) -> Sql:
            if isinstance(type_, Decimal):
                return decimal_arithmetic(op, type_, (of[0], types[0]), (of[1], types[1]), safe)
            if type_ == s.DOUBLE:
                return sql("({} {} {})", of[0], _OPERATORS[op], of[1])
            return integer_arithmetic(op, type_, of[0], of[1], divisor or None, safe)

        divides = op in ("/", "%")
        raises = divides or type_.precision >= 38 if isinstance(type_, Decimal) else divides and not divisor
        return self._function((e.left, e.right), [left, right], write, raises and type_ != s.DOUBLE)

    def _concat(self, e: t.TypedConcat) -> Part:
        left, right = self.compile(e.left), self.compile(e.right)
        return self._function((e.left, e.right), [left, right], lambda of: sql("({} || {})", *of))

    def _comparison(self, e: t.TypedComparison) -> Part:
        bare = self.bare(e)
        if "DISTINCT" in e.op:
            return bare
        return Part(sql("coalesce({}, false)", bare.sql), bare.can_raise, bare.volatile)

    def _tested(self, e: Typed) -> Part:
        bare = self.bare(e)
        return Part(sql("coalesce({}, false)", bare.sql), bare.can_raise, bare.volatile)

    def bare(self, e: Typed) -> Part:
        """Write a test that is NULL where an operand is."""
        if isinstance(e, t.TypedComparison):
            left, right, op = self._comparable(e.left), self._comparable(e.right), _OPERATORS[e.op]
            return self._function((e.left, e.right), [left, right], lambda of: sql("({} {} {})", of[0], op, of[1]))
        if isinstance(e, t.TypedBetween):
            ends = (e.operand, e.low, e.high)
            return self._function(ends, list(map(self.compile, ends)), lambda of: sql("({} BETWEEN {} AND {})", *of))
        if isinstance(e, t.TypedIn):
            operand, items = self._comparable(e.operand), [self._comparable(i) for i in e.items]
            return _built(sql("({} IN ({}))", operand.sql, join(", ", [i.sql for i in items])), [operand, *items])
        assert isinstance(e, t.TypedLike)
        operands = (e.operand, e.pattern)
        parts = list(map(self.compile, operands))
        if e.escape is None:
            return self._function(operands, parts, lambda of: sql("({} LIKE {})", *of))
        whole, escape = Sql("({0} LIKE {1} ESCAPE {2})"), lit(e.escape)
        if isinstance(e.pattern, t.TypedLiteral):
            return self._function(operands, parts, lambda of: sql(whole, *of, escape))
        # TRY() does not hold DuckDB's error for a pattern that ends with the escape character
        odd = "(length({1}) - length(rtrim({1}, {2}))) % 2 = 1"
        checked = f"(CASE WHEN {odd} THEN ('Like pattern ends with its escape: ' || {{1}})::BOOLEAN ELSE {whole} END)"
        return self._function(operands, parts, lambda of: fill(checked, [*of, escape]), raises=True)

    def _comparable(self, e: Typed) -> Part:
        part = self.compile(e)
        assert e.type is not None
        return Part(canonical(part.sql, e.type), part.can_raise, part.volatile)

    def _logical(self, e: t.TypedLogical) -> Part:
        """Write AND or OR; a right side that may raise is evaluated only where the left one leaves it open."""
        return self._either(e, self.compile(e.left), self.compile(e.right))

    def _either(self, e: t.TypedLogical, left: Part, right: Part) -> Part:
        op, decided = Sql(e.op), lit(e.op == "OR")

        def write(of: Sequence[Sql]) -> Sql:
            if not right.can_raise:
                return sql("({} {} {})", of[0], op, right.sql)
            if isinstance(e.left, _NEVER_NULL):
                arms = (right.sql, decided) if e.op == "AND" else (decided, right.sql)
                return sql("(CASE WHEN {} THEN {} ELSE {} END)", of[0], *arms)
            whole = Sql("(CASE {0} WHEN {1} THEN {1} WHEN {2} THEN {3} ELSE (NULL::BOOLEAN {4} {3}) END)")
            return sql(whole, of[0], decided, lit(e.op != "OR"), right.sql, op)

        return _built(self._function((e.left,), [left], write).sql, [left, right])

    def _not(self, e: t.TypedNot) -> Part:
        operand = self.compile(e.operand)
        return _built(sql("(NOT {})", operand.sql), [operand])

    def _is_null(self, e: t.TypedIsNull) -> Part:
        operand = self.compile(e.operand)
        test = Sql("IS NOT NULL") if e.negated else Sql("IS NULL")
        return _built(sql("({} {})", operand.sql, test), [operand])

    # Conversions and calls

    def _cast(self, e: t.TypedCast) -> Part:
        operand = self.compile(e.operand)
        source, target, safe = _known(e.operand), _known(e), self._safe
        raises = cast_raises(source, target)
        return self._function((e.operand,), [operand], lambda of: cast(of[0], source, target, safe), raises)

    def _case(self, e: t.TypedCase) -> Part:
        whens = [(self.predicate(c), self.compile(r)) for c, r in e.whens]
        default = self.compile(e.default) if e.default is not None else Part(lit(None))
        arms = []
        for (condition, result), (typed, _) in zip(whens, e.whens, strict=True):
            test = condition.sql
            if fails_early(typed, condition):
                tried = sql("TRY(struct_pack(v := {}))", condition.sql)
                failing = sql("list_extract(CAST('the condition of a CASE fails' AS {}[]), 1)", duck_type(_known(e)))
                arms.append(sql("WHEN {} IS NULL THEN {}", tried, failing))
                test = sql("struct_extract({}, 'v')", tried)
            arms.append(sql("WHEN {} THEN {}", test, result.sql))
        whole = sql("(CASE {} ELSE {} END)", join(" ", arms), default.sql)
        return _built(whole, [*(p for pair in whens for p in pair), default])

    def _at_time_zone(self, e: t.TypedAtTimeZone) -> Part:
        operand = self.compile(e.operand)
        assert isinstance(e.zone, t.TypedLiteral)
        known = zone(str(e.zone.value))
        if isinstance(known, datetime.timezone):  # DuckDB knows zones by their names only
            shift_ms = known.utcoffset(None) // datetime.timedelta(milliseconds=1)
            return _built(sql("({} + to_milliseconds({}))", operand.sql, lit(shift_ms)), [operand], True)
        name = lit(str(known))  # of a ZoneInfo it is the key
        return _built(sql("(({} AT TIME ZONE 'UTC') AT TIME ZONE {})", operand.sql, name), [operand], True)

    def _call(self, e: t.TypedCall) -> Part:
        bodies: list[Part] = []
        compile_ = self._guarded if e.function.name in RAISING_IS_NULL else self.compile
        operands = [arg for arg in e.args if not isinstance(arg, t.TypedLambda)]
        parts = [compile_(operand) for operand in operands]

        def write(of: Sequence[Sql]) -> Sql:
            rest = iter(of)
            pieces = [self._lambda(a, bodies) if isinstance(a, t.TypedLambda) else next(rest) for a in e.args]
            return e.function.render(pieces)

        whole = self._function(operands, parts, write, e.function.can_raise)
        return _built(whole.sql, [whole, *bodies, Part(Sql(""), e.function.can_raise, e.function.volatile)])

    def attempt(self, e: t.TypedCall) -> Sql | None:
        """Write a call as a struct of its value, NULL where it raises, if the function can and no argument raises."""
        args = [self.compile(arg) for arg in e.args if not isinstance(arg, t.TypedLambda)]
        return None if any(a.can_raise for a in args) else e.function.attempt([a.sql for a in args])

    def _lambda(self, e: t.TypedLambda, parts: list[Part]) -> LambdaSql:
        """Write a lambda; its body, once the function asks for it, is one more of the call's parts.

        It is written once only: twice for each of n lambdas inside one another would be 2^n times.
        """

        def body(params: Sequence[Sql]) -> Sql:
            known = {p.name: piece for p, piece in zip(e.params, params, strict=True)}
            part = Compiler({**self._params, **known}, self._safe).compile(e.body)
            parts.append(part)
            return part.sql

        return LambdaSql(tuple(ident(p.name) for p in e.params), body)


_RULES: dict[type[Any], Callable[[Compiler, Any], Part]] = {
    t.TypedLiteral: Compiler._literal,
    t.TypedColumn: lambda c, e: Part(ident(e.column)),
    t.TypedParam: Compiler._param,
    t.TypedField: Compiler._field,
    t.TypedElement: Compiler._element,
    t.TypedMapValue: Compiler._map_value,
    t.TypedArray: Compiler._array,
    t.TypedMap: Compiler._map,
    t.TypedStruct: Compiler._struct,
    t.TypedNegative: Compiler._negative,
    t.TypedArithmetic: Compiler._arithmetic,
    t.TypedConcat: Compiler._concat,
    t.TypedComparison: Compiler._comparison,
    t.TypedBetween: Compiler._tested,
    t.TypedIn: Compiler._tested,
    t.TypedLike: Compiler._tested,
    t.TypedLogical: Compiler._logical,
    t.TypedNot: Compiler._not,
    t.TypedIsNull: Compiler._is_null,
    t.TypedCast: Compiler._cast,
    t.TypedCase: Compiler._case,
    t.TypedAtTimeZone: Compiler._at_time_zone,
    t.TypedCall: Compiler._call,
    t.TypedUnit: lambda c, e: Part(lit(e.unit)),
}
