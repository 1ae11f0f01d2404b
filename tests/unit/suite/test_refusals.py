"""The negative tests of domain/trade-finance.md 2.22 for parties, credentials, financings and the registry.

`World.refused` asserts the code and that nothing would change.
"""

from __future__ import annotations

from typing import Any

import pytest

from contracts.rules.calendar import DAY_MS
from contracts.runtime import keys, values
from tests.unit.suite.world import EC, HOUR_MS, World, at, digest, open_world

NEW = {
    "party_id": "NEW", "legal_name": "New Co", "kind": "enterprise", "country": "CN", "city": "SZ",
    "uscc": "9144030071526726XG",
}  # fmt: skip
ATTEST = {"party_id": "XY", "level": 1, "risk": "low", "report": digest("r")}


# ---- M0 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("E_CHECK_DIGIT", {"uscc": "9144030071526726X0"}),
        ("E_CHECK_DIGIT", {"lei": "3003DEM0SZPENGXUEX87"}),
        ("E_CHECK_DIGIT", {"uscc": "9144030071526726xg"}),
        ("E_DUPLICATE", {"party_id": "PX"}),
        ("E_DUPLICATE", {"uscc": "91440300MA5DEM00A5"}),
        ("E_IDENTIFIER", {"uscc": ""}),
        ("E_IDENTIFIER", {"uscc": "", "lei": "5493001KJTIIGC8Y1R12"}),
        ("E_CODE", {"kind": "friend"}),
        ("E_CODE", {"city": "XX"}),
        ("E_CODE", {"country": "CHN"}),
        ("E_CODE", {"party_id": "new"}),
        ("E_TEXT", {"legal_name": ""}),
        ("E_TEXT", {"legal_name": "x" * 201}),
    ],
)
def test_an_application_with_a_wrong_field_is_refused(
    world: World, code: str, change: dict[str, Any]
) -> None:
    world.refused(code, "qb-ops", "party.apply", **{**NEW, **change})


def test_a_closed_party_stays_and_its_id_is_never_given_again(world: World) -> None:
    world.ok("pbc", "party.close", party_id="XY", reason="dissolved")
    assert world.ok("lg", "party.get", party_id="XY")["state"] == "CLOSED"
    world.refused("E_DUPLICATE", "qb-ops", "party.apply", **{**NEW, "party_id": "XY"})
    world.refused("E_STATE", "qb-ops", "party.attest", expires="2027-01-01", **ATTEST)


def test_one_person_alone_admits_nobody(world: World) -> None:
    world.ok("qb-ops", "party.apply", **NEW)
    world.ok("qb-ops", "party.attest", expires="2027-01-01", **{**ATTEST, "party_id": "NEW"})
    world.refused("E_FOUR_EYES", "qb-ops", "party.approve", party_id="NEW")
    world.refused("E_ROLE", "nb-checker", "party.approve", party_id="NEW")
    world.refused("E_ROLE", "px-checker", "party.approve", party_id="NEW")
    assert world.ok("qb-checker", "party.approve", party_id="NEW") == "ACTIVE"


def test_a_rival_bank_neither_ends_nor_blocks_a_party(world: World) -> None:
    """A rejection by one officer is not for ever, and does not reach a party that was admitted."""
    world.ok("nb-ops", "party.apply", **{**NEW, "legal_name": "Squatter"})
    world.ok("nb-ops", "party.reject", party_id="NEW", reason="never")
    world.ok("qb-ops", "party.apply", **NEW)
    assert world.ok("lg", "party.get", party_id="NEW")["legal_name"] == NEW["legal_name"]
    attest = {**ATTEST, "party_id": "NEW", "expires": "2027-01-01"}
    world.ok("qb-ops", "party.attest", **attest)
    world.refused("E_ROLE", "nb-ops", "party.reject", party_id="NEW", reason="rival")
    world.ok("qb-checker", "party.approve", party_id="NEW")
    world.ok("qb-ops", "party.suspend", party_id="NEW", reason="papers run out")
    world.refused("E_ROLE", "nb-ops", "party.attest", **attest)
    world.ok("qb-ops", "party.attest", **attest)
    world.refused("E_ADMITTED", "qb-ops", "party.reject", party_id="NEW", reason="no")
    world.refused("E_DUPLICATE", "qb-ops", "party.apply", **NEW)
    assert world.ok("qb-checker", "party.approve", party_id="NEW") == "ACTIVE"


def test_no_bank_undoes_what_a_regulator_ordered(world: World) -> None:
    world.ok("pbc", "party.suspend", party_id="XY", reason="order 7")
    world.refused("E_ROLE", "qb-ops", "party.resume", party_id="XY", reason="a good client")
    for bank in ("qb-ops", "nb-ops"):
        world.refused("E_ROLE", bank, "party.attest", expires="2027-01-01", **ATTEST)
    assert world.ok("pbc", "party.resume", party_id="XY", reason="order 8") == "ACTIVE"
    world.ok("qb-ops", "party.suspend", party_id="XY", reason="papers run out")
    assert world.ok("pbc", "party.resume", party_id="XY", reason="order 9") == "ACTIVE"


