"""Members change who orders, on real processes: added, removed, keys replaced, with nodes killed meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from node.client import CityError, ContractError, NotFound
from node.config import load_config
from node.keys.keyring import node_card, prepare_vote_key
from node.network.observer import choose_city, write_observer
from node.sdk.net import AsyncNet
from tests.cluster.cluster import CALL_SECONDS, Cluster
from tests.cluster.conftest import BOTH_ENGINES

pytestmark = [pytest.mark.cluster, BOTH_ENGINES]

CONFIG = "_config"
FIFTH = "shanghai"
ADMINS = ("admin-shenzhen", "admin-guangzhou", "admin-beijing", "admin-hong-kong")
PROVEN_BY = 180.0


@asynccontextmanager
async def admin(cluster: Cluster, name: str, at: str = "") -> AsyncIterator[AsyncNet]:
    async with cluster.net(at, user=name) as net:
        yield net


async def configure(
    cluster: Cluster, who: str, method: str, args: dict[str, Any], at: str = ""
) -> Any:
    async with admin(cluster, who, at) as net:
        return await net.call(CONFIG, method, args, gas_limit=1)


async def decide(
    cluster: Cluster, method: str, args: dict[str, Any], at: str = "", admins: Any = ADMINS
) -> Any:
    """Proposed by the first admin and approved by the next ones until it is in force."""
    done = await configure(cluster, admins[0], method, args, at)
    for name in admins[1:]:
        if done.value["in_force"]:
            break
        approval = {"proposal": done.value["proposal"]}
        done = await configure(cluster, name, "approve", approval, at)
    assert done.value["in_force"]
    return done


async def status_when(cluster: Cluster, slug: str, **wanted: Any) -> dict[str, Any]:
    """The node's status once it says this; a validator with a new key hears the others first.

    wanted: a value, or what holds of it."""
    async with cluster.net(slug) as net, asyncio.timeout(PROVEN_BY):
        height = 0
        while True:
            status = await net.node_status()
            if all(
                value(status[name]) if callable(value) else status[name] == value
                for name, value in wanted.items()
            ):
                return status
            height = status["applied_height"] + 1
            await next_block(net, height)


def taken_up(file: Path) -> Callable[[Any], bool]:
    """Holds once the prepared key is in use: it lies under its own name no more."""
    return lambda _: not file.exists()


async def next_block(net: AsyncNet, height: int) -> None:
    """Until there is one more block, or a second passed."""
    try:
        async with asyncio.timeout(1.0):
            async for block in net.blocks(height):
                if block.height >= height:
                    return
    except TimeoutError:
        return


def city(cluster: Cluster, *words: str) -> Any:
    """What the command prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "node.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env=os.environ | {"CITY_CONTEXT": str(cluster.layout.root)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def card(cluster: Cluster, slug: str) -> dict[str, str]:
    return node_card(load_config(cluster.layout.node_config(slug)))


async def leader_of(cluster: Cluster, slug: str = "") -> str:
    """Once there is one: while members elect, there is none."""
    return cluster.slug_of((await status_when(cluster, slug, leader=bool))["leader"])


async def test_a_fifth_city_votes_and_the_leader_may_die_then(
    four: Cluster, tmp_path: Path
) -> None:
    # Shanghai follows as an observer, three of four members let it vote, and with a genesis city killed
    # the chain needs its vote. Over Raft it has heard all others by then.
    await four.call("open_account", {"owner": "a", "amount": 100})
    write_observer(four.layout, choose_city(four.layout, "Shanghai"))
    four.start(FIFTH)
    path = tmp_path / "shanghai.card"
    path.write_text(json.dumps(card(four, FIFTH)))
    words = ("--as", ADMINS[0], "channel", "propose", "add-validator", str(path), "-o", "json")
    proposed = city(four, *words)
    assert (proposed["approvals"], proposed["needed"]) == (1, 3)
    (row,) = city(four, "channel", "proposals", "-o", "json")
    assert row["proposal"] == proposed["proposal"] and row["proposed_by"] == "node-shenzhen"
    city(four, "--as", ADMINS[1], "channel", "approve", proposed["proposal"], "-o", "json")
    done = city(four, "--as", ADMINS[2], "channel", "approve", proposed["proposal"], "-o", "json")
    assert done["in_force"] and done["epoch"] == 1
    shown = city(four, "channel", "show", "-o", "json")
    assert [n["name"] for n in shown["validators"]][4] == "Shanghai" and shown["epoch"] == 1
    await status_when(four, FIFTH, role="validator", epoch=1)
    victim = await leader_of(four)
    four.kill(victim)
    witness = next(s for s in four.slugs if s not in (victim, FIFTH))
    after = await four.call("open_account", {"owner": "b", "amount": 1}, witness)
    four.start(victim)
    assert len(await four.roots(after.block)) == 1


async def test_the_leader_is_removed_while_another_city_is_down(four: Cluster) -> None:
    # Hong Kong is killed between proposal and last approval and comes back into the next epoch; the removed
    # leader observes, also after a restart; proofs of the new epoch are good without a network.
    await four.call("open_account", {"owner": "a", "amount": 100})
    leader = await leader_of(four)
    names = {four.slug_of(n): n for n in ("Shenzhen", "Guangzhou", "Beijing", "Hong Kong")}
    others = [s for s in four.slugs if s != leader]
    victim, witness = others[0], others[1]
    done = await configure(four, ADMINS[0], "remove_validator", {"name": names[leader]}, witness)
    approval = {"proposal": done.value["proposal"]}
    await configure(four, ADMINS[1], "approve", approval, witness)
    four.kill(victim)
    done = await configure(four, ADMINS[2], "approve", approval, witness)
    assert done.value["in_force"]
    four.start(victim)
    after = await four.call("open_account", {"owner": "b", "amount": 1}, witness)
    assert len(await four.roots(after.block)) == 1
    await status_when(four, leader, role="observer", epoch=1, validators=3)
    four.stop_one(leader)
    four.start(leader)
    await status_when(four, leader, role="observer", epoch=1)
    last = await four.call("open_account", {"owner": "c", "amount": 2}, leader)
    assert len(await four.roots(last.block)) == 1
    check_proofs(four, last.tx_id)


