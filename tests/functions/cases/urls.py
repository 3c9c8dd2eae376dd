"""URLs."""

from __future__ import annotations

from tests.functions.calling import RAISES, Arg, case


def t(value: str | None) -> Arg:
    return ("STRING", value)


FULL = t("https://me@host.example:8080/a/b?one=1&two=x%20y&three#part")
BARE = t("http://host.example")

CASES = [
    case("URL_DECODE_PARAM", t("a+b%26c"), gives="a b&c"),
    case("URL_DECODE_PARAM", t("100%"), gives=RAISES),
    case("URL_ENCODE_PARAM", t("a b&c~*"), gives="a+b%26c%7E*"),
    case("URL_EXTRACT_FRAGMENT", FULL, gives="part"),
    case("URL_EXTRACT_FRAGMENT", BARE, gives=None),
    case("URL_EXTRACT_HOST", FULL, gives="host.example"),
    case("URL_EXTRACT_HOST", t("no host here"), gives=RAISES),
    case("URL_EXTRACT_PARAMETER", FULL, t("two"), gives="x y"),
    case("URL_EXTRACT_PARAMETER", FULL, t("three"), gives=None),
    case("URL_EXTRACT_PATH", FULL, gives="/a/b"),
    case("URL_EXTRACT_PATH", BARE, gives=""),
    case("URL_EXTRACT_PORT", FULL, gives=8080),
    case("URL_EXTRACT_PORT", BARE, gives=None),
    case("URL_EXTRACT_PROTOCOL", FULL, gives="https"),
    case("URL_EXTRACT_PROTOCOL", t("host.example"), gives=None),
    case("URL_EXTRACT_QUERY", FULL, gives="one=1&two=x y&three"),
    case("URL_EXTRACT_QUERY", BARE, gives=None),
]
