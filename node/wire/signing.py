"""The signing service on the wire: both directions, so that only `node/wire` knows the messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_status import rpc_status

from node.errors import CityError
from node.wire.pb import signer_pb2 as pb
from node.wire.pb.signer_pb2_grpc import SignerServicer, SignerStub, add_SignerServicer_to_server
from node.wire.status import from_rpc_error, to_status


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key that the service holds."""

    name: str
    suite_id: int
    public_key: bytes


Sign = Callable[[bytes, bytes, bool], bytes]  # public key, message, hashed -> signature


def serve_signing(
    server: grpc.Server,
    check_caller: Callable[[grpc.ServicerContext], None],
    keys: Callable[[], Sequence[KeyInfo]],
    sign: Sign,
) -> None:
    """Adds the service. check_caller raises CityError for whoever may not ask."""

    def guarded(context: grpc.ServicerContext, answer: Callable[[], object]) -> object:
        try:
            check_caller(context)
            return answer()
        except CityError as error:
            context.abort_with_status(rpc_status.to_status(to_status(error)))
            raise

    class Service(SignerServicer):
        def Keys(self, request: pb.KeysRequest, context: grpc.ServicerContext) -> object:
            def answer() -> pb.KeysReply:
                found = [
                    pb.SigningKey(name=k.name, suite=k.suite_id, public_key=k.public_key)
                    for k in keys()
                ]
                return pb.KeysReply(keys=found)

            return guarded(context, answer)

        def Sign(self, request: pb.SignRequest, context: grpc.ServicerContext) -> object:
            def answer() -> pb.SignReply:
                made = sign(request.public_key, request.message, request.hashed)
                return pb.SignReply(signature=made)

            return guarded(context, answer)

    add_SignerServicer_to_server(Service(), server)


class SigningCalls:
    """The caller's side over an open channel. Raises CityError as the service does; what the connection says is
    left to the caller (grpc.RpcError)."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = SignerStub(channel)

    def keys(self, timeout: float) -> list[KeyInfo]:
        reply = _asked(lambda: self._stub.Keys(pb.KeysRequest(), timeout=timeout))
        return [KeyInfo(k.name, k.suite, k.public_key) for k in reply.keys]

    def sign(self, public_key: bytes, message: bytes, hashed: bool, timeout: float) -> bytes:
        request = pb.SignRequest(public_key=public_key, message=message, hashed=hashed)
        signature: bytes = _asked(lambda: self._stub.Sign(request, timeout=timeout)).signature
        return signature


def _asked(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except grpc.RpcError as error:
        found = from_rpc_error(error)
        if found is not None:
            raise found from None
        raise
