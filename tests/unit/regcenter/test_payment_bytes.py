"""Golden bytes of money's structures, built here by hand from the rules on paper.

Nothing of consensus/ makes the expected side: a structure is its fields in order, each after its 4-byte
length; a digest is SM3 over `len(tag) | tag | 01 | structure` (decisions 1.3, dcep.md 3.2 to 3.5).
"""

from __future__ import annotations

import hashlib

from consensus import payment
from consensus.encoding import Hash, Sig, decode, encode
from consensus.payment import (
    CoinOutput,
    CoinPoint,
    CoinTransaction,
    Disclosure,
    Kind,
    LogEntry,
    LogKey,
    PaymentReference,
    ProofGrant,
    TreeHead,
    WalletBinding,
)
from consensus.payment_lock import Condition, LockTerms, lock_address


def sm3(data: bytes) -> bytes:
    return hashlib.new("sm3", data).digest()


def word(text: str) -> Hash:
    return Hash(sm3(text.encode()))


def framed(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4) + field for field in fields)


def number(value: int) -> bytes:
    return value.to_bytes(8)


def listed(*items: bytes) -> bytes:
    return len(items).to_bytes(4) + framed(*items)


def tagged(tag: str, *parts: bytes) -> bytes:
    name = f"citychain/{tag}/v1".encode()
    return sm3(bytes((len(name),)) + name + b"\x01" + b"".join(parts))


KEY = b"\x04" + word("x") + word("y")
SALT = bytes(range(16))
POINT = CoinPoint(word("transaction"), 3)
POINT_BYTES = framed(word("transaction"), number(3))


def test_the_payment_reference_of_story_step_10() -> None:
    """QB owes XY 49,309,514 fen for leaf EC-2026-SZ-000001/2/1; the value is golden."""
    reference = PaymentReference(
        salt=SALT,
        channel_id=word("scf-px"),
        contract="financing",
        obligation_id="EC-2026-SZ-000001/2/1",
        instalment=1,
        amount_fen=49_309_514,
        ccy="CNY",
        payee=word("XY"),
    )
    body = framed(
        SALT, word("scf-px"), b"financing", b"EC-2026-SZ-000001/2/1", number(1),
        number(49_309_514), b"CNY", word("XY"),
    )  # fmt: skip
    assert encode(reference) == body
    found = payment.payment_reference(sm3, reference)
    assert found == tagged("payref", body)
    assert found.hex() == GOLDEN_REFERENCE


GOLDEN_REFERENCE = "c4b04002b1acd976ea1292b72f8e5b2747055767e8777a4f7ce87748209c9983"


def test_addresses_and_coins_are_hashes_of_what_they_name() -> None:
    assert payment.wallet_address(sm3, KEY) == tagged("address", framed(number(1), KEY))
    assert payment.coin_id(sm3, POINT) == tagged("coin", POINT_BYTES)
    assert payment.log_id(sm3, KEY) == tagged("log-id", KEY)
    assert payment.key_id(sm3, KEY) == tagged("identity", KEY)
    expected = tagged("nullifier", framed(word("log"), POINT_BYTES))
    assert payment.nullifier(sm3, word("log"), POINT) == expected
    binding = WalletBinding(word("channel"), "XY", word("address"))
    expected = tagged("wallet-binding", framed(word("channel"), b"XY", word("address")))
    assert payment.binding_digest(sm3, binding) == expected


def test_a_coin_transaction_is_named_without_and_signed_with_its_center() -> None:
    tx = CoinTransaction(
        version=1,
        kind=int(Kind.TRANSFER),
        ccy="CNY",
        inputs=(word("coin"),),
        outputs=(CoinOutput(7, word("to"), word("reference")),),
        purpose="goods",
        time_ms=1_796_688_000_000,
        salt=SALT,
    )
    body = framed(
        number(1), number(3), b"CNY", listed(word("coin")),
        listed(framed(number(7), word("to"), word("reference"))), b"goods",
        number(1_796_688_000_000), SALT,
    )  # fmt: skip
    assert encode(tx) == body
    assert decode(CoinTransaction, body) == tx
    assert payment.coin_txid(sm3, tx) == tagged("coin-tx", body)
    assert payment.coin_tx_digest(sm3, word("log"), tx) == tagged("coin-tx-sign", word("log"), body)


def test_entries_heads_and_keys_of_the_log() -> None:
    entry = LogEntry(1, word("transaction"), 3, word("fields"))
    name = b"citychain/log-entry/v1"
    body = framed(number(1), word("transaction"), listed(number(3)), word("fields"))
    assert payment.entry_bytes(entry) == bytes((len(name),)) + name + b"\x01" + body
    none = LogEntry(1, word("transaction"), None, word("fields"))
    assert encode(none) == framed(number(1), word("transaction"), listed(), word("fields"))
    head = TreeHead(1, word("log"), 8, 9, word("root"), word("key"), b"")
    body = framed(number(1), word("log"), number(8), number(9), word("root"), word("key"), b"")
    assert payment.tree_head_digest(sm3, head) == tagged("tree-head", body)
    key = LogKey(1, word("log"), KEY, False, 5, 6)
    body = framed(number(1), word("log"), KEY, b"\x00", number(5), number(6))
    assert payment.log_key_digest(sm3, key) == tagged("log-key", body)
    grant = ProofGrant(word("log"), POINT, SALT, 10)
    body = framed(word("log"), POINT_BYTES, SALT, number(10))
    assert payment.grant_digest(sm3, grant) == tagged("payment-grant", body)


def test_fields_are_committed_one_by_one_and_sorted_before_they_are_hashed() -> None:
    opened = Disclosure("amount_fen", number(7), SALT)
    commitment = tagged("payment-field", framed(b"amount_fen", number(7), SALT))
    assert payment.field_commitment(sm3, opened) == commitment
    other = word("another commitment")
    left, right = sorted((commitment, bytes(other)))
    expected = sm3(b"\x01" + sm3(b"\x00" + left) + sm3(b"\x00" + right))
    for order in ((Hash(commitment), other), (other, Hash(commitment))):
        assert payment.fields_root(sm3, order) == expected


def test_signatures_have_their_one_width() -> None:
    signed = payment.SignedTreeHead(
        TreeHead(1, word("log"), 8, 9, word("root"), word("key"), b""), Sig(bytes(64))
    )
    assert encode(signed)[-68:] == (64).to_bytes(4) + bytes(64)


def test_a_locked_coin_is_owned_by_the_hash_of_its_terms() -> None:
    terms = LockTerms(
        version=1, payer=word("payer"), payee=word("payee"), amount_fen=600,
        condition=int(Condition.MULTISIG), program_hash=Hash(bytes(32)), after_ms=0,
        arbiters=(word("arbiter"),), threshold=1, expires_ms=1_800_000_000_000, salt=SALT,
    )  # fmt: skip
    body = framed(
        number(1), word("payer"), word("payee"), number(600), number(3), bytes(32), number(0),
        listed(word("arbiter")), number(1), number(1_800_000_000_000), SALT,
    )  # fmt: skip
    assert encode(terms) == body
    assert lock_address(sm3, terms) == tagged("address", framed(number(4), body))
