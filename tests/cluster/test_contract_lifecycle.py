"""A contract is replaced on real processes: proposed and activated from the command line, its examples run in
the real engine, its state carried over by its migration, while a city is dead and comes back over all that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contracts.bundles import load_bundle
from node.client import ContractError
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import ONCE
from tests.cluster.test_reconfiguration import ADMINS, city

pytestmark = [pytest.mark.cluster, ONCE]

# Amounts count in hundredths from version 2 on; heavy enough that a worker can die in the middle.
SECOND = (
    load_bundle("transfer").main
    + """

def migrate():
    total = 0
    for n in range(100000):
        total = total + n % 7
    for owner, amount in balances.scan():
        balances[owner] = amount * 100
"""
)
FAILING = SECOND.replace(
    "    total = 0\n", '    total = 0\n    require(False, "E_NOT_YET", "no")\n'
)
EXAMPLES = [
    {"method": "open_account", "args": {"owner": "a", "amount": 5}},
    {"method": "transfer", "args": {"source": "a", "to": "b", "amount": 2}},
    {"method": "transfer", "args": {"source": "a", "to": "a", "amount": 1}},
    {"method": "balance_of", "args": {"owner": "a"}},
]


def propose(cluster: Cluster, folder: Path, source: str) -> dict[str, object]:
    """Version and digest of what was proposed by Shenzhen."""
    (folder / "transfer.py").write_text(source)
    (folder / "clause.md").write_text("Balances are counted in hundredths.\n")
    (folder / "examples.json").write_text(json.dumps(EXAMPLES))
    found: dict[str, object] = city(
        cluster, "as", ADMINS[0], "contract", "propose", str(folder / "transfer.py"),
        "--governing-law", "PRC", "--clause", str(folder / "clause.md"),
        "--operator", "node-shenzhen", "--licence", "Apache-2.0",
        "--examples", str(folder / "examples.json"), "-o", "json",
    )  # fmt: skip
    return found


async def decide(cluster: Cluster, method: str, admins: tuple[str, ...], **args: object) -> None:
    for admin in admins:
        async with cluster.net(user=admin) as net:
            await net.call("_contract", method, args, gas_limit=1)


async def attested(cluster: Cluster, version: int, count: int, slug: str) -> None:
    """Until so many validators said what the examples gave."""
    async with cluster.net(slug) as net:
        async for event in net.events("_contract", "Attested"):
            if event.fields["version"] == version:
                count -= 1
            if count == 0:
                return


async def test_a_version_takes_over_while_a_city_is_dead_and_it_comes_back_over_that(
    four: Cluster, tmp_path: Path
) -> None:
    alive, dead = four.slugs[:3], four.slugs[3]
    await four.call("open_account", {"owner": "a", "amount": 7})
    four.kill(dead)
    second = propose(four, tmp_path, SECOND)
    named = {"name": "transfer", "version": second["version"]}
    assert second["version"] == 2
    await decide(four, "approve", ADMINS[1:3], **named, digest=second["digest"])
    await attested(four, 2, 3, alive[0])
    done = city(four, "as", ADMINS[0], "contract", "activate", "transfer", "2", "-o", "json")
    assert done["status"] == "active"
    await four.applied(alive[1], done["block"])  # migrating takes each node its time
    async with four.net(alive[1]) as net:
        # The client learns which version runs.
        later = await net.call("transfer", "open_account", {"owner": "b", "amount": 1})
        assert (await net.query("transfer", "balance_of", {"owner": "a"})).value == 700

    # A migration that fails: the version that runs goes on.
    third = propose(four, tmp_path, FAILING)
    named = {"name": "transfer", "version": third["version"]}
    await decide(four, "approve", ADMINS[1:3], **named, digest=third["digest"])
    await attested(four, 3, 3, alive[0])
    with pytest.raises(ContractError, match="CITY-4033 MIGRATION_FAILED") as refused:
        await decide(four, "activate", ADMINS[:1], **named, height=0)
    assert "E_NOT_YET" in str(refused.value)

    four.start(dead)
    await four.applied(dead, later.block)
    await attested(four, 3, 4, dead)  # its word on the version that is still open
    async with four.net(dead) as net:
        args = {"owner": "c", "amount": 2}
        last = await net.call("transfer", "open_account", args, version=2)
        old = await net.query("transfer", "balance_of", {"owner": "a"}, version=1)
        assert (await net.query("transfer", "balance_of", {"owner": "a"})).value == old.value == 700
    assert later.block < last.block
    assert len(await four.roots(last.block)) == 1
    listed = city(four, "contract", "versions", "transfer", "-o", "json")
    assert [row["status"] for row in listed] == ["archived", "active", "approved"]
    assert listed[1]["governing_law"] == "PRC" and len(listed[1]["clause_hash"]) == 64
    shown = city(four, "contract", "show", "transfer", "-o", "json")
    assert (shown["version"], shown["operator"], shown["licence"]) == (
        2, "node-shenzhen", "Apache-2.0",
    )  # fmt: skip
    words = ("simulate", "transfer", "open_account", "owner=d", "amount=3", "--version", "3")
    tried = city(four, *words, "-o", "json")
    assert tried["writes"] == {"transfer.balance['d']": 3} and tried["version"] == 3
