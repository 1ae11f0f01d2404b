"""The proof relay against a real center, and against servers that lie."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from consensus.encoding import decode, encode
from consensus.payment import PaymentProof
from deploy.regcenter.api import make_app
from deploy.regcenter.client import CenterClient, Wallet
from node.errors import CityError
from node.oracle.adapter import ATTEMPTS_MAX, PaymentAdapter, deliver
from node.oracle.proof_relay import ProofRelay
from tests.unit.suite.center_world import Chain, Money

AMOUNT = 49_309_514
SALT = bytes(16)


class World:
    """A served center and a channel that share one clock; QB has paid XY under a fixed reference."""

    def __init__(self, directory: Path) -> None:
        self.chain = Chain()
        self.money = Money(directory, lambda: self.chain.now_ms)
        self.qb, self.xy = Wallet.generate(), Wallet.generate()
        root_key = self.money.center.root_key
        self.chain.ok("PBC", "dcep", "register_log", "regulator", root_key=root_key)
        self.chain.bind("QB", self.qb)
        self.chain.bind("XY", self.xy)
        self.reference, self.txid = self.paid("FIN-1")
        self.url = ""
        self.submitted = 0

    def paid(self, obligation_id: str) -> tuple[bytes, bytes]:
        reference = self.chain.ok(
            "QB", "payer", "reference",
            obligation_id=obligation_id, amount_fen=AMOUNT, payee="XY", salt=SALT,
        )  # fmt: skip
        return reference, self.money.pay(self.qb, self.xy.address, AMOUNT, reference).txid

    def relay(self, holder: Wallet, **options: Any) -> ProofRelay:
        options.setdefault("now_ms", lambda: self.chain.now_ms)
        root_key = self.money.center.root_key
        return ProofRelay(self.url, root_key, holder.signer, **options)

    async def anchor(self) -> int:
        size: int = self.chain.ok("XY", "dcep", "anchor", log_id=self.money.center.log_id)
        return size

    async def submit(self, proof: bytes, reference: bytes | None = None) -> str:
        self.submitted += 1
        result = self.chain.call(
            "XY", "payer", "discharge",
            proof=proof, ref_commit=reference or self.reference, payee_member="XY",
            amount_fen=AMOUNT, payer_members=["QB"],
        )  # fmt: skip
        return "" if result.outcome == "ok" else result.code


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    found = World(tmp_path / "center")
    async with TestServer(make_app(found.money.center)) as server:
        found.url = str(server.make_url("/"))
        yield found
    found.money.center.close()


async def test_a_relay_carries_a_proof_from_the_center_to_the_contract(world: World) -> None:
    async with world.relay(world.xy) as relay:
        adapter: PaymentAdapter = relay
        code = await deliver(adapter, world.txid, 0, anchor_size=world.anchor, submit=world.submit)
        assert code == ""
        assert await world.anchor() == world.money.center.latest.head.tree_size
        again = await deliver(adapter, world.txid, 0, anchor_size=world.anchor, submit=world.submit)
    assert again == "E_PROOF_NULLIFIER"
    assert world.submitted == 2, "a final refusal is not tried again"


async def test_a_proof_overtaken_by_another_head_is_fetched_again(world: World) -> None:
    async with world.relay(world.qb) as relay:
        other_reference, other_txid = world.paid("FIN-2")

        async def overtaken(proof: bytes) -> str:
            if world.submitted == 0:  # somebody else's payment arrives first, with a newer head
                world.paid("FIN-3")
                newer = world.money.proof_bytes(world.xy, other_txid)  # type: ignore[arg-type]
                assert await world.submit(newer, other_reference) == ""
            return await world.submit(proof)

        code = await deliver(relay, world.txid, 0, anchor_size=world.anchor, submit=overtaken)
    assert code == ""
    assert world.submitted == 3


async def test_a_proof_that_is_always_overtaken_is_given_up_with_a_code(world: World) -> None:
    async def always(proof: bytes) -> str:
        world.submitted += 1
        return "E_PROOF_CONSISTENCY"

    async with world.relay(world.qb) as relay:
        with pytest.raises(CityError) as refusal:
            await deliver(relay, world.txid, 0, anchor_size=world.anchor, submit=always)
    assert refusal.value.code == "CITY-7005"
    assert world.submitted == ATTEMPTS_MAX


async def test_a_stranger_gets_no_proof(world: World) -> None:
    async with world.relay(Wallet.generate()) as relay:
        with pytest.raises(CityError) as refusal:
            await relay.payment_proof(world.txid, 0)
    assert refusal.value.code == "CITY-7002"
    assert "RC_UNAUTHORISED" in refusal.value.message


async def test_the_relay_and_the_centers_own_client_get_proofs_of_the_same_payment(
    world: World,
) -> None:
    async with world.relay(world.qb) as relay, CenterClient(world.url) as client:
        carried = decode(PaymentProof, await relay.payment_proof(world.txid, 0))
        direct = decode(PaymentProof, await client.payment_proof(world.xy, world.txid, 0))
    assert (carried.point, carried.fields_root) == (direct.point, direct.fields_root)


async def test_a_head_with_its_keys_can_be_anchored(world: World) -> None:
    async with world.relay(world.qb) as relay:
        certified = await relay.tree_head()
    size = world.chain.ok("QB", "dcep", "anchor_head", certified=encode(certified), path=[])
    assert size == certified.signed.head.tree_size == await world.anchor()


async def test_a_center_that_is_not_the_registered_one_is_noticed(
    world: World, tmp_path: Path
) -> None:
    foreign = Money(tmp_path / "foreign", lambda: world.chain.now_ms)
    async with TestServer(make_app(foreign.center)) as server:
        world.url = str(server.make_url("/"))
        async with world.relay(world.qb) as relay:
            with pytest.raises(CityError) as refusal:
                await relay.payment_proof(world.txid, 0)
            assert refusal.value.code == "CITY-7002"  # our request names our log
            with pytest.raises(CityError) as refusal:
                await relay.tree_head()
            assert refusal.value.code == "CITY-7003"
    foreign.center.close()


def proof_answer(data: bytes) -> web.Response:
    return web.json_response({"proof": data.hex(), "view": {}})


async def test_answers_of_a_lying_server_are_refused_with_a_code(world: World) -> None:
    good = world.money.proof(world.xy, world.txid)  # type: ignore[arg-type]
    _, other = world.paid("FIN-9")
    swapped = world.money.proof_bytes(world.xy, other)  # type: ignore[arg-type]
    bent = bytearray(encode(good))
    bent[-1] ^= 1
    cases: list[tuple[str, web.Response]] = [
        ("CITY-7004", web.Response(text="<html>")),
        ("CITY-7004", web.Response(text="[1]", content_type="application/json")),
        ("CITY-7004", web.json_response({"view": {}})),
        ("CITY-7004", web.json_response({"proof": "zz"})),
        ("CITY-7004", web.json_response({"proof": 7})),
        ("CITY-7004", web.Response(text='{"proof": "' + "00" * 300_000 + '"}')),
        ("CITY-7004", web.Response(text="[" * 200_000)),
        ("CITY-7003", proof_answer(b"")),
        ("CITY-7003", proof_answer(bytes(40_000))),
        ("CITY-7003", proof_answer(bytes(bent))),
        ("CITY-7004", proof_answer(swapped)),
    ]
    for code, answer in cases:

        async def lie(request: web.Request, answer: web.Response = answer) -> web.Response:
            return answer

        app = web.Application()
        app.router.add_get("/payment", lie)
        async with TestServer(app) as server:
            world.url = str(server.make_url("/"))
            async with world.relay(world.qb) as relay:
                with pytest.raises(CityError) as refusal:
                    await relay.payment_proof(world.txid, 0)
        assert refusal.value.code == code


async def test_a_stale_proof_is_not_sent_to_the_channel(world: World) -> None:
    async with world.relay(world.qb) as relay:
        data = await relay.payment_proof(world.txid, 0)
        world.chain.now_ms += 61_000
        with pytest.raises(CityError) as refusal:
            relay.check(data)
        assert "E_PROOF_STALE" in refusal.value.message
        fresh = await relay.payment_proof(world.txid, 0)
    assert await world.submit(fresh) == ""


async def test_nobody_at_the_address_is_said_plainly(world: World) -> None:
    world.url = "http://127.0.0.1:1"
    async with world.relay(world.qb, timeout_s=60) as relay:
        with pytest.raises(CityError) as refusal:
            await relay.payment_proof(world.txid, 0)
    assert refusal.value.code == "CITY-7001"
