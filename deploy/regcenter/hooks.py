"""Webhooks: institutions are told of payments to their wallets, in order, at least once. What is to be told is
kept here; hook_sender.py tells it.

A bank hears of what came to wallets that it opened and to its vault, an institution of what came to its pool;
anyone of them of new tree heads. A leaf of the log that somebody is to be told of is noted with the transaction
itself and struck out when the receiver has taken it. A queue is bounded: what comes when it is full is looked
up in the log later, from where it began to lag.

Keys of the store: `H` hooks, `J` leaves to be told by hook and leaf.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.payment import CoinOutput
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.requests import HookMessage, HookQuery, Signed
from deploy.regcenter.store import Overlay, Store
from deploy.regcenter.voice import Voice, check_said
from node.identity.suite import Suite

PAYMENT, HEAD = "payment.final", "head"
EVENTS = (PAYMENT, HEAD)
HOOKS_MAX, HOOKS_EACH_MAX = 64, 8
URL_CHARS_MAX = 512
PENDING_MAX = 10_000
SCAN_MAX = 2_000  # leaves looked up at a time for a hook that lags
MESSAGE_AGE_MAX_MS = 5 * 60_000
SIGNATURE_HEADER = "X-Center-Signature"


@dataclass(frozen=True, slots=True)
class Hook:
    """owner: address of the institution. behind: leaf from which the log is still to be looked through."""

    owner: Hash
    url: str
    events: tuple[str, ...]
    behind: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """Operation: a receiver has taken these leaves. Changes nothing that a head signs."""

    hook: Hash
    leaves: tuple[int, ...]


class Hooks:
    """Hooks and how much waits for each, in memory; the leaves in the store."""

    def __init__(self, pending_max: int = PENDING_MAX) -> None:
        self.known: dict[Hash, Hook] = {}
        self._by_owner: dict[Hash, list[Hash]] = {}
        self.pending: dict[Hash, int] = {}
        self.pending_max = pending_max

    def load(self, store: Store) -> None:
        for key, data in store.items(b"H"):
            self._enter(Hash(key), decode(Hook, data))
            self.pending[Hash(key)] = sum(1 for _ in store.items(b"J" + key))

    def _enter(self, known: Hash, hook: Hook) -> None:
        self.known[known] = hook
        mine = self._by_owner.setdefault(hook.owner, [])
        if known not in mine:
            mine.append(known)

    def add(self, overlay: Overlay, owner: Hash, query: HookQuery) -> Hash:
        """Raises CenterError RC_HOOK. The id is that of owner and URL: registering again changes the events."""
        check_url(query.url)
        if not query.events or not set(query.events) <= set(EVENTS):
            raise CenterError("RC_HOOK", f"events are {' and '.join(EVENTS)}")
        known = Hash(sm3(owner + query.url.encode()))
        mine = sum(hook.owner == owner for hook in self.known.values())
        if known not in self.known and (mine >= HOOKS_EACH_MAX or len(self.known) >= HOOKS_MAX):
            raise CenterError("RC_HOOK", f"at most {HOOKS_EACH_MAX} each and {HOOKS_MAX} in all")
        before = self.known.get(known)
        behind = None if before is None else before.behind
        events = tuple(sorted(set(query.events)))
        self._put(overlay, known, Hook(owner, query.url, events, behind))
        self.pending.setdefault(known, 0)
        return known

    def remove(self, overlay: Overlay, owner: Hash, known: Hash) -> None:
        """Raises CenterError RC_HOOK."""
        hook = self.known.get(known)
        if hook is None or hook.owner != owner:
            raise CenterError("RC_HOOK", "there is no such hook of yours")
        for leaf, _ in overlay.items(b"J" + known):
            overlay.put(b"J" + known + leaf, None)
        overlay.put(b"H" + known, None)
        self._by_owner[owner].remove(known)
        del self.known[known], self.pending[known]

    def note(
        self,
        overlay: Overlay,
        outputs: Sequence[CoinOutput],
        first_leaf: int,
        bank_of: Callable[[Hash], Hash | None],
    ) -> None:
        """Outputs of an accepted transaction, the first one at a leaf."""
        if not self.known:
            return
        for index, output in enumerate(outputs):
            for owner in {output.owner, bank_of(output.owner) or output.owner}:
                for known in self._by_owner.get(owner, ()):
                    self._note_one(overlay, known, first_leaf + index)

    def _note_one(self, overlay: Overlay, known: Hash, leaf: int) -> None:
        hook = self.known[known]
        if PAYMENT in hook.events and hook.behind is None:
            if self.pending[known] < self.pending_max:
                self._queue(overlay, known, leaf)
            else:
                self._put(overlay, known, replace(hook, behind=leaf))

    def strike(self, overlay: Overlay, told: Told) -> None:
        """The receiver has these; a repeated word changes nothing."""
        for leaf in told.leaves:
            key = b"J" + told.hook + leaf.to_bytes(8, "big")
            if told.hook in self.known and overlay.get(key) is not None:
                overlay.put(key, None)
                self.pending[told.hook] -= 1

    def catch_up(
        self, overlay: Overlay, known: Hash, size: int, receivers: Callable[[int], Sequence[Hash]]
    ) -> None:
        """Looks on through the log of `size` leaves. receivers: who is told of a leaf."""
        hook = self.known.get(known)
        if hook is None or hook.behind is None:
            return
        leaf, end = hook.behind, min(size, hook.behind + SCAN_MAX)
        while leaf < end and self.pending[known] < self.pending_max:
            if hook.owner in receivers(leaf):
                self._queue(overlay, known, leaf)
            leaf += 1
        self._put(overlay, known, replace(hook, behind=None if leaf == size else leaf))

    def _queue(self, overlay: Overlay, known: Hash, leaf: int) -> None:
        overlay.put(b"J" + known + leaf.to_bytes(8, "big"), b"")
        self.pending[known] += 1

    def _put(self, overlay: Overlay, known: Hash, hook: Hook) -> None:
        self._enter(known, hook)
        overlay.put(b"H" + known, encode(hook))


def waiting(store: Store, known: Hash, size: int, limit: int) -> list[int]:
    """The oldest leaves that a hook is to be told of, of a log of `size` leaves."""
    found: list[int] = []
    for key, _ in store.items(b"J" + known):
        leaf = int.from_bytes(key, "big")
        if leaf >= size or len(found) == limit:
            break
        found.append(leaf)
    return found


def check_url(url: str) -> None:
    """The form of a URL; which hosts are allowed is the sender's configuration. Raises CenterError RC_HOOK."""
    try:
        found = urlsplit(url)
        _ = found.port
    except ValueError as error:
        raise CenterError("RC_HOOK", str(error)) from error
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(" \\")
    if len(url) > URL_CHARS_MAX or not is_plain or found.scheme not in ("https", "http"):
        raise CenterError("RC_HOOK", "a URL of at most 512 ASCII characters, https")
    if not found.hostname or "@" in found.netloc or found.fragment:
        raise CenterError("RC_HOOK", "a URL with a host, without a user and a fragment")


def sealed(voice: Voice, hook: Hash, body: bytes, now_ms: int) -> str:
    """The header that goes with a message."""
    message = HookMessage(voice.log_id, hook, Hash(sm3(body)), now_ms)
    return encode(voice.say(message)).hex()


def check_message(
    suite: Suite, root_key: bytes, body: bytes, header: str, now_ms: int
) -> dict[str, Any]:
    """For receivers: what a message says, if the center of this root key signed it in the last five minutes.

    A payment may come twice; its leaf tells them apart. Raises CenterError RC_SIGNATURE."""
    try:
        signed = decode(Signed, bytes.fromhex(header))
        time_ms = decode(HookMessage, signed.body).time_ms
    except (ValueError, EncodingError) as error:
        raise CenterError("RC_SIGNATURE", str(error)) from error
    found = check_said(suite, signed, root_key, HookMessage, time_ms)
    if found.body != sm3(body) or abs(now_ms - time_ms) > MESSAGE_AGE_MAX_MS:
        raise CenterError("RC_SIGNATURE", "the signature is for another body or another time")
    said: dict[str, Any] = json.loads(body)
    if said.get("hook") != found.hook.hex():
        raise CenterError("RC_SIGNATURE", "it names another hook")
    return said
