"""The fast way to commit to a payment's fields is the documented way."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from consensus.encoding import Hash, Sig
from consensus.payment import (
    CoinOutput,
    CoinTransaction,
    Kind,
    SignedCoinTransaction,
    coin_tx_digest,
    coin_tx_digests,
    coin_txid,
    field_commitment,
)
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
