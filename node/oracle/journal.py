"""A small file of JSON lines: what a relay or an oracle has done, so that a restart repeats nothing.

Each line is durable when `append` returns. A last line that was cut short is dropped at opening: what it said
had not been acted upon, because acting follows writing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from node.errors import CityError

LINE_BYTES_MAX = 64 * 1024


class Journal:
    """One writer. Use `close` at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        self._cut_torn_line()

    def _cut_torn_line(self) -> None:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            self._file.truncate(whole)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Every record, oldest first. Raises CityError CITY-7010 where the file is no journal."""
        return read_records(self.path)

    def append(self, **record: Any) -> None:
        self._file.write(_line(record))
        self._file.flush()
        os.fsync(self._file.fileno())

    def rewrite(self, records: Iterable[dict[str, Any]]) -> None:
        """Puts these records in place of all: whole or not at all."""
        new = self.path.with_name(self.path.name + ".new")
        with new.open("wb") as file:
            for record in records:
                file.write(_line(record))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._file.close()
        self._file = self.path.open("a+b")

    def close(self) -> None:
        self._file.close()


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a journal, also while another process writes it. Raises CityError CITY-7010."""
    data = path.read_bytes()
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CityError("CITY-7010", path=path, line=number) from error
        if not isinstance(record, dict):
            raise CityError("CITY-7010", path=path, line=number)
        yield record


def _line(record: dict[str, Any]) -> bytes:
    line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
    assert len(line) <= LINE_BYTES_MAX
    return line
