"""What every call has: a deadline, and errors that clients understand. No traceback leaves the node."""

from __future__ import annotations

import asyncio
import functools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import grpc
import structlog

from node.errors import CityError
from node.wire.status import abort

DEADLINE_S = 10.0
DEADLINE_S_MAX = 300.0
_ANSWER_S = 0.02  # kept back from the deadline, so that the answer says why
log = structlog.get_logger("api")

T = TypeVar("T")
Unary = Callable[[Any, Any, grpc.aio.ServicerContext], Awaitable[Any]]
Streaming = Callable[[Any, Any, grpc.aio.ServicerContext], AsyncIterator[Any]]


def unary(method: Unary) -> Unary:
    """A unary method whose CityError becomes a status, and whose defects become CITY-1011 with a trace."""

    @functools.wraps(method)
    async def call(self: Any, request: Any, context: grpc.aio.ServicerContext) -> Any:
        try:
            return await method(self, request, context)
        except CityError as error:
            await abort(context, error)
        except Exception:
            await _defect(context, method.__name__)

    return call


def streaming(method: Streaming) -> Streaming:
    """The same for a method that answers with a stream."""

    @functools.wraps(method)
    async def call(
        self: Any, request: Any, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[Any]:
        try:
            async for reply in method(self, request, context):
                yield reply
        except CityError as error:
            await abort(context, error)
        except Exception:
            await _defect(context, method.__name__)

    return call


async def _defect(context: grpc.aio.ServicerContext, method: str) -> None:
    trace = secrets.token_hex(8)
    log.exception("api.defect", method=method, trace=trace)
    await abort(context, CityError("CITY-1011", trace=trace), trace)


def require_deadline(context: grpc.aio.ServicerContext) -> None:
    """Raises CITY-1005 when a call that writes has none."""
    if context.time_remaining() is None:
        raise CityError("CITY-1005")


async def within_deadline(
    context: grpc.aio.ServicerContext, waiting: Awaitable[T], tx_id: str = ""
) -> T:
    """Awaits until the call's deadline, ten seconds where it has none. Raises CITY-1009."""
    remaining = context.time_remaining()
    seconds = DEADLINE_S if remaining is None else min(remaining, DEADLINE_S_MAX)
    try:
        async with asyncio.timeout(max(0.0, seconds - _ANSWER_S)):
            return await waiting
    except TimeoutError as error:
        raise CityError("CITY-1009", seconds=f"{seconds:.1f}", tx_id=tx_id) from error
