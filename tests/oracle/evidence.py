"""Proof files and evidence bundles: what they show, line by line, or why they show nothing."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace

from tests.oracle.certificates import Channel, seals_needed
from tests.oracle.facts import check_fact
from tests.oracle.hashes import SUITE_NAMES
from tests.oracle.payments import (
    KINDS_OF_CALL,
    PAYS,
    Payment,
    check_log,
    check_payment,
    keys_in,
    log_id_of,
)
from tests.oracle.state_proof import check_state
from tests.oracle.structures import Invalid, decode, require
from tests.oracle.transactions import Transaction, check_transaction
from tests.oracle.values import decode_key, decode_value

Say = Callable[[str], None]


def verify_file(data: bytes, channel_id: bytes | None, say: Say) -> None:
    """Checks a ProofFile or an EvidenceBundle; raises `Invalid` with the reason if it fails.

    `channel_id` is what the reader trusts; without it the file only agrees with itself.
    """
    file = _read(data)
    kind = "evidence bundle" if hasattr(file, "subject") else "proof file"
    changes = getattr(file, "changes", [])
    version = 3 if hasattr(file, "fact") else 2 if hasattr(file, "changes") else 1
    require(file.version == version, f"{kind} version {file.version} is unknown")
    channel = Channel(file.config)
    channel.follow(changes)
    _say_channel(channel, channel_id, say)
    if hasattr(file, "subject"):
        _check_bundle(channel, file, say)
        return
    if hasattr(file, "fact"):
        check_fact(channel, file, say, _say_transaction)
        return
    require(file.transaction or file.state, "the proof file shows nothing")
    if file.transaction is not None:
        _say_transaction(check_transaction(channel, file.transaction), say)
    if file.state is not None:
        _check_fact(channel, file.state, say)


def _read(data: bytes) -> SimpleNamespace:
    """The kinds of file have no mark; they differ in the number of fields."""
    at = fields = 0
    while at < len(data):
        at += 4 + int.from_bytes(data[at : at + 4], "big")
        fields += 1
    kind = "EvidenceBundle" if fields > 5 else "ProofFile"
    version = int.from_bytes(data[4:12], "big")
    later = (
        "V3" if fields == 5 and version == 3 else "V2" if fields in (5, 7) and version == 2 else ""
    )
    file: SimpleNamespace = decode(kind + later, data)
    return file


def _check_bundle(channel: Channel, bundle: SimpleNamespace, say: Say) -> None:
    say(f"subject {bundle.subject!r}")
    parts = [*bundle.transactions, *bundle.states]
    require(len(parts) > 0, "the evidence bundle shows nothing")
    transactions = []
    for proof in bundle.transactions:
        transactions.append(check_transaction(channel, proof))
        _say_transaction(transactions[-1], say)
    for fact in bundle.states:
        _check_fact(channel, fact, say)
    payments = [_check_quoted(data, transactions, say) for data in bundle.payments]
    for log_id in {payment.proof.log_id for payment in payments}:
        check_log([payment for payment in payments if payment.proof.log_id == log_id])


def _check_quoted(data: bytes, transactions: list[Transaction], say: Say) -> Payment:
    """A payment proof that one of the bundle's transactions accepted."""
    proof, text = decode("PaymentProof", data), base64.b64encode(data).decode()
    accepted = [tx for tx in transactions if tx.accepted]
    quoting = [tx for tx in accepted if tx.arguments.get("proof") == text]
    require(len(quoting) > 0, "a payment proof was accepted by none of the transactions")
    keys = {key for tx in accepted if tx.body.contract == "dcep" for key in keys_in(tx.arguments)}
    roots = [key for key in keys if log_id_of(key) == proof.log_id]
    require(len(roots) > 0, "no accepted transaction registers the log of a payment")
    called = quoting[0].body
    kinds = KINDS_OF_CALL.get((called.contract, called.method), PAYS)
    payment, point = check_payment(data, roots[0], kinds), proof.point
    say(f"payment {point.txid.hex()}:{point.output_index} of log {proof.log_id.hex()}")
    say("  " + ", ".join(f"{name} {_shown(value)}" for name, value in payment.fields.items()))
    say(f"  accepted by transaction {quoting[0].tx_id.hex()}")
    return payment


def _check_fact(channel: Channel, fact: SimpleNamespace, say: Say) -> None:
    require(fact.version == 1, f"state fact version {fact.version} is unknown")
    settled = channel.check(fact.settled, "settled header")
    check_state(channel.suite, settled.state_root, fact.key, fact.value, fact.proof)
    after = max(settled.height - channel.window, 0)
    say(f"state after block {after}: {_shown_key(fact.key)}")
    say(f"  {'is absent' if fact.value is None else '= ' + _shown_value(fact.value)}")


def _say_channel(channel: Channel, trusted: bytes | None, say: Say) -> None:
    n = len(channel.validators)
    names = ", ".join(validator.name for validator in channel.validators)
    say(f"channel {channel.config.name!r} {channel.channel_id.hex()}")
    needed = seals_needed(channel.kind, n)
    say(f"  suite {SUITE_NAMES[channel.suite]}, W = {channel.window}, {needed} of {n}: {names}")
    if channel.kind == "raft":
        say("  consensus raft: its members are trusted not to lie")
    if trusted is None:
        say("  the channel id was not compared: pass --channel with the one you trust")
    else:
        require(trusted == channel.channel_id, "the file is of another channel than the one given")
        say("  it is the channel given")


def _say_transaction(tx: Transaction, say: Say) -> None:
    body, receipt = tx.body, tx.receipt
    say(f"transaction {tx.tx_id.hex()}: {body.contract}.{body.method} version {body.version}")
    say(f"  by {body.sender.hex()}, request {body.request_id!r}")
    say(f"  block {tx.height}, index {tx.index}, {_time(tx.timestamp_ms)}")
    code = f" {receipt['code']}" if receipt["code"] else ""
    say(f"  outcome {receipt['outcome']}{code}, gas {receipt['gas_used']}")


def _time(ms: int) -> str:
    if ms >= 253_402_300_800_000:  # the year 10000, which datetime cannot show
        return f"{ms} ms"
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def _shown(value: object) -> str:
    try:
        return value.hex() if isinstance(value, bytes) else str(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return "(a number too long to print)"


def _shown_key(key: bytes) -> str:
    try:
        contract, name, inner = decode_key(key)
    except Invalid:  # proven all the same: the tree holds any bytes
        return key.hex()
    return f"{contract}.{name}" + ("" if inner is None else f"[{_shown(inner)}]")


def _shown_value(value: bytes) -> str:
    try:
        return _shown(decode_value(value))
    except Invalid:
        return f"bytes {value.hex()}"
