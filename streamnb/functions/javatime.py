"""Date and time patterns of Java's ``DateTimeFormatter``: formatting and parsing, in English.

Letters that depend on a locale's week (``Y``, ``w``, ``W``, ``e``, ``c``) or on zone names written out are refused.
"""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["DATE_LETTERS", "TIME_LETTERS", "JavaPattern", "Parsed", "Token", "java_pattern", "zone"]

DATE_LETTERS = frozenset("GyuMLdDEQ")
TIME_LETTERS = frozenset("aHkKhmsSAnN")
ZONE_LETTERS = frozenset("VzOXxZ")

_MONTHS = tuple(calendar.month_name[1:])
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UTC = datetime.UTC

# The zones that short names stand for; a name says the zone, not the offset, so PST holds in summer too.
_SHORT_ZONES = {
    "ADT": "America/Halifax",
    "AEDT": "Australia/Sydney",
    "AEST": "Australia/Sydney",
    "AKDT": "America/Anchorage",
    "AKST": "America/Anchorage",
    "AST": "America/Halifax",
    "BST": "Europe/London",
    "CDT": "America/Chicago",
    "CEST": "Europe/Paris",
    "CET": "Europe/Paris",
    "CST": "America/Chicago",
    "EDT": "America/New_York",
    "EEST": "Europe/Bucharest",
    "EET": "Europe/Bucharest",
    "EST": "America/New_York",
    "HST": "Pacific/Honolulu",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "MDT": "America/Denver",
    "MSK": "Europe/Moscow",
    "MST": "America/Denver",
    "NZDT": "Pacific/Auckland",
    "NZST": "Pacific/Auckland",
    "PDT": "America/Los_Angeles",
    "PST": "America/Los_Angeles",
    "SGT": "Asia/Singapore",
    "WET": "Europe/Lisbon",
}
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?\Z", re.IGNORECASE)


