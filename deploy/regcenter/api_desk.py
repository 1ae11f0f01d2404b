"""Routes that need no more than a signed body: POST for what changes the books, GET for what only asks.

Each action of requests.py is one route: `POST /terminal`, `GET /feed`, and so on.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from deploy.regcenter import inquiries, proofs
from deploy.regcenter.api_common import CENTER, WRITER, Handler, authorization, query_of
from deploy.regcenter.desk import Answer, Instruction
from deploy.regcenter.requests import READS, WRITES


def desk_routes() -> list[web.RouteDef]:
    return [
        *(web.post(f"/{action}", _write(action, body)) for action, body in WRITES.items()),
        *(web.get(f"/{action}", _read(action, body)) for action, body in READS.items()),
    ]


def _write(action: str, body: type[Any]) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        query_of(request)
        key, found, digest = proofs.open_request(
            request.app[CENTER], authorization(request), action, body
        )
        instruction = Instruction(found, key, digest)
        answer = await request.app[WRITER].submit(instruction, Answer)
        return web.json_response(answer.view)

    return handler


def _read(action: str, body: type[Any]) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        query_of(request)
        center = request.app[CENTER]
        key, found, _ = proofs.open_request(center, authorization(request), action, body)
        return web.json_response(inquiries.answer(center, key, found))

    return handler
