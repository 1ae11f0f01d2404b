"""Customer checks beyond one bank: relied on, renewed, screened, and halted by a list or a revoked licence."""

from __future__ import annotations

import pytest

from deploy.regcenter.hashing import sm3
from tests.unit.suite.test_remedy import issue
from tests.unit.suite.world import EC, PARTIES, World, at, digest

PBC_LIST = "PBC-2026"


def named(text: str) -> str:
    return sm3(text.encode()).hex()


def test_a_bank_relies_on_anothers_check_only_with_the_partys_consent_and_while_it_holds(
    world: World,
) -> None:
    rely = {"party_id": "XY"}
    world.refused("E_NO_CONSENT", "nb-ops", "kyc.rely", **rely)
    world.refused("E_SELF", "qb-ops", "kyc.rely", **rely)  # its own check
    world.ok("xy", "kyc.consent", bank="NB", until="2027-06-30")
    world.refused("E_KYC_LEVEL", "nb-ops", "kyc.rely", **rely, level_min=3)
    assert world.ok("nb-ops", "kyc.rely", **rely) == "2027-11-09"
    found = world.ok("nb-ops", "kyc.get_reliance", party_id="XY", bank="NB")
    assert (found["issuer"], found["in_force"]) == ("QB", True)
    world.ok("xy", "kyc.consent", bank="NB", until="")
    world.refused("E_NO_CONSENT", "nb-ops", "kyc.rely", **rely)
    world.now_ms = at("2027-11-10")
    assert not world.ok("nb-ops", "kyc.get_reliance", party_id="XY", bank="NB")["in_force"]
    world.ok("xy", "kyc.consent", bank="NB", until="2028-06-30")
    world.refused("E_KYC_EXPIRED", "nb-ops", "kyc.rely", **rely)


def test_an_expired_attestation_is_renewed_by_two_officers_of_any_bank(world: World) -> None:
    world.now_ms = at("2027-11-10")
    world.refused("E_KYC_EXPIRED", "pbc", "party.check_new_business", party_id="XY")
    assert ["XY", "E_KYC_EXPIRED"] in world.ok("nobody", "kyc.check", party_ids=["XY"])
    anew = {"party_id": "XY", "level": 2, "risk": "low", "report": digest("new"),
            "expires": "2028-11-10"}  # fmt: skip
    world.refused("E_ROLE", "xy", "party.renew", **anew)
    world.refused("E_NOT_FOUND", "nb-checker", "party.confirm_renewal", party_id="XY")
    world.ok("nb-ops", "party.renew", **anew)
    world.refused("E_FOUR_EYES", "nb-ops", "party.confirm_renewal", party_id="XY")
    world.refused("E_ROLE", "qb-checker", "party.confirm_renewal", party_id="XY")
    world.ok("nb-checker", "party.confirm_renewal", party_id="XY")
    assert world.ok("pbc", "party.check_new_business", party_id="XY")["attested_by"] == "NB"


def test_a_batch_is_checked_in_one_call_and_names_who_is_wanting(world: World) -> None:
    every = [*PARTIES]
    assert world.ok("nobody", "kyc.check", party_ids=every) == []
    world.ok("pbc", "party.suspend", party_id="HL", reason="order")
    assert world.ok("nobody", "kyc.check", party_ids=[*every, "NOBODY"]) == [
        ["HL", "E_PARTY"], ["NOBODY", "E_PARTY"],
    ]  # fmt: skip
    wanting = world.ok("nobody", "kyc.check", party_ids=["PX"], level_min=3)
    assert wanting == [["PX", "E_KYC_LEVEL"]]
    for batch in ([], ["PX", "PX"], [f"P{n}" for n in range(501)]):
        world.refused("E_BATCH", "nobody", "kyc.check", party_ids=batch)


