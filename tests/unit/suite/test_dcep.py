"""The anchor contract against the real center's proofs: what is accepted, and every way a proof can be wrong.

The mutation list is domain/dcep.md 3.5. Each mutant must be refused with the code of the check that it
breaks, with nothing changed, by the contract and by the offline verifier alike.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from consensus import payment as money_structures
from consensus.encoding import Hash, Sig, encode
from consensus.payment import (
    FIELDS,
    REGIMES,
    CertifiedTreeHead,
    CoinPoint,
    Disclosure,
    ForkEvidence,
    KeyChainEntry,
    Kind,
    PaymentProof,
    PaymentReference,
    SignedTreeHead,
    TreeHead,
    field_commitment,
    fields_root,
    grant_digest,
    key_id,
    log_key_digest,
    nullifier,
    payment_reference,
    tree_head_digest,
)
from consensus.payment_proof import (
    Expected,
    ProofRefused,
    TrustedLog,
    check_payment,
    check_proof,
    redact,
)
from contracts.bundles import load_bundle
from deploy.regcenter.client import Payment, Wallet
from deploy.regcenter.hashing import sm3
from node.identity.suite import get_suite
from tests.damage import flipped
from tests.unit.suite.center_world import CHANNEL, NOW, Chain, Money

AMOUNT = 49_309_514
SALT = bytes(range(16))
VERIFY = get_suite("sm").verify


@dataclass
class Story:
    """XY is owed 49,309,514 fen by QB, which has paid; LG is a stranger with a wallet."""

    chain: Chain
    money: Money
    qb: Wallet
    xy: Wallet
    lg: Wallet
    reference: bytes
    txid: Hash

    def expected(self, **changes: Any) -> dict[str, Any]:
        return {
            "ref_commit": self.reference,
            "payee_member": "XY",
            "amount_fen": AMOUNT,
            "payer_members": ["QB"],
            **changes,
        }

    def proof(self, anchor: int = 0) -> PaymentProof:
        return self.money.proof(self.xy, self.txid, 0, anchor)

    def discharge(self, proof: PaymentProof | bytes, **changes: Any) -> Any:
        data = proof if isinstance(proof, bytes) else encode(proof)
        return self.chain.ok("XY", "payer", "discharge", proof=data, **self.expected(**changes))

    def refused(self, code: str, proof: PaymentProof | bytes, **changes: Any) -> None:
        data = proof if isinstance(proof, bytes) else encode(proof)
        self.chain.refused(code, "XY", "payer", "discharge", proof=data, **self.expected(**changes))

    def trusted(self, **changes: Any) -> TrustedLog:
        return TrustedLog(self.money.center.root_key, **changes)

    def refused_offline(
        self,
        code: str,
        proof: PaymentProof | bytes,
        trusted: TrustedLog | None = None,
        **changes: Any,
    ) -> None:
        data = proof if isinstance(proof, bytes) else encode(proof)
        expected = Expected(
            Hash(self.reference), self.xy.address, AMOUNT, payers=(self.qb.address,)
        )
        with pytest.raises(ProofRefused) as refusal:
            found = check_proof(sm3, VERIFY, data, trusted or self.trusted(), self.chain.now_ms)
            check_payment(found, replace(expected, **changes), self.chain.now_ms)
        assert refusal.value.code == code

    # ---- a center that lies with its own keys ----------------------------------------------------

    def sign_head(self, head: TreeHead) -> SignedTreeHead:
        signature = self.money.center.keys.head.sign(tree_head_digest(sm3, head))
        return SignedTreeHead(head, Sig(signature))

    def certified(self, head: TreeHead) -> CertifiedTreeHead:
        return CertifiedTreeHead(self.sign_head(head), self.money.center.chain.entries)

    def relog(self, proof: PaymentProof, **values: int | str | bytes) -> PaymentProof:
        """The proof as if the center had logged other field values: a log of one leaf, signed anew."""
        opened = tuple(
            Disclosure(d.name, money_structures.field_bytes(d.name, values[d.name]), d.salt)
            if d.name in values
            else d
            for d in proof.disclosures
        )
        root = fields_root(sm3, [field_commitment(sm3, d) for d in opened])
        changed = replace(proof, disclosures=opened, fields_root=root, leaf_index=0, audit_path=())
        leaf = sm3(b"\x00" + money_structures.entry_bytes(changed.entry))
        head = replace(proof.head.head, tree_size=1, root=Hash(leaf))
        return replace(changed, head=self.sign_head(head))


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return make_story(tmp_path)


def make_story(directory: Path) -> Story:
    chain = Chain()
    money = Money(directory / "center", lambda: chain.now_ms)
    qb, xy, lg = Wallet.generate(), Wallet.generate(), Wallet.generate()
    chain.ok("PBC", "dcep", "register_log", "regulator", root_key=money.center.root_key)
    for member, wallet in (("QB", qb), ("XY", xy), ("LG", lg)):
        assert chain.bind(member, wallet) == wallet.address
    reference = chain.ok(
        "QB", "payer", "reference",
        obligation_id="FIN-1", amount_fen=AMOUNT, payee="XY", salt=SALT,
    )  # fmt: skip
    chain.now_ms += 1_000
    for _ in range(5):
        money.pay(lg, qb.address, 1_000)
    paid = money.pay(qb, xy.address, AMOUNT, reference)
    for _ in range(5):
        money.pay(lg, qb.address, 1_000)
    return Story(chain, money, qb, xy, lg, reference, paid.txid)


# ---- what holds ----------------------------------------------------------------------------------


def test_a_payment_discharges_its_obligation_once_and_leaves_its_nullifier(story: Story) -> None:
    proof = story.proof()
    facts = story.discharge(proof)
    used = nullifier(sm3, story.money.center.log_id, proof.point)
    assert facts["amount_fen"] == AMOUNT
    assert facts["over_fen"] == 0
    assert facts["nullifier"] == used
    assert story.chain.ok("XY", "dcep", "is_used", nullifier=used) is True
    assert story.chain.ok("XY", "dcep", "anchor", log_id=story.money.center.log_id) == (
        proof.head.head.tree_size
    )


def test_contract_and_offline_verifier_make_the_same_reference(story: Story) -> None:
    reference = PaymentReference(
        SALT, Hash(CHANNEL), "payer", "FIN-1", 1, AMOUNT, "CNY", story.xy.address
    )
    assert payment_reference(sm3, reference) == story.reference


def test_the_contract_carries_the_same_tables_as_the_offline_verifier() -> None:
    source = ast.parse(load_bundle("dcep").rules["payment_proof"])
    tables = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("FIELDS", "REGIMES")
    }
    assert tuple(name for name, _ in tables["FIELDS"]) == FIELDS
    assert [
        (r.regime_id, r.from_ms, r.until_ms, r.bears_interest, r.balance_sheet,
         r.reserve_ratio_nonbank, r.insured)
        for r in REGIMES
    ] == list(tables["REGIMES"])  # fmt: skip


def test_a_proof_that_opens_only_what_the_contract_needs_is_enough(story: Story) -> None:
    keep = (
        "amount_fen",
        "ccy",
        "kind",
        "payee",
        "payer",
        "ref_commit",
        "regime",
        "status",
        "time_ms",
    )
    proof = redact(sm3, story.proof(), keep)
    assert len(proof.hidden) == 1
    assert story.discharge(proof)["amount_fen"] == AMOUNT


def test_an_over_payment_is_reported_and_an_under_payment_needs_leave(story: Story) -> None:
    story.refused("E_PROOF_AMOUNT", story.proof(), amount_fen=AMOUNT + 1)
    facts = story.discharge(story.proof(), amount_fen=AMOUNT + 1, allow_partial=True)
    assert facts["amount_fen"] == AMOUNT
    assert facts["over_fen"] == 0


def test_one_payment_with_many_outputs_discharges_many_obligations(story: Story) -> None:
    chain, money = story.chain, story.money
    amounts = [50_000_000, 250_000_000, 150_000_000, 150_000_000]
    references = [
        chain.ok("PX", "payer", "reference", obligation_id=f"L{i}", amount_fen=amount,
                 payee="XY", salt=SALT)
        for i, amount in enumerate(amounts)
    ]  # fmt: skip
    coin = money.fund(story.qb, 600_000_000)
    receipt = money.send(
        Kind.TRANSFER,
        story.qb,
        [coin],
        [Payment(story.xy.address, a, r) for a, r in zip(amounts, references, strict=True)],
    )
    anchor = 0
    for index, (amount, reference) in enumerate(zip(amounts, references, strict=True)):
        proof = money.proof(story.xy, receipt.txid, index, anchor)
        story.refused("E_PROOF_REF", proof, ref_commit=story.reference)
        facts = story.discharge(proof, ref_commit=reference, amount_fen=amount)
        assert facts["output_index"] == index
        anchor = proof.head.head.tree_size


def test_later_and_earlier_heads_are_accepted_with_a_consistency_path(story: Story) -> None:
    early = story.proof()
    later = story.money.pay(story.lg, story.qb.address, 500)
    chain, log_id = story.chain, story.money.center.log_id
    latest = story.money.center.latest.head
    assert later.tree_size == latest.tree_size
    chain.ok("LG", "dcep", "anchor_head", certified=encode(story.certified(latest)), path=[])
    assert chain.ok("LG", "dcep", "anchor", log_id=log_id) == latest.tree_size
    story.refused("E_PROOF_CONSISTENCY", early)
    path = story.money.proof(story.xy, story.txid, 0, early.head.head.tree_size).anchor_path
    backwards = replace(early, anchor_size=latest.tree_size, anchor_path=path)
    assert story.discharge(backwards)["amount_fen"] == AMOUNT
    reference = story.chain.ok(
        "QB", "payer", "reference", obligation_id="FIN-2", amount_fen=7, payee="XY", salt=SALT
    )
    paid = story.money.pay(story.qb, story.xy.address, 7, reference)
    newer = story.money.proof(story.xy, paid.txid, 0, latest.tree_size)
    assert story.discharge(newer, ref_commit=reference, amount_fen=7)["amount_fen"] == 7


def test_many_proofs_under_one_anchored_head_need_no_path(story: Story) -> None:
    chain, money = story.chain, story.money
    paid = []
    for i in range(3):
        reference = chain.ok(
            "QB", "payer", "reference", obligation_id=f"M{i}", amount_fen=9, payee="XY", salt=SALT
        )
        paid.append((reference, money.pay(story.qb, story.xy.address, 9, reference).txid))
    proofs = [(reference, money.proof(story.xy, txid)) for reference, txid in paid]
    for reference, proof in proofs:
        assert story.discharge(proof, ref_commit=reference, amount_fen=9)["amount_fen"] == 9


def chained(story: Story, proof: PaymentProof, length: int) -> PaymentProof:
    """The proof under a key chain of `length`: the root signs issuing keys, the last one signs heads."""
    suite = get_suite("sm")
    signers = [suite.signer(suite.generate_key()) for _ in range(length)]
    issuer = story.money.center.keys.root
    chain = []
    for position, signer in enumerate(signers):
        key = replace(
            proof.key_chain[0].key, public_key=signer.public_key, issues=position < length - 1
        )
        chain.append(KeyChainEntry(key, Sig(issuer.sign(log_key_digest(sm3, key)))))
        issuer = signer
    head = replace(proof.head.head, key_id=key_id(sm3, issuer.public_key))
    return replace(
        proof,
        key_chain=tuple(chain),
        head=SignedTreeHead(head, Sig(issuer.sign(tree_head_digest(sm3, head)))),
        grant_signature=Sig(issuer.sign(grant_digest(sm3, proof.grant))),
    )


def test_a_chain_of_keys_leads_to_the_pinned_root(story: Story) -> None:
    proof = story.proof()
    story.refused("E_PROOF_SIZE", chained(story, proof, 5))
    good = chained(story, proof, 4)
    for wrong in (
        good.key_chain[1:],
        good.key_chain[:-1],
        (good.key_chain[1], good.key_chain[0], *good.key_chain[2:]),
    ):
        story.refused("E_PROOF_KEY", replace(good, key_chain=wrong))
        story.refused_offline("E_PROOF_KEY", replace(good, key_chain=wrong))
    revoked = good.key_chain[1].key.public_key
    story.refused_offline(
        "E_PROOF_KEY", good, story.trusted(revoked=frozenset({key_id(sm3, revoked)}))
    )
    check_proof(sm3, VERIFY, encode(good), story.trusted(), story.chain.now_ms)
    assert story.discharge(good)["amount_fen"] == AMOUNT


def test_both_engines_say_the_same_of_good_and_bad_proofs(story: Story) -> None:
    """The WebAssembly guest and the native engine: same outcomes, codes, gas, writes and events."""
    wasm = Chain(engine="wasm")
    wasm.state.update(story.chain.state)
    wasm.now_ms, wasm.height = story.chain.now_ms, story.chain.height
    proof = story.proof()
    calls = [
        encode(replace(proof, leaf_index=proof.leaf_index + 1)),
        encode(replace(proof, not_after_ms=0)),
        encode(proof)[:-1],
        encode(proof),
        encode(proof),
    ]
    codes = []
    for data in calls:
        args = {"proof": data, **story.expected()}
        native = story.chain.call("XY", "payer", "discharge", **args)
        assert wasm.call("XY", "payer", "discharge", **args) == native
        codes.append(native.code)
    assert codes == [
        "E_PROOF_INCLUSION", "E_PROOF_SIGNATURE", "E_PROOF_ENCODING", "", "E_PROOF_NULLIFIER",
    ]  # fmt: skip


# ---- the mutation list: log and tree -------------------------------------------------------------


def flip_hash(data: Hash) -> Hash:
    return Hash(flipped(data, 0))


LogMutant = tuple[str, str, Callable[[Story, PaymentProof], PaymentProof]]


def with_head(story: Story, proof: PaymentProof, **changes: Any) -> PaymentProof:
    return replace(proof, head=story.sign_head(replace(proof.head.head, **changes)))


def other_key(story: Story, proof: PaymentProof, **changes: Any) -> PaymentProof:
    entry = proof.key_chain[0]
    key = replace(entry.key, **changes)
    signature = Sig(story.money.center.keys.root.sign(log_key_digest(sm3, key)))
    return replace(proof, key_chain=(KeyChainEntry(key, signature),))


LOG_MUTANTS: list[LogMutant] = [
    *(
        (f"flipped bit in path node {i}", "E_PROOF_INCLUSION",
         lambda s, p, i=i: replace(p, audit_path=(
             *p.audit_path[:i], flip_hash(p.audit_path[i]), *p.audit_path[i + 1 :])))
        for i in range(4)
    ),
    ("swapped siblings", "E_PROOF_INCLUSION",
     lambda s, p: replace(p, audit_path=(p.audit_path[1], p.audit_path[0], *p.audit_path[2:]))),
    ("truncated path", "E_PROOF_INCLUSION",
     lambda s, p: replace(p, audit_path=p.audit_path[:-1])),
    ("lengthened path", "E_PROOF_INCLUSION",
     lambda s, p: replace(p, audit_path=(*p.audit_path, p.audit_path[0]))),
    ("another leaf", "E_PROOF_INCLUSION", lambda s, p: replace(p, leaf_index=p.leaf_index + 1)),
    ("leaf outside the tree", "E_PROOF_INCLUSION",
     lambda s, p: replace(p, leaf_index=p.head.head.tree_size)),
    ("wrong leaf prefix: the root of a node", "E_PROOF_INCLUSION",
     lambda s, p: with_head(s, replace(p, audit_path=(), leaf_index=0), tree_size=1,
                            root=Hash(sm3(b"\x01" + p.fields_root)))),
    ("head of another log", "E_PROOF_LOG",
     lambda s, p: with_head(s, p, log_id=flip_hash(p.head.head.log_id))),
    ("key expired", "E_PROOF_KEY", lambda s, p: other_key(s, p, not_after_ms=NOW)),
    ("key not valid yet", "E_PROOF_KEY",
     lambda s, p: other_key(s, p, not_before_ms=NOW + 86_400_000)),
    ("key of another log", "E_PROOF_KEY",
     lambda s, p: other_key(s, p, log_id=flip_hash(p.log_id))),
    ("key that only issues", "E_PROOF_KEY", lambda s, p: other_key(s, p, issues=True)),
    ("key not signed by the root", "E_PROOF_KEY",
     lambda s, p: replace(p, key_chain=(
         replace(p.key_chain[0], signature=Sig(flipped(p.key_chain[0].signature))),))),
    ("head names another key", "E_PROOF_KEY",
     lambda s, p: with_head(s, p, key_id=flip_hash(p.head.head.key_id))),
    ("head signature of other bytes", "E_PROOF_SIGNATURE",
     lambda s, p: replace(p, head=replace(p.head, signature=Sig(flipped(p.head.signature, 40))))),
    ("another root under the old signature", "E_PROOF_SIGNATURE",
     lambda s, p: replace(p, head=replace(
         p.head, head=replace(p.head.head, root=flip_hash(p.head.head.root))))),
    ("longer life than granted", "E_PROOF_SIGNATURE",
     lambda s, p: replace(p, not_after_ms=p.not_after_ms + 1)),
    ("stale head", "E_PROOF_STALE",
     lambda s, p: with_head(s, p, timestamp_ms=s.chain.now_ms - 60_001)),
    ("future head", "E_PROOF_FUTURE",
     lambda s, p: with_head(s, p, timestamp_ms=s.chain.now_ms + 5_001)),
    ("opened amount changed", "E_PROOF_DISCLOSURE",
     lambda s, p: replace(p, disclosures=tuple(
         replace(d, value=(AMOUNT + 1).to_bytes(8)) if d.name == "amount_fen" else d
         for d in p.disclosures))),
    ("salt changed", "E_PROOF_DISCLOSURE",
     lambda s, p: replace(p, disclosures=tuple(
         replace(d, salt=flipped(d.salt)) if d.name == "payee" else d for d in p.disclosures))),
    ("commitment in another place", "E_PROOF_DISCLOSURE",
     lambda s, p: replace(p, fields_root=flip_hash(p.fields_root))),
    ("another transaction", "E_PROOF_SIGNATURE",
     lambda s, p: replace(p, point=CoinPoint(flip_hash(p.point.txid), 0))),
]  # fmt: skip


@pytest.mark.parametrize("why,code,mutate", LOG_MUTANTS, ids=[m[0] for m in LOG_MUTANTS])
def test_a_proof_with_a_broken_log_is_refused(
    story: Story, why: str, code: str, mutate: Callable[[Story, PaymentProof], PaymentProof]
) -> None:
    mutant = mutate(story, story.proof())
    story.refused(code, mutant)
    story.refused_offline(code, mutant)
    assert story.discharge(story.proof())["amount_fen"] == AMOUNT


def test_a_revoked_key_signs_nothing_any_more(story: Story) -> None:
    proof = story.proof()
    key = proof.key_chain[0].key.public_key
    log_id = story.money.center.log_id
    story.chain.refused("E_ROLE", "XY", "dcep", "revoke_key", log_id=log_id, public_key=key)
    story.chain.ok("PBC", "dcep", "revoke_key", "regulator", log_id=log_id, public_key=key)
    story.refused("E_PROOF_KEY", proof)
    story.refused_offline(
        "E_PROOF_KEY", proof, story.trusted(revoked=frozenset({key_id(sm3, key)}))
    )


def test_a_log_that_nobody_registered_is_refused(story: Story) -> None:
    proof = story.proof()
    fresh = Chain()
    for member, wallet in (("QB", story.qb), ("XY", story.xy)):
        fresh.bind(member, wallet)
    fresh.now_ms = story.chain.now_ms
    fresh.refused(
        "E_PROOF_LOG", "XY", "payer", "discharge", proof=encode(proof), **story.expected()
    )
    other = get_suite("sm").generate_key().public_key
    story.refused_offline("E_PROOF_LOG", proof, TrustedLog(other))


def test_a_rolled_back_log_is_refused(story: Story) -> None:
    """A smaller tree signed later: the log forgot what this channel has seen."""
    first = story.proof()
    story.discharge(first)
    story.chain.now_ms += 2_000
    small = with_head(
        story, first, tree_size=first.head.head.tree_size - 1, timestamp_ms=story.chain.now_ms
    )
    rolled = replace(small, anchor_size=first.head.head.tree_size)
    story.refused("E_PROOF_CONSISTENCY", rolled)
    story.refused_offline("E_PROOF_CONSISTENCY", rolled, story.trusted(anchor=first.head.head))


def test_a_head_that_does_not_continue_the_anchored_one_is_refused(story: Story) -> None:
    first = story.proof()
    story.discharge(first)
    size = first.head.head.tree_size
    story.money.pay(story.lg, story.qb.address, 5)
    good = story.proof(anchor=size)
    assert good.anchor_path
    for mutant in (
        replace(good, anchor_size=0, anchor_path=()),
        replace(good, anchor_size=size - 1),
        replace(good, anchor_path=(flip_hash(good.anchor_path[0]), *good.anchor_path[1:])),
        replace(good, anchor_path=good.anchor_path[:-1]),
        with_head(story, good, root=flip_hash(good.head.head.root)),
    ):
        story.refused("E_PROOF_CONSISTENCY", mutant)
        story.refused_offline("E_PROOF_CONSISTENCY", mutant, story.trusted(anchor=first.head.head))


def test_a_forked_head_is_refused_and_the_signed_pair_halts_the_log(story: Story) -> None:
    honest = story.proof()
    story.discharge(honest)
    lie = with_head(story, honest, root=flip_hash(honest.head.head.root))
    story.refused("E_PROOF_FORK", lie)
    story.refused_offline("E_PROOF_FORK", lie, story.trusted(anchor=honest.head.head))
    evidence = ForkEvidence(1, story.certified(honest.head.head), story.certified(lie.head.head))
    chain = story.chain
    same = replace(evidence, second=evidence.first)
    chain.refused("E_NO_FORK", "LG", "dcep", "report_fork", evidence=encode(same))
    unsigned = replace(
        evidence, second=replace(evidence.second, signed=replace(
            evidence.second.signed, signature=evidence.first.signed.signature)),
    )  # fmt: skip
    chain.refused("E_PROOF_SIGNATURE", "LG", "dcep", "report_fork", evidence=encode(unsigned))
    chain.refused(
        "E_PROOF_ENCODING", "LG", "dcep", "report_fork", evidence=encode(evidence) + b"\0"
    )
    result = chain.call("LG", "dcep", "report_fork", evidence=encode(evidence))
    assert result.outcome == "ok"
    assert [event.name for event in result.events] == ["Dcep.LogHalted"]
    story.refused("E_PROOF_LOG_HALTED", story.proof())
    story.refused_offline("E_PROOF_LOG_HALTED", story.proof(), story.trusted(halted=True))


def test_a_tree_that_shrank_with_time_is_a_fork_by_itself(story: Story) -> None:
    head = story.proof().head.head
    later = replace(head, tree_size=head.tree_size - 1, timestamp_ms=head.timestamp_ms + 1)
    evidence = ForkEvidence(1, story.certified(head), story.certified(later))
    story.chain.ok("LG", "dcep", "report_fork", evidence=encode(evidence))
    story.refused("E_PROOF_LOG_HALTED", story.proof())


def test_a_head_that_comes_by_itself_is_checked_like_one_in_a_proof(story: Story) -> None:
    head = story.money.center.latest.head
    good = story.certified(head)
    wrong: list[tuple[str, bytes]] = [
        ("E_PROOF_ENCODING", encode(good)[:-1]),
        ("E_PROOF_ENCODING", encode(replace(good, key_chain=()))),
        ("E_PROOF_LOG", encode(story.certified(replace(head, log_id=flip_hash(head.log_id))))),
        ("E_PROOF_KEY", encode(story.certified(replace(head, key_id=flip_hash(head.key_id))))),
        ("E_PROOF_SIGNATURE", encode(replace(good, signed=replace(
            good.signed, signature=Sig(flipped(good.signed.signature)))))),
        ("E_PROOF_STALE", encode(story.certified(replace(
            head, timestamp_ms=story.chain.now_ms - 60_001)))),
        ("E_PROOF_FUTURE", encode(story.certified(replace(
            head, timestamp_ms=story.chain.now_ms + 5_001)))),
    ]  # fmt: skip
    for code, data in wrong:
        story.chain.refused(code, "LG", "dcep", "anchor_head", certified=data, path=[])
    long = [bytes(32)] * 65
    story.chain.refused(
        "E_PROOF_SIZE", "LG", "dcep", "anchor_head", certified=encode(good), path=long
    )
    story.chain.refused(
        "E_PROOF_SIZE", "LG", "dcep", "anchor_head", certified=encode(good), path=[b"short"]
    )
    story.chain.ok("LG", "dcep", "anchor_head", certified=encode(good), path=[])
    lie = encode(story.certified(replace(head, root=flip_hash(head.root))))
    story.chain.refused("E_PROOF_FORK", "LG", "dcep", "anchor_head", certified=lie, path=[])
    grown = encode(story.certified(replace(head, tree_size=head.tree_size + 1)))
    story.chain.refused(
        "E_PROOF_CONSISTENCY", "LG", "dcep", "anchor_head", certified=grown, path=[bytes(32)]
    )
    empty = encode(story.certified(replace(head, tree_size=0, timestamp_ms=head.timestamp_ms - 1)))
    story.chain.refused(
        "E_PROOF_CONSISTENCY", "LG", "dcep", "anchor_head", certified=empty, path=[]
    )


# ---- the mutation list: payment ------------------------------------------------------------------


def test_a_payment_to_somebody_else_is_refused(story: Story) -> None:
    paid = story.money.pay(story.qb, story.lg.address, AMOUNT, story.reference)
    proof = story.money.proof(story.lg, paid.txid)
    story.refused("E_PROOF_PAYEE", proof)
    story.refused_offline("E_PROOF_PAYEE", proof)


def test_the_old_holder_is_not_paid_after_a_transfer(story: Story) -> None:
    """LG holds the claim now; a payment with the right reference to XY's wallet discharges nothing."""
    story.refused("E_PROOF_PAYEE", story.proof(), payee_member="LG")
    story.refused("E_PROOF_PAYEE", story.proof(), payee_member="NOBODY")


