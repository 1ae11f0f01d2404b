"""The areas put together, and the exception that names an entry."""

from __future__ import annotations

import string
from typing import Any

from node.errors import (
    command,
    configuration,
    consensus,
    contract,
    enrolment,
    hosting,
    identity,
    network,
    oracle,
    request,
    signing,
    storage,
    transaction,
)
from node.errors.entry import Entry

AREAS = (
    request,
    identity,
    enrolment,
    signing,
    transaction,
    contract,
    storage,
    consensus,
    oracle,
    configuration,
    network,
    hosting,
    command,
)


def _collect() -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for area in AREAS:
        for entry in area.ENTRIES:
            if entry.code in found:
                raise ValueError(f"{entry.code} stands twice in the catalogue")
            found[entry.code] = entry
    return found


CATALOGUE = _collect()


def find(code: str) -> Entry | None:
    """The entry for `CITY-nnnn`, `nnnn` or `NAME`, in any case."""
    wanted = code.strip().upper()
    for entry in CATALOGUE.values():
        if wanted in (entry.code, entry.code.removeprefix("CITY-"), entry.name):
            return entry
    return None


class CityError(Exception):
    """An error for users: `CityError("CITY-3001", limit=…, size=…)`. Missing ones show as <name>."""

    def __init__(self, code: str, /, **variables: Any) -> None:
        self.entry = CATALOGUE[code]
        self.variables = variables
        super().__init__(f"{self.code} {self.name}: {self.message}")

    @property
    def code(self) -> str:
        return self.entry.code

    @property
    def name(self) -> str:
        return self.entry.name

    def _render(self, template: str) -> str:
        return string.Formatter().vformat(template, (), _Lenient(self.variables))

    @property
    def message(self) -> str:
        return self._render(self.entry.message)

    @property
    def why(self) -> str:
        return self._render(self.entry.why)

    @property
    def do(self) -> str:
        return self._render(self.entry.do)

    def localized(self, language: str) -> tuple[str, str, str]:
        """Message, why and do in "en" or "zh"."""
        entry = self.entry
        if language == "zh":
            templates = (entry.message_zh, entry.why_zh, entry.do_zh)
        else:
            templates = (entry.message, entry.why, entry.do)
        message, why, do = (self._render(template) for template in templates)
        return message, why, do

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, the same in the command line, REST and logs."""
        return {
            "code": self.code,
            "name": self.name,
            "message": self.message,
            "why": self.why,
            "do": self.do,
            "variables": {key: str(value) for key, value in self.variables.items()},
        }


class _Lenient(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"<{key}>"
