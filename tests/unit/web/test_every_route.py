"""No route of the pages' port shows a channel to whoever is not on the node's machine: they are read from the
application, so that a new one cannot be forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from node.web.own_machine import is_from_own_machine
from node.web.server import OPEN, WebServer
from tests.unit.api.chain import MemoryChannel

HERE = ("localhost", "127.0.0.1:80", "[::1]:5", "LOCALHOST:8080", "127.0.0.2")
ELSEWHERE = ("evil.example", "evil.example:80", "10.0.0.7", "localhost.evil.example", "", "[2001:db8::1]:5",
             "127.0.0.1.evil.example", "0.0.0.0", "[", "127.1")  # fmt: skip


@pytest_asyncio.fixture
async def server() -> AsyncIterator[WebServer]:
    made = WebServer(
        {"main": MemoryChannel()}, listen="127.0.0.1:0", metrics=lambda: b"city_up 1\n"
    )
    await made.start()
    yield made
    await made.stop()


def routes(server: WebServer) -> dict[str, str]:
    """Methods by path, with something in place of what is asked for."""
    assert server._runner is not None
    app = server._runner.app
    assert app is not None
    return {r.resource.canonical: r.method for r in app.router.routes() if r.resource is not None}


def filled(path: str) -> str:
    return path.replace("{height}", "0").replace("{tx_id}", "00" * 32)


async def asked(server: WebServer, path: str, host: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{server.port}{filled(path)}"
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Host": host}) as got:
        return got.status, await got.text()


async def test_what_is_open_exists_and_every_other_route_shows_a_channel(server: WebServer) -> None:
    assert routes(server).keys() >= OPEN
    assert len(routes(server).keys() - OPEN) == 7
    assert set(routes(server).values()) <= {"GET", "HEAD"}, "nothing is changed over this port"


async def test_a_browser_on_the_machine_carries_nothing_to_a_page_of_elsewhere(
    server: WebServer,
) -> None:
    for path in routes(server):
        own = await asked(server, path, f"localhost:{server.port}")
        assert own[0] == (404 if "{tx_id}" in path else 200), path
        for host in ELSEWHERE:
            status, text = await asked(server, path, host)
            if path in OPEN:
                assert status == 200, (path, host)
            else:
                assert status == 403 and "CITY-2216" in text, (path, host)
                assert "Shenzhen" not in text and "11" * 32 not in text, (path, host)


async def test_probes_and_metrics_tell_nothing_of_a_channel_but_its_name(server: WebServer) -> None:
    for path in OPEN - {"/style.css"}:
        assert (await asked(server, path, "monitor.example"))[1] in (
            "ok\n",
            "ready\n",
            "city_up 1\n",
        )


def request(source: str, target: str, host: str) -> web.Request:
    ends = {"peername": (source, 5), "sockname": (target, 80)}
    found: Any = SimpleNamespace(
        transport=SimpleNamespace(get_extra_info=lambda name: ends[name]), host=host
    )
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("source", "target", "host", "is_here"),
    [
        *(("127.0.0.1", "127.0.0.1", host, True) for host in HERE),
        *(("127.0.0.1", "127.0.0.1", host, False) for host in ELSEWHERE),
        ("::1", "::1", "[::1]:80", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", "127.0.0.1", True),
        ("10.0.0.7", "10.0.0.7", "10.0.0.7:80", True),  # to its own address, as to the loopback
        ("10.0.0.8", "10.0.0.7", "10.0.0.7:80", False),
        ("10.0.0.8", "10.0.0.7", "localhost", False),
        ("10.0.0.8", "10.0.0.7", "127.0.0.1", False),
        ("fe80::1%eth0", "fe80::2%eth0", "localhost", False),
        ("", "10.0.0.7", "localhost", False),
    ],
)
def test_who_is_on_the_machine_says_the_connection_and_the_name_it_asked_for(
    source: str, target: str, host: str, is_here: bool
) -> None:
    assert is_from_own_machine(request(source, target, host)) is is_here


def test_a_connection_that_is_gone_is_nobody_s() -> None:
    gone: Any = SimpleNamespace(transport=None, host="localhost")
    assert not is_from_own_machine(gone)
