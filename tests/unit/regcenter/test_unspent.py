"""Proofs that a coin is unspent or that no such coin is: golden ones, hostile ones, and those of a center."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.encoding import Hash, decode, encode
from consensus.payment import CoinState, Kind
from consensus.payment_proof import ProofRefused
from consensus.unspent_proof import HeadExtension
from deploy.regcenter.audit import audit
from deploy.regcenter.center import Center
from deploy.regcenter.client import Wallet
from deploy.regcenter.operations import Refresh
from deploy.regcenter.requests import CoinQuery, RotateQuery
from deploy.regcenter.unspent import LAG_MS
from tests.damage import flipped
from tests.oracle import payments as independent
from tests.oracle.structures import Invalid
from tests.unit.regcenter.desk_world import City, refusal
from tests.unit.regcenter.unspent_vectors import BROKEN, FILE, check, proof_of, said

ROWS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
FLIPPED = bytes.fromhex(ROWS[0]["proof"])


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path / "center")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what"])
def test_two_verifiers_read_a_golden_proof_as_written(row: dict[str, Any]) -> None:
    data, root_key = bytes.fromhex(row["proof"]), bytes.fromhex(row["root_key"])
    if "refused" in row:
        with pytest.raises(ProofRefused) as refused:
            check(data, root_key)
        assert refused.value.code == row["refused"]
        with pytest.raises(Invalid):
            independent.check_unspent(data, root_key)
        return
    assert said(check(data, root_key)) == row["says"]
    coin = independent.check_unspent(data, root_key).coin
    shown = coin and {
        "value_fen": coin.value_fen,
        "owner": coin.owner.hex(),
        "state": coin.state,
    }
    assert shown == row["says"]["coin"]


def test_the_golden_proofs_show_every_way_that_was_chosen() -> None:
    assert [row["refused"] for row in ROWS if "refused" in row] == [code for _, code, _ in BROKEN]
    assert [row["what"] for row in ROWS if "says" in row] == ["unspent", "spent", "never made"]


@settings(max_examples=150, deadline=None)
@given(bit=st.integers(0, 8 * len(FLIPPED) - 1))
def test_no_bit_of_a_proof_is_free(bit: int) -> None:
    data = bytearray(FLIPPED)
    data[bit >> 3] ^= 1 << (bit & 7)
    with pytest.raises(ProofRefused):
        check(bytes(data), bytes.fromhex(ROWS[0]["root_key"]))


def test_a_coin_is_proven_unspent_then_locked_or_frozen_then_gone(city: City) -> None:
    root_key = city.money.center.root_key
    free = check(encode(proof_of(city, city.wallet, city.coin)), root_key, city.now_ms).coin
    assert free is not None and (free.value_fen, free.state) == (600, CoinState.UNSPENT)
    city.money.process(city.send(city.aml, city.coin, kind=Kind.FREEZE, purpose="2026-1"))
    frozen = check(encode(proof_of(city, city.wallet, city.coin)), root_key).coin
    assert frozen is not None and frozen.state == CoinState.FROZEN
    city.money.process(city.send(city.aml, city.coin, kind=Kind.UNFREEZE, purpose="2026-1"))
    city.money.process(city.send(city.wallet, city.coin, (city.other.address, 600)))
    gone = check(encode(proof_of(city, city.wallet, city.coin)), root_key)
    assert gone.coin is None and gone.size == city.money.center.latest.head.tree_size


def test_only_its_owner_learns_of_a_coin_and_anybody_that_there_is_none(city: City) -> None:
    city.money.process(Refresh(with_map=True))
    assert refusal(city.read, city.other, CoinQuery(city.coin)) == "RC_UNAUTHORISED"
    nobody = Hash(secrets.token_bytes(32))
    assert (
        check(encode(proof_of(city, city.other, nobody)), city.money.center.root_key).coin is None
    )


def test_a_proof_of_another_center_or_of_another_time_is_refused(city: City) -> None:
    data, root_key = encode(proof_of(city, city.wallet, city.coin)), city.money.center.root_key
    for now_ms, key, code in (
        (city.now_ms, Wallet.generate().public_key, "E_PROOF_LOG"),
        (city.now_ms + 60_001, root_key, "E_PROOF_STALE"),
        (city.now_ms - 5_001, root_key, "E_PROOF_FUTURE"),
    ):
        with pytest.raises(ProofRefused) as refused:
            check(data, key, now_ms)
        assert refused.value.code == code


def test_heads_take_the_map_in_every_two_seconds_and_a_proof_is_of_a_head_that_has_it(
    city: City,
) -> None:
    center = city.money.center

    def size() -> int:
        return decode(HeadExtension, center.latest.head.ext).unspent_size

    city.money.process(Refresh(with_map=True))
    mapped = size()
    city.money.fund(city.other, 5)
    assert size() == mapped < center.latest.head.tree_size and not center.is_mapped
    assert center.mapped is not None and center.mapped.signed.head.tree_size == mapped
    city.now_ms += LAG_MS
    city.money.fund(city.other, 5)
    assert size() > mapped
    found = check(encode(proof_of(city, city.wallet, city.coin)), center.root_key, city.now_ms)
    assert found.size == center.latest.head.tree_size


def test_what_was_not_in_the_map_when_the_center_stopped_is_found_from_the_log(
    city: City,
) -> None:
    center = city.money.center
    city.money.process(Refresh(with_map=True))
    city.money.process(city.send(city.wallet, city.coin, (city.other.address, 600)))
    assert center.ledger.books.unspent.is_behind
    center.close()
    city.money.center = again = Center.open(center.directory, lambda: city.now_ms)
    assert again.ledger.books.unspent.is_behind
    audit(again)
    assert check(encode(proof_of(city, city.wallet, city.coin)), again.root_key).coin is None
    audit(again)


def test_a_rotated_key_signs_the_map_in(city: City) -> None:
    city.ask(city.root, RotateQuery(0))
    data = encode(proof_of(city, city.wallet, city.coin))
    assert check(data, city.money.center.root_key, city.now_ms).coin is not None


def test_a_changed_map_is_found_when_the_center_is_recomputed(city: City) -> None:
    for _ in range(12):
        city.money.fund(city.other, 5)
    city.money.process(Refresh(with_map=True))
    store = city.money.center.store
    pages = list(store.items(b"P"))
    assert pages
    store.write({b"P" + key: flipped(data) for key, data in pages})
    assert refusal(audit, city.money.center) == "RC_DAMAGED"
