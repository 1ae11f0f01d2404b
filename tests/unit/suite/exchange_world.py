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
from tests.unit.suite.center_world import NOW, Chain, load

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


class Sealing:
    """What seals a channel's states, so that another channel can be shown them."""

    state: dict[bytes, bytes]
    now_ms: int

    def __init__(self, n: int = 4, kind: str = "pbft", suite: str = "sm") -> None:
        self.suite = get_suite(suite)
        self.signers: list[Any] = [MemorySigner(self.suite.generate_key()) for _ in range(n)]
        config = make_genesis(n, window=WINDOW)[0].config
        nodes = tuple(
            replace(node, identity_key=signer.public_key, vote_key=signer.public_key)
            for node, signer in zip(config.nodes, self.signers, strict=True)
        )
        rules = replace(config.consensus, kind=kind)
        self.config = replace(config, suite=self.suite.id, consensus=rules, nodes=nodes)
        self.id = channel_id(self.suite.hash, self.config)
        self.kind, self.validators = kind, self.config.validators
        self._blocks = itertools.count(1)
        self.headers: dict[int, CertifiedHeader] = {}

    def certified(
        self, state_root: bytes, following: ValidatorSet | None = None, signers: int | None = None,
        **changes: Any,
    ) -> CertifiedHeader:  # fmt: skip
        """The next header, sealed by as many validators as are needed. following: the next set."""
        own = self.hash_of_set(self.validators)
        after = own if following is None else self.hash_of_set(following)
        header = Header(
            HEADER_VERSION, self.suite.id, self.id, self.validators.epoch, next(self._blocks), ZERO_HASH,
            ZERO_HASH, ZERO_HASH, 1, Hash(state_root), ZERO_HASH, self.now_ms, own, after,
            ZERO_HASH, ZERO_HASH,
        )  # fmt: skip
        header = replace(header, **changes)
        n = len(self.signers)
        count = seals_needed(self.kind, n) if signers is None else signers
        made = self.headers[header.height] = CertifiedHeader(
            header, self.seal(header, list(range(count)))
        )
        return made

    def hash_of_set(self, validators: ValidatorSet) -> Hash:
        return validators_hash(self.suite.hash, self.suite.id, validators)

    def seal(self, header: Header, indexes: Sequence[int], view: int = 0) -> CommitCert:
        own = block_hash(self.suite.hash, header)
        epoch = self.validators.epoch
        message = seal_message(self.suite.id, Seal(self.id, epoch, header.height, view, own))
        seals = tuple(self.signers[i].sign(message) for i in indexes)
        return CommitCert(
            self.kind, epoch, header.height, view, own, bitmap(list(indexes), len(self.signers)),
            seals,
        )  # fmt: skip

    def fact(self, key: bytes) -> StateFact:
        """What stands under a key now, or that nothing does."""
        tree = StateTree(self.suite.id, dict(self.state))
        found = tree.prove(key)
        other = found.other and OtherLeaf(Hash(found.other.path), Hash(found.other.value_hash))
        proof = StateProof(tuple(map(Hash, found.siblings)), other)
        return StateFact(1, self.certified(tree.root), key, self.state.get(key), proof)

    def stand(self, number: str) -> bytes:
        """The proof of how an exchange stands here."""
        return encode(self.fact(keys.state_key("exchange", "stand", number)))

    def change_validators(self) -> tuple[bytes, bytes]:
        """The last header of the epoch and the next set, in which one of the validators is another."""
        fresh = MemorySigner(self.suite.generate_key())
        kept = self.validators.validators[1:]
        following = ValidatorSet(
            self.validators.epoch + 1, (*kept, Validator("fresh", fresh.public_key))
        )
        last = encode(self.certified(ZERO_HASH, following))
        self.signers, self.validators = [*self.signers[1:], fresh], following
        return last, encode(following)


class Foreign(Sealing, Chain):
    """A channel with contracts whose states are sealed."""

    def __init__(
        self, n: int = 4, kind: str = "pbft", engine: str = "native", suite: str = "sm"
    ) -> None:
        Sealing.__init__(self, n, kind, suite)
        Chain.__init__(self, self.id, engine)
        for name in ("foreign_channel", "exchange"):
            load(self.engine, load_bundle(name))
        load(self.engine, Bundle("depot", 1, DEPOT))

    def follows(self, other: Sealing) -> None:
        self.ok(ADMINS[0], "foreign_channel", "introduce", "admin", config=encode(other.config))
        self.ok(ADMINS[1], "foreign_channel", "confirm", "admin", channel=other.id)


@functools.cache
def _made(suites: tuple[str, str]) -> tuple[Foreign, Foreign, list[dict[str, Any]]]:
    """The two channels, and what they were when nothing had happened: contracts are compiled once."""
    first, second = (Foreign(suite=suite) for suite in suites)
    first.follows(second)
    second.follows(first)
    first.ok("PX", "depot", "make", asset="bl")
    second.ok("QB", "depot", "make", asset="money")
    return first, second, [vars(chain) | {"state": dict(chain.state)} for chain in (first, second)]


def two_channels(*suites: str) -> tuple[Foreign, Foreign]:
    """PX's asset `bl` stands on the first, QB's asset `money` on the second; each follows the other. The same
    two at each call, as they were at first. suites: of the first and of the second, `sm` unless told."""
    first, second, at_first = _made((*suites, "sm", "sm")[:2])
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