def test_who_is_no_officer_or_attests_himself_is_refused(world: World) -> None:
    world.refused("E_ROLE", "px-maker", "party.apply", **NEW)
    world.refused("E_ROLE", "px-maker", "party.attest", expires="2027-01-01", **ATTEST)
    world.refused("E_SELF", "qb-ops", "party.attest", expires="2027-01-01",
                  **{**ATTEST, "party_id": "QB"})  # fmt: skip
    world.refused("E_EXPIRED", "qb-ops", "party.attest", expires="2026-11-16", **ATTEST)
    world.refused("E_DATE", "qb-ops", "party.attest", expires="2027-02-30", **ATTEST)
    world.refused("E_ROLE", "nb-ops", "party.suspend", party_id="XY", reason="rumour")
    world.refused("E_ROLE", "px-checker", "party.close", party_id="XY", reason="rival")
    world.refused("E_NOT_FOUND", "pbc", "party.close", party_id="ZZ", reason="none")


def test_an_expired_attestation_blocks_new_debts_and_not_the_discharge_of_old_ones(
    world: World,
) -> None:
    world.issue()
    world.force("party", "attestation", "PX", expires="2027-05-19")
    world.force("party", "attestation", "HL", expires="2026-11-22")
    world.refused("E_KYC_EXPIRED", "lg", "receivable.offer_transfer", leaf_id=EC, to="HL",
                  basis=digest("plastics"))  # fmt: skip
    world.now_ms = at("2027-05-20")
    world.refused("E_KYC_EXPIRED", "px-maker", "receivable.draft", first_holder="LG",
                  paying_bank="QB", face_fen=1, due_date="2027-06-11", invoices=[],
                  clause_hash=digest("t"))  # fmt: skip
    assert world.ok("px-maker", "receivable.due", leaf_id=EC) == "DUE"


def test_a_stale_version_is_refused(world: World) -> None:
    world.issue()
    world.refused("E_VERSION", "lg", "receivable.split", leaf_id=EC, amounts=[1, 599_999_999],
                  expected_version=2)  # fmt: skip
    world.refused("E_VERSION", "pbc", "party.suspend", party_id="XY", reason="r",
                  expected_version=1)  # fmt: skip
    world.ok("lg", "receivable.split", leaf_id=EC, amounts=[1, 599_999_999], expected_version=1)


# ---- M1 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("E_SELF", {"first_holder": "PX"}),
        ("E_PARTY", {"first_holder": "ZZ"}),
        ("E_AMOUNT", {"face_fen": 0}),
        ("E_AMOUNT", {"face_fen": 2**52}),
        ("E_AMOUNT", {"face_fen": -1}),
        ("E_AMOUNT", {"face_fen": 2**63}),
        ("E_AMOUNT", {"min_piece_fen": 0}),
        ("E_AMOUNT", {"penalty_daily_bps": 101}),
        ("E_DATE", {"due_date": "2027-13-01"}),
        ("E_DIGEST", {"clause_hash": "00"}),
        ("E_LIMIT", {"face_fen": 1_000_000_001}),
        ("E_LIMIT", {"paying_bank": "NB"}),
        ("E_UNDERLYING", {"face_fen": 600_000_001}),
        ("E_UNDERLYING", {"invoices": []}),
        ("E_NOT_FOUND", {"invoices": [digest("no such invoice")]}),
        ("E_NOT_FOUND", {"invoices": [digest("plastics")]}),
        ("E_TRADE_BASIS", {"invoices": [digest("to another")]}),
    ],
)
def test_a_draft_without_ground_is_refused(world: World, code: str, change: dict[str, Any]) -> None:
    args = {
        "first_holder": "LG", "paying_bank": "QB", "face_fen": 600_000_000,
        "due_date": "2027-05-20", "invoices": [digest("moulds")], "clause_hash": digest("terms"),
    }  # fmt: skip
    world.now_ms = at("2026-11-23")
    world.ok("lg", "invoice_registry.lodge", document=digest("to another"), kind="invoice",
             buyer="HL", amount_fen=10**9, currency="CNY", issued_on="2026-11-16")  # fmt: skip
    world.refused(code, "px-maker", "receivable.draft", **{**args, **change})


def test_one_invoice_backs_no_second_credential_until_the_first_is_void(world: World) -> None:
    world.now_ms = at("2026-11-23")
    ec_id = world.draft()
    again = {"face_fen": 1, "first_holder": "LG", "paying_bank": "QB", "due_date": "2027-05-20",
             "invoices": [digest("moulds")], "clause_hash": digest("terms")}  # fmt: skip
    world.refused("E_UNDERLYING", "px-maker", "receivable.draft", **again)
    world.ok("px-maker", "receivable.cancel", ec_id=ec_id)
    assert world.ok("lg", "credit_line.headroom", issuer="PX", bank="QB")["outstanding_fen"] == 0
    assert world.draft() == "EC-2026-SZ-000002"


def test_a_credit_limit_needs_two_people_and_covers_what_is_outstanding(world: World) -> None:
    world.issue()
    key = {"issuer": "PX", "limit_fen": 599_999_999}
    world.refused("E_ROLE", "px-maker", "credit_line.propose_limit", **key)
    world.ok("qb-ops", "credit_line.propose_limit", **key)
    world.refused("E_ROLE", "qb-ops", "credit_line.approve_limit", **key)
    world.refused("E_NOT_FOUND", "nb-checker", "credit_line.approve_limit", **key)
    world.refused(
        "E_NOT_FOUND", "qb-checker", "credit_line.approve_limit", issuer="PX", limit_fen=1
    )
    world.refused("E_LIMIT", "qb-checker", "credit_line.approve_limit", **key)


