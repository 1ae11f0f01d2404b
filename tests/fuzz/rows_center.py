"""What arrives at the reference registration center: requests, codes, vouchers."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from consensus.center_request import SignedCenterRequest
from consensus.encoding import EncodingError, Hash
from consensus.payment import Coin, SignedCoinTransaction
from deploy.regcenter import packed, proofs, qr, strict_json
from deploy.regcenter.devices import SignedVoucher
from deploy.regcenter.errors import CenterError
from tests.fuzz.decoder import Decoder
from tests.fuzz.rows_consensus import NOW_MS, SUITE
from tests.fuzz.rows_files import _signer
from tests.fuzz.samples import structures

HEX32, ZEROS = "ab" * 32, "00" * 32
TX = {
    "tx": {"version": 1, "kind": "TRANSFER", "ccy": "CNY", "inputs": [HEX32],
           "outputs": [{"value_fen": 5, "owner": HEX32, "reference": ZEROS}],
           "purpose": "TRADE", "time_ms": NOW_MS, "salt": "00" * 16},
    "public_key": "04" + "ab" * 64,
    "signature": "cd" * 64,
}  # fmt: skip
TERMS = {"version": 1, "payer": HEX32, "payee": HEX32, "amount_fen": 5, "condition": "HASH",
         "program_hash": HEX32, "after_ms": 1, "arbiters": [HEX32], "threshold": 1,
         "expires_ms": 9, "salt": "00" * 16}  # fmt: skip


def _text(*more: dict[str, Any]) -> list[bytes]:
    return [json.dumps({**TX, **each}).encode() for each in ({}, *more)]


def _request(data: bytes) -> Any:
    center: Any = SimpleNamespace(log_id=Hash(b"l" * 32), suite=SUITE)
    return proofs.open_request(center, data, "payment", SignedCoinTransaction)


def _codes() -> list[bytes]:
    return [
        qr.make(_signer(), "Shop 店", 500, Hash(b"r" * 32), NOW_MS + 1000).encode(),
        qr.make(_signer(), "Shop").encode(),
    ]


ROWS = [
    Decoder("JSON for the center", strict_json.parse, (CenterError,), "json",
            lambda: [b'{"a":[1,{"b":null}],"c":"d"}'], ("deploy.regcenter.strict_json.parse",)),
    Decoder("payment for the center", strict_json.read_transaction, (CenterError,), "json", _text,
            ("deploy.regcenter.strict_json.read_transaction",), cost=3),
    Decoder("lock for the center", strict_json.read_lock, (CenterError,), "json",
            lambda: _text({"terms": TERMS}), ("deploy.regcenter.strict_json.read_lock",), cost=3),
    Decoder("release for the center", strict_json.read_release, (CenterError,), "json",
            lambda: _text({"preimage": "00", "approvals": []}),
            ("deploy.regcenter.strict_json.read_release",), cost=3),
    Decoder("packed coin", packed.unpack_coin, (EncodingError,), "frames",
            lambda: structures(Coin), ("deploy.regcenter.packed.unpack_coin",)),
    Decoder("request to the center", _request, (CenterError,), "frames",
            lambda: structures(SignedCenterRequest, SignedVoucher),
            ("deploy.regcenter.proofs.open_request", "deploy.regcenter.devices.open_voucher")),
    Decoder("QR code", lambda data: qr.read(data.decode("utf-8", "replace"), SUITE, NOW_MS),
            (CenterError,), "text", _codes, ("deploy.regcenter.qr.read",), cost=3),
]  # fmt: skip
