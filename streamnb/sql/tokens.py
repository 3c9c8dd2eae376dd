"""Text to tokens, and the choice between a keyword and a name.

A plain word may be both: ``KEY`` is a keyword behind a column's type and a name in front of it. The lexer asks the
parser: the word is a keyword if the parser can go on with that keyword (and then with the next token), else a name.
Only the words of ``RESERVED`` are never names without quotes.

Variables, ``${name}``, are replaced here, one token for one token, so that a value can't change what a statement
does: inside text and names, or as a whole literal or name. So are the program's values, ``:name`` and ``{{name}}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from lark.lexer import Token

from streamnb.errors import ParseFailedError, Span
from streamnb.sql.bindings import BoundToken, bound_name, bound_value

__all__ = [
    "RESERVED",
    "StatementText",
    "bound_tokens",
    "check_characters",
    "is_plain_name",
    "open_quote",
    "placeholders",
    "split_statements",
    "tokenize",
    "with_stand_ins",
]

_RESERVED_WORDS = """
AND AS BETWEEN BY CASE CAST CREATE CROSS DISTINCT DROP ELSE END EXISTS FALSE FROM FULL GROUP HAVING IN INNER INSERT
INTO IS JOIN LEFT LIKE LIMIT NOT NULL ON OR OUTER RIGHT SELECT STREAM TABLE THEN TRUE VALUES WHEN WHERE WINDOW WITH
WITHIN
"""
RESERVED = frozenset(_RESERVED_WORDS.split())

_TOKEN = re.compile(
    r"""
    (?P<SKIP>(?:\s+|--[^\r\n]*|/\*.*?\*/|\\[ \t]*(?=[\r\n]|\Z))+)
    |(?P<WORD>(?:[A-Za-z_]|\$\{\w+\})(?:[A-Za-z0-9_@]|\$\{\w+\})*)
    |(?P<NUMBER>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<TAIL>[A-Za-z_@][A-Za-z0-9_@]*)?
    |(?P<TEXT>'(?:[^']|'')*')
    |(?P<BACKQUOTED>`(?:[^`]|``)*`)
    |(?P<QUOTED>"(?:[^"]|"")*")
    |(?<![\w'"`\]):]):(?P<VALUE>[^\W\d]\w*)
    |\{\{\s*(?P<NAME>[^\W\d]\w*)\s*\}\}
    |(?P<OPERATOR>->|=>|:=|<>|!=|<=|>=|\|\||/(?!\*)|[-+*%=<>()\[\],.;])
    """,
    re.VERBOSE | re.DOTALL,
)
_AFTER_IN = re.compile(r"\bIN\s+\Z", re.IGNORECASE)
_BOUND = {"VALUE": bound_value, "NAME": bound_name}  # by the group of _TOKEN that has the name
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_@]*\Z")
_NUMBER_VALUE = re.compile(r"(-?)(\d+\.?\d*(?:[eE][+-]?\d+)?)\Z")
_CONSTANTS = frozenset(("TRUE", "FALSE", "NULL"))
_CURLY_QUOTES = frozenset("\u2018\u2019\u201c\u201d\u201e\u00b4")

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class StatementText:
    """One statement of a script: its text without the ``;``, and the offset of its first character in the script."""

    text: str
    start: int
    script: str = field(default="", compare=False, repr=False)


def is_plain_name(word: str) -> bool:
    """Tell whether a word is a name without quotes, whatever its case."""
    return _PLAIN.match(word) is not None and word.upper() not in RESERVED


def check_characters(text: str) -> None:
    """Refuse text that has no UTF-8 form, as Python makes it of bytes. Raises: ParseFailedError."""
    half = None if text.isascii() else _SURROGATE.search(text)
    if half is not None:
        raise ParseFailedError(
            f"Half a character (U+{ord(half[0]):04X}) is no text.",
            summary=f"half a character, U+{ord(half[0]):04X}, is no text",
            hint="the text was read as another encoding than it is written in",
            text=text,
            span=Span(*half.span()),
        )


def split_statements(text: str) -> list[StatementText]:
    """Cut a script at its semicolons, not at those in quotes or comments; the last one may be missing.

    Texts begin at their first token and end behind their last one; what is only comments is left out. Text that
    is no token (an open quote, say) stays in its statement, for the parser to complain about. Raises:
    ParseFailedError where a text holds half a character, which nobody can type.
    """
    check_characters(text)
    found: list[StatementText] = []
    start: int | None = None
    end = position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is not None and match.lastgroup == "SKIP":
            position = match.end()
            continue
        if match is not None and match.group() == ";":
            if start is not None:
                found.append(StatementText(text[start:end], start, text))
            start, position = None, match.end()
            continue
        start = position if start is None else start
        position = end = match.end() if match is not None else len(text)
    if start is not None:
        found.append(StatementText(text[start:end], start, text))
    return found


def open_quote(text: str) -> int | None:
    """Find the quote that begins a text or quoted name which the end of a text stands in; None when there is none."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None and text[position] in "'`\"":
            return position
        position = match.end() if match is not None else position + 1
    return None


