"""The 27 mutations of a payment proof, and the order of its 18 checks, in both modes of payment.

The list is domain/dcep.md 3.5. In mode P the contract verifies a proof; in mode Q a quorum of oracles tells of
the payment. Mode Q has signed words where mode P has a signed tree: what breaks that tree breaks a word here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.encoding import Hash, Sig, encode
from consensus.oracle_report import (
    REPORT_VERSION,
    Observation,
    OracleConfig,
    PaymentReport,
    ReportedField,
    config_digest,
    observation_digest,
    payment_topic,
)
from consensus.payment import CoinPoint, PaymentProof, field_bytes, grant_digest, parse_field
from contracts.bundles import load_bundle
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.strict_json import read_transaction
from node.errors import CityError
from node.identity.suite import get_suite
from node.oracle.service import load_service
from tests.damage import flipped
from tests.unit.suite.center_world import CHANNEL, Chain
from tests.unit.suite.test_dcep import (
    AMOUNT,
    NOW,
    SALT,
    Story,
    bare_salt,
    flip_hash,
    make_story,
    other_key,
    raw_path,
    with_head,
)

Mutant = tuple[PaymentProof | bytes, dict[str, Any]]
SUITE = get_suite("sm")


@pytest.fixture
def story(tmp_path: Path) -> Story:
    found = make_story(tmp_path)
    found.chain.engine.load(load_bundle("oracle"))
    return found


def other_reference(story: Story) -> bytes:
    reference: bytes = story.chain.ok(
        "QB", "payer", "reference", obligation_id="FIN-2", amount_fen=AMOUNT, payee="XY", salt=SALT
    )
    return reference


def anchored(story: Story, change: Callable[[PaymentProof], PaymentProof]) -> PaymentProof:
    """The channel knows the honest head first."""
    honest = story.proof()
    certified = story.certified(honest.head.head)
    story.chain.ok("LG", "dcep", "anchor_head", certified=encode(certified), path=[])
    return change(honest)


def shrunk(story: Story) -> PaymentProof:
    def change(honest: PaymentProof) -> PaymentProof:
        size = honest.head.head.tree_size
        later = honest.head.head.timestamp_ms + 1
        small = with_head(story, honest, tree_size=size - 1, timestamp_ms=later)
        return replace(small, anchor_size=size)

    return anchored(story, change)


def forked(story: Story) -> PaymentProof:
    return anchored(story, lambda p: with_head(story, p, root=flip_hash(p.head.head.root)))


def paid(story: Story, wallet: Any, to: Any, amount: int) -> PaymentProof:
    receipt = story.money.pay(wallet, to.address, amount, story.reference)
    return story.money.proof(wallet, receipt.txid)


def used(story: Story) -> PaymentProof:
    first = story.proof()
    story.discharge(first)
    return story.proof(anchor=first.head.head.tree_size)


def plain(change: Callable[[Story, PaymentProof], PaymentProof | bytes]) -> Callable[..., Mutant]:
    return lambda story: (change(story, story.proof()), {})


PROOF_MUTATIONS: list[tuple[int, str, str, Callable[[Story], Mutant]]] = [
    (1, "flipped bit in a path node", "E_PROOF_INCLUSION",
     plain(lambda s, p: replace(p, audit_path=(flip_hash(p.audit_path[0]), *p.audit_path[1:])))),
    (2, "swapped siblings", "E_PROOF_INCLUSION",
     plain(lambda s, p: replace(p, audit_path=(*p.audit_path[1::-1], *p.audit_path[2:])))),
    (3, "truncated path", "E_PROOF_INCLUSION",
     plain(lambda s, p: replace(p, audit_path=p.audit_path[:-1]))),
    (4, "wrong leaf prefix", "E_PROOF_INCLUSION",
     plain(lambda s, p: with_head(s, replace(p, audit_path=(), leaf_index=0), tree_size=1,
                                  root=Hash(sm3(b"\x01" + p.fields_root))))),
    (5, "head of another log", "E_PROOF_LOG",
     plain(lambda s, p: with_head(s, p, log_id=flip_hash(p.head.head.log_id)))),
    (6, "expired key", "E_PROOF_KEY", plain(lambda s, p: other_key(s, p, not_after_ms=NOW))),
    (7, "forked head", "E_PROOF_FORK", lambda s: (forked(s), {})),
    (8, "rolled-back size", "E_PROOF_CONSISTENCY", lambda s: (shrunk(s), {})),
    (9, "stale head", "E_PROOF_STALE",
     plain(lambda s, p: with_head(s, p, timestamp_ms=s.chain.now_ms - 60_001))),
    (10, "future head", "E_PROOF_FUTURE",
     plain(lambda s, p: with_head(s, p, timestamp_ms=s.chain.now_ms + 5_001))),
    (11, "wrong payee", "E_PROOF_PAYEE", lambda s: (paid(s, s.qb, s.lg, AMOUNT), {})),
    (12, "old payee after a transfer", "E_PROOF_PAYEE",
     lambda s: (s.proof(), {"payee_member": "LG"})),
    (13, "one fen less", "E_PROOF_AMOUNT", lambda s: (paid(s, s.qb, s.xy, AMOUNT - 1), {})),
    (14, "other currency", "E_PROOF_CURRENCY",
     plain(lambda s, p: s.relog(p, ccy="HKD"))),
    (15, "another obligation's reference", "E_PROOF_REF",
     lambda s: (s.proof(), {"ref_commit": other_reference(s)})),
    (16, "replay for the same obligation", "E_PROOF_NULLIFIER", lambda s: (used(s), {})),
    (18, "LOCK instead of TRANSFER", "E_PROOF_KIND", plain(lambda s, p: s.relog(p, kind="LOCK"))),
    (19, "status PENDING", "E_PROOF_STATUS", plain(lambda s, p: s.relog(p, status="PENDING"))),
    (21, "non-canonical bytes", "E_PROOF_ENCODING", plain(lambda s, p: encode(p) + b"\0")),
    (22, "salt missing", "E_PROOF_ENCODING", plain(lambda s, p: bare_salt(p, b""))),
    (23, "65-step path", "E_PROOF_SIZE", plain(lambda s, p: raw_path(p, 65))),
    (24, "unknown version", "E_PROOF_VERSION", plain(lambda s, p: replace(p, version=3))),
    (25, "wrong regime", "E_PROOF_REGIME", plain(lambda s, p: s.relog(p, regime="2020"))),
    (27, "payer not the debtor", "E_PROOF_PAYER", lambda s: (paid(s, s.lg, s.xy, AMOUNT), {})),
]  # fmt: skip


@pytest.mark.parametrize(
    "name,code,mutate", [m[1:] for m in PROOF_MUTATIONS], ids=[m[1] for m in PROOF_MUTATIONS]
)
def test_mode_p_refuses_the_mutation_with_the_code_of_the_check_it_breaks(
    story: Story, name: str, code: str, mutate: Callable[[Story], Mutant]
) -> None:
    proof, changes = mutate(story)
    story.refused(code, proof, **changes)


def test_the_27_of_the_list_are_all_here() -> None:
    elsewhere = {17, 20, 26}  # another channel, the center's JSON, a report below quorum: below
    assert {m[0] for m in PROOF_MUTATIONS} | elsewhere == set(range(1, 28))


def test_mutation_17_a_replay_on_another_channel(story: Story) -> None:
    elsewhere = Chain(sm3(b"channel two"))
    elsewhere.now_ms = story.chain.now_ms
    root_key = story.money.center.root_key
    elsewhere.ok("PBC", "dcep", "register_log", "regulator", root_key=root_key)
    elsewhere.bind("QB", story.qb)
    elsewhere.bind("XY", story.xy)
    reference = elsewhere.ok(
        "QB", "payer", "reference", obligation_id="FIN-1", amount_fen=AMOUNT, payee="XY", salt=SALT
    )
    elsewhere.refused(
        "E_PROOF_REF", "XY", "payer", "discharge", proof=encode(story.proof()),
        **story.expected(ref_commit=reference),
    )  # fmt: skip


def test_mutation_20_a_name_that_occurs_twice_in_the_centers_json() -> None:
    with pytest.raises(CenterError) as refusal:
        read_transaction(b'{"version": 1, "version": 1}')
    assert refusal.value.code == "RC_JSON"


# ---- the order of the checks ---------------------------------------------------------------------

FIELD_DEFECTS: list[tuple[str, dict[str, int | str | bytes]]] = [
    ("E_PROOF_STATUS", {"status": "PENDING"}),
    ("E_PROOF_KIND", {"kind": "ISSUE"}),
    ("E_PROOF_REF", {"ref_commit": bytes(32)}),
    ("E_PROOF_PAYEE", {"payee": bytes(32)}),
    ("E_PROOF_CURRENCY", {"ccy": "HKD"}),
    ("E_PROOF_AMOUNT", {"amount_fen": 1}),
    ("E_PROOF_TIME", {"time_ms": NOW + 3_600_000}),
]
ORDER = [
    "E_PROOF_VERSION", "E_PROOF_ENCODING", "E_PROOF_LOG", "E_PROOF_KEY", "E_PROOF_SIGNATURE",
    "E_PROOF_STALE", "E_PROOF_DISCLOSURE", "E_PROOF_INCLUSION", *(c for c, _ in FIELD_DEFECTS),
    "E_PROOF_EXPIRED",
]  # fmt: skip


def broken_from(story: Story, first: int) -> bytes:
    """A proof with every defect from the `first` check on: it must be refused for the first of them."""

    def has(code: str) -> bool:
        return ORDER.index(code) >= first

    values: dict[str, int | str | bytes] = {}
    for code, value in FIELD_DEFECTS:
        values |= value if has(code) else {}
    proof = story.relog(story.proof(), **values)
    grant = replace(proof.grant, not_after_ms=story.chain.now_ms - 1)
    signature = Sig(story.money.center.keys.head.sign(grant_digest(sm3, grant)))
    proof = replace(proof, not_after_ms=grant.not_after_ms, grant_signature=signature)
    if has("E_PROOF_INCLUSION"):
        proof = replace(proof, leaf_index=1)
    if has("E_PROOF_DISCLOSURE"):
        proof = replace(proof, fields_root=flip_hash(proof.fields_root))
    if has("E_PROOF_STALE"):
        proof = with_head(story, proof, timestamp_ms=story.chain.now_ms - 60_001)
    if has("E_PROOF_SIGNATURE"):
        head = replace(proof.head, signature=Sig(flipped(proof.head.signature, 40)))
        proof = replace(proof, head=head)
    if has("E_PROOF_KEY"):
        proof = other_key(story, proof, not_after_ms=1)
    if has("E_PROOF_LOG"):
        proof = replace(proof, log_id=flip_hash(proof.log_id))
    if has("E_PROOF_VERSION"):
        proof = replace(proof, version=9)
    return encode(proof) + (b"\0" if has("E_PROOF_ENCODING") else b"")


@pytest.mark.parametrize("first", range(len(ORDER)), ids=ORDER)
def test_checks_come_in_the_order_of_the_dossier_each_with_its_code(
    story: Story, first: int
) -> None:
    story.refused(ORDER[first], broken_from(story, first))


def test_nullifier_payer_and_freeze_come_last_in_this_order(story: Story) -> None:
    chain, order = story.chain, {"address": story.xy.address, "order": "SZ-1"}
    chain.ok("PBC", "dcep", "freeze_wallet", "regulator", **order)
    story.refused("E_PROOF_PAYER", story.proof(), payer_members=["LG"])
    story.refused("E_PROOF_FROZEN", story.proof())
    chain.ok("PBC", "dcep", "release_wallet", "regulator", **order)
    again = used(story)
    chain.ok("PBC", "dcep", "freeze_wallet", "regulator", **order)
    story.refused("E_PROOF_NULLIFIER", again, payer_members=["LG"])


# ---- mode Q: a quorum of oracles tells of the payment --------------------------------------------


class Told:
    """Seven oracles that saw the story's payment."""

    def __init__(self, story: Story, chain: Chain | None = None, channel: bytes = CHANNEL) -> None:
        self.story, self.chain = story, chain or story.chain
        self.signers = [SUITE.signer(SUITE.generate_key()) for _ in range(7)]
        keys = tuple(s.public_key for s in self.signers)
        names = tuple(f"o{i}" for i in range(7))
        self.config = OracleConfig(Hash(channel), 1, 2, names, keys, "QB")
        self.chain.ok(
            "PBC", "oracle", "configure", "regulator", names=list(names), keys=list(keys), f=2,
            custodian="QB",
        )  # fmt: skip
        self.chain.ok(
            "PBC", "oracle", "define_feed", "regulator", feed="payment", kind="payment",
            service=bytes(32), max_age_ms=60_000,
        )  # fmt: skip
        log_id = story.money.center.log_id
        self.chain.ok("PBC", "dcep", "allow_reports", "regulator", log_id=log_id, allowed=True)

    def report(self, signers: tuple[int, ...] = (0, 1, 2, 3, 4), **changes: Any) -> PaymentReport:
        """values: other fields; the rest replaces parts of the report before it is signed."""
        proof = self.story.proof()
        values = {d.name: parse_field(d.name, d.value) for d in proof.disclosures}
        values |= changes.pop("values", {})
        fields = tuple(ReportedField(n, field_bytes(n, v)) for n, v in sorted(values.items()))
        report = PaymentReport(
            REPORT_VERSION, proof.log_id, proof.point, fields, self.chain.now_ms,
            config_digest(sm3, self.config), 1, 1, signers, (),
        )  # fmt: skip
        return self.sign(replace(report, **changes))

    def sign(self, report: PaymentReport) -> PaymentReport:
        topic = payment_topic(report.log_id, report.point)
        said = Observation(
            self.config.channel_id, topic, report.config, report.epoch, report.round,
            encode(report.payload),
        )  # fmt: skip
        digest = observation_digest(sm3, said)
        signed = tuple(Sig(self.signers[i % 7].sign(digest)) for i in report.signers)
        return replace(report, signatures=signed)


