"""Dates, times and timestamps."""

from __future__ import annotations

import datetime

from tests.functions.calling import RAISES, Arg, case

NULL: Arg = ("NULL", None)
DATE = datetime.date
TIME = datetime.time
MOMENT = ("TIMESTAMP", "2018-05-11 21:58:33.5")
MOMENT_MS = 1526075913500


def t(value: str | None) -> Arg:
    return ("STRING", value)


def i(value: int | None) -> Arg:
    return ("INT", value)


def ms(value: int | None) -> Arg:
    return ("BIGINT", value)


CASES = [
    case("CONVERT_TZ", MOMENT, t("UTC"), t("Asia/Kolkata"), gives=datetime.datetime(2018, 5, 12, 3, 28, 33, 500_000)),
    case("CONVERT_TZ", MOMENT, t("UTC"), t("Nowhere"), gives=RAISES),
    case("DATEADD", ("UNIT", "DAYS"), i(-10), ("DATE", "1970-01-06"), gives=DATE(1969, 12, 27)),
    case("DATEADD", ("UNIT", "HOURS"), i(23), ("DATE", "1970-01-06"), gives=DATE(1970, 1, 6)),
    case("DATESUB", ("UNIT", "DAYS"), NULL, ("DATE", "1970-01-06"), gives=None),
    case("DATESUB", ("UNIT", "DAYS"), i(1), ("DATE", "2000-03-01"), gives=DATE(2000, 2, 29)),
    case("TIMEADD", ("UNIT", "SECONDS"), i(2), ("TIME", "23:59:59"), gives=TIME(0, 0, 1)),
    case("TIMESUB", ("UNIT", "MILLISECONDS"), i(10), ("TIME", "00:00:00"), gives=TIME(23, 59, 59, 990_000)),
    case("TIMESTAMPADD", ("UNIT", "MINUTES"), i(2), ("TIMESTAMP", None), gives=None),
    case(
        "TIMESTAMPADD",
        ("UNIT", "MINUTES"),
        i(-2),
        ("TIMESTAMP", "1970-01-01"),
        gives=datetime.datetime(1969, 12, 31, 23, 58),
    ),
    case(
        "TIMESTAMPSUB",
        ("UNIT", "HOURS"),
        i(1),
        ("TIMESTAMP", "1970-01-01"),
        gives=datetime.datetime(1969, 12, 31, 23),
    ),
    case("DATETOSTRING", i(17662), t("yyyy-MM-dd"), gives="2018-05-11"),
    case("DATETOSTRING", i(-1), t("dd-MMM-yyyy'it''s' EEE"), gives="31-Dec-1969it's Wed"),
    case("FORMAT_DATE", ("DATE", "2022-01-05"), t("EEEE d/M/yy"), gives="Wednesday 5/1/22"),
    case("FORMAT_DATE", ("DATE", "2022-01-05"), t("HH"), gives=RAISES),
    case("FORMAT_DATE", ("DATE", None), t("yyyy"), gives=None),
    case("FORMAT_TIME", ("TIME", "21:58:33.5"), t("HH:mm:ss.SSS"), gives="21:58:33.500"),
    case("FORMAT_TIME", ("TIME", "00:05:00"), t("h:mm a"), gives="12:05 AM"),
    case("FORMAT_TIMESTAMP", MOMENT, t("yyyy-MM-dd HH:mm:ss.SSS"), gives="2018-05-11 21:58:33.500"),
    case("FORMAT_TIMESTAMP", MOMENT, t("yyyy-MM-dd'T'HH:mm:ssX z"), gives="2018-05-11T21:58:33Z UTC"),
    case(
        "FORMAT_TIMESTAMP",
        MOMENT,
        t("dd HH:mm X XX XXX Z O VV z"),
        t("Asia/Kolkata"),
        gives="12 03:28 +0530 +0530 +05:30 +0530 GMT+5:30 Asia/Kolkata IST",
    ),
    case("FORMAT_TIMESTAMP", MOMENT, t("yyyy J"), gives=RAISES),
    case("TIMESTAMPTOSTRING", ms(MOMENT_MS), t("yyyyMMddHHmmssSSS"), gives="20180511215833500"),
    case("TIMESTAMPTOSTRING", ms(-1), t("yyyy.SSS"), gives="1969.999"),
    case("TIMESTAMPTOSTRING", ms(MOMENT_MS), t("HH:mm zzz"), t("America/Los_Angeles"), gives="14:58 PDT"),
    case("FROM_DAYS", i(10), gives=DATE(1970, 1, 11)),
    case("FROM_UNIXTIME", ms(MOMENT_MS), gives=datetime.datetime(2018, 5, 11, 21, 58, 33, 500_000)),
    case("PARSE_DATE", t("2018-05-11"), t("yyyy-MM-dd"), gives=DATE(2018, 5, 11)),
    case("PARSE_DATE", t("2018-02-31"), t("yyyy-MM-dd"), gives=DATE(2018, 2, 28)),
    case("PARSE_DATE", t("2018-5-11"), t("yyyy-MM-dd"), gives=RAISES),
    case("PARSE_DATE", t("2018-13-11"), t("yyyy-MM-dd"), gives=RAISES),
    case("PARSE_DATE", t("jAN-2022"), t("MMM-yyyy"), gives=DATE(2022, 1, 1)),
    case("PARSE_DATE", t("20220131"), t("yyyyMMdd"), gives=DATE(2022, 1, 31)),
    case("PARSE_DATE", t("32/22"), t("D/yy"), gives=DATE(2022, 2, 1)),
    case("PARSE_TIME", t("21:58"), t("HH:mm"), gives=TIME(21, 58)),
    case("PARSE_TIME", t("9:58 pm"), t("h:mm a"), gives=TIME(21, 58)),
    case("PARSE_TIME", t("24:00"), t("HH:mm"), gives=RAISES),
    case(
        "PARSE_TIMESTAMP",
        t("2018-05-11T21:58:33.123"),
        t("yyyy-MM-dd'T'HH:mm:ss.SSS"),
        gives=datetime.datetime(2018, 5, 11, 21, 58, 33, 123_000),
    ),
    case(
        "PARSE_TIMESTAMP",
        t("2018-05-11 00"),
        t("yyyy-MM-dd HH"),
        t("Asia/Tokyo"),
        gives=datetime.datetime(2018, 5, 10, 15),
    ),
    case("STRINGTODATE", t("11/05/2018"), t("dd/MM/yyyy"), gives=17662),
    case("STRINGTODATE", t("foo"), t("dd/MM/yyyy"), gives=RAISES),
    case("STRINGTOTIMESTAMP", t("2018-05-11T21:58:33Z"), t("yyyy-MM-dd'T'HH:mm:ssX"), gives=1526075913000),
    case("STRINGTOTIMESTAMP", t("2018-05-11T21:58:33z"), t("yyyy-MM-dd'T'HH:mm:ssX"), gives=1526075913000),
    case("STRINGTOTIMESTAMP", t("2018-05-11T23:58:33+02"), t("yyyy-MM-dd'T'HH:mm:ssX"), gives=1526075913000),
    case("STRINGTOTIMESTAMP", t("2018-05-11 14:58:33 PST"), t("yyyy-MM-dd HH:mm:ss zzz"), gives=1526075913000),
    case("STRINGTOTIMESTAMP", t("1970-01-01 00"), t("yyyy-MM-dd HH[:mm]"), t("+01:00"), gives=-3_600_000),
    case("UNIX_DATE", ("DATE", "1970-01-11"), gives=10),
    case("UNIX_TIMESTAMP", MOMENT, gives=MOMENT_MS),
]
