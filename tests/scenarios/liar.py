"""Messages made by hand: what a validator that lies may say with its own key and what it has seen.

A certificate is put together from signatures that exist in the registry, the liar's own included, so a
liar can never show more than a real one could.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from consensus.certificate import CommitCert, Seal
from consensus.encoding import ZERO_HASH, Hash, Sig
from consensus.header import Header, block_hash, identity_digest, leaves_root
from consensus.pbft.certificates import (
    PreparedCert,
    commit_cert,
    leader_of,
    prepared_cert,
    senders_bitmap,
    vote_message,
)
from consensus.pbft.messages import (
    Commit,
    Decided,
    NewView,
    Prepare,
    Proposal,
    Status,
    ViewChange,
    signed_bytes,
)
from consensus.tags import Tag
from consensus.validators import validators_hash
from tests.scenarios.cluster import Cluster, ScenarioError
from tests.scenarios.transcript import items
from tests.simulation.ghost import SUITE, hash_

UNSIGNED = Sig(ZERO_HASH + ZERO_HASH)


class Liar:
    """`me` signs. `as_`: in whose name; another than `me` makes a signature that does not hold."""

    def __init__(self, cluster: Cluster, me: int, as_: int | None = None) -> None:
        if me not in cluster.liars:
            raise ScenarioError(f"{me} is honest: it says nothing that is made by hand")
        self._cluster = cluster
        self._me = me
        self._members = cluster.epochs[max(cluster.epochs)]
        self._validators = self._members.validators()
        position = self._members.index_of(me)
        if position is None:
            raise ScenarioError(f"{me} is no member any more: it can only be replayed")
        self._key = self._validators.key(position)
        self._name = position if as_ is None else as_

    # --- signing

    def _sign(self, message: bytes) -> Sig:
        return self._cluster.registry.sign(self._key, message)

    def _vote(self, height: int, view: int, digest: Hash) -> Seal:
        cluster = self._cluster
        return Seal(cluster.config.channel_id, self._members.epoch, height, view, digest)

    def _sign_vote(self, tag: Tag, vote: Seal) -> Sig:
        return self._sign(vote_message(tag, SUITE, vote))

    def _whole(self, message: Any) -> Any:
        return replace(message, signature=self._sign(signed_bytes(message, SUITE)))

    def _known_votes(self, tag: Tag, leader_tag: Tag | None, vote: Seal) -> dict[int, Sig]:
        """Every signature over this vote that exists, with the liar's own."""
        cluster = self._cluster
        leader = leader_of(vote.view, self._validators)
        found = {}
        for index, node in enumerate(self._members.nodes):
            kind = leader_tag if leader_tag is not None and index == leader else tag
            key, message = self._validators.key(index), vote_message(kind, SUITE, vote)
            if node in cluster.liars:
                found[index] = cluster.registry.sign(key, message)
            elif (key, message) in cluster.registry.signed:
                found[index] = cluster.registry.signed[key, message]
        return found

    def make(self, kind: str, options: dict[str, str]) -> object:
        """The message that `lie KIND …` asks for."""
        view = int(options.get("view", "0"))
        match kind:
            case "proposal":
                return self.proposal(view, options)
            case "prepare" | "commit":
                return self._made_vote(kind, view, options)
            case "decided":
                return self.decided(options["block"], view, _indexes(options.get("forged", "()")))
            case "view-change":
                return self.view_change(view, options)
            case "new-view":
                return self.new_view(view, options)
            case "status":
                return self.status(view, int(options["tip"]))
        raise ScenarioError(f"a liar cannot say {kind}")

    def _made_vote(self, kind: str, view: int, options: dict[str, str]) -> Prepare | Commit:
        name = options["block"]
        digest, height = self._cluster.block_named(name), self._cluster.names.headers[name].height
        vote = self.prepare if kind == "prepare" else self.commit
        made = vote(view, digest, int(options.get("height", height)))
        return self.unsigned(made) if options.get("signature") == "none" else made

    # --- votes

    def proposal(self, view: int, options: dict[str, str]) -> Proposal:
        """A block of its own making, or `block=` an existing one under another view."""
        cluster = self._cluster
        if "block" in options:
            name = options["block"]
            cluster.block_named(name)
            header, tx_ids = cluster.names.headers[name], cluster.names.tx_ids[name]
        else:
            header, tx_ids = self._block(options)
        if "list" in options:
            tx_ids = self._ids(options["list"])
        vote = self._vote(header.height, view, block_hash(hash_, header))
        parent_cert = self._commit_cert(header.parent_hash)
        signature = self._sign_vote(Tag.PROPOSAL, vote)
        return Proposal(self._name, view, header, tx_ids, parent_cert, signature)

    def _ids(self, value: str) -> tuple[Hash, ...]:
        by_name = {name: tx_id for tx_id, name in self._cluster.names.txs.items()}
        return tuple(by_name[name] for name in items(value))

    def _block(self, options: dict[str, str]) -> tuple[Header, tuple[Hash, ...]]:
        cluster, names = self._cluster, self._cluster.names
        parent_name = options.get("parent", "0")
        parent_hash = cluster.block_named(parent_name)
        parent = names.headers[parent_name]
        tx_ids = self._ids(options.get("txs", "()"))
        height = int(options.get("height", parent.height + 1))
        lagged = max(0, height - cluster.config.window)
        roots = cluster.invariants.roots.get(lagged)
        if lagged == 0 or roots is None:
            roots = (cluster.genesis.state_root, cluster.genesis.receipts_root)
        state_root = Hash(hash_(b"a lie")) if options.get("root") == "wrong" else roots[0]
        proposer = self._members.index_of(int(options.get("proposer", self._me)))
        assert proposer is not None
        key = self._validators.key(proposer)
        members_hash = validators_hash(hash_, SUITE, self._validators)
        time_ms = cluster.now_ms + int(options.get("time", "0"))
        if "time" not in options:
            time_ms = max(time_ms, parent.timestamp_ms + 1)
        # Blocks made at one instant differ in their time: twins are told apart by a millisecond.
        while True:
            header = replace(
                cluster.genesis,
                epoch=self._members.epoch,
                validators_hash=members_hash,
                next_validators_hash=members_hash,
                config_hash=self._members.config_hash,
                height=height,
                parent_hash=parent_hash,
                proposer=identity_digest(hash_, SUITE, key),
                tx_root=leaves_root(hash_, [_leaf(cluster, each) for each in tx_ids]),
                tx_count=len(tx_ids),
                state_root=state_root,
                receipts_root=roots[1],
                timestamp_ms=time_ms,
            )
            if names.of(block_hash(hash_, header)) == "unknown" or "time" in options:
                return header, tx_ids
            time_ms += 1

    def prepare(self, view: int, digest: Hash, height: int) -> Prepare:
        vote = self._vote(height, view, digest)
        signature = self._sign_vote(Tag.PREPARE, vote)
        return Prepare(vote.channel_id, vote.epoch, self._name, view, height, digest, signature)

    def unsigned(self, vote: Prepare | Commit) -> Prepare | Commit:
        """Somebody else's vote as far as one can make it."""
        return replace(vote, signature=UNSIGNED)

    def commit(self, view: int, digest: Hash, height: int) -> Commit:
        vote = self._vote(height, view, digest)
        signature = self._sign_vote(Tag.COMMIT_SEAL, vote)
        self._cluster.invariants.on_seal(self._me, height, view, digest, vote.epoch)
        return Commit(vote.channel_id, vote.epoch, self._name, view, height, digest, signature)

    # --- certificates

    def _commit_cert(self, digest: Hash) -> CommitCert | None:
        for node in self._cluster.nodes:
            for _, cert in node.disk.blocks:
                if cert.block_hash == digest:
                    return cert
        return None

    def tip(self, name: str) -> CommitCert | None:
        if name == "0":
            return None
        cert = self._commit_cert(self._cluster.block_named(name))
        if cert is None:
            raise ScenarioError(f"nobody has a certificate of {name}")
        return cert

    def decided(self, name: str, view: int, forged: tuple[int, ...]) -> Decided:
        """From all seals that exist in one view; those of `forged` are made up."""
        cluster = self._cluster
        digest = cluster.block_named(name)
        height = cluster.names.headers[name].height
        vote = self._vote(height, view, digest)
        seals = self._known_votes(Tag.COMMIT_SEAL, None, vote)
        seals.update(dict.fromkeys(forged, UNSIGNED))
        if len(seals) < self._validators.quorum:
            raise ScenarioError(f"only {sorted(seals)} sealed {name} in view {view}")
        return Decided(commit_cert(vote, seals, len(self._validators)))

    def prepared(self, name: str, view: int, forged: tuple[int, ...]) -> PreparedCert:
        cluster = self._cluster
        header = cluster.names.headers[name]
        vote = self._vote(header.height, view, cluster.block_named(name))
        votes = self._known_votes(Tag.PREPARE, Tag.PROPOSAL, vote)
        votes.update(dict.fromkeys(forged, UNSIGNED))
        if len(votes) < self._validators.quorum:
            raise ScenarioError(f"only {sorted(votes)} prepared {name} in view {view}")
        return prepared_cert(view, header, votes, len(self._validators))

    # --- changes of view

    def view_change(self, view: int, options: dict[str, str]) -> ViewChange:
        cluster = self._cluster
        forged = _indexes(options.get("forged", "()"))
        certs = []
        for each in items(options.get("prepared", "()")):
            name, _, at = each.partition("@")
            certs.append(self.prepared(name, int(at), forged))
        return self._whole(
            ViewChange(
                cluster.config.channel_id,
                self._members.epoch + int(options.get("epoch", "0")),
                self._name,
                view,
                self.tip(options.get("tip", "0")),
                tuple(certs),
                "a reason",
                UNSIGNED,
            )
        )

    def new_view(self, view: int, options: dict[str, str]) -> NewView:
        """Of view changes that were sent; `stripped=` takes one's certificates away."""
        cluster = self._cluster
        changes = []
        for sender in items(options["changes"]):
            found = [
                packet.content
                for packet in cluster.history
                if isinstance(packet.content, ViewChange)
                and packet.content.sender == int(sender)
                and packet.content.new_view == int(options.get("of", view))
            ]
            if not found:
                raise ScenarioError(f"{sender} sent no such view change")
            change = found[-1]
            if sender in items(options.get("stripped", "()")):
                change = replace(change, prepared=())
            changes.append(change)
        return self._whole(
            NewView(
                cluster.config.channel_id,
                self._members.epoch,
                self._name,
                view,
                tuple(changes),
                UNSIGNED,
            )
        )

    def status(self, view: int, height: int, echo: int = 0) -> Status:
        cluster = self._cluster
        return self._whole(
            Status(
                cluster.config.channel_id,
                self._members.epoch,
                self._name,
                view,
                True,
                height,
                Hash(hash_(b"a tip that nobody has")),
                senders_bitmap((), cluster.n),
                False,
                True,
                echo,
                UNSIGNED,
            )
        )


def _indexes(value: str) -> tuple[int, ...]:
    return tuple(int(each) for each in items(value))


def _leaf(cluster: Cluster, tx_id: Hash) -> Hash:
    for node in cluster.nodes:
        if node.has(tx_id):
            return node.body(tx_id).leaf
    return Hash(hash_(b"leaf" + tx_id))
