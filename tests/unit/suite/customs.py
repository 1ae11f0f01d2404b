"""Goods that customs has cleared, as oracles tell it, and the trade account that counts them."""

from __future__ import annotations

from typing import Any

from tests.unit.suite.oracles import Oracles
from tests.unit.suite.world import PARTIES, USERS, World, digest

TA = "TA-2026-1"
GROSS = 1_200_000_000
DECLARATION = "530120260001234567"
CUSTOMS = {
    "customs": ("CUS-SZ", ("regulator",)),
    "customs-second": ("CUS-SZ", ("regulator",)),
    "safe-desk": ("SAFE", ("maker",)),
}


def what(**changes: Any) -> dict[str, Any]:
    return {"amount": GROSS, "currency": "CNY", "hs": "8517130000", "quantity": 4_000,
            "origin": "CNSZX", "destination": "HKHKG", **changes}  # fmt: skip


def told(fields: dict[str, Any], uscc: str = PARTIES["PX"][3]) -> str:
    names = ("hs", "quantity", "amount", "currency", "origin", "destination")
    return " ".join(["CLEARED", uscc, *(str(fields[name]) for name in names)])


class Customs:
    """Oracles that tell what customs has cleared."""

    def __init__(self, world: World) -> None:
        world.users = {**USERS, **CUSTOMS}
        self.oracles = Oracles(world)

    def clear(self, number: str, **changes: Any) -> dict[str, Any]:
        fields = what(**changes)
        self.oracles.fact("customs-declaration", number, told(fields))
        return fields


def opened_account(world: World, id: str = TA, **changes: Any) -> str:
    args = {
        "id": id, "direction": "export", "counterparty": "HB", "bank": "QB", "safe": "SAFE",
        "contract": digest("contract " + id), "incoterm": "FOB", "expected_fen": GROSS,
        "expected_date": "2027-02-16", **changes,
    }  # fmt: skip
    return str(world.ok("px-maker", "trade_account.open", **args))


def declare(world: World, number: str, fields: dict[str, Any], id: str = TA) -> str:
    return str(world.ok("px-maker", "trade_account.declare", id=id, declaration=number, **fields))
