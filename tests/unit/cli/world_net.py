"""A channel without a network: what `connect` gives, answered by the contract engine of a world."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

from contracts.bundles import main_file
from contracts.runtime import values
from contracts.runtime.checking import schema_of_file
from contracts.schema import Schema
from node.sdk.calls import Answer, Committed, ContractVersion, Event, contract_error
from tests.unit.suite.center_world import CHANNEL
from tests.unit.suite.world import World


@functools.cache
def schema_of(contract: str) -> Schema:
    data = schema_of_file(main_file(contract))
    assert data is not None
    return Schema.decode(data)


class WorldNet:
    """The calls of `node.client.Net` that commands use. who: a user of the world."""

    def __init__(self, world: World, who: str) -> None:
        self.world, self.who = world, who
        self.context = SimpleNamespace(file=None)

    def __enter__(self) -> WorldNet:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def schema(self, contract: str, version: int = 0) -> tuple[ContractVersion, Schema]:
        return ContractVersion(contract, 1, "", "active", {}), schema_of(contract)

    def simulate(self, contract: str, method: str, args: Any, version: int = 0) -> Answer:
        done = self.world.run(self.who, f"{contract}.{method}", **args)
        value = values.decode(done.result) if done.outcome == "ok" else None
        return Answer(
            value, self.world.height, done.outcome, done.code, done.message, done.gas_used, ()
        )

    def query(self, contract: str, method: str, args: Any, **_: Any) -> Answer:
        answer = self.simulate(contract, method, args)
        if answer.outcome != "ok":
            raise contract_error(
                answer.outcome, contract, method, answer.reason, answer.message, None, 0
            )
        return answer

    def call(self, contract: str, method: str, args: Any, **_: Any) -> Committed:
        answer = self.simulate(contract, method, args)
        if answer.outcome != "ok":
            raise contract_error(
                answer.outcome, contract, method, answer.reason, answer.message, None, 0
            )
        value = self.world.ok(self.who, f"{contract}.{method}", **args)
        return Committed(CHANNEL.hex(), self.world.height, "committed", value)

    def past_events(self, contract: str = "", name: str = "", from_height: int = 0) -> list[Event]:
        return [
            Event(f"{height}/0/{place}", height, f"{height:064x}", event.contract, event.name,
                  event.fields())
            for place, (height, event) in enumerate(self.world.past)
            if contract in ("", event.contract) and name in ("", event.name)
        ]  # fmt: skip