def test_a_wallet_counts_at_the_time_of_the_payment(story: Story) -> None:
    """XY changes its wallet after it was paid: the old payment still counts, one to the old wallet counts for a
    day more, so that nobody changes wallets to have both the money and the debt, and then no more."""
    story.chain.now_ms += 1_000
    new = Wallet.generate()
    story.chain.bind("XY", new)
    assert story.chain.ok("XY", "dcep", "wallet_of", member="XY") == new.address
    then = story.chain.now_ms - 1
    assert story.chain.ok("XY", "dcep", "wallet_of", member="XY", time_ms=then) == (
        story.xy.address
    )
    assert story.discharge(story.proof())["amount_fen"] == AMOUNT
    changed_ms = story.chain.now_ms
    story.chain.now_ms = changed_ms + 86_400_000 - 1
    on_the_way = story.money.pay(story.qb, story.xy.address, AMOUNT, story.reference)
    log_id = story.money.center.log_id
    anchor = story.chain.ok("XY", "dcep", "anchor", log_id=log_id)
    proof = story.money.proof(story.xy, on_the_way.txid, anchor=anchor)
    assert story.discharge(proof)["amount_fen"] == AMOUNT
    story.chain.now_ms = changed_ms + 86_400_000
    late = story.money.pay(story.qb, story.xy.address, AMOUNT, story.reference)
    anchor = story.chain.ok("XY", "dcep", "anchor", log_id=log_id)
    story.refused("E_PROOF_PAYEE", story.money.proof(story.xy, late.txid, anchor=anchor))


