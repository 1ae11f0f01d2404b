"""Leaves, coins and bills against assets on another channel: held for their taker, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.tables import TABLES
from node.audit.journal import journal_of
from node.audit.recount import breaks_between, recount
from tests.unit.cli.world_net import WorldNet
from tests.unit.suite.swap_world import COINS, LEAF, UNIT, Sealed, coins, piece, terms, two_worlds
from tests.unit.suite.test_bill import BILL, DUE
from tests.unit.suite.test_bill import accepted as bill_accepted
from tests.unit.suite.test_bill import shown as bill
from tests.unit.suite.test_regulator import freeze, release
from tests.unit.suite.test_stablecoin import supervisor
from tests.unit.suite.world import EC, HOUR_MS, at, digest

Pair = tuple[Sealed, Sealed]
SALT = bytes(16)
TO_HL = {"first": {"taker": "HL"}}


@pytest.fixture
def pair() -> Pair:
    return two_worlds()


def lock(pair: Pair, **changes: Any) -> tuple[dict[str, Any], str]:
    agreed = terms(*pair, **changes)
    giver = agreed["first"]["giver"]
    return agreed, str(pair[0].ok(giver, "exchange", "lock", "maker", terms=agreed))


def settle(pair: Pair, agreed: dict[str, Any], number: str) -> None:
    giver, fact = agreed["second"]["giver"], pair[0].stand(number)
    pair[1].ok(giver, "exchange", "settle", "maker", terms=agreed, fact=fact)


def end(pair: Pair, number: str, move: str = "claim") -> None:
    pair[0].ok("anybody", "exchange", move, id=number, fact=pair[1].stand(number))


def call_off(pair: Pair, agreed: dict[str, Any]) -> None:
    pair[1].ok(agreed["second"]["giver"], "exchange", "call_off", "maker", terms=agreed)


def offered(left: Sealed, to: str = "HL", basis: str = "plastics") -> None:
    """LG splits a part off for which HL has an invoice, and offers it."""
    left.world.ok("lg", "receivable.split", leaf_id=LEAF, amounts=[400_000_000, 200_000_000])
    left.world.ok(
        "lg", "receivable.offer_transfer", leaf_id=f"{LEAF}/2", to=to, basis=digest(basis)
    )


def assert_audited(left: Sealed) -> None:
    net = WorldNet(left.world, "pbc")
    counted = recount(lambda contract, view, args: net.query(contract, view, args).value)
    assert breaks_between(journal_of(net.past_events()), counted) == []


# ---- a leaf against coins ------------------------------------------------------------------------


@pytest.mark.parametrize("suites", [("sm", "sm"), ("sm", "intl"), ("intl", "sm")])
def test_a_bank_buys_a_leaf_for_coins_on_another_channel(suites: tuple[str, str]) -> None:
    pair = left, right = two_worlds(*suites)
    agreed, number = lock(pair)
    held = piece(left)
    assert (held["state"], held["exchange"], held["holder"]) == ("IN_EXCHANGE", number, "LG")
    assert left.world.ok("nb-ops", "receivable.get_piece", leaf_id=LEAF)["offered_to"] == "NB"
    settle(pair, agreed, number)
    assert (coins(right, "LG"), coins(right, "NB")) == (90 * UNIT, 5 * UNIT)
    end(pair, number)
    bought = piece(left)
    assert (bought["state"], bought["holder"], bought["financed"]) == ("ACTIVE", "NB", True)
    assert (bought["tier"], bought["exchange"], bought["offered_to"]) == (1, "", "")
    assert_audited(left)
    left.world.ok("nb-ops", "receivable.split", leaf_id=LEAF, amounts=[1, 599_999_999])


def test_what_is_called_off_leaves_leaf_and_coins_where_they_were(pair: Pair) -> None:
    left, right = pair
    agreed, number = lock(pair)
    call_off(pair, agreed)
    end(pair, number, "release")
    found = piece(left)
    assert (found["state"], found["holder"], found["financed"]) == ("ACTIVE", "LG", False)
    assert coins(right, "NB") == 35 * UNIT
    assert_audited(left)
    _, again = lock(pair, salt=bytes(range(1, 17)))
    assert piece(left)["exchange"] == again


def test_an_offered_part_goes_to_whom_it_is_offered_against_an_asset_elsewhere(pair: Pair) -> None:
    left, _ = pair
    offered(left)
    document = {"document": digest("plastics"), "seller": "HL"}
    drawn = left.world.ok("pbc", "invoice_registry.get_document", **document)["drawn_fen"]
    part = {"first": {"asset": f"{LEAF}/2", "taker": "HL"},
            "second": {"giver": "NB", "taker": "LG"}}  # fmt: skip
    agreed, number = lock(pair, **part)
    for move, who in (("accept_transfer", "hl"), ("decline_transfer", "hl"),
                      ("recall_transfer", "lg"), ("expire_transfer", "nobody")):  # fmt: skip
        left.world.refused("E_STATE", who, f"receivable.{move}", leaf_id=f"{LEAF}/2")
    settle(pair, agreed, number)
    end(pair, number)
    found = piece(left, f"{LEAF}/2")
    assert (found["holder"], found["financed"], found["tier"]) == ("HL", False, 2)
    after = left.world.ok("pbc", "invoice_registry.get_document", **document)["drawn_fen"]
    assert after == drawn == 200_000_000
    assert_audited(left)
    left.world.ok("lg", "receivable.split", leaf_id=f"{LEAF}/1", amounts=[1, 399_999_999])


def test_an_offer_that_an_exchange_ends_frees_the_invoice_behind_it(pair: Pair) -> None:
    left, _ = pair
    offered(left)
    agreed, number = lock(pair, first={"asset": f"{LEAF}/2", "taker": "HL"})
    call_off(pair, agreed)
    end(pair, number, "release")
    document = {"document": digest("plastics"), "seller": "HL"}
    assert left.world.ok("pbc", "invoice_registry.get_document", **document)["drawn_fen"] == 0
    # the invoice of an earlier offer is not freed a second time
    left.world.ok("lg", "receivable.offer_transfer", leaf_id=f"{LEAF}/2", to="HL",
                  basis=digest("plastics"))  # fmt: skip
    left.world.ok("hl", "receivable.accept_transfer", leaf_id=f"{LEAF}/2")
    sold = {"asset": f"{LEAF}/2", "giver": "HL", "taker": "QB"}
    agreed, number = lock(pair, first=sold, salt=bytes(range(1, 17)))
    call_off(pair, agreed)
    end(pair, number, "release")
    drawn = left.world.ok("pbc", "invoice_registry.get_document", **document)["drawn_fen"]
    assert drawn == 200_000_000


IN_THE_WAY = {
    "split": ("lg", "receivable.split", {"amounts": [1, 599_999_999]}),
    "offer": ("lg", "receivable.offer_transfer", {"to": "HL", "basis": digest("plastics")}),
    "accept": ("nb-ops", "receivable.accept_transfer", {}),
    "decline": ("nb-ops", "receivable.decline_transfer", {}),
    "recall": ("lg", "receivable.recall_transfer", {}),
    "expire": ("nobody", "receivable.expire_transfer", {}),
    "finance": ("lg", "financing.request_receivable", {"purpose": "wages", "consent": True}),
    "dispute": ("px-maker", "remedy.raise_dispute", {"grounds": "goods", "evidence": digest("e")}),
    "dispute by its holder": ("lg", "remedy.raise_dispute",
                              {"grounds": "goods", "evidence": digest("e")}),
    "prepay": ("px-maker", "remedy.offer_prepayment", {"rate_ppm": 1}),
    "take a prepayment": ("lg", "remedy.accept_prepayment", {"rate_ppm": 1, "salt": SALT}),
    "due": ("nobody", "receivable.due", {}),
    "overdue": ("nobody", "receivable.mark_overdue", {}),
    "fix a payment": ("px-maker", "receivable.prepare_payment", {"salt": SALT}),
    "prove a payment": ("nobody", "receivable.record_payment", {"proof": b""}),
    "give back": ("nobody", "receivable.on_reverse", {"instalment": 1, "proof": b""}),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_nothing_is_done_to_a_leaf_under_the_lock(pair: Pair, name: str) -> None:
    left, _ = pair
    left.world.ok("px-maker", "remedy.offer_prepayment", leaf_id=LEAF, rate_ppm=1)
    agreed, number = lock(pair)
    who, target, args = IN_THE_WAY[name]
    for now in (left.now_ms, at("2027-05-21")):  # before its due date and after
        left.at(now)
        before = dict(left.state)
        left.world.refused("E_STATE", who, target, leaf_id=LEAF, **args)
        assert left.state == before
    settle(pair, agreed, number)
    end(pair, number)
    assert piece(left)["holder"] == "NB"


def test_a_financing_that_was_asked_for_has_no_leaf_any_more(pair: Pair) -> None:
    """A lien keeps it from the exchange; once run out it neither locks nor frees what the exchange holds."""
    left, _ = pair
    asked = {"leaf_id": LEAF, "purpose": "wages", "consent": True}
    request = left.world.ok("lg", "financing.request_receivable", **asked)
    left.refused("E_LIEN", "LG", "exchange", "lock", "maker", terms=terms(*pair))
    left.world.ok("qb-ops", "financing.quote", request_id=request, rate_ppm=30_500,
                  principal_fen=600_000_000, valid_until_ms=left.now_ms + HOUR_MS)  # fmt: skip
    for chain in pair:
        chain.at(chain.now_ms + 25 * HOUR_MS)
    lock(pair)
    held = piece(left)
    left.world.ok("lg", "financing.withdraw", request_id=request)
    assert piece(left) == held


def test_an_order_freezes_the_leaf_and_the_exchange_ends_when_it_is_lifted(pair: Pair) -> None:
    left, right = pair
    agreed, number = lock(pair)
    freeze(left.world, kind="receivable", target=LEAF)
    assert piece(left)["state"] == "FROZEN"
    settle(pair, agreed, number)  # there: nobody knows of the order
    fact = right.stand(number)
    left.refused("E_STATE", "X", "exchange", "claim", id=number, fact=fact)
    release(left.world)
    assert piece(left)["state"] == "IN_EXCHANGE"
    left.ok("X", "exchange", "claim", id=number, fact=fact)
    assert piece(left)["holder"] == "NB"


@pytest.mark.parametrize(("move", "payee"), [("claim", "NB"), ("release", "LG")])
def test_a_debtor_that_could_not_pay_owes_no_penalty_for_those_days(
    paying: Pair, move: str, payee: str
) -> None:
    left, _ = paying
    agreed, number = lock(paying)
    if move == "claim":
        settle(paying, agreed, number)
    else:
        call_off(paying, agreed)
    left.at(at("2027-05-30"))  # ten days after it was due
    left.world.refused("E_STATE", "nobody", "receivable.due", leaf_id=LEAF)
    end(paying, number, move)
    left.world.ok("nobody", "receivable.due", leaf_id=LEAF)
    due = left.world.ok("px-maker", "receivable.prepare_payment", leaf_id=LEAF, salt=SALT)
    assert (due["payee"], due["amount_fen"]) == (payee, 600_000_000)
    left.at(at("2027-05-31"))
    later = left.world.ok("px-maker", "receivable.prepare_payment", leaf_id=LEAF, salt=SALT)
    assert later["amount_fen"] == 600_300_000  # one day at 5 basis points
    proof = left.world.pay("PX", payee, 600_300_000, later["reference"])
    args = {"leaf_id": LEAF, "proof": proof}
    assert left.world.ok("nobody", "receivable.record_payment", **args) == "PAID"


@pytest.fixture
def paying(pair: Pair, tmp_path: Any) -> Pair:
    left, right = pair
    left.world.open_center(tmp_path / "center")
    left.world.wallets.clear()
    left.world.bind_wallets("px-maker", "lg", "nb-ops")
    right.at(left.now_ms)
    return pair


# ---- what is refused -----------------------------------------------------------------------------

FAR = at("2027-05-18") + 14 * HOUR_MS + 1  # after the cut-off, two business days before 20 May


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_TRADE_BASIS", TO_HL),  # no bank, and nothing is offered to it
        ("E_EXCHANGE_TERMS", {"first": {"taker": "LG"}}),
        ("E_PARTY", {"first": {"taker": "ZZ"}}),
        ("E_NOT_PARTY", {"first": {"giver": "HL"}}),
        ("E_NOT_FOUND", {"first": {"asset": f"{EC}/9"}}),
        ("E_CUT_OFF", {"until_ms": FAR}),
    ],
)
def test_a_leaf_is_not_locked(pair: Pair, code: str, changes: dict[str, Any]) -> None:
    left, _ = pair
    agreed = terms(*pair, **changes)
    left.refused(code, agreed["first"]["giver"], "exchange", "lock", "maker", terms=agreed)


@pytest.mark.parametrize(
    ("code", "record", "fields"),
    [
        ("E_LIEN", ("receivable", "piece", LEAF), {"lien": "f", "lien_until_ms": 2**60}),
        ("E_STATE", ("receivable", "piece", LEAF), {"state": "DISPUTED"}),
        ("E_TERMS", ("receivable", "credential", EC), {"transferable": False}),
        ("E_KYC_LEVEL", ("party", "attestation", "NB"), {"level": 1}),
        ("E_KYC_EXPIRED", ("party", "attestation", "NB"), {"expires": "2026-11-01"}),
        ("E_FROZEN", ("party", "party", "LG"), {"state": "FROZEN"}),
        ("E_FROZEN", ("party", "party", "NB"), {"state": "FROZEN"}),
    ],
)
def test_a_leaf_that_may_not_go_there_is_not_locked(
    pair: Pair, code: str, record: tuple[str, str, str], fields: dict[str, Any]
) -> None:
    left, _ = pair
    left.world.force(*record, **fields)
    left.refused(code, "LG", "exchange", "lock", "maker", terms=terms(*pair))


def test_a_taker_without_a_wallet_could_not_be_paid(pair: Pair) -> None:
    left, _ = pair
    for key in [key for key in left.state if b"wallet" in key and b"NB" in key]:
        del left.state[key]
    left.refused("E_WALLET", "LG", "exchange", "lock", "maker", terms=terms(*pair))


def test_an_offer_ends_after_the_exchange_or_there_is_none(pair: Pair) -> None:
    left, _ = pair
    offered(left)
    part: dict[str, Any] = {"first": {"asset": f"{LEAF}/2", "taker": "HL"}}
    week = left.now_ms + 7 * 24 * HOUR_MS
    late, other = terms(*pair, **part, until_ms=week), terms(*pair, first={
        "asset": f"{LEAF}/2", "taker": "NB"})  # fmt: skip
    left.refused("E_CUT_OFF", "LG", "exchange", "lock", "maker", terms=late)
    left.refused("E_TRADE_BASIS", "LG", "exchange", "lock", "maker", terms=other)
    left.at(week)
    for until in (week, week - 6 * 24 * HOUR_MS):  # now, and a moment that has passed
        over = terms(*pair, **part, until_ms=until)
        left.refused("E_CUT_OFF", "LG", "exchange", "lock", "maker", terms=over)


HOOKS = [(table.contract, call) for table in TABLES for call in table.calls
         if call.startswith("exchange_") and table.record in ("piece", "coin", "escrow", "bill")]  # fmt: skip


@pytest.mark.parametrize(("contract", "hook"), HOOKS)
def test_only_the_exchange_calls_the_hooks(pair: Pair, contract: str, hook: str) -> None:
    left, right = pair
    _, number = lock(pair)
    chain, asset = (left, LEAF) if contract == "receivable" else (right, COINS)
    if contract == "bill":
        bill_accepted(right.world)
        right.world.ok("lg", "bill.offer_endorsement", id=BILL, to="HL", basis=digest("moulds"))
        moved = hook != "exchange_hold"
        right.world.force("bill", "bill", BILL, state="IN_EXCHANGE" if moved else "OFFERED")
        asset = BILL
    if contract == "stablecoin" and hook != "exchange_hold":
        _, number = lock_coins(pair)
    args = {"leaf_id" if contract == "receivable" else "id": asset, "number": number}
    args |= {"taker": "HL"} if hook == "exchange_hold" else {}
    code = "E_CALLER" if contract == "receivable" else "E_NOT_PARTY"
    for who in ("LG", "NB", "HL", "PBC-SZ"):
        chain.refused(code, who, contract, hook, "maker", **args)


def test_what_one_exchange_holds_another_does_not_move(pair: Pair) -> None:
    left, right = pair
    lock(pair)
    left.world.force("receivable", "piece", LEAF, exchange="of another")
    call_off(pair, terms(*pair))
    number = left.ok("X", "exchange", "number", terms=terms(*pair))
    left.refused(
        "E_EXCHANGE_TERMS", "X", "exchange", "release", id=number, fact=right.stand(number)
    )


def test_nor_a_bill(endorsing: Pair) -> None:
    left, right = endorsing
    agreed = bill_terms(endorsing)
    number = left.ok("LG", "exchange", "lock", "maker", terms=agreed)
    left.world.force("bill", "bill", BILL, exchange="of another")
    call_off(endorsing, agreed)
    left.refused(
        "E_EXCHANGE_TERMS", "X", "exchange", "release", id=number, fact=right.stand(number)
    )


# ---- coins first ---------------------------------------------------------------------------------


def lock_coins(pair: Pair, **changes: Any) -> tuple[dict[str, Any], str]:
    """NB locks 30 m coins on the right, for LG's leaf on the left, which decides."""
    left, right = pair
    both = terms(left, right)
    agreed = both | {"first": both["second"], "second": both["first"]} | changes
    return agreed, str(right.ok("NB", "exchange", "lock", "maker", terms=agreed))


