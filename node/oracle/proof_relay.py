"""The first payment adapter: proofs of the DC/EP registration center, carried by their holder.

The request is signed with the wallet key of payer, payee or delegate (dcep.md section 3.3); the proof is
checked with consensus/payment_proof.py before it goes anywhere. The wallet key never leaves this process.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from consensus.center_request import (
    ACTION_FEED,
    ACTION_PAYMENT,
    CenterRequest,
    FeedQuery,
    PaymentQuery,
    SignedCenterRequest,
    SignedDelegation,
    request_digest,
)
from consensus.encoding import EncodingError, Hash, Sig, decode, encode
from consensus.payment import CertifiedTreeHead, CoinPoint, KeyChainEntry, SignedTreeHead, log_id
from consensus.payment_proof import (
    KINDS_ALLOWED,
    PROOF_BYTES_MAX,
    Payment,
    ProofRefused,
    TrustedLog,
    check_head,
    check_proof,
)
from node.errors import CityError
from node.identity.suite import Signer, Suite, get_suite

ANSWER_BYTES_MAX = 256 * 1024
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One output that came to a wallet. accepted_ms: by the money's clock."""

    kind: str
    txid: Hash
    output_index: int
    reference: Hash
    accepted_ms: int


class ProofRelay:
    """A PaymentAdapter over one center. Use as an asynchronous context manager.

    url: the center's address. root_key: its root key, as registered on the channel. holder: signer of the
    wallet that paid or was paid, or of a delegate with `delegation`. now_ms: the money's clock; None leaves
    freshness to the contract. kinds: of payments it fetches; by default those that pay a debt.
    """

    def __init__(
        self,
        url: str,
        root_key: bytes,
        holder: Signer,
        *,
        delegation: SignedDelegation | None = None,
        now_ms: Callable[[], int] | None = None,
        suite: Suite | None = None,
        timeout_s: float = TIMEOUT_S,
        kinds: tuple[str, ...] = KINDS_ALLOWED,
    ) -> None:
        self.url = url.rstrip("/")
        self._holder, self._delegation, self._now_ms = holder, delegation, now_ms
        self._suite = suite or get_suite("sm")
        self._trusted, self._kinds = TrustedLog(root_key), kinds
        self.log_id = log_id(self._suite.hash, root_key)
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def payment_proof(
        self, txid: bytes, output_index: int, *, anchor_size: int = 0, fields: Sequence[str] = ()
    ) -> bytes:
        """See PaymentAdapter. Raises CityError: CITY-7001 to CITY-7004."""
        point = CoinPoint(Hash(txid), output_index)
        query = PaymentQuery(point, anchor_size, tuple(sorted(fields)), self._delegation)
        found = await self._get(
            "/payment",
            {"txid": txid.hex(), "index": str(output_index), "view": "proof"},
            self._authorization(query),
        )
        data = self._hex(found, "proof")
        payment = self.check(data)
        if payment.proof.point != point:
            raise CityError("CITY-7004", url=self.url, detail="a proof of another payment")
        return data

    def check(self, data: bytes) -> Payment:
        """What a proof's bytes say, checked here without the channel's state. Raises CITY-7003."""
        now_ms = None if self._now_ms is None else self._now_ms()
        try:
            if len(data) > PROOF_BYTES_MAX:
                raise ProofRefused("E_PROOF_SIZE", "the proof is larger than 32 KiB")
            return check_proof(
                self._suite.hash, self._suite.verify, data, self._trusted, now_ms, self._kinds
            )
        except ProofRefused as refusal:
            raise CityError("CITY-7003", reason=refusal.code, detail=refusal.detail) from refusal

    async def tree_head(self) -> CertifiedTreeHead:
        """The center's present head with its keys, checked: what `dcep.anchor_head` takes, encoded."""
        found = await self._get("/sth", {}, {})
        keys = await self._get("/keys", {}, {})
        try:
            signed = decode(SignedTreeHead, self._hex(found, "sth"))
            chain = tuple(decode(KeyChainEntry, bytes.fromhex(k)) for k in keys["key_chain"])
            certified = CertifiedTreeHead(signed, chain)
            check_head(self._suite.hash, self._suite.verify, certified, self._trusted)
        except ProofRefused as refusal:
            raise CityError("CITY-7003", reason=refusal.code, detail=refusal.detail) from refusal
        except (EncodingError, ValueError, KeyError, TypeError) as error:
            raise CityError("CITY-7004", url=self.url, detail="not a tree head") from error
        return certified

    async def tree_size(self) -> int:
        """Leaves under the center's last head, which tells whether asking for more is worth it."""
        found = await self._get("/status", {}, {})
        try:
            return int(found["tree_size"])
        except (KeyError, TypeError, ValueError) as error:
            raise CityError("CITY-7004", url=self.url, detail="no tree_size in it") from error

    async def feed(self, after: int) -> tuple[list[FeedItem], int]:
        """Final payments to the holder's address from leaf `after` on, and where to ask on."""
        found = await self._get("/feed", {}, self._authorization(FeedQuery(after), ACTION_FEED))
        try:
            items = [
                FeedItem(
                    str(item["kind"]), Hash(bytes.fromhex(item["txid"])), int(item["output_index"]),
                    Hash(bytes.fromhex(item["reference"])), int(item["accepted_ms"]),
                )
                for item in found["events"]
            ]  # fmt: skip
            return items, int(found["next"])
        except (KeyError, TypeError, ValueError, EncodingError) as error:
            raise CityError("CITY-7004", url=self.url, detail="not a feed") from error

    def _authorization(
        self, query: PaymentQuery | FeedQuery, action: str = ACTION_PAYMENT
    ) -> dict[str, str]:
        request = CenterRequest(
            log_id=self.log_id,
            action=action,
            body=encode(query),
            time_ms=time.time_ns() // 1_000_000,
            nonce=secrets.token_bytes(16),
        )
        digest = request_digest(self._suite.hash, request)
        signature = Sig(self._holder.sign(digest))
        signed = SignedCenterRequest(request, self._holder.public_key, signature)
        return {"Authorization": "SM2 " + encode(signed).hex()}

    def _hex(self, found: Mapping[str, Any], name: str) -> bytes:
        try:
            return bytes.fromhex(found[name])
        except (KeyError, TypeError, ValueError) as error:
            raise CityError("CITY-7004", url=self.url, detail=f"no {name} in it") from error

    async def _get(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        assert self._session is not None, "use the relay inside `async with`"
        try:
            async with self._session.get(
                self.url + path, params=query, headers=headers, allow_redirects=False
            ) as answer:
                data = await _bounded(answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            detail = str(error) or type(error).__name__
            raise CityError("CITY-7001", url=self.url, detail=detail) from error
        try:
            found = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise CityError("CITY-7004", url=self.url, detail="no JSON") from error
        if not isinstance(found, dict):
            raise CityError("CITY-7004", url=self.url, detail="no JSON object")
        refused = found.get("error")
        if isinstance(refused, dict):
            code, detail = str(refused.get("code"))[:64], str(refused.get("message"))[:256]
            raise CityError("CITY-7002", reason=code, detail=detail)
        return found


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    """The body; more than the limit is cut, and is then no JSON."""
    data = bytearray()
    async for chunk in answer.content.iter_any():
        data += chunk
        if len(data) > ANSWER_BYTES_MAX:
            return b""
    return bytes(data)
