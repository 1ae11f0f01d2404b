"""The same balances from what the ledger says now, and where they part from the journal's.

A recount asks views of the contracts as a regulator: credentials, their pieces, financings, money received. It
never looks at an event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from node.audit.journal import OUTSIDE, Break, Journal

Ask = Callable[[str, str, dict[str, Any]], Any]
Rows = list[Mapping[str, Any]]
LIVES = ("ACTIVE", "CLOSED")


@dataclass(frozen=True, slots=True)
class Recount:
    """balances: as `Journal.balances`. leaves: piece → (holder, open fen). breaks: what is wrong in the ledger
    itself."""

    balances: dict[str, int]
    leaves: dict[str, tuple[str, int]]
    breaks: list[Break]


def every(ask: Ask, contract: str, view: str, key: str, **args: Any) -> Iterator[Mapping[str, Any]]:
    """All rows of a view that pages by `after`."""
    after: Any = None
    while True:
        rows: Rows = ask(contract, view, args | ({} if after is None else {"after": after}))
        yield from rows
        if not rows:
            return
        after = rows[-1][key]


def recount(ask: Ask) -> Recount:
    """ask: a query as a regulator: contract, view, arguments."""
    totals: dict[str, int] = defaultdict(int)
    found: list[Break] = []
    credentials = {
        row["ec_id"]: row for row in every(ask, "receivable", "list_credentials", "ec_id")
    }
    leaves = dict(_leaves(ask, credentials, found))
    for holder, open_fen in leaves.values():
        totals[f"claim/{holder}"] += open_fen
    lines: dict[tuple[str, str], int] = defaultdict(int)
    for row in credentials.values():
        owed = row["face_fen"] - row["paid_fen"] - row["reduced_fen"]
        if row["state"] in LIVES:
            totals[f"debt/{row['issuer']}"] -= owed
        if row["state"] in (*LIVES, "DRAFT", "OFFERED"):
            lines[row["issuer"], row["paying_bank"]] += owed
    for (issuer, bank), owed in sorted(lines.items()):
        line = ask("credit_line", "headroom", {"issuer": issuer, "bank": bank})
        if line["outstanding_fen"] != owed:
            what = f"{line['outstanding_fen']} fen used, {owed} fen owed"
            found.append(Break("CREDIT_LINE", f"{issuer} at {bank}", what))
    for row in every(ask, "financing", "list_financings", "request_id"):
        totals[f"advance/{row['bank']}"] += row["claim_fen"]
        totals[f"borrowed/{row['borrower']}"] -= row["claim_fen"]
        totals[f"surplus/{row['borrower']}"] += row["surplus_fen"]
        totals[f"owing/{row['bank']}"] -= row["surplus_fen"]
    for row in every(ask, "dcep", "money_received", "payee"):
        totals[f"money/{row['payee']}"] += row["amount_fen"]
        totals[OUTSIDE] -= row["amount_fen"]
    balances = {account: total for account, total in sorted(totals.items()) if total}
    return Recount(balances, leaves, found)


def _leaves(
    ask: Ask, credentials: Mapping[str, Mapping[str, Any]], found: list[Break]
) -> Iterator[tuple[str, tuple[str, int]]]:
    """Each leaf with holder and what is open; breaks where the leaves do not cover their credential."""
    sums: dict[str, int] = defaultdict(int)
    paid: dict[str, int] = defaultdict(int)
    for row in every(ask, "receivable", "list_pieces", "leaf_id", limit=200):
        if row["state"] == "SPLIT":
            continue
        ec_id = row["leaf_id"].split("/")[0]
        sums[ec_id] += row["amount_fen"]
        paid[ec_id] += row["paid_fen"] + row["reduced_fen"]
        yield (
            row["leaf_id"],
            (row["holder"], row["amount_fen"] - row["paid_fen"] - row["reduced_fen"]),
        )
    for ec_id, row in credentials.items():
        if row["state"] not in LIVES:
            continue
        if sums[ec_id] != row["face_fen"]:
            found.append(Break("LEAVES_SUM", ec_id, f"{sums[ec_id]} of {row['face_fen']} fen"))
        if paid[ec_id] != row["paid_fen"] + row["reduced_fen"]:
            what = f"its leaves {paid[ec_id]}, itself {row['paid_fen'] + row['reduced_fen']} fen"
            found.append(Break("PAID_SUM", ec_id, what))


def breaks_between(journal: Journal, counted: Recount) -> list[Break]:
    """Everything found: in the events, in the ledger, and between the two."""
    found = [*journal.breaks, *counted.breaks]
    replayed = journal.balances()
    for account in sorted({*replayed, *counted.balances}):
        ours, theirs = replayed.get(account, 0), counted.balances.get(account, 0)
        if ours != theirs:
            what = f"{ours} fen by events, {theirs} fen by the ledger"
            found.append(Break("BALANCE", account, what))
    told = {name: (leaf.holder, leaf.open_fen) for name, leaf in journal.leaves.items()}
    for name in sorted({*told, *counted.leaves}):
        if told.get(name) != counted.leaves.get(name):
            what = f"{told.get(name)} by events, {counted.leaves.get(name)} by the ledger"
            found.append(Break("LEAF", name, what))
    return found
