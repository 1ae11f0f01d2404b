"""Reads proof files and evidence bundles and says what they show. Works offline, from the bytes alone.

What is believed beforehand is one thing: the channel id. Everything else (validators, suite, W) comes from
the genesis configuration in the file, whose hash must be that id.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from consensus.api import SignatureItem
from consensus.certificate import seals_needed
from consensus.encoding import STRUCTURE_BYTES_MAX, EncodingError, Hash, decode, encode
from consensus.header import identity_digest
from consensus.merkle import HashFunction
from consensus.oracle_report import REPORT_VERSION
from consensus.payment import log_id
from consensus.payment_proof import (
    KINDS_ALLOWED,
    ProofRefused,
    TrustedLog,
    check_proof,
    decode_proof,
)
from consensus.proof import (
    EPOCHS_VERSION,
    EVENT,
    KINDS_VERSION,
    MEMBER,
    PROOF_VERSION,
    VALIDATOR,
    EventFact,
    EvidenceBundle,
    EvidenceBundleV2,
    MemberFact,
    ProofError,
    ProofFileV3,
    SetChange,
    StateFact,
    TransactionProof,
    Trust,
    check_config,
    check_membership,
    check_state,
    check_transaction,
    follow,
    read_evidence_bundle,
    read_fact,
    read_proof_file,
    version_of,
)
from contracts.runtime import values
from node.errors import CityError
from node.genesis import ChannelConfig, Identity, channel_id, config_hash
from node.identity.suite import Suite, get_suite
from node.model import Receipt, decode_receipt
from node.wire.body import TxBody
from node.wire.codec import parse_body

REGISTER_LOG = ("dcep", "register_log")
# Calls that accept a proof of something else than a payment of a debt.
KINDS_OF_CALL = {
    ("financing", "settle"): ("LOCK",),
    ("conditional", "fund"): ("LOCK",),
    ("financing", "unwind"): ("REFUND_LOCK",),
    ("financing", "on_reverse"): ("REVERSE",),
    ("receivable", "on_reverse"): ("REVERSE",),
}
PROOF_BYTES_MAX = STRUCTURE_BYTES_MAX
_REPORT = bytes((0, 0, 0, 8)) + REPORT_VERSION.to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class SuiteVerifier:
    """A suite as the consensus package wants its verifier."""

    suite: Suite

    @property
    def suite_id(self) -> int:
        return self.suite.id

    def hash(self, data: bytes) -> bytes:
        return self.suite.hash(data)

    def verify(self, item: SignatureItem) -> bool:
        return self.suite.verify(item.key, item.message, item.signature)


@dataclass(frozen=True, slots=True)
class _Channel:
    config: ChannelConfig
    trust: Trust
    verifier: SuiteVerifier


def _open_config(
    config_bytes: bytes, changes: Sequence[SetChange], expected: bytes | None
) -> _Channel:
    try:
        config = decode(ChannelConfig, config_bytes)
        suite = get_suite(config.suite)
    except (EncodingError, ValueError) as error:
        raise ProofError(f"the configuration cannot be read: {error}") from error
    verifier = SuiteVerifier(suite)
    id_ = channel_id(suite.hash, config)
    check_config(verifier, suite.id, config_bytes, id_)
    if expected is not None and expected != id_:
        raise ProofError("the proof is about another channel than the one you trust")
    trust = Trust(
        id_,
        suite.id,
        config.consensus.window,
        config_hash(suite.hash, config),
        config.validators,
        config.consensus.kind,
    )
    return _Channel(config, follow(verifier, trust, changes), verifier)


@contextmanager
def _reading() -> Iterator[None]:
    """What a quorum sealed need not be readable: anybody can make a channel, and seal anything in it."""
    try:
        yield
    except ProofError:
        raise
    except (CityError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProofError(f"what it shows cannot be read: {error}") from error


@_reading()
def verify_proof(data: bytes, expected_channel: bytes | None = None) -> dict[str, Any]:
    """What a proof file shows, JSON-ready. Raises ProofError where it does not hold."""
    if len(data) > PROOF_BYTES_MAX:
        raise ProofError(f"a proof has at most {PROOF_BYTES_MAX} bytes")
    if version_of(data) == KINDS_VERSION:
        return _verify_fact(data, expected_channel)
    file = read_proof_file(data)
    channel = _open_config(file.config, file.changes, expected_channel)
    if (file.transaction is None) == (file.state is None):
        raise ProofError("a proof shows exactly one fact")
    if file.transaction is not None:
        fact = _transaction_view(channel, file.transaction)
    else:
        assert file.state is not None
        fact = _state_view(channel, file.state)
    return {"valid": True, **_channel_view(channel), **fact}


def _verify_fact(data: bytes, expected_channel: bytes | None) -> dict[str, Any]:
    file, fact = read_fact(data)
    channel = _open_config(file.config, file.changes, expected_channel)
    if isinstance(fact, EventFact):
        view = _event_view(channel, fact)
    else:
        view = _membership_view(channel, fact)
    return {"valid": True, **_channel_view(channel), **view}


@_reading()
def verify_evidence(data: bytes, expected_channel: bytes | None = None) -> dict[str, Any]:
    """What an evidence bundle shows. Every part must hold, and all parts be of one channel."""
    if len(data) > PROOF_BYTES_MAX:
        raise ProofError(f"an evidence bundle has at most {PROOF_BYTES_MAX} bytes")
    bundle = read_evidence_bundle(data)
    channel = _open_config(bundle.config, bundle.changes, expected_channel)
    transactions = [_transaction_view(channel, proof) for proof in bundle.transactions]
    places = [(t["height"], t["index"]) for t in transactions]
    if places != sorted(set(places)):
        raise ProofError("the transactions do not follow each other in the order of the chain")
    states = [_state_view(channel, fact) for fact in bundle.states]
    if len(set(bundle.payments)) != len(bundle.payments):
        raise ProofError("a payment proof stands twice in the bundle")
    payments = [_payment_view(proof, transactions) for proof in bundle.payments]
    for transaction in transactions:
        del transaction["args"]
    return {
        "valid": True,
        "subject": bundle.subject,
        **_channel_view(channel),
        "transactions": transactions,
        "states": states,
        "payments": payments,
    }


def _channel_view(channel: _Channel) -> dict[str, Any]:
    later = channel.trust.later
    validators = later[-1].validators if later else channel.trust.validators
    return {
        "channel": channel.config.name,
        "channel_id": channel.trust.channel_id.hex(),
        "epoch": validators.epoch,
        "validators": len(validators),
        "quorum": seals_needed(channel.trust.certificate_kind, len(channel.trust.validators)),
    }


def _transaction_view(channel: _Channel, proof: TransactionProof) -> dict[str, Any]:
    id_ = check_transaction(channel.verifier, channel.trust, proof)
    body, receipt = _contents(channel, proof, id_)
    identities = channel.config.identities_by_digest(channel.verifier.hash)
    identity = identities.get(Hash(body.sender))
    return {
        "fact": "transaction",
        "tx_id": id_.hex(),
        "height": proof.ordered.header.height,
        "index": proof.index,
        "block_time_ms": proof.ordered.header.timestamp_ms,
        "sender": user_name(identity) if identity else body.sender.hex(),
        "call": f"{body.contract}@{body.version}.{body.method}",
        "args": body.args,
        "outcome": receipt.outcome,
        "code": receipt.code,
        "sealed_by": len(proof.ordered.certificate.seals),
    }


def _contents(channel: _Channel, proof: TransactionProof, id_: Hash) -> tuple[TxBody, Receipt]:
    """Body and receipt of a transaction that was checked, once they are of one channel and one sender."""
    hash_, suite_id = channel.verifier.hash, channel.trust.suite_id
    body, receipt = parse_body(proof.body), decode_receipt(proof.receipt)
    if (body.channel_id, body.suite) != (channel.trust.channel_id, suite_id):
        raise ProofError("the transaction is of another channel or suite")
    if identity_digest(hash_, suite_id, proof.public_key) != body.sender:
        raise ProofError("the key is not the sender's")
    if receipt.tx_id != id_:
        raise ProofError("the receipt belongs to another transaction")
    return body, receipt


def _event_view(channel: _Channel, fact: EventFact) -> dict[str, Any]:
    if fact.version != PROOF_VERSION:
        raise ProofError(f"unknown proof version {fact.version}")
    transaction = _transaction_view(channel, fact.transaction)
    events = decode_receipt(fact.transaction.receipt).events
    if fact.event >= len(events):
        raise ProofError(f"the receipt shows {len(events)} events, and none number {fact.event}")
    event = events[fact.event]
    of_transaction = ("tx_id", "height", "block_time_ms", "sender", "call", "outcome", "sealed_by")
    return {
        "fact": "event",
        "event": f"{transaction['height']}/{transaction['index']}/{fact.event}",
        "contract": event.contract,
        "name": event.name,
        "fields": values.to_json(event.fields()),
        **{name: transaction[name] for name in of_transaction},
    }


def _membership_view(channel: _Channel, fact: MemberFact) -> dict[str, Any]:
    check_membership(channel.verifier, channel.trust, fact)
    config = decode(ChannelConfig, fact.config)
    found = part_of(config, fact.who, fact.name, channel.verifier.hash)
    shown = fact.shown.header
    since = {} if fact.before is None else {"from_ms": fact.before.header.timestamp_ms}
    return {
        "fact": "membership",
        "who": fact.who,
        "name": fact.name,
        "in_force": found is not None,
        **(found or {}),
        "height": shown.height,
        **({"time_ms": fact.time_ms} if since else {}),
        **since,
        "until_ms" if since else "block_time_ms": shown.timestamp_ms,
        "sealed_by": len(fact.shown.certificate.seals),
    }


def part_of(
    config: ChannelConfig, who: str, name: str, hash_: HashFunction
) -> dict[str, Any] | None:
    """What a configuration says of a member (by id), a validator (by node name) or an identity (user@member, or
    its digest in hexadecimal); None where it names none."""
    if who == MEMBER:
        member = config.member(name)
        if member is None:
            return None
        return {
            "title": member.name,
            "city": member.city,
            "zone": member.zone,
            "jurisdiction": member.jurisdiction,
        }
    if who == VALIDATOR:
        node = next((n for n in config.nodes if n.name == name), None)
        if node is None:
            return None
        return {
            "member": node.member_id,
            "city": node.city,
            "vote_key": node.vote_key.hex(),
        }
    for digest, identity in config.identities_by_digest(hash_).items():
        if name in (user_name(identity), digest.hex()):
            roles = list(identity.roles)
            return {"member": identity.member_id, "roles": roles, "identity": digest.hex()}
    return None


def wrap_event(data: bytes, event: int) -> bytes:
    """The proof of one event, from the proof file of its transaction. Raises ProofError."""
    file = read_proof_file(data)
    if file.transaction is None:
        raise ProofError("this is no proof of a transaction")
    fact = encode(EventFact(PROOF_VERSION, file.transaction, event))
    return encode(ProofFileV3(KINDS_VERSION, file.config, file.changes, EVENT, fact))


def user_name(identity: Identity) -> str:
    """name@member; a name that ends with its member already stays as it is."""
    ending = f"@{identity.member_id}"
    return identity.name if identity.name.endswith(ending) else identity.name + ending


def _state_view(channel: _Channel, fact: StateFact) -> dict[str, Any]:
    height = check_state(channel.verifier, channel.trust, fact)
    value = None if fact.value is None else values.to_json(values.decode(fact.value))
    return {
        "fact": "state",
        "height": height,
        "key": fact.key.hex(),
        "present": fact.value is not None,
        "value": value,
    }


def _registered_logs(transactions: Sequence[dict[str, Any]]) -> dict[bytes, bytes]:
    """Log id to root key, from the accepted transactions that registered logs on the chain."""
    sm = get_suite("sm")
    found = {}
    for transaction in transactions:
        call = transaction["call"].partition("@")[0], transaction["call"].rpartition(".")[2]
        if call == REGISTER_LOG and transaction["outcome"] == "ok":
            root_key = b64decode(json.loads(transaction["args"])["root_key"])
            found[bytes(log_id(sm.hash, root_key))] = root_key
    return found


def _payment_view(data: bytes, transactions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a quoted payment proof shows. Raises ProofError where it does not hold or nobody accepted it."""
    quoted = b64encode(data).decode("ascii")
    used_by = [t for t in transactions if t["outcome"] == "ok" and _quotes(t["args"], quoted)]
    if not used_by:
        raise ProofError("a payment proof is quoted by no accepted transaction of the bundle")
    sm = get_suite("sm")
    try:
        proof = decode_proof(data)
        root_key = _registered_logs(transactions).get(proof.log_id)
        if root_key is None:
            raise ProofError("no transaction of the bundle registers the log of a payment")
        kinds = _kinds_for(used_by[0]["call"])
        payment = check_proof(sm.hash, sm.verify, data, TrustedLog(root_key), None, kinds)
    except ProofRefused as error:
        raise ProofError(f"a payment proof does not hold: {error}") from error
    return {
        "fact": "payment",
        "txid": proof.point.txid.hex(),
        "output": proof.point.output_index,
        "amount_fen": payment.amount_fen,
        "ccy": payment.ccy,
        "time_ms": payment.time_ms,
        "log_size": proof.head.head.tree_size,
        "accepted_in": used_by[0]["tx_id"],
    }


