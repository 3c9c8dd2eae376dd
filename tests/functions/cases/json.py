"""JSON texts."""

from __future__ import annotations

from decimal import Decimal

from tests.functions.calling import RAISES, Arg, case


def t(value: str | None) -> Arg:
    return ("STRING", value)


NESTED = t('{"a": [{"b": "x", "n": 1.50, "e": null, "o": {"y": 2.0, "z": "é"}}, true], "@t": 7}')

CASES = [
    case("EXTRACTJSONFIELD", NESTED, t("$.a[0].b"), gives="x"),
    case("EXTRACTJSONFIELD", NESTED, t("$.a[0].n"), gives="1.50"),
    case("EXTRACTJSONFIELD", NESTED, t("$.a[0].e"), gives="null"),
    case("EXTRACTJSONFIELD", NESTED, t("$.a[0].o"), gives='{"y":2.0,"z":"é"}'),
    case("EXTRACTJSONFIELD", NESTED, t("$.a[1]"), gives="true"),
    case("EXTRACTJSONFIELD", NESTED, t("$.a[-1]"), gives=None),
    case("EXTRACTJSONFIELD", NESTED, t("$.a.b"), gives=None),
    case("EXTRACTJSONFIELD", NESTED, t("$.@t"), gives="7"),
    case("EXTRACTJSONFIELD", t('{"a": 1}}'), t("$.a"), gives="1"),
    case("EXTRACTJSONFIELD", t("{"), t("$.a"), gives=RAISES),
    case("EXTRACTJSONFIELD", NESTED, t("a"), gives=RAISES),
    case("EXTRACTJSONFIELD", t('{"a": 1, "b": {"a": 2}, "a": 3}'), t("$.a"), gives="3"),
    case("EXTRACTJSONFIELD", t('{"a": [{"b": 1}, {"b": 2, "b": 3}]}'), t("$.a[1].b"), gives="3"),
    case("EXTRACTJSONFIELD", t('{"a": [{"b": 1}, {"b": 2}]}'), t("$.a[0].b"), gives="1"),
    case("EXTRACTJSONFIELD", t('{"a": 1, "\\u0061": 2}'), t("$.a"), gives="2"),
    case("EXTRACTJSONFIELD", t('{"a": {"b": 1, "b": 2}}'), t("$.a"), gives='{"b":2}'),
    case("EXTRACTJSONFIELD", t(None), t("$.a"), gives=None),
    case("IS_JSON_STRING", t('{"a": 1}'), gives=True),
    case("IS_JSON_STRING", t("abc"), gives=False),
    case("IS_JSON_STRING", t(""), gives=False),
    case("IS_JSON_STRING", t(None), gives=False),
    case("JSON_ARRAY_CONTAINS", t("[1, 2.0, null]"), ("INT", 1), gives=True),
    case("JSON_ARRAY_CONTAINS", t("[1, 2.0]"), ("INT", 2), gives=False),
    case("JSON_ARRAY_CONTAINS", t("[1, 2.0]"), ("DOUBLE", 2.0), gives=True),
    case("JSON_ARRAY_CONTAINS", t("[1, null]"), ("INT", None), gives=True),
    case("JSON_ARRAY_CONTAINS", t('["1"]'), t("1"), gives=True),
    case("JSON_ARRAY_CONTAINS", t("{}"), t("1"), gives=False),
    case("JSON_ARRAY_LENGTH", t("[1, [2, 3]]"), gives=2),
    case("JSON_ARRAY_LENGTH", t("{}"), gives=None),
    case("JSON_ARRAY_LENGTH", t("[1] x"), gives=1),
    case("JSON_ARRAY_LENGTH", t(""), gives=None),
    case("JSON_ARRAY_LENGTH", t("["), gives=RAISES),
    case("JSON_CONCAT", t('{"a": 1}'), t('{"a": 2.50, "b": 3}'), gives='{"a":2.50,"b":3}'),
    case("JSON_CONCAT", t("[1]"), t('{"a": 1}'), t("null"), gives='[1,{"a":1},null]'),
    case("JSON_CONCAT", t("1"), t(""), gives=None),
    case("JSON_CONCAT", t("1"), t(None), gives=None),
    case("JSON_ITEMS", t('[{"a": 1}, "x", 1.50]'), gives=['{"a":1}', '"x"', "1.50"]),
    case("JSON_ITEMS", t("{}"), gives=None),
    case("JSON_KEYS", t('{"a": 1, "b": 2}'), gives=["a", "b"]),
    case("JSON_KEYS", t(""), gives=None),
    case("JSON_RECORDS", t('{"a": 1.50, "b": "x"}'), gives={"a": "1.50", "b": "x"}),
    case("TO_JSON_STRING", ("INT", None), gives="null"),
    case("TO_JSON_STRING", t('a"é\n'), gives='"a\\"é\\n"'),
    case("TO_JSON_STRING", ("BOOLEAN", True), gives="true"),
    case("TO_JSON_STRING", ("DOUBLE", 1e10), gives="1.0E10"),
    case("TO_JSON_STRING", ("DECIMAL(6,3)", Decimal("1.5")), gives="1.500"),
    case("TO_JSON_STRING", ("BYTES", b"!"), gives='"IQ=="'),
    case("TO_JSON_STRING", ("DATE", "2001-02-03"), gives='"2001-02-03"'),
    case("TO_JSON_STRING", ("TIMESTAMP", "2001-02-03 04:05:06.5"), gives='"2001-02-03T04:05:06.500"'),
    case("TO_JSON_STRING", ("MAP<STRING, ARRAY<INT>>", {"a": [1, None]}), gives='{"a":[1,null]}'),
]
