"""How transcripts speak of blocks, transactions, messages, records and actions.

A block is called by its height and a letter in the order of appearance: `1a`, and `1b` for a rival.
"""

from __future__ import annotations

import re
from typing import Any

from consensus.api import EpochBase, InvariantBroken
from consensus.certificate import CommitCert, bitmap_indexes
from consensus.encoding import Hash
from consensus.header import Header, block_hash
from consensus.pbft.certificates import PreparedCert
from consensus.pbft.messages import (
    BlockRequest,
    BlockSupply,
    Commit,
    Decided,
    NewView,
    Prepare,
    Proposal,
    Status,
    ViewChange,
    decode_message,
)
from consensus.pbft.records import decode_record
from consensus.pbft.selection import select
from consensus.raft.ordering.messages import decode_block
from tests.simulation.ghost import hash_
from tests.simulation.members import Members


def kind_of(content: Any) -> str:
    """`ViewChange` is `view-change`; what only asks whether one would be elected begins with `pre-`."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(content).__name__).lower()
    return f"pre-{name}" if getattr(content, "is_pre", False) else name


def joined(values: Any) -> str:
    return ",".join(str(value) for value in values)


class Names:
    """Names of hashes, given at first sight."""

    def __init__(self, genesis: Header) -> None:
        self.genesis_hash = block_hash(hash_, genesis)
        self.headers: dict[str, Header] = {"0": genesis}
        self.tx_ids: dict[str, tuple[Hash, ...]] = {"0": ()}
        self._names: dict[Hash, str] = {self.genesis_hash: "0"}
        self._counts: dict[int, int] = {}
        self.txs: dict[Hash, str] = {}

    def note(self, header: Header, tx_ids: tuple[Hash, ...]) -> str:
        digest = block_hash(hash_, header)
        name = self._names.get(digest)
        if name is None:
            count = self._counts.get(header.height, 0)
            self._counts[header.height] = count + 1
            name = f"{header.height}{chr(ord('a') + count)}"
            self._names[digest] = name
            self.headers[name], self.tx_ids[name] = header, tx_ids
        return name

    def of(self, digest: Hash) -> str:
        return self._names.get(digest, "unknown")

    def hash(self, name: str) -> Hash:
        for digest, known in self._names.items():
            if known == name:
                return digest
        raise KeyError(f"no block is called {name}")

    def transactions(self, tx_ids: tuple[Hash, ...]) -> str:
        return "[" + " ".join(self.txs.get(each, "unknown") for each in tx_ids) + "]"

    def certificate(self, cert: PreparedCert) -> str:
        return f"{self.note(cert.header, ())}@{cert.view}"


def place_of(message: Any) -> tuple[int | None, int | None, Hash | None]:
    """View, height and block of a message, where it has them: what filters ask for."""
    if hasattr(message, "head"):
        return _place_in_log(message)
    header = getattr(message, "header", None)
    if header is None:
        cert = getattr(message, "cert", None)
        source = message if cert is None else cert
        view = getattr(source, "view", getattr(source, "new_view", None))
        return view, getattr(source, "height", None), getattr(source, "block_hash", None)
    return getattr(message, "view", None), header.height, block_hash(hash_, header)


def _place_in_log(message: Any) -> tuple[int | None, int | None, Hash | None]:
    """Of a message between members of a Raft channel: its term, and the last block in it."""
    held = [(each.height, each.block_hash) for each in getattr(message, "seals", ())]
    for entry in getattr(message, "entries", ()):
        block = decode_block(entry.data) if entry.data else None
        if block is not None:
            held.append((block.header.height, block_hash(hash_, block.header)))
    height, digest = held[-1] if held else (None, None)
    return message.head.term, height, digest


class Words:
    """Of PBFT. `epochs`, `bases`: who votes in which epoch, and what it stands on; filled as epochs come."""

    view_name = "view"

    def __init__(
        self, names: Names, epochs: dict[int, Members], bases: dict[int, EpochBase]
    ) -> None:
        self.names = names
        self._epochs = epochs
        self._bases = bases

    def _node(self, epoch: int, index: int) -> int:
        """The node at an index of that epoch's validators; strangers keep their number."""
        members = self._epochs.get(epoch)
        nodes = members.nodes if members else ()
        return nodes[index] if index < len(nodes) else index

    def author(self, message: Any) -> int:
        """Who signed it, as a node."""
        epoch = message.header.epoch if hasattr(message, "header") else getattr(message, "epoch", 0)
        return self._node(epoch, getattr(message, "sender", 0))

    def signers(self, cert: CommitCert) -> str:
        indexes = bitmap_indexes(cert.signers, len(self._epochs[cert.epoch].nodes))
        return joined(self._node(cert.epoch, index) for index in indexes)

    def message(self, message: Any, speaker: int) -> str:
        """In few words; a view change that is passed on says whose it is."""
        names = self.names
        match message:
            case Proposal(view=view, header=header, tx_ids=tx_ids):
                name = names.note(header, tx_ids)
                return f"Proposal v{view} {name} {names.transactions(tx_ids)}"
            case Prepare(view=view, block_hash=digest):
                return f"Prepare v{view} {names.of(digest)}"
            case Commit(view=view, block_hash=digest):
                return f"Commit v{view} {names.of(digest)}"
            case Decided(cert=cert):
                return f"Decided {names.of(cert.block_hash)}"
            case ViewChange(new_view=view, tip_cert=tip, prepared=prepared, reason=reason):
                at = names.of(tip.block_hash) if tip else "0"
                held = joined(names.certificate(each) for each in prepared)
                shown = f", prepared {held}" if held else ""
                author = self.author(message)
                by = "" if author == speaker else f" by {author}"
                return f"ViewChange v{view}{by}, tip {at}{shown}: {reason}"
            case NewView():
                senders = joined(self.author(change) for change in message.view_changes)
                return f"NewView v{message.view} of {senders}{self.selection(message)}"
            case Status(view=view, is_active=is_active, tip_height=height):
                mode = "" if is_active else " changing"
                reply = " (reply)" if message.is_reply else ""
                answer = " (answer)" if message.echo else ""
                votes = "" if message.is_voting else " observing"
                return f"Status v{view}{mode} tip {height}{votes}{reply}{answer}"
            case BlockRequest(block_hash=digest):
                return f"BlockRequest {names.of(digest)}"
            case BlockSupply(header=header, tx_ids=tx_ids):
                return f"BlockSupply {names.note(header, tx_ids)} {names.transactions(tx_ids)}"
        height = getattr(message, "height", None)
        return type(message).__name__ + ("" if height is None else f" {height}")

    def selection(self, message: NewView) -> str:
        try:
            base = self._bases[message.epoch]
            found = select(hash_, message.view_changes, base.block_hash, base.height)
        except InvariantBroken:
            return ": a fork"
        again = joined(self.names.note(cert.header, ()) for _, cert in found.blocks)
        return f": base {found.base_height}" + (f", again {again}" if again else "")

    def record(self, data: bytes) -> tuple[str, bool]:
        """A WAL record, and whether it is a milestone."""
        record: Any = decode_record(data)
        name = type(record).__name__
        if name == "Entered":
            new_view: Any = decode_message(record.new_view)
            return f"Entered v{record.view}{self.selection(new_view)}", True
        if name in ("Proposed", "Accepted"):
            proposal: Any = decode_message(record.proposal)
            block = self.names.note(proposal.header, proposal.tx_ids)
            return f"{name} v{record.view} {block}", False
        if name == "Prepared":
            return f"Prepared {self.names.certificate(record.cert)}", False
        if name == "Born":
            above = record.votes_above
            return name + (f", votes above {above}" if above else ""), bool(above)
        view = getattr(record, "view", None)
        height = getattr(record, "height", None)
        where = ("" if view is None else f" v{view}") + ("" if height is None else f" {height}")
        return name + where, False
