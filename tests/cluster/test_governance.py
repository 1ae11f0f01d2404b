"""Members decide together on real processes: the inbox, people who come and go, a flag that one build lacks."""

from __future__ import annotations

import asyncio
import dataclasses
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consensus.header import identity_digest
from node.client import CityError, connect
from node.flags import CONTRACT_NOTICE, VARIABLE
from node.governance.calls import LIMITS
from node.identity.signers import MemorySigner
from node.identity.suite import get_suite
from node.sdk.context import find_context
from node.sdk.net import AsyncNet
from tests.cluster.cluster import CALL_SECONDS, Cluster
from tests.cluster.conftest import ONCE
from tests.cluster.test_reconfiguration import (
    ADMINS,
    PROVEN_BY,
    city,
    configure,
    decide,
    status_when,
)

pytestmark = [pytest.mark.cluster, ONCE]

NODES = ("shenzhen", "guangzhou", "beijing", "hong-kong")
CLERK = "clerk-of-the-test"
COUNTER = """from sdk import Map, export

counts = Map("counts", 0)


@export
def add(name: str, by: int) -> int:
    counts[name] = counts[name] + by
    return counts[name]
"""


def say(cluster: Cluster, who: str, *words: str) -> Any:
    return city(cluster, "--as", who, "proposal", *words, "-o", "json")


def waiting(cluster: Cluster) -> dict[str, Any]:
    return {row["id"]: row for row in city(cluster, "proposal", "list", "-o", "json")}


async def limits_everywhere(cluster: Cluster) -> set[int]:
    height = 0
    for slug in NODES:
        async with cluster.net(slug) as net:
            height = max(height, (await net.query("_config", "limits")).height)
    found = set()
    for slug in NODES:
        async with cluster.net(slug) as net:
            answer = await net.query("_config", "limits", min_height=height)
            found.add(answer.value["valid_until_window"])
    return found


async def test_a_change_goes_from_the_inbox_of_one_member_to_every_node(shared: Cluster) -> None:
    words = ("set-limits", "valid_until_window=900", "--until", "2099-12-31")
    tried = say(shared, ADMINS[0], "simulate", *words)
    assert tried["accepted"] and not tried["in_force"]
    assert tried["after"] == ["limit valid_until_window: 900"]
    id_ = say(shared, ADMINS[0], "propose", *words)["proposal"]
    row = waiting(shared)[id_]
    assert (row["kind"], row["approvals"], len(row["missing"])) == ("change", "1 of 3", 3)
    shown = city(shared, "proposal", "show", id_, "-o", "json")
    assert shown["before"] == ["limit valid_until_window: 1,000"]
    block = say(shared, ADMINS[1], "reject", id_)["block"]
    assert await limits_everywhere(shared) == {1_000}
    await configure(shared, ADMINS[2], "approve", {"proposal": id_})
    assert say(shared, ADMINS[3], "approve", id_)["in_force"]
    assert await limits_everywhere(shared) == {900}
    words = ("proposal", "watch", "--from", str(block), "--limit", "1", "-o", "json")
    assert city(shared, *words)["name"] == "RejectionNoted"
    await decide(shared, "set_limits", dict.fromkeys(LIMITS, 0) | {"valid_until_window": 1_000})
    assert await limits_everywhere(shared) == {1_000} and id_ not in waiting(shared)


async def test_a_version_of_a_contract_is_rejected_in_the_same_inbox(
    shared: Cluster, tmp_path: Path
) -> None:
    source, clause = tmp_path / "refused.py", tmp_path / "clause.md"
    source.write_text(COUNTER)
    clause.write_text("clause")
    law = ("--governing-law", "PRC", "--clause", str(clause), "--licence", "Apache-2.0")
    words = ("contract", "propose", str(source), *law, "--operator", "node-shenzhen", "-o", "json")
    city(shared, "--as", ADMINS[0], *words)
    row = waiting(shared)["refused@1"]
    assert (row["kind"], row["approvals"]) == ("contract", "1 of 3")
    async with shared.net(user=ADMINS[1]) as net:
        done = await net.call("_contract", "reject", {"name": "refused", "version": 1})
    assert done.value["status"] == "proposed"
    assert say(shared, ADMINS[2], "reject", "refused@1")["status"] == "rejected"
    assert "refused@1" not in waiting(shared)


