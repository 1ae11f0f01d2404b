"""The cast of domain/story.md on one channel without any network: real contracts, real payment proofs.

Every call is a block with one transaction. Engines: the native one, or whatever `make_engine` gives.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contracts.bundles import load_suite
from contracts.rules import calendar
from contracts.runtime import keys, values
from contracts.runtime.api import BlockRequest, EventRecord, Transaction, TxResult
from contracts.runtime.native import NativeEngine
from deploy.regcenter.client import Wallet
from deploy.regcenter.hashing import sm3
from deploy.regcenter.model import Receipt
from deploy.regcenter.operations import Refresh
from tests.unit.suite.center_world import CHANNEL, MemoryState, Money, Natives, as_json

HOUR_MS = 3_600_000
GAS_DEMO_MAX = 5_000_000
# user → (member, roles)
USERS = {
    "px-maker": ("PX", ("maker",)),
    "px-checker": ("PX", ("checker",)),
    "px-both": ("PX", ("maker", "checker")),
    "px-reader": ("PX", ()),
    "hb": ("HB", ("maker",)),
    "lg": ("LG", ("maker",)),
    "lg-checker": ("LG", ("checker",)),
    "hl": ("HL", ("maker",)),
    "hl-checker": ("HL", ("checker",)),
    "xy": ("XY", ("maker",)),
    "qb-ops": ("QB", ("maker", "financier", "kyc")),
    "qb-checker": ("QB", ("checker", "kyc")),
    "nb-ops": ("NB", ("maker", "financier", "kyc")),
    "nb-checker": ("NB", ("checker", "kyc")),
    "fb": ("FB", ("maker", "financier")),
    "fb-checker": ("FB", ("checker",)),
    "pbc": ("PBC-SZ", ("regulator",)),
    "pbc-second": ("PBC-SZ", ("regulator",)),
    "pbc-desk": ("PBC-SZ", ("maker",)),
    "hkma": ("HKMA", ("regulator",)),
    "hkma-second": ("HKMA", ("regulator",)),
    "safe": ("SAFE", ("regulator",)),
    "tax": ("TAX-SZ", ("tax", "maker")),
    "customs": ("CUS-SZ", ("customs", "maker")),
    "customs-checker": ("CUS-SZ", ("checker",)),
    "arbiter": ("CIETAC", ("arbiter",)),
    "court": ("SZ-COURT", ("court",)),
    "nobody": ("ZZ", ("maker", "checker", "financier")),
}
PARTIES = {  # id → kind, country, city, USCC, LEI
    "PX": ("enterprise", "CN", "SZ", "91440300MA5DEM00A5", "3003DEM0SZPENGXUEX86"),
    "HB": ("enterprise", "HK", "HK", "", "3003DEM0HKHARBOURB66"),
    "LG": ("enterprise", "CN", "SZ", "91440300MA5DEMT1BW", ""),
    "HL": ("enterprise", "CN", "DG", "91441900MA5DEMT2CC", ""),
    "XY": ("enterprise", "CN", "HZ", "91441300MA5DEMT3DH", ""),
    "QB": ("bank", "CN", "SZ", "9144030019DEMBANKD", "3003DEM0QIANHAIBKA73"),
    "NB": ("bank", "CN", "GZ", "9144030019DEMBNK2R", ""),
    "FB": ("bank", "HK", "HK", "", "3003DEM0FORFAITBNK80"),
}
INVOICES = {  # name → seller, buyer, amount
    "export": ("px-maker", "HB", 1_200_000_000),
    "moulds": ("lg", "PX", 600_000_000),
    "plastics": ("hl", "LG", 200_000_000),
    "resin": ("xy", "HL", 50_000_000),
}
OWNERS = ("px-maker", "lg", "hl", "xy", "qb-ops", "nb-ops", "fb")
EC = "EC-2026-SZ-000001"


def at(date: str, hour: int = 10) -> int:
    """Milliseconds of an hour of a day in China Standard Time."""
    return calendar.day_end_ms(calendar.parse_date(date) - 1) + hour * HOUR_MS


def digest(text: str) -> str:
    return sm3(text.encode()).hex()


class World:
    def __init__(
        self, make_engine: Callable[[Any, Any], Any] = NativeEngine, users: Any = USERS
    ) -> None:
        self.users, self.channel = users, bytes(CHANNEL)
        self.now_ms, self.height = at("2026-11-10"), 0
        self.state = MemoryState()
        self.engine = make_engine(Natives(), self.state)
        for bundle in load_suite():
            self.engine.load(bundle)
        self.events: list[str] = []
        self.past: list[tuple[int, EventRecord]] = []  # height and event of all that was committed
        self.gas: dict[str, int] = {}  # most gas a method used
        self.wallets: dict[str, Wallet] = {}
        self.money: Money | None = None
        self.paid: Receipt

    @property
    def gas_max(self) -> int:
        return max(self.gas.values())

    # ---- calls -----------------------------------------------------------------------------------

    def run(self, who: str, target: str, /, **args: Any) -> TxResult:
        member, roles = self.users[who]
        contract, method = target.split(".")
        self.height += 1
        tx = Transaction(
            tx_id=sm3(self.height.to_bytes(8)), contract=contract, version=1, method=method,
            args_json=json.dumps(as_json(args)), sender=digest(who), member=member, roles=roles,
            gas_limit=20_000_000,
        )  # fmt: skip
        (result,) = self.engine.block(
            BlockRequest(self.channel.hex(), self.height, self.now_ms, (tx,))
        )
        return result

    def ok(self, who: str, target: str, /, **args: Any) -> Any:
        result = self.run(who, target, **args)
        assert result.outcome == "ok", (target, args, result.code, result.message)
        for key, value in result.writes:
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        self.events = [event.name for event in result.events]
        self.past += [(self.height, event) for event in result.events]
        self.gas[target] = max(self.gas.get(target, 0), result.gas_used)
        return result.value

    def refused(self, code: str, who: str, target: str, /, **args: Any) -> str:
        """The call reverts with this code and would change nothing. Returns its message."""
        result = self.run(who, target, **args)
        found = (result.outcome, result.code)
        assert found == ("revert", code), (target, found, result.message)
        assert not result.writes and not result.events
        return result.message

    def force(self, contract: str, table: str, key: Any, **fields: Any) -> None:
        """Put a stored record into a state that its normal life may never show."""
        at_key = keys.state_key(contract, table, key)
        record = values.decode(self.state[at_key])
        assert set(fields) <= set(record.fields)
        changed = values.Record(record.name, {**record.fields, **fields})
        self.state[at_key] = values.encode(changed)

    # ---- money -----------------------------------------------------------------------------------

    def open_center(self, directory: Path, regulator: str = "pbc") -> None:
        self.money = Money(directory, lambda: self.now_ms)
        self.regulator = regulator
        self.ok(regulator, "dcep.register_log", root_key=self.money.center.root_key)

    def bind_wallets(self, *owners: str) -> None:
        for who in owners:
            member = self.users[who][0]
            wallet = self.wallets[member] = Wallet.from_scalar(sm3(member.encode()))
            signature = wallet.binding_signature(self.channel, member)
            self.ok(who, "dcep.bind_wallet", public_key=wallet.public_key, signature=signature)

    def pay(self, payer: str, payee: str, amount_fen: int, reference: bytes) -> bytes:
        """A final payment between two members' wallets; its proof against the last anchored head."""
        assert self.money is not None
        wallet = self.wallets[payer]
        self.paid = self.money.pay(wallet, self.wallets[payee].address, amount_fen, reference)
        return self.proof_again(payer, self.paid)

    def proof_again(self, payer: str, receipt: Any) -> bytes:
        """A proof of an earlier payment under a head of now."""
        assert self.money is not None
        self.money.process(Refresh())
        log_id = self.money.center.log_id
        anchor = self.ok(self.regulator, "dcep.anchor", log_id=log_id)
        return self.money.proof_bytes(self.wallets[payer], receipt.txid, 0, anchor)

    # ---- the story -------------------------------------------------------------------------------

    def register(self, *ids: str, expires: str = "2027-11-09") -> None:
        for party_id in ids:
            kind, country, city, uscc, lei = PARTIES[party_id]
            bank = "nb" if party_id == "QB" else "qb"
            self.ok(
                f"{bank}-ops", "party.apply", party_id=party_id, legal_name=f"{party_id} Co., Ltd",
                kind=kind, country=country, city=city, uscc=uscc, lei=lei,
            )  # fmt: skip
            self.attest(party_id, expires)

    def attest(self, party_id: str, expires: str = "2027-11-09") -> None:
        bank = "nb" if party_id == "QB" else "qb"
        self.ok(
            f"{bank}-ops", "party.attest", party_id=party_id, level=2, risk="low",
            report=digest("report " + party_id), expires=expires,
        )  # fmt: skip
        self.ok(f"{bank}-checker", "party.approve", party_id=party_id)

    def lodge(self, *names: str) -> None:
        for name in names:
            seller, buyer, amount = INVOICES[name]
            self.ok(
                seller, "invoice_registry.lodge", document=digest(name), kind="invoice", buyer=buyer,
                amount_fen=amount, currency="CNY", issued_on="2026-11-16",
            )  # fmt: skip

    def limit(self, amount_fen: int = 1_000_000_000) -> None:
        self.ok("qb-ops", "credit_line.propose_limit", issuer="PX", limit_fen=amount_fen)
        self.ok("qb-checker", "credit_line.approve_limit", issuer="PX", limit_fen=amount_fen)

    def draft(self, **changes: Any) -> str:
        args = {
            "first_holder": "LG", "paying_bank": "QB", "face_fen": 600_000_000,
            "due_date": "2027-05-20", "invoices": [digest("moulds")], "clause_hash": digest("terms"),
        }  # fmt: skip
        return str(self.ok("px-maker", "receivable.draft", **{**args, **changes}))

    def issue(self) -> str:
        """Step 7: an active credential of 600,000,000 fen with one leaf at LG."""
        self.now_ms = at("2026-11-23")
        ec_id = self.draft()
        self.ok("px-checker", "receivable.sign", ec_id=ec_id)
        return str(self.ok("lg", "receivable.accept", ec_id=ec_id))

    def move(self, holder: str, to: str, leaf_id: str, basis: str) -> None:
        self.ok(
            holder, "receivable.offer_transfer", leaf_id=leaf_id, to=USERS[to][0],
            basis=digest(basis),
        )  # fmt: skip
        self.ok(to, "receivable.accept_transfer", leaf_id=leaf_id)

    def to_tier_three(self) -> str:
        """Steps 8 and 9: LG 400 M, HL 150 M, XY 50 M at …/2/1. Returns XY's leaf."""
        self.now_ms = at("2026-11-30")
        root = EC
        self.ok("lg", "receivable.split", leaf_id=root, amounts=[400_000_000, 200_000_000])
        self.move("lg", "hl", f"{root}/2", "plastics")
        self.now_ms = at("2026-12-04")
        self.ok("hl", "receivable.split", leaf_id=f"{root}/2", amounts=[50_000_000, 150_000_000])
        self.move("hl", "xy", f"{root}/2/1", "resin")
        return f"{root}/2/1"

    def request(self, leaf_id: str = f"{EC}/2/1", **changes: Any) -> str:
        self.now_ms = max(self.now_ms, at("2026-12-08"))
        args = {"leaf_id": leaf_id, "purpose": "working capital", "consent": True}
        return str(self.ok("xy", "financing.request_receivable", **{**args, **changes}))

    def quote(self, request_id: str, bank: str = "qb-ops", **changes: Any) -> int:
        args = {
            "request_id": request_id, "rate_ppm": 30_500, "principal_fen": 50_000_000,
            "valid_until_ms": self.now_ms + 24 * HOUR_MS,
        }  # fmt: skip
        return int(self.ok(bank, "financing.quote", **{**args, **changes}))

    def accept_quote(self, request_id: str, number: int = 1, who: str = "xy") -> dict[str, Any]:
        return dict(
            self.ok(
                who, "financing.accept_quote", request_id=request_id, number=number,
                salt=secrets.token_bytes(16),
            )
        )  # fmt: skip

    def to_cleared(self) -> tuple[str, dict[str, Any]]:
        """Step 10: XY's leaf priced, checked against the registry and locked for QB."""
        request_id = self.request()
        self.quote(request_id)
        terms = self.accept_quote(request_id)
        self.ok(
            "qb-ops", "financing.duplicate_check", request_id=request_id,
            fingerprint=digest("keyed resin"),
        )  # fmt: skip
        return request_id, terms

    def piece(self, leaf_id: str) -> dict[str, Any]:
        return dict(self.ok("pbc", "receivable.get_piece", leaf_id=leaf_id))


def open_world(directory: Path | None = None, make_engine: Any = NativeEngine) -> World:
    """All parties active, invoices lodged, PX's credit limit set; with a center when given a directory."""
    world = World(make_engine)
    world.register(*PARTIES)
    world.now_ms = at("2026-11-16")
    world.lodge(*INVOICES)
    world.limit()
    world.bind_wallets(*OWNERS)
    if directory is not None:
        world.open_center(directory)
    return world
