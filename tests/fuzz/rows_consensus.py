"""What validators say to each other and write down, and what proofs of others hold."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from consensus import fork, payment, payment_proof, proof, unspent_proof
from consensus.api import InvariantBroken, ProtocolViolation
from consensus.certificate import Seal
from consensus.encoding import EncodingError, Hash, Sig, decode, encode
from consensus.payment import ForkCase, ForkEvidence, HistoryEvidence
from consensus.payment_proof import ProofRefused, TrustedLog
from consensus.pbft import messages as pbft
from consensus.pbft import records as pbft_records
from consensus.pbft.certificates import vote_message
from consensus.pbft.evidence import VOTE_TAGS, Evidence
from consensus.proof import ProofError
from consensus.raft.ordering import messages as raft
from consensus.raft.ordering import records as raft_records
from node.governance.changes import Refused
from node.governance.conviction import _read_evidence
from node.governance.policies import read_policy
from node.identity.suite import get_suite
from node.proofs.reading import verify_evidence, verify_proof
from tests.fuzz.decoder import Decoder
from tests.fuzz.samples import structures, tagged
from tests.oracle.structures import encode as encode_by_page
from tests.unit.oracle_checker.test_bundles import bundle
from tests.unit.oracle_checker.test_proofs import state_file, transaction_file

VECTORS = Path(__file__).resolve().parents[2] / "proto" / "vectors"
SUITE = get_suite("sm")
NOW_MS = 1_795_305_600_000
FIELDS = sorted(payment._FIELD_KINDS)


def believed(_key: bytes, message: bytes, signature: bytes) -> bool:
    """Takes nearly every signature of the right length: a mutated proof then gets behind the check, where only
    what its signer wrote is read otherwise. Quick, too. The checks themselves have tests of their own."""
    return len(signature) == 64 and (len(message) + signature[0]) % 16 != 0


def _vectors(name: str) -> list[bytes]:
    return [bytes.fromhex(row["proof"]) for row in json.loads((VECTORS / name).read_text())]


@cache
def _trusted(name: str) -> TrustedLog:
    return TrustedLog(bytes.fromhex(json.loads((VECTORS / name).read_text())[0]["root_key"]))


def _facts() -> list[bytes]:
    """Proof files of an event and of who took part."""
    rows = json.loads((VECTORS / "proofs.json").read_text(encoding="utf-8"))
    return [bytes.fromhex(row["bytes"]) for row in rows if row["structure"] == "ProofFileV3"]


def _proof_files() -> list[bytes]:
    return [encode_by_page("ProofFile", file) for file in (transaction_file(), state_file())]


def _bundles() -> list[bytes]:
    return [encode_by_page("EvidenceBundle", bundle())]


def _field(data: bytes) -> object:
    return payment.parse_field(FIELDS[data[0] % len(FIELDS)], data[1:]) if data else None


def _cases() -> list[bytes]:
    """Fork cases with both kinds of evidence inside, of the versions that are read."""
    found = []
    for kind, version in ((ForkEvidence, 1), (HistoryEvidence, fork.HISTORY_VERSION)):
        for data in structures(kind, some=6):
            evidence = encode(replace(decode(kind, data), version=version))
            found.append(encode(ForkCase(payment.VERSION, _signer_key(), evidence)))
    return found


def _signer_key() -> bytes:
    return bytes(SUITE.private_key(b"\x07" * 32).public_key)


def _accusations() -> list[bytes]:
    """Two votes of one key for different blocks, signed and of a channel, as they come from a member."""
    signer, channel = SUITE.signer(SUITE.private_key(b"\x07" * 32)), Hash(bytes(32))
    found = []
    for kind, tag in VOTE_TAGS.items():
        seals = [Seal(channel, 0, 5, 1, Hash(bytes([n]) * 32)) for n in (1, 2)]
        signed = [Sig(signer.sign(vote_message(tag, SUITE.id, seal))) for seal in seals]
        found.append(encode(Evidence(
            kind, signer.public_key, channel, 0, 5, 1,
            seals[0].block_hash, signed[0], seals[1].block_hash, signed[1],
        )))  # fmt: skip
    return found


def _evidence(data: bytes) -> object:
    rules: Any = SimpleNamespace(suite=SUITE, channel_id=Hash(bytes(32)))
    return _read_evidence(data, rules)


ROWS = [
    Decoder("pbft message", pbft.decode_message, (ProtocolViolation,), "frames",
            lambda: tagged(pbft.KINDS),
            ("consensus.pbft.messages.decode_message", "consensus.pbft.replica.decode_message"),
            pbft.encode_message),
    Decoder("pbft record", pbft_records.decode_record, (InvariantBroken,), "frames",
            lambda: tagged(pbft_records._KINDS), ("consensus.pbft.records.decode_record",),
            pbft_records.encode_record),
    Decoder("raft message", raft.decode_message, (ProtocolViolation,), "frames",
            lambda: tagged(raft.KINDS),
            ("consensus.raft.ordering.messages.decode_message",
             "consensus.raft.ordering.core.decode_message"),
            raft.encode_message),
    Decoder("raft block entry", raft.decode_block, (), "frames",
            lambda: structures(raft.BlockEntry), ("consensus.raft.ordering.messages.decode_block",)),
    Decoder("raft block pointer", raft.decode_pointer, (EncodingError,), "frames",
            lambda: structures(raft.BlockPointer),
            ("consensus.raft.ordering.messages.decode_pointer",)),
    Decoder("raft record", raft_records.decode_record, (InvariantBroken,), "frames",
            lambda: tagged(raft_records._KINDS), ("consensus.raft.ordering.records.decode_record",),
            raft_records.encode_record),
    Decoder("payment field", _field, (EncodingError,), "frames",
            lambda: [bytes((n,)) + b"12345678" * 4 for n in range(len(FIELDS))]
            + [bytes((n,)) + b"12345678" for n in range(len(FIELDS))],
            ("consensus.payment.parse_field",)),
    Decoder("payment proof", payment_proof.decode_proof, (ProofRefused,), "frames",
            lambda: _vectors("payment_proofs.json"), ("consensus.payment_proof.decode_proof",)),
    Decoder("payment proof checked",
            lambda data: payment_proof.check_proof(
                SUITE.hash, SUITE.verify, data, _trusted("payment_proofs.json"), None),
            (ProofRefused,), "frames", lambda: _vectors("payment_proofs.json"), cost=40),
    Decoder("unspent proof",
            lambda data: unspent_proof.check_unspent(
                SUITE.hash, SUITE.verify, data, _trusted("unspent_proofs.json"), None),
            (ProofRefused,), "frames", lambda: _vectors("unspent_proofs.json"),
            ("consensus.unspent_proof._decoded",), cost=40),
    Decoder("payment proof behind its signatures",
            lambda data: payment_proof.check_proof(
                SUITE.hash, believed, data, _trusted("payment_proofs.json"), None),
            (ProofRefused,), "frames", lambda: _vectors("payment_proofs.json"), cost=20),
    Decoder("unspent proof behind its signatures",
            lambda data: unspent_proof.check_unspent(
                SUITE.hash, believed, data, _trusted("unspent_proofs.json"), None),
            (ProofRefused,), "frames", lambda: _vectors("unspent_proofs.json"), cost=20),
    Decoder("fork case behind its signatures",
            lambda data: fork.check_case(SUITE.hash, believed, data),
            (ProofRefused,), "frames", _cases),
    Decoder("fork case", lambda data: fork.check_case(SUITE.hash, SUITE.verify, data),
            (ProofRefused,), "frames",
            _cases, ("consensus.fork._read",)),
    Decoder("evidence of a lie", _evidence, (Refused,), "frames", _accusations,
            ("node.governance.conviction._read_evidence",)),
    Decoder("policy of changes", lambda data: read_policy(data.decode("utf-8", "replace")),
            (Refused,), "text", lambda: [b"majority of members", b"3 of validators"],
            ("node.governance.policies.read_policy",)),
    Decoder("proof file", proof.read_proof_file, (ProofError,), "mixed", _proof_files,
            ("consensus.proof.read_proof_file", "consensus.proof._decode")),
    Decoder("proof of a kind", proof.read_fact, (ProofError,), "mixed", _facts,
            ("consensus.proof.read_fact",)),
    Decoder("proof verified", verify_proof, (ProofError,), "mixed",
            lambda: [*_proof_files(), *_facts()], cost=200),
    Decoder("evidence bundle", proof.read_evidence_bundle, (ProofError,), "mixed", _bundles,
            ("consensus.proof.read_evidence_bundle",)),
    Decoder("evidence verified", verify_evidence, (ProofError,), "mixed", _bundles, cost=200),
]  # fmt: skip