def test_the_maker_never_signs_and_the_tenor_has_a_warning_and_an_end(world: World) -> None:
    world.now_ms = at("2026-11-23")
    for due_date, code in (
        ("2027-11-25", "E_TENOR_HARD"),  # 367 days
        ("2027-05-22", "E_BUSINESS_DAY"),  # a Saturday
        ("2026-11-23", "E_DATE"),
    ):
        ec_id = world.draft(face_fen=1_000_000, due_date=due_date)
        world.refused(code, "px-checker", "receivable.sign", ec_id=ec_id)
    world.refused("E_ROLE", "px-maker", "receivable.sign", ec_id=ec_id)
    world.refused("E_NOT_PARTY", "qb-checker", "receivable.sign", ec_id=ec_id)
    long = world.draft(face_fen=1_000_000, due_date="2027-06-11")  # 200 days
    assert world.ok("px-checker", "receivable.sign", ec_id=long) == ["E_TENOR_WARN"]
    assert world.events == ["EC.Offered", "EC.TenorWarned"]
    both = {
        "first_holder": "LG", "paying_bank": "QB", "face_fen": 1, "due_date": "2027-05-20",
        "invoices": [digest("moulds")], "clause_hash": digest("terms"),
    }  # fmt: skip
    own = world.ok("px-both", "receivable.draft", **both)
    world.refused("E_FOUR_EYES", "px-both", "receivable.sign", ec_id=own)
    assert world.ok("px-checker", "receivable.sign", ec_id=own) == []


def test_strangers_readers_and_latecomers_accept_nothing(world: World) -> None:
    world.now_ms = at("2026-11-23")
    ec_id = world.draft()
    world.ok("px-checker", "receivable.sign", ec_id=ec_id)
    world.refused("E_NOT_PARTY", "hl", "receivable.accept", ec_id=ec_id)
    world.refused("E_NOT_PARTY", "hl", "receivable.reject", ec_id=ec_id, reason="no")
    world.refused("E_ROLE", "px-reader", "receivable.cancel", ec_id=ec_id)
    world.refused("E_TOO_EARLY", "hl", "receivable.expire", ec_id=ec_id)
    world.now_ms = at("2026-12-01", 0)  # 5 business days are over
    world.refused("E_EXPIRED", "lg", "receivable.accept", ec_id=ec_id)
    assert world.ok("hl", "receivable.expire", ec_id=ec_id) == "VOID"
    assert world.ok("pbc", "invoice_registry.get_document", document=digest("moulds"), seller="LG")[
        "drawn_fen"
    ] == 0  # fmt: skip


@pytest.mark.parametrize(
    ("code", "amounts"),
    [
        ("E_SPLIT_SUM", [400_000_000, 200_000_001]),
        ("E_SPLIT_SUM", [400_000_000, 199_999_999]),
        ("E_AMOUNT", [600_000_001, -1]),
        ("E_AMOUNT", [600_000_000, 0]),
        ("E_SPLIT_COUNT", [600_000_000]),
        ("E_SPLIT_COUNT", []),
        ("E_SPLIT_COUNT", [1] * 16 + [599_999_984]),
        ("E_AMOUNT", [2**63, 600_000_000 - 2**63]),
    ],
)
def test_a_split_that_makes_or_loses_money_is_refused(
    world: World, code: str, amounts: list[int]
) -> None:
    world.issue()
    world.refused(code, "lg", "receivable.split", leaf_id=EC, amounts=amounts)
    world.refused("E_NOT_PARTY", "hl", "receivable.split", leaf_id=EC, amounts=[1, 599_999_999])


def test_a_piece_below_the_minimum_and_a_tree_too_deep_are_refused(world: World) -> None:
    world.now_ms = at("2026-11-23")
    ec_id = world.draft(min_piece_fen=10)
    world.ok("px-checker", "receivable.sign", ec_id=ec_id)
    leaf = world.ok("lg", "receivable.accept", ec_id=ec_id)
    world.refused("E_PIECE_MIN", "lg", "receivable.split", leaf_id=leaf, amounts=[9, 599_999_991])
    left = 600_000_000
    for _ in range(7):
        leaf = world.ok("lg", "receivable.split", leaf_id=leaf, amounts=[left - 10, 10])[0]
        left -= 10
    world.refused("E_DEPTH", "lg", "receivable.split", leaf_id=leaf, amounts=[left - 10, 10])


