"""The fast way to commit to a payment's fields is the documented way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.encoding import ZERO_HASH, EncodingError, Hash, Sig, decode, encode
from consensus.payment import (
    Coin,
    CoinOutput,
    CoinPoint,
    CoinState,
    CoinTransaction,
    Kind,
    LogEntry,
    SignedCoinTransaction,
    coin_id,
    coin_tx_digest,
    coin_tx_digests,
    coin_txid,
    entry_bytes,
    field_commitment,
    wallet_address,
)
from deploy.regcenter import packed
from deploy.regcenter.fields import commitments, disclosures
from deploy.regcenter.hashing import sm3
from deploy.regcenter.model import TxRecord
from tests.unit.regcenter.test_center import Bench
from tests.unit.suite.center_world import NOW

HASHES = st.binary(min_size=32, max_size=32).map(Hash)


@given(
    kind=st.sampled_from(Kind),
    values=st.lists(st.integers(1, (1 << 53) - 1), min_size=1, max_size=3),
    owner=HASHES,
    payer=HASHES,
    seed=HASHES,
    purpose=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64),
)
def test_commitments_are_those_of_the_disclosures(
    kind: Kind, values: list[int], owner: Hash, payer: Hash, seed: Hash, purpose: str
) -> None:
    outputs = tuple(CoinOutput(value, owner, payer) for value in values)
    tx = CoinTransaction(1, int(kind), "CNY", (), outputs, purpose, NOW, bytes(16))
    record = TxRecord(SignedCoinTransaction(tx, b"", Sig(bytes(64))), payer, NOW, 0, seed)
    for index in range(len(values)):
        opened = disclosures(record, index)
        assert commitments(record, index) == [field_commitment(sm3, d) for d in opened]
    assert coin_tx_digests(sm3, owner, tx) == (
        coin_txid(sm3, tx),
        coin_tx_digest(sm3, owner, tx),
    )


def test_one_bad_signature_in_a_large_batch_is_the_only_refusal(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "center")
    coins = [bench.money.fund(bench.wallet, 10) for _ in range(12)]
    good = [
        bench.signed(bench.wallet, bench.tx(Kind.TRANSFER, [coin], (bench.other.address, 10)))
        for coin in coins
    ]
    bad = SignedCoinTransaction(good[5].tx, good[5].public_key, good[6].signature)
    outcomes = bench.money.center.process([*good[:5], bad, *good[6:]])
    codes = [getattr(outcome, "code", None) for outcome in outcomes]
    assert codes == [None] * 5 + ["RC_SIGNATURE"] + [None] * 6
    assert bench.money.center.totals.conserved()
    bench.money.center.close()


@given(
    owner=HASHES,
    other=HASHES,
    value=st.integers(1, (1 << 53) - 1),
    index=st.integers(0, 255),
    state=st.sampled_from(CoinState),
    public_key=st.binary(min_size=65, max_size=65),
    purpose=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64),
)
def test_packed_bytes_are_the_encoded_ones(
    owner: Hash,
    other: Hash,
    value: int,
    index: int,
    state: CoinState,
    public_key: bytes,
    purpose: str,
) -> None:
    point = CoinPoint(other, index)
    coin = Coin(1, owner, point, value, "CNY", other, 4, owner, value, int(state), other)
    assert packed.pack_coin(coin) == encode(coin)
    assert packed.unpack_coin(encode(coin)) == coin
    assert packed.coin_id_of(other, index) == coin_id(sm3, point)
    assert packed.address_of(public_key) == wallet_address(sm3, public_key)
    entry = LogEntry(1, other, index, owner)
    assert packed.pack_entry(entry) == encode(entry)
    assert packed.ENTRY_HEAD + encode(entry) == entry_bytes(entry)
    outputs = (CoinOutput(value, owner, other),) * 2
    tx = CoinTransaction(1, 3, "CNY", (owner, other), outputs, purpose, NOW, bytes(16))
    signed = SignedCoinTransaction(tx, public_key, Sig(bytes(64)))
    record = TxRecord(signed, owner, NOW, index, other)
    assert packed.pack_record(record, encode(tx)) == encode(record)
    assert packed.tx_digests(owner, encode(tx)) == coin_tx_digests(sm3, owner, tx)


@pytest.mark.parametrize("at", [3, 47, 96, 120, 122])
def test_a_coin_with_a_wrong_length_prefix_is_refused(at: int) -> None:
    coin = Coin(
        1, ZERO_HASH, CoinPoint(ZERO_HASH, 0), 1, "CNY", ZERO_HASH, 1, ZERO_HASH, 0, 1, ZERO_HASH
    )
    data = bytearray(encode(coin))
    data[at] ^= 1
    try:
        expected = decode(Coin, bytes(data))
    except EncodingError:
        with pytest.raises(EncodingError):
            packed.unpack_coin(bytes(data))
    else:
        assert packed.unpack_coin(bytes(data)) == expected or expected.ccy != "CNY"
    with pytest.raises(EncodingError):
        packed.unpack_coin(bytes(data) + b"x")
