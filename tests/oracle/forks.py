"""Fork evidence of a registration center's log, offline: proto/README.md section 8."""

from types import SimpleNamespace

from tests.oracle.hashes import SM, identity
from tests.oracle.merkle import check_inclusion
from tests.oracle.payments import PATH_MAX, _check_key_chain, _check_signed, log_id_of, sm3
from tests.oracle.structures import decode, require

HISTORY = bytes((0, 0, 0, 8)) + (2).to_bytes(8, "big")


def check_case(data: bytes) -> bytes:
    """The id of the log that a ForkCase convicts. Raises Invalid."""
    case = decode("ForkCase", data)
    require(case.version == 1, "fork case: unknown version")
    history = case.evidence.startswith(HISTORY)
    evidence = decode("HistoryEvidence" if history else "ForkEvidence", case.evidence)
    require(history or evidence.version == 1, "fork evidence: unknown version")
    heads = [_head(side, case.root_key) for side in (evidence.first, evidence.second)]
    if history:
        require(evidence.first_leaf != evidence.second_leaf, "fork evidence: one and the same leaf")
        leaves = ((evidence.first_leaf, evidence.first_path),
                  (evidence.second_leaf, evidence.second_path))  # fmt: skip
        for head, (leaf, path) in zip(heads, leaves, strict=True):
            require(len(path) <= PATH_MAX, "fork evidence: a path is too long")
            place = evidence.leaf_index, head.tree_size
            check_inclusion(sm3, leaf, *place, path, head.root, "fork evidence's path")
    else:
        small, large = sorted(heads, key=lambda head: head.tree_size)
        if small.tree_size == large.tree_size:
            require(small.root != large.root, "fork evidence: both heads can be honest")
        else:
            shrank = small.timestamp_ms > large.timestamp_ms
            require(shrank, "fork evidence: both heads can be honest")
    return log_id_of(case.root_key)


def _head(side: SimpleNamespace, root_key: bytes) -> SimpleNamespace:
    head = side.signed.head
    chained = SimpleNamespace(log_id=head.log_id, key_chain=side.key_chain, head=side.signed)
    key = _check_key_chain(chained, root_key)
    require(head.version == 1, "fork evidence: a tree head of an unknown version")
    require(head.key_id == identity(SM, key), "fork evidence: a tree head names another key")
    what = "a tree head's signature"
    _check_signed(key, "tree-head", "TreeHead", head, side.signed.signature, what)
    found: SimpleNamespace = head
    return found
