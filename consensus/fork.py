"""Checks of fork evidence: did one log sign two heads that cannot both be honest? Needs nothing but the file.

The contract `dcep` halts a log by the same checks; `city dcep evidence` writes a ForkCase, and this reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus import merkle
from consensus.encoding import EncodingError, Hash, decode
from consensus.merkle import HashFunction
from consensus.payment import (
    VERSION,
    CertifiedTreeHead,
    ForkCase,
    ForkEvidence,
    HistoryEvidence,
    TreeHead,
    log_id,
)
from consensus.payment_proof import (
    PATH_STEPS_MAX,
    ProofRefused,
    TrustedLog,
    Verify,
    check_head,
    is_fork,
)

HISTORY_VERSION = 2


@dataclass(frozen=True, slots=True)
class Conviction:
    """What a case shows. reason: why the heads cannot both be honest."""

    log_id: Hash
    first: TreeHead
    second: TreeHead
    reason: str


def check_case(hash_: HashFunction, verify: Verify, data: bytes) -> Conviction:
    """The conviction of a ForkCase file. Raises ProofRefused: E_PROOF_ENCODING, E_PROOF_LOG, E_PROOF_KEY,
    E_PROOF_SIGNATURE, E_NO_FORK."""
    try:
        case = decode(ForkCase, data)
        evidence = _read(case.evidence)
    except EncodingError as error:
        raise ProofRefused("E_PROOF_ENCODING", str(error)) from error
    if case.version != VERSION:
        raise ProofRefused("E_PROOF_ENCODING", "unknown version")
    trusted = TrustedLog(case.root_key)
    for side in (evidence.first, evidence.second):
        check_head(hash_, verify, side, trusted)
    return Conviction(
        log_id(hash_, case.root_key), _head(evidence.first), _head(evidence.second),
        _reason(hash_, evidence),
    )  # fmt: skip


def _read(data: bytes) -> ForkEvidence | HistoryEvidence:
    history = data.startswith(bytes((0, 0, 0, 8)) + HISTORY_VERSION.to_bytes(8, "big"))
    if history:
        return decode(HistoryEvidence, data)
    found = decode(ForkEvidence, data)
    if found.version != VERSION:
        raise EncodingError("unknown version of the evidence")
    return found


def _head(side: CertifiedTreeHead) -> TreeHead:
    return side.signed.head


def _reason(hash_: HashFunction, evidence: ForkEvidence | HistoryEvidence) -> str:
    first, second = _head(evidence.first), _head(evidence.second)
    if isinstance(evidence, ForkEvidence):
        if not is_fork(first, second):
            raise ProofRefused("E_NO_FORK", "both heads can be honest")
        same_size = first.tree_size == second.tree_size
        return "two roots of one size" if same_size else "the tree shrank with time"
    sides = (
        (first, evidence.first_leaf, evidence.first_path),
        (second, evidence.second_leaf, evidence.second_path),
    )
    for head, leaf, path in sides:
        inside = len(path) <= PATH_STEPS_MAX and merkle.verify_inclusion(
            hash_, leaf, evidence.leaf_index, head.tree_size, path, head.root
        )
        if not inside:
            raise ProofRefused("E_NO_FORK", "a leaf does not stand in its tree")
    if evidence.first_leaf == evidence.second_leaf:
        raise ProofRefused("E_NO_FORK", "both trees hold the same leaf")
    return f"leaf {evidence.leaf_index} was changed between the two trees"
