"""Scalar functions of URLs. A text that is no URL raises, an absent part is null."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import SplitResult, unquote_plus, urlsplit

from streamnb.functions.declare import Function, in_sql, in_values, or_python

__all__ = ["FUNCTIONS"]

_CATEGORY = "url"
_ILLEGAL = re.compile(r"[\x00-\x20\"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@lru_cache(maxsize=4096)
def _parts(url: str) -> SplitResult:
    if _ILLEGAL.search(url):
        raise ValueError(f"URL input has invalid syntax: {url}")
    return urlsplit(url)


def _fragment(url: str) -> str | None:
    return unquote_plus(_parts(url).fragment.replace("+", "%2B")) if "#" in url else None


def _host(url: str) -> str | None:
    authority = _parts(url).netloc.rpartition("@")[2]
    host = re.sub(r":\d*\Z", "", authority)
    return host or None


def _port(url: str) -> int | None:
    return _parts(url).port


def _protocol(url: str) -> str | None:
    parts = _parts(url)
    return url[: len(parts.scheme)] if parts.scheme else None


def _path(url: str) -> str | None:
    return unquote_plus(_parts(url).path.replace("+", "%2B"))


def _query(url: str) -> str | None:
    return unquote_plus(_parts(url).query.replace("+", "%2B")) if "?" in url.partition("#")[0] else None


def _parameter(url: str, name: str) -> str | None:
    for pair in _parts(url).query.split("&"):
        key, equals, value = pair.partition("=")
        if equals and unquote_plus(key) == name:
            return unquote_plus(value)
    return None


def _decode(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise ValueError(f"URL_DECODE_PARAM: illegal escape in {text}")
    return unquote_plus(text)


# The URLs of a plain host that DuckDB cuts as Python does, with the parts as groups; only the first shape has escapes.

_LETTERS = "A-Za-z0-9._~,;:=&$!*()@/+-"


def _shape(letters: str) -> str:
    escape = "%[0-9A-Fa-f]{{2}}" if "%" in letters else ""
    plain = letters.replace("%", "")
    path, query = (f"(?:[{plain}{more}]|{escape})*" if escape else f"[{plain}{more}]*" for more in ("", "?"))
    host = r"^([A-Za-z][A-Za-z0-9+.-]*)://([A-Za-z0-9._~-]*)(?::([0-9]{{0,4}}))?"
    return rf"'{host}(/{path})?(\?{query})?(#{path})?$'"


_ESCAPED, _PLAIN = _shape(_LETTERS + "%"), _shape(_LETTERS)
_PLAINER = _shape(_LETTERS.replace("+", ""))


def _cut(part: str, shape: str = _PLAIN) -> str:
    return f"CASE WHEN regexp_matches({{0}}, {shape}) THEN {part.format(f'{{0}}, {shape}')} ELSE {{python}} END"


_HOST = _cut("nullif(regexp_extract({}, 2), '')", _ESCAPED)
_PORT = _cut("TRY_CAST(regexp_extract({}, 3) AS INTEGER)", _ESCAPED)
_PROTOCOL = _cut("regexp_extract({}, 1)", _ESCAPED)
_PATH = _cut("regexp_extract({}, 4)")
_QUERY = _cut("substring(nullif(regexp_extract({}, 5), ''), 2)")
_FRAGMENT = _cut("substring(nullif(regexp_extract({}, 6), ''), 2)")
_PARAMETER = (
    f"CASE WHEN regexp_matches({{0}}, {_PLAINER}) AND NOT contains({{1}}, '=') THEN substring(list_filter("
    f"string_split(substring(regexp_extract({{0}}, {_PLAINER}, 5), 2), '&'),"
    " lambda pair: starts_with(pair, {1} || '='))[1], length({1}) + 2) ELSE {python} END"
)
_ENCODED = "replace(replace(replace(url_encode({0}), '%20', '+'), '%2A', '*'), '~', '%7E')"
_DECODED = (
    "CASE WHEN NOT contains({0}, '%') THEN replace({0}, '+', ' ')"
    " WHEN regexp_full_match({0}, '(?:[^%]|%[0-7][0-9A-Fa-f])*') THEN url_decode(replace({0}, '+', ' '))"
    " ELSE {python} END"
)


def _of_url(name: str, doc: str, function: Callable[[str], object], template: str, result: str = "STRING") -> Function:
    overload = in_values(f"(url STRING) -> {result}", function, can_raise=True, sql_first=or_python(template))
    return Function(name, _CATEGORY, doc, (overload,))


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "URL_DECODE_PARAM",
        _CATEGORY,
        "Decodes the escapes of a form parameter.",
        (in_values("(text STRING) -> STRING", _decode, can_raise=True, sql_first=or_python(_DECODED)),),
    ),
    Function(
        "URL_ENCODE_PARAM",
        _CATEGORY,
        "Escapes a text so that it can be a form parameter.",
        (in_sql("(text STRING) -> STRING", _ENCODED),),
    ),
    _of_url("URL_EXTRACT_FRAGMENT", "Returns the part behind #.", _fragment, _FRAGMENT),
    _of_url("URL_EXTRACT_HOST", "Returns the host.", _host, _HOST),
    Function(
        "URL_EXTRACT_PARAMETER",
        _CATEGORY,
        "Returns the value of a parameter of the query part.",
        (
            in_values(
                "(url STRING, name STRING) -> STRING", _parameter, can_raise=True, sql_first=or_python(_PARAMETER)
            ),
        ),
    ),
    _of_url("URL_EXTRACT_PATH", "Returns the path.", _path, _PATH),
    _of_url("URL_EXTRACT_PORT", "Returns the port.", _port, _PORT, "INT"),
    _of_url("URL_EXTRACT_PROTOCOL", "Returns the protocol.", _protocol, _PROTOCOL),
    _of_url("URL_EXTRACT_QUERY", "Returns the part between ? and #.", _query, _QUERY),
)