def test_transfers_need_a_trade_another_party_and_time(world: World) -> None:
    world.issue()
    world.ok("lg", "receivable.split", leaf_id=EC, amounts=[400_000_000, 200_000_000])
    leaf = f"{EC}/2"
    give = {"leaf_id": leaf, "to": "HL", "basis": digest("plastics")}
    world.refused("E_SELF", "lg", "receivable.offer_transfer", **{**give, "to": "LG"})
    world.refused("E_PARTY", "lg", "receivable.offer_transfer", **{**give, "to": "ZZ"})
    world.refused("E_NOT_FOUND", "lg", "receivable.offer_transfer", **{**give, "to": "XY"})
    world.refused("E_NOT_FOUND", "lg", "receivable.offer_transfer",
                  **{**give, "basis": digest("none")})  # fmt: skip
    world.refused("E_UNDERLYING", "lg", "receivable.offer_transfer",
                  **{**give, "leaf_id": f"{EC}/1"})  # fmt: skip
    world.refused("E_NOT_PARTY", "hl", "receivable.offer_transfer", **give)
    world.now_ms = at("2027-05-18", 23)
    assert world.run("lg", "receivable.offer_transfer", **give).outcome == "ok"
    world.now_ms = at("2027-05-19", 0)  # two business days before the due date are over
    world.refused("E_CUT_OFF", "lg", "receivable.offer_transfer", **give)


def test_an_offer_that_is_declined_recalled_or_run_out_leaves_holder_and_invoice_free(
    world: World,
) -> None:
    world.issue()
    world.ok("lg", "receivable.split", leaf_id=EC, amounts=[400_000_000, 200_000_000])
    leaf = f"{EC}/2"
    give = {"leaf_id": leaf, "to": "HL", "basis": digest("plastics")}
    for who, move in (("hl", "decline_transfer"), ("lg", "recall_transfer")):
        world.ok("lg", "receivable.offer_transfer", **give)
        world.refused("E_NOT_PARTY", "xy", "receivable.accept_transfer", leaf_id=leaf)
        world.refused("E_STATE", "lg", "receivable.split", leaf_id=leaf, amounts=[1, 199_999_999])
        assert world.ok(who, f"receivable.{move}", leaf_id=leaf) == "LG"
    until = world.ok("lg", "receivable.offer_transfer", **give)
    world.refused("E_TOO_EARLY", "xy", "receivable.expire_transfer", leaf_id=leaf)
    world.now_ms = until
    world.refused("E_EXPIRED", "hl", "receivable.accept_transfer", leaf_id=leaf)
    assert world.ok("xy", "receivable.expire_transfer", leaf_id=leaf) == "LG"
    document = world.ok(
        "pbc", "invoice_registry.get_document", document=digest("plastics"), seller="HL"
    )
    assert document["drawn_fen"] == 0


def test_a_piece_under_a_lien_neither_splits_nor_moves_until_the_lien_runs_out(
    world: World,
) -> None:
    world.issue()
    leaf = world.to_tier_three()
    world.request()
    give = {"leaf_id": leaf, "to": "HL", "basis": digest("plastics")}
    world.refused("E_LIEN", "xy", "receivable.split", leaf_id=leaf, amounts=[1, 49_999_999])
    world.refused("E_LIEN", "xy", "receivable.offer_transfer", **give)
    world.refused("E_LIEN", "xy", "financing.request_receivable", leaf_id=leaf, purpose="twice",
                  consent=True)  # fmt: skip
    world.now_ms += DAY_MS + 1
    world.ok("xy", "receivable.split", leaf_id=leaf, amounts=[1, 49_999_999])


def test_each_member_sees_its_own_branch_and_the_regulator_the_tree(world: World) -> None:
    world.issue()
    world.to_tier_three()

    def seen(who: str) -> list[str]:
        return [
            piece["leaf_id"].removeprefix(EC)
            for piece in world.ok(who, "receivable.tree", ec_id=EC)
        ]

    assert seen("pbc") == ["", "/1", "/2", "/2/1", "/2/2"]
    assert seen("xy") == ["", "/2", "/2/1"]
    assert seen("hl") == ["", "/2", "/2/1", "/2/2"]
    assert seen("lg") == ["", "/1", "/2"]
    assert seen("nb-ops") == []
    leaves = world.ok("hl", "receivable.my_leaves")
    assert [leaf["leaf_id"] for leaf in leaves] == [f"{EC}/2/2"]


# ---- M2 ------------------------------------------------------------------------------------------


def test_a_request_needs_the_holder_consent_and_an_active_party(world: World) -> None:
    world.issue()
    leaf = world.to_tier_three()
    args = {"leaf_id": leaf, "purpose": "wages", "consent": True}
    world.refused("E_NOT_PARTY", "hl", "financing.request_receivable", **args)
    world.refused("E_CONSENT", "xy", "financing.request_receivable", **{**args, "consent": False})
    world.refused("E_TEXT", "xy", "financing.request_receivable", **{**args, "purpose": ""})
    world.refused("E_PARTY", "nobody", "financing.request_receivable", **args)
    own = {"document": digest("export"), "due_date": "2027-02-16", "purpose": "x", "consent": True}
    world.refused("E_NOT_FOUND", "lg", "financing.request_invoice", **own)
    world.refused("E_DATE", "px-maker", "financing.request_invoice",
                  **{**own, "due_date": "2026-12-04"})  # fmt: skip


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("E_RATE", {"rate_ppm": 0}),
        ("E_RATE", {"rate_ppm": 240_001}),
        ("E_AMOUNT", {"principal_fen": 49_999_999}),
        ("E_EXPIRED", {"valid_until_ms": 0}),
        ("E_EXPIRED", {"valid_until_ms": at("2026-12-08") + 48 * HOUR_MS + 1}),
    ],
)
def test_a_quote_out_of_range_is_refused(world: World, code: str, change: dict[str, Any]) -> None:
    world.issue()
    world.to_tier_three()
    args = {
        "request_id": world.request(), "rate_ppm": 30_500, "principal_fen": 50_000_000,
        "valid_until_ms": world.now_ms + 1,
    }  # fmt: skip
    world.refused(code, "qb-ops", "financing.quote", **{**args, **change})
    world.refused("E_ROLE", "qb-checker", "financing.quote", **args)
    world.refused("E_PARTY", "nobody", "financing.quote", **args)


