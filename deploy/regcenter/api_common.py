"""What all routes of the center's HTTP interface share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from deploy.regcenter.center import Center
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hook_sender import HookSender
from deploy.regcenter.strict_json import hexed
from deploy.regcenter.writer import Writer

CENTER = web.AppKey("center", Center)
WRITER = web.AppKey("writer", Writer)
IDENTITIES = web.AppKey("identities", asyncio.Lock)
HOOKS = web.AppKey("hooks", HookSender)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def query_of(request: web.Request, *names: str, optional: tuple[str, ...] = ()) -> dict[str, str]:
    """The query's parameters: these names, each at most once. Raises CenterError RC_QUERY."""
    found = dict(request.query)
    if len(found) != len(request.query):
        raise CenterError("RC_QUERY", "a parameter occurs twice")
    for name in found:
        if name not in names and name not in optional:
            raise CenterError("RC_QUERY", f"unknown parameter {name[:40]}")
    for name in names:
        if name not in found:
            raise CenterError("RC_QUERY", f"missing parameter {name}")
    return found


def number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) >= 1 << 64:
        raise CenterError("RC_QUERY", f"{name} is no whole number")
    return int(text)


def authorization(request: web.Request, header: str = "Authorization") -> bytes:
    scheme, _, value = request.headers.get(header, "").partition(" ")
    if scheme != "SM2":
        raise CenterError("RC_REQUEST", f"the header `{header}: SM2 <hex>` is missing")
    data: bytes = hexed(None)(value, header)
    return data
