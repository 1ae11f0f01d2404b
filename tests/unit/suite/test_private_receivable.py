"""Receivables with hidden amounts: everybody checks, those concerned read."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from contracts.runtime import values
from contracts.tables import TABLES
from node.confidential.credentials import commitment
from node.confidential.private_amounts import (
    SCHEMA,
    context_of,
    opening_in,
    parts_content,
    prove_face,
    prove_parts,
    terms_content,
)
from node.confidential.sealing import Content, open_copy, seal
from node.identity.hidden_amount import Opening, hide, prove, share
from node.identity.suite import get_suite
from tests.unit.suite.center_world import CHANNEL, as_json
from tests.unit.suite.conftest import fresh
from tests.unit.suite.walking import Walk, allowed, cases
from tests.unit.suite.world import World, at, digest

SUITE = get_suite("sm")
KEYS = {member: SUITE.generate_key() for member in ("PX", "LG", "HL", "PBC-SZ")}
USER = {"PX": "px-maker", "LG": "lg", "HL": "hl", "PBC-SZ": "pbc"}
PR, DUE, FACE = "PR-000001", "2027-05-20", 600_000_007
OPENING = hide(FACE)
TERMS = terms_content("PR-T-1", OPENING, DUE, {"purpose": "moulds for the secret phone"})
FACE_PROOF = prove_face(OPENING, CHANNEL, "PR-T-1")
AMOUNTS = (400_000_003, 200_000_004)
PARTS = share(OPENING, AMOUNTS)
PART_PROOFS = prove_parts(PARTS, CHANNEL, PR)
BY_RECORD = {t.record: t for t in TABLES if t.contract == "private_receivable"}


@pytest.fixture(scope="module")
def keyed(opened: World) -> World:
    """Everybody's keys for sealing published, and the central bank demands copies."""
    return with_keys(fresh(opened))


def with_keys(world: World) -> World:
    for member, key in KEYS.items():
        world.ok(USER[member], "sealed_record.publish_key", key=key.public_key)
    world.ok("pbc", "sealed_record.demand_copies", schema=SCHEMA)
    world.now_ms = at("2026-11-23")
    return world


@pytest.fixture
def world(keyed: World) -> World:
    return fresh(keyed)


def put(world: World, owner: str, content: Content, *to: str) -> None:
    members = (owner, *to, "PBC-SZ")
    keys = [KEYS[member].public_key for member in members]
    made = seal(content, CHANNEL, owner, SCHEMA, keys)
    world.ok(
        USER[owner], "sealed_record.seal", id=content.held.id, schema=SCHEMA, root=made.root,
        fields=made.fields, digest=made.digest, size=len(made.ciphertext),
        ciphertext=made.ciphertext, keys=[f"{member}/1" for member in members],
        wrapped=list(made.wrapped),
    )  # fmt: skip


def read(world: World, member: str, record: str, **args: Any) -> Content:
    found = world.ok(USER[member], "sealed_record.open_copy", id=record, **args)
    return open_copy(KEYS[member], found["copies"][0]["wrapped"], found["ciphertext"], found)


def drafting(**changes: Any) -> dict[str, Any]:
    return {"holder": "LG", "commitment": OPENING.commitment(), "proof": FACE_PROOF,
            "sealed": "PR-T-1", "due_month": "2027-05", **changes}  # fmt: skip


def call(world: World, who: str, move: str, /, id: str = PR, **args: Any) -> Any:
    return world.ok(who, f"private_receivable.{move}", id=id, **args)


def refused(world: World, code: str, who: str, move: str, /, id: str = PR, **args: Any) -> str:
    return world.refused(code, who, f"private_receivable.{move}", id=id, **args)


def drafted(world: World) -> World:
    put(world, "PX", TERMS, "LG")
    assert world.ok("px-maker", "private_receivable.draft", **drafting()) == PR
    return world


def issued(world: World) -> World:
    drafted(world)
    call(world, "px-checker", "sign")
    call(world, "lg", "accept")
    return world


