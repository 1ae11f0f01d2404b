"""Two channels with real certificates over the states of their contracts, without any network."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from consensus.certificate import CommitCert, Seal, bitmap, seal_message, seals_needed
from consensus.encoding import ZERO_HASH, Hash, encode
from consensus.header import HEADER_VERSION, Header, block_hash
from consensus.proof import CertifiedHeader, StateFact
from consensus.state_proof import OtherLeaf, StateProof
from consensus.validators import Validator, ValidatorSet, validators_hash
from contracts.bundles import load_bundle
from contracts.runtime import keys
from contracts.runtime.api import Bundle
from node.genesis import channel_id
from node.identity.signers import MemorySigner
from node.identity.suite import get_suite
from tests.unit.node.network import make_genesis
from tests.unit.oracle_checker.forge import StateTree
from tests.unit.suite.center_world import NOW, Chain

SUITE = get_suite("sm")
WINDOW = 1
ADMINS = ("QB", "VB")

# The smallest contract whose assets can be exchanged.
DEPOT = """
from sdk import Map, ctx, export, require, view

owners = Map("owner", "")
held = Map("held", ())


@export
def make(asset: str) -> str:
    require(owners[asset] == "", "E_DUPLICATE", "it exists")
    owners[asset] = ctx.member
    return ctx.member


@export
def give(asset: str, to: str) -> str:
    require(owners[asset] == ctx.member, "E_NOT_PARTY", "not yours")
    require(held[asset] == (), "E_HELD", "it is held")
    owners[asset] = to
    return to


@export
def exchange_hold(asset: str, number: str, taker: str) -> bool:
    require(ctx.caller == "exchange", "E_CALLER", "only the exchange")
    require(owners[asset] == ctx.member, "E_NOT_PARTY", "not yours")
    require(held[asset] == (), "E_HELD", "it is held")
    held[asset] = (number, taker)
    return True


@export
def exchange_move(asset: str, number: str) -> bool:
    require(ctx.caller == "exchange" and held[asset][0] == number, "E_CALLER", "only the exchange")
    owners[asset] = held[asset][1]
    held[asset] = ()
    return True


@export
def exchange_free(asset: str, number: str) -> bool:
    require(ctx.caller == "exchange" and held[asset][0] == number, "E_CALLER", "only the exchange")
    held[asset] = ()
    return True


@view
def owner(asset: str) -> str:
    return owners[asset]
"""


class Foreign(Chain):
    """A channel whose blocks are sealed, so that another one can be shown its state."""

    def __init__(self, n: int = 4, kind: str = "pbft", engine: str = "native") -> None:
        genesis, held = make_genesis(n, window=WINDOW)
        rules = replace(genesis.config.consensus, kind=kind)
        self.config = replace(genesis.config, consensus=rules)
        self.id = channel_id(SUITE.hash, self.config)
        super().__init__(self.id, engine)
        for name in ("foreign_channel", "exchange"):
            self.engine.load(load_bundle(name))
        self.engine.load(Bundle("depot", 1, DEPOT))
        self.kind, self.signers, self.validators = kind, held.votes, self.config.validators
        self._blocks = itertools.count(1)

    def certified(
        self, state_root: bytes, following: ValidatorSet | None = None, signers: int | None = None,
        **changes: Any,
    ) -> CertifiedHeader:  # fmt: skip
        """The next header, sealed by as many validators as are needed. following: the next set."""
        own = validators_hash(SUITE.hash, SUITE.id, self.validators)
        after = own if following is None else validators_hash(SUITE.hash, SUITE.id, following)
        header = Header(
            HEADER_VERSION, SUITE.id, self.id, self.validators.epoch, next(self._blocks), ZERO_HASH,
            ZERO_HASH, ZERO_HASH, 1, Hash(state_root), ZERO_HASH, self.now_ms, own, after,
            ZERO_HASH, ZERO_HASH,
        )  # fmt: skip
        header = replace(header, **changes)
        n = len(self.signers)
        count = seals_needed(self.kind, n) if signers is None else signers
        return CertifiedHeader(header, self.seal(header, list(range(count))))

    def seal(self, header: Header, indexes: Sequence[int], view: int = 0) -> CommitCert:
        own = block_hash(SUITE.hash, header)
        epoch = self.validators.epoch
        message = seal_message(SUITE.id, Seal(self.id, epoch, header.height, view, own))
        seals = tuple(self.signers[i].sign(message) for i in indexes)
        return CommitCert(
            self.kind, epoch, header.height, view, own, bitmap(list(indexes), len(self.signers)),
            seals,
        )  # fmt: skip

    def fact(self, key: bytes) -> StateFact:
        """What stands under a key now, or that nothing does."""
        tree = StateTree(SUITE.id, dict(self.state))
        found = tree.prove(key)
        other = found.other and OtherLeaf(Hash(found.other.path), Hash(found.other.value_hash))
        proof = StateProof(tuple(map(Hash, found.siblings)), other)
        return StateFact(1, self.certified(tree.root), key, self.state.get(key), proof)

    def stand(self, number: str) -> bytes:
        """The proof of how an exchange stands here."""
        return encode(self.fact(keys.state_key("exchange", "stand", number)))

    def change_validators(self) -> tuple[bytes, bytes]:
        """The last header of the epoch and the next set, in which one of the validators is another."""
        fresh = MemorySigner(SUITE.generate_key())
        kept = self.validators.validators[1:]
        following = ValidatorSet(
            self.validators.epoch + 1, (*kept, Validator("fresh", fresh.public_key))
        )
        last = encode(self.certified(ZERO_HASH, following))
        self.signers, self.validators = [*self.signers[1:], fresh], following
        return last, encode(following)

    def follows(self, other: Foreign) -> None:
        self.ok(ADMINS[0], "foreign_channel", "introduce", "admin", config=encode(other.config))
        self.ok(ADMINS[1], "foreign_channel", "confirm", "admin", channel=other.id)


@functools.cache
def _made() -> tuple[Foreign, Foreign, list[dict[str, Any]]]:
    """The two channels, and what they were when nothing had happened: contracts are compiled once."""
    first, second = Foreign(), Foreign()
    first.follows(second)
    second.follows(first)
    first.ok("PX", "depot", "make", asset="bl")
    second.ok("QB", "depot", "make", asset="money")
    return first, second, [vars(chain) | {"state": dict(chain.state)} for chain in (first, second)]


def two_channels() -> tuple[Foreign, Foreign]:
    """PX's asset `bl` stands on the first, QB's asset `money` on the second; each follows the other. The same
    two at each call, as they were at first."""
    first, second, at_first = _made()
    for chain, was in zip((first, second), at_first, strict=True):
        state = chain.state
        vars(chain).update(was | {"state": state})
        state.clear()
        state.update(was["state"])
    return first, second


def terms(here: Foreign, there: Foreign, /, **changes: Any) -> dict[str, Any]:
    """PX gives `bl` to QB on the first channel, against `money` from QB on the second, within an hour."""
    agreed = {
        "first": side(here, "bl", "PX", "QB"),
        "second": side(there, "money", "QB", "PX"),
        "until_ms": NOW + 3_600_000,
        "salt": bytes(range(16)),
    }
    return agreed | changes


def side(chain: Foreign, asset: str, giver: str, taker: str) -> dict[str, Any]:
    return {
        "channel": chain.id,
        "contract": "depot",
        "asset": asset,
        "giver": giver,
        "taker": taker,
    }
