"""What waits for somebody's word: changes of the configuration, versions of contracts, drafts of rules.

Each has an id that says what it is: p-3f9a01c2d4e5f607 is a change, receivable@2 a version of a contract,
tenor:receivable/1 a version of a rule.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from node.cli.output import fail

CONFIG, LIFECYCLE, RULEBOOK = "_config", "_contract", "rulebook"
OPEN_VERSIONS = ("proposed", "approved", "scheduled")


@dataclass(frozen=True, slots=True)
class Item:
    """kind: change, contract or rule. missing: who may still say yes; next: what it waits for, in words."""

    id: str
    kind: str
    what: str
    by: str
    approvals: str
    missing: tuple[str, ...]
    next: str
    until: str

    def json(self) -> dict[str, Any]:
        return asdict(self)


def kind_of(id_: str) -> str:
    """Raises CITY-1002."""
    name, at, version = id_.partition("@")
    if id_.startswith("p-"):
        return "change"
    if at and name and version.isascii() and version.isdigit():
        return "contract"
    if "/" in id_:
        return "rule"
    raise fail("CITY-1002", field="proposal", rule="p-…, CONTRACT@VERSION or RULE/NUMBER")


def place_of(id_: str) -> dict[str, Any]:
    """The contract and version that an id names."""
    name, _, version = id_.partition("@")
    return {"name": name, "version": int(version)}


def gather(net: Any) -> list[Item]:
    """Everything that is open, changes first."""
    found = [_change(row) for row in ask(net, CONFIG, "proposals")]
    decides = ask(net, CONFIG, "version_policy")
    found += [
        _version(row, decides)
        for row in ask(net, LIFECYCLE, "list")
        if row["status"] in OPEN_VERSIONS
    ]
    return found + [_draft(row) for row in drafts(net)]


def drafts(net: Any) -> list[Mapping[str, Any]]:
    """Versions of rules that wait for their second signature; none where no rulebook runs.

    Families of rules are open (a price band for each kind of goods), so the events tell which were drafted."""
    if not any(c.name == RULEBOOK and c.status == "active" for c in net.contracts()):
        return []
    waiting: dict[str, None] = {}
    for event in net.past_events(RULEBOOK):
        id_ = str(event.fields.get("id", ""))
        if event.name == "Rule.Drafted":
            waiting[id_] = None
        else:
            waiting.pop(id_, None)
    return [ask(net, RULEBOOK, "get", {"id": id_}) for id_ in waiting]


def ask(net: Any, contract: str, view: str, args: Mapping[str, Any] | None = None) -> Any:
    from contracts.runtime import values

    return values.to_json(net.query(contract, view, args).value)


def _change(row: Mapping[str, Any]) -> Item:
    until = f"block {row['expires']}"
    if row["expires_ms"]:
        until += f" or {date_of(row['expires_ms'])}"
    if row["is_approved"]:
        waits = f"block {row['execute_at']}"
    elif row["execute_at"]:
        waits = f"{row['policy']}, then block {row['execute_at']}"
    else:
        waits = str(row["policy"])
    approvals = f"{len(row['approvals'])} of {row['needed']}"
    missing = tuple(row["missing"])
    who = str(row["proposed_by"])
    return Item(row["proposal"], "change", row["change"], who, approvals, missing, waits, until)


def _version(row: Mapping[str, Any], decides: Mapping[str, Any]) -> Item:
    id_ = f"{row['name']}@{row['version']}"
    notes = str(row["notes"]).splitlines()[:1]
    what = f"contract {row['name']} version {row['version']}" + (f": {notes[0]}" if notes else "")
    said = [*row["approvals"], *row["rejections"]]
    missing = tuple(m for m in decides["asked"] if m not in said)
    waits = {
        "proposed": str(decides["policy"]),
        "approved": f"city contract activate {row['name']} {row['version']}",
        "scheduled": f"block {row['active_from']}",
    }[row["status"]]
    approvals = f"{len(row['approvals'])} of {decides['needed']}"
    open_to = missing if row["status"] == "proposed" else ()
    return Item(id_, "contract", what, row["proposed_by"], approvals, open_to, waits, "")


def _draft(row: Mapping[str, Any]) -> Item:
    what = f"rule {row['name']} from {row['since']} on: {row['source']}"
    who = str(row["authority"])
    return Item(row["id"], "rule", what, who, "1 of 2", (who,), "another officer's signature", "")


def date_of(ms: int) -> str:
    moment = datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M UTC")