def splitting(**changes: Any) -> dict[str, Any]:
    return {"commitments": [part.commitment() for part in PARTS], "proofs": PART_PROOFS,
            "sealed": "PR-P-1", **changes}  # fmt: skip


def divided(world: World) -> World:
    issued(world)
    put(world, "LG", parts_content("PR-P-1", PARTS))
    assert call(world, "lg", "split", **splitting()) == [f"{PR}/1", f"{PR}/2"]
    return world


def moved(world: World) -> World:
    divided(world)
    put(world, "LG", parts_content("PR-O-1", [PARTS[1]]), "HL")
    call(world, "lg", "offer_transfer", f"{PR}/2", to="HL", sealed="PR-O-1")
    call(world, "hl", "accept_transfer", f"{PR}/2")
    return world


def due_opening() -> dict[str, Any]:
    field = next(one for one in TERMS.held.fields if one.name == "due_date")
    rest = [commitment(one) for one in TERMS.held.fields if one is not field]
    return {"due_date": DUE, "salt": field.salt.hex(), "hidden": rest}


def presenting(part: Opening, **changes: Any) -> dict[str, Any]:
    return {"amount_fen": part.amount, "blinding": part.blinding,
            "salt": secrets.token_bytes(16), **changes}  # fmt: skip


NOTE_WALK = Walk(
    BY_RECORD["note"],
    PR,
    {
        "sign": ("px-checker", {}),
        "cancel": ("px-maker", {}),
        "accept": ("lg", {}),
        "reject": ("lg", {}),
        "close": ("nobody", {}),
    },
)
LEAF_WALK = Walk(
    BY_RECORD["leaf"],
    PR,
    {
        "split": ("lg", splitting()),
        "offer_transfer": ("lg", {"to": "HL", "sealed": "PR-O-1"}),
        "accept_transfer": ("hl", {}),
        "decline_transfer": ("hl", {}),
        "recall_transfer": ("lg", {}),
        "due": ("nobody", due_opening()),
        "present": ("lg", presenting(OPENING)),
        "record_payment": ("nobody", {"proof": b""}),
    },
    {"parties": {"issuer": "PX", "holder": "LG", "taker": "HL"}},
)


@pytest.mark.parametrize(("state", "move"), cases(NOTE_WALK))
def test_a_note_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    NOTE_WALK.check_state(drafted(world), state, move)
    if NOTE_WALK.table.allows(state, move):
        NOTE_WALK.check_persons(world, state, move)


@pytest.mark.parametrize(("state", "move"), cases(LEAF_WALK))
def test_a_leaf_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    LEAF_WALK.check_state(issued(world), state, move)


@pytest.mark.parametrize(("state", "move"), allowed(LEAF_WALK))
def test_a_leaf_is_moved_only_by_whom_its_table_names(world: World, state: str, move: str) -> None:
    LEAF_WALK.check_persons(issued(world), state, move)


# ---- who reads what ------------------------------------------------------------------------------


def test_neither_amounts_nor_terms_stand_on_the_ledger(world: World) -> None:
    """Neither in state nor in what was sent, as text, as a number, or encoded."""
    moved(world)
    sent = json.dumps([as_json(one) for one in (drafting(), splitting())])
    ledger = sent.encode() + b"".join(key + value for key, value in world.state.items())
    for amount in (FACE, *AMOUNTS):
        assert str(amount).encode() not in ledger
        assert values.encode(amount) not in ledger
    for opening in (OPENING, *PARTS):
        assert opening.blinding not in ledger and opening.blinding.hex().encode() not in ledger
    for word in (b"secret phone", DUE.encode(), b"amount_fen "):
        assert word not in ledger
    assert OPENING.commitment() in ledger


