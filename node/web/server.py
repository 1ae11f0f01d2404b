"""The status page, its REST twin, metrics and probes: read-only, over aiohttp.

/  /blocks/{height}  /transactions/{id}      pages          /healthz  the process runs
/api/v1/status|blocks|blocks/{height}|transactions/{id}     /readyz   the node is caught up
/metrics                                     Prometheus     (?channel= of each: that channel alone)

Nobody signs here, so what a channel holds is shown on the node's own machine alone (own_machine.py); probes and
metrics answer whoever may reach the port.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from aiohttp import web

from consensus.encoding import Hash
from node.errors import CityError
from node.facade import ChannelFacade
from node.web import pages
from node.web.own_machine import is_from_own_machine
from node.web.views import block_summary, block_view, transaction_view

BLOCKS_LIMIT, BLOCKS_LIMIT_MAX = 20, 100
ANSWER_S = 10.0
REQUEST_BYTES_MAX = 64 * 1024
HEIGHT_MAX = 2**63 - 1
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
OPEN = frozenset({"/healthz", "/readyz", "/metrics", "/style.css"})
log = structlog.get_logger("web")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebServer:
    """Serves the channels of a node. `start` once, `stop` once."""

    def __init__(
        self,
        channels: Mapping[str, ChannelFacade],
        *,
        listen: str,
        metrics: Callable[[], bytes] = lambda: b"",
    ) -> None:
        """channels: by name; `?channel=` chooses, the first is the default. listen: host:port, 0 is free.

        metrics: Prometheus' text format."""
        self._channels = channels
        self._listen = listen
        self._metrics = metrics
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self) -> None:
        """Raises CITY-8005 when the address cannot be listened on."""
        app = web.Application(middlewares=[_answer], client_max_size=REQUEST_BYTES_MAX)
        app.add_routes(
            [
                web.get("/", self._status_page),
                web.get("/blocks/{height}", self._block_page),
                web.get("/transactions/{tx_id}", self._transaction_page),
                web.get("/style.css", self._style),
                web.get("/api/v1/status", self._status),
                web.get("/api/v1/blocks", self._blocks),
                web.get("/api/v1/blocks/{height}", self._block),
                web.get("/api/v1/transactions/{tx_id}", self._transaction),
                web.get("/metrics", self._metrics_text),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
            ]
        )
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        host, _, port = self._listen.rpartition(":")
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        except OSError as error:
            await runner.cleanup()
            reason = error.strerror or "it is in use"
            raise CityError("CITY-8005", address=self._listen, use="web", reason=reason) from error
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # ---- REST ------------------------------------------------------------------------------------

    async def _status(self, request: web.Request) -> web.Response:
        return web.json_response(self._channel(request).status())

    async def _blocks(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        limit = _number(request.query.get("limit", str(BLOCKS_LIMIT)), "limit", BLOCKS_LIMIT_MAX)
        first = request.query.get("from")
        found = await _summaries(
            channel, limit, _number(first, "from", HEIGHT_MAX, 0) if first else None
        )
        following = found[-1]["height"] + 1 if len(found) == limit else None
        return web.json_response({"blocks": found, "next": following})

    async def _block(self, request: web.Request) -> web.Response:
        return web.json_response(await self._found_block(request))

    async def _transaction(self, request: web.Request) -> web.Response:
        return web.json_response(await self._found_transaction(request))

    # ---- pages -----------------------------------------------------------------------------------

    async def _status_page(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        blocks = await _summaries(channel, BLOCKS_LIMIT, None)
        return _html(pages.status_page(channel.status(), blocks))

    async def _block_page(self, request: web.Request) -> web.Response:
        return _html(pages.block_page(await self._found_block(request)))

    async def _transaction_page(self, request: web.Request) -> web.Response:
        return _html(pages.transaction_page(await self._found_transaction(request)))

    async def _style(self, _: web.Request) -> web.Response:
        return web.Response(text=pages.STYLE, content_type="text/css")

    # ---- operators -------------------------------------------------------------------------------

    async def _metrics_text(self, _: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        asked = request.query.get("channel", "")
        channels = [self._channel(request)] if asked else list(self._channels.values())
        ready = [bool(channel.status().get("ready", False)) for channel in channels]
        if not any(ready):
            names = ", ".join(channel.name for channel in channels)
            return web.Response(status=503, text=f"catching up: {names}\n")
        return web.Response(text="ready\n")

    # ---- helpers ---------------------------------------------------------------------------------

    def _channel(self, request: web.Request) -> ChannelFacade:
        name = request.query.get("channel", "")
        channel = self._channels.get(name) if name else next(iter(self._channels.values()), None)
        if channel is None:
            raise CityError("CITY-1004", channel=name[:64], known=", ".join(self._channels))
        return channel

    async def _found_block(self, request: web.Request) -> dict[str, Any]:
        channel = self._channel(request)
        height = _number(request.match_info["height"], "height", HEIGHT_MAX, 0)
        block = await channel.block(height)
        if block is None:
            raise CityError("CITY-1008", height=height, tip=channel.status().get("height", ""))
        return block_view(channel, block)

    async def _found_transaction(self, request: web.Request) -> dict[str, Any]:
        channel, text = self._channel(request), request.match_info["tx_id"]
        try:
            id_ = Hash(bytes.fromhex(text))
        except ValueError:
            id_ = Hash(b"")
        if len(id_) != 32:
            raise CityError("CITY-1002", field="tx_id", rule="64 hexadecimal digits")
        view = await channel.transaction(id_)
        if view is None:
            raise CityError("CITY-1007", tx_id=id_.hex())
        return transaction_view(channel, view)


async def _summaries(channel: ChannelFacade, limit: int, first: int | None) -> list[dict[str, Any]]:
    """Up to `limit` blocks from `first` on, the newest ones where it is None; lowest height first."""
    status = channel.status()
    newest = max(status.get("blocks_from", 0), status.get("height", 0) - limit + 1)
    start = newest if first is None else first
    found = []
    for height in range(start, start + limit):
        block = await channel.block(height)
        if block is None:
            break
        found.append(block_summary(channel, block))
    return found


@web.middleware
async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as JSON or as a page; the same headers on everything; nothing of the machine in any of it."""
    try:
        if not _is_open(request) and not is_from_own_machine(request):
            raise CityError("CITY-2216", asked=(request.remote or "")[:64])
        async with asyncio.timeout(ANSWER_S):
            response = await handler(request)
    except web.HTTPException as error:
        response = web.Response(status=error.status, text=f"{error.status} {error.reason}\n")
    except TimeoutError:
        response = _error(request, CityError("CITY-1009", seconds=ANSWER_S, tx_id=""))
    except CityError as error:
        response = _error(request, error)
    except Exception:
        trace = secrets.token_hex(8)
        log.exception("web.defect", path=request.path, trace=trace)
        response = _error(request, CityError("CITY-1011", trace=trace))
    response.headers.update(HEADERS)
    return response


def _is_open(request: web.Request) -> bool:
    """Whether it shows nothing of a channel; what is no route shows nothing either."""
    resource = request.match_info.route.resource
    return resource is None or resource.canonical in OPEN


def _error(request: web.Request, error: CityError) -> web.Response:
    status = error.entry.http_status
    if request.path.startswith("/api/"):
        return web.json_response({"error": error.to_dict()}, status=status)
    return _html(pages.error_page(error.to_dict(), request.path), status)


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")


def _number(text: str, field: str, maximum: int, minimum: int = 1) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 19 and minimum <= int(text) <= maximum:
        return int(text)
    raise CityError("CITY-1002", field=field, rule=f"a number from {minimum} to {maximum}")