def payment_of(told: Told, wallet: Any, to: Any, amount: int) -> PaymentReport:
    proof = paid(told.story, wallet, to, amount)
    values = {d.name: parse_field(d.name, d.value) for d in proof.disclosures}
    return told.report(values=values, point=proof.point)


def resigned(told: Told, signatures: Callable[[tuple[Sig, ...]], tuple[Sig, ...]]) -> Mutant:
    report = told.report()
    return encode(replace(report, signatures=signatures(report.signatures))), {}


def under_another_tag(told: Told) -> Mutant:
    """The words are signed as what a report is not: without the domain of an observation."""
    report = told.report()
    bare = tuple(Sig(told.signers[i].sign(sm3(encode(report.payload)))) for i in report.signers)
    return encode(replace(report, signatures=bare)), {}


def of_a_replaced_key(told: Told) -> Mutant:
    """The committee changed since: another digest, so no word of the one before counts."""
    report = told.report()
    told.chain.ok(
        "PBC", "oracle", "configure", "regulator", names=[f"n{i}" for i in range(7)],
        keys=[SUITE.signer(SUITE.generate_key()).public_key for _ in range(7)], f=2, custodian="QB",
    )  # fmt: skip
    return encode(report), {}


def told_before(told: Told) -> Mutant:
    told.story.discharge(encode(told.report()))
    return encode(told.report()), {}


