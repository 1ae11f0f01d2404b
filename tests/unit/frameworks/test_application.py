"""One application on two frameworks: the same test passes on a channel of ours and on an EVM chain, whose
blocks are trusted, or followed by their validators' seals."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from contracts.runtime.api import Bundle
from node.client import connect
from node.errors import CityError
from node.frameworks.api import LedgerAdapter, ProofRefused
from node.frameworks.city import CityLedger
from tests.damage import flipped
from tests.unit.client.whole import whole_network

if importlib.util.find_spec("eth_tester") is None:
    pytest.skip("the extra `evm` is not installed", allow_module_level=True)
from tests.unit.frameworks.evm_node import evm_ledger, qbft_ledger

SECONDS = 120
FIRST, SECOND = bytes(range(32)), bytes(range(1, 33))
NOTARY = (Path(__file__).parent / "notary.py").read_text(encoding="utf-8")


@pytest_asyncio.fixture(params=["city", "evm", "qbft"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LedgerAdapter]:
    if request.param == "evm":
        async with evm_ledger() as found:
            yield found
        return
    if request.param == "qbft":
        async with qbft_ledger() as found:
            yield found
        return
    async with (
        whole_network(tmp_path, Bundle("notary", 1, NOTARY)) as whole,
        connect.aio(whole.context, user="buyer", timeout=SECONDS) as net,
    ):
        yield CityLedger(net, "notary")


async def test_an_application_submits_queries_subscribes_and_proves(ledger: LedgerAdapter) -> None:
    first = await ledger.submit("register", {"number": "INV-1", "digest": FIRST})
    assert await ledger.query("digest_of", {"number": "INV-1"}) == FIRST
    with pytest.raises(CityError) as caught:
        await ledger.submit("register", {"number": "INV-1", "digest": SECOND})
    assert (caught.value.code, caught.value.variables["reason"]) == ("CITY-4001", "E_DUPLICATE")
    assert await ledger.query("digest_of", {"number": "INV-1"}) == FIRST
    second = await ledger.submit("register", {"number": "发票-2", "digest": SECOND})
    assert second.height > first.height

    seen = []
    async with asyncio.timeout(SECONDS):
        async for event in ledger.subscribe("Registered"):
            seen.append(event)
            if len(seen) == 2:
                break
    assert [dict(event.fields) for event in seen] == [
        {"number": "INV-1", "digest": FIRST},
        {"number": "发票-2", "digest": SECOND},
    ]
    assert [(e.tx_id, e.height) for e in seen] == [
        (done.tx_id, done.height) for done in (first, second)
    ]

    proof = await ledger.proof(second.tx_id)
    fact = ledger.check(proof)
    assert (fact.tx_id, fact.height) == (second.tx_id, second.height)
    assert [(e.id, dict(e.fields)) for e in fact.events] == [(seen[1].id, dict(seen[1].fields))]
    for at in range(0, len(proof), max(1, len(proof) // 97)):
        changed = flipped(proof, at)
        with pytest.raises(ProofRefused):
            ledger.check(changed)
    for cut in (0, 1, len(proof) // 2, len(proof) - 1):
        with pytest.raises(ProofRefused):
            ledger.check(proof[:cut])
