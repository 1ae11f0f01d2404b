"""Checks as data: who reads the list sees what is looked at, and on which article each rests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from node.documents.precheck.case import Case, Document

Reading = Callable[[Case], Iterator[tuple[Document | None, str]]]
DISCREPANCY, NOTE = "discrepancy", "note"


@dataclass(frozen=True, slots=True)
class Check:
    """article: what it rests on. severity: a discrepancy may be refused for, a note may not."""

    id: str
    article: str
    title: str
    severity: str
    read: Reading


@dataclass(frozen=True, slots=True)
class Finding:
    check: Check
    document: str
    text: str

    def to_dict(self) -> dict[str, str]:
        return {
            "check": self.check.id,
            "article": self.check.article,
            "severity": self.check.severity,
            "document": self.document,
            "finding": self.text,
        }


CHECKS: list[Check] = []


def check(
    id: str, article: str, title: str, severity: str = DISCREPANCY
) -> Callable[[Reading], Reading]:
    """Registers a function that yields (document or None, what is wrong)."""

    def register(read: Reading) -> Reading:
        assert all(known.id != id for known in CHECKS), id
        CHECKS.append(Check(id, article, title, severity, read))
        return read

    return register


def examine(case: Case) -> list[Finding]:
    """Every finding of every check. Raises nothing: a case that was read can be examined."""
    return [
        Finding(one, "presentation" if document is None else document.label, text)
        for one in CHECKS
        for document, text in one.read(case)
    ]


def differs(documents: list[Document], field: str) -> Iterator[tuple[Document, str]]:
    """Documents whose value of a field is not that of the first document that states it."""
    stating = [document for document in documents if getattr(document, field) not in ("", 0)]
    for other in stating[1:]:
        first, found = getattr(stating[0], field), getattr(other, field)
        if found != first:
            yield other, f"{found}, but {stating[0].label} says {first}"