def without_a_field(told: Told) -> Mutant:
    report = told.report()
    return encode(told.sign(replace(report, fields=report.fields[:-1]))), {}


REPORT_MUTATIONS: list[tuple[int, str, str, Callable[[Told], Mutant]]] = [
    (1, "flipped bit in a signature", "E_ORACLE_SIGNATURE",
     lambda t: resigned(t, lambda s: (Sig(flipped(s[0], 40)), *s[1:]))),
    (2, "swapped signatures", "E_ORACLE_SIGNATURE", lambda t: resigned(t, lambda s: s[::-1])),
    (3, "a signature short", "E_ORACLE_SIGNATURE", lambda t: resigned(t, lambda s: s[:-1])),
    (4, "words without their domain", "E_ORACLE_SIGNATURE", under_another_tag),
    (5, "of another operator", "E_PROOF_LOG",
     lambda t: (encode(t.report(log_id=flip_hash(t.story.money.center.log_id))), {})),
    (6, "an oracle of no committee", "E_ORACLE_UNAUTHORISED",
     lambda t: (encode(t.report((0, 1, 2, 3, 9))), {})),
    (6, "keys that were replaced", "E_ORACLE_DIGEST", of_a_replaced_key),
    (7, "one oracle twice", "E_ORACLE_REPEATED", lambda t: (encode(t.report((0, 1, 2, 3, 3))), {})),
    (8, "a round that passed", "E_ORACLE_STALE", lambda t: (encode(t.report(round=0)), {})),
    (9, "stale", "E_ORACLE_STALE",
     lambda t: (encode(t.report(observed_ms=t.chain.now_ms - 60_001)), {})),
    (10, "of the future", "E_ORACLE_STALE",
     lambda t: (encode(t.report(observed_ms=t.chain.now_ms + 5_001)), {})),
    (11, "wrong payee", "E_PROOF_PAYEE",
     lambda t: (encode(payment_of(t, t.story.qb, t.story.lg, AMOUNT)), {})),
    (12, "old payee after a transfer", "E_PROOF_PAYEE",
     lambda t: (encode(t.report()), {"payee_member": "LG"})),
    (13, "one fen less", "E_PROOF_AMOUNT",
     lambda t: (encode(payment_of(t, t.story.qb, t.story.xy, AMOUNT - 1)), {})),
    (14, "other currency", "E_PROOF_CURRENCY",
     lambda t: (encode(t.report(values={"ccy": "HKD"})), {})),
    (15, "another obligation's reference", "E_PROOF_REF",
     lambda t: (encode(t.report()), {"ref_commit": other_reference(t.story)})),
    (16, "replay for the same obligation", "E_ORACLE_STALE", told_before),
    (18, "LOCK instead of TRANSFER", "E_PROOF_KIND",
     lambda t: (encode(t.report(values={"kind": "LOCK"})), {})),
    (19, "status PENDING", "E_PROOF_STATUS",
     lambda t: (encode(t.report(values={"status": "PENDING"})), {})),
    (21, "non-canonical bytes", "E_PROOF_ENCODING", lambda t: (encode(t.report()) + b"\0", {})),
    (22, "a field short", "E_PROOF_ENCODING", without_a_field),
    (23, "larger than any honest one", "E_PROOF_SIZE",
     lambda t: (encode(t.report()) + bytes(33_000), {})),
    (24, "unknown version", "E_PROOF_VERSION",
     lambda t: (encode(replace(t.report(), version=3)), {})),
    (25, "wrong regime", "E_PROOF_REGIME",
     lambda t: (encode(t.report(values={"regime": "2020"})), {})),
    (26, "below quorum", "E_ORACLE_QUORUM", lambda t: (encode(t.report((0, 1, 2, 3))), {})),
    (27, "payer not the debtor", "E_PROOF_PAYER",
     lambda t: (encode(payment_of(t, t.story.lg, t.story.xy, AMOUNT)), {})),
]  # fmt: skip


