"""The Python SDK.

    from node.client import connect

    with connect("dev", user="buyer") as net:
        done = net.contract("receivable").issue(amount="120000.00", currency="CNY", to="LG")
        print(done.tx_id, done.block, done.value)

    async with connect.aio("dev", user="buyer") as net:
        tx = await net.contract("receivable").issue.submit({"amount": "120000.00"}, request_id=invoice_id)
        done = await tx.wait("committed", timeout=10)
        async for event in net.events("receivable", after_id=last):
            ...

`Timeout` is no failure: it carries the transaction's id, which was known before sending. Sending again with the
same request_id is safe. A connection belongs to the process that opened it; it does not survive a fork.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from contracts.runtime.api import Bundle
from contracts.schema import Schema
from node.identity.suite import Signer, get_suite
from node.sdk.calls import (
    Admission,
    Answer,
    Block,
    Committed,
    ContractVersion,
    Event,
    Signed,
)
from node.sdk.context import Context, NodeAddress, UserKey, find_context
from node.sdk.errors import (
    AlreadyExists,
    CityError,
    ContractError,
    Denied,
    InvalidRequest,
    NotFound,
    Rejected,
    Throttled,
    Timeout,
    Unavailable,
)
from node.sdk.net import TIMEOUT_S, AsyncNet, Tx
from node.signing.pkcs11 import open_signer
from node.signing.token_place import is_token

__all__ = [
    "Admission",
    "AlreadyExists",
    "Answer",
    "AsyncNet",
    "Block",
    "CityError",
    "Committed",
    "Context",
    "ContractError",
    "ContractVersion",
    "Denied",
    "Event",
    "InvalidRequest",
    "Net",
    "NodeAddress",
    "NotFound",
    "Rejected",
    "Signed",
    "Throttled",
    "Timeout",
    "Tx",
    "Unavailable",
    "UserKey",
    "connect",
    "find_context",
]

PASSWORD_VARIABLE, USER_VARIABLE = "CITY_KEY_PASSWORD", "CITY_USER"
CHANNEL_VARIABLE = "CITY_CHANNEL"
T = TypeVar("T")


class Method:
    """A contract's method: call it with arguments by name, or use `submit`, `query`, `simulate`."""

    def __init__(self, net: Any, contract: str, name: str) -> None:
        self._net, self._contract, self._name = net, contract, name

    def __call__(self, **args: Any) -> Any:
        return self._net.call(self._contract, self._name, args)

    def submit(self, args: Mapping[str, Any] | None = None, **options: Any) -> Any:
        return self._net.submit(self._contract, self._name, args, **options)

    def query(self, **args: Any) -> Any:
        return self._net.query(self._contract, self._name, args)

    def simulate(self, **args: Any) -> Any:
        return self._net.simulate(self._contract, self._name, args)


class Contract:
    """A contract by name; its methods are attributes."""

    def __init__(self, net: Any, name: str) -> None:
        self._net, self._name = net, name

    def __getattr__(self, method: str) -> Method:
        if method.startswith("_"):
            raise AttributeError(method)
        return Method(self._net, self._name, method)


class AsyncNetwork(AsyncNet):
    """An `AsyncNet` with contracts as objects."""

    def contract(self, contract: Any) -> Contract:
        """contract: its name, or a generated class with `contract_name`."""
        return Contract(self, getattr(contract, "contract_name", contract))


class SyncTx:
    """A transaction that was admitted."""

    def __init__(self, net: Net, tx: Tx) -> None:
        self._net, self._tx = net, tx
        self.tx_id, self.signed = tx.tx_id, tx.signed

    def wait(self, level: str = "committed", timeout: float | None = None) -> Committed:
        return self._net.wait(self.signed, level, timeout)


