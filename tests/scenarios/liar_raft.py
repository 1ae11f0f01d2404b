"""What a member of a Raft channel may say that does not keep to the protocol.

Members are trusted not to lie about terms and logs. What others than members believe, seals and certificates,
is checked all the same."""

from __future__ import annotations

from dataclasses import replace

from consensus.certificate import KIND_PBFT, KIND_RAFT, CommitCert, bitmap
from consensus.encoding import encode
from consensus.raft.ordering.messages import (
    Append,
    AppendReply,
    BlockEntry,
    Decided,
    Head,
    Heartbeat,
    HeldBlock,
    Hello,
    LogEntry,
    Place,
    VoteRequest,
)
from consensus.tags import Tag
from tests.scenarios.cluster import ScenarioError
from tests.scenarios.liar import UNSIGNED, Liar
from tests.scenarios.transcript import items


def _place(value: str) -> Place:
    """`2:5`: entry 5, of term 2."""
    term, _, index = value.partition(":")
    return Place(int(term), int(index))


class RaftLiar(Liar):
    def make(self, kind: str, options: dict[str, str]) -> object:
        term = int(options.get("term", "1"))
        match kind:
            case "append-reply":
                seals = tuple(
                    self._seal(name, term, options.get("sealed-by"))
                    for name in items(options.get("seals", "()"))
                )
                return AppendReply(self._head(term), int(options["index"]), None, seals)
            case "append":
                return self._append(term, options)
            case "vote-request":
                return VoteRequest(self._head(term), _place(options["last"]), False, False, 1)
            case "heartbeat":
                return Heartbeat(self._head(term), int(options["commit"]))
            case "decided":
                return self._decided(term, options)
        raise ScenarioError(f"a liar cannot say {kind}")

    def hello(self, nonce: int) -> Hello:
        return Hello(self._head(0), Place(0, 0), True, False, nonce, True)

    def _head(self, term: int) -> Head:
        channel_id = self._cluster.config.channel_id
        return Head(channel_id, self._members.epoch, self._name, 0, term)

    def _append(self, term: int, options: dict[str, str]) -> Append:
        """One entry. of=1: of that term, which is older than the leader's; block=1a: that block, or one of its
        own making; entry=- is an empty one, entry=? bytes that are no block."""
        previous, names = _place(options["after"]), self._cluster.names
        if "entry" in options:
            data = {"-": b"", "?": b"no block"}[options["entry"]]
        elif "block" in options:
            name = options["block"]
            self._cluster.block_named(name)
            data = encode(BlockEntry(names.headers[name], names.tx_ids[name]))
        else:
            header, tx_ids = self._block(options)
            names.note(header, tx_ids)
            data = encode(BlockEntry(header, tx_ids))
        entry = LogEntry(int(options.get("of", term)), previous.index + 1, data)
        return Append(self._head(term), previous, (entry,), int(options.get("commit", "0")))

    def _seal(self, name: str, term: int, signer: str | None) -> HeldBlock:
        """signer: whose seal is shown as the own one; `nobody`: made up."""
        cluster = self._cluster
        digest, height = cluster.block_named(name), cluster.names.headers[name].height
        vote = self._vote(height, term, digest)
        if signer == "nobody":
            return HeldBlock(height, digest, UNSIGNED)
        if signer is None:
            cluster.invariants.on_seal(self._me, height, term, digest, vote.epoch)
            return HeldBlock(height, digest, self._sign_vote(Tag.COMMIT_SEAL, vote))
        position = self._members.index_of(int(signer))
        found = self._known_votes(Tag.COMMIT_SEAL, None, vote)
        if position is None or position not in found:
            raise ScenarioError(f"{signer} sealed no {name} in term {term}")
        return HeldBlock(height, digest, found[position])

    def _decided(self, term: int, options: dict[str, str]) -> Decided:
        """From all seals that exist in one term, the liars' with them. kind=pbft: as if of the other engine;
        less=1: with so many seals taken away; mixed=2: with those of term 2
        as well; by=(0,1): only of these."""
        cluster, name = self._cluster, options["block"]
        digest, height = cluster.block_named(name), cluster.names.headers[name].height
        vote = self._vote(height, term, digest)
        seals = dict(sorted(self._known_votes(Tag.COMMIT_SEAL, None, vote).items()))
        if "mixed" in options:
            other = replace(vote, view=int(options["mixed"]))
            seals = self._known_votes(Tag.COMMIT_SEAL, None, other) | seals
            seals = dict(sorted(seals.items()))
        if "by" in options:
            wanted = [self._members.index_of(int(each)) for each in items(options["by"])]
            seals = {index: seals[index] for index in wanted if index is not None}
        for _ in range(int(options.get("less", "0"))):
            seals.popitem()
        signers = bitmap(list(seals), len(self._validators))
        cert = CommitCert(
            KIND_RAFT, vote.epoch, height, term, digest, signers, tuple(seals.values())
        )
        return Decided(replace(cert, kind=KIND_PBFT) if options.get("kind") == "pbft" else cert)