def test_coins_are_set_apart_until_the_other_channel_decides(pair: Pair) -> None:
    left, right = pair
    agreed, number = lock_coins(pair)
    assert coins(right, "NB") == 5 * UNIT
    seen = supervisor(right.world)
    held = sum(one["amount"] for one in seen["top_holders"])
    pledged = sum(one["amount"] for one in seen["pledges"])
    assert (seen["in_exchanges"], held + pledged + seen["in_exchanges"]) == (
        30 * UNIT, seen["supply"],
    )  # fmt: skip
    right.refused("E_BALANCE", "NB", "stablecoin", "transfer", "maker", id="HKDX", to="LG",
                  amount=5 * UNIT + 1)  # fmt: skip
    left.ok("LG", "exchange", "settle", "maker", terms=agreed, fact=right.stand(number))
    assert piece(left)["holder"] == "NB"
    right.ok("X", "exchange", "claim", id=number, fact=left.stand(number))
    assert (coins(right, "LG"), coins(right, "NB")) == (90 * UNIT, 5 * UNIT)
    assert supervisor(right.world)["in_exchanges"] == 0


@pytest.mark.parametrize("state", ["SUSPENDED", "REVOKED"])
@pytest.mark.parametrize("settled", [True, False])
def test_what_was_decided_is_carried_out_though_the_coin_was_stopped(
    pair: Pair, state: str, settled: bool
) -> None:
    left, right = pair
    agreed, number = lock_coins(pair)
    order = {"id": "HKDX", "state": state, "order": digest("order")}
    right.world.ok("hkma", "stablecoin.supervisor_order", **order)
    fresh_terms = agreed | {"salt": bytes(range(1, 17))}
    right.refused("E_STATE", "NB", "exchange", "lock", "maker", terms=fresh_terms)
    if settled:
        left.ok("LG", "exchange", "settle", "maker", terms=agreed, fact=right.stand(number))
    else:
        left.ok("LG", "exchange", "call_off", "maker", terms=agreed)
    move = "claim" if settled else "release"
    right.ok("X", "exchange", move, id=number, fact=left.stand(number))
    assert coins(right, "LG" if settled else "NB") == (90 if settled else 35) * UNIT
    right.refused("E_STATE", "X", "exchange", move, id=number, fact=left.stand(number))