@pytest.mark.parametrize(
    "name,code,mutate", [m[1:] for m in REPORT_MUTATIONS], ids=[m[1] for m in REPORT_MUTATIONS]
)
def test_mode_q_refuses_the_mutation(
    story: Story, name: str, code: str, mutate: Callable[[Told], Mutant]
) -> None:
    told = Told(story)
    report, changes = mutate(told)
    story.refused(code, report, **changes)
    if mutate not in (told_before, of_a_replaced_key):
        assert story.discharge(encode(told.report()))["amount_fen"] == AMOUNT


def test_the_27_of_the_list_are_all_here_in_mode_q_too() -> None:
    elsewhere = {17, 20}  # another channel, a name that occurs twice in an operator's answer: below
    assert {m[0] for m in REPORT_MUTATIONS} | elsewhere == set(range(1, 28))


def test_mode_q_mutation_20_a_name_that_occurs_twice_in_an_operators_answer() -> None:
    with pytest.raises(CityError) as refusal:
        load_service("payment-status").read_answer(b'{"txid": "00", "txid": "00"}')
    assert refusal.value.code == "CITY-7007"


def test_mode_q_needs_leave_takes_each_payment_once_and_shares_its_nullifier_with_mode_p(
    story: Story,
) -> None:
    told = Told(story)
    log_id = story.money.center.log_id
    story.chain.ok("PBC", "dcep", "allow_reports", "regulator", log_id=log_id, allowed=False)
    story.chain.refused(
        "E_ROLE", "QB", "dcep", "allow_reports", "admin", log_id=log_id, allowed=True
    )
    story.refused("E_PROOF_REPORT", encode(told.report()))
    story.chain.ok("PBC", "dcep", "allow_reports", "regulator", log_id=log_id, allowed=True)
    assert story.discharge(encode(told.report()))["amount_fen"] == AMOUNT
    story.refused("E_ORACLE_STALE", encode(told.report()))
    story.refused("E_PROOF_NULLIFIER", encode(told.report(round=2)))
    story.refused("E_PROOF_NULLIFIER", story.proof())


