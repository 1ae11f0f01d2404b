"""The balance of the story (domain/story.md 5.3), computed from the ledger."""

from __future__ import annotations

from typing import Any

from deploy.demo.play import Play
from deploy.demo.story import expect, fen

PAID_OUT = ("DISBURSED", "REPAID")


async def check(play: Play) -> None:
    """What the bank paid, has back and earned: as the contracts hold it."""
    wanted, desk, inspector = play.story["balance"], play.desk, play.story.regulator
    bank = wanted["bank"]
    every = await desk.ask(inspector, "financing", "list_financings")
    paid_out: list[dict[str, Any]] = [
        one for one in every if one["bank"] == bank and one["state"] in PAID_OUT
    ]
    advances = [one for one in paid_out if one["document"]]
    leaves = [one for one in paid_out if one["leaf_id"]]
    expect("paid out", wanted["paid_fen"], [one["payout_fen"] for one in paid_out])
    held = [
        (await desk.ask(inspector, "receivable", "get_piece", leaf_id=one["leaf_id"]))["amount_fen"]
        for one in leaves
    ]
    repaid = [one["principal_fen"] + one["interest_fen"] for one in advances]
    expect("has back", wanted["receives_fen"], [*repaid, sum(held)])
    expect("SCF income", wanted["scf_income_fen"], [one["interest_fen"] for one in leaves])
    interest = sum(one["interest_fen"] for one in advances)
    expect("invoice interest", wanted["invoice_interest_fen"], interest)
    paid, back = sum(wanted["paid_fen"]), sum(wanted["receives_fen"])
    income = sum(wanted["scf_income_fen"]) + interest
    expect("has back, less paid, is what was earned", income, back - paid)
    play.report.line("")
    play.report.line("Balance of the story, computed from the ledger", "bold")
    rows = [
        ("paid", wanted["paid_fen"], paid), ("receives", wanted["receives_fen"], back),
        ("SCF income", wanted["scf_income_fen"], sum(wanted["scf_income_fen"])),
        ("invoice interest", [interest], interest),
    ]  # fmt: skip
    play.report.table(
        ("", "", "Fen"),
        [
            (f"{bank} {name}", " + ".join(f"{n:,}" for n in parts), f"{whole:,}")
            for name, parts, whole in rows
        ],
    )
    play.report.line(f"{back:,} − {paid:,} = {fen(income)} earned, to the fen")
