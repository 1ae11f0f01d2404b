"""Delivery against a conditional coin: one trade carried through chain and center, whatever dies on the way.

    lock        the bank's money goes under a hash (center)
    settle      lock and preimage on the chain: the leaf moves, the preimage is public
    release     the borrower's RELEASE, signed in advance, is opened with the preimage (center)
    confirm     the proof of the release, for the record (chain)
    refund      instead, when the lock has ended unopened: the money goes back (center)
    unwind      and, had the leaf moved already, so does the leaf (chain)

Every step asks first what is already so and may be repeated, so a restart goes on from the journal, which
holds what was signed before it is sent. The bank never shows the preimage when too little time is left:
settling needs twice the release margin. Whoever knows the public preimage and the signed RELEASE can finish.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from consensus.encoding import ZERO_HASH, Hash, Sig, decode, encode
from consensus.payment import (
    CCY,
    VERSION,
    CoinOutput,
    CoinPoint,
    CoinTransaction,
    Kind,
    SignedCoinTransaction,
    coin_id,
    coin_tx_digest,
    coin_txid,
    wallet_address,
)
from consensus.payment_lock import (
    LOCK_VERSION,
    PREIMAGE_BYTES,
    Condition,
    LockTerms,
    lock_address,
)
from node.errors import CityError
from node.failpoints import reach
from node.identity.suite import Signer, get_suite
from node.oracle.adapter import OVERTAKEN
from node.oracle.journal import Journal

RELEASE_MARGIN_MS = 6 * 3_600_000
SALT_BYTES = 16
STEPS = ("lock", "settle", "release", "confirm", "refund", "unwind")


class End(StrEnum):
    DELIVERED = "delivered"  # leaf at the bank, money at the borrower
    REFUNDED = "refunded"  # leaf at the borrower, money at the bank
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Financing:
    """What the chain says of the trade (`financing.get`)."""

    state: str
    preimage: bytes


class ChainPort(Protocol):
    """The bank's connection to the channel. Raises CityError where it does not answer."""

    def now_ms(self) -> int: ...
    async def financing(self, request_id: str) -> Financing: ...
    async def anchor(self) -> int: ...
    async def call(self, method: str, **args: bytes | str) -> str:
        """A call of `financing`; the contract's code, "" when accepted."""
        ...