def test_mode_q_mutation_17_on_another_channel_is_refused(story: Story) -> None:
    """Its oracles sign for one channel, so the words of one channel are none on another."""
    told = Told(story)
    report = told.report()
    elsewhere = Chain(sm3(b"channel two"))
    elsewhere.engine.load(load_bundle("oracle"))
    elsewhere.now_ms = story.chain.now_ms
    root_key = story.money.center.root_key
    elsewhere.ok("PBC", "dcep", "register_log", "regulator", root_key=root_key)
    for member, wallet in (("QB", story.qb), ("XY", story.xy)):
        elsewhere.bind(member, wallet)
    Told(story, elsewhere, sm3(b"channel two"))
    elsewhere.refused(
        "E_ORACLE_DIGEST", "XY", "payer", "discharge", proof=encode(report), **story.expected()
    )


def test_no_byte_of_a_report_is_free(story: Story) -> None:
    """One bit of each byte."""
    original = encode(Told(story).report())
    before = dict(story.chain.state)
    for position in range(len(original)):
        mutant = bytearray(original)
        mutant[position] ^= 1 << position % 8
        result = story.chain.call(
            "XY", "payer", "discharge", proof=bytes(mutant), **story.expected()
        )
        assert result.outcome == "revert", position
        assert result.code.startswith(("E_PROOF_", "E_ORACLE_")), (position, result.code)
        assert story.chain.state == before, position


