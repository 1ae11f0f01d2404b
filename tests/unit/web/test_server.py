"""The status page and its REST twin over a real HTTP server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio

from consensus.header import tx_id
from node.errors import CityError
from node.web.server import WebServer
from tests.unit.api.chain import SUITE, MemoryChannel
from tests.unit.api.served import Served


@dataclass
class Site:
    chain: MemoryChannel
    server: WebServer
    session: aiohttp.ClientSession

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(f"http://127.0.0.1:{self.server.port}{path}") as response:
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            return response.status, await response.text()

    async def json(self, path: str) -> dict:
        async with self.session.get(f"http://127.0.0.1:{self.server.port}{path}") as response:
            return await response.json()

    async def transaction(self, **changes: str) -> str:
        envelope = Served(self.chain, None, None, None, None).envelope(**changes)  # type: ignore[arg-type]
        await self.chain.submit([envelope])
        return tx_id(SUITE.hash, SUITE.id, envelope.body).hex()


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    chain = MemoryChannel()
    server = WebServer({"main": chain}, listen="127.0.0.1:0", metrics=lambda: b"city_up 1\n")
    await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Site(chain, server, session)
    finally:
        await server.stop()


async def test_the_status_page_shows_the_node_in_both_languages_and_escapes_everything(
    site: Site,
) -> None:
    code, text = await site.get("/")
    assert code == 200
    for part in ("Height 高度", "Shenzhen", "/api/v1/status", "city node status", "/blocks/0"):
        assert part in text
    assert "<script" not in text and "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "http://" not in text and "https://" not in text


async def test_a_transaction_that_carries_markup_is_shown_as_text(site: Site) -> None:
    id_ = await site.transaction(
        args='{"note":"<img src=x onerror=alert(1)>"}', request_id="<b>&\"'"
    )
    for path in (f"/transactions/{id_}", "/blocks/1"):
        code, text = await site.get(path)
        assert code == 200
        assert "<img" not in text and "<b>&" not in text
    assert "&lt;img" in (await site.get(f"/transactions/{id_}"))[1]


async def test_every_page_has_its_permalink_its_json_and_its_command(site: Site) -> None:
    id_ = await site.transaction()
    for path, command in (
        ("/blocks/1", "city block show 1"),
        (f"/transactions/{id_}", f"city tx show {id_}"),
    ):
        code, text = await site.get(path)
        assert code == 200 and command in text
        assert f'href="{path}"' in text and f'href="/api/v1{path}"' in text
        assert (await site.get(f"/api/v1{path}"))[0] == 200


async def test_the_rest_twin_gives_status_blocks_and_transactions(site: Site) -> None:
    id_ = await site.transaction(args='{"amount":7}')
    assert (await site.json("/api/v1/status"))["height"] == 1
    block = await site.json("/api/v1/blocks/1")
    assert block["tx_ids"] == [id_] and block["header"]["height"] == 1
    view = await site.json(f"/api/v1/transactions/{id_}")
    assert view["call"]["args"] == {"amount": 7} and view["call"]["sender_name"] == "buyer"
    assert view["receipt"]["outcome"] == "ok" and view["receipt"]["result"] == {"amount": 7}


async def test_blocks_are_listed_in_pages(site: Site) -> None:
    for _ in range(5):
        await site.transaction()
    page = await site.json("/api/v1/blocks?from=1&limit=3")
    assert [block["height"] for block in page["blocks"]] == [1, 2, 3] and page["next"] == 4
    last = await site.json("/api/v1/blocks?from=4&limit=3")
    assert [block["height"] for block in last["blocks"]] == [4, 5] and last["next"] is None
    newest = await site.json("/api/v1/blocks?limit=2")
    assert [block["height"] for block in newest["blocks"]] == [4, 5]


@pytest.mark.parametrize(
    ("path", "code", "status"),
    [
        ("/api/v1/blocks/99", "CITY-1008", 404),
        ("/api/v1/blocks/-1", "CITY-1002", 400),
        ("/api/v1/blocks/²", "CITY-1002", 400),
        ("/api/v1/blocks?limit=101", "CITY-1002", 400),
        ("/api/v1/blocks?from=x", "CITY-1002", 400),
        ("/api/v1/blocks/99999999999999999999999", "CITY-1002", 400),
        ("/api/v1/transactions/zz", "CITY-1002", 400),
        (f"/api/v1/transactions/{'00' * 32}", "CITY-1007", 404),
        ("/api/v1/status?channel=harbour", "CITY-1004", 404),
    ],
)
async def test_bad_requests_are_answered_with_a_code(
    site: Site, path: str, code: str, status: int
) -> None:
    assert (await site.get(path))[0] == status
    assert (await site.json(path))["error"]["code"] == code
    if "/blocks/" in path or "transactions" in path:
        answered, text = await site.get(path.removeprefix("/api/v1"))
        assert answered == status and code in text


async def test_nothing_can_be_written_and_unknown_paths_show_nothing(site: Site) -> None:
    async with site.session.post(f"http://127.0.0.1:{site.server.port}/api/v1/status") as response:
        assert response.status == 405
    code, text = await site.get("/../../etc/passwd?<script>")
    assert code == 404 and "script" not in text


async def test_probes_and_metrics_answer_operators(site: Site) -> None:
    assert await site.get("/healthz") == (200, "ok\n")
    assert await site.get("/readyz") == (200, "ready\n")
    assert await site.get("/metrics") == (200, "city_up 1\n")
    site.chain.ready = False
    assert (await site.get("/readyz"))[0] == 503
    assert (await site.get("/healthz"))[0] == 200


async def test_a_defect_shows_a_trace_and_nothing_else(site: Site) -> None:
    def broken() -> dict:
        raise RuntimeError("secret detail")

    site.chain.status = broken  # type: ignore[method-assign]
    code, text = await site.get("/api/v1/status")
    assert code == 500 and "CITY-1011" in text and "secret" not in text


async def test_a_port_in_use_is_named(site: Site) -> None:
    second = WebServer({"main": site.chain}, listen=f"127.0.0.1:{site.server.port}")
    with pytest.raises(CityError) as caught:
        await second.start()
    assert caught.value.code == "CITY-8005"