class CenterPort(Protocol):
    """The registration center. Sending a transaction again gives the same answer. Raises CityError."""

    async def lock(self, signed: SignedCoinTransaction, terms: LockTerms) -> None: ...
    async def release(self, signed: SignedCoinTransaction, preimage: bytes) -> None: ...
    async def proof(self, txid: bytes, anchor_size: int) -> bytes: ...
    async def knows(self, txid: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is signed before anything is sent. release: by the borrower, refund: by the bank."""

    request_id: str
    terms: LockTerms
    lock: SignedCoinTransaction
    release: SignedCoinTransaction
    refund: SignedCoinTransaction


def _transaction(
    kind: Kind, coins: tuple[Hash, ...], outputs: tuple[CoinOutput, ...], now_ms: int
) -> CoinTransaction:
    return CoinTransaction(
        VERSION, int(kind), CCY, coins, outputs, "", now_ms, secrets.token_bytes(SALT_BYTES)
    )


class Trade:
    """The signed papers of one trade, as bank and borrower make them. Use `Trade.draw_up`."""

    @staticmethod
    def draw_up(
        request_id: str,
        log_id: bytes,
        bank: Signer,
        borrower: Signer,
        coins: tuple[tuple[Hash, int], ...],
        amount_fen: int,
        reference: bytes,
        expires_ms: int,
        now_ms: int,
    ) -> tuple[Plan, bytes]:
        """The plan and the secret preimage. coins: of the bank's wallet, id and fen; change goes back."""
        hash_ = get_suite("sm").hash
        preimage = secrets.token_bytes(PREIMAGE_BYTES)
        payer = wallet_address(hash_, bank.public_key)
        payee = wallet_address(hash_, borrower.public_key)
        terms = LockTerms(
            LOCK_VERSION, payer, payee, amount_fen, int(Condition.HASH), Hash(hash_(preimage)), 0,
            (), 0, expires_ms, secrets.token_bytes(SALT_BYTES),
        )  # fmt: skip
        change = sum(value for _, value in coins) - amount_fen
        outputs = [CoinOutput(amount_fen, lock_address(hash_, terms), Hash(reference))]
        if change:
            outputs.append(CoinOutput(change, payer, ZERO_HASH))
        lock = _transaction(Kind.LOCK, tuple(c for c, _ in coins), tuple(outputs), now_ms)
        coin = coin_id(hash_, CoinPoint(coin_txid(hash_, lock), 0))
        to_payee = (CoinOutput(amount_fen, payee, Hash(reference)),)
        to_payer = (CoinOutput(amount_fen, payer, ZERO_HASH),)
        release = _transaction(Kind.RELEASE, (coin,), to_payee, now_ms)
        refund = _transaction(Kind.REFUND_LOCK, (coin,), to_payer, now_ms)

        def sign(signer: Signer, tx: CoinTransaction) -> SignedCoinTransaction:
            signature = Sig(signer.sign(coin_tx_digest(hash_, Hash(log_id), tx)))
            return SignedCoinTransaction(tx, signer.public_key, signature)

        plan = Plan(
            request_id, terms, sign(bank, lock), sign(borrower, release), sign(bank, refund)
        )
        return plan, preimage


class Delivery:
    """Carries one trade. `advance` does what can be done now and returns how it stands.

    journal: of this trade; made with `begin`, reopened with `resume`. reach: marks the failpoints.
    """

    def __init__(
        self,
        plan: Plan,
        preimage: bytes,
        journal: Journal,
        chain: ChainPort,
        center: CenterPort,
        reach: Callable[[str], None] = reach,
    ) -> None:
        self.plan = plan
        self._preimage, self._journal = preimage, journal
        self._chain, self._center, self._reach = chain, center, reach
        self._done = {record["step"] for record in journal if "step" in record}
        self._hash = get_suite("sm").hash

    @classmethod
    def begin(
        cls, plan: Plan, preimage: bytes, journal: Journal, chain: ChainPort, center: CenterPort,
        reach: Callable[[str], None] = reach,
    ) -> Delivery:  # fmt: skip
        journal.append(plan=encode(plan).hex(), preimage=preimage.hex())
        return cls(plan, preimage, journal, chain, center, reach)

    @classmethod
    def resume(
        cls, journal: Journal, chain: ChainPort, center: CenterPort,
        reach: Callable[[str], None] = reach,
    ) -> Delivery:  # fmt: skip
        """Raises CityError CITY-7010 where the journal holds no plan."""
        for record in journal:
            if "plan" in record:
                plan = decode(Plan, bytes.fromhex(record["plan"]))
                preimage = bytes.fromhex(record["preimage"])
                return cls(plan, preimage, journal, chain, center, reach)
        raise CityError("CITY-7010", path=journal.path, line=1)

    async def advance(self) -> End:
        """Raises CityError where chain or center do not answer: call it again later."""
        now_ms, terms = self._chain.now_ms(), self.plan.terms
        found = await self._chain.financing(self.plan.request_id)
        if (
            found.state == "CLEARED"
            and "locking" not in self._done
            and not self._may_settle(now_ms)
        ):
            return End.REFUNDED  # nothing was ever locked
        if found.state == "CLEARED" and self._may_settle(now_ms):
            await self._step("lock", self._lock)
            await self._step("settle", self._settle)
            found = await self._chain.financing(self.plan.request_id)
        if found.state in ("CLEARED", "LAPSED"):
            if now_ms < terms.expires_ms:
                return End.OPEN
            if "locking" in self._done:
                await self._step("refund", self._refund)
            return End.REFUNDED
        if found.state == "SETTLED":
            return await self._finish(now_ms)
        return End.DELIVERED

    async def _finish(self, now_ms: int) -> End:
        """The leaf has moved: the money follows, or, where nobody released it in time, the leaf goes back."""
        if "release" in self._done or now_ms < self.plan.terms.expires_ms:
            await self._step("release", self._release)
        elif not await self._center.knows(coin_txid(self._hash, self.plan.release.tx)):
            await self._step("refund", self._refund)
            await self._step("unwind", self._unwind)
            return End.REFUNDED
        await self._step("confirm", self._confirm)
        return End.DELIVERED

    def _may_settle(self, now_ms: int) -> bool:
        return now_ms + 2 * RELEASE_MARGIN_MS <= self.plan.terms.expires_ms

    async def _step(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        if name in self._done:
            return
        self._reach(f"dvp-before-{name}")
        if name == "lock":  # written first: what may have been locked is refunded one day
            self._note("locking")
        await work()
        self._reach(f"dvp-after-{name}")
        self._note(name)

    def _note(self, step: str) -> None:
        if step not in self._done:
            self._journal.append(step=step)
            self._done.add(step)

    async def _lock(self) -> None:
        await self._center.lock(self.plan.lock, self.plan.terms)

    async def _settle(self) -> None:
        for _ in range(5):
            proof = await self._proof(self.plan.lock)
            code = await self._chain.call(
                "settle", request_id=self.plan.request_id, proof=proof,
                terms=encode(self.plan.terms), preimage=self._preimage,
            )  # fmt: skip
            if code not in OVERTAKEN:
                break
        if code and (await self._chain.financing(self.plan.request_id)).state == "CLEARED":
            raise CityError("CITY-7012", request_id=self.plan.request_id, reason=code)

    async def _release(self) -> None:
        await self._center.release(self.plan.release, self._preimage)

    async def _confirm(self) -> None:
        proof = await self._proof(self.plan.release)
        await self._chain.call("confirm_release", request_id=self.plan.request_id, proof=proof)

    async def _unwind(self) -> None:
        proof = await self._proof(self.plan.refund)
        await self._chain.call("unwind", request_id=self.plan.request_id, proof=proof)

    async def _refund(self) -> None:
        if await self._center.knows(coin_txid(self._hash, self.plan.lock.tx)):
            await self._center.release(self.plan.refund, b"")

    async def _proof(self, signed: SignedCoinTransaction) -> bytes:
        txid = coin_txid(self._hash, signed.tx)
        return await self._center.proof(txid, await self._chain.anchor())
