"""What must hold after every fault: one chain, nothing acknowledged lost, a history with an explanation."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.sdk.errors import CityError
from tests.faults.city_network import Network
from tests.faults.load import Load, Operation

LINCHECK = (
    Path(__file__).resolve().parents[2].parent / "shared" / "suites" / "adapters" / "lincheck.py"
)
RECOVERY_SECONDS = 180.0
CHECK_SECONDS = 60.0
INF = float("inf")


class Broken(AssertionError):
    """The network did what no fault excuses."""


@dataclass(frozen=True, slots=True)
class Block:
    height: int
    hash: str
    tx_ids: tuple[str, ...]


async def chain_of(network: Network, slug: str, first: int, last: int) -> list[Block]:
    """Blocks as one node tells them."""
    found = []
    async with asyncio.timeout(RECOVERY_SECONDS), network.net(slug) as net:
        async for block in net.blocks(first):
            found.append(Block(block.height, block.block_hash, block.tx_ids))
            if block.height >= last:
                break
    return found


async def reached(network: Network, height: int, slugs: list[str]) -> set[str]:
    """State roots once all of these have applied `height`. Raises Broken where one does not get there."""

    async def one(slug: str) -> str:
        while True:
            try:
                return str((await network.applied(slug, height))["state_root"])
            except CityError:
                await asyncio.sleep(0.2)

    try:
        async with asyncio.timeout(RECOVERY_SECONDS):
            return set(await asyncio.gather(*map(one, slugs)))
    except TimeoutError:
        raise Broken(f"not every node applied block {height} in {RECOVERY_SECONDS:.0f} s") from None


async def one_state(network: Network, height: int, slugs: list[str]) -> int:
    """Waits until nothing moves above `height`; the height then. Raises Broken where state roots differ."""
    await reached(network, height, slugs)

    async def one(slug: str) -> tuple[int, str]:
        async with network.net(slug) as net:
            status = await net.node_status()
            return status["applied_height"], status["state_root"]

    try:
        async with asyncio.timeout(RECOVERY_SECONDS):
            while True:
                found = await asyncio.gather(*map(one, slugs))
                if len({at for at, _ in found}) == 1:
                    break
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise Broken("the nodes do not come to rest at one height") from None
    if len(set(found)) != 1:
        raise Broken(f"state roots differ: {dict(zip(slugs, found, strict=True))}")
    return found[0][0]


class Ledger:
    """What the chain is known to be, from the blocks that all nodes told alike."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.place: dict[str, int] = {}  # transaction id to height
        self.height = 0

    async def read_to(self, height: int, slugs: list[str]) -> None:
        """Reads on to `height` at each node. Raises Broken where two tell different blocks."""
        if height <= self.height:
            return
        first = self.height + 1
        chains = await asyncio.gather(*(chain_of(self._network, s, first, height) for s in slugs))
        for blocks in zip(*chains, strict=True):
            if len(set(blocks)) != 1:
                raise Broken(
                    f"block {blocks[0].height} differs: {dict(zip(slugs, blocks, strict=True))}"
                )
            for tx_id in blocks[0].tx_ids:
                if tx_id in self.place:
                    raise Broken(f"transaction {tx_id} stands in two blocks")
                self.place[tx_id] = blocks[0].height
        self.height = height

    def lost(self, acknowledged: list[Operation]) -> list[Operation]:
        """Acknowledged calls that do not stand where the client was told."""
        return [
            o for o in acknowledged if o.block <= self.height and self.place.get(o.tx_id) != o.block
        ]


async def settle_unknown(network: Network, load: Load, ledger: Ledger) -> None:
    """Calls of unknown fate that stand in the chain took effect: their answer is in the receipt."""
    async with network.net() as net:
        for operation in load.operations:
            if operation.balance is None and operation.tx_id in ledger.place:
                done = await net.wait(operation.tx_id, "committed", CHECK_SECONDS)
                operation.balance, operation.block = done.value, done.block


def _checker() -> Any:
    if not LINCHECK.exists():
        return None
    spec = importlib.util.spec_from_file_location("lincheck", LINCHECK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _adds(state: int, amount: int, balance: int) -> tuple[bool, int]:
    return state + amount == balance, state + amount


def linearizable(load: Load) -> str:
    """`yes`, or why it could not be checked. Raises Broken where no order of the calls explains the answers.

    A call that is not in the chain had no effect that anybody saw, and is left out."""
    checker = _checker()
    if checker is None:
        return f"NOT CHECKED: no {LINCHECK.name} in the shared suites"
    accounts = {operation.account for operation in load.operations}
    for account in sorted(accounts):
        some = [o for o in load.operations if o.account == account and o.balance is not None]
        history = [(o.began, o.ended, o.amount, o.balance) for o in some]
        found = checker.check(history, 0, _adds, time.monotonic() + CHECK_SECONDS)
        if found is None:
            return "NOT CHECKED: the search took too long"
        if not found:
            raise Broken(f"no order of the calls explains what {account} was said to hold")
    return "yes"