def test_a_stranger_cannot_use_up_a_round(story: Story) -> None:
    told = Told(story)
    report = told.report()
    story.chain.refused(
        "E_CALLER", "LG", "oracle", "check_payment", topic="payment/x", payload=b"",
        observed_ms=0, digest=report.config, epoch=1, round=1, signers=[], signatures=[],
    )  # fmt: skip
    assert report.point == CoinPoint(story.txid, 0)


@pytest.fixture(scope="module")
def one_story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return make_story(tmp_path_factory.mktemp("flips"))


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_single_bit_flip_of_a_genuine_proof_is_refused(
    one_story: Story, data: st.DataObject
) -> None:
    """`--hypothesis-profile=explore` draws others. anchor_size is free while the channel knows no head: its
    eight bytes are left out, as in the test of every byte."""
    proof = one_story.proof()
    original = encode(proof)
    free = encode(replace(proof, anchor_size=0xFFFF_FFFF_FFFF_FFFF))
    bits = [b for b in range(8 * len(original)) if original[b // 8] == free[b // 8]]
    bit = data.draw(st.sampled_from(bits))
    mutant = bytearray(original)
    mutant[bit // 8] ^= 1 << bit % 8
    before = dict(one_story.chain.state)
    result = one_story.chain.call(
        "XY", "payer", "discharge", proof=bytes(mutant), **one_story.expected()
    )
    assert result.outcome == "revert" and result.code.startswith("E_PROOF_"), bit
    assert one_story.chain.state == before