def test_issuer_and_holders_read_their_own_branch_and_others_commitments(world: World) -> None:
    moved(world)
    assert opening_in(read(world, "LG", "PR-T-1"), OPENING.commitment()) == OPENING
    second = call(world, "hl", "get_leaf", f"{PR}/2")
    assert opening_in(read(world, "HL", "PR-O-1"), second["commitment"]) == PARTS[1]
    for who, leaf in (("hl", f"{PR}/1"), ("lg", f"{PR}/2"), ("px-maker", f"{PR}/2"), ("pbc", PR)):
        refused(world, "E_NOT_PARTY", who, "get_leaf", leaf)
    world.refused("E_NOT_PARTY", "hl", "sealed_record.open_copy", id="PR-P-1")
    assert call(world, "hl", "get")["root"] == TERMS.root
    for who in ("xy", "nb-ops", "pbc"):
        refused(world, "E_NOT_PARTY", who, "get")
    shown = call(world, "xy", "status")
    assert shown == {"id": PR, "commitment": OPENING.commitment(), "state": "ACTIVE",
                     "due_month": "2027-05"}  # fmt: skip
    of_leaf = call(world, "xy", "status", f"{PR}/1")
    assert of_leaf == {"id": f"{PR}/1", "commitment": PARTS[0].commitment(), "state": "ACTIVE"}
    path = call(world, "hl", "branch", f"{PR}/2")
    assert [one["id"] for one in path] == [PR, f"{PR}/2"] and len(path[0]["parts"]) == 2
    assert call(world, "xy", "adds_up") and [x["id"] for x in call_list(world, "hl")] == [f"{PR}/2"]


def call_list(world: World, who: str) -> list[dict[str, Any]]:
    return list(world.ok(who, "private_receivable.list_leaves"))


def test_the_central_bank_reads_every_opening_against_a_receipt(world: World) -> None:
    moved(world)
    world.refused("E_NO_RECEIPT", "pbc", "sealed_record.open_copy", id="PR-P-1")
    view = {"screen": "sealed", "purpose": digest("why"), "subject": "LG"}
    receipt = world.ok("pbc", "regulator.open_view", **view)
    content = read(world, "PBC-SZ", "PR-P-1", receipt=receipt)
    assert [opening_in(content, part.commitment()) for part in PARTS] == PARTS


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_SELF", {"holder": "PX"}),
        ("E_PARTY", {"holder": "ZZ"}),
        ("E_DATE", {"due_month": "2027-13"}),
        ("E_DATE", {"due_month": "2026-09"}),
        ("E_TENOR_HARD", {"due_month": "2028-01"}),
        ("E_TERMS_COPY", {"holder": "HL"}),
        ("E_NOT_FOUND", {"sealed": "PR-T-9"}),
        ("E_COMMITMENT", {"commitment": b""}),
        ("E_COMMITMENT", {"proof": FACE_PROOF[:-1]}),
        ("E_RANGE_PROOF", {"commitment": hide(FACE).commitment()}),
        ("E_RANGE_PROOF", {"proof": PART_PROOFS[0]}),
        ("E_RANGE_PROOF", {"proof": prove(OPENING, context_of(bytes(32), "face/PR-T-1"))}),
        ("E_RANGE_PROOF", {"proof": prove_face(OPENING, CHANNEL, "PR-T-2")}),
    ],
)
def test_a_note_that_does_not_hold_is_not_drawn_up(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    put(world, "PX", TERMS, "LG")
    world.refused(code, "px-maker", "private_receivable.draft", **drafting(**changes))


def test_a_commitment_stands_once_so_that_no_blinding_is_used_again(world: World) -> None:
    drafted(world)
    world.refused("E_DUPLICATE", "px-maker", "private_receivable.draft", **drafting())


MORE = share(OPENING, [AMOUNTS[0] + 1, AMOUNTS[1] - 1])
OTHERS = [hide(amount) for amount in AMOUNTS]


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_SPLIT_COUNT", {"proofs": PART_PROOFS[:1]}),
        ("E_SPLIT_COUNT", {"commitments": [OPENING.commitment()], "proofs": [FACE_PROOF]}),
        ("E_SPLIT_SUM", {"commitments": [OTHERS[0].commitment(), OTHERS[1].commitment()]}),
        ("E_SPLIT_SUM", {"commitments": [PARTS[0].commitment(), MORE[1].commitment()]}),
        ("E_COMMITMENT", {"commitments": [b"", b""]}),
        ("E_COMMITMENT", {"proofs": [b"", b""]}),
        ("E_RANGE_PROOF", {"proofs": PART_PROOFS[::-1]}),
        ("E_RANGE_PROOF", {"proofs": prove_parts(PARTS, CHANNEL, "PR-000002")}),
        ("E_TERMS_COPY", {"sealed": "PR-T-1"}),
    ],
)
def test_a_split_that_makes_or_loses_a_fen_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    issued(world)
    put(world, "LG", parts_content("PR-P-1", PARTS))
    if changes.get("sealed"):
        changes = {"sealed": "PR-P-2"}
        other = seal(
            parts_content("PR-P-2", PARTS), CHANNEL, "LG", "OTHER", [KEYS["LG"].public_key]
        )
        world.ok("lg", "sealed_record.seal", id="PR-P-2", schema="OTHER", root=other.root,
                 fields=other.fields, digest=other.digest, size=len(other.ciphertext),
                 ciphertext=other.ciphertext, keys=["LG/1"], wrapped=list(other.wrapped))  # fmt: skip
    refused(world, code, "lg", "split", **splitting(**changes))