def test_an_advance_is_at_most_80_percent_over_all_banks_together(paying_world: World) -> None:
    world = paying_world
    world.now_ms = at("2026-11-18")
    ask = {"document": digest("export"), "due_date": "2027-02-16", "purpose": "x", "consent": True}
    first = world.ok("px-maker", "financing.request_invoice", **ask)
    too_much = {
        "request_id": first, "rate_ppm": 32_000, "principal_fen": 960_000_001,
        "valid_until_ms": world.now_ms + 1,
    }  # fmt: skip
    world.refused("E_ADVANCE", "qb-ops", "financing.quote", **too_much)
    world.quote(first, principal_fen=500_000_000)
    world.accept_quote(first, who="px-maker")
    second = world.ok("px-maker", "financing.request_invoice", **ask)
    world.quote(second, bank="nb-ops", principal_fen=460_000_001)
    args = {"request_id": second, "number": 1, "salt": bytes(16)}
    world.refused("E_ADVANCE", "px-maker", "financing.accept_quote", **args)
    world.ok("px-maker", "financing.withdraw", request_id=first)
    world.ok("px-maker", "financing.accept_quote", **args)


def test_one_quote_is_accepted_and_the_others_lapse(paying_world: World) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    request_id = world.request()
    world.quote(request_id)
    world.quote(request_id, bank="nb-ops", rate_ppm=40_000)
    args = {"request_id": request_id, "salt": bytes(16)}
    world.refused("E_NOT_PARTY", "hl", "financing.accept_quote", number=1, **args)
    world.refused("E_NOT_FOUND", "xy", "financing.accept_quote", number=3, **args)
    world.refused("E_SALT", "xy", "financing.accept_quote", number=1, request_id=request_id,
                  salt=bytes(15))  # fmt: skip
    world.ok("xy", "financing.accept_quote", number=1, **args)
    offers = world.ok("xy", "financing.list_quotes", request_id=request_id)
    assert [offer["state"] for offer in offers] == ["ACCEPTED", "LAPSED"]
    world.refused("E_STATE", "xy", "financing.accept_quote", number=2, **args)
    mine = world.ok("nb-ops", "financing.list_quotes", request_id=request_id)
    assert [offer["bank"] for offer in mine] == ["NB"]
    world.refused("E_NOT_PARTY", "nb-ops", "financing.get", request_id=request_id)
    world.refused("E_NOT_PARTY", "nb-ops", "financing.duplicate_check", request_id=request_id,
                  fingerprint=digest("f"))  # fmt: skip
    world.refused("E_STATE", "nobody", "financing.disburse", request_id=request_id, proof=b"")


def test_a_quote_that_ran_out_is_not_accepted(paying_world: World) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    request_id = world.request()
    world.quote(request_id, valid_until_ms=world.now_ms + 1)
    world.now_ms += 2
    world.refused("E_EXPIRED", "xy", "financing.accept_quote", request_id=request_id, number=1,
                  salt=bytes(16))  # fmt: skip


def test_a_duplicate_found_by_the_check_frees_the_leaf_and_names_nobody(
    paying_world: World,
) -> None:
    world = paying_world
    world.issue()
    leaf = world.to_tier_three()
    fingerprint = digest("keyed resin")
    world.now_ms = at("2026-12-08")
    world.ok("nb-ops", "invoice_registry.register", fingerprint=fingerprint)
    request_id = world.request()
    world.quote(request_id)
    world.accept_quote(request_id)
    state = world.ok("qb-ops", "financing.duplicate_check", request_id=request_id,
                     fingerprint=fingerprint)  # fmt: skip
    assert state == "REJECTED_DUP"
    assert world.events == ["EC.Freed", "IR.ConflictSeen", "Fin.DuplicateFound"]
    assert world.piece(leaf)["lien"] is False
    assert (
        world.ok("nb-ops", "invoice_registry.my_claim", fingerprint=fingerprint)["conflicts"] == 1
    )
    world.refused("E_STATE", "nobody", "financing.disburse", request_id=request_id, proof=b"")


# ---- M5 ------------------------------------------------------------------------------------------


def test_an_exact_duplicate_is_refused_for_whoever_comes_second(world: World) -> None:
    fingerprint = digest("f")
    world.ok("nb-ops", "invoice_registry.register", fingerprint=fingerprint)
    message = world.refused("E_DUPLICATE_FINANCING", "qb-ops", "invoice_registry.register",
                            fingerprint=fingerprint)  # fmt: skip
    assert "NB" not in message
    world.refused("E_STATE", "nb-ops", "invoice_registry.register", fingerprint=fingerprint)
    world.refused("E_OWNER", "qb-ops", "invoice_registry.release", fingerprint=fingerprint)
    world.ok("nb-ops", "invoice_registry.release", fingerprint=fingerprint)
    world.ok("qb-ops", "invoice_registry.register", fingerprint=fingerprint)


