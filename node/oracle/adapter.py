"""What a source of payment proofs offers, and how a proof reaches a contract.

An adapter is trusted with nothing: the contract checks every byte. So one honest relay is enough, and a
dishonest one can only be silent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from node.errors import CityError

ATTEMPTS_MAX = 5
# What a newer head that somebody else brought in between can cause; a fresh proof cures it.
OVERTAKEN = ("E_PROOF_CONSISTENCY", "E_PROOF_STALE", "E_PROOF_FUTURE")

AnchorSize = Callable[[], Awaitable[int]]
"""Size of the last head the channel's contract accepted, 0 for none: its view `dcep.anchor`."""

SubmitProof = Callable[[bytes], Awaitable[str]]
"""Submits the proof in a transaction and waits; returns the contract's code, "" when it was accepted."""


class PaymentAdapter(Protocol):
    """A source of payment proofs."""

    async def payment_proof(
        self, txid: bytes, output_index: int, *, anchor_size: int = 0, fields: Sequence[str] = ()
    ) -> bytes:
        """Canonical bytes of the proof of one output, already checked here.

        anchor_size: size of the head it must be consistent with, 0 for none. fields: which to open, none for
        all. Raises CityError: CITY-7001 to CITY-7004."""
        ...


async def deliver(
    adapter: PaymentAdapter,
    txid: bytes,
    output_index: int,
    *,
    anchor_size: AnchorSize,
    submit: SubmitProof,
    fields: Sequence[str] = (),
) -> str:
    """Fetches a proof and submits it until the contract has decided; returns its code, "" for accepted.

    A proof that a newer head overtook is fetched again, at most five times, then CITY-7005 is raised. Any
    other refusal is final: the caller gets the code. Raises what the adapter and the callbacks raise.
    """
    code = ""
    for _ in range(ATTEMPTS_MAX):
        proof = await adapter.payment_proof(
            txid, output_index, anchor_size=await anchor_size(), fields=fields
        )
        code = await submit(proof)
        if code not in OVERTAKEN:
            return code
    raise CityError("CITY-7005", attempts=ATTEMPTS_MAX, reason=code)
