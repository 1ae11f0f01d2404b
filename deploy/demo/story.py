"""The story as data: figures from story.toml, people from network.toml, documents from the files beside."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.documents.customs import Declaration, parse_declarations
from node.documents.parties import PartyRecord, parse_parties
from node.documents.ubl import Invoice, InvoiceParty, parse_invoice
from node.identity.suite import Suite, get_suite
from node.network.plan import Plan, load_plan

FOLDER = Path(__file__).parent
FILE = "story.toml"
CHINA = datetime.timezone(datetime.timedelta(hours=8))


class StepFailed(Exception):
    """A step did not hold. `expected` and `came` are what the story says and what happened."""

    def __init__(self, what: str, expected: object, came: object) -> None:
        super().__init__(what)
        self.what, self.expected, self.came = what, expected, came


def expect(what: str, expected: object, came: object) -> None:
    """Raises StepFailed where the two differ."""
    if expected != came:
        raise StepFailed(what, expected, came)


@dataclass(frozen=True, slots=True)
class Story:
    """`figures`: story.toml as it is. Money is fen, rates are parts per million a year.

    folders: where its files lie; a story that is told on another one's figures finds also that one's files."""

    figures: Mapping[str, Any]
    plan: Plan
    parties: Mapping[str, PartyRecord]
    suite: Suite
    folders: tuple[Path, ...]

    def __getitem__(self, name: str) -> Any:
        return self.figures[name]

    @property
    def ec_id(self) -> str:
        return str(self["step7"]["ec_id"])

    def at_ms(self, date: str) -> int:
        """The story's hour of a day, YYYY-MM-DD in China Standard Time, in ms since 1970."""
        day = datetime.datetime.fromisoformat(date).replace(hour=self["hour"], tzinfo=CHINA)
        return int(day.timestamp()) * 1000

    def user(self, member: str, role: str) -> str:
        """The user who holds a role at a member."""
        for found in self.plan.members:
            for name, roles in found.users.items():
                if found.id == member and role in roles:
                    return name
        raise StepFailed("the cast of network.toml", f"a {role} at {member}", "nobody")

    @property
    def regulator(self) -> str:
        """The user who sees everything and registers the center's log."""
        found = (m.id for m in self.plan.members if any("regulator" in r for r in m.users.values()))
        return self.user(next(found), "regulator")

    def member_of(self, party: InvoiceParty) -> str:
        """Who a party of an invoice is: known by its USCC or LEI, not by its name."""
        for record in self.parties.values():
            if party.identifier in (record.uscc, record.lei):
                return record.party_id
        raise StepFailed("the parties of an invoice", "a registered identifier", party.identifier)

    def invoice(self, path: str) -> Invoice:
        """Reads a UBL file. Raises CityError."""
        return parse_invoice(self.file(path).read_bytes(), self.suite)

    def file(self, path: str) -> Path:
        return find_file(self.folders, path)

    def declaration(self) -> Declaration:
        data = self.file(self["files"]["declaration"]).read_bytes()
        (found,) = parse_declarations(data, "json", self.suite)
        return found


def find_file(folders: Sequence[Path], path: str) -> Path:
    """The first of the folders that has it."""
    return next((f / path for f in folders if (f / path).exists()), folders[0] / path)


def read_figures(folder: Path) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """The figures in a folder, and the folders they come from: `base` names a folder whose figures hold
    where this one says nothing else."""
    figures = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    base = figures.pop("base", "")
    if not base:
        return figures, (folder,)
    first, folders = read_figures((folder / base).resolve())
    return overlay(first, figures), (folder, *folders)


def overlay(first: dict[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are put together, everything else is replaced."""
    found = dict(first)
    for name, value in then.items():
        known = found.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            found[name] = overlay(known, value)
        else:
            found[name] = value
    return found


def load_story(folder: Path | None = None) -> Story:
    """The story of a folder; without one the demonstration's own."""
    figures, folders = read_figures(folder or FOLDER)
    files = figures["files"]
    parties = parse_parties(find_file(folders, files["parties"]).read_bytes(), "csv")
    plan = load_plan(find_file(folders, files["network"]))
    by_id = {party.party_id: party for party in parties}
    return Story(figures, plan, by_id, get_suite(plan.channel.suite), folders)


def fen(amount: int) -> str:
    return f"{amount:,} fen"
