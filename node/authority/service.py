"""The enrolment service: HTTPS over which a holder with a token gets its certificate.

    GET  /v1/authorities        {"identity": PEM, "node": PEM}
    GET  /v1/lists/identity     the revocation list, PEM; also /v1/lists/node
    POST /v1/enrol              {"token", "request": PEM} -> {"certificate": PEM, "authority": PEM}

Requests wait in one bounded queue and are signed one at a time; a full queue refuses (CITY-2038).
"""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web

from node.authority.authority import FILES, SERVE, Keys, MemberAuthority
from node.authority.register import Use
from node.authority.tokens import TOKEN_CHARS_MAX, enrol
from node.config import split_address
from node.errors import CityError
from node.identity.certificates import CERTIFICATE_BYTES_MAX, Certificate, from_pem, to_pem

BODY_BYTES_MAX = 2 * CERTIFICATE_BYTES_MAX
QUEUE_MAX = 64
BODY_S = 10.0

log = structlog.get_logger("authority")


@dataclass(frozen=True, slots=True)
class Asking:
    """One request in the queue."""

    token: str
    request: bytes
    answer: asyncio.Future[Certificate]


class EnrolmentService:
    """Serves from `start` to `stop`. Whoever calls `run` signs."""

    def __init__(self, authority: MemberAuthority, keys: Keys) -> None:
        self._authority, self._keys = authority, keys
        self._queue: asyncio.Queue[Asking] = asyncio.Queue(QUEUE_MAX)
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, listen: str, password: bytes | None) -> None:
        """Raises CITY-8005 where the address cannot be listened on."""
        host, port = split_address(listen)
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[_refusals])
        app.router.add_get("/v1/authorities", self._authorities)
        app.router.add_get("/v1/lists/{use}", self._list)
        app.router.add_post("/v1/enrol", self._enrol)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        context = _tls(self._authority, password)
        site = web.TCPSite(runner, host.strip("[]"), port, ssl_context=context, backlog=QUEUE_MAX)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            reason = error.strerror or str(error)
            raise CityError("CITY-8005", address=listen, use="enrolment", reason=reason) from None
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def run(self) -> None:
        """Signs what the queue holds, one at a time, until it is cancelled."""
        while True:
            asking = await self._queue.get()
            if asking.answer.done():
                continue  # whoever asked has gone
            try:
                made = await asyncio.to_thread(
                    enrol, self._authority, self._keys, asking.token, asking.request
                )
            except Exception as error:  # told to whoever asked; the service goes on
                if not asking.answer.done():
                    asking.answer.set_exception(error)
                continue
            log.info("authority.enrolled", name=made.name, serial=f"{made.serial:x}")
            if not asking.answer.done():
                asking.answer.set_result(made)

    # ---- what is asked ---------------------------------------------------------------------------

    async def _authorities(self, _: web.Request) -> web.Response:
        found = {use: to_pem(self._authority.certificate(use).der).decode() for use in Use}
        return web.json_response(found)

    async def _list(self, request: web.Request) -> web.Response:
        use = request.match_info["use"]
        if use not in list(Use):
            raise CityError("CITY-1002", field="use", rule=f"one of {', '.join(Use)}")
        path = self._authority.folder / f"{FILES[Use(use)]}.crl"
        return web.Response(body=path.read_bytes(), content_type="application/x-pem-file")

    async def _enrol(self, request: web.Request) -> web.Response:
        token, der = await _read(request)
        answer: asyncio.Future[Certificate] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(Asking(token, der, answer))
        except asyncio.QueueFull:
            raise CityError("CITY-2038", waiting=QUEUE_MAX) from None
        made = await answer
        use = Use.NODE if made.hosts else Use.IDENTITY
        authority = self._authority.certificate(use)
        return web.json_response(
            {
                "certificate": to_pem(made.der).decode(),
                "authority": to_pem(authority.der).decode(),
            }
        )


async def _read(request: web.Request) -> tuple[str, bytes]:
    """The token and the request's DER. Raises CITY-1002, 2012."""
    try:
        async with asyncio.timeout(BODY_S):
            body = json.loads(await request.read())
    except (ValueError, TimeoutError, RecursionError):
        raise CityError("CITY-1002", field="body", rule="a JSON object, sent at once") from None
    if not isinstance(body, dict) or set(body) != {"token", "request"}:
        raise CityError("CITY-1002", field="body", rule="exactly: token, request")
    token, text = body["token"], body["request"]
    if not isinstance(token, str) or not isinstance(text, str) or len(token) > TOKEN_CHARS_MAX:
        raise CityError("CITY-1002", field="body", rule="token and request are texts")
    return token, from_pem(text.encode(errors="replace"), "CERTIFICATE REQUEST")


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Any]
) -> web.StreamResponse:
    """An error is its code, cause and next step, and nothing of our inside."""
    try:
        answer: web.StreamResponse = await handler(request)
        return answer
    except CityError as error:
        log.info("authority.refused", code=error.code, path=request.path)
        return web.json_response({"error": error.to_dict()}, status=error.entry.http_status)
    except web.HTTPException:
        raise
    except Exception as error:
        log.exception("authority.failed")
        found = CityError("CITY-1099", kind=type(error).__name__, reason="see the service's log")
        return web.json_response({"error": found.to_dict()}, status=500)


def _tls(authority: MemberAuthority, password: bytes | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    certificate, key = (authority.folder / f"{SERVE}.{end}" for end in ("crt", "key"))
    context.load_cert_chain(certificate, key, password=lambda: password or b"")
    return context


async def serve_until_stopped(
    authority: MemberAuthority, keys: Keys, listen: str, password: bytes | None
) -> None:
    """One process's work: until SIGTERM or SIGINT."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    service = EnrolmentService(authority, keys)
    await service.start(listen, password)
    signing = asyncio.create_task(service.run(), name="authority-signing")
    try:
        host = listen.rpartition(":")[0]
        print(f"{authority.member} enrols at https://{host}:{service.port}", flush=True)
        await stopping.wait()
    finally:
        await service.stop()
        signing.cancel()
        await asyncio.gather(signing, return_exceptions=True)
