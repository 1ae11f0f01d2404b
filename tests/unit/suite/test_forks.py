"""A log that signs two histories: halted on the chain by anyone, kept, exported, and convicted offline.

Key rotation belongs here too: from the beginning of an announced key on, only that key signs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consensus import merkle
from consensus.encoding import Hash, Sig, encode
from consensus.fork import check_case
from consensus.merkle import leaf_hash
from consensus.payment import (
    CertifiedTreeHead,
    ForkCase,
    ForkEvidence,
    HistoryEvidence,
    KeyChainEntry,
    LogKey,
    PaymentProof,
    SignedTreeHead,
    TreeHead,
    entry_bytes,
    grant_digest,
    key_id,
    log_key_digest,
    tree_head_digest,
)
from consensus.payment_proof import ProofRefused
from deploy.regcenter.desk import Instruction
from deploy.regcenter.hashing import sm3
from deploy.regcenter.requests import RotateQuery
from node.identity.suite import get_suite
from tests.oracle.__main__ import main as independent
from tests.unit.suite.test_dcep import AMOUNT, SALT, Story, flip_hash, make_story

SUITE = get_suite("sm")


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return make_story(tmp_path)


def lie(story: Story) -> tuple[ForkEvidence, TreeHead]:
    honest = story.money.center.latest.head
    other = replace(honest, root=flip_hash(honest.root))
    return ForkEvidence(1, story.certified(honest), story.certified(other)), honest


def report(story: Story, evidence: Any, code: str = "") -> None:
    data = evidence if isinstance(evidence, bytes) else encode(evidence)
    if code:
        story.chain.refused(code, "LG", "dcep", "report_fork", evidence=data)
    else:
        story.chain.ok("LG", "dcep", "report_fork", evidence=data)


def case_of(story: Story) -> bytes:
    log_id = story.money.center.log_id
    evidence = story.chain.ok("LG", "dcep", "fork_evidence", log_id=log_id)
    return encode(ForkCase(1, story.money.center.root_key, evidence))


def convicted(data: bytes, tmp_path: Path) -> tuple[str, int]:
    """The reason our verifier gives, and the exit status of the one that shares no code with it."""
    file = tmp_path / "fork.case"
    file.write_bytes(data)
    return check_case(sm3, SUITE.verify, data).reason, independent([str(file), "--fork"])


def test_anyone_halts_a_log_by_two_heads_and_the_pair_convicts_it_offline(
    story: Story, tmp_path: Path
) -> None:
    evidence, _ = lie(story)
    log_id = story.money.center.log_id
    story.chain.refused("E_NOT_FOUND", "LG", "dcep", "fork_evidence", log_id=log_id)
    result = story.chain.call("LG", "dcep", "report_fork", evidence=encode(evidence))
    assert [event.name for event in result.events] == ["Dcep.LogHalted"]
    assert story.chain.ok("XY", "dcep", "get_log", log_id=log_id)["halted"] is True
    story.refused("E_PROOF_LOG_HALTED", story.proof())
    report(story, evidence, "E_PROOF_LOG_HALTED")
    assert convicted(case_of(story), tmp_path) == ("two roots of one size", 0)


def test_an_honest_pair_convicts_nobody(story: Story, tmp_path: Path) -> None:
    evidence, _ = lie(story)
    same = encode(replace(evidence, second=evidence.first))
    report(story, same, "E_NO_FORK")
    data = encode(ForkCase(1, story.money.center.root_key, same))
    with pytest.raises(ProofRefused, match="E_NO_FORK"):
        check_case(sm3, SUITE.verify, data)
    (tmp_path / "x").write_bytes(data)
    assert independent([str(tmp_path / "x"), "--fork"]) == 1


def test_no_bit_of_a_case_can_be_changed(story: Story, tmp_path: Path) -> None:
    """Every 37th bit here; each byte of a payment proof has its own test."""
    evidence, _ = lie(story)
    report(story, evidence)
    data = case_of(story)
    for bit in range(0, 8 * len(data), 37):
        mutant = bytearray(data)
        mutant[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProofRefused):
            check_case(sm3, SUITE.verify, bytes(mutant))


def changed_leaf(story: Story) -> HistoryEvidence:
    """The center's log, and a longer one of its own key in which leaf 2 is another."""
    center = story.money.center
    honest = center.latest.head
    entries = [center.entry(i) for i in range(honest.tree_size)]
    leaves = [leaf_hash(sm3, entry_bytes(entry)) for entry in entries]
    rewritten = [*leaves[:2], sm3(b"another payment"), *leaves[3:], sm3(b"one more")]
    later = replace(
        honest, tree_size=len(rewritten), root=Hash(merkle.root(sm3, rewritten)),
        timestamp_ms=honest.timestamp_ms + 1,
    )  # fmt: skip
    return HistoryEvidence(
        2, story.certified(honest), story.certified(later), 2,
        Hash(leaves[2]), path(leaves, 2), Hash(rewritten[2]), path(rewritten, 2),
    )  # fmt: skip


def path(leaves: list[bytes], index: int) -> tuple[Hash, ...]:
    return tuple(Hash(step) for step in merkle.inclusion_path(sm3, leaves, index))


