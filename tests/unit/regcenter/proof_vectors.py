"""Writes proto/vectors/payment_proofs.json: `python -m tests.unit.regcenter.proof_vectors`.

Made once, as SM2 draws a nonce for every signature, and then only verified. Each row: the log's root key, the
proof's canonical bytes, and either the fields that it opens or the code with which it is refused.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from consensus.encoding import Hash, Sig, encode
from consensus.payment import PaymentProof
from consensus.payment_proof import TrustedLog, check_proof, redact
from deploy.regcenter.hashing import sm3
from deploy.regcenter.requests import RotateQuery
from node.identity.suite import get_suite
from tests.damage import flipped
from tests.golden import VECTORS
from tests.unit.regcenter.desk_world import City

FILE = VECTORS / "payment_proofs.json"
REFERENCE = Hash(sm3(b"invoice 26442000000123456789"))
OPENED = ("kind", "status", "time_ms", "payer", "payee", "amount_fen", "ccy", "purpose", "ref_commit",
          "regime")  # fmt: skip
PAYING = ("amount_fen", "ccy", "kind", "payee", "ref_commit", "regime", "status", "time_ms")


def opened(data: bytes, root_key: bytes) -> dict[str, Any]:
    """The fields of a proof that holds, bytes in hexadecimal; a hidden one is null."""
    found = check_proof(sm3, get_suite("sm").verify, data, TrustedLog(root_key), None)
    values = {name: getattr(found, name) for name in OPENED}
    return {n: v.hex() if isinstance(v, bytes) else v for n, v in values.items()}


def _flip(step: Hash) -> Hash:
    return Hash(flipped(step, 0))


BROKEN: list[tuple[str, str, Callable[[PaymentProof], PaymentProof]]] = [
    ("a flipped bit in the path", "E_PROOF_INCLUSION",
     lambda p: replace(p, audit_path=(_flip(p.audit_path[0]), *p.audit_path[1:]))),
    ("a path cut short", "E_PROOF_INCLUSION", lambda p: replace(p, audit_path=p.audit_path[:-1])),
    ("another leaf", "E_PROOF_INCLUSION", lambda p: replace(p, leaf_index=p.leaf_index - 1)),
    ("a path of 65 steps", "E_PROOF_SIZE", lambda p: replace(p, audit_path=p.audit_path[:1] * 65)),
    ("one fen less", "E_PROOF_DISCLOSURE",
     lambda p: replace(p, disclosures=(
         replace(p.disclosures[0], value=(599).to_bytes(8, "big")), *p.disclosures[1:]))),
    ("a head that nobody signed", "E_PROOF_SIGNATURE",
     lambda p: replace(p, head=replace(p.head, signature=Sig(bytes(63) + b"\x01")))),
    ("a longer grant", "E_PROOF_SIGNATURE",
     lambda p: replace(p, not_after_ms=p.not_after_ms + 1)),
    ("an unknown version", "E_PROOF_VERSION", lambda p: replace(p, version=2)),
    ("another log", "E_PROOF_LOG", lambda p: replace(p, log_id=_flip(p.log_id))),
    ("a key that another key signed in", "E_PROOF_KEY",
     lambda p: replace(p, key_chain=(
         replace(p.key_chain[0], signature=p.head.signature),))),
]  # fmt: skip


def rows(directory: Path) -> list[dict[str, Any]]:
    city = City(directory)
    root_key = city.money.center.root_key
    tx = city.send(
        city.wallet, city.coin, (city.other.address, 600), purpose="GOODS", reference=REFERENCE
    )
    paid = city.money.process(tx)
    for _ in range(3):
        city.money.fund(city.wallet, 5)
    anchor = city.money.center.latest.head.tree_size
    plain = city.money.proof(city.other, paid.txid)
    city.ask(city.root, RotateQuery(0))
    city.money.fund(city.wallet, 5)
    rotated = city.money.proof(city.other, paid.txid, anchor=anchor)
    good = {
        "all fields opened": plain,
        "only the fields that a contract needs": redact(sm3, plain, PAYING),
        "under a rotated key, consistent with an earlier head": rotated,
    }
    out = [
        {
            "what": what,
            "root_key": root_key.hex(),
            "proof": encode(proof).hex(),
            "fields": opened(encode(proof), root_key),
        }
        for what, proof in good.items()
    ]
    for what, code, change in BROKEN:
        data = encode(change(plain))
        out.append({"what": what, "root_key": root_key.hex(), "proof": data.hex(), "refused": code})
    city.money.center.close()
    return out


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        found = rows(Path(directory) / "center")
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(FILE)


if __name__ == "__main__":
    main()