def _kinds_for(call: str) -> tuple[str, ...]:
    """What kind of proof a call accepts. call: `contract@version.method`."""
    contract, _, rest = call.partition("@")
    return KINDS_OF_CALL.get((contract, rest.partition(".")[2]), KINDS_ALLOWED)


def _quotes(args: str, quoted: str) -> bool:
    """Whether the arguments carry exactly this proof: a text that contains it pays nothing."""
    arguments = json.loads(args)
    return isinstance(arguments, dict) and arguments.get("proof") == quoted


def quoted_payments(bodies: Sequence[bytes]) -> list[bytes]:
    """The payment proofs among the arguments of transactions: any base64 text under the name `proof`."""
    found = []
    for body in bodies:
        arguments = json.loads(parse_body(body).args)
        if isinstance(arguments.get("proof"), str):
            data = b64decode(arguments["proof"], validate=True)
            if not data.startswith(
                _REPORT
            ):  # told by oracles: the transaction itself is the evidence
                found.append(data)
    return found


def build_evidence(subject: str, transactions: Sequence[bytes], states: Sequence[bytes]) -> bytes:
    """An evidence bundle from proof files of one channel. Raises ProofError where they do not fit."""
    files = [read_proof_file(data) for data in (*transactions, *states)]
    if not files or any(file.config != files[0].config for file in files):
        raise ProofError("evidence is about one channel, and has at least one fact")
    proofs = [file.transaction for file in files if file.transaction is not None]
    proofs.sort(key=lambda p: (p.ordered.header.height, p.index))
    accepted = [p.body for p in proofs if decode_receipt(p.receipt).outcome == "ok"]
    facts = (
        tuple(proofs),
        tuple(file.state for file in files if file.state is not None),
        tuple(quoted_payments(accepted)),
    )
    config = files[0].config
    # One history: the longest list of changes begins with every other one.
    changes = max((file.changes for file in files), key=len)
    if changes:
        return encode(EvidenceBundleV2(EPOCHS_VERSION, subject, config, changes, *facts))
    return encode(EvidenceBundle(PROOF_VERSION, subject, config, *facts))