def test_whoever_draws_up_does_not_sign_and_who_has_no_copy_is_offered_nothing(
    world: World,
) -> None:
    put(world, "PX", TERMS, "LG")
    world.ok("px-both", "private_receivable.draft", **drafting())
    refused(world, "E_FOUR_EYES", "px-both", "sign")
    call(world, "px-checker", "sign")
    call(world, "lg", "accept")
    put(world, "LG", parts_content("PR-O-9", [OPENING]))
    refused(world, "E_TERMS_COPY", "lg", "offer_transfer", to="HL", sealed="PR-O-9")
    refused(world, "E_SELF", "lg", "offer_transfer", to="PX", sealed="PR-O-9")


def test_the_due_date_is_opened_from_the_terms_and_nothing_else(world: World) -> None:
    moved(world)
    opening = due_opening()
    refused(world, "E_TOO_EARLY", "nobody", "due", f"{PR}/2", **opening)
    for wrong in ({"due_date": "2027-05-01"}, {"salt": "zz"}, {"hidden": opening["hidden"][1:]}):
        refused(world, "E_OPENING", "nobody", "due", f"{PR}/2", **{**opening, **wrong})
    world.now_ms = at(DUE)
    assert call(world, "nobody", "due", f"{PR}/2", **opening) == "DUE"
    assert call(world, "lg", "get")["due_date"] == DUE


# ---- payment -------------------------------------------------------------------------------------


def test_each_leaf_is_opened_and_paid_at_maturity_and_the_note_closes_at_its_face(
    paying_world: World,
) -> None:
    world = moved(with_keys(paying_world))
    world.now_ms = at(DUE)
    for leaf, who, part in ((f"{PR}/1", "lg", PARTS[0]), (f"{PR}/2", "hl", PARTS[1])):
        call(world, "nobody", "due", leaf, **due_opening())
        refused(world, "E_OPENING", who, "present", leaf, **presenting(PARTS[leaf[-1] == "1"]))
        refused(world, "E_OPENING", who, "present", leaf, **presenting(part, amount_fen=1))
        wanted = call(world, who, "present", leaf, **presenting(part))
        assert wanted["amount_fen"] == part.amount
        refused(world, "E_PREPARED", who, "present", leaf, **presenting(part))
        refused(world, "E_UNPAID", "nobody", "close")
        payee = world.users[who][0]
        less = world.pay("PX", payee, part.amount - 1, wanted["reference"])
        refused(world, "E_PROOF_AMOUNT", "nobody", "record_payment", leaf, proof=less)
        proof = world.pay("PX", payee, part.amount, wanted["reference"])
        assert call(world, "px-maker", "get_leaf", leaf)["amount_fen"] == part.amount
        assert call(world, "nobody", "record_payment", leaf, proof=proof) == "PAID"
        refused(world, "E_STATE", "nobody", "record_payment", leaf, proof=proof)
    assert call(world, "nobody", "close") == "CLOSED"
    assert sum(part.amount for part in PARTS) == FACE