def test_a_longer_tree_that_rewrote_a_leaf_is_a_fork_too(story: Story, tmp_path: Path) -> None:
    evidence = changed_leaf(story)
    report(story, replace(evidence, second_leaf=evidence.first_leaf), "E_NO_FORK")
    report(story, replace(evidence, leaf_index=3), "E_NO_FORK")
    report(story, replace(evidence, second_path=evidence.second_path[:-1]), "E_NO_FORK")
    report(story, replace(evidence, version=3), "E_PROOF_ENCODING")
    report(story, replace(evidence, first_path=evidence.first_path * 33), "E_PROOF_ENCODING")
    report(story, evidence)
    story.refused("E_PROOF_LOG_HALTED", story.proof())
    assert convicted(case_of(story), tmp_path) == ("leaf 2 was changed between the two trees", 0)


# ---- key rotation --------------------------------------------------------------------------------


class NextKey:
    """A head key that begins 10 seconds from now, certified by the center's root."""

    def __init__(self, story: Story, delay_ms: int = 10_000, **changes: Any) -> None:
        self.story = story
        self.signer = SUITE.signer(SUITE.generate_key())
        self.from_ms = story.chain.now_ms + delay_ms
        key = LogKey(
            1, story.money.center.log_id, self.signer.public_key, False, self.from_ms,
            self.from_ms + 1_000_000_000,
        )  # fmt: skip
        key = replace(key, **changes)
        signature = story.money.center.keys.root.sign(log_key_digest(sm3, key))
        self.chain = (KeyChainEntry(key, Sig(signature)),)

    def announce(self, code: str = "") -> None:
        args = {"log_id": self.story.money.center.log_id, "chain": [encode(e) for e in self.chain]}
        if code:
            self.story.chain.refused(code, "LG", "dcep", "announce_key", **args)
        else:
            self.story.chain.ok("LG", "dcep", "announce_key", **args)

    def sign(self, head: TreeHead) -> CertifiedTreeHead:
        named = replace(head, key_id=key_id(sm3, self.signer.public_key))
        signature = Sig(self.signer.sign(tree_head_digest(sm3, named)))
        return CertifiedTreeHead(SignedTreeHead(named, signature), self.chain)

    def proof(self, old: PaymentProof) -> PaymentProof:
        certified = self.sign(old.head.head)
        grant = Sig(self.signer.sign(grant_digest(sm3, old.grant)))
        return replace(old, head=certified.signed, key_chain=self.chain, grant_signature=grant)


def test_from_its_beginning_on_only_the_announced_key_signs(story: Story) -> None:
    key = NextKey(story)
    key.announce()
    early = story.proof()
    reference = story.chain.ok(
        "QB", "payer", "reference", obligation_id="FIN-2", amount_fen=7, payee="XY", salt=SALT
    )
    assert story.discharge(early)["amount_fen"] == AMOUNT
    story.chain.now_ms = key.from_ms + 1
    paid = story.money.pay(story.qb, story.xy.address, 7, reference)
    under_old = story.money.proof(story.xy, paid.txid, 0, early.head.head.tree_size)
    story.refused("E_PROOF_KEY", under_old, ref_commit=reference, amount_fen=7)
    under_new = key.proof(under_old)
    assert story.discharge(under_new, ref_commit=reference, amount_fen=7)["amount_fen"] == 7


def test_a_key_is_announced_by_its_chain_from_the_root_or_not_at_all(story: Story) -> None:
    NextKey(story, version=2).announce("E_PROOF_KEY")
    NextKey(story, issues=True).announce("E_PROOF_KEY")
    NextKey(story, log_id=flip_hash(story.money.center.log_id)).announce("E_PROOF_KEY")
    forged = NextKey(story)
    entry = replace(forged.chain[0], signature=Sig(bytes(64)))
    forged.chain = (entry,)
    forged.announce("E_PROOF_KEY")
    forged.chain = ()
    forged.announce("E_PROOF_SIZE")
    NextKey(story).announce()
    NextKey(story, delay_ms=9_999).announce("E_DUPLICATE")
    NextKey(story, delay_ms=10_001).announce()
    log = story.chain.ok("LG", "dcep", "get_log", log_id=story.money.center.log_id)
    assert len(log["announced"]) == 2


def test_a_replaced_keys_signature_still_convicts(story: Story) -> None:
    NextKey(story, delay_ms=0).announce()
    story.chain.now_ms += 60_000
    evidence, _ = lie(story)
    report(story, evidence)


def test_the_centers_own_rotation_is_announced_and_its_old_key_says_nothing_more(
    story: Story,
) -> None:
    center, chain = story.money.center, story.chain
    old = story.proof()
    reference = chain.ok(
        "QB", "payer", "reference", obligation_id="FIN-2", amount_fen=7, payee="XY", salt=SALT
    )
    story.discharge(old)
    chain.now_ms += 10_000
    story.money.process(Instruction(RotateQuery(0), center.root_key, Hash(sm3(b"request"))))
    paid = story.money.pay(story.qb, story.xy.address, 7, reference)
    new = story.money.proof(story.xy, paid.txid, 0, old.head.head.tree_size)
    assert new.key_chain != old.key_chain
    entries = [encode(entry) for entry in center.chain.entries]
    chain.ok("LG", "dcep", "announce_key", log_id=center.log_id, chain=entries)
    forged = replace(
        new, key_chain=old.key_chain,
        head=replace(new.head, head=replace(new.head.head, key_id=old.head.head.key_id)),
    )  # fmt: skip
    story.refused("E_PROOF_KEY", forged, ref_commit=reference, amount_fen=7)
    assert story.discharge(new, ref_commit=reference, amount_fen=7)["amount_fen"] == 7