def with_stand_ins(text: str) -> str:
    """Put in the place of each ``:name`` and ``{{name}}`` what the grammar takes there, whatever their values are."""
    pieces: list[str] = []
    position = 0
    for match in _placeholders(text):
        before = text[position : match.start()]
        value = "(1)" if _AFTER_IN.search(before) else "1"
        pieces += [before, value if match.lastgroup == "VALUE" else "x"]
        position = match.end()
    return "".join([*pieces, text[position:]])


def placeholders(text: str) -> tuple[str, ...]:
    """List the names of the program's values that a script asks for, by ``:name`` or ``{{name}}``, each once.

    Those in texts, quoted names and comments are none.
    """
    return tuple(dict.fromkeys(match[str(match.lastgroup)] for match in _placeholders(text)))


def bound_tokens(text: str, parameters: Mapping[str, object] | None) -> Iterator[BoundToken]:
    """Yield the tokens of ``:name`` and ``{{name}}`` in a text of any dialect. Raises: ParseFailedError."""
    return (_bound(match, parameters, text) for match in _placeholders(text))


def _placeholders(text: str) -> Iterator[re.Match[str]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is not None and match.lastgroup in _BOUND:
            yield match
        position = match.end() if match is not None else position + 1


def _bound(match: re.Match[str], parameters: Mapping[str, object] | None, text: str) -> BoundToken:
    kind = str(match.lastgroup)
    return _BOUND[kind](match[kind], parameters, text, Span(*match.span()))


def tokenize(
    text: str,
    start: int,
    end: int,
    operators: Mapping[str, str],
    variables: Mapping[str, str] | None = None,
    parameters: Mapping[str, object] | None = None,
) -> Iterator[Token]:
    """Cut ``text[start:end]`` into tokens; positions count from the start of ``text``.

    ``variables`` replace ``${name}``, ``parameters`` are the values of ``:name`` and the names of ``{{name}}``.

    Types: WORD (a plain word, keyword or name), QUOTED_NAME and TEXT (with the quotes removed), INTEGER_VALUE,
    DECIMAL_VALUE, FLOATING_VALUE, BOUND_VALUE, and the names that ``operators`` gives to the punctuation.

    Raises: ParseFailedError at the first character that begins no token.
    """
    position = start
    while position < end:
        match = _TOKEN.match(text, position, end)
        if match is None:
            raise _unknown_character(text, position)
        position = match.end()
        kind = match.lastgroup
        if kind == "SKIP":
            continue
        value = match.group()
        if kind == "OPERATOR":
            yield _token(operators.get(value, value), value, match.start(), position)
        elif kind == "WORD" and "${" not in value:
            yield _token("WORD", value, match.start(), position)
        elif kind in ("NUMBER", "TAIL"):
            yield _number(match)
        elif kind in _BOUND:
            yield _bound(match, parameters, text)
        else:
            yield from _substituted(value, str(kind), text, Span(match.start(), position), variables, operators)


def _token(kind: str, value: str, start: int, end: int) -> Token:
    return Token(kind, value, start, end_pos=end)


def _number(match: re.Match[str]) -> Token:
    if match["TAIL"] is not None:  # ksqlDB takes 1R for a name
        return _token("NAME", match.group(), *match.span())
    value = match["NUMBER"]
    kind = "FLOATING" if "e" in value.lower() else "DECIMAL" if "." in value else "INTEGER"
    return _token(f"{kind}_VALUE", value, *match.span())


def _substituted(
    value: str, kind: str, text: str, span: Span, variables: Mapping[str, str] | None, operators: Mapping[str, str]
) -> Iterator[Token]:
    """Yield a quoted token, or a word with variables in it, with the variables replaced."""
    if kind == "WORD":
        whole = _VARIABLE.fullmatch(value)
        if whole is None:
            name = _VARIABLE.sub(lambda m: _lookup(m[1], variables, text, span), value)
            if _PLAIN.match(name) is None:
                raise _bad_value(name, value, text, span)
            yield _token("NAME", name, span.start, span.end)
        else:
            yield from _whole(_lookup(whole[1], variables, text, span), value, text, span, operators)
        return
    quote = value[0]
    content = value[1:-1].replace(quote * 2, quote)
    if variables:
        content = _VARIABLE.sub(lambda m: variables.get(m[1], m[0]), content)
    if kind != "TEXT" and (not content or "\x00" in content):
        what = "holds a NUL character" if content else "is empty"
        hint = None if content or quote != '"' else "texts stand in single quotes: ''"
        raise ParseFailedError(f"A name {what}.", summary=f"a name {what}", hint=hint, text=text, span=span)
    yield _token("TEXT" if kind == "TEXT" else "QUOTED_NAME", content, span.start, span.end)


def _whole(value: str, written: str, text: str, span: Span, operators: Mapping[str, str]) -> Iterator[Token]:
    """Yield what a variable stands for where it is a token of its own: a literal or a name, never a keyword."""
    value = value.strip()
    if value.upper() in _CONSTANTS:
        yield _token(value.upper(), value, span.start, span.end)
    elif _PLAIN.match(value):
        yield _token("NAME", value, span.start, span.end)
    elif number := _NUMBER_VALUE.match(value):
        if number[1]:
            yield _token(operators["-"], "-", span.start, span.end)
        kind = "FLOATING" if "e" in value.lower() else "DECIMAL" if "." in value else "INTEGER"
        yield _token(f"{kind}_VALUE", number[2], span.start, span.end)
    elif (match := _TOKEN.fullmatch(value)) and match.lastgroup in ("TEXT", "BACKQUOTED", "QUOTED"):
        yield from _substituted(value, str(match.lastgroup), text, span, None, operators)
    else:
        raise _bad_value(value, written, text, span)


def _lookup(name: str, variables: Mapping[str, str] | None, text: str, span: Span) -> str:
    if variables is not None and name in variables:
        return variables[name]
    close = get_close_matches(name, variables or (), 1)
    raise ParseFailedError(
        f"Variable '{name}' is not defined.",
        summary=f"variable {name} is not defined",
        hint=f"did you mean ${{{close[0]}}}?" if close else f"define it first: DEFINE {name} = 'value'",
        text=text,
        span=span,
    )


def _bad_value(value: str, written: str, text: str, span: Span) -> ParseFailedError:
    return ParseFailedError(
        f"Illegal argument for {written}. Identifier names may only contain alphanumeric values, '_' or '@'. "
        f"Got: '{value}'",
        summary=f"the value of {written} is neither a name nor a literal: {value}",
        hint=f"use '{written}' for a text, or `{written}` for a name with special characters",
        text=text,
        span=span,
    )


def _unknown_character(text: str, position: int) -> ParseFailedError:
    character = text[position]
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    hint: str | None = None
    summary = f"unexpected character {character}"
    if character == "'":
        summary, hint = "a text in quotes is not closed", "a quote inside a text is written twice: 'it''s'"
    elif character == '"':
        body = re.match(r'"([^"\'\n]*)\'', text[position:])
        summary = "a name in double quotes is not closed"
        hint = "texts stand in single quotes" + (
            f": '{body[1]}'" if body else ", names in double quotes or back quotes"
        )
    elif character == "`":
        summary, hint = "a name in back quotes is not closed", "a back quote inside a name is written twice"
    elif text.startswith("::", position):
        hint = "a conversion is written CAST(value AS type)"
    elif character in ":{":
        hint = "a value of the program is written :name, a name that it holds {{name}}"
    elif character == "$":
        hint = "a variable is written ${name}; DEFINE name = 'value' defines it"
    elif character in "\\}[]!&|^~?#":
        hint = "no sign of the language; texts stand in single quotes, names with other characters in back quotes"
    elif text.startswith("/*", position):
        summary, hint = "a comment is not closed", "end it with */"
    elif character in _CURLY_QUOTES:
        hint = "replace typographic quotes by plain ones: 'text'"
    elif character.isalpha():
        hint = "names with other letters than A-Z stand in back quotes"
    return ParseFailedError(
        f"line {line}:{column}: Syntax Error\ntoken recognition error at: '{character}'",
        summary=summary,
        hint=hint,
        text=text,
        span=Span(position, position + 1),
    )


def next_kinds(tokens: Sequence[Token], index: int, keywords: frozenset[str]) -> tuple[str, ...]:
    """List the terminals that the token at ``index`` may turn out to be; at the end of the tokens, the end mark."""
    if index >= len(tokens):
        return ("$END",)
    token = tokens[index]
    if token.type != "WORD":
        return (token.type,)
    word = token.upper()
    if word in RESERVED:
        return (word,)
    return (word, "NAME") if word in keywords else ("NAME",)
