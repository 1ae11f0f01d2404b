"""What an evidence bundle says of payments: only a call that carries the proof itself was paid by it."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from consensus.payment import CoinPoint, Kind, coin_id
from consensus.proof import ProofError
from deploy.regcenter.client import Payment, Wallet
from deploy.regcenter.hashing import sm3
from node.proofs.reading import _payment_view
from tests.unit.suite.center_world import NOW, Money


def called(call: str, outcome: str = "ok", **args: Any) -> dict[str, Any]:
    return {"call": call, "outcome": outcome, "args": json.dumps(args), "tx_id": "7" * 64}


def test_a_payment_counts_where_an_accepted_call_carries_its_proof(tmp_path: Path) -> None:
    money = Money(tmp_path / "center", lambda: NOW)
    payer, payee = Wallet.generate(), Wallet.generate()
    data = money.proof_bytes(payer, money.pay(payer, payee.address, 600).txid)
    quoted = b64encode(data).decode()
    root_key = b64encode(money.center.root_key).decode()
    register = called("dcep@1.register_log", root_key=root_key)
    record = "receivable@1.record_payment"
    view = _payment_view(data, [register, called(record, proof=quoted)])
    assert (view["amount_fen"], view["accepted_in"]) == (600, "7" * 64)
    for wrong in (
        called(record, "revert", proof=quoted),
        called("receivable@1.next_steps", identifier=quoted),
        called(record, proof=quoted + quoted),
        called(record, proof=[quoted]),
    ):
        with pytest.raises(ProofError, match="quoted by no accepted transaction"):
            _payment_view(data, [register, wrong])
    with pytest.raises(ProofError, match="E_PROOF_KIND"):
        _payment_view(data, [register, called("receivable@1.on_reverse", proof=quoted)])
    with pytest.raises(ProofError, match="registers the log"):
        _payment_view(data, [called(record, proof=quoted)])
    money.center.close()


def test_a_reversal_counts_where_the_call_that_takes_it_accepted_it(tmp_path: Path) -> None:
    money = Money(tmp_path / "center", lambda: NOW)
    payer, payee = Wallet.generate(), Wallet.generate()
    paid = money.pay(payer, payee.address, 600)
    coin = money.fund(payee, 600)
    back = Payment(payer.address, 600, coin_id(sm3, CoinPoint(paid.txid, 0)))
    data = money.proof_bytes(payee, money.send(Kind.REVERSE, payee, [coin], [back]).txid)
    quoted = b64encode(data).decode()
    root_key = b64encode(money.center.root_key).decode()
    register = called("dcep@1.register_log", root_key=root_key)
    view = _payment_view(data, [register, called("receivable@1.on_reverse", proof=quoted)])
    assert view["amount_fen"] == 600
    with pytest.raises(ProofError, match="E_PROOF_KIND"):
        _payment_view(data, [register, called("receivable@1.record_payment", proof=quoted)])
    money.center.close()
