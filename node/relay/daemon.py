"""One relay as a process: follows the channel's events and the center's feed, carries proofs, tells how it is.

Three tasks feed one journal: obligations come from events of the channel (rules.py), payments from the
center's feed, and what is due is carried. Whoever does not answer is asked again, less and less often; nothing
ends the relay but a signal. On the loopback it serves /metrics to everybody. Whoever has the token of its
endpoint.json sees /status, and tells it what it cannot see by itself: /watch and /notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import secrets
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import generate_latest

from node.client import Event, connect
from node.clock import Clock, DevelopmentClock, RealClock
from node.config import split_address
from node.errors import CityError
from node.identity.keyfile import read_key
from node.identity.suite import get_suite
from node.oracle.journal import Journal
from node.oracle.relay import Obligation, Outcome, Relay
from node.relay.config import RelayConfig
from node.relay.hub import forward, registration
from node.relay.ports import CenterPort, ChannelPort
from node.relay.rules import Rule, obligations
from node.telemetry import configure_logging

log = structlog.get_logger("relay")
WORK_S = 0.1
PAUSE_S, PAUSE_S_MAX = 0.25, 5.0
CURSOR_EVENTS = 200
RECENT = 20
REQUEST_BYTES_MAX = 64 * 1024
METRICS = "/metrics"


@dataclass(slots=True)
class Daemon:
    """troubles: by source, the last error of a source that does not answer now."""

    config: RelayConfig
    relay: Relay
    center: CenterPort
    channel: ChannelPort
    net: Any
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    troubles: dict[str, str] = field(default_factory=dict)

    # ---- sources ---------------------------------------------------------------------------------

    async def follow_channel(self) -> None:
        """Obligations, from the event after the last one that is in the journal."""
        rules: dict[tuple[str, str], list[Rule]] = {}
        for rule in self.config.all_rules():
            rules.setdefault((rule.contract, rule.event), []).append(rule)
        height, _, last = self.relay.book.cursors.get("channel", "0 ").partition(" ")
        seen = 0
        async for event in self.net.events(from_height=int(height), after_id=last):
            self.troubles.pop("channel", None)
            matching = rules.get((event.contract, event.name), ())
            if matching:
                value = await self.channel.result_of(event.tx_id)
                for owed in (
                    o for rule in matching for o in obligations(rule, event.fields, value)
                ):
                    if self.relay.watch(owed):
                        log.info("watching", reference=owed.reference, call=_call(owed))
            seen += 1
            if matching or seen % CURSOR_EVENTS == 0:
                self.relay.keep_cursor("channel", f"{event.height} {event.id}")

    async def follow_center(self) -> None:
        """Payments to each of the wallets, from the leaf after the last one that is in the journal."""
        known = -1
        while True:
            size = await self.center.tree_size()
            if size != known:
                for address in self.center.addresses:
                    await self.read_feed(address)
                known = size
            if self.troubles.pop("center", None):
                self.relay.wake()
            await asyncio.sleep(self.config.center.poll_ms / 1000)

    async def read_feed(self, address: str) -> None:
        """All that came to a wallet since it was asked last, page by page."""
        while True:
            after = int(self.relay.book.cursors.get(address, "0"))
            paid, following = await self.center.feed(address, after)
            for reference, txid, index, when in paid:
                self.relay.notice(reference, txid, index, when)
            if following == after:
                return
            self.relay.keep_cursor(address, str(following))

    async def follow_uses(self) -> None:
        """Tells the settlement hub what the channel has used, from the last batch that it took on."""
        hub = self.config.hub
        assert hub is not None
        height, _, last = self.relay.book.cursors.get("hub", "0 ").partition(" ")
        events = self.net.events(
            "dcep", "Dcep.PaymentVerified", from_height=int(height), after_id=last
        )
        async with connect.aio(self.config.network(hub.context), user=hub.user) as there:

            async def tell(batch: Sequence[Event]) -> None:
                args = registration(self.net.context.channel_id, batch)
                done = await there.call("settlement_hub", "register", args)
                self.troubles.pop("hub", None)
                if done.value:
                    log.error("a payment is used on two channels", alarms=done.value)

            def keep(event: Event) -> None:
                self.relay.keep_cursor("hub", f"{event.height} {event.id}")

            await forward(events, tell, keep)

    async def work(self) -> None:
        while True:
            if await self.relay.run_once():
                log.info("carried", open=len(self.relay.book.pending()))
            await asyncio.sleep(WORK_S)

    async def keep_on(self, name: str, source: Callable[[], Awaitable[None]]) -> None:
        """A source that fails is begun again, after a pause that grows while it fails."""
        pause = PAUSE_S
        while True:
            try:
                await source()
            except CityError as error:
                pause = PAUSE_S if name not in self.troubles else min(2 * pause, PAUSE_S_MAX)
                if name not in self.troubles:
                    log.warning("waits", source=name, code=error.code, reason=error.message)
                self.troubles[name] = f"{error.code} {error.message}"
                if name == "center":
                    self.center.look_again()
            await asyncio.sleep(pause)

    # ---- how it stands ---------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        relay = self.relay
        waiting = sorted(relay.book.pending(), key=lambda p: p.paid_ms)
        ended = [p for p in relay.book.payments.values() if p.outcome is not Outcome.OPEN]
        return {
            "name": self.config.name,
            "state": "running" if not self.troubles else "waits",
            "troubles": dict(self.troubles),
            "user": self.config.user,
            "wallets": self.center.addresses,
            "watched": len(relay.book.watched),
            "open": len(waiting),
            "lag_s": relay.lag_ms() / 1000,
            "ended": dict(Counter(str(p.outcome) for p in ended)),
            "waiting": [
                {"reference": p.reference, "payment": p.point, "attempts": p.attempts, "code": p.code}
                for p in waiting[:RECENT]
            ],
            "recent": [
                {"reference": p.reference, "payment": p.point, "outcome": str(p.outcome),
                 "code": p.code, "tx_id": p.tx_id}
                for p in ended[-RECENT:]
            ],
        }  # fmt: skip

    def pages(self) -> web.Application:
        """What it serves over HTTP."""
        app = web.Application(client_max_size=REQUEST_BYTES_MAX, middlewares=[self._known])
        app.add_routes(
            [
                web.get("/status", self._status),
                web.get(METRICS, self._metrics),
                web.post("/watch", self._watch),
                web.post("/notice", self._notice),
            ]
        )
        return app

    @web.middleware
    async def _known(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Nobody without the token, but for the metrics."""
        resource = request.match_info.route.resource
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        is_open = resource is None or resource.canonical == METRICS
        if not is_open and not hmac.compare_digest(given.encode(), self.token.encode()):
            error = CityError("CITY-7016")
            raise web.HTTPUnauthorized(text=f"{error.code} {error.name}: {error.message}")
        return await handler(request)

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response(self.status())

    async def _metrics(self, _: web.Request) -> web.Response:
        self.relay.measure()
        return web.Response(
            body=generate_latest(self.relay.metrics.registry), content_type="text/plain"
        )

    async def _watch(self, request: web.Request) -> web.Response:
        told = await self._told(request, ("reference", "contract", "method", "args"))
        if not isinstance(told["args"], dict):
            raise web.HTTPBadRequest(text="args is no object")
        owed = Obligation(
            _hash(told["reference"]), str(told["contract"]), str(told["method"]), told["args"]
        )
        return web.json_response({"new": self.relay.watch(owed)})

    async def _notice(self, request: web.Request) -> web.Response:
        told = await self._told(request, ("reference", "txid", "index"))
        if type(told["index"]) is not int or not 0 <= told["index"] < 256:
            raise web.HTTPBadRequest(text="index is no output")
        txid = bytes.fromhex(_hash(told["txid"]))
        now_ms = self.relay.now_ms()
        new = self.relay.notice(_hash(told["reference"]), txid, told["index"], now_ms)
        return web.json_response({"new": new})

    async def _told(self, request: web.Request, names: tuple[str, ...]) -> dict[str, Any]:
        try:
            told = await request.json()
        except ValueError:
            raise web.HTTPBadRequest(text="no JSON") from None
        if not isinstance(told, dict) or set(told) != set(names):
            raise web.HTTPBadRequest(text=f"wanted are {', '.join(names)}")
        return told