def test_one_person_alone_leads_no_money_to_another_wallet(story: Story) -> None:
    chain, new, other = story.chain, Wallet.generate(), Wallet.generate()

    def args(wallet: Wallet) -> dict[str, bytes]:
        signature = wallet.binding_signature(CHANNEL, "XY")
        return {"public_key": wallet.public_key, "signature": signature}

    def wallet_of() -> bytes:
        found: bytes = chain.ok("XY", "dcep", "wallet_of", member="XY")
        return found

    chain.ok("XY", "dcep", "bind_wallet", "maker", **args(new))
    assert wallet_of() == story.xy.address
    chain.refused("E_FOUR_EYES", "XY", "dcep", "bind_wallet", "maker", "checker", **args(new))
    chain.ok("XY", "dcep", "bind_wallet", "maker", person="second", **args(other))
    chain.refused("E_FOUR_EYES", "XY", "dcep", "bind_wallet", "checker", person="second",
                  **args(other))  # fmt: skip
    assert wallet_of() == story.xy.address
    chain.now_ms += 1_000
    chain.ok("XY", "dcep", "bind_wallet", "checker", **args(other))
    assert wallet_of() == other.address


def test_one_fen_less_is_not_enough(story: Story) -> None:
    paid = story.money.pay(story.qb, story.xy.address, AMOUNT - 1, story.reference)
    proof = story.money.proof(story.xy, paid.txid)
    story.refused("E_PROOF_AMOUNT", proof)
    story.refused_offline("E_PROOF_AMOUNT", proof)


