"""Errors on the wire: google.rpc.Status with ErrorInfo, both directions. Variables travel as metadata, so the
client's CityError is the node's, texts in both languages included."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as PbAny
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2
from grpc_status import rpc_status

from node.errors import CATALOGUE, CityError

DOMAIN = "citychain"
_RETRY_MS = 1_000
_VARIABLE_CHARS_MAX = 400  # HTTP/2 trailers are small
_RETRIED_KINDS = ("unavailable", "exhausted")


def to_status(error: CityError, trace: str = "") -> status_pb2.Status:
    """The error with ErrorInfo, both languages, the next step, and RetryInfo where trying again can help."""
    metadata = {k: str(v)[:_VARIABLE_CHARS_MAX] for k, v in error.variables.items()}
    chinese, _, _ = error.localized("zh")
    found: list[Any] = [
        details.ErrorInfo(
            reason=error.name, domain=DOMAIN, metadata={**metadata, "code": error.code}
        ),
        details.LocalizedMessage(locale="en", message=error.message),
        details.LocalizedMessage(locale="zh", message=chinese),
        details.Help(links=[details.Help.Link(description=error.do)]),
    ]
    if error.entry.kind in _RETRIED_KINDS:
        retry = details.RetryInfo()
        retry.retry_delay.FromMilliseconds(_retry_ms(error))
        found.append(retry)
    if trace:
        found.append(details.RequestInfo(request_id=trace))
    status = status_pb2.Status(
        code=getattr(grpc.StatusCode, error.entry.grpc_status).value[0],
        message=f"{error.code} {error.name}: {error.message}"[:1000],
    )
    for detail in found:
        packed = PbAny()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _retry_ms(error: CityError) -> int:
    """What the error itself knows of it, a second otherwise."""
    found = error.variables.get("retry_ms", _RETRY_MS)
    return found if isinstance(found, int) else _RETRY_MS


async def abort(context: grpc.aio.ServicerContext, error: CityError, trace: str = "") -> None:
    """Ends the call with the error. Never returns."""
    status = rpc_status.to_status(to_status(error, trace))
    await context.abort(status.code, status.details, status.trailing_metadata)


def from_rpc_error(error: grpc.aio.AioRpcError) -> CityError | None:
    """The node's error that a call ended with; None when the node said nothing (a broken connection)."""
    packed = dict(error.trailing_metadata() or ()).get(rpc_status.GRPC_DETAILS_METADATA_KEY)
    if not isinstance(packed, bytes):
        return None
    try:
        status = status_pb2.Status.FromString(packed)
        found = [info for detail in status.details if detail.Unpack(info := details.ErrorInfo())]
    except DecodeError:  # whoever answers there is no node of ours
        return None
    for info in found:
        if info.domain == DOMAIN:
            variables = dict(info.metadata)
            code = variables.pop("code", "")
            if code in CATALOGUE:
                return CityError(code, **variables)
            return CityError("CITY-1016", remote=code or info.reason, message=status.message)
    return None