def _hash(text: object) -> str:
    try:
        data = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        data = b""
    if len(data) != 32:
        raise web.HTTPBadRequest(text="32 bytes in hexadecimal")
    return data.hex()


def _call(owed: Obligation) -> str:
    words = " ".join(f"{name}={value}" for name, value in owed.args.items())
    return f"{owed.contract}.{owed.method} {words}"


# ---- the process ---------------------------------------------------------------------------------


async def run_relay(config: RelayConfig) -> None:
    """Runs until SIGTERM or SIGINT. Raises CityError where the relay cannot start."""
    configure_logging(config.log.level, config.log.format == "json", relay=config.name)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with opened(config) as daemon, served(daemon) as url:
        log.info("started", status=url, watched=len(daemon.relay.book.watched),
                 open=len(daemon.relay.book.pending()))  # fmt: skip
        tasks = [
            asyncio.create_task(daemon.keep_on("channel", daemon.follow_channel)),
            asyncio.create_task(daemon.keep_on("center", daemon.follow_center)),
            asyncio.create_task(daemon.keep_on("work", daemon.work)),
        ]
        if config.hub is not None:
            tasks.append(asyncio.create_task(daemon.keep_on("hub", daemon.follow_uses)))
        stop = asyncio.create_task(stopping.wait())
        try:
            done, _ = await asyncio.wait({stop, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stop}:
                await task  # a fault of ours: say so and end
        finally:
            for task in (*tasks, stop):
                task.cancel()
            await asyncio.gather(*tasks, stop, return_exceptions=True)
    log.info("stopped")


@contextlib.asynccontextmanager
async def opened(config: RelayConfig) -> AsyncIterator[Daemon]:
    """The relay with its connections, closed again at the end."""
    suite = get_suite("sm")
    wallets = [
        suite.signer(read_key(config.path(file), config.password(), dev=config.development))
        for file in config.wallets
    ]
    root_key = bytes.fromhex(config.center.root_key)
    at = config.center.at
    where = at if at.startswith(("http://", "https://")) else config.path(at)
    with _locked(config):
        journal = Journal(config.journal)
        try:
            async with (
                connect.aio(
                    config.network(config.context), user=config.user, channel=config.channel
                ) as net,
                CenterPort(where, root_key, wallets) as center,
            ):
                channel = ChannelPort(net, root_key)
                offset = net.context.clock_offset_file
                base = net.context.file.parent if net.context.file else config.root
                clock: Clock = DevelopmentClock(base / offset) if offset else RealClock()
                relay = Relay(journal, center, channel, clock.now_ms)
                yield Daemon(config, relay, center, channel, net)
        finally:
            journal.close()


@contextlib.contextmanager
def _locked(config: RelayConfig) -> Any:
    """One relay a folder. Raises CityError CITY-7014."""
    import fcntl

    config.root.mkdir(parents=True, exist_ok=True)
    with (config.root / "lock").open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CityError("CITY-7014", path=config.root) from None
        yield


@contextlib.asynccontextmanager
async def served(daemon: Daemon) -> AsyncIterator[str]:
    """Its status on the loopback; where, stands in endpoint.json as long as it runs."""
    runner = web.AppRunner(
        daemon.pages(), access_log=None, handle_signals=False, shutdown_timeout=1.0
    )
    await runner.setup()
    address = daemon.config.listen.status
    try:
        try:
            await web.TCPSite(runner, *split_address(address)).start()
        except OSError as error:
            reason = error.strerror or "it is in use"
            raise CityError("CITY-8005", address=address, use="status", reason=reason) from error
        host, port = runner.addresses[0][:2]
        url = f"http://{host}:{port}"
        told = json.dumps({"url": url, "pid": os.getpid(), "token": daemon.token}) + "\n"
        new = daemon.config.endpoint.with_suffix(".new")
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(told)
        new.replace(daemon.config.endpoint)
        yield url
    finally:
        daemon.config.endpoint.unlink(missing_ok=True)
        await runner.cleanup()