FIELD_MUTANTS: list[tuple[str, str, dict[str, int | str | bytes]]] = [
    ("other currency", "E_PROOF_CURRENCY", {"ccy": "HKD"}),
    ("LOCK instead of TRANSFER", "E_PROOF_KIND", {"kind": "LOCK"}),
    ("ISSUE instead of TRANSFER", "E_PROOF_KIND", {"kind": "ISSUE"}),
    ("status PENDING", "E_PROOF_STATUS", {"status": "PENDING"}),
    ("a regime that is not in force", "E_PROOF_REGIME", {"regime": "2020"}),
    ("an unknown regime", "E_PROOF_REGIME", {"regime": "2031"}),
    ("paid in the future", "E_PROOF_TIME", {"time_ms": NOW + 3_600_000}),
    ("no reference", "E_PROOF_REF", {"ref_commit": bytes(32)}),
]


@pytest.mark.parametrize("why,code,values", FIELD_MUTANTS, ids=[m[0] for m in FIELD_MUTANTS])
def test_a_payment_of_another_kind_is_refused_even_when_the_center_signs_it(
    story: Story, why: str, code: str, values: dict[str, int | str | bytes]
) -> None:
    proof = story.relog(story.proof(), **values)
    story.refused(code, proof)
    story.refused_offline(code, proof)
    control = story.relog(story.proof(), purpose="control")
    assert story.discharge(control)["amount_fen"] == AMOUNT


