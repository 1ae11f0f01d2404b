"""Webhooks: signed, in order, again until they are taken, also after a restart; and to allowed hosts only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from consensus.encoding import Hash, decode
from consensus.payment import Kind, SignedTreeHead
from deploy.regcenter.api import make_app
from deploy.regcenter.api_common import WRITER
from deploy.regcenter.center import Center
from deploy.regcenter.client import Wallet
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hook_sender import HookPolicy, HookSender, _Resolver
from deploy.regcenter.hooks import SIGNATURE_HEADER, Told, check_message, sealed, waiting
from deploy.regcenter.model import Receipt
from deploy.regcenter.requests import (
    HookQuery,
    HooksQuery,
    InstitutionQuery,
    RevokeQuery,
    UnhookQuery,
)
from node.identity.suite import get_suite
from tests.unit.regcenter.desk_world import City, refusal
from tests.unit.regcenter.test_center import refused

SUITE = get_suite("sm")
PAYMENTS = ("payment.final",)


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path / "center")


async def until(holds: Callable[[], Any], what: str) -> None:
    """Waits for a state; a slow machine is no reason to fail."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.02)


class Receiver:
    """A bank's server. status: what it answers."""

    def __init__(self, city: City) -> None:
        self.city, self.status, self.calls = city, 200, 0
        self.taken: list[dict[str, Any]] = []
        self.elsewhere = 0
        app = web.Application()
        app.add_routes([web.post("/hook", self._hook), web.post("/elsewhere", self._elsewhere)])
        self.server = TestServer(app)

    async def _hook(self, request: web.Request) -> web.Response:
        body, header = await request.read(), request.headers[SIGNATURE_HEADER]
        self.calls += 1
        root_key = self.city.money.center.root_key
        said = check_message(SUITE, root_key, body, header, self.city.now_ms)
        if self.status == 307:
            raise web.HTTPTemporaryRedirect("/elsewhere")
        if self.status == 200:
            self.taken.append(said)
        return web.Response(status=self.status)

    async def _elsewhere(self, request: web.Request) -> web.Response:
        self.elsewhere += 1
        return web.Response()

    @property
    def leaves(self) -> list[int]:
        return [event["leaf"] for said in self.taken for event in said["events"]]

    @property
    def policy(self) -> HookPolicy:
        return HookPolicy((f"127.0.0.1:{self.server.port}",), is_dev=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/hook"


class Running:
    """A center's application without its server, its sender quick to try again."""

    def __init__(self, city: City, policy: HookPolicy) -> None:
        self.writer = make_app(city.money.center)[WRITER]
        self.sender = HookSender(city.money.center, self.writer, policy, back_off_s=0.05)

    async def __aenter__(self) -> Running:
        self.writer.start()
        self.sender.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sender.stop()
        await self.writer.stop()


def pay(city: City, to: Wallet, fen: int = 5) -> int:
    """A payment by the bank; the leaf of its output."""
    size = city.money.center.latest.head.tree_size
    city.money.fund(to, fen)
    return size + 1  # after the issue


def hook_of(city: City, by: Wallet) -> dict[str, Any]:
    (found,) = city.read(by, HooksQuery(by.address))["hooks"]
    view: dict[str, Any] = found
    return view


async def test_a_bank_is_told_of_payments_to_its_wallets_in_order_and_once_each(city: City) -> None:
    receiver, mine, stranger = Receiver(city), city.open(), Wallet.generate()
    async with receiver.server:
        city.ask(city.bank, HookQuery(receiver.url, PAYMENTS))
        told = [pay(city, mine) for _ in range(3)]
        pay(city, stranger)
        coin = city.issue(7)
        later = city.send(city.bank, coin, (mine.address, 7), kind=Kind.EXCHANGE)
        async with Running(city, receiver.policy) as running:
            await until(lambda: set(told) <= set(receiver.leaves), "payments before the start")
            told.append((await running.writer.submit(later, Receipt)).first_leaf)
            await until(lambda: told[-1] in receiver.leaves, "a payment while it runs")
            await until(lambda: not hook_of(city, city.bank)["pending"], "all struck out")
    events = [e for said in receiver.taken for e in said["events"]]
    assert receiver.leaves == sorted(set(receiver.leaves))
    assert [e["value_fen"] for e in events if e["payee"] == mine.address.hex()] == [5, 5, 5, 7]
    assert stranger.address.hex() not in [e["payee"] for e in events]


async def test_what_was_not_taken_is_told_again_after_a_restart(city: City) -> None:
    receiver, mine = Receiver(city), city.open()
    async with receiver.server:
        city.ask(city.bank, HookQuery(receiver.url, PAYMENTS))
        told = [pay(city, mine) for _ in range(2)]
        receiver.status = 503
        async with Running(city, receiver.policy):
            await until(lambda: receiver.calls >= 3, "it tries again")
        assert not receiver.taken
        center = city.money.center
        center.close()
        city.money.center = Center.open(center.directory, lambda: city.now_ms)
        waits = hook_of(city, city.bank)["pending"]
        receiver.status = 200
        async with Running(city, receiver.policy):
            await until(lambda: set(told) <= set(receiver.leaves), "what waited is told")
            await until(lambda: not hook_of(city, city.bank)["pending"], "and struck out")
    assert waits == len(receiver.leaves)


async def test_a_queue_that_is_full_loses_nothing(city: City) -> None:
    receiver, mine = Receiver(city), city.open()
    async with receiver.server:
        city.ask(city.bank, HookQuery(receiver.url, PAYMENTS))
        city.money.center.ledger.books.hooks.pending_max = 3
        told = [pay(city, mine) for _ in range(8)]
        state = hook_of(city, city.bank)
        assert (state["pending"], state["behind"] is not None) == (3, True)
        async with Running(city, receiver.policy):
            await until(lambda: set(told) <= set(receiver.leaves), "all of them")
            await until(lambda: hook_of(city, city.bank)["behind"] is None, "it has caught up")
    assert receiver.leaves == sorted(set(receiver.leaves))


async def test_heads_are_told_and_an_institution_hears_of_its_pool(city: City) -> None:
    receiver, pool = Receiver(city), Wallet.generate()
    city.ask(city.root, InstitutionQuery("PAY", pool.public_key))
    async with receiver.server:
        city.ask(pool, HookQuery(receiver.url, ("payment.final", "head")))
        city.money.process(city.send(city.wallet, city.coin, (pool.address, 600)))
        async with Running(city, receiver.policy):
            await until(lambda: receiver.leaves and "head" in receiver.taken[-1], "both")
    head = decode(SignedTreeHead, bytes.fromhex(receiver.taken[-1]["head"]))
    assert city.money.center.is_signed(head)
    assert [e["value_fen"] for said in receiver.taken for e in said["events"]] == [600]


async def test_no_redirect_is_followed_and_a_revoked_institution_is_told_nothing(
    city: City,
) -> None:
    receiver, mine = Receiver(city), city.open()
    async with receiver.server:
        city.ask(city.bank, HookQuery(receiver.url, PAYMENTS))
        pay(city, mine)
        receiver.status = 307
        async with Running(city, receiver.policy):
            await until(lambda: receiver.calls >= 2, "it tries again")
        assert receiver.elsewhere == 0
        city.ask(city.root, RevokeQuery(city.bank.public_key))
        calls = receiver.calls
        async with Running(city, receiver.policy) as running:
            (known,) = city.money.center.ledger.books.hooks.known
            states = running.sender._states
            await until(lambda: known in states and states[known].failures > 1, "it is held")
        assert receiver.calls == calls
        assert hook_of_pending(city) > 0


def hook_of_pending(city: City) -> int:
    return sum(city.money.center.ledger.books.hooks.pending.values())


# ---- registering ---------------------------------------------------------------------------------


def test_a_hook_is_registered_changed_and_taken_back_by_its_owner_only(city: City) -> None:
    url = "https://bank.example/in"
    for by in (city.wallet, city.aml, city.root):
        refused(city, "RC_HOOK", city.instruction(by, HookQuery(url, PAYMENTS)))
    known = Hash(bytes.fromhex(city.ask(city.bank, HookQuery(url, PAYMENTS))["hook"]))
    assert city.ask(city.bank, HookQuery(url, ("head",)))["hook"] == known.hex()
    assert hook_of(city, city.bank)["events"] == ["head"]
    assert refusal(city.read, city.other, HooksQuery(city.bank.address)) == "RC_UNAUTHORISED"
    refused(city, "RC_HOOK", city.instruction(city.other, UnhookQuery(known)))
    city.ask(city.bank, UnhookQuery(known))
    assert city.read(city.bank, HooksQuery(city.bank.address))["hooks"] == []
    refused(city, "RC_HOOK", city.instruction(city.bank, UnhookQuery(known)))
    for index in range(8):
        city.ask(city.bank, HookQuery(f"{url}/{index}", PAYMENTS))
    refused(city, "RC_HOOK", city.instruction(city.bank, HookQuery(url, PAYMENTS)))


@pytest.mark.parametrize(
    "url",
    ["", "ftp://bank.example/", "https://", "https:///in", "https://u:p@bank.example/",
     "https://bank.example/#x", "https://bank.example/ x", "https://bank.example\\@evil.example/",
     "https://bank.example:99999/", "https://bänk.example/", "https://bank.example/" + "x" * 512,
     "bank.example"],
)  # fmt: skip
def test_a_url_of_another_form_is_refused(city: City, url: str) -> None:
    refused(city, "RC_HOOK", city.instruction(city.bank, HookQuery(url, PAYMENTS)))


def test_unknown_events_and_no_events_are_refused(city: City) -> None:
    for events in ((), ("payment.final", "rumour")):
        query = HookQuery("https://bank.example/", events)
        refused(city, "RC_HOOK", city.instruction(city.bank, query))


PUBLIC = HookPolicy(("bank.example", "bank.example:8443", "127.0.0.1:80", "10.0.0.1", "[::1]:443"))


@pytest.mark.parametrize(
    "url",
    ["https://other.example/", "https://bank.example:9443/", "https://bank.example.evil.example/",
     "http://bank.example/", "http://bank.example:8443/", "http://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/",
     "https://169.254.169.254/", "https://localhost/", "https://2130706433/", "https://0x7f.1/"],
)  # fmt: skip
def test_messages_go_to_no_host_that_is_not_allowed(url: str) -> None:
    assert refusal(PUBLIC.check, url) == "RC_HOOK"
    assert refusal(HookPolicy().check, url) == "RC_HOOK"


def test_allowed_hosts_and_loopback_for_development() -> None:
    assert str(PUBLIC.check("https://bank.example/in")) == "https://bank.example/in"
    assert PUBLIC.check("https://bank.example:8443/in").port == 8443
    dev = HookPolicy(("127.0.0.1:80",), is_dev=True)
    assert dev.check("http://127.0.0.1/in").host == "127.0.0.1"


async def test_an_allowed_name_that_leads_inside_is_not_connected_to() -> None:
    with pytest.raises(OSError):
        await _Resolver(HookPolicy(("localhost:1",))).resolve("localhost", 1)
    found = await _Resolver(HookPolicy(("localhost:1",), is_dev=True)).resolve("localhost", 1)
    assert found


def test_a_message_of_somebody_else_of_another_time_or_body_is_refused(city: City) -> None:
    center, known = city.money.center, Hash(bytes(32))
    body = b'{"hook": "%s", "events": []}' % known.hex().encode()
    header = sealed(center.voice, known, body, city.now_ms)
    root_key, now = center.root_key, city.now_ms
    assert check_message(SUITE, root_key, body, header, now)["events"] == []
    other = sealed(center.voice, Hash(b"\1" * 32), body, now)
    cases: list[tuple[bytes, bytes, str, int]] = [
        (Wallet.generate().public_key, body, header, now),
        (root_key, body + b" ", header, now),
        (root_key, body, header, now + 5 * 60_000 + 1),
        (root_key, body, header[:-2], now),
        (root_key, body, "zz", now),
        (root_key, body, other, now),
    ]
    for key, what, signature, at in cases:
        with pytest.raises(CenterError) as refused_:
            check_message(SUITE, key, what, signature, at)
        assert refused_.value.code == "RC_SIGNATURE"


def test_what_was_told_is_struck_out_once_and_signs_no_head(city: City) -> None:
    city.ask(city.bank, HookQuery("https://bank.example/", PAYMENTS))
    pay(city, city.open())
    center, (known,) = city.money.center, city.money.center.ledger.books.hooks.known
    leaves = waiting(center.store, known, center.latest.head.tree_size, 50)
    head = center.latest
    for _ in range(2):
        center.process([Told(known, tuple(leaves)), Told(Hash(bytes(32)), (1,))])
    assert center.latest == head
    assert hook_of(city, city.bank)["pending"] == 0
    assert waiting(center.store, known, head.head.tree_size, 50) == []
