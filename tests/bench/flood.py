"""How long one member's transactions take while another floods the channel from every side.

    python -m tests.bench.flood ./net --flood 6000

The flood is signed before the clock starts and sent to all nodes at once, as fast as they take it; the other
member sends one transaction after the other meanwhile. Prints one JSON object; seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import secrets
import time
from typing import Any

from node.client import connect
from node.sdk.calls import Signed
from node.sdk.net import AsyncNet

SECONDS = 300.0
BATCH = 250
GAS_LIMIT = 20_000
CALL = ("transfer", "open_account")


def fresh() -> dict[str, Any]:
    return {"owner": secrets.token_hex(8), "amount": 1}


async def send_all(net: AsyncNet, signed: list[Signed]) -> int:
    """Returns how many were refused."""
    refused = 0
    for at in range(0, len(signed), BATCH):
        answers = await net.batch(signed[at : at + BATCH], timeout=SECONDS)
        refused += sum(bool(answer.code) for answer in answers)
    return refused


async def call(net: AsyncNet) -> float:
    started = time.monotonic()
    await net.call(*CALL, fresh(), gas_limit=GAS_LIMIT, timeout=SECONDS)
    return time.monotonic() - started


async def measure(folder: str, count: int, flooder: str, other: str) -> dict[str, Any]:
    async with (
        connect.aio(folder, user=flooder) as flooding,
        connect.aio(folder, user=other) as net,
    ):
        alone = [await call(net) for _ in range(5)]
        height = (await net.node_status())["height"]
        until = height + 990
        signed = [
            await flooding.build(*CALL, fresh(), gas_limit=GAS_LIMIT, valid_until_height=until)
            for _ in range(count)
        ]
        nodes = [
            dataclasses.replace(flooding.context, nodes=(node,)) for node in flooding.context.nodes
        ]
        part = -(-count // len(nodes))
        async with asyncio.TaskGroup() as tasks:
            began, sending = time.monotonic(), []
            for place, context in enumerate(nodes):
                one = await connect.aio(context, user=flooder).__aenter__()
                mine = signed[place * part : (place + 1) * part]
                sending.append(tasks.create_task(send_all(one, mine)))
            last = asyncio.create_task(
                flooding.wait(signed[-1].tx_id, timeout=SECONDS), name="the flood's last"
            )
            during = []
            while not last.done():
                during.append(await call(net))
            took = time.monotonic() - began
    return {
        "flood": count,
        "flood_seconds": round(took, 1),
        "refused": sum(task.result() for task in sending),
        "alone": [round(seconds, 2) for seconds in alone],
        "during": [round(seconds, 2) for seconds in during],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.flood")
    parser.add_argument("folder", help="of a running network with the transfer contract")
    parser.add_argument("--flood", type=int, default=6_000, help="transactions")
    parser.add_argument("--flooder", default="ops", help="a user")
    parser.add_argument("--other", default="buyer", help="a user of another member")
    asked = parser.parse_args()
    print(
        json.dumps(
            asyncio.run(measure(f"{asked.folder}/", asked.flood, asked.flooder, asked.other))
        )
    )


if __name__ == "__main__":
    main()
