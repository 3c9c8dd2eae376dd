"""Scalar functions of URLs. A text that is no URL raises, an absent part is null."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import SplitResult, quote_plus, unquote_plus, urlsplit

from streamnb.functions.declare import Function, in_values

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


def _encode(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")


def _decode(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise ValueError(f"URL_DECODE_PARAM: illegal escape in {text}")
    return unquote_plus(text)


def _of_url(name: str, doc: str, function: Callable[[str], object], result: str = "STRING") -> Function:
    return Function(name, _CATEGORY, doc, (in_values(f"(url STRING) -> {result}", function, can_raise=True),))


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "URL_DECODE_PARAM",
        _CATEGORY,
        "Decodes the escapes of a form parameter.",
        (in_values("(text STRING) -> STRING", _decode, can_raise=True),),
    ),
    Function(
        "URL_ENCODE_PARAM",
        _CATEGORY,
        "Escapes a text so that it can be a form parameter.",
        (in_values("(text STRING) -> STRING", _encode),),
    ),
    _of_url("URL_EXTRACT_FRAGMENT", "Returns the part behind #.", _fragment),
    _of_url("URL_EXTRACT_HOST", "Returns the host.", _host),
    Function(
        "URL_EXTRACT_PARAMETER",
        _CATEGORY,
        "Returns the value of a parameter of the query part.",
        (in_values("(url STRING, name STRING) -> STRING", _parameter, can_raise=True),),
    ),
    _of_url("URL_EXTRACT_PATH", "Returns the path.", _path),
    _of_url("URL_EXTRACT_PORT", "Returns the port.", _port, "INT"),
    _of_url("URL_EXTRACT_PROTOCOL", "Returns the protocol.", _protocol),
    _of_url("URL_EXTRACT_QUERY", "Returns the part between ? and #.", _query),
)
