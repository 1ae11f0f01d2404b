"""Routes that need no more than a signed body: POST for what changes the books, GET for what only asks.

Each action of requests.py is one route: `POST /terminal`, `GET /feed`, and so on.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from consensus.payment import SignedTreeHead
from deploy.regcenter import identities, inquiries, proofs
from deploy.regcenter.api_common import (
    CENTER,
    HOOKS,
    IDENTITIES,
    WRITER,
    Handler,
    authorization,
    query_of,
)
from deploy.regcenter.desk import Answer, Instruction
from deploy.regcenter.errors import CenterError
from deploy.regcenter.operations import Refresh
from deploy.regcenter.requests import ACTION_ENROL, READS, WRITES, CoinQuery, EnrolQuery, HookQuery


def desk_routes() -> list[web.RouteDef]:
    return [
        web.post(f"/{ACTION_ENROL}", enrol),
        *(web.post(f"/{action}", _write(action, body)) for action, body in WRITES.items()),
        *(web.get(f"/{action}", _read(action, body)) for action, body in READS.items()),
    ]


async def enrol(request: web.Request) -> web.Response:
    """One identity-based signature at a time is checked, in a thread: it takes a second of a processor."""
    query_of(request)
    center, busy = request.app[CENTER], request.app[IDENTITIES]
    key, query, digest = proofs.open_request(
        center, authorization(request), ACTION_ENROL, EnrolQuery
    )
    if busy.locked():
        raise CenterError("RC_BUSY", "another enrolment is being checked")
    async with busy:
        enrolled = await asyncio.to_thread(
            identities.check, center.kgc(query.kgc), center.log_id, key, query, center.clock()
        )
    answer = await request.app[WRITER].submit(Instruction(enrolled, key, digest), Answer)
    return web.json_response(answer.view)


def _write(action: str, body: type[Any]) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        query_of(request)
        key, found, digest = proofs.open_request(
            request.app[CENTER], authorization(request), action, body
        )
        if isinstance(found, HookQuery):
            request.app[HOOKS].policy.check(found.url)
        instruction = Instruction(found, key, digest)
        answer = await request.app[WRITER].submit(instruction, Answer)
        return web.json_response(answer.view)

    return handler


def _read(action: str, body: type[Any]) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        query_of(request)
        center = request.app[CENTER]
        key, found, _ = proofs.open_request(center, authorization(request), action, body)
        if body is CoinQuery and not center.is_mapped:
            await request.app[WRITER].submit(Refresh(with_map=True), SignedTreeHead)
        return web.json_response(inquiries.answer(center, key, found))

    return handler
