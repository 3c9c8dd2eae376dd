"""Functions as other databases call them, for the hint when there is none of that name."""

from __future__ import annotations

import difflib

__all__ = ["function_advice"]

_FUNCTIONS = {
    "UPPER": "UCASE",
    "LOWER": "LCASE",
    "LENGTH": "LEN",
    "CHAR_LENGTH": "LEN",
    "SUBSTR": "SUBSTRING",
    "STRPOS": "INSTR",
    "POSITION": "INSTR",
    "CEILING": "CEIL",
    "POW": "POWER",
    "NVL": "IFNULL",
    "ISNULL": "IFNULL",
    "IF": "CASE WHEN condition THEN a ELSE b END",
    "IIF": "CASE WHEN condition THEN a ELSE b END",
    "DECODE": "CASE value WHEN a THEN b END",
    "NOW": "UNIX_TIMESTAMP() for milliseconds, FROM_UNIXTIME(UNIX_TIMESTAMP()) for a TIMESTAMP",
    "CURRENT_TIMESTAMP": "FROM_UNIXTIME(UNIX_TIMESTAMP())",
    "GETDATE": "FROM_UNIXTIME(UNIX_TIMESTAMP())",
    "CURRENT_DATE": "FROM_DAYS(UNIX_DATE())",
    "TO_TIMESTAMP": "PARSE_TIMESTAMP(text, pattern)",
    "TO_DATE": "PARSE_DATE(text, pattern)",
    "STR_TO_DATE": "PARSE_DATE(text, pattern)",
    "TO_CHAR": "FORMAT_TIMESTAMP(time, pattern)",
    "DATE_FORMAT": "FORMAT_TIMESTAMP(time, pattern)",
    "DATE_ADD": "DATEADD(DAYS, 1, date)",
    "DATE_SUB": "DATESUB(DAYS, 1, date)",
    "JSON_EXTRACT": "EXTRACTJSONFIELD(text, '$.field')",
    "JSON_VALUE": "EXTRACTJSONFIELD(text, '$.field')",
    "GET_JSON_OBJECT": "EXTRACTJSONFIELD(text, '$.field')",
    "STRING_AGG": "COLLECT_LIST, and ARRAY_JOIN over its result",
    "GROUP_CONCAT": "COLLECT_LIST, and ARRAY_JOIN over its result",
    "LISTAGG": "COLLECT_LIST, and ARRAY_JOIN over its result",
    "ARRAY_AGG": "COLLECT_LIST",
    "FIRST": "EARLIEST_BY_OFFSET",
    "FIRST_VALUE": "EARLIEST_BY_OFFSET",
    "LAST": "LATEST_BY_OFFSET",
    "LAST_VALUE": "LATEST_BY_OFFSET",
    "STDDEV": "STDDEV_SAMPLE",
    "APPROX_COUNT_DISTINCT": "COUNT_DISTINCT",
    "UNNEST": "EXPLODE",
    "CARDINALITY": "ARRAY_LENGTH",
    "SIZE": "ARRAY_LENGTH",
    "FETCH_FIELD_FROM_STRUCT": "struct->field",
}


def function_advice(name: str) -> str | None:
    """Tell what another database's function, or one written nearly so, is called here; None when nothing is like it."""
    found = _FUNCTIONS.get(name.upper())
    if found is None:
        close = difflib.get_close_matches(name.upper(), _FUNCTIONS, 1, 0.85)
        found = _FUNCTIONS[close[0]] if close else None
    return f"write {found}" if found is not None else None