def test_a_proof_that_hides_what_must_be_known_is_refused(story: Story) -> None:
    for hidden, code in (
        ("regime", "E_PROOF_REGIME"),
        ("time_ms", "E_PROOF_REGIME"),
        ("status", "E_PROOF_STATUS"),
        ("kind", "E_PROOF_KIND"),
        ("ref_commit", "E_PROOF_REF"),
        ("payee", "E_PROOF_PAYEE"),
        ("ccy", "E_PROOF_CURRENCY"),
        ("amount_fen", "E_PROOF_AMOUNT"),
        ("payer", "E_PROOF_PAYER"),
    ):
        keep = tuple(name for name in FIELDS if name != hidden)
        story.refused(code, redact(sm3, story.proof(), keep))
        story.refused_offline(code, redact(sm3, story.proof(), keep))


def test_the_reference_of_another_obligation_is_refused(story: Story) -> None:
    other = story.chain.ok(
        "QB", "payer", "reference", obligation_id="FIN-2", amount_fen=AMOUNT, payee="XY", salt=SALT
    )
    assert other != story.reference
    story.refused("E_PROOF_REF", story.proof(), ref_commit=other)
    story.refused_offline("E_PROOF_REF", story.proof(), reference=Hash(other))


def test_a_replay_for_the_same_obligation_is_refused(story: Story) -> None:
    story.discharge(story.proof())
    again = story.proof(anchor=story.proof().head.head.tree_size)
    story.refused("E_PROOF_NULLIFIER", again)


