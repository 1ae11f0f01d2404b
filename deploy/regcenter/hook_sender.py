"""Telling institutions what they registered for: signed messages, to each receiver in order, with back-off.

A message goes only to hosts of the configuration. Names must lead to public addresses; loopback is allowed
where the center runs for development. No redirect is followed, and nothing of an answer is read but its status.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from consensus.encoding import Hash, encode
from deploy.regcenter import hooks
from deploy.regcenter.center import Center
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hooks import HEAD, SIGNATURE_HEADER, Hook, Told
from deploy.regcenter.inquiries import event_of
from deploy.regcenter.writer import Writer

BATCH_MAX = 50
LOOK_EVERY_S = 0.2
BACK_OFF_S, BACK_OFF_MAX_S = 1.0, 300.0
TIMEOUT_S = 10.0
AT_ONCE_MAX = 8
LOG = logging.getLogger("regcenter.hooks")


@dataclass(frozen=True, slots=True)
class HookPolicy:
    """hosts: `host` (port 443) or `host:port`. is_dev: loopback addresses may be named, also without TLS."""

    hosts: tuple[str, ...] = ()
    is_dev: bool = False

    def check(self, url: str) -> URL:
        """The URL as it is sent to. Raises CenterError RC_HOOK."""
        hooks.check_url(url)
        try:
            found = URL(url)
        except ValueError as error:
            raise CenterError("RC_HOOK", str(error)) from error
        host, port = found.host or "", found.port
        literal = _literal(host)
        is_loopback = literal is not None and literal.is_loopback
        if f"{host}:{port}" not in {h if ":" in h else f"{h}:443" for h in self.hosts}:
            raise CenterError("RC_HOOK", f"{host}:{port} is no host that messages go to")
        if found.scheme != "https" and not (self.is_dev and is_loopback):
            raise CenterError("RC_HOOK", "messages go by https")
        if literal is not None and not self.permits(literal):
            raise CenterError("RC_HOOK", f"{host} is no public address")
        return found

    def permits(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        if address.is_loopback:
            return self.is_dev
        return address.is_global and not address.is_multicast


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


class _Resolver(AbstractResolver):
    """The system's answers, as far as the policy permits them: what is checked is what is connected to."""

    def __init__(self, policy: HookPolicy) -> None:
        self._policy, self._system = policy, aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        kept = [r for r in found if self._policy.permits(ipaddress.ip_address(r["host"]))]
        if not kept:
            raise OSError(f"{host} leads to no permitted address")
        return kept

    async def close(self) -> None:
        await self._system.close()


@dataclass(slots=True)
class _State:
    """Of one hook, in this process. head_size: of the head that it was told last."""

    failures: int = 0
    not_before: float = 0.0
    head_size: int = -1
    task: asyncio.Task[None] | None = field(default=None)


class HookSender:
    """Owns its tasks. Nothing is lost when it stops: what was not taken stays in the store."""

    def __init__(
        self, center: Center, writer: Writer, policy: HookPolicy, back_off_s: float = BACK_OFF_S
    ) -> None:
        self._center, self._writer, self.policy = center, writer, policy
        self._back_off_s = back_off_s
        self._states: dict[Hash, _State] = {}
        self._slots = asyncio.Semaphore(AT_ONCE_MAX)
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        connector = aiohttp.TCPConnector(resolver=_Resolver(self.policy), use_dns_cache=False)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        self._task = asyncio.create_task(self._run(), name="center-hooks")

    async def stop(self) -> None:
        tasks = [self._task, *(state.task for state in self._states.values())]
        running = [task for task in tasks if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            known = self._center.ledger.books.hooks.known
            for hook in list(known):
                state = self._states.setdefault(hook, _State())
                idle = state.task is None or state.task.done()
                if idle and loop.time() >= state.not_before and self._has_news(hook, state):
                    state.task = asyncio.create_task(self._tell(hook, state))
            for gone in self._states.keys() - known.keys():
                del self._states[gone]
            await asyncio.sleep(LOOK_EVERY_S)

    def _has_news(self, known: Hash, state: _State) -> bool:
        book = self._center.ledger.books.hooks
        hook = book.known[known]
        size = self._center.latest.head.tree_size
        waits = book.pending.get(known, 0) > 0 or hook.behind is not None
        return waits or (HEAD in hook.events and size > state.head_size)

    async def _tell(self, known: Hash, state: _State) -> None:
        """One message. What the receiver did not take is told again, later each time."""
        async with self._slots:
            hook, size = self._center.ledger.books.hooks.known.get(known), self._size()
            if hook is None:
                return
            leaves = hooks.waiting(self._center.store, known, size, BATCH_MAX)
            is_taken = await self._send(known, hook, leaves, HEAD in hook.events)
        if not is_taken:
            wait = min(self._back_off_s * 2**state.failures, BACK_OFF_MAX_S)
            state.failures = min(state.failures + 1, 16)
            state.not_before = asyncio.get_running_loop().time() + wait
            return
        state.failures, state.head_size = 0, size
        if leaves or hook.behind is not None:
            await self._writer.submit(Told(known, tuple(leaves)), Told)

    def _size(self) -> int:
        return self._center.latest.head.tree_size

    async def _send(self, known: Hash, hook: Hook, leaves: Iterable[int], with_head: bool) -> bool:
        center = self._center
        told = [event_of(center, leaf) for leaf in leaves]
        if not told and not with_head:
            return True  # nothing yet: the log is to be looked through first
        view: dict[str, Any] = {"hook": known.hex(), "events": told}
        if with_head:
            view["head"] = encode(center.latest).hex()
        body, now_ms = json.dumps(view).encode(), center.clock()
        assert self._session is not None
        try:
            center.ledger.parties.require_heard(now_ms, hook.owner)
            url = self.policy.check(hook.url)  # the configuration may be another one by now
            header = hooks.sealed(center.voice, known, body, now_ms)
            headers = {SIGNATURE_HEADER: header, "Content-Type": "application/json"}
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                is_taken = 200 <= answer.status < 300
                why = f"status {answer.status}"
        except (CenterError, aiohttp.ClientError, OSError, TimeoutError) as error:
            is_taken, why = False, type(error).__name__
        if not is_taken:
            LOG.warning("a receiver did not take a message: %s (%s)", hook.url, why)
        return is_taken
