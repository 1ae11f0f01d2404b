"""A cluster whose validators change: cores end at configuration blocks and begin again above them."""

from __future__ import annotations

from dataclasses import replace

from consensus.api import Action, ConfigEffect, EpochBase, Executed, Input, Reconfigured, TxRef
from consensus.encoding import Hash
from consensus.pbft import PbftConfig, PbftCore
from consensus.validators import ValidatorSet
from tests.simulation.ghost import GhostSigner, GhostVerifier, hash_, validator_set
from tests.unit.consensus.cluster import EMPTY_ROOT, Cluster


def config_tx(number: int) -> TxRef:
    name = b"config %d" % number
    return TxRef(Hash(hash_(name)), Hash(hash_(b"leaf" + name)), 1_000, 200, is_config=True)


class Change:
    """What every configuration transaction of a test does: an `api.Configuration`."""

    def __init__(self, validators: ValidatorSet, is_known: bool = True) -> None:
        self.validators = validators
        self.config_hash = Hash(hash_(b"config of epoch %d" % validators.epoch))
        self.is_known = is_known
        self.evidence_root = EMPTY_ROOT

    def effect(self, tx_id: Hash) -> ConfigEffect | None:
        if not self.is_known:
            return None
        return ConfigEffect(self.config_hash, self.validators, self.evidence_root)


class EpochCluster(Cluster):
    """n nodes that may become validators; the first `voting` of them are at first. `renew` makes a node's core
    of the new configuration, as its driver does after Reconfigured."""

    def __init__(self, n: int, voting: int, after: ValidatorSet, window: int = 1) -> None:
        self.changes = [Change(after) for _ in range(n)]
        self.members = [validator_set(voting) for _ in range(n)]
        self.bases: list[EpochBase | None] = [None] * n
        self.reconfigured: list[list[int]] = [[] for _ in range(n)]
        self.keys = validator_set(n)
        super().__init__(n, window, genesis_of=voting)

    def new_core(self, index: int) -> PbftCore:
        members, key = self.members[index], self.keys.key(index)
        own = members.index_of(key)
        signer = GhostSigner(self.registry, key) if own is not None else None
        config = self.config_of(index)
        return PbftCore(
            config,
            members,
            own,
            GhostVerifier(self.registry),
            signer,
            self.changes[index],
            self.bases[index],
        )

    def config_of(self, index: int) -> PbftConfig:
        if self.bases[index] is None:
            return self.config
        return replace(self.config, config_hash=self.changes[index].config_hash)

    def step(self, index: int, event: Input) -> list[Action]:
        actions = super().step(index, event)
        if isinstance(event, Executed):
            self.reconfigured[index] += [a.height for a in actions if isinstance(a, Reconfigured)]
        return actions

    def renew(self, index: int) -> list[Action]:
        block = self.blocks[index][self.reconfigured[index][-1] - 1]
        old, new = self.members[index], self.changes[index].validators
        self.members[index] = new
        if new.epoch != old.epoch:
            self.bases[index] = EpochBase(
                block.block.header.height, block.cert.block_hash, old, block.cert
            )
        return self.restart(index)