def test_a_replay_on_another_channel_is_refused_by_its_reference(story: Story) -> None:
    story.discharge(story.proof())
    elsewhere = Chain(sm3(b"channel two"))
    center = story.money.center
    elsewhere.ok("PBC", "dcep", "register_log", "regulator", root_key=center.root_key)
    elsewhere.bind("QB", story.qb)
    elsewhere.bind("XY", story.xy)
    reference = elsewhere.ok(
        "QB", "payer", "reference", obligation_id="FIN-1", amount_fen=AMOUNT, payee="XY", salt=SALT
    )
    elsewhere.now_ms = story.chain.now_ms
    elsewhere.refused(
        "E_PROOF_REF", "XY", "payer", "discharge",
        proof=encode(story.proof()), **story.expected(ref_commit=reference),
    )  # fmt: skip


def test_a_payment_outside_its_time_is_refused(story: Story) -> None:
    paid_ms = NOW + 1_000
    story.refused("E_PROOF_TIME", story.proof(), not_before_ms=paid_ms + 1)
    story.refused("E_PROOF_TIME", story.proof(), not_after_ms=paid_ms - 1)
    story.refused_offline("E_PROOF_TIME", story.proof(), not_before_ms=paid_ms + 1)
    story.discharge(story.proof(), not_before_ms=paid_ms, not_after_ms=paid_ms)


