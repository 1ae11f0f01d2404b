"""The second payment adapter: an operator that keeps no Merkle log is asked by seven oracles, each on its own.

Nothing can be proven here, so 2f+1 oracles must see the same payment; the report carries their signatures
and the
contract counts them. What follows the count is checked exactly as for a proof.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import aiohttp

from consensus.encoding import Hash, decode, encode
from consensus.oracle_report import (
    REPORT_VERSION,
    PaymentPayload,
    PaymentReport,
    ReportedField,
    payment_topic,
)
from consensus.payment import FIELDS, CoinPoint, field_bytes
from node.errors import CityError
from node.oracle.committee import Oracle, gather
from node.oracle.service import ANSWER_BYTES_MAX, Service, load_service

HASHES = ("payee", "payer", "ref_commit")
SAME_TIME_MS = 10_000
NextRound = Callable[[str], Awaitable[tuple[int, int]]]


class OperatorSource:
    """What one oracle sees at an operator's interface. token: its own credential there.

    Observations made within ten seconds carry one time, so that honest oracles say equal things."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        log_id: bytes,
        now_ms: Callable[[], int],
        token: str = "",
    ) -> None:
        self._session, self._url, self._token = session, url.rstrip("/"), token
        self._log_id, self._now_ms = Hash(log_id), now_ms
        self._service: Service = load_service("payment-status")

    async def __call__(self, topic: str) -> bytes:
        """Source of an Oracle. Raises CityError: CITY-7001, CITY-7007, CITY-7009."""
        _, log_id, txid, index = topic.split("/")
        question = {"txid": txid, "output_index": int(index)}
        self._service.check_question(question)
        if log_id != self._log_id.hex():
            raise CityError("CITY-7009", detail="another operator's payment")
        answer = self._service.read_answer(await self._ask(f"/payments/{txid}/{index}"))
        if (answer["txid"], answer["output_index"]) != (txid, int(index)):
            raise CityError("CITY-7009", detail="an answer about another payment")
        fields = tuple(
            ReportedField(
                name,
                field_bytes(name, bytes.fromhex(answer[name]) if name in HASHES else answer[name]),
            )
            for name in FIELDS
        )
        observed_ms = self._now_ms() // SAME_TIME_MS * SAME_TIME_MS
        point = CoinPoint(Hash(bytes.fromhex(txid)), int(index))
        return encode(PaymentPayload(self._log_id, point, fields, observed_ms))

    async def _ask(self, path: str) -> bytes:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            async with self._session.get(
                self._url + path, headers=headers, allow_redirects=False
            ) as answer:
                data = await answer.content.read(ANSWER_BYTES_MAX + 1)
                if answer.status != 200:
                    raise CityError("CITY-7009", detail=f"HTTP {answer.status}")
                return data
        except (aiohttp.ClientError, TimeoutError) as error:
            detail = str(error) or type(error).__name__
            raise CityError("CITY-7001", url=self._url, detail=detail) from error


class OperatorReports:
    """A PaymentAdapter whose proofs are reports of a committee. next_round: of a topic, above the last accepted
    (the view `oracle.last_round`)."""

    def __init__(self, oracles: Sequence[Oracle], log_id: bytes, next_round: NextRound) -> None:
        self._oracles, self._next_round = oracles, next_round
        self.log_id = Hash(log_id)

    async def payment_proof(
        self, txid: bytes, output_index: int, *, anchor_size: int = 0, fields: Sequence[str] = ()
    ) -> bytes:
        """See PaymentAdapter; there is no tree to be consistent with, and all fields are told.

        Raises CityError CITY-7006 when fewer than 2f+1 oracles see the same."""
        point = CoinPoint(Hash(txid), output_index)
        topic = payment_topic(self.log_id, point)
        found = await gather(self._oracles, topic, await self._next_round(topic), is_equal=True)
        seen = decode(PaymentPayload, found.words[0].payload)
        return encode(
            PaymentReport(
                REPORT_VERSION, seen.log_id, seen.point, seen.fields, seen.observed_ms,
                found.config, found.epoch, found.round, found.signers, found.signatures,
            )
        )  # fmt: skip