def test_every_call_stays_within_the_gas_of_a_transaction(world: World) -> None:
    issued(world)
    amounts = [1, 2, 3, 4, 5, 6, 7]
    parts = share(OPENING, [*amounts, FACE - sum(amounts)])
    put(world, "LG", parts_content("PR-P-1", parts))
    call(world, "lg", "split", commitments=[part.commitment() for part in parts],
         proofs=prove_parts(parts, CHANNEL, PR), sealed="PR-P-1")  # fmt: skip
    assert 3_600_000 < world.gas["private_receivable.split"] < 6_000_000


# ---- histories -----------------------------------------------------------------------------------


class Histories(RuleBasedStateMachine):
    """Honest and dishonest splits and transfers: the leaves always hide the face, and the tree adds up."""

    base: World

    @initialize()
    def begin(self) -> None:
        self.world = issued(fresh(self.base))
        self.known = {PR: OPENING}
        self.holder = {PR: "LG"}
        self.count = 0

    def record(self, owner: str, openings: list[Opening], *to: str) -> str:
        self.count += 1
        content = parts_content(f"H-{self.count}", openings)
        put(self.world, owner, content, *to)
        return content.held.id

    @rule(
        pick=st.integers(0, 9), first=st.integers(1, 9), lie=st.sampled_from(["", "more", "other"])
    )
    def split(self, pick: int, first: int, lie: str) -> None:
        leaf = sorted(self.known)[pick % len(self.known)]
        whole, owner = self.known[leaf], self.holder[leaf]
        if whole.amount <= first or len(self.known) > 4:
            return
        parts = share(whole, [first, whole.amount - first])
        if lie == "more":
            parts[0] = Opening(first + 1, parts[0].blinding)
        if lie == "other":
            parts[0] = hide(first)
        args = {"commitments": [part.commitment() for part in parts],
                "proofs": prove_parts(parts, CHANNEL, leaf),
                "sealed": self.record(owner, parts)}  # fmt: skip
        if lie:
            refused(self.world, "E_SPLIT_SUM", USER[owner], "split", leaf, **args)
            return
        ids = call(self.world, USER[owner], "split", leaf, **args)
        del self.known[leaf]
        self.known |= dict(zip(ids, parts, strict=True))
        self.holder |= dict.fromkeys(ids, owner)

    @rule(pick=st.integers(0, 9), ending=st.sampled_from(["accept_transfer", "decline_transfer"]))
    def transfer(self, pick: int, ending: str) -> None:
        leaf = sorted(self.known)[pick % len(self.known)]
        owner = self.holder[leaf]
        taker = "HL" if owner == "LG" else "LG"
        record = self.record(owner, [self.known[leaf]], taker)
        call(self.world, USER[owner], "offer_transfer", leaf, to=taker, sealed=record)
        call(self.world, USER[taker], ending, leaf)
        if ending == "accept_transfer":
            self.holder[leaf] = taker

    @invariant()
    def the_leaves_hide_the_face(self) -> None:
        if not hasattr(self, "world"):
            return
        assert sum(opening.amount for opening in self.known.values()) == FACE
        held = {leaf["id"]: leaf for who in ("lg", "hl") for leaf in call_list(self.world, who)}
        assert held.keys() == self.known.keys()
        for leaf, found in held.items():
            assert found["parties"]["holder"] == self.holder[leaf]
            assert found["commitment"] == self.known[leaf].commitment()
            assert opening_in(read(self.world, self.holder[leaf], found["sealed"]),
                              found["commitment"]) == self.known[leaf]  # fmt: skip
        assert call(self.world, "xy", "adds_up")
        assert self.world.ok("lg", "private_receivable.get", id=PR)["leaves"] == len(held)


def test_no_history_changes_what_is_hidden_in_all(keyed: World) -> None:
    Histories.base = keyed
    machine = settings(max_examples=6, stateful_step_count=6, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
