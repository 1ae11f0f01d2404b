"""One node as its operator sees it: the channels it holds, and how they change. Blocking.

with NodeAdmin(context, context.node("Shenzhen"), signer) as node:
    for row in node.hosted(): print(row["channel"], row["state"])
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import grpc

from consensus.encoding import EncodingError, Hash, decode
from node.hosting.cards import NodeCard
from node.identity.suite import Signer, get_suite
from node.peers.roster import server_name
from node.sdk.context import Context, NodeAddress
from node.sdk.errors import CityError, InvalidRequest, Timeout, Unavailable, by_kind
from node.wire import stubs
from node.wire.codec import MESSAGE_BYTES_MAX, REPLY_BYTES_MAX
from node.wire.operator_statement import (
    LIFETIME_MS_MAX,
    METADATA_KEY,
    OperatorStatement,
    sign_operator,
)
from node.wire.status import from_rpc_error

TIMEOUT_S = 60.0


class NodeAdmin:
    """The Admin service of one node. Every method raises CityError by kind."""

    def __init__(self, context: Context, node: NodeAddress, signer: Signer) -> None:
        """context: with the suite of the operator's key. signer: the operator's."""
        self.name = node.name
        self._context, self._address, self._signer = context, node, signer
        self._suite = get_suite(context.suite)
        try:
            pem = node.certificate.read_bytes()
            name = server_name(pem)
        except (OSError, ValueError) as error:
            rule = f"a readable PEM file ({error})"
            raise InvalidRequest(
                "CITY-1002", field=f"certificate {node.certificate}", rule=rule
            ) from error
        self._channel = grpc.secure_channel(
            node.api,
            grpc.ssl_channel_credentials(pem),
            options=(
                ("grpc.ssl_target_name_override", name),
                ("grpc.enable_http_proxy", 0),
                ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
                ("grpc.max_receive_message_length", REPLY_BYTES_MAX),
            ),
        )
        self._admin: Any = stubs.AdminStub(self._channel)  # type: ignore[no-untyped-call]
        self._ledger: Any = stubs.LedgerStub(self._channel)  # type: ignore[no-untyped-call]
        self._identity: Hash | None = None

    def __enter__(self) -> NodeAdmin:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    # ---- what there is -----------------------------------------------------------------------------

    def hosted(self) -> list[dict[str, Any]]:
        """A row a channel: channel, state, and what is known of it."""
        reply = self._call("ListHosted", stubs.ListHostedRequest())
        return [_row(each) for each in reply.channels]

    def show(self, channel: str) -> dict[str, Any]:
        return _row(self._call("ShowHosted", stubs.HostedRequest(channel=channel)))

    def genesis(self, channel: str) -> bytes:
        """The genesis file."""
        reply = self._call("ExportGenesis", stubs.HostedRequest(channel=channel))
        return bytes(reply.genesis)

    # ---- changes -----------------------------------------------------------------------------------

    def backup(self, channel: str, seconds: float) -> dict[str, Any]:
        """Where the node wrote it, on its own host; waits until it is whole."""
        return _row(self._call("BackupChannel", stubs.HostedRequest(channel=channel), seconds))

    def prepare(self, channel: str, suite: str) -> NodeCard:
        """What a genesis has to say of this node; it makes the keys that it needs."""
        request = stubs.PrepareChannelRequest(channel=channel, suite=suite)
        try:
            return decode(NodeCard, self._call("PrepareChannel", request).card)
        except EncodingError as error:
            raise CityError("CITY-1016", remote="card", message=str(error)) from error

    def join(
        self,
        genesis: bytes,
        addresses: Mapping[str, str],
        grant: bytes = b"",
        from_snapshot: bool = False,
    ) -> dict[str, Any]:
        """It opens behind this call: `wait_ready`."""
        request = stubs.JoinChannelRequest(
            genesis=genesis, addresses=dict(addresses), grant=grant, from_snapshot=from_snapshot
        )
        return _row(self._call("JoinChannel", request))

    def leave(self, channel: str, is_forced: bool = False) -> dict[str, Any]:
        request = stubs.LeaveChannelRequest(channel=channel, force=is_forced)
        return _row(self._call("LeaveChannel", request))

    def pause(self, channel: str) -> dict[str, Any]:
        return _row(self._call("PauseChannel", stubs.HostedRequest(channel=channel)))

    def resume(self, channel: str) -> dict[str, Any]:
        return _row(self._call("ResumeChannel", stubs.HostedRequest(channel=channel)))

    def archive(self, channel: str) -> dict[str, Any]:
        return _row(self._call("ArchiveChannel", stubs.HostedRequest(channel=channel)))

    def wait_open(self, channel: str, seconds: float = TIMEOUT_S) -> dict[str, Any]:
        """Until it is open or has failed, as the row says."""
        ends = time.monotonic() + seconds
        while True:
            row = self.show(channel)
            if row["state"] != "opening" or time.monotonic() > ends:
                return row
            time.sleep(0.05)

    def wait_ready(self, channel: str, seconds: float = TIMEOUT_S) -> dict[str, Any]:
        """Until the node takes part. Raises CITY-8069 where it failed, or did not in this time."""
        ends = time.monotonic() + seconds
        while True:
            row = self.show(channel)
            if row.get("ready"):
                return row
            if row["state"] == "failed" or time.monotonic() > ends:
                reason = row.get("reason") or row.get("condition") or row["state"]
                raise Unavailable("CITY-8069", channel=channel, node=self.name, reason=reason)
            time.sleep(0.05)

    # ---- helpers -----------------------------------------------------------------------------------

    def _call(self, method: str, request: Any, seconds: float = TIMEOUT_S) -> Any:
        try:
            statement = OperatorStatement(
                self._node_identity(),
                method,
                self._signer.public_key,
                time.time_ns() // 1_000_000 + LIFETIME_MS_MAX,
            )
            metadata = ((METADATA_KEY, sign_operator(self._suite, self._signer, statement)),)
            return getattr(self._admin, method)(request, timeout=seconds, metadata=metadata)
        except grpc.RpcError as error:
            raise self._error(error) from error

    def _node_identity(self) -> Hash:
        if self._identity is None:
            request = stubs.ChannelInfoRequest(channel=self._context.channel)
            info = self._ledger.ChannelInfo(request, timeout=TIMEOUT_S)
            self._identity = Hash(info.node_identity)
        return self._identity

    def _error(self, error: Any) -> CityError:
        said, code = from_rpc_error(error), error.code()
        if said is not None:
            return by_kind(said)
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return Timeout("CITY-1009", seconds=f"{TIMEOUT_S:g}", tx_id="")
        if code is grpc.StatusCode.UNAVAILABLE:
            reason = (error.details() or "unavailable")[:200]
            return Unavailable("CITY-1010", tried=self._address.api, reason=reason)
        return CityError("CITY-1016", remote=code.name, message=error.details() or "")


def _row(reply: Any) -> dict[str, Any]:
    return {"channel": reply.channel, "state": reply.state, **json.loads(reply.facts_json)}
