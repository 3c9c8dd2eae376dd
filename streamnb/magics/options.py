"""The options of %ksql and %%ksql: declared once, for the reader, the help, completion and the reference page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from streamnb.catalog import closest
from streamnb.errors import Span, StreamnbError
from streamnb.widgets.encoding import CHART_KINDS

__all__ = ["CELL_OPTIONS", "Given", "Option", "read_options", "usage_of"]

_WORD = re.compile(r"""\s*("[^"]*"|'[^']*'|\S+)""")
_ASSIGNED = re.compile(r"\s*([^\W\d]\w*)\s*<<(?=\s|\Z)")


@dataclass(frozen=True)
class Option:
    """One option. A flag has no ``metavar``; ``choices`` are checked, ``bare`` is the value of one written alone."""

    name: str
    help: str
    metavar: str = ""
    convert: Callable[[str], object] = str
    choices: tuple[str, ...] = ()
    bare: str | None = None

    @property
    def key(self) -> str:
        """The option's name in Python: ``--no-display`` is ``no_display``."""
        return self.name.lstrip("-").replace("-", "_")

    @property
    def usage(self) -> str:
        """The option as it is written: ``--limit N``, ``--chart [KIND]``."""
        metavar = f"[{self.metavar}]" if self.bare is not None else self.metavar
        return f"{self.name} {metavar}".rstrip()


@dataclass(frozen=True)
class Given:
    """Options that were written: values by their keys. ``rest`` is the text behind them, from offset ``end`` on."""

    values: Mapping[str, object] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    rest: str = ""
    end: int = 0

    def flag(self, key: str) -> bool:
        """Tell whether a flag was written."""
        return bool(self.values.get(key))

    def text(self, key: str) -> str | None:
        """Return the text of an option, None where it was not written."""
        value = self.values.get(key)
        return None if value is None else str(value)

    def number(self, key: str) -> int | None:
        """Return the whole number of an option, None where it was not written."""
        value = self.values.get(key)
        return value if isinstance(value, int) else None

    def rate(self, key: str) -> float | None:
        """Return the number of an option, None where it was not written."""
        value = self.values.get(key)
        return float(value) if isinstance(value, int | float) else None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ValueError("is no whole number above 0")
    return int(text)


def _above_zero(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError("is no number above 0")
    return number


def _variable(text: str) -> str:
    if not text.isidentifier():
        raise ValueError("is no name of a variable")
    return text


CELL_OPTIONS = (
    Option(
        "-o", "give the last result to this variable: q.df(), q.arrow(), q.stop(); q << is the same", "NAME", _variable
    ),
    Option("--chart", "draw a live chart instead of a table", "KIND", choices=CHART_KINDS, bare="auto"),
    Option("--x", "the chart's horizontal column", "COLUMN"),
    Option("--y", "the chart's height, a column of numbers", "COLUMN"),
    Option("--color", "one colour for each value of this column", "COLUMN"),
    Option("--window", "how far back a time axis reaches from the newest event: 30s, 5m, 1h", "SPAN"),
    Option("--limit", "show the newest N rows or points", "N", _count),
    Option("--rate", "draw at most N times a second", "N", _above_zero),
    Option("--no-display", "start the query without a view"),
    Option("--wait", "return when the query has ended: by LIMIT, by stop, or when the kernel is interrupted"),
    Option("--help", "show this text"),
)


def read_options(text: str, options: Sequence[Option], *, line: bool, prefix: str = "") -> Given:
    """Read leading options, and ``name <<``, which is ``-o name`` where there is such an option.

    On a ``line`` other text may follow, and it keeps its quotes and spaces; elsewhere words between options are
    ``words``. ``prefix`` is what stands before the text, for errors. Raises: StreamnbError pointing at the option.
    """
    reader = _Reader(text, options, prefix, line)
    while reader.take():
        pass
    return Given(reader.values, tuple(reader.words), text[reader.position :], reader.position)


def usage_of(options: Sequence[Option]) -> list[str]:
    """Write a line for each option, the texts below each other."""
    width = max((len(option.usage) for option in options), default=0)
    return [f"  {option.usage:<{width}}  {option.help}{_choices(option)}" for option in options]


def _choices(option: Option) -> str:
    return f": {', '.join(option.choices)}" if option.choices else ""


class _Reader:
    def __init__(self, text: str, options: Sequence[Option], prefix: str, line: bool) -> None:
        self.values: dict[str, object] = {}
        self.words: list[str] = []
        self.position = 0
        self._text = text
        self._options = {option.name: option for option in options}
        self._prefix = prefix
        self._line = line

    def take(self) -> bool:
        """Read one option or word; False when what comes is none."""
        assigned = _ASSIGNED.match(self._text, self.position) if "-o" in self._options else None
        if assigned is not None:
            self._set(self._options["-o"], assigned[1])
            self.position = assigned.end()
            return True
        found = _WORD.match(self._text, self.position)
        if found is None or (self._line and not _is_option(found[1])):
            return False
        self.position = found.end()
        if _is_option(found[1]):
            self._option(found)
        else:
            self.words.append(_bare(found[1]))
        return True

    def _option(self, found: re.Match[str]) -> None:
        name, equals, attached = found[1].partition("=")
        span = Span(found.start(1), found.start(1) + len(name))
        option = self._options.get(name)
        if option is None:
            near = closest(name, self._options)
            listed = f"options here: {', '.join(self._options)}" if self._options else "there are no options here"
            raise self._wrong(f"unknown option {name}", span, f"did you mean {near}?" if near else listed)
        if not option.metavar:
            if equals:
                raise self._wrong(f"{name} takes no value", span, None)
            self.values[option.key] = True
            return
        value = attached if equals else self._value(option)
        if value is None:
            raise self._wrong(f"{name} needs a value", span, f"write {option.usage}")
        self._set(option, _bare(value), Span(span.start, self.position))

    def _value(self, option: Option) -> str | None:
        found = _WORD.match(self._text, self.position)
        optional = option.bare is not None
        if found is None or _is_option(found[1]) or (optional and self._line and _bare(found[1]) not in option.choices):
            return option.bare
        if optional and _ASSIGNED.match(self._text, self.position):
            return option.bare
        self.position = found.end()
        return found[1]

    def _set(self, option: Option, value: str, span: Span | None = None) -> None:
        span = span or Span(self.position, self.position + len(value))
        if option.choices and value not in option.choices:
            near = closest(value, option.choices)
            hint = f"did you mean {near}? " if near else ""
            raise self._wrong(f"{option.name} takes no {value}", span, f"{hint}There are {', '.join(option.choices)}.")
        try:
            self.values[option.key] = option.convert(value)
        except ValueError as error:
            raise self._wrong(f"{option.name}: {value} {error}", span, f"write {option.usage}") from None

    def _wrong(self, problem: str, span: Span, hint: str | None) -> StreamnbError:
        shift = len(self._prefix)
        place = Span(span.start + shift, span.end + shift)
        return StreamnbError(problem, hint=hint, text=self._prefix + self._text, span=place)


def _is_option(word: str) -> bool:
    # A comment begins with two dashes as well; a number may be negative.
    return bool(re.match(r"--?[A-Za-z]", word))


def _bare(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] in "\"'" and word[-1] == word[0] else word
