"""Writes proto/vectors/: `python -m tests.golden`. A test makes them again and compares.

Inputs are fixed; signatures are not made again (SM2 draws a nonce) but kept and verified.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from consensus import encoding, header, merkle
from consensus.certificate import CommitCert, Seal, seal_message
from consensus.oracle_report import (
    FactPayload,
    Observation,
    OracleConfig,
    PaymentReport,
    ReportedField,
    config_digest,
    observation_digest,
    payment_topic,
)
from consensus.payment import CoinPoint, PaymentReference, field_bytes, payment_reference
from consensus.tags import SUITE_NAMES, Tag, preimage
from consensus.validators import Validator, ValidatorSet, validators_hash
from contracts.runtime import values
from contracts.runtime.language.bundle import bundle_schema
from node.documents.fingerprint import fingerprint
from node.identity.suite import get_suite
from tests.unit.oracle_checker.samples import golden_rows

VECTORS = Path(__file__).resolve().parents[1] / "proto" / "vectors"
SIGNATURES = "signatures.json"  # made once, then only verified
HASHES = {
    1: lambda data: hashlib.new("sm3", data).digest(),
    2: lambda d: hashlib.sha256(d).digest(),
}


def h(text: str) -> encoding.Hash:
    """A recognisable 32-byte value: the SHA-256 of a word."""
    return encoding.Hash(hashlib.sha256(text.encode()).digest())


def plain(structure: Any) -> Any:
    """A structure as JSON: bytes as hexadecimal."""
    if dataclasses.is_dataclass(structure):
        return {f.name: plain(getattr(structure, f.name)) for f in dataclasses.fields(structure)}
    if isinstance(structure, bytes):
        return structure.hex()
    if isinstance(structure, tuple):
        return [plain(item) for item in structure]
    return structure


def sample_header(suite: int) -> header.Header:
    return header.Header(
        version=1,
        suite=suite,
        channel_id=h("channel"),
        epoch=0,
        height=7,
        parent_hash=h("parent"),
        proposer=h("proposer"),
        tx_root=h("transactions"),
        tx_count=3,
        state_root=h("state"),
        receipts_root=h("receipts"),
        timestamp_ms=1_795_305_600_000,
        validators_hash=h("validators"),
        next_validators_hash=h("validators"),
        config_hash=h("config"),
        evidence_root=h("evidence"),
    )


def structures() -> list[dict[str, Any]]:
    validators = ValidatorSet(
        0, tuple(Validator(n, b"\x04" + h(n) + h(n + "y")) for n in ("Shenzhen", "北京"))
    )
    cert = CommitCert("pbft", 0, 7, 2, h("block"), b"\x03", (encoding.Sig(bytes(range(64))),) * 2)
    seal = Seal(h("channel"), 0, 7, 2, h("block"))
    samples = (sample_header(1), sample_header(2), validators, cert, seal)
    return [
        {"structure": type(s).__name__, "value": plain(s), "bytes": encoding.encode(s).hex()}
        for s in samples
    ]


def hashes() -> list[dict[str, Any]]:
    """Each tagged hash with its parts: `H(P(tag, parts...))`."""
    body, key = b"a serialised TxBody", b"\x04" + h("x") + h("y")
    signature = encoding.Sig(bytes(range(64)))
    validators = ValidatorSet(0, (Validator("Shenzhen", key),))
    seal = Seal(h("channel"), 0, 7, 2, h("block"))
    out: list[dict[str, Any]] = []
    for suite, hash_ in HASHES.items():
        id_ = header.tx_id(hash_, suite, body)
        block = sample_header(suite)
        rows: list[tuple[str, encoding.Hash, list[bytes]]] = [
            ("identity", header.identity_digest(hash_, suite, key), [key]),
            ("tx-id", id_, [body]),
            (
                "tx-sign",
                header.tx_sign_digest(hash_, suite, h("channel"), body),
                [h("channel"), body],
            ),
            ("tx-leaf", header.tx_leaf(hash_, suite, id_, signature), [id_, signature]),
            ("receipt-leaf", header.receipt_leaf(hash_, suite, b"a receipt"), [b"a receipt"]),
            ("block-hash", header.block_hash(hash_, block), [encoding.encode(block)]),
            (
                "validators-hash",
                validators_hash(hash_, suite, validators),
                [encoding.encode(validators)],
            ),
        ]
        name = SUITE_NAMES[suite]
        out += [
            {"suite": name, "what": what, "parts": [p.hex() for p in parts], "hash": digest.hex()}
            for what, digest, parts in rows
        ]
        message = seal_message(suite, seal)
        out.append({"suite": name, "what": "seal-message", "bytes": message.hex()})
    return out


def value_samples() -> list[dict[str, Any]]:
    """Encoded values beside the Python text that makes them."""
    texts = (
        "None", "False", "True", "0", "1", "-1", "127", "128", "-128", "-129", "2**255", "-(2**256 - 1)",
        "''", "'a'", "'深圳'", "b''", "b'\\x00\\xff'", "Decimal('1.50')", "Decimal('-0')", "Decimal('1E+3')",
        "[]", "[1, 'a', None]", "(1, (2, 3))", "{}", "{'b': 1, 'a': [2]}", "{1: 'one', 'one': 1}", "'x' * 200",
    )  # fmt: skip
    names = {"Decimal": Decimal}
    return [{"python": text, "bytes": values.encode(eval(text, names)).hex()} for text in texts]


SCHEMA_SOURCE = '''"""Balances that move."""

from sdk import Decimal, Event, Map, dataclass, export, require, view

balances = Map("balance", 0)
Moved = Event("Moved")


@dataclass
class Move:
    to: str
    amount: int = 1


@export
def move(parts: list[Move], note: str | None = None) -> Decimal:
    """Moves each part."""
    require(parts, "E_EMPTY", "there are no parts")
    Moved(count=len(parts), note=note)
    return Decimal(len(parts))


@view
def balance_of(who: str) -> int:
    return balances[who]
'''


def schemas() -> list[dict[str, Any]]:
    """A contract's source, what it offers, and the bytes of that."""
    schema = bundle_schema(SCHEMA_SOURCE, {})
    return [{"main": SCHEMA_SOURCE, "schema": schema, "bytes": values.encode(schema).hex()}]