def test_a_hit_on_a_list_halts_the_party_until_two_officers_clear_it(world: World) -> None:
    world.issue()
    uscc = PARTIES["LG"][3]
    world.refused("E_ROLE", "qb-ops", "kyc.publish_list", list_id=PBC_LIST, entries=[named(uscc)])
    world.ok("pbc", "kyc.publish_list", list_id=PBC_LIST, entries=[named(uscc), named("a")])
    more = world.ok("pbc", "kyc.publish_list", list_id=PBC_LIST, entries=[named("a"), named("b")])
    assert more == 3
    found = world.ok("qb-ops", "kyc.screen", party_ids=[*PARTIES])
    assert found == [["LG", PBC_LIST]]
    split = {"leaf_id": EC, "amounts": [1, 599_999_999]}
    world.refused("E_KYC_HALT", "lg", "receivable.split", **split)
    assert world.ok("nobody", "kyc.check", party_ids=["LG"]) == [["LG", "E_KYC_HALT"]]
    world.refused("E_KYC_HALT", "pbc", "party.resume", party_id="LG", reason="please")
    clear = {"party_id": "LG", "list_id": PBC_LIST, "reason": "a namesake"}
    assert world.ok("qb-ops", "kyc.clear_hit", **clear) is False
    world.refused("E_FOUR_EYES", "qb-ops", "kyc.clear_hit", **clear)
    assert world.ok("nb-ops", "kyc.clear_hit", **clear) is False  # another bank begins anew
    assert world.ok("nb-checker", "kyc.clear_hit", **clear) is True
    world.ok("lg", "receivable.split", **split)
    assert world.ok("qb-ops", "kyc.screen", party_ids=["LG"]) == []
    (hit,) = world.ok("pbc", "kyc.get_hits", party_id="LG")
    assert hit["cleared"] and hit["reason"] == "a namesake"


def test_a_revoked_licence_freezes_the_party_and_old_debts_are_still_discharged(
    paying_world: World,
) -> None:
    world = paying_world
    issue(world)
    licence = {"party_id": "PX", "kind": "BUSINESS"}
    world.refused("E_LICENCE", "pbc", "kyc.revoke_licence", **licence, order="ORDER-1")
    world.ok("pbc", "kyc.record_licence", **licence, number="4403", expires="2030-01-01")
    world.refused("E_ROLE", "qb-ops", "kyc.revoke_licence", **licence, order="ORDER-1")
    assert world.ok("pbc", "kyc.revoke_licence", **licence, order="ORDER-1") == "SUSPENDED"
    world.refused("E_LICENCE", "pbc", "kyc.revoke_licence", **licence, order="ORDER-2")
    world.refused("E_KYC_HALT", "pbc", "party.check_member", party_id="PX")
    world.now_ms = at("2027-05-20")
    world.ok("nobody", "receivable.due", leaf_id=EC)
    due = world.ok("px-maker", "receivable.prepare_payment", leaf_id=EC, salt=bytes(16))
    proof = world.pay("PX", "LG", due["amount_fen"], due["reference"])
    assert world.ok("lg", "receivable.record_payment", leaf_id=EC, proof=proof) == "PAID"
    world.ok("pbc", "kyc.restore_licence", **licence, order="ORDER-3")
    assert world.ok("pbc", "party.check_member", party_id="PX")["state"] == "ACTIVE"


def test_a_party_that_a_bank_suspended_stays_so_when_its_hit_is_cleared(world: World) -> None:
    world.ok("pbc", "kyc.publish_list", list_id=PBC_LIST, entries=[named(PARTIES["HL"][3])])
    world.ok("qb-ops", "party.suspend", party_id="HL", reason="papers missing")
    assert world.ok("qb-ops", "kyc.screen", party_ids=["HL"]) == [["HL", PBC_LIST]]
    world.refused("E_KYC_HALT", "qb-ops", "party.resume", party_id="HL", reason="found")
    clear = {"party_id": "HL", "list_id": PBC_LIST, "reason": "a namesake"}
    world.ok("qb-ops", "kyc.clear_hit", **clear)
    world.ok("qb-checker", "kyc.clear_hit", **clear)
    assert world.ok("pbc", "party.get", party_id="HL")["state"] == "SUSPENDED"
    assert world.ok("qb-ops", "party.resume", party_id="HL", reason="found") == "ACTIVE"


@pytest.mark.parametrize("target", ["halt", "lift"])
def test_nobody_halts_or_lifts_a_party_past_the_kyc_contract(world: World, target: str) -> None:
    world.refused("E_CALLER", "pbc", f"party.{target}", party_id="PX", reason="please")
    world.refused("E_CALLER", "pbc", "party.kyc_facts", party_ids=["PX"])
