"""Leaves are split and passed on; what the parts hide adds up to the whole. Table LEAF."""

from chapters.notes import require_copy, require_hidden
from rules.instrument import enter, keep
from rules.private_receivable_machine import DEPTH_MAX, LEAF, PARTS_MAX
from rules.private_receivable_records import (
    Leaf,
    Split,
    TransferDeclined,
    TransferOffered,
    TransferRecalled,
    Transferred,
    concerned,
    held,
    leaves,
    notes,
    store_leaf,
)
from rules.receivable_issue import require_active, require_wallet
from sdk import call, commitments_add_up, ctx, export, require


@export
def split(
    id: str, commitments: list[bytes], proofs: list[bytes], sealed: str, expected_version: int = 0
) -> list:
    """Cut a leaf into parts that stay with its holder. Returns their ids.

    proofs: of each part's range, for the context `part/LEAF/N`. sealed: the holder's record that opens them.
    Codes: E_SPLIT_COUNT, E_DEPTH, E_TERMS_COPY, E_SPLIT_SUM, E_COMMITMENT, E_DUPLICATE, E_RANGE_PROOF."""
    leaf = enter(LEAF, leaves, id, "split", expected_version)
    require_active()
    counted = 2 <= len(commitments) <= PARTS_MAX and len(proofs) == len(commitments)
    require(counted, "E_SPLIT_COUNT", "2 to 8 parts, a proof for each")
    require(leaf.depth < DEPTH_MAX, "E_DEPTH", "the tree is as deep as it may be")
    require_copy(sealed, ctx.member)
    sized = all(len(one) == 65 for one in commitments)
    require(sized, "E_COMMITMENT", "a commitment has 65 bytes")
    whole = commitments_add_up(leaf.commitment, commitments)
    require(whole, "E_SPLIT_SUM", "the parts do not add up to the leaf")
    ids = []
    for at in range(len(commitments)):
        part = f"{id}/{at + 1}"
        require_hidden(commitments[at], "part/" + part, proofs[at])
        parts = {"holder": leaf.parties["holder"], "issuer": leaf.parties["issuer"]}
        store_leaf(Leaf(part, leaf.note, parts, commitments[at], leaf.depth + 1, sealed,
                        state="ACTIVE"))  # fmt: skip
        ids.append(part)
    leaf.children = len(ids)
    held.delete((leaf.parties["holder"], id))
    note = notes[leaf.note]
    note.leaves += len(ids) - 1
    notes[leaf.note] = note
    keep(leaves, leaf, Split)
    return ids


@export
def offer_transfer(id: str, to: str, sealed: str, expected_version: int = 0) -> str:
    """Offer a leaf. sealed: a record of the holder that opens it to the taker. Codes: E_SELF, E_PARTY,
    E_KYC_EXPIRED, E_TERMS_COPY."""
    leaf = enter(LEAF, leaves, id, "offer_transfer", expected_version)
    require_active()
    require(to not in (ctx.member, leaf.parties["issuer"]), "E_SELF", "the taker is another party")
    call("party", "check_new_business", to)
    require_copy(sealed, to)
    leaf.parties["taker"] = to
    leaf.offered = sealed
    concerned[(leaf.note, to)] = True
    return keep(leaves, leaf, TransferOffered)


def end_offer(leaf):
    leaf.parties.pop("taker")
    leaf.offered = ""


@export
def accept_transfer(id: str, expected_version: int = 0) -> str:
    """The taker has opened its copy. Codes: E_PARTY, E_WALLET."""
    leaf = enter(LEAF, leaves, id, "accept_transfer", expected_version)
    require_active()
    require_wallet()
    held.delete((leaf.parties["holder"], id))
    leaf.sealed = leaf.offered
    end_offer(leaf)
    leaf.parties["holder"] = ctx.member
    store_leaf(leaf)
    return keep(leaves, leaf, Transferred)


@export
def decline_transfer(id: str, expected_version: int = 0) -> str:
    leaf = enter(LEAF, leaves, id, "decline_transfer", expected_version)
    end_offer(leaf)
    return keep(leaves, leaf, TransferDeclined)


@export
def recall_transfer(id: str, expected_version: int = 0) -> str:
    leaf = enter(LEAF, leaves, id, "recall_transfer", expected_version)
    end_offer(leaf)
    return keep(leaves, leaf, TransferRecalled)
