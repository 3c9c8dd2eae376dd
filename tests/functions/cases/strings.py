"""Texts: cutting, joining, searching, masks and regular expressions."""

from __future__ import annotations

from tests.functions.calling import RAISES, Arg, case

NULL: Arg = ("NULL", None)


def t(value: str | None) -> Arg:
    return ("STRING", value)


def i(value: int | None) -> Arg:
    return ("INT", value)


CASES = [
    case("CHR", i(75), gives="K"),
    case("CHR", i(0x1F600), gives="\U0001f600"),
    case("CHR", i(-1), gives=None),
    case("CHR", i(0xD800), gives=None),
    case("CHR", t("\\u004b"), gives="K"),
    case("CHR", t("\\ud83d\\ude00"), gives="\U0001f600"),
    case("CHR", t("75"), gives=None),
    case("CHR", t(""), gives=None),
    case("CONCAT", t("a"), t(None), t("b"), gives="ab"),
    case("CONCAT_WS", t("-"), t("a"), t(None), t("b"), gives="a-b"),
    case("CONCAT_WS", t(None), t("a"), gives=None),
    case("ELT", i(2), t("a"), t("b"), gives="b"),
    case("ELT", i(3), t("a"), t("b"), gives=None),
    case("ELT", i(-1), t("a"), t("b"), gives=None),
    case("FIELD", t("b"), t(None), t("b"), gives=2),
    case("FIELD", t(None), t(None), gives=0),
    case("INITCAP", t("the   Quick br0wn\tfOx"), gives="The   Quick Br0wn\tFox"),
    case("INITCAP", t(None), gives=None),
    case("INSTR", t("a floor of corn"), t("or"), gives=6),
    case("INSTR", t("a floor of corn"), t("or"), i(7), gives=13),
    case("INSTR", t("a floor of corn"), t("or"), i(1), i(2), gives=13),
    case("INSTR", t("a floor of corn"), t("or"), i(-4), gives=6),
    case("INSTR", t("a floor of corn"), t("or"), i(1), i(3), gives=0),
    case("INSTR", t(None), t("or"), gives=0),
    case("LCASE", t("MiX"), gives="mix"),
    case("UCASE", t("MiX"), gives="MIX"),
    case("LEN", t("héllo"), gives=5),
    case("LPAD", t("foo"), i(7), t("Bar"), gives="BarBfoo"),
    case("LPAD", t("foo"), i(2), t("Bar"), gives="fo"),
    case("LPAD", t("foo"), i(7), t(""), gives=None),
    case("LPAD", t("foo"), i(-1), t("Bar"), gives=None),
    case("RPAD", t("foo"), i(7), t("Bar"), gives="fooBarB"),
    case("RPAD", t("foo"), i(None), t("Bar"), gives=None),
    case("MD5", t("a"), gives="0cc175b9c0f1b6a831c399e269772661"),
    case("REPLACE", t("banana"), t("an"), t("o"), gives="booa"),
    case("SPLIT", t("a$$b$$"), t("$$"), gives=["a", "b", ""]),
    case("SPLIT", t("abc"), t(""), gives=["a", "b", "c"]),
    case("SPLIT", t(""), t(""), gives=[""]),
    case("SPLIT", t("a"), t(None), gives=None),
    case("SPLIT_TO_MAP", t("a:1/b:2//c/a:3:4"), t("/"), t(":"), gives={"a": "3", "b": "2"}),
    case("SPLIT_TO_MAP", t("a:1"), t(""), t(":"), gives=None),
    case("SUBSTRING", t("stream"), i(3), gives="ream"),
    case("SUBSTRING", t("stream"), i(0), i(2), gives="st"),
    case("SUBSTRING", t("stream"), i(-3), gives="eam"),
    case("SUBSTRING", t("stream"), i(-9), i(2), gives="st"),
    case("SUBSTRING", t("stream"), i(9), gives=""),
    case("SUBSTRING", t("stream"), i(2), NULL, gives=None),
    case("SUBSTRING", t("stream"), NULL, gives=None),
    case("TRIM", t(" \t x y \n"), gives="x y"),
    case("MASK", t("AbÉ é1-_nX"), gives="XxX-xn--xX"),
    case("MASK", t("Ab1-"), t("Q"), NULL, t("dd"), t(""), gives="Qbd-"),
    case("MASK_LEFT", t("Ab1-z"), i(3), gives="Xxn-z"),
    case("MASK_LEFT", t("Ab1-z"), i(9), gives="Xxn-x"),
    case("MASK_LEFT", t("Ab1-z"), i(-1), gives=RAISES),
    case("MASK_RIGHT", t("Ab1-z"), i(3), gives="Abn-x"),
    case("MASK_RIGHT", t("Ab1-z"), i(1), t("A"), t("B"), t("C"), t("D"), gives="Ab1-B"),
    case("MASK_KEEP_LEFT", t("Ab1-z"), i(3), gives="Ab1-x"),
    case("MASK_KEEP_RIGHT", t("Ab1-z"), i(3), gives="Xx1-z"),
    case("MASK_KEEP_RIGHT", t("Ab1-z"), i(9), gives="Ab1-z"),
    case("MASK_KEEP_RIGHT", t(None), i(9), gives=None),
    case("REGEXP_EXTRACT", t("(.*) (.*)"), t("jane doe"), i(2), gives="doe"),
    case("REGEXP_EXTRACT", t("(.*) (.*)"), t("jane"), i(2), gives=None),
    case("REGEXP_EXTRACT", t("(?<last>.)$"), t("jane"), gives="e"),
    case("REGEXP_EXTRACT", t("a|(b)"), t("a"), i(1), gives=None),
    case("REGEXP_EXTRACT", t(r"\p{Upper}+[\p{Digit}x]"), t("abCDx9"), gives="CDx"),
    case("REGEXP_EXTRACT", t("("), t("a"), gives=RAISES),
    case("REGEXP_EXTRACT_ALL", t("a."), t("abacad"), gives=["ab", "ac", "ad"]),
    case("REGEXP_EXTRACT_ALL", t(r"(\w+) (\w*)"), t("a b c d"), i(2), gives=["b", "d"]),
    case("REGEXP_EXTRACT_ALL", t("x"), t("abc"), gives=[]),
    case("REGEXP_REPLACE", t("baabbabaa"), t("(ab)+"), t("cat"), gives="bacatbcataa"),
    case("REGEXP_REPLACE", t("aabb"), t("(a)(b)"), t("<$2$1\\$>"), gives="a<ba$>b"),
    case("REGEXP_REPLACE", t(None), t("(ab)+"), t("cat"), gives=None),
    case("REGEXP_SPLIT_TO_ARRAY", t("aabcda"), t("(ab|cd)"), gives=["a", "", "a"]),
    case("REGEXP_SPLIT_TO_ARRAY", t("abc"), t(""), gives=["a", "b", "c"]),
    case("REGEXP_SPLIT_TO_ARRAY", t("abc"), t(None), gives=None),
]

TRANSLATED = [
    (r"\p{Alpha}+", "12ab", "ab"),
    (r"[^\p{Alpha}]+", "12ab", "12"),
    (r"a\z", "ba", "a"),
    (r"(?<x>a)\k<x>", "baa", "aa"),
]