def tags() -> list[dict[str, Any]]:
    return [{"tag": tag.value, "preimage": preimage(tag, 1, b"\xff").hex()} for tag in Tag]


def trees() -> list[dict[str, Any]]:
    entries = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    entries.append("606162636465666768696a6b6c6d6e6f")
    out = []
    for suite, hash_ in HASHES.items():
        leaves = [merkle.leaf_hash(hash_, bytes.fromhex(e)) for e in entries]
        for size in range(len(leaves) + 1):
            root = merkle.root(hash_, leaves[:size])
            out.append({"suite": SUITE_NAMES[suite], "size": size, "root": root.hex()})
    return out


def money() -> dict[str, Any]:
    """The payment reference of story step 10 and the invoice fingerprint of step 4."""
    reference = PaymentReference(
        salt=bytes(range(16)),
        channel_id=h("scf-px"),
        contract="financing",
        obligation_id="EC-2026-SZ-000001/2/1",
        instalment=1,
        amount_fen=49_309_514,
        ccy="CNY",
        payee=h("XY"),
    )
    invoice: dict[str, Any] = {
        "seller": "91440300MA5DEM00A5",
        "number": "26442000000123456789",
        "date": "2026-11-16",
        "gross": 1_200_000_000,
        "currency": "CNY",
    }
    key = bytes.fromhex("00112233445566778899aabbccddeeff" * 2)
    return {
        "payment_reference": {
            "value": plain(reference),
            "bytes": encoding.encode(reference).hex(),
            "hash": payment_reference(HASHES[1], reference).hex(),
        },
        "invoice_fingerprint": {
            "key": key.hex(),
            "invoice": invoice,
            "hmac_sm3": fingerprint(get_suite("sm"), key, **invoice),
        },
    }


def oracles() -> dict[str, Any]:
    """What oracles sign, and a payment told by them (signatures are recognisable bytes, not made)."""
    keys = tuple(b"\x04" + h(f"{name} x") + h(f"{name} y") for name in "abcdefg")
    config = OracleConfig(
        h("scf-px"), 1, 2, tuple(f"oracle-{name}" for name in "abcdefg"), keys, "QB"
    )
    digest = config_digest(HASHES[1], config)
    fact = Observation(
        h("scf-px"), "customs/530120260001234567", digest, 1, 7,
        encoding.encode(FactPayload("CLEARED", 1_796_688_000_000)),
    )  # fmt: skip
    point = CoinPoint(h("payment"), 0)
    fields = tuple(ReportedField(name, field_bytes(name, v)) for name, v in _FIELDS.items())
    report = PaymentReport(
        2, h("log"), point, fields, 1_796_688_000_000, digest, 1, 1, (0, 1, 2, 3, 4),
        tuple(encoding.Sig(h(f"r{i}") + h(f"s{i}")) for i in range(5)),
    )  # fmt: skip
    told = Observation(
        h("scf-px"), payment_topic(h("log"), point), digest, 1, 1, encoding.encode(report.payload)
    )
    return {
        "config": {"value": plain(config), "digest": digest.hex()},
        "fact": {"value": plain(fact), "digest": observation_digest(HASHES[1], fact).hex()},
        "payment": {
            "topic": told.topic,
            "report": encoding.encode(report).hex(),
            "digest": observation_digest(HASHES[1], told).hex(),
        },
    }


_FIELDS: dict[str, int | str | bytes] = {
    "amount_fen": 49_309_514, "ccy": "CNY", "kind": "TRANSFER", "payee": h("XY"), "payer": h("QB"),
    "purpose": "", "ref_commit": h("reference"), "regime": "2026", "status": "FINAL",
    "time_ms": 1_796_688_000_000,
}  # fmt: skip


def signatures() -> list[dict[str, Any]]:
    """Fresh signatures of each suite over a transaction digest and a seal, by a throw-away key."""
    out = []
    for suite_id in HASHES:
        suite = get_suite(suite_id)
        key = suite.generate_key()
        signer = suite.signer(key)
        digest = header.tx_sign_digest(suite.hash, suite_id, h("channel"), b"a serialised TxBody")
        seal = seal_message(suite_id, Seal(h("channel"), 0, 7, 2, h("block")))
        for what, message in (("tx-sign", bytes(digest)), ("commit-seal", seal)):
            row = {"suite": suite.name, "what": what, "public_key": key.public_key.hex()}
            row |= {"message": message.hex(), "signature": signer.sign(message).hex()}
            out.append(row)
    return out


def files() -> dict[str, Any]:
    """Every generated file, by name."""
    return {
        "structures.json": structures(),
        "hashes.json": hashes(),
        "tags.json": tags(),
        "merkle.json": trees(),
        "values.json": value_samples(),
        "money.json": money(),
        "oracles.json": oracles(),
        "schemas.json": schemas(),
        "proofs.json": golden_rows(),
    }


def render(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    VECTORS.mkdir(exist_ok=True)
    for name, content in files().items():
        (VECTORS / name).write_text(render(content), encoding="utf-8")
        print(VECTORS / name)
    kept = VECTORS / SIGNATURES
    if not kept.exists():
        kept.write_text(render(signatures()), encoding="utf-8")
        print(kept)