def test_shares_of_all_banks_stay_within_100_percent(world: World) -> None:
    fingerprint = digest("f")
    for share in (0, -1, 10_001):
        world.refused("E_SHARE", "qb-ops", "invoice_registry.register", fingerprint=fingerprint,
                      share_bps=share)  # fmt: skip
    world.ok("qb-ops", "invoice_registry.register", fingerprint=fingerprint, share_bps=6_000)
    world.refused("E_DUPLICATE_FINANCING", "nb-ops", "invoice_registry.register",
                  fingerprint=fingerprint, share_bps=4_001)  # fmt: skip
    world.ok("nb-ops", "invoice_registry.register", fingerprint=fingerprint, share_bps=4_000)


def test_a_bank_may_claim_the_rest_of_an_invoice_and_not_more(paying_world: World) -> None:
    world = paying_world
    world.issue()
    world.to_tier_three()
    request_id, terms = world.to_cleared()
    fingerprint = digest("keyed resin")
    world.refused("E_STATE", "qb-ops", "invoice_registry.register", fingerprint=fingerprint)
    proof = world.pay("QB", "XY", terms["payout_fen"], terms["pay_reference"])
    world.ok("qb-ops", "financing.disburse", request_id=request_id, proof=proof)
    world.refused(
        "E_DUPLICATE_FINANCING", "qb-ops", "invoice_registry.register", fingerprint=fingerprint,
        share_bps=1,
    )  # fmt: skip

    other = digest("another")
    world.ok("qb-ops", "invoice_registry.register", fingerprint=other, share_bps=4_000)
    pay_claim(world, other, 1, 4_000)
    world.ok("qb-ops", "invoice_registry.register", fingerprint=other, share_bps=5_000)
    assert world.ok("nb-ops", "invoice_registry.available_bps", fingerprint=other) == 1_000
    assert world.ok("qb-ops", "invoice_registry.my_claim", fingerprint=other)["number"] == 2


def pay_claim(world: World, fingerprint: str, number: int, financed_bps: int) -> None:
    """What `activate` does when QB's payment for a claim is proven."""
    world.force("invoice_registry", "claim", (fingerprint, "QB", number), state="ACTIVE")
    at_key = keys.state_key("invoice_registry", "financed", fingerprint)
    world.state[at_key] = values.encode(financed_bps)


def test_the_leaves_of_one_invoice_may_be_many_and_the_check_costs_the_same(world: World) -> None:
    fingerprint = digest("f")
    register = {"fingerprint": fingerprint, "share_bps": 100}
    gas = []
    for number in range(1, 101):
        world.ok("qb-ops", "invoice_registry.register", **register)
        gas.append(world.gas.pop("invoice_registry.register"))
        pay_claim(world, fingerprint, number, number * 100)
    world.refused("E_DUPLICATE_FINANCING", "nb-ops", "invoice_registry.register", **register)
    assert max(gas[2:]) - min(gas[2:]) < 500


def test_a_suspended_party_deals_no_more_and_may_still_pay(paying_world: World) -> None:
    world = paying_world
    world.issue()
    for party_id in ("LG", "PX"):
        world.ok("pbc", "party.suspend", party_id=party_id, reason="order 7")
    world.refused("E_PARTY", "lg", "receivable.split", leaf_id=EC, amounts=[1, 599_999_999])
    world.refused("E_PARTY", "lg", "receivable.offer_transfer", leaf_id=EC, to="HL",
                  basis=digest("plastics"))  # fmt: skip
    world.now_ms = at("2027-05-20")
    world.ok("lg", "receivable.due", leaf_id=EC)
    world.ok("px-maker", "receivable.prepare_payment", leaf_id=EC, salt=bytes(16))


def test_a_reservation_ends_after_72_hours(world: World) -> None:
    fingerprint = digest("f")
    until = world.ok("qb-ops", "invoice_registry.register", fingerprint=fingerprint)
    assert until == world.now_ms + 72 * HOUR_MS
    world.now_ms = until
    world.refused("E_DUPLICATE_FINANCING", "nb-ops", "invoice_registry.register",
                  fingerprint=fingerprint)  # fmt: skip
    world.now_ms = until + 1
    world.ok("nb-ops", "invoice_registry.register", fingerprint=fingerprint)
    world.refused("E_STATE", "qb-ops", "invoice_registry.release", fingerprint=fingerprint)


def test_only_banks_register_and_only_digests(world: World) -> None:
    fingerprint = digest("f")
    world.refused("E_ROLE", "px-maker", "invoice_registry.register", fingerprint=fingerprint)
    world.refused("E_PARTY", "nobody", "invoice_registry.register", fingerprint=fingerprint)
    for wrong in (fingerprint.upper(), fingerprint[:-1], "", "g" * 64):
        world.refused("E_DIGEST", "qb-ops", "invoice_registry.register", fingerprint=wrong)


