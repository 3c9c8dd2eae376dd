"""Scalar functions that add time units, and those between dates, timestamps and numbers."""

from __future__ import annotations

from streamnb.duck import Sql, lit
from streamnb.errors import KsqlFunctionError
from streamnb.functions.declare import Builder, Call, Function, fill, in_sql
from streamnb.functions.signatures import UnitArg
from streamnb.sql.ast import UNIT_MS

__all__ = ["FUNCTIONS"]

_CATEGORY = "date time"
_DAY_MS = UNIT_MS["DAYS"]


def _unit_ms(call: Call) -> Sql:
    unit = call.given[0]
    assert isinstance(unit, UnitArg)
    if unit.unit not in UNIT_MS:
        raise KsqlFunctionError(f"Unsupported time unit {unit.unit}", hint=f"one of {', '.join(UNIT_MS)}")
    return lit(UNIT_MS[unit.unit])


def _moved(sign: str) -> Builder:
    """Add or take away an interval; a time of day goes round the clock."""

    def build(call: Call) -> Sql:
        interval = "to_microseconds({1}::BIGINT * {0} * 1000)"
        return fill(f"({{2}} {sign} {interval})", (_unit_ms(call), call.sql(1), call.sql(2)))

    return build


def _moved_date(sign: str) -> Builder:
    """Add or take away whole days; what is less than a day is lost."""

    def build(call: Call) -> Sql:
        ms = f"epoch_ms({{2}}::TIMESTAMP) {sign} {{1}}::BIGINT * {{0}}"
        days = f"trunc(({ms}) / {_DAY_MS})::INTEGER"
        return fill(f"(DATE '1970-01-01' + {days})", (_unit_ms(call), call.sql(1), call.sql(2)))

    return build


def _function(name: str, type_: str, builder: Builder) -> Function:
    verb = "Adds an interval to" if name.endswith("ADD") else "Takes an interval away from"
    doc = f"{verb} a {'time of day' if type_ == 'TIME' else type_.lower()}."
    text = f"(unit UNIT, interval INT, value {type_}) -> {type_}"
    return Function(name, _CATEGORY, doc, (in_sql(text, builder, can_raise=True),))


FUNCTIONS: tuple[Function, ...] = (
    _function("DATEADD", "DATE", _moved_date("+")),
    _function("DATESUB", "DATE", _moved_date("-")),
    Function(
        "FROM_DAYS",
        _CATEGORY,
        "Returns the date so many days after the epoch.",
        (in_sql("(days INT) -> DATE", "(DATE '1970-01-01' + {0})", can_raise=True),),
    ),
    Function(
        "FROM_UNIXTIME",
        _CATEGORY,
        "Returns the timestamp so many milliseconds after the epoch.",
        (in_sql("(ms BIGINT) -> TIMESTAMP", "epoch_ms({0}::BIGINT)", can_raise=True),),
    ),
    _function("TIMEADD", "TIME", _moved("+")),
    _function("TIMESTAMPADD", "TIMESTAMP", _moved("+")),
    _function("TIMESTAMPSUB", "TIMESTAMP", _moved("-")),
    _function("TIMESUB", "TIME", _moved("-")),
    Function(
        "UNIX_DATE",
        _CATEGORY,
        "Returns the days since the epoch, of today or of a date.",
        (
            in_sql("() -> INT", "(current_date - DATE '1970-01-01')::INTEGER", volatile=True),
            in_sql("(value DATE) -> INT", "({0} - DATE '1970-01-01')::INTEGER"),
        ),
    ),
    Function(
        "UNIX_TIMESTAMP",
        _CATEGORY,
        "Returns the milliseconds since the epoch, of now or of a timestamp.",
        (
            in_sql("() -> BIGINT", "epoch_ms(now())", volatile=True),
            in_sql("(value TIMESTAMP) -> BIGINT", "epoch_ms({0})"),
        ),
    ),
)