async def test_a_clerk_comes_with_one_block_and_goes_with_another(shared: Cluster) -> None:
    suite = get_suite("sm")
    clerk = MemorySigner(suite.generate_key())
    digest = identity_digest(suite.hash, suite.id, clerk.public_key).hex()
    args = {
        "name": CLERK,
        "member_id": "node-shenzhen",
        "public_key": b64encode(clerk.public_key).decode(),
        "roles": ["admin"],
        "certificate": "",
        "serial": "",
    }
    assert (await configure(shared, ADMINS[0], "add_identity", args)).value["in_force"]
    async with _signed_by(shared, clerk) as net:
        done = await net.call(
            "_config", "add_identity", {**args, "name": "x", "public_key": _key()}
        )
        assert done.value["in_force"]
    gone = await configure(shared, ADMINS[0], "revoke_identity", {"identity": digest})
    for slug in NODES:
        async with _signed_by(shared, clerk, slug) as net:
            async with shared.net(slug) as reader:
                await reader.query("_config", "show", min_height=gone.block)
            with pytest.raises(CityError) as caught:
                await net.call("_config", "revoke_identity", {"identity": digest}, gas_limit=1)
            assert caught.value.code == "CITY-3031"


def _key() -> str:
    return b64encode(get_suite("sm").generate_key().public_key).decode()


def _signed_by(cluster: Cluster, signer: MemorySigner, slug: str = "") -> Any:
    context = find_context(str(cluster.layout.root))
    if slug:
        nodes = tuple(n for n in context.nodes if cluster.slug_of(n.name) == slug)
        context = dataclasses.replace(context, nodes=nodes)
    return connect.aio(context, signer=signer, timeout=CALL_SECONDS)


async def test_a_node_of_an_older_build_stops_before_the_flag_and_comes_back_with_a_newer(
    four: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = "hong-kong"
    four.kill(old)
    monkeypatch.setenv(VARIABLE, CONTRACT_NOTICE)
    four.start(old)
    monkeypatch.delenv(VARIABLE)
    async with four.net("shenzhen") as net:
        at = (await net.node_status())["height"] + 20  # more than proposing and approving it takes
    # Who is not ready is said before anybody approves it.
    change = ("activate-flag", f"flag={CONTRACT_NOTICE}", f"height={at}")
    tried = ("--as", ADMINS[0], "proposal", "simulate", *change)
    await said(four, tried, lambda found: found["not_ready"] == ["Hong Kong"])
    id_ = say(four, ADMINS[0], "propose", *change)["proposal"]
    shown = ("proposal", "show", id_)
    await said(four, shown, lambda row: (row["not_ready"], row["not_known"]) == (["Hong Kong"], []))
    await said(four, ("why",), lambda found: any(id_ in f["what"] for f in found["findings"]))
    for admin in ADMINS[1:3]:
        say(four, admin, "approve", id_)
    await said(four, ("channel", "flags"), lambda rows: rows[0]["not_ready"] == ["Hong Kong"])
    about = "does not know the flag " + CONTRACT_NOTICE
    await said(four, ("why",), lambda found: any(about in f["what"] for f in found["findings"]))
    await _grow(four, at)
    status = await status_when(four, old, state="stopped")
    assert (status["code"], status["height"] < at) == ("CITY-8050", True)
    four.kill(old)
    four.start(old)
    async with four.net("shenzhen") as net:
        height = (await net.node_status())["applied_height"]
    assert (await status_when(four, old, applied_height=lambda h: h >= height))["height"] >= at


async def said(cluster: Cluster, words: tuple[str, ...], holds: Callable[[Any], bool]) -> None:
    """Until the command says so: on a full machine a node may answer too late once."""
    found = None
    try:
        async with asyncio.timeout(PROVEN_BY):
            while found is None or not holds(found):
                found = await asyncio.to_thread(city, cluster, *words, "-o", "json")
    except TimeoutError:
        raise AssertionError(f"city {' '.join(words)} says {found}") from None


async def _grow(cluster: Cluster, height: int) -> None:
    """Until the chain is past this height, whoever takes part."""
    async with cluster.net("shenzhen") as net, asyncio.timeout(CALL_SECONDS * 4):
        await _open(net, "grower")
        number = 0
        while (await net.node_status())["height"] <= height:
            number += 1
            await _open(net, f"grower-{number}")


async def _open(net: AsyncNet, owner: str) -> None:
    await net.call("transfer", "open_account", {"owner": owner, "amount": 1})
