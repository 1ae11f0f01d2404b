"""A call as gRPC makes it, without gRPC: a handler taken from what it was added to, bytes in, a code out."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError

REMAINING_S = 0.03  # what a call has left of its deadline
REPLIES = 3  # that are taken from a stream before the caller goes away
DEFECTS = ("CITY-1011", "CITY-1099")
Metadata = Sequence[tuple[str, str | bytes]]


class Defect(AssertionError):
    """A handler ended in a way that no input excuses."""


class Aborted(Exception):
    """The call ended with a status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(f"{code.name} {details}")
        self.code, self.details = code, details


@dataclass(slots=True)
class Call:
    """What a handler is given as its context. shown: the certificate of the other end, PEM; frames: what a
    stream of bytes says after each other."""

    metadata: Metadata = ()
    shown: bytes = b""
    frames: Sequence[bytes] = ()
    _read: int = 0

    def time_remaining(self) -> float:
        return REMAINING_S

    def invocation_metadata(self) -> Metadata:
        return self.metadata

    def peer(self) -> str:
        return "ipv4:127.0.0.1:50000"

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_pem_cert": [self.shown]} if self.shown else {}

    async def abort(self, code: Any, details: str = "", trailing: Any = ()) -> NoReturn:
        raise Aborted(code, details)

    def abort_with_status(self, status: Any) -> NoReturn:
        """Of a service that runs on threads."""
        raise Aborted(status.code, status.details)

    async def read(self) -> Any:
        if self._read == len(self.frames):
            return grpc.aio.EOF
        self._read += 1
        return self.frames[self._read - 1]

    async def write(self, message: bytes) -> None:
        """To whoever listens."""


class Shelf:
    """Stands where a gRPC server does while services are added to it."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}  # "Ledger/Submit" -> its handler

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        """Those of generated code come by `add_registered_method_handlers` as well."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        self.handlers |= {f"{service.rpartition('.')[2]}/{name}": h for name, h in handlers.items()}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the handler returned comes as bytes; `call` is the context."""

    handler: Any
    call: Call


async def answer(asked: Asked, messages: Sequence[bytes]) -> str:
    """`ok`, `no message`, or the code it ended with. Raises Defect."""
    handler = asked.handler
    parse: Callable[[bytes], Any] = handler.request_deserializer or bytes
    write: Callable[[Any], bytes] = handler.response_serializer or bytes
    try:
        requests = [parse(data) for data in messages]
    except DecodeError:
        return "no message"  # gRPC answers it
    try:
        if handler.request_streaming and handler.response_streaming:
            await _some(handler.stream_stream(_stream(requests), asked.call), write)
        elif handler.response_streaming:
            await _some(handler.unary_stream(requests[0], asked.call), write)
        elif inspect.iscoroutinefunction(handler.unary_unary):
            write(await handler.unary_unary(requests[0], asked.call))
        else:
            write(await asyncio.to_thread(handler.unary_unary, requests[0], asked.call))
    except Aborted as error:
        if any(code in error.details for code in DEFECTS) or error.code in (
            grpc.StatusCode.UNKNOWN,
            grpc.StatusCode.INTERNAL,
        ):
            raise Defect(str(error)) from error.__context__
        return error.details.split(" ", 1)[0] or error.code.name
    return "ok"


async def _some(replies: Any, write: Callable[[Any], bytes]) -> None:
    """A few replies; then the caller is gone."""
    if inspect.isawaitable(replies):
        await replies
        return
    try:
        async with asyncio.timeout(REMAINING_S):
            taken = 0
            async for reply in replies:
                write(reply)
                taken += 1
                if taken == REPLIES:
                    return
    except TimeoutError:
        return
    finally:
        await replies.aclose()


async def _stream(requests: Sequence[Any]) -> AsyncIterator[Any]:
    for request in requests:
        yield request