@pytest.mark.parametrize(
    ("code", "asset"),
    [
        ("E_AMOUNT", "HKDX"), ("E_AMOUNT", "HKDX:"), ("E_AMOUNT", "HKDX:0"), ("E_AMOUNT", "HKDX:01"),
        ("E_AMOUNT", "HKDX:-1"), ("E_AMOUNT", "HKDX:1:1"), ("E_AMOUNT", "HKDX:٣"),
        ("E_AMOUNT", "HKDX: 1"), ("E_AMOUNT", "HKDX:99999999999999999999"),
        ("E_AMOUNT", "HKDX:9999999999999999999"), ("E_BALANCE", "HKDX:35000001"),
        ("E_NOT_FOUND", "USDX:1"), ("E_NOT_FOUND", ":1"),
    ],
)  # fmt: skip
def test_coins_that_are_not_there_are_not_locked(pair: Pair, code: str, asset: str) -> None:
    left, right = pair
    both = terms(left, right)
    agreed = both | {"first": both["second"] | {"asset": asset}, "second": both["first"]}
    right.refused(code, "NB", "exchange", "lock", "maker", terms=agreed)


@pytest.mark.parametrize("first", [True, False])
def test_coins_leave_through_an_exchange_only_by_who_may_transfer_them(
    pair: Pair, first: bool
) -> None:
    left, right = pair
    agreed, number = lock(pair)
    call, args = "settle", {"terms": agreed, "fact": left.stand(number)}
    if first:
        call, args = (
            "lock",
            {"terms": agreed | {"first": agreed["second"], "second": agreed["first"]}},
        )
    had = coins(right, "NB"), coins(right, "LG")
    for role in ("checker", "reader"):
        right.refused("E_NOT_PARTY", "NB", "exchange", call, role, **args)
        assert (coins(right, "NB"), coins(right, "LG")) == had
    right.ok("NB", "exchange", call, "maker", **args)