def test_an_expired_grant_is_refused(story: Story) -> None:
    proof = story.proof()
    grant = replace(proof.grant, not_after_ms=story.chain.now_ms - 1)
    signature = Sig(story.money.center.keys.head.sign(grant_digest(sm3, grant)))
    late = replace(proof, not_after_ms=grant.not_after_ms, grant_signature=signature)
    story.refused("E_PROOF_EXPIRED", late)
    story.refused_offline("E_PROOF_EXPIRED", late)


def test_somebody_elses_payment_is_refused_where_the_payer_matters(story: Story) -> None:
    paid = story.money.pay(story.lg, story.xy.address, AMOUNT, story.reference)
    proof = story.money.proof(story.lg, paid.txid)
    story.refused("E_PROOF_PAYER", proof)
    story.refused_offline("E_PROOF_PAYER", proof)
    assert story.discharge(proof, payer_members=[])["amount_fen"] == AMOUNT


def test_a_frozen_wallet_is_neither_paid_nor_pays(story: Story) -> None:
    chain = story.chain
    for wallet in (story.xy, story.qb):
        order = {"address": wallet.address, "order": "SZ-2026-7"}
        chain.refused("E_ROLE", "QB", "dcep", "freeze_wallet", "admin", **order)
        chain.ok("PBC", "dcep", "freeze_wallet", "regulator", **order)
        story.refused("E_PROOF_FROZEN", story.proof())
        other = {**order, "order": "another"}
        chain.refused("E_ORDER", "PBC", "dcep", "release_wallet", "regulator", **other)
        chain.ok("PBC", "dcep", "release_wallet", "regulator", **order)
    assert story.discharge(story.proof())["amount_fen"] == AMOUNT


# ---- the mutation list: encoding -----------------------------------------------------------------


def raw_path(proof: PaymentProof, steps: int) -> bytes:
    return encode(replace(proof, audit_path=(proof.audit_path[0],) * steps))


def forged(proof: PaymentProof, **changes: Any) -> bytes:
    """Bytes of a proof that the structure itself would refuse to hold."""
    for name, value in changes.items():
        object.__setattr__(proof, name, value)
    return encode(proof)


def bare_salt(proof: PaymentProof, salt: bytes) -> bytes:
    object.__setattr__(proof.disclosures[0], "salt", salt)
    return encode(proof)


ENCODING_MUTANTS: list[tuple[str, str, Callable[[PaymentProof], bytes]]] = [
    ("unknown version", "E_PROOF_VERSION", lambda p: encode(replace(p, version=3))),
    ("no bytes", "E_PROOF_VERSION", lambda p: b""),
    ("trailing byte", "E_PROOF_ENCODING", lambda p: encode(p) + b"\0"),
    ("cut short", "E_PROOF_ENCODING", lambda p: encode(p)[:-1]),
    ("salt missing", "E_PROOF_ENCODING", lambda p: bare_salt(p, b"")),
    ("salt too short", "E_PROOF_ENCODING", lambda p: bare_salt(p, bytes(15))),
    ("65-step path", "E_PROOF_SIZE", lambda p: raw_path(p, 65)),
    ("65-step anchor path", "E_PROOF_SIZE",
     lambda p: encode(replace(p, anchor_size=1, anchor_path=(p.audit_path[0],) * 65))),
    ("no key", "E_PROOF_SIZE", lambda p: encode(replace(p, key_chain=()))),
    ("five keys", "E_PROOF_SIZE", lambda p: encode(replace(p, key_chain=p.key_chain * 5))),
    ("33 KiB", "E_PROOF_SIZE", lambda p: encode(p) + bytes(33 * 1024)),
    ("disclosures out of order", "E_PROOF_ENCODING",
     lambda p: forged(p, disclosures=p.disclosures[::-1])),
    ("a field twice", "E_PROOF_ENCODING",
     lambda p: forged(p, disclosures=(p.disclosures[0], *p.disclosures[:-1]))),
    ("a field too few", "E_PROOF_ENCODING",
     lambda p: forged(p, disclosures=p.disclosures[:-1])),
    ("a path to no anchor", "E_PROOF_ENCODING",
     lambda p: forged(p, anchor_path=(p.audit_path[0],))),
    ("a field too many", "E_PROOF_ENCODING",
     lambda p: forged(p, hidden=(Hash(bytes(32)),))),
]  # fmt: skip


@pytest.mark.parametrize("why,code,mutate", ENCODING_MUTANTS, ids=[m[0] for m in ENCODING_MUTANTS])
def test_bytes_that_are_not_canonical_are_refused(
    story: Story, why: str, code: str, mutate: Callable[[PaymentProof], bytes]
) -> None:
    data = mutate(story.proof())
    story.refused(code, data)
    story.refused_offline(code, data)