async def test_a_city_that_slept_through_its_own_removal_hears_of_it(four: Cluster) -> None:
    # Shenzhen stands first, so all others dialled it; removed, it is dialled by nobody any more.
    await four.call("open_account", {"owner": "a", "amount": 100})
    four.kill("shenzhen")
    await decide(four, "remove_validator", {"name": "Shenzhen"}, "guangzhou", ADMINS[1:])
    four.start("shenzhen")
    await status_when(four, "shenzhen", role="observer", epoch=1, validators=3)
    last = await four.call("open_account", {"owner": "b", "amount": 1}, "shenzhen")
    assert len(await four.roots(last.block)) == 1


def check_proofs(cluster: Cluster, tx_id: str) -> None:
    """Proof and evidence of a later epoch, by our command and by the independent checker."""
    root = cluster.layout.root
    proof, bundle = root / "later.proof", root / "later.evidence"
    city(cluster, "tx", "proof", tx_id, "--out", str(proof), "-o", "json")
    city(cluster, "evidence", "export", "c", tx_id, "--out", str(bundle), "-o", "json")
    shown = city(cluster, "proof", "verify", str(proof), "-o", "json")
    assert (shown["valid"], shown["epoch"], shown["validators"]) == (True, 1, 3)
    assert city(cluster, "evidence", "verify", str(bundle), "-o", "json")["valid"]
    for file in (proof, bundle):
        done = subprocess.run(
            [sys.executable, "-m", "tests.oracle", str(file), "--channel", shown["channel_id"]],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


async def test_keys_are_replaced_and_a_laggard_finds_its_way_through_the_epochs(
    four: Cluster,
) -> None:
    # Two cities replace their vote keys while a third is down: it missed two epochs and catches up. Then the
    # renewed ones are needed for every block, one of them after SIGKILL.
    await four.call("open_account", {"owner": "a", "amount": 100})
    four.kill("hong-kong")
    for epoch, slug, name in ((1, "guangzhou", "Guangzhou"), (2, "beijing", "Beijing")):
        new = prepare_vote_key(load_config(four.layout.node_config(slug)))
        args = {"name": name, "vote_key": bytes.fromhex(new["vote_key"])}
        if epoch == 2:
            # Guangzhou must vote again first, or there are no three of four.
            four.start("hong-kong")
            await status_when(four, "guangzhou", role="validator", epoch=1)
            four.kill("hong-kong")
        done = await configure(four, f"admin-{slug}", "replace_key", args, slug)
        assert done.value["in_force"] and done.value["epoch"] == epoch
        # The status has the epoch before the node has its seat in it: there the key is keys/vote.pem.
        await status_when(four, slug, epoch=epoch, role=taken_up(Path(new["file"])))
    four.start("hong-kong")
    for slug in ("guangzhou", "beijing", "hong-kong"):
        await status_when(four, slug, role="validator", epoch=2)
    four.kill("beijing")
    four.start("beijing")
    four.kill("shenzhen")
    after = await four.call("open_account", {"owner": "b", "amount": 1}, "guangzhou")
    four.start("shenzhen")
    assert len(await four.roots(after.block)) == 1
    assert len(await four.histories(after.block)) == 1


REFUSALS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "no such node": (ADMINS[0], "remove_validator", {"name": "Atlantis"}, "E_UNKNOWN_NODE"),
    "another's key": (ADMINS[0], "replace_key", {"name": "Beijing", "vote_key": b"x"}, "E_KEY_INVALID"),
    "no proposal": (ADMINS[0], "approve", {"proposal": "p-0"}, "E_UNKNOWN_PROPOSAL"),
}  # fmt: skip


async def test_refused_changes_have_a_code_and_leave_every_state_as_it_was(four: Cluster) -> None:
    done = await four.call("open_account", {"owner": "a", "amount": 100})
    before = await four.roots(done.block)
    assert len(before) == 1
    for why, (who, method, args, code) in REFUSALS.items():
        async with admin(four, who, four.slugs[0]) as net:
            tx = await net.submit(CONFIG, method, args, gas_limit=1, timeout=CALL_SECONDS)
            with pytest.raises(ContractError) as caught:
                await tx.wait("committed", timeout=CALL_SECONDS)
            assert caught.value.reason == code, why
            assert caught.value.receipt is not None, "it was ordered, alone, and refused"
            height = (await net.node_status())["height"]
        assert await four.roots(height) == before, why
    for method, args in (
        ("remove_validator", {"name": "Beijing"}),
        ("report_evidence", {"evidence": b"nothing"}),
    ):
        async with four.net(four.slugs[0]) as net:
            signed = await net.build(CONFIG, method, args, gas_limit=1)
            with pytest.raises(CityError) as refused:
                await net.send(signed)
            assert refused.value.code == "CITY-3030", "no admin, and no evidence: never ordered"
            with pytest.raises(NotFound):
                await net.transaction(signed.tx_id)
            assert (await net.node_status())["pool"] == 0
    for slug in four.slugs:
        async with four.net(slug) as net:
            assert (await net.node_status())["epoch"] == 0
