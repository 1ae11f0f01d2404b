"""One-time tokens, and the service that takes them over HTTPS: a refusal has a code and changes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from node.authority import service as service_module
from node.authority.authority import Asked
from node.authority.enrolment import _post, accept, ask
from node.authority.register import Use
from node.authority.service import EnrolmentService
from node.authority.tokens import enrol, make_token, read_word
from node.errors import CityError
from node.identity.certificates import from_pem, parse, to_pem
from tests.unit.authority.conftest import World
from tests.unit.authority.test_authority import refused


def token(world: World, name: str = "buyer", *roles: str, hours: int = 2, **more: Any) -> str:
    return make_token(world.authority, Use.IDENTITY, Asked(name, roles, **more), hours)


def test_a_token_gets_one_certificate_of_its_name_and_roles(world: World) -> None:
    word = token(world, "buyer", "maker", "checker")
    key, request = world.request("buyer", ())
    made = enrol(world.authority, world.keys, word, request)
    assert (made.name, made.roles, made.public_key) == (
        "buyer",
        ("maker", "checker"),
        key.public_key,
    )
    refused(world, "CITY-2032", lambda: enrol(world.authority, world.keys, word, request))
    other = world.request("buyer", ())[1]
    refused(world, "CITY-2032", lambda: enrol(world.authority, world.keys, word, other))


def test_a_request_may_ask_for_less_than_its_token_gives_and_never_for_more(world: World) -> None:
    word = token(world, "buyer", "maker", "checker")

    def asking(*wanted: Any, **more: Any) -> Any:
        request = world.request(*wanted, **more)[1]
        return lambda: enrol(world.authority, world.keys, word, request)

    refused(world, "CITY-2034", asking("buyer", ("kyc",)))
    refused(world, "CITY-2034", asking("buyer", ("maker", "kyc")))
    refused(world, "CITY-2034", asking("seller", ("maker",)))
    refused(world, "CITY-2034", asking("buyer", ("maker",), organization="HB"))
    _, request = world.request("buyer", ("maker",))
    refused(world, "CITY-2012", lambda: enrol(world.authority, world.keys, word, request[:-1]))
    assert asking("buyer", ("maker",))().roles == ("maker",)  # after all that it is not spent


def test_a_wrong_token_or_one_that_has_expired_is_refused(world: World) -> None:
    word, (_, request) = token(world, "buyer", "maker", hours=2), world.request()
    secret, _, fingerprint = word.partition(".")
    flipped = ("B" if secret[0] != "B" else "C") + secret[1:]
    for wrong in ("", "x", secret, f"{flipped}.{fingerprint}", f"{word}.{secret}", word + "A" * 90):
        refused(world, "CITY-2031", lambda w=wrong: enrol(world.authority, world.keys, w, request))
    world.later(2 / 24 + 0.001)
    refused(world, "CITY-2033", lambda: enrol(world.authority, world.keys, word, request))
    with pytest.raises(CityError, match="CITY-2031"):
        read_word("a.b")


def test_the_register_keeps_no_token_only_its_digest(world: World) -> None:
    word = token(world, "buyer", "maker")
    database = (world.authority.folder / "register.sqlite").read_bytes()
    assert read_word(word).digest in database
    assert read_word(word).secret not in database
    assert word.partition(".")[0].encode() not in database


def test_no_token_is_made_for_what_would_be_refused(world: World) -> None:
    world.issue("buyer")
    refused(world, "CITY-2035", lambda: token(world, "buyer", "maker"))
    refused(world, "CITY-2034", lambda: token(world, "seller", "regulator"))
    refused(world, "CITY-2034", lambda: token(world, "seller", hosts=("localhost",)))
    refused(world, "CITY-1002", lambda: token(world, ""))
    refused(world, "CITY-1002", lambda: token(world, "seller", hours=0))
    word = token(world, "buyer", "maker", renews=True)
    assert enrol(world.authority, world.keys, word, world.request("buyer")[1]).name == "buyer"


def test_a_node_enrols_for_the_hosts_of_its_token(world: World) -> None:
    asked = Asked("shenzhen", hosts=("sz.example", "10.0.0.1"))
    word = make_token(world.authority, Use.NODE, asked, 1)
    wrong = world.request("shenzhen", (), hosts=("evil.example",))[1]
    refused(world, "CITY-2034", lambda: enrol(world.authority, world.keys, word, wrong))
    request = world.request("shenzhen", (), hosts=("sz.example",))[1]
    assert enrol(world.authority, world.keys, word, request).hosts == ("sz.example",)


# ---- over HTTPS ----------------------------------------------------------------------------------


@pytest.fixture
async def service(world: World) -> AsyncIterator[EnrolmentService]:
    found = EnrolmentService(world.authority, world.keys)
    await found.start("127.0.0.1:0", None)
    signing = asyncio.create_task(found.run())
    yield found
    await found.stop()
    signing.cancel()
    await asyncio.gather(signing, return_exceptions=True)


async def asked(service: EnrolmentService, word: str, request: bytes) -> tuple[bytes, bytes]:
    return await asyncio.to_thread(ask, f"https://127.0.0.1:{service.port}", word, request)


async def test_a_holder_enrols_over_https_and_checks_what_it_gets(
    world: World, service: EnrolmentService
) -> None:
    key, request = world.request()
    word = token(world, "buyer", "maker")
    der, authority = await asked(service, word, request)
    found = accept(world.suite, der, authority, key.public_key, world.at["ms"])
    assert (found.name, found.organization) == ("buyer", "PX")
    with pytest.raises(CityError, match="CITY-2012"):
        accept(world.suite, der, authority, world.request()[0].public_key, world.at["ms"])
    before = world.contents()
    with pytest.raises(CityError, match="CITY-2032"):
        await asked(service, word, request)
    with pytest.raises(CityError, match="CITY-2031"):
        await asked(service, _other_secret(token(world, "seller")), world.request("seller")[1])
    assert [e[0] for e in before[1]] == [e[0] for e in world.contents()[1]]


async def test_who_serves_is_known_by_the_token_and_nobody_else_gets_it(
    world: World, service: EnrolmentService
) -> None:
    secret, _, fingerprint = token(world, "buyer", "maker").partition(".")
    wrong = ("B" if fingerprint[0] != "B" else "C") + fingerprint[1:]
    before = world.contents()
    with pytest.raises(CityError, match="CITY-2039") as caught:
        await asked(service, f"{secret}.{wrong}", world.request()[1])
    assert "not the one that the token names" in caught.value.message
    with pytest.raises(CityError, match="CITY-1002"):
        await asyncio.to_thread(ask, "http://127.0.0.1:1", f"{secret}.{fingerprint}", b"")
    assert world.contents() == before


async def test_bodies_that_are_no_request_are_refused_with_a_code(
    world: World, service: EnrolmentService
) -> None:
    word = token(world, "buyer", "maker")
    url, pin = f"https://127.0.0.1:{service.port}/v1", read_word(word).fingerprint
    request = to_pem(world.request()[1], "CERTIFICATE REQUEST").decode()
    before = world.contents()
    for body in ({}, {"token": word}, {"token": word, "request": 1}, {"token": word, "request": "x"},
                 {"token": word, "request": request, "more": 1}, [word, request], 3,
                 {"token": "x" * 200, "request": request}):  # fmt: skip
        status, found = await _post(f"{url}/enrol", pin, body)  # type: ignore[arg-type]
        assert status in (400, 422) and found["error"]["code"] in ("CITY-1002", "CITY-2012"), body
    async with aiohttp.ClientSession() as session:
        big = {"token": word, "request": "x" * 100_000}
        async with session.post(f"{url}/enrol", json=big, ssl=aiohttp.Fingerprint(pin)) as answer:
            assert answer.status == 413
        async with session.post(
            f"{url}/enrol", data=b"[" * 10_000, ssl=aiohttp.Fingerprint(pin)
        ) as answer:
            assert (await answer.json())["error"]["code"] == "CITY-1002"
        async with session.get(f"{url}/authorities", ssl=aiohttp.Fingerprint(pin)) as answer:
            shown = json.loads(await answer.text())
        for use in Use:
            own = world.authority.certificate(use)
            assert parse(from_pem(shown[use].encode())) == own
            async with session.get(f"{url}/lists/{use}", ssl=aiohttp.Fingerprint(pin)) as answer:
                assert (await answer.text()).startswith("-----BEGIN X509 CRL")
        async with session.get(f"{url}/lists/x", ssl=aiohttp.Fingerprint(pin)) as answer:
            assert answer.status == 400
    assert world.contents() == before


PUBLIC = {
    "/v1/authorities": "what they are is printed on every certificate",
    "/v1/lists/{use}": "whoever trusts a certificate asks for the list",
}


async def test_every_route_but_the_public_ones_wants_a_token_and_changes_nothing_without(
    world: World, service: EnrolmentService
) -> None:
    # Read from the application, so that a new route is tried too.
    assert service._runner is not None and service._runner.app is not None
    routes = {
        (route.method, route.resource.canonical)
        for route in service._runner.app.router.routes()
        if route.resource is not None
    }
    word = token(world, "buyer", "maker")
    pin = aiohttp.Fingerprint(read_word(word).fingerprint)
    request = to_pem(world.request()[1], "CERTIFICATE REQUEST").decode()
    wanted = set(routes) - {("GET", path) for path in PUBLIC} - {("HEAD", path) for path in PUBLIC}
    assert {path for _, path in routes} >= PUBLIC.keys() and wanted
    before, url = world.contents(), f"https://127.0.0.1:{service.port}"
    refused_with = {"": "CITY-2031", "x": "CITY-2031", _other_secret(word): "CITY-2031"}
    async with aiohttp.ClientSession() as session:
        for method, path in sorted(wanted):
            for given, code in refused_with.items():
                body = {"token": given, "request": request}
                async with session.request(method, url + path, json=body, ssl=pin) as answer:
                    told = (method, path, given, await answer.text())
                    assert 400 <= answer.status < 500, told
                    assert json.loads(told[3])["error"]["code"] == code, told
        for method in ("PUT", "DELETE", "PATCH"):
            async with session.request(method, f"{url}/v1/enrol", ssl=pin) as answer:
                assert answer.status == 405
    assert world.contents() == before


async def test_a_full_queue_refuses_and_spends_no_token(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "QUEUE_MAX", 1)
    found = EnrolmentService(world.authority, world.keys)  # nobody signs yet
    await found.start("127.0.0.1:0", None)
    word, request = token(world, "buyer", "maker"), world.request()[1]
    waiting = asyncio.create_task(asked(found, word, request))
    while found._queue.empty():
        await asyncio.sleep(0.01)
    before = world.contents()
    with pytest.raises(CityError, match="CITY-2038"):
        await asked(found, word, request)
    assert world.contents() == before
    signing = asyncio.create_task(found.run())
    der, _ = await waiting
    assert parse(der).name == "buyer"
    signing.cancel()
    await found.stop()


def _other_secret(word: str) -> str:
    secret, _, fingerprint = word.partition(".")
    return f"{'B' if secret[0] != 'B' else 'C'}{secret[1:]}.{fingerprint}"
