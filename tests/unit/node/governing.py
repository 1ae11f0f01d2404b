"""Blocks of config transactions without a network: the pure function, its refusals and its stored form."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from typing import Any

from consensus.encoding import Hash
from consensus.header import identity_digest
from contracts.runtime.keys import contract_prefix
from node.genesis import Identity, Member
from node.governance import (
    CONTRACT,
    ConfigCall,
    ConfigState,
    Outcome,
    Rules,
    apply,
    genesis_state,
    load_state,
    parse_call,
    state_writes,
)
from node.identity.signers import MemorySigner
from tests.unit.node.evidence import CHANNEL
from tests.unit.node.network import SUITE, make_genesis

RULES = Rules(CHANNEL, SUITE)
SPARE = [SUITE.generate_key().public_key for _ in range(8)]


def channel(n: int = 4) -> tuple[ConfigState, list[MemorySigner]]:
    """n validators, each of a member of its own that has one admin; a fifth member owns none."""
    genesis, keys = make_genesis(n)
    config = genesis.config
    members = tuple(Member(f"M{i}", f"Member {i}", "Here", b"", b"") for i in range(n + 1))
    admins = tuple(
        Identity(f"admin{i}", f"M{i}", SUITE.generate_key().public_key, ("admin",))
        for i in range(n + 1)
    )
    nodes = tuple(
        replace(
            node,
            city="Here",
            member_id=f"M{i}",
            identity_key=SUITE.generate_key().public_key,
            transport_cert=f"certificate {i}".encode(),
        )
        for i, node in enumerate(config.nodes)
    )
    config = replace(
        config,
        members=(*config.members, *members),
        identities=(*(replace(i, roles=("clerk",)) for i in config.identities), *admins),
        nodes=nodes,
    )
    return genesis_state(config), keys.votes


class Chain:
    """Blocks with one config transaction each; every refusal is checked to have changed nothing."""

    def __init__(self, state: ConfigState) -> None:
        self.state, self.height, self.time_ms = state, 0, 1_000
        self.stored: dict[bytes, bytes] = {}
        self.genesis = state.config

    def send(self, who: str, method: str, **args: Any) -> Outcome:
        self.height += 1
        sender = next(i for i in self.state.senders(SUITE.hash).values() if i.name == who)
        tx_id = Hash(SUITE.hash(f"{self.height}".encode()))
        given = {k: b64encode(v).decode() if type(v) is bytes else v for k, v in args.items()}
        found = parse_call(method, json.dumps(given))
        before = self.state
        call = ConfigCall(self.height, tx_id, sender, method, found, self.time_ms)
        outcome = apply(before, call, RULES)
        if outcome.code:
            assert outcome.state is before and not outcome.event and not outcome.evidence
        for key, value in state_writes(before, outcome.state).items():
            assert key.startswith(contract_prefix(CONTRACT))
            if value is None:
                del self.stored[key]
            else:
                self.stored[key] = value
        self.state = outcome.state
        return outcome

    def add(self, who: str, name: str, member: str = "M4", keys: int = 0) -> Outcome:
        return self.send(
            who,
            "add_validator",
            name=name,
            city="Here",
            member_id=member,
            identity_key=SPARE[keys],
            vote_key=SPARE[keys + 1],
            transport_cert=name.encode(),
        )

    def approve(self, who: str, outcome: Outcome) -> Outcome:
        return self.send(who, "approve", proposal=outcome.value["proposal"])

    def digest(self, name: str) -> str:
        """Of an identity in force."""
        (key,) = [i.public_key for i in self.state.config.identities if i.name == name]
        return identity_digest(SUITE.hash, SUITE.id, key).hex()

    def loaded(self) -> ConfigState:
        def scan(prefix: bytes) -> list[tuple[bytes, bytes]]:
            return [(k, v) for k, v in sorted(self.stored.items()) if k.startswith(prefix)]

        return load_state(self.genesis, self.stored.get, scan)
