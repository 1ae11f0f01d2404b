"""The story on the engine that nodes run: every call gives the same answer and gas as natively."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contracts.runtime.api import BlockRequest, Bundle, TxResult
from contracts.runtime.artifact import ensure_artifact
from contracts.runtime.host import WasmEngine
from contracts.runtime.native import NativeEngine
from tests.unit.suite import test_refusals, test_story
from tests.unit.suite.world import EC, World, open_world


class BothEngines:
    """Runs each block natively and in WebAssembly and demands equal answers."""

    def __init__(self, natives: Any, state: Any) -> None:
        self.native = NativeEngine(natives, state)
        self.wasm = WasmEngine(ensure_artifact(), natives, state)
        self.compared = 0

    def load(self, bundle: Bundle) -> None:
        self.native.load(bundle)
        self.wasm.load(bundle)

    def block(self, request: BlockRequest) -> list[TxResult]:
        native, wasm = self.native.block(request), self.wasm.block(request)
        assert native == wasm, (request.txs[0].contract, request.txs[0].method)
        self.compared += 1
        return wasm


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> World:
    return open_world(tmp_path_factory.mktemp("center"), BothEngines)


@pytest.mark.slow
def test_the_whole_story_is_the_same_on_both_engines(both: World, tmp_path: Path) -> None:
    request_id, terms = test_story.finance_invoice(both)
    proof = both.pay("QB", "PX", terms["payout_fen"], terms["pay_reference"])
    both.ok("lg", "financing.disburse", request_id=request_id, proof=proof)
    test_story.test_a_receivable_reaches_tier_three_and_is_sold_for_49_309_514(both)
    amounts = [400_000_000, 200_000_001]
    both.refused("E_STATE", "lg", "receivable.split", leaf_id=EC, amounts=amounts)
    test_refusals.test_one_person_alone_admits_nobody(both)
    assert both.engine.compared > 70