def test_a_document_is_lodged_once_by_its_seller(world: World) -> None:
    args = {
        "document": digest("new"), "kind": "invoice", "buyer": "PX", "amount_fen": 1,
        "currency": "CNY", "issued_on": "2026-11-16",
    }  # fmt: skip
    for code, change in (
        ("E_DUPLICATE", {"document": digest("moulds")}),
        ("E_SELF", {"buyer": "LG"}),
        ("E_AMOUNT", {"amount_fen": 0}),
        ("E_AMOUNT", {"amount_fen": 2**63}),
        ("E_CODE", {"currency": "XXX"}),
        ("E_CODE", {"kind": "letter"}),
        ("E_DATE", {"issued_on": "16.11.2026"}),
        ("E_DIGEST", {"document": "x"}),
    ):
        world.refused(code, "lg", "invoice_registry.lodge", **{**args, **change})
    world.refused("E_ROLE", "px-reader", "invoice_registry.lodge", **args)
    world.refused("E_PARTY", "nobody", "invoice_registry.lodge", **args)


def test_nobody_takes_a_digest_from_its_seller(world: World) -> None:
    world.ok("xy", "invoice_registry.lodge", document=digest("moulds"), kind="invoice", buyer="PX",
             amount_fen=1, currency="CNY", issued_on="2026-11-16")  # fmt: skip
    own = world.ok("lg", "invoice_registry.get_document", document=digest("moulds"))
    assert (own["seller"], own["amount_fen"]) == ("LG", 600_000_000)
    world.issue()


def test_opening_a_world_twice_gives_the_same_state() -> None:
    assert open_world().state == open_world().state


def test_a_draft_does_not_hold_the_suppliers_invoice_against_its_will(world: World) -> None:
    world.now_ms = at("2026-11-23")
    ec_id = world.draft()
    world.refused("E_NOT_PARTY", "hl", "receivable.reject", ec_id=ec_id, reason="not mine")
    assert world.ok("lg", "receivable.reject", ec_id=ec_id, reason="I sell it") == "REJECTED"
    found = world.ok("lg", "invoice_registry.get_document", document=digest("moulds"))
    assert found["drawn_fen"] == 0
    world.refused("E_STATE", "px-checker", "receivable.sign", ec_id=ec_id)


def test_a_claim_is_taken_only_by_who_can_be_paid(world: World) -> None:
    """Without a wallet of the holder the debtor could not pay and would owe a penalty a day."""
    for key in [key for key in world.state if b"wallet" in key]:
        world.state.pop(key)
    world.now_ms = at("2026-11-23")
    ec_id = world.draft()
    world.ok("px-checker", "receivable.sign", ec_id=ec_id)
    world.refused("E_WALLET", "lg", "receivable.accept", ec_id=ec_id)
    world.bind_wallets("lg")
    world.ok("lg", "receivable.accept", ec_id=ec_id)
    world.now_ms = at("2026-11-30")
    world.ok("lg", "receivable.split", leaf_id=EC, amounts=[400_000_000, 200_000_000])
    moved = f"{EC}/2"
    world.ok("lg", "receivable.offer_transfer", leaf_id=moved, to="HL", basis=digest("plastics"))
    world.refused("E_WALLET", "hl", "receivable.accept_transfer", leaf_id=moved)
    world.bind_wallets("hl")
    world.ok("hl", "receivable.accept_transfer", leaf_id=moved)


def test_an_offer_ends_with_the_due_date_at_the_latest(world: World) -> None:
    """Accepted later, the debt would be overdue from its first day."""
    world.now_ms = at("2026-11-23")
    ec_id = world.draft(due_date="2026-11-24")
    world.ok("px-checker", "receivable.sign", ec_id=ec_id)
    world.now_ms = at("2026-11-25", 0)
    world.refused("E_EXPIRED", "lg", "receivable.accept", ec_id=ec_id)
    assert world.ok("nobody", "receivable.expire", ec_id=ec_id) == "VOID"


def test_a_piece_is_free_of_financing_before_it_is_due(paying_world: World) -> None:
    """A locked piece cannot be paid: its holder would make the debtor overdue."""
    world = paying_world
    world.issue()
    leaf_id = world.to_tier_three()
    world.now_ms = at("2027-05-17")
    request_id = world.request(leaf_id)
    world.quote(request_id)
    world.refused("E_CUT_OFF", "xy", "financing.accept_quote", request_id=request_id, number=1,
                  salt=bytes(16))  # fmt: skip
    world.ok("xy", "financing.withdraw", request_id=request_id)
    world.now_ms = at("2027-05-19")
    world.refused("E_CUT_OFF", "xy", "financing.request_receivable", leaf_id=leaf_id,
                  purpose="wages", consent=True)  # fmt: skip


