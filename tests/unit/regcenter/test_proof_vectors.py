"""The golden payment proofs: two verifiers that share no code read them alike."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consensus.payment_proof import ProofRefused, TrustedLog, check_proof
from deploy.regcenter.hashing import sm3
from node.identity.suite import get_suite
from tests.oracle import payments as independent
from tests.oracle.structures import Invalid
from tests.unit.regcenter.proof_vectors import BROKEN, FILE, opened

ROWS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what"])
def test_a_golden_proof_is_read_as_written(row: dict[str, Any]) -> None:
    proof, root_key = bytes.fromhex(row["proof"]), bytes.fromhex(row["root_key"])
    if "refused" in row:
        with pytest.raises(ProofRefused) as refusal:
            check_proof(sm3, get_suite("sm").verify, proof, TrustedLog(root_key), None)
        assert refusal.value.code == row["refused"]
        with pytest.raises(Invalid):
            independent.check_payment(proof, root_key)
        return
    assert opened(proof, root_key) == row["fields"]
    fields = independent.check_payment(proof, root_key).fields
    shown = {name: v.hex() if isinstance(v, bytes) else v for name, v in fields.items()}
    assert shown == {name: value for name, value in row["fields"].items() if value is not None}


def test_the_golden_proofs_show_every_way_that_was_chosen() -> None:
    assert [row["refused"] for row in ROWS if "refused" in row] == [code for _, code, _ in BROKEN]
    assert sum("fields" in row for row in ROWS) == 3