class Net:
    """The synchronous façade: the same methods as `AsyncNet`, on an event loop in a thread of its own."""

    def __init__(self, **arguments: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="city-net", daemon=True)
        self._thread.start()
        try:
            self._net: AsyncNetwork = self._run(_opened(arguments))
        except BaseException:
            self._stop()
            raise
        self.context = self._net.context

    def __enter__(self) -> Net:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection. Once is enough, twice does no harm."""
        if not self._loop.is_closed():
            self._run(self._net.close())
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C ends the call, not only the waiting for it
            raise

    def _iterate(self, iterator: AsyncIterator[T]) -> Iterator[T]:
        async def following() -> T:
            return await anext(iterator)

        try:
            while True:
                try:
                    yield self._run(following())
                except StopAsyncIteration:
                    return
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None and not self._loop.is_closed():
                self._run(close())

    def contract(self, contract: Any) -> Contract:
        """contract: its name, or a generated class with `contract_name`."""
        return Contract(self, getattr(contract, "contract_name", contract))

    def call(self, contract: str, method: str, args: Any = None, **options: Any) -> Committed:
        return self._run(self._net.call(contract, method, args, **options))

    def submit(self, contract: str, method: str, args: Any = None, **options: Any) -> SyncTx:
        return SyncTx(self, self._run(self._net.submit(contract, method, args, **options)))

    def build(self, contract: str, method: str, args: Any = None, **options: Any) -> Signed:
        return self._run(self._net.build(contract, method, args, **options))

    def send(self, signed: Signed, timeout: float | None = None) -> None:
        self._run(self._net.send(signed, timeout))

    def wait(
        self, tx: Signed | str, level: str = "committed", timeout: float | None = None
    ) -> Committed:
        return self._run(self._net.wait(tx, level, timeout))

    def batch(self, signed: Sequence[Signed], timeout: float | None = None) -> list[Admission]:
        return self._run(self._net.batch(signed, timeout))

    def query(self, contract: str, method: str, args: Any = None, **options: Any) -> Answer:
        return self._run(self._net.query(contract, method, args, **options))

    def simulate(self, contract: str, method: str, args: Any = None, **options: Any) -> Answer:
        return self._run(self._net.simulate(contract, method, args, **options))

    def contracts(self, timeout: float | None = None) -> list[ContractVersion]:
        return self._run(self._net.contracts(timeout))

    def schema(
        self, contract: str, version: int = 0, timeout: float | None = None
    ) -> tuple[ContractVersion, Schema]:
        return self._run(self._net.schema(contract, version, timeout))

    def source(
        self, contract: str, version: int = 0, timeout: float | None = None
    ) -> tuple[ContractVersion, Bundle]:
        return self._run(self._net.source(contract, version, timeout))

    def transaction(self, tx_id: str, timeout: float | None = None) -> Any:
        return self._run(self._net.transaction(tx_id, timeout))

    def block(self, height: int, timeout: float | None = None) -> Block:
        return self._run(self._net.block(height, timeout))

    def whole_block(self, height: int, node: str | None = None) -> Any:
        return self._run(self._net.whole_block(height, node))

    def whole_header(self, height: int, node: str | None = None) -> bytes:
        return self._run(self._net.whole_header(height, node))

    def receipts(self, height: int, node: str | None = None) -> list[bytes]:
        return self._run(self._net.receipts(height, node))

    def statements(self, node: str, first: int = 1) -> list[bytes]:
        return self._run(self._net.statements(node, first))

    def usage(self, node: str | None = None, **asked: Any) -> Any:
        return self._run(self._net.usage(node, **asked))

    def state(self, key: bytes, timeout: float | None = None) -> tuple[int, Any]:
        return self._run(self._net.state(key, timeout))

    def proof(self, tx_id: str, timeout: float | None = None) -> bytes:
        return self._run(self._net.proof(tx_id, timeout))

    def state_proof(self, key: bytes, timeout: float | None = None) -> bytes:
        return self._run(self._net.state_proof(key, timeout))

    def membership_proof(self, who: str, name: str, height: int = 0, time_ms: int = 0) -> bytes:
        return self._run(self._net.membership_proof(who, name, height, time_ms))

    def node_status(self, name: str | None = None, timeout: float | None = None) -> dict[str, Any]:
        return self._run(self._net.node_status(name, timeout))

    def info(self, timeout: float | None = None) -> Any:
        return self._run(self._net.info(timeout))

    def blocks(self, from_height: int = 0) -> Iterator[Block]:
        return self._iterate(self._net.blocks(from_height))

    def events(self, contract: str = "", name: str = "", **cursor: Any) -> Iterator[Event]:
        """cursor: from_height, after_id."""
        return self._iterate(self._net.events(contract, name, **cursor))

    def past_events(self, contract: str = "", name: str = "", from_height: int = 0) -> list[Event]:
        return self._run(self._net.past_events(contract, name, from_height=from_height))


async def _opened(arguments: dict[str, Any]) -> AsyncNetwork:
    """Made on the loop that will use it: gRPC ties a channel to the loop it is made on."""
    return AsyncNetwork(**arguments)


class _Connect:
    """`connect(...)` gives a synchronous network, `connect.aio(...)` an asynchronous one."""

    def __call__(
        self,
        context_or_address: str | Context | None = None,
        user: str | None = None,
        **options: Any,
    ) -> Net:
        """context_or_address: a context's name, a folder or file of contexts, host:port with
        `certificate=PATH`, or None for the current context.

        user: a user of the context, or the path of a key (.pem); CITY_USER by default. Without one,
        reads are signed by the context's first user and writes are refused.
        options: signer (instead of a user), certificate, channel (another than the context's own; CITY_CHANNEL
        by default), timeout (seconds, for every call)."""
        return Net(**_arguments(context_or_address, user, **options))

    def aio(
        self,
        context_or_address: str | Context | None = None,
        user: str | None = None,
        **options: Any,
    ) -> AsyncNetwork:
        """As the call, for `async with`, on the running loop."""
        return AsyncNetwork(**_arguments(context_or_address, user, **options))


connect = _Connect()


def _arguments(
    where: str | Context | None,
    user: str | None,
    *,
    signer: Signer | None = None,
    certificate: str | Path | None = None,
    channel: str = "",
    timeout: float = TIMEOUT_S,
) -> dict[str, Any]:
    if isinstance(where, Context):
        context = where
    elif certificate is not None:
        if not where:
            raise InvalidRequest("CITY-1002", field="address", rule="host:port")
        address = where.removeprefix("grpcs://")
        node = NodeAddress(address, address, Path(certificate))
        context = Context(address, channel, b"", "sm", (node,), ())
    else:
        context = find_context(where)
    if not isinstance(where, Context):
        channel = channel or os.environ.get(CHANNEL_VARIABLE) or ""
    if channel and certificate is None:
        context = context.on(channel)
    writer = signer or _signer(context, user or os.environ.get(USER_VARIABLE))
    reader = writer
    if reader is None and context.users:
        reader = _signer(context, context.users[0].name)
    return {"context": context, "writer": writer, "reader": reader, "timeout": timeout}


def _signer(context: Context, user: str | None) -> Signer | None:
    """The user's key. An unencrypted file must be the owner's alone (0600); nodes are stricter."""
    if not user:
        return None
    path = Path(user) if user.endswith(".pem") or is_token(user) else context.user(user).key
    password = os.environ.get(PASSWORD_VARIABLE)
    secret = password.encode() if password else None
    return open_signer(path, secret, dev=True, suite=get_suite(context.suite))