def test_a_party_suspended_in_the_middle_gets_nothing_more_through(paying_world: World) -> None:
    world = paying_world
    world.now_ms = at("2026-11-23")
    other = world.draft(face_fen=1, invoices=[digest("moulds")])
    world.ok("px-checker", "receivable.sign", ec_id=other)
    world.ok("pbc", "party.suspend", party_id="PX", reason="order 7")
    world.refused("E_PARTY", "lg", "receivable.accept", ec_id=other)
    world.ok("pbc", "party.resume", party_id="PX", reason="order 8")
    world.ok("px-maker", "receivable.cancel", ec_id=other)
    world.ok("qb-ops", "credit_line.propose_limit", issuer="PX", limit_fen=2_000_000_000)
    world.ok("pbc", "party.suspend", party_id="QB", reason="order 9")
    world.refused("E_PARTY", "qb-checker", "credit_line.approve_limit", issuer="PX",
                  limit_fen=2_000_000_000)  # fmt: skip
    world.ok("pbc", "party.resume", party_id="QB", reason="order 10")
    first = world.draft()
    world.ok("px-checker", "receivable.sign", ec_id=first)
    world.ok("lg", "receivable.accept", ec_id=first)
    world.ok("lg", "receivable.split", leaf_id=first, amounts=[550_000_000, 50_000_000])
    world.ok("hl", "invoice_registry.lodge", document=digest("small"), kind="invoice", buyer="LG",
             amount_fen=50_000_000, currency="CNY", issued_on="2026-11-16")  # fmt: skip
    leaf_id = f"{first}/2"
    world.ok("lg", "receivable.offer_transfer", leaf_id=leaf_id, to="HL", basis=digest("small"))
    world.ok("pbc", "party.suspend", party_id="LG", reason="order 11")
    world.refused("E_PARTY", "hl", "receivable.accept_transfer", leaf_id=leaf_id)
    world.ok("pbc", "party.resume", party_id="LG", reason="order 12")
    world.ok("hl", "receivable.accept_transfer", leaf_id=leaf_id)
    request_id = world.ok("hl", "financing.request_receivable", leaf_id=leaf_id, purpose="wages",
                          consent=True)  # fmt: skip
    world.quote(request_id)
    accept = {"request_id": request_id, "number": 1, "salt": bytes(16)}
    for party_id in ("HL", "QB"):
        world.ok("pbc", "party.suspend", party_id=party_id, reason="order 13")
        world.refused("E_PARTY", "hl", "financing.accept_quote", **accept)
        world.ok("pbc", "party.resume", party_id=party_id, reason="order 14")
    world.ok("hl", "financing.accept_quote", **accept)
    world.ok("pbc", "party.suspend", party_id="HL", reason="order 15")
    world.refused("E_PARTY", "qb-ops", "financing.duplicate_check", request_id=request_id,
                  fingerprint=digest("f"))  # fmt: skip


def test_one_bank_does_not_take_up_the_room_for_quotes(world: World) -> None:
    world.issue()
    world.to_tier_three()
    request_id = world.request()
    for _ in range(3):
        world.quote(request_id, bank="nb-ops", rate_ppm=240_000)
    world.refused("E_QUOTES", "nb-ops", "financing.quote", request_id=request_id, rate_ppm=240_000,
                  principal_fen=50_000_000, valid_until_ms=world.now_ms + 1)  # fmt: skip
    assert world.quote(request_id) == 4


def test_a_piece_is_shown_to_those_it_concerns_only(world: World) -> None:
    """`tree` hides siblings, and their ids are easily guessed: one piece hides as well."""
    world.issue()
    leaf_id = world.to_tier_three()
    seen = {
        "xy": [leaf_id, f"{EC}/2", EC],  # its leaf and the path to it
        "hl": [leaf_id, f"{EC}/2/2", f"{EC}/2", EC],  # and the parts it made
        "lg": [EC, f"{EC}/1", f"{EC}/2"],
        "qb-ops": [],
        "px-maker": [],
    }
    for who, ids in seen.items():
        for piece_id in (EC, f"{EC}/1", f"{EC}/2", leaf_id, f"{EC}/2/2"):
            if piece_id in ids:
                assert world.ok(who, "receivable.get_piece", leaf_id=piece_id)["amount_fen"] > 0
            else:
                world.refused("E_NOT_PARTY", who, "receivable.get_piece", leaf_id=piece_id)
    world.now_ms = at("2027-05-20")
    world.ok("nobody", "receivable.due", leaf_id=leaf_id)
    assert world.ok("px-maker", "receivable.get_piece", leaf_id=leaf_id)["holder"] == "XY"
    world.refused("E_NOT_PARTY", "px-maker", "receivable.get_piece", leaf_id=f"{EC}/1")


def test_a_tree_of_more_than_a_thousand_pieces_is_counted_whole(world: World) -> None:
    world.issue()

    def split(leaf_id: str, amount: int) -> list[tuple[str, int]]:
        parts = [amount // 16] * 15 + [amount - 15 * (amount // 16)]
        ids = world.ok("lg", "receivable.split", leaf_id=leaf_id, amounts=parts)
        return list(zip(ids, parts, strict=True))

    leaves = [part for piece in split(EC, 600_000_000) for part in split(*piece)]
    for piece in leaves[:50]:
        split(*piece)
    facts = world.ok("pbc", "receivable.invariants", ec_id=EC)
    assert (facts["leaves"], facts["leaves_fen"]) == (1_006, 600_000_000)
    assert len(world.ok("pbc", "receivable.tree", ec_id=EC)) == 1_006 + 17 + 50
    assert world.ok("pbc", "receivable.is_settled", leaf_id=EC) is False