@lru_cache(maxsize=512)
def zone(name: str) -> datetime.tzinfo:
    """Find a time zone by its id, its short name or its offset. Raises: ValueError when there is none."""
    if name.upper() in ("Z", "UTC", "GMT", "UT"):
        return _UTC
    offset = _OFFSET.match(name)
    if offset:
        sign = -1 if offset.group(1) == "-" else 1
        hours, minutes, seconds = (int(part or 0) for part in offset.groups()[1:])
        return datetime.timezone(sign * datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds))
    try:
        return ZoneInfo(_SHORT_ZONES.get(name.upper(), name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"Unknown time-zone ID: {name}") from error


@dataclass(frozen=True)
class Token:
    """A run of one letter, or a literal text (``letter`` is empty); ``[`` and ``]`` bound an optional part."""

    letter: str
    count: int = 1
    text: str = ""


_LEXER = re.compile(r"([A-Za-z])\1*|'((?:[^']|'')*)'|[\[\]]|[^A-Za-z'\[\]]+")


def _tokens(pattern: str) -> list[Token]:
    out, at = [], 0
    while at < len(pattern):
        found = _LEXER.match(pattern, at)
        if found is None:
            raise ValueError(f"Pattern ends with an incomplete string literal: {pattern}")
        text = found.group()
        if text in "[]":
            out.append(Token(text))
        elif found.group(1):
            out.append(Token(found.group(1), len(text)))
        elif text[0] == "'":
            out.append(Token("", 1, (found.group(2) or "'").replace("''", "'")))
        else:
            out.append(Token("", 1, text))
        at = found.end()
    return out


# Formatting


def _offset_text(moment: datetime.datetime, count: int, zulu: bool, letter: str) -> str:
    offset = moment.utcoffset() or datetime.timedelta()
    total = int(offset.total_seconds())
    if zulu and total == 0:
        return "Z"
    sign, (hours, rest) = ("-" if total < 0 else "+"), divmod(abs(total), 3600)
    minutes = rest // 60
    if letter in "Xx" and count == 1 and minutes == 0:
        return f"{sign}{hours:02}"
    return f"{sign}{hours:02}{':' if count in (3, 5) else ''}{minutes:02}"


def _gmt_text(moment: datetime.datetime, short: bool) -> str:
    offset = _offset_text(moment, 3, False, "O")
    if offset.endswith("00:00"):
        return "GMT"
    return f"GMT{offset[0]}{offset[1:].lstrip('0').removesuffix(':00')}" if short else f"GMT{offset}"


def _zone_text(moment: datetime.datetime, count: int) -> str:
    if count > 3:
        raise ValueError("zone names written out are not supported in patterns")
    return moment.tzname() or "UTC"


def _zone_id(moment: datetime.datetime, count: int) -> str:
    if count != 2:
        raise ValueError("Pattern letter count must be 2: V")
    return str(moment.tzinfo) if isinstance(moment.tzinfo, ZoneInfo) else moment.tzname() or "UTC"


def _offset_format(moment: datetime.datetime, letter: str, count: int) -> str:
    if letter == "Z":
        if count == 4:
            return _gmt_text(moment, False)
        return _offset_text(moment, count if count == 5 else 2, count == 5, letter)
    return _offset_text(moment, count, letter == "X", letter)


def _named(names: tuple[str, ...], index: int, count: int) -> str:
    name = names[index]
    return {3: name[:3], 4: name, 5: name[0]}[count]


_NUMBERS: dict[str, Callable[[datetime.datetime], int]] = {
    "M": lambda m: m.month,
    "L": lambda m: m.month,
    "Q": lambda m: (m.month + 2) // 3,
    "d": lambda m: m.day,
    "D": lambda m: m.timetuple().tm_yday,
    "H": lambda m: m.hour,
    "k": lambda m: m.hour or 24,
    "K": lambda m: m.hour % 12,
    "h": lambda m: m.hour % 12 or 12,
    "m": lambda m: m.minute,
    "s": lambda m: m.second,
    "A": lambda m: ((m.hour * 60 + m.minute) * 60 + m.second) * 1000 + m.microsecond // 1000,
    "n": lambda m: m.microsecond * 1000,
    "N": lambda m: (((m.hour * 60 + m.minute) * 60 + m.second) * 1_000_000 + m.microsecond) * 1000,
}


def _format_field(moment: datetime.datetime, letter: str, count: int) -> str:
    if letter in "yu":
        return f"{moment.year % 100:02}" if count == 2 else f"{moment.year:0{count}}"
    if letter in "ML" and count > 2:
        return _named(_MONTHS, moment.month - 1, count)
    if letter == "E":
        return _named(_DAYS, moment.weekday(), max(count, 3))
    if letter == "a":
        return "PM" if moment.hour >= 12 else "AM"
    if letter == "G":
        return "Anno Domini" if count == 4 else "A" if count == 5 else "AD"
    if letter == "S":
        return f"{moment.microsecond * 1000:09}"[:count].ljust(count, "0")
    if letter in _NUMBERS:
        return f"{_NUMBERS[letter](moment):0{count}}"
    if letter == "z":
        return _zone_text(moment, count)
    if letter == "V":
        return _zone_id(moment, count)
    return _gmt_text(moment, count == 1) if letter == "O" else _offset_format(moment, letter, count)


# Parsing


def _names_pattern(names: tuple[str, ...], count: int) -> str:
    return "|".join(name if count == 4 else name[:3] for name in names)


_OFFSETS = {
    ("X", 1): r"Z|[+-]\d\d(?:\d\d)?",
    ("X", 2): r"Z|[+-]\d{4}",
    ("X", 3): r"Z|[+-]\d\d:\d\d",
    ("x", 1): r"[+-]\d\d(?:\d\d)?",
    ("x", 2): r"[+-]\d{4}",
    ("x", 3): r"[+-]\d\d:\d\d",
    ("Z", 1): r"[+-]\d{4}",
    ("Z", 4): r"GMT(?:[+-]\d\d:\d\d)?",
    ("Z", 5): r"Z|[+-]\d\d:\d\d",
}
_ZONE_NAME = r"[A-Za-z][A-Za-z0-9_/~+-]*(?::\d\d)?|[+-]\d\d:?\d\d"


def _field_pattern(letter: str, count: int) -> str:
    if letter in "yu":
        return r"\d{2}" if count == 2 else rf"[+-]?\d{{{count},19}}"
    if letter in "ML" and count > 2:
        return _names_pattern(_MONTHS, count)
    if letter == "E":
        return _names_pattern(_DAYS, count)
    if letter == "a":
        return "AM|PM"
    if letter == "G":
        return "AD|BC"
    if letter == "S":
        return rf"\d{{{count}}}"
    if letter in _NUMBERS:
        return rf"\d{{1,{3 if letter == 'D' else 19 if letter in 'AnN' else 2}}}" if count == 1 else rf"\d{{{count}}}"
    if letter in "zVO":
        return _ZONE_NAME
    return _OFFSETS[letter, max(count, 1) if letter != "Z" or count > 3 else 1]


@dataclass(frozen=True)
class Parsed:
    """The fields found in a text, by pattern letter."""

    fields: dict[str, str]
    text: str

    def has(self, letters: str) -> bool:
        """Tell whether one of the letters was in the text."""
        return any(letter in self.fields for letter in letters)

    def _int(self, letter: str, default: int, low: int, high: int) -> int:
        value = int(self.fields.get(letter, default))
        if not low <= value <= high:
            raise ValueError(f"Text '{self.text}' could not be parsed: {value} is no value of {letter}")
        return value

    def _year(self) -> int:
        text = self.fields.get("y", self.fields.get("u", "1970"))
        return 2000 + int(text) if len(text) == 2 else self._int("y" if "y" in self.fields else "u", 1970, 1, 9999)

    def date(self) -> datetime.date:
        """Find the date; what is missing is that of the epoch, a day behind the end of its month is its last."""
        year = self._year()
        if "D" in self.fields:
            return datetime.date(year, 1, 1) + datetime.timedelta(days=self._int("D", 1, 1, 366) - 1)
        name = self.fields.get("M", self.fields.get("L", "1"))
        if name.isdigit():
            month = self._int("M" if "M" in self.fields else "L", 1, 1, 12)
        else:
            month = next(i for i, known in enumerate(_MONTHS, 1) if known[:3].lower() == name[:3].lower())
        day = self._int("d", 1, 1, 31)
        return datetime.date(year, month, min(day, calendar.monthrange(year, month)[1]))

    def time(self) -> datetime.time:
        """Find the time of day; what is missing is 0."""
        if "A" in self.fields or "N" in self.fields:
            micros = int(self.fields["A"]) * 1000 if "A" in self.fields else int(self.fields["N"]) // 1000
            return (datetime.datetime.min + datetime.timedelta(microseconds=micros)).time()
        fraction = self.fields.get("S", self.fields.get("n", "0").zfill(9))
        micros = int(fraction[:6].ljust(6, "0"))
        return datetime.time(self._hour(), self._int("m", 0, 0, 59), self._int("s", 0, 0, 59), micros)

    def _hour(self) -> int:
        afternoon = 12 if self.fields.get("a", "").upper() == "PM" else 0
        if "h" in self.fields:
            return self._int("h", 0, 1, 12) % 12 + afternoon
        if "K" in self.fields:
            return self._int("K", 0, 0, 11) + afternoon
        if "k" in self.fields:
            return self._int("k", 0, 1, 24) % 24
        return self._int("H", 0, 0, 23)

    def zone(self) -> datetime.tzinfo | None:
        """Find the zone or offset, if the text names one."""
        return next((zone(self.fields[letter]) for letter in "XxZzVO" if letter in self.fields), None)

    def epoch_ms(self, default: datetime.tzinfo = _UTC) -> int:
        """Find the moment in milliseconds since the epoch; ``default`` is the zone of a text that names none."""
        local = datetime.datetime.combine(self.date(), self.time(), tzinfo=self.zone() or default)
        epoch = datetime.datetime(1970, 1, 1, tzinfo=_UTC)
        return (local.astimezone(_UTC) - epoch) // datetime.timedelta(milliseconds=1)


class JavaPattern:
    """A compiled pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.tokens = _tokens(pattern)
        for token in self.tokens:
            if token.letter and token.letter not in DATE_LETTERS | TIME_LETTERS | ZONE_LETTERS | {"[", "]"}:
                raise ValueError(f"Unknown pattern letter: {token.letter}")
        self._letters: list[str] = []
        self._regex = re.compile("".join(map(self._piece, self.tokens)), re.IGNORECASE | re.ASCII)

    def _piece(self, token: Token) -> str:
        if token.letter in ("[", "]"):
            return "(?:" if token.letter == "[" else ")?"
        if not token.letter:
            return re.escape(token.text)
        self._letters.append(token.letter)
        return f"({_field_pattern(token.letter, token.count)})"

    def format(self, moment: datetime.datetime, letters: frozenset[str] | None = None) -> str:
        """Write a moment that knows its zone. Raises: ValueError for a letter outside ``letters``, if given."""
        parts = []
        for token in self.tokens:
            if token.letter in ("[", "]"):
                continue
            if token.letter and letters is not None and token.letter not in letters:
                raise ValueError(f"Unsupported field: {token.letter}")
            parts.append(_format_field(moment, token.letter, token.count) if token.letter else token.text)
        return "".join(parts)

    def parse(self, text: str) -> Parsed:
        """Read a text. Raises: ValueError when it does not follow the pattern."""
        found = self._regex.fullmatch(text)
        if found is None:
            raise ValueError(f"Text '{text}' could not be parsed with the pattern {self.pattern}")
        fields = {letter: value for letter, value in zip(self._letters, found.groups(), strict=True) if value}
        return Parsed(fields, text)


@lru_cache(maxsize=512)
def java_pattern(pattern: str) -> JavaPattern:
    """Compile a pattern. Raises: ValueError when it is none, or uses what is not supported."""
    try:
        return JavaPattern(pattern)
    except (KeyError, re.error) as error:
        raise ValueError(f"pattern {pattern} is not supported") from error
