"""Syntax tree to text: expressions, names, literals and types, in the form in which ksqlDB's messages show them.

Every operator stands in its own parentheses, so nothing depends on precedence; names are quoted only when needed.
"""

from __future__ import annotations

import decimal
import re
from functools import singledispatch

from streamnb.schema import Array, Map, SqlType, Struct
from streamnb.sql import ast
from streamnb.sql.tokens import RESERVED

__all__ = ["format_expression", "format_name", "format_text", "format_type"]

_UPPER_NAME = re.compile(r"[A-Z_][A-Z0-9_@]*\Z")
# Words that begin a constructor when a bracket follows.
_CONSTRUCTORS = frozenset(("ARRAY", "MAP", "STRUCT"))
_NUMBERS = (ast.IntegerLiteral, ast.LongLiteral, ast.DecimalLiteral, ast.DoubleLiteral)


def format_name(name: str) -> str:
    """Write a resolved name: in back quotes unless it is a plain upper-case word that is not reserved."""
    if _UPPER_NAME.match(name) and name not in RESERVED:
        return name
    return _quoted(name)


def format_text(text: str) -> str:
    """Write a text in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def format_type(sql_type: SqlType) -> str:
    """Write a type, field names quoted only when needed."""
    match sql_type:
        case Array(element):
            return f"ARRAY<{format_type(element)}>"
        case Map(key, value):
            return f"MAP<{format_type(key)}, {format_type(value)}>"
        case Struct(fields):
            return f"STRUCT<{', '.join(f'{format_name(f.name)} {format_type(f.type)}' for f in fields)}>"
        case ast.TypeName(name):
            return format_name(name)
    return str(sql_type)


@singledispatch
def format_expression(expression: ast.Node) -> str:
    """Write an expression as ksqlDB does: ``(A + B)``, ``'text'``, ``CAST(X AS BIGINT)``."""
    raise TypeError(f"{type(expression).__name__} is no expression")


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _list(items: tuple[ast.Expression, ...]) -> str:
    return ", ".join(map(format_expression, items))


def _base(expression: ast.Expression) -> str:
    """Write what stands before ``->``, ``[`` or AT: signs and numbers need parentheses there."""
    text = format_expression(expression)
    if isinstance(expression, (ast.Unary, *_NUMBERS)) and not text.startswith("("):
        return f"({text})"
    if isinstance(expression, ast.ColumnRef) and text in _CONSTRUCTORS:
        return _quoted(text)
    return text


@format_expression.register
def _(node: ast.NullLiteral) -> str:
    return "null"


@format_expression.register
def _(node: ast.BooleanLiteral) -> str:
    return "true" if node.value else "false"


@format_expression.register(ast.IntegerLiteral)
@format_expression.register(ast.LongLiteral)
def _(node: ast.IntegerLiteral | ast.LongLiteral) -> str:
    return str(node.value)


@format_expression.register
def _(node: ast.DecimalLiteral) -> str:
    text = f"{node.value:f}"
    # Without a point it would read as a whole number.
    return text if "." in text else text + "."


@format_expression.register
def _(node: ast.DoubleLiteral) -> str:
    sign, digits, exponent = decimal.Decimal(repr(node.value)).normalize().as_tuple()
    first, rest = str(digits[0]), "".join(map(str, digits[1:]))
    mantissa = f"{first}.{rest}" if rest else first
    return f"{'-' if sign else ''}{mantissa}E{int(exponent) + len(rest)}"


@format_expression.register
def _(node: ast.StringLiteral) -> str:
    return format_text(node.value)


@format_expression.register
def _(node: ast.ColumnRef) -> str:
    name = format_name(node.name)
    return name if node.source is None else f"{format_name(node.source)}.{name}"


@format_expression.register
def _(node: ast.Star) -> str:
    return "*" if node.source is None else f"{format_name(node.source)}.*"


@format_expression.register
def _(node: ast.FieldRef) -> str:
    return f"{_base(node.base)}->{format_name(node.name)}"


@format_expression.register
def _(node: ast.StructStar) -> str:
    return f"{_base(node.base)}->*"


@format_expression.register
def _(node: ast.Subscript) -> str:
    return f"{_base(node.base)}[{format_expression(node.index)}]"


@format_expression.register
def _(node: ast.Call) -> str:
    name = _quoted(node.name) if node.name in _CONSTRUCTORS else format_name(node.name)
    return f"{name}({_list(node.args)})"


@format_expression.register
def _(node: ast.TimeUnit) -> str:
    return node.unit


@format_expression.register
def _(node: ast.Lambda) -> str:
    return f"({', '.join(map(format_name, node.params))}) => {format_expression(node.body)}"


@format_expression.register
def _(node: ast.Cast) -> str:
    return f"CAST({format_expression(node.operand)} AS {format_type(node.type)})"


@format_expression.register
def _(node: ast.Case) -> str:
    parts = ["CASE"]
    if node.operand is not None:
        parts.append(format_expression(node.operand))
    for when in node.whens:
        parts.append(f"WHEN {format_expression(when.condition)} THEN {format_expression(when.result)}")
    if node.default is not None:
        parts.append(f"ELSE {format_expression(node.default)}")
    return f"({' '.join(parts)} END)"


@format_expression.register
def _(node: ast.Unary) -> str:
    text = format_expression(node.operand)
    if node.op == "NOT":
        return f"(NOT {text})"
    if node.op == "-" and isinstance(node.operand, _NUMBERS):
        # Without parentheses the sign would belong to the number.
        return f"-({text})"
    return f"{node.op} {text}" if text.startswith(node.op) else node.op + text


@format_expression.register
def _(node: ast.Binary) -> str:
    return f"({format_expression(node.left)} {node.op} {format_expression(node.right)})"


@format_expression.register
def _(node: ast.IsNull) -> str:
    return f"({format_expression(node.operand)} IS {_not(node.negated)}NULL)"


@format_expression.register
def _(node: ast.Between) -> str:
    bounds = f"{format_expression(node.low)} AND {format_expression(node.high)}"
    return f"({format_expression(node.operand)} {_not(node.negated)}BETWEEN {bounds})"


@format_expression.register
def _(node: ast.InList) -> str:
    return f"({format_expression(node.operand)} {_not(node.negated)}IN ({_list(node.items)}))"


@format_expression.register
def _(node: ast.Like) -> str:
    escape = "" if node.escape is None else f" ESCAPE {format_text(node.escape)}"
    pattern = format_expression(node.pattern)
    return f"({format_expression(node.operand)} {_not(node.negated)}LIKE {pattern}{escape})"


@format_expression.register
def _(node: ast.ArrayConstructor) -> str:
    return f"ARRAY[{_list(node.items)}]"


@format_expression.register
def _(node: ast.MapConstructor) -> str:
    return f"MAP({', '.join(f'{format_expression(k)}:={format_expression(v)}' for k, v in node.entries)})"


@format_expression.register
def _(node: ast.StructConstructor) -> str:
    return f"STRUCT({', '.join(f'{format_name(n)}:={format_expression(v)}' for n, v in node.fields)})"


@format_expression.register
def _(node: ast.AtTimeZone) -> str:
    return f"({_base(node.operand)} AT TIME ZONE {format_expression(node.zone)})"


def _not(negated: bool) -> str:
    return "NOT " if negated else ""