def test_coins_go_to_parties_that_may_act(pair: Pair) -> None:
    left, right = pair
    both = terms(left, right)
    for taker in ("ZZ", "LG"):
        right.world.force("party", "party", "LG", state="FROZEN")
        agreed = both | {"first": both["second"] | {"taker": taker}, "second": both["first"]}
        code = "E_FROZEN" if taker == "LG" else "E_PARTY"
        right.refused(code, "NB", "exchange", "lock", "maker", terms=agreed)


# ---- bills ---------------------------------------------------------------------------------------


def bill_terms(pair: Pair, **changes: Any) -> dict[str, Any]:
    """LG's bill on the left, offered to NB, against coins."""
    both = terms(*pair)
    first = both["first"] | {"contract": "bill", "asset": BILL}
    return both | {"first": first | changes.pop("first", {})} | changes


@pytest.fixture
def endorsing(pair: Pair) -> Pair:
    left, _ = pair
    bill_accepted(left.world)
    left.refused("E_STATE", "LG", "exchange", "lock", "maker", terms=bill_terms(pair))
    left.world.ok("lg", "bill.offer_endorsement", id=BILL, to="NB", basis=digest("moulds"))
    return pair


@pytest.mark.parametrize("settled", [True, False])
def test_an_endorsement_is_signed_or_recalled_as_the_other_channel_decides(
    endorsing: Pair, settled: bool
) -> None:
    left, _ = endorsing
    agreed = bill_terms(endorsing)
    number = left.ok("LG", "exchange", "lock", "maker", terms=agreed)
    for who, move, args in (
        ("nb-ops", "sign_endorsement", {}), ("lg", "recall_endorsement", {}),
        ("nb-ops", "recall_endorsement", {}), ("lg", "split", {"amounts": [1, 299_999_999]}),
        ("lg", "pledge", {"to": "NB"}), ("lg", "ask_discount", {"bank": "QB"}),
        ("lg", "present", {}), ("lg", "offer_endorsement", {"to": "HL", "basis": digest("m")}),
    ):  # fmt: skip
        left.world.refused("E_STATE", who, f"bill.{move}", id=BILL, **args)
    if settled:
        settle(endorsing, agreed, number)
    else:
        call_off(endorsing, agreed)
    end(endorsing, number, "claim" if settled else "release")
    found = bill(left.world)
    assert (found["state"], found["parties"]["endorsee"]) == ("ACCEPTED", "")
    chain = ["PX", "LG", "NB"] if settled else ["PX", "LG"]
    assert (found["chain"], found["parties"]["holder"]) == (chain, chain[-1])


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_NOT_PARTY", {"first": {"giver": "NB", "taker": "LG"}}),
        ("E_TRADE_BASIS", {"first": {"taker": "HL"}}),
        ("E_TOO_LATE", {"until_ms": at(DUE, 0) + 1}),
    ],
)
def test_a_bill_is_not_locked(endorsing: Pair, code: str, changes: dict[str, Any]) -> None:
    agreed = bill_terms(endorsing, **changes)
    giver = agreed["first"]["giver"]
    endorsing[0].refused(code, giver, "exchange", "lock", "maker", terms=agreed)
