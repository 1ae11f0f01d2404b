"""Reading text, JSON and CSV so that two readers cannot understand one file differently."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, NoReturn

from node.errors import CityError

DEPTH_MAX = 16
ROWS_MAX = 10_000
CELL_MAX = 1_000  # characters


def malformed(reason: str) -> NoReturn:
    raise CityError("CITY-1102", reason=reason)


def invalid(field: str, found: Any, rule: str) -> NoReturn:
    raise CityError("CITY-1105", field=field, found=repr(found)[:80], rule=rule)


def read_text(data: bytes, what: str, size_max: int) -> str:
    """The file as text: UTF-8, no NUL, within its limit. Raises CITY-1003, CITY-1102."""
    if len(data) > size_max:
        raise CityError("CITY-1003", what=what, size=len(data), limit=size_max)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        malformed(f"byte {error.start} is not UTF-8")
    if "\x00" in text:
        malformed(f"there is a NUL at character {text.index(chr(0))}")
    return text


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            malformed(f"the name {name[:40]!r} stands twice in one object")
        found[name] = value
    return found


def _no_float(text: str) -> NoReturn:
    malformed(f"{text[:40]} is no integer; amounts are in minor units")


def _no_constant(text: str) -> NoReturn:
    malformed(f"{text} is not JSON")


def _integer(text: str) -> int:
    if len(text) > 20:
        malformed("a number has more than 20 digits")
    return int(text)


def _check_depth(text: str) -> None:
    """The decoder recurses, so the depth is bounded before it starts; brackets in strings do not count."""
    depth, quoted, escaped = 0, False, False
    for character in text:
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            quoted, escaped = True, False
        elif character in "[{":
            depth += 1
            if depth > DEPTH_MAX:
                malformed(f"it nests deeper than {DEPTH_MAX}")
        elif character in "]}":
            depth -= 1


def load_json(text: str) -> Any:
    """JSON without duplicate names, decimals, NaN or deep nesting. Raises CITY-1102."""
    _check_depth(text)
    try:
        return json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_float=_no_float,
            parse_constant=_no_constant,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        malformed(f"line {error.lineno}, column {error.colno} is not JSON")


def load_csv(text: str, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows by column name; the header is exactly `columns` in this order. Raises CITY-1102."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, str]] = []
    try:
        header = next(reader, [])
        if header != list(columns):
            malformed(f"the first line is not {','.join(columns)}")
        for row in reader:
            if not row:
                continue
            if len(row) != len(columns):
                malformed(f"line {reader.line_num} has {len(row)} cells, not {len(columns)}")
            if any(len(cell) > CELL_MAX for cell in row):
                malformed(f"line {reader.line_num} has a cell of more than {CELL_MAX} characters")
            if len(rows) == ROWS_MAX:
                malformed(f"there are more than {ROWS_MAX} lines")
            rows.append(dict(zip(columns, (cell.strip() for cell in row), strict=True)))
    except csv.Error as error:
        malformed(f"line {reader.line_num} is not CSV: {error}")
    return rows


def load_records(text: str, media: str, columns: Sequence[str]) -> list[dict[str, str]]:
    """Records of a CSV table or of a JSON list of flat objects, every value as text.

    media: `csv` or `json`. JSON numbers become their digits. Raises CITY-1102, CITY-1103, CITY-1104.
    """
    if media == "csv":
        return load_csv(text, columns)
    if media != "json":
        raise CityError("CITY-1103", found=repr(media)[:40], known="csv and json")
    found = load_json(text)
    if type(found) is not list or len(found) > ROWS_MAX:
        malformed(f"it is no list of at most {ROWS_MAX} records")
    return [_flat_record(record, columns) for record in found]


def _flat_record(record: Any, columns: Sequence[str]) -> dict[str, str]:
    if type(record) is not dict:
        malformed("a record is no object")
    unknown = [name for name in record if name not in columns]
    if unknown:
        malformed(f"the field {unknown[0][:40]!r} is unknown")
    row: dict[str, str] = {}
    for column in columns:
        if column not in record:
            raise CityError("CITY-1104", field=column)
        value = record[column]
        if type(value) not in (str, int) or len(str(value)) > CELL_MAX:
            invalid(column, value, "text or an integer")
        row[column] = str(value).strip()
    return row
