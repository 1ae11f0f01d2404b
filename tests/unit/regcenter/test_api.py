"""The center's HTTP interface: strict JSON, signed requests, and who may see what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from consensus import merkle
from consensus.center_request import (
    ACTION_AUTHORITY,
    ACTION_COINS,
    ACTION_ENTRY,
    ACTION_OPERATOR,
    ACTION_PAYMENT,
    AuthorityQuery,
    CenterRequest,
    CoinsQuery,
    Delegation,
    EntryQuery,
    OperatorQuery,
    PaymentQuery,
    SignedDelegation,
    delegation_digest,
)
from consensus.encoding import ZERO_HASH, Hash, Sig, decode, encode
from consensus.payment import (
    FIELDS,
    CoinOutput,
    CoinPoint,
    CoinTransaction,
    Kind,
    PaymentProof,
    coin_id,
    tree_head_digest,
)
from consensus.payment_lock import Condition, LockTerms
from consensus.payment_proof import TrustedLog, check_proof
from deploy.regcenter.api import make_app
from deploy.regcenter.api_common import WRITER
from deploy.regcenter.client import (
    CenterClient,
    CenterRefused,
    Payment,
    Wallet,
    authorization,
    sign_transaction,
)
from deploy.regcenter.clock import real_ms
from deploy.regcenter.hashing import sm3
from deploy.regcenter.strict_json import transaction_view
from node.identity.suite import get_suite
from tests.damage import flipped
from tests.unit.suite.center_world import Money

VERIFY = get_suite("sm").verify


class Service:
    """The application on a loopback port, with a funded buyer."""

    def __init__(self, directory: Path) -> None:
        self.money = Money(directory, real_ms)
        self.center = self.money.center
        self.buyer, self.seller, self.stranger = (Wallet.generate() for _ in range(3))
        self.coin = self.money.fund(self.buyer, 1_000)
        self.app = make_app(self.center)
        self.http: TestClient[Any, Any]
        self.client: CenterClient

    async def answer(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        response = await self.http.request(method, path, **options)
        return response.status, await response.json()

    async def refused(self, code: str, status: int, method: str, path: str, **options: Any) -> None:
        totals = self.center.totals
        found = await self.answer(method, path, **options)
        assert (found[0], found[1]["error"]["code"]) == (status, code), found
        assert set(found[1]["error"]) == {"code", "message", "detail", "next"}
        assert self.center.totals == totals

    def header(self, wallet: Wallet, action: str, body: object, **changes: Any) -> dict[str, str]:
        values = {
            "log_id": self.center.log_id,
            "action": action,
            "body": encode(body),
            "time_ms": real_ms(),
            "nonce": bytes(16),
        }
        return authorization(wallet.signer, CenterRequest(**{**values, **changes}))


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    found = Service(tmp_path / "center")
    async with TestClient(TestServer(found.app)) as http:
        found.http = http
        async with CenterClient(str(http.make_url("/"))) as client:
            found.client = client
            yield found
    found.center.close()


def good_body(service: Service) -> dict[str, Any]:
    made = CoinTransaction(
        1, int(Kind.TRANSFER), "CNY", (service.coin,),
        (CoinOutput(1_000, service.seller.address, ZERO_HASH),), "", real_ms(), bytes(16),
    )  # fmt: skip
    return transaction_view(sign_transaction(service.buyer, service.center.log_id, made))


async def post(service: Service, body: bytes) -> tuple[int, Any]:
    return await service.answer("POST", "/tx", data=body)


async def test_the_view_of_a_transaction_is_accepted_as_it_is(service: Service) -> None:
    status, found = await post(service, json.dumps(good_body(service)).encode())
    assert status == 200
    assert (found["kind"], found["outputs"]) == ("TRANSFER", 1)


async def test_json_that_is_not_strict_is_refused(service: Service) -> None:
    good = good_body(service)
    text = json.dumps(good)
    tx = good["tx"]
    bodies = [
        text.replace('"ccy": "CNY"', '"ccy": "USD", "ccy": "CNY"'),
        text.replace('"value_fen": 1000', '"value_fen": 1000.0'),
        text.replace('"value_fen": 1000', '"value_fen": 1e3'),
        text.replace('"value_fen": 1000', '"value_fen": NaN'),
        text.replace('"value_fen": 1000', '"value_fen": -1'),
        text.replace('"value_fen": 1000', '"value_fen": true'),
        text.replace('"value_fen": 1000', '"value_fen": "1000"'),
        text.replace('"value_fen": 1000', '"value_fen": ' + "9" * 4_000),
        text.replace('"kind": "TRANSFER"', '"kind": "GIFT"'),
        json.dumps({**good, "memo": "x"}),
        json.dumps({**good, "tx": {**tx, "fee": 0}}),
        json.dumps({**good, "tx": {k: v for k, v in tx.items() if k != "salt"}}),
        json.dumps({**good, "signature": good["signature"].upper()}),
        json.dumps({**good, "signature": good["signature"][2:]}),
        json.dumps({**good, "tx": {**tx, "inputs": tx["inputs"][0]}}),
        json.dumps({**good, "tx": {**tx, "inputs": ["zz" * 32]}}),
        json.dumps([good]),
        text + " {}",
        "",
        "[" * 100_000,
        '"\ud800"',
    ]
    for body in bodies:
        await service.refused("RC_JSON", 400, "POST", "/tx", data=body.encode("utf-8", "replace"))
    await service.refused("RC_JSON", 400, "POST", "/tx", data=b"\xff\xfe")
    short_salt = json.dumps({**good, "tx": {**tx, "salt": "00"}}).encode()
    await service.refused("RC_ENCODING", 400, "POST", "/tx", data=short_salt)
    await service.refused("RC_JSON", 413, "POST", "/tx", data=b" " * 300_000)
    status, _ = await post(service, text.encode())
    assert status == 200, "the unchanged body is good"


async def test_queries_are_strict_too(service: Service) -> None:
    for path in (
        "/sth?size=x", "/sth?size=-1", "/sth?size=1&size=1", "/sth?other=1", "/inclusion?size=1",
        "/consistency?first=1", "/status?x=1", "/consistency?first=1&second=" + "9" * 30,
    ):  # fmt: skip
        await service.refused("RC_QUERY", 400, "GET", path)
    await service.refused("RC_NOT_FOUND", 404, "GET", "/nothing")
    await service.refused("RC_NOT_FOUND", 405, "GET", "/tx")
    await service.refused("RC_NOT_FOUND", 404, "GET", "/sth?size=999")
    await service.refused("RC_RANGE", 422, "GET", "/consistency?first=1&second=999")
    await service.refused("RC_RANGE", 422, "GET", "/consistency?first=0&second=1")
    await service.refused("RC_RANGE", 422, "GET", f"/inclusion?leaf={'00' * 32}&size=999")
    await service.refused("RC_NOT_FOUND", 404, "GET", f"/inclusion?leaf={'00' * 32}&size=1")


async def test_heads_inclusion_and_consistency_fit_together(service: Service) -> None:
    client, center = service.client, service.center
    first = (await client.tree_head()).head
    paid = await client.transfer(service.buyer, [Payment(service.seller.address, 400)])
    assert (await client.tree_head(first.tree_size)).head == first
    latest = await client.tree_head()
    head_key = (await client.keys()).key_chain[-1].key.public_key
    assert VERIFY(head_key, tree_head_digest(sm3, latest.head), latest.signature)
    path = await client.consistency(first.tree_size, latest.head.tree_size)
    assert merkle.verify_consistency(
        sm3, first.tree_size, latest.head.tree_size, first.root, latest.head.root, path
    )
    header = service.header(service.seller, ACTION_ENTRY, EntryQuery(paid.first_leaf))
    status, found = await service.answer("GET", f"/entry?index={paid.first_leaf}", headers=header)
    assert status == 200
    leaf = sm3(b"\x00" + bytes.fromhex(found["entry"]))
    index, steps = await client.inclusion(leaf, latest.head.tree_size)
    assert index == paid.first_leaf
    assert merkle.verify_inclusion(sm3, leaf, index, latest.head.tree_size, steps, latest.head.root)
    stranger = service.header(service.stranger, ACTION_ENTRY, EntryQuery(paid.first_leaf))
    await service.refused(
        "RC_UNAUTHORISED", 403, "GET", f"/entry?index={paid.first_leaf}", headers=stranger
    )
    assert center.totals.conserved()


async def test_only_payer_payee_or_their_delegate_get_a_proof(service: Service) -> None:
    client = service.client
    paid = await client.transfer(
        service.buyer, [Payment(service.seller.address, 400), Payment(service.stranger.address, 1)]
    )
    trusted = TrustedLog(service.center.root_key)
    for wallet in (service.buyer, service.seller):
        data = await client.payment_proof(wallet, paid.txid, 0)
        assert check_proof(sm3, VERIFY, data, trusted, real_ms()).amount_fen == 400
    with pytest.raises(CenterRefused) as refusal:
        await client.payment_proof(service.stranger, paid.txid, 0)
    assert refusal.value.code == "RC_UNAUTHORISED"
    # The payee of output 1 lets a delegate ask for output 1, and for nothing else.
    point = CoinPoint(Hash(paid.txid), 1)
    delegate = Wallet.generate()
    given = Delegation(service.center.log_id, point, delegate.address, real_ms() + 3_600_000)
    signature = Sig(service.stranger.signer.sign(delegation_digest(sm3, given)))
    permit = SignedDelegation(given, service.stranger.public_key, signature)
    data = await client.payment_proof(delegate, paid.txid, 1, delegation=permit)
    assert decode(PaymentProof, data).point == point
    late = Delegation(service.center.log_id, point, delegate.address, real_ms() - 1)
    wrong = [
        (delegate, 0, permit),
        (Wallet.generate(), 1, permit),
        (delegate, 1, SignedDelegation(given, service.stranger.public_key, Sig(bytes(64)))),
        (delegate, 1, SignedDelegation(late, service.stranger.public_key, Sig(
            service.stranger.signer.sign(delegation_digest(sm3, late))))),
        (delegate, 1, SignedDelegation(given, delegate.public_key, Sig(
            delegate.signer.sign(delegation_digest(sm3, given))))),
    ]  # fmt: skip
    for wallet, index, bad in wrong:
        with pytest.raises(CenterRefused) as refusal:
            await client.payment_proof(wallet, paid.txid, index, delegation=bad)
        assert refusal.value.code == "RC_UNAUTHORISED"


async def test_a_proof_opens_only_the_fields_asked_for(service: Service) -> None:
    paid = await service.client.transfer(service.buyer, [Payment(service.seller.address, 400)])
    fields = ("kind", "regime", "status", "time_ms")
    data = await service.client.payment_proof(service.seller, paid.txid, 0, fields=fields)
    found = check_proof(sm3, VERIFY, data, TrustedLog(service.center.root_key), real_ms())
    assert (found.status, found.amount_fen, found.payer) == ("FINAL", None, None)
    assert len(found.proof.hidden) == len(FIELDS) - 4
    with pytest.raises(CenterRefused) as refusal:
        await service.client.payment_proof(service.seller, paid.txid, 0, fields=("colour",))
    assert refusal.value.code == "RC_QUERY"


async def test_a_signed_request_serves_one_center_action_body_and_minute(service: Service) -> None:
    paid = await service.client.transfer(service.buyer, [Payment(service.seller.address, 400)])
    point = CoinPoint(Hash(paid.txid), 0)
    body = PaymentQuery(point, 0, (), None)
    path = f"/payment?txid={paid.txid.hex()}&index=0&view=proof"
    header = service.header
    good = header(service.seller, ACTION_PAYMENT, body)
    signed = bytes.fromhex(good["Authorization"].removeprefix("SM2 "))
    bad = [
        {},
        {"Authorization": "Bearer x"},
        header(service.seller, ACTION_COINS, body),
        header(service.seller, ACTION_PAYMENT, CoinsQuery(ZERO_HASH)),
        header(service.seller, ACTION_PAYMENT, body, log_id=ZERO_HASH),
        header(service.seller, ACTION_PAYMENT, body, time_ms=real_ms() - 61_000),
        header(service.seller, ACTION_PAYMENT, body, time_ms=real_ms() + 3_600_000),
        {"Authorization": f"SM2 {flipped(signed).hex()}"},
        {"Authorization": good["Authorization"] + "00"},
    ]
    for wrong in bad:
        await service.refused("RC_REQUEST", 401, "GET", path, headers=wrong)
    await service.refused("RC_JSON", 400, "GET", path, headers={"Authorization": "SM2 zz"})
    other = path.replace("index=0", "index=1")
    await service.refused("RC_REQUEST", 401, "GET", other, headers=good)
    await service.refused(
        "RC_QUERY", 400, "GET", path.replace("view=proof", "view=page"), headers=good
    )
    nothing = PaymentQuery(CoinPoint(Hash(sm3(b"x")), 0), 0, (), None)
    await service.refused(
        "RC_NOT_FOUND", 404, "GET", f"/payment?txid={sm3(b'x').hex()}&index=0&view=proof",
        headers=header(service.seller, ACTION_PAYMENT, nothing),
    )  # fmt: skip
    ahead = PaymentQuery(point, 10_000, (), None)
    await service.refused(
        "RC_RANGE", 422, "GET", path, headers=header(service.seller, ACTION_PAYMENT, ahead)
    )
    status, _ = await service.answer("GET", path, headers=good)
    assert status == 200


async def test_only_the_root_key_registers_banks(service: Service) -> None:
    key = Wallet.generate().public_key
    with pytest.raises(CenterRefused) as refusal:
        await service.client.register_operator(service.buyer.signer, "NB", key, 5)
    assert refusal.value.code == "RC_UNAUTHORISED"
    await service.client.register_operator(service.center.keys.root, "NB", key, 5)
    assert (await service.client.status())["operators"] == ["NB", "QB"]


async def test_a_request_that_is_sent_again_places_no_more_reserve(service: Service) -> None:
    """Whoever overhears the request within its minute makes no money of it, after a restart neither."""
    root = Wallet(service.center.keys.root)
    body = OperatorQuery("NB", Wallet.generate().public_key, 5)
    first = service.header(root, ACTION_OPERATOR, body)
    for _ in range(2):
        status, answer = await service.answer("POST", "/operator", headers=first)
        assert (status, answer["name"], answer["reserve_fen"]) == (200, "NB", 5)
    second = service.header(root, ACTION_OPERATOR, body, nonce=bytes(15) + b"1")
    assert (await service.answer("POST", "/operator", headers=second))[1]["reserve_fen"] == 10


async def test_many_payments_at_once_keep_every_fen(service: Service) -> None:
    """Forty payers at the same time: batches form, heads are signed once a batch, nothing is lost."""
    wallets = [Wallet.generate() for _ in range(40)]
    for wallet in wallets:
        service.money.fund(wallet, 100)
    before = service.center.totals.tree_size
    paid = await asyncio.gather(
        *(service.client.transfer(w, [Payment(service.seller.address, 60)]) for w in wallets)
    )
    assert len({item.txid for item in paid}) == 40
    assert await service.client.balance(service.seller) == 40 * 60
    assert [await service.client.balance(w) for w in wallets] == [40] * 40
    assert service.center.totals.tree_size == before + 80
    heads = {item.tree_size for item in paid}
    assert len(heads) <= 40


async def test_a_wallet_with_many_coins_is_listed_in_pages(service: Service) -> None:
    small = [Payment(service.seller.address, 1)] * 250
    coin = service.money.fund(service.buyer, 250)
    service.money.send(Kind.TRANSFER, service.buyer, [coin], small)
    coins = await service.client.coins(service.seller)
    assert len(coins) == 250
    assert len({coin for coin, _ in coins}) == 250


async def test_a_stopped_writer_answers_that_it_is_closed(service: Service) -> None:
    await service.app[WRITER].stop()
    await service.refused(
        "RC_CLOSED", 503, "POST", "/tx", data=json.dumps(good_body(service)).encode()
    )


async def test_a_broken_writer_is_noticed_and_nobody_waits_for_ever(service: Service) -> None:
    service.center.store.close()
    body = json.dumps(good_body(service)).encode()
    found = await service.answer("POST", "/tx", data=body)
    assert found[1]["error"]["code"] == "RC_CLOSED"
    broken = await asyncio.wait_for(service.app[WRITER].failure(), 60)
    assert isinstance(broken, RuntimeError)
    found = await service.answer("POST", "/tx", data=body)
    assert found[1]["error"]["code"] == "RC_CLOSED"


async def test_a_client_that_finds_nobody_says_so() -> None:
    async with CenterClient("http://127.0.0.1:1", timeout_s=60) as client:
        with pytest.raises(CenterRefused) as refusal:
            await client.status()
    assert refusal.value.code == "RC_UNREACHABLE"


async def test_money_is_locked_released_refunded_and_given_back(service: Service) -> None:
    client, secret = service.client, bytes(range(32))
    terms = LockTerms(
        1, service.buyer.address, service.seller.address, 400, int(Condition.HASH),
        Hash(sm3(secret)), 0, (), 0, real_ms() + 3_600_000, bytes(16),
    )  # fmt: skip
    first = await client.lock(service.buyer, terms)
    second = await client.lock(service.buyer, replace(terms, salt=bytes(15) + b"x"))
    assert (await client.status())["locked_fen"] == 800
    coins = [coin_id(sm3, CoinPoint(Hash(found.txid), 0)) for found in (first, second)]
    payment = [Payment(service.seller.address, 400)]
    with pytest.raises(CenterRefused) as refusal:
        await client.release(service.seller, coins[0], payment, bytes(32))
    assert refusal.value.code == "RC_CONDITION"
    paid = await client.release(service.seller, coins[0], payment, secret)
    await client.refund(service.buyer, coins[1], 400, [service.seller])
    back = await client.reverse(service.seller, paid.txid, 0, service.buyer.address, 150)
    assert (paid.kind, back.kind) == ("RELEASE", "REVERSE")
    assert await client.balance(service.buyer) == 750
    assert await client.balance(service.seller) == 250
    assert (await client.status())["locked_fen"] == 0


async def test_only_the_root_key_names_authorities(service: Service) -> None:
    court = Wallet.generate()
    await service.client.appoint(service.center.keys.root, "court", "court", court.public_key)
    query = AuthorityQuery("another", "court", service.stranger.public_key)
    header = service.header(service.buyer, ACTION_AUTHORITY, query)
    await service.refused("RC_UNAUTHORISED", 403, "POST", "/authority", headers=header)
    order = CoinTransaction(
        1, int(Kind.FREEZE), "CNY", (service.coin,), (), "2026-1", real_ms(), bytes(16)
    )
    await service.client.submit(sign_transaction(court, service.center.log_id, order))
    assert (await service.client.status())["frozen_fen"] == 1_000


async def test_locks_and_releases_go_their_own_ways(service: Service) -> None:
    body = json.dumps(good_body(service)).encode()
    for path in ("/lock", "/release"):
        await service.refused("RC_JSON", 400, "POST", path, data=body)
    release = {**good_body(service), "preimage": "", "approvals": []}
    await service.refused("RC_KIND", 422, "POST", "/release", data=json.dumps(release).encode())
