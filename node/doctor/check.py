"""What a visit to a node finds: one line a check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from node.errors import CityError


class Mark(StrEnum):
    ok = "ok"
    warn = "warn"
    bad = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """do: the next step where the mark is not ok. channel: empty for the node as a whole."""

    name: str
    mark: Mark
    found: str
    do: str = ""
    channel: str = ""


def failed(name: str, error: CityError) -> Check:
    texts = error.localized("en")
    return Check(name, Mark.bad, f"{error.code} {error.message}", texts[2])
