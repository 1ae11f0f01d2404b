"""A payment institution's daily statement: a Merkle-sum tree over its accounts, and its verifier. Pure.

Every node carries the sum of what lies below it, so that a balance left out or made smaller shows: an account
checks that its own balance is a leaf. What the institution owes is the root's sum and what is on its way to
others.

    leaf = H(P("citychain/solvency-leaf/v1", account 32 | balance 8 | salt 16))          sum = balance
    node = H(P("citychain/solvency-node/v1", sum 8 | hash 32 | sum 8 | hash 32))         sum = both
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.encoding import EncodingError, Hash, decode
from consensus.tags import SUITE_SM, Tag, preimage
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.requests import Signed, SolvencyStatement
from deploy.regcenter.voice import check_said
from node.identity.suite import Suite

SALT_BYTES = 16
PATH_MAX = 64
SUM_MAX = 1 << 63


@dataclass(frozen=True, slots=True)
class Share:
    """An account's leaf in a day's tree."""

    account: Hash
    balance_fen: int
    salt: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One sibling on the way up. is_left: it stands left of the path."""

    is_left: bool
    sum_fen: int
    node: Hash


@dataclass(frozen=True, slots=True)
class ShareProof:
    """What an account gets: the signed statement, and where its balance stands in it."""

    statement: Signed
    share: Share
    path: tuple[Step, ...]


Sum = tuple[int, Hash]


def leaf(share: Share) -> Sum:
    body = share.account + share.balance_fen.to_bytes(8, "big") + share.salt
    return share.balance_fen, Hash(sm3(preimage(Tag.SOLVENCY_LEAF, SUITE_SM, body)))


def node(left: Sum, right: Sum) -> Sum:
    parts = (
        left[0].to_bytes(8, "big"),
        left[1],
        right[0].to_bytes(8, "big"),
        right[1],
    )
    return left[0] + right[0], Hash(sm3(preimage(Tag.SOLVENCY_NODE, SUITE_SM, *parts)))


def _levels(leaves: Sequence[Sum]) -> list[list[Sum]]:
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        level = levels[-1]
        paired = [node(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
        levels.append(paired + ([level[-1]] if len(level) & 1 else []))
    return levels


def root(shares: Sequence[Share]) -> Sum:
    """Sum and hash over the accounts; without any, zero and the hash of nothing."""
    if not shares:
        return 0, Hash(sm3(b""))
    return _levels([leaf(share) for share in shares])[-1][0]


def path(shares: Sequence[Share], index: int) -> tuple[Step, ...]:
    steps = []
    for level in _levels([leaf(share) for share in shares])[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            steps.append(Step(sibling < index, *level[sibling]))
        index >>= 1
    return tuple(steps)


def check_share(suite: Suite, proof: ShareProof, root_key: bytes) -> SolvencyStatement:
    """The statement, if the center of this root key signed it, it covers what is owed and holds this balance.

    Raises CenterError RC_STATEMENT or RC_SIGNATURE. Reads nothing but its arguments."""
    found = statement_of(suite, proof.statement, root_key)
    if len(proof.share.salt) != SALT_BYTES or len(proof.path) > PATH_MAX:
        raise CenterError("RC_STATEMENT", "the path or the salt has a wrong size")
    running = leaf(proof.share)
    for step in proof.path:
        if step.sum_fen >= SUM_MAX or running[0] >= SUM_MAX:
            raise CenterError("RC_STATEMENT", "a sum is too large")
        sibling = (step.sum_fen, step.node)
        running = node(sibling, running) if step.is_left else node(running, sibling)
    if running[1] != found.root or running[0] > found.owed_fen:
        raise CenterError("RC_STATEMENT", "the balance is not in the statement's tree")
    return found


def statement_of(suite: Suite, signed: Signed, root_key: bytes) -> SolvencyStatement:
    """A statement of a center that says what is owed is covered. Raises CenterError."""
    try:
        time_ms = decode(SolvencyStatement, signed.body).time_ms
    except EncodingError as error:
        raise CenterError("RC_STATEMENT", str(error)) from error
    found = check_said(suite, signed, root_key, SolvencyStatement, time_ms)
    if found.pool_fen < found.owed_fen:
        raise CenterError("RC_STATEMENT", f"{found.pool_fen} of {found.owed_fen} fen are covered")
    return found
