"""`city contract` and `city call` over four channels: what contracts offer, calls checked before signing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from typer.testing import CliRunner

from node.cli import completion
from node.cli.main import app
from node.client import CityError, connect
from tests.unit.client.whole import Whole, whole_network
from tests.unit.node.network import COUNTER

RUNNER = CliRunner()


@pytest_asyncio.fixture
async def net4(tmp_path: Path, monkeypatch) -> AsyncIterator[Whole]:
    # The cities' log would stand among the commands' output.
    with structlog.testing.capture_logs():
        async with whole_network(tmp_path) as whole:
            monkeypatch.setenv("CITY_CONTEXT", whole.context)
            monkeypatch.setenv("CITY_USER", "buyer")
            yield whole


async def city(*words: str, code: int = 0) -> str:
    """Output of a command, which must end with `code`. It has a loop of its own, hence the thread."""
    result = await asyncio.to_thread(RUNNER.invoke, app, list(words))
    assert result.exit_code == code, result.output
    return result.output


async def test_contracts_are_listed_and_shown_with_schema_and_source(net4: Whole) -> None:
    (row,) = json.loads(await city("contract", "list", "-o", "json"))
    entry = net4.genesis.config.contracts[0]
    assert row == {
        "name": "counter", "version": 1, "status": "active", "bundle": entry.bundle_digest.hex(),
    }  # fmt: skip
    shown = json.loads(await city("contract", "show", "counter", "-o", "json"))
    assert shown["bundle"] == row["bundle"] and shown["proposed_by"] == "genesis"
    methods = {m["name"]: m for m in shown["schema"]["methods"]}
    assert methods["add"]["parameters"][1] == {"name": "by", "hint": "int", "required": True}
    assert shown["schema"]["errors"] == {"E_NOT_POSITIVE": "only upwards"}
    text = await city("contract", "show", "counter")
    assert "add(name: str, by: int) -> int" in text and "counted(name, total)" in text.lower()
    assert await city("contract", "show", "counter", "--source") == COUNTER
    await city("contract", "show", "cuonter", code=6)
    await city("contract", "show", "counter", "--version", "7", code=6)


async def test_absence_is_proven_of_what_the_contract_keeps_and_of_nothing_else(
    net4: Whole, tmp_path: Path
) -> None:
    await city("call", "counter", "add", "name=a", "by=5")
    (name,) = json.loads(await city("contract", "show", "counter", "-o", "json"))["keeps"]
    out = tmp_path / "x.proof"
    where = ("--out", str(out), "-o", "json")
    await city("proof", "absence", "counter", name + "s", "b", *where, code=6)  # misspelled
    await city("proof", "absence", "counter", name, "a", *where, code=4)
    await city("proof", "state", "counter", name, "b", *where, code=4)
    assert not out.exists()
    assert json.loads(await city("proof", "absence", "counter", name, "b", *where))["height"] > 0
    shown = json.loads(await city("proof", "verify", str(out), "-o", "json"))
    assert (shown["present"], shown["object"]) == (False, f"counter.{name} 'b'")


async def test_text_is_typed_by_the_schema(net4: Whole) -> None:
    done = json.loads(await city("call", "counter", "add", "name=a", "by=5", "-o", "json"))
    assert done["value"] == 5
    assert await city("query", "counter", "read", "name=a", "-o", "json") == "5\n"
    simulated = json.loads(await city("simulate", "counter", "add", "name=a", "by=2", "-o", "json"))
    assert simulated["value"] == 7
    assert simulated["writes"] == {"counter.counts['a']": 7} and simulated["version"] == 1
    (event,) = simulated["events"]
    assert event.startswith("counter.Counted: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["counter", "ad", "name=a", "by=1"], "did you mean 'add'?"),
        (["counter", "add", "nme=a", "by=1"], "did you mean 'name'?"),
        (["counter", "add", "name=a"], "'by' (int) is missing"),
        (["counter", "add", "name=a", "by=five"], "'by' is not a whole number"),
    ],
)
async def test_a_call_that_cannot_fit_is_refused_before_it_is_signed(
    net4: Whole, words: list[str], said: str
) -> None:
    heights = {c.channel.status()["height"] for c in net4.cities.values()}
    output = await city("call", *words, "-o", "json", code=2)
    assert said in output
    pools = [c.channel.status()["pool"] for c in net4.cities.values()]
    assert (
        pools == [0] * 4 and {c.channel.status()["height"] for c in net4.cities.values()} == heights
    )


async def completed(words: str, cursor: str) -> list[str]:
    """What bash is offered for the word under the cursor, behind these words."""
    environment = {
        "_CITY_COMPLETE": "complete_bash",
        "COMP_WORDS": f"city {words} {cursor}",
        "COMP_CWORD": str(len(words.split()) + 1),
    }
    result = await asyncio.to_thread(RUNNER.invoke, app, [], env=environment, prog_name="city")
    return result.output.split()


async def test_the_shell_completes_contracts_methods_and_arguments(
    net4: Whole, monkeypatch
) -> None:
    monkeypatch.setattr(completion, "SECONDS", 30.0)
    assert await completed("call", "co") == ["counter"]
    assert await completed("contract show", "") == ["counter"]
    assert await completed("call", "x") == []
    assert await completed("call counter", "a") == ["add"]
    assert await completed("call counter add name=a", "") == ["by="]
    assert await completed("call absent", "") == []
    monkeypatch.setenv("CITY_CONTEXT", str(net4.folder / "nowhere"))
    assert await completed("call", "") == []


async def test_a_source_of_another_digest_is_not_shown(net4: Whole) -> None:
    async with connect.aio(net4.context, user="buyer") as net:
        for place in net4.cities.values():
            sources = place.channel._ledger.contracts._genesis
            genuine = sources["counter", 1]
            sources["counter", 1] = genuine.replace(b"by > 0", b"by > 9")
            assert sources["counter", 1] != genuine
        with pytest.raises(CityError, match="CITY-4010"):
            await net.source("counter")


async def test_a_folder_of_contracts_is_read_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "counter.py").write_text(COUNTER)
    found = json.loads(await city("contract", "schema", str(tmp_path), "-o", "json"))
    assert [m["name"] for m in found["counter"]["methods"]] == ["add", "spin", "crash", "read"]
    assert "add(name: str, by: int) -> int" in await city(
        "contract", "schema", str(tmp_path / "counter.py")
    )
    (tmp_path / "bad.py").write_text("x = 1.5\n")
    assert "CT401" in await city("contract", "schema", str(tmp_path), code=4)