@pytest.fixture(scope="module")
def shared_story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return make_story(tmp_path_factory.mktemp("shared"))


def test_no_byte_of_a_proof_is_free(shared_story: Story) -> None:
    """A flipped bit in any byte is refused by contract and verifier with one code, and nothing changes.

    anchor_size and the path are free only while the channel knows no head: they are left out here and
    have their own test."""
    story = shared_story
    proof = story.proof()
    original = encode(proof)
    anchored = encode(replace(proof, anchor_size=proof.anchor_size ^ 1))
    low = next(i for i in range(len(original)) if original[i] != anchored[i])
    before = dict(story.chain.state)
    expected = Expected(Hash(story.reference), story.xy.address, AMOUNT, payers=(story.qb.address,))
    for position in range(len(original)):
        if low - 7 <= position <= low:
            continue
        mutant = bytearray(original)
        mutant[position] ^= 1 << position % 8
        result = story.chain.call(
            "XY", "payer", "discharge", proof=bytes(mutant), **story.expected()
        )
        assert result.outcome == "revert", position
        assert result.code.startswith("E_PROOF_"), position
        assert story.chain.state == before, position
        with pytest.raises(ProofRefused) as refusal:
            found = check_proof(sm3, VERIFY, bytes(mutant), story.trusted(), story.chain.now_ms)
            check_payment(found, expected, story.chain.now_ms)
        assert refusal.value.code == result.code, position


# ---- who may do what -----------------------------------------------------------------------------


def test_a_stranger_cannot_burn_a_proof_by_calling_dcep_itself(story: Story) -> None:
    story.chain.refused(
        "E_CALLER", "LG", "dcep", "verify_payment",
        proof=encode(story.proof()), expected=story.expected(),
    )  # fmt: skip


def test_an_unclear_expectation_is_refused(story: Story) -> None:
    story.chain.refused("E_EXPECTED", "LG", "payer", "unclear", proof=encode(story.proof()))
    story.refused("E_EXPECTED", story.proof(), ref_commit=bytes(32))
    story.refused("E_EXPECTED", story.proof(), amount_fen=0)


def test_a_reader_of_a_member_cannot_name_its_wallet(story: Story) -> None:
    wallet = Wallet.generate()
    signature = wallet.binding_signature(CHANNEL, "HL")
    story.chain.refused(
        "E_ROLE", "HL", "dcep", "bind_wallet", public_key=wallet.public_key, signature=signature
    )


def test_only_authorities_register_logs_and_each_log_once(story: Story) -> None:
    key = get_suite("sm").generate_key().public_key
    chain = story.chain
    for role in ("maker", "admin"):  # an administrator of one member would pin a log of his own
        chain.refused("E_ROLE", "QB", "dcep", "register_log", role, root_key=key)
        chain.refused("E_ROLE", "QB", "dcep", "revoke_key", role, log_id=story.money.center.log_id,
                      public_key=key)  # fmt: skip
    chain.refused("E_KEY", "PBC", "dcep", "register_log", "regulator", root_key=key[1:])
    chain.refused("E_STALE", "PBC", "dcep", "register_log", "regulator", root_key=key, stale_ms=1)
    log_id = chain.ok("PBC", "dcep", "register_log", "regulator", root_key=key)
    assert log_id == money_structures.log_id(sm3, key)
    chain.refused("E_DUPLICATE", "PBC", "dcep", "register_log", "regulator", root_key=key)
    assert chain.ok("PBC", "dcep", "get_log", log_id=log_id)["size"] == 0
    chain.refused("E_NOT_FOUND", "PBC", "dcep", "get_log", log_id=bytes(32))


def test_a_wallet_is_bound_by_its_own_key_to_one_member(story: Story) -> None:
    wallet = Wallet.generate()
    signed_for_xy = wallet.binding_signature(CHANNEL, "XY")
    elsewhere = wallet.binding_signature(sm3(b"channel two"), "HL")
    for signature in (signed_for_xy, elsewhere, bytes(64)):
        story.chain.refused(
            "E_WALLET_SIGNATURE", "HL", "dcep", "bind_wallet", "maker",
            public_key=wallet.public_key, signature=signature,
        )  # fmt: skip
    story.chain.bind("HL", wallet)
    story.chain.refused(
        "E_WALLET_TAKEN", "XY", "dcep", "bind_wallet", "maker",
        public_key=wallet.public_key, signature=signed_for_xy,
    )  # fmt: skip


def test_a_reference_is_bound_to_the_contract_that_asks(story: Story) -> None:
    args = {"obligation_id": "FIN-1", "amount_fen": AMOUNT, "payee": "XY", "salt": SALT}
    chain = story.chain
    chain.refused("E_REFERENCE", "QB", "payer", "foreign", **args)
    chain.refused("E_WALLET", "QB", "payer", "reference", **{**args, "payee": "NOBODY"})
    chain.refused("E_SALT", "QB", "payer", "reference", **{**args, "salt": bytes(15)})
    chain.refused("E_AMOUNT", "QB", "payer", "reference", **{**args, "amount_fen": 0})
    changed = [
        {"obligation_id": "FIN-2"},
        {"amount_fen": AMOUNT + 1},
        {"payee": "LG"},
        {"salt": bytes(16)},
    ]
    references = [
        chain.ok("QB", "payer", "reference", **{**args, **change}) for change in ({}, *changed)
    ]
    assert references[0] == story.reference
    assert len(set(references)) == len(references)
