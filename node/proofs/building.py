"""Builds proof files from the ledger, and waits until a certified header shows what they claim.

The roots after block h stand in header h + W. A chain that falls idle settles itself with empty blocks, so
waiting ends (decisions section 2.4).
"""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Awaitable, Callable

from consensus import merkle
from consensus.encoding import Hash, Sig, encode
from consensus.header import receipt_leaf, tx_id, tx_leaf
from consensus.proof import (
    EPOCHS_VERSION,
    IDENTITY,
    KINDS_VERSION,
    MEMBER,
    MEMBERSHIP,
    PROOF_VERSION,
    VALIDATOR,
    CertifiedHeader,
    MemberFact,
    ProofFile,
    ProofFileV2,
    ProofFileV3,
    SetChange,
    StateFact,
    TransactionProof,
)
from node.errors import CityError
from node.genesis import ChannelConfig
from node.governance.state import CHANNEL_KEY, ConfigState, load_record
from node.ledger.records import HeightNotHeld
from node.model import decode_receipt
from node.opening import Ledger
from node.residency import resident_call, resident_object
from node.wire.codec import parse_body

Until = Callable[[Callable[[], bool]], Awaitable[None]]


def shown_of(config: ChannelConfig, proof: TransactionProof) -> str:
    """What of a transaction that a proof would show is resident, or ""."""
    if not config.resident:
        return ""
    body, receipt = parse_body(proof.body), decode_receipt(proof.receipt)
    events = [(event.contract, event.name) for event in receipt.events]
    return resident_call(config, body.contract, body.method, events)


class ProofBuilder:
    """Proofs of one channel. Reads happen in threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._suite = ledger, ledger.suite
        self._window = ledger.genesis.config.consensus.window
        self._config = encode(ledger.genesis.config)

    async def transaction(self, id_: Hash, until: Until) -> bytes:
        """Canonical ProofFile of an executed transaction, once it is settled. Raises CITY-3026."""
        place = await asyncio.to_thread(self._ledger.blocks.place, id_)
        if place is None:
            raise CityError("CITY-3026", tx_id=id_.hex())
        settled = place.height + self._window
        await until(
            lambda: (
                self._ledger.tip.height >= settled and self._ledger.applied_height >= place.height
            )
        )
        proof = await asyncio.to_thread(self._transaction, place.height, place.index)
        self._require_free(shown_of(self._ledger.genesis.config, proof))
        return await asyncio.to_thread(self._file, proof, None, proof.settled)

    def _transaction(self, height: int, index: int) -> TransactionProof:
        ledger, hash_, suite_id = self._ledger, self._suite.hash, self._suite.id
        block = ledger.blocks.block(height)
        assert block is not None and block.certificate is not None
        leaves = [
            tx_leaf(hash_, suite_id, tx_id(hash_, suite_id, e.body), Sig(e.signature))
            for e in block.envelopes
        ]
        receipts = ledger.state.receipts(height)
        receipt_leaves = [receipt_leaf(hash_, suite_id, receipt) for receipt in receipts]
        envelope = block.envelopes[index]
        return TransactionProof(
            version=PROOF_VERSION,
            ordered=CertifiedHeader(block.header, block.certificate),
            index=index,
            body=envelope.body,
            public_key=envelope.public_key,
            signature=Sig(envelope.signature),
            tx_path=_path(merkle.inclusion_path(hash_, leaves, index)),
            settled=self._certified(height + self._window),
            receipt=receipts[index],
            receipt_path=_path(merkle.inclusion_path(hash_, receipt_leaves, index)),
        )

    async def state(self, key: bytes, until: Until) -> bytes:
        """Canonical ProofFile of what stands under `key`, at least as new as the state at the call."""
        self._require_free(resident_object(self._ledger.genesis.config, key))
        asked = self._ledger.applied_height
        while True:
            await until(lambda: self._shows(asked))
            fact = await asyncio.to_thread(self._state, key)
            if fact is not None:
                return await asyncio.to_thread(self._file, None, fact, fact.settled)

    def _require_free(self, resident: str) -> None:
        """Raises CITY-1029 for what stays in the channel's zone, told by its name."""
        if resident:
            config = self._ledger.genesis.config
            raise CityError("CITY-1029", name=resident, channel=config.name, zone=config.zone)

    def _shows(self, height: int) -> bool:
        """Whether the tip's header carries a state as new as that after `height`."""
        tip = self._ledger.tip
        if tip.height == 0:
            return False
        shown = max(0, tip.height - self._window)
        if shown > self._ledger.applied_height:
            return False
        roots = self._ledger.state.roots(height)
        return shown >= height or (roots is not None and roots.state_root == tip.state_root)

    def _state(self, key: bytes) -> StateFact | None:
        """None when the chain moved so far meanwhile that the pages of that height are gone."""
        settled = self._ledger.tip.height
        try:
            proven = self._ledger.state.prove(key, max(0, settled - self._window))
        except HeightNotHeld:
            return None
        header = self._certified(settled)
        assert header.header.state_root == proven.state_root
        return StateFact(PROOF_VERSION, header, key, proven.value, proven.proof)

    async def membership(
        self, who: str, name: str, height: int, time_ms: int, until: Until
    ) -> bytes:
        """Canonical ProofFileV3: who takes part in block `height` (0: the tip), or at a moment.

        Raises CITY-1002 for another `who` or both of height and time, CITY-1008, CITY-1020, CITY-5007."""
        if who not in (MEMBER, VALIDATOR, IDENTITY):
            rule = f"{MEMBER}, {VALIDATOR} or {IDENTITY}"
            raise CityError("CITY-1002", field="who", rule=rule)
        if height and time_ms:
            raise CityError("CITY-1002", field="time_ms", rule="absent where a height is given")
        tip = self._ledger.tip.height
        if time_ms:
            height = await asyncio.to_thread(self._first_after, time_ms, tip)
        height = height or tip
        if not 0 < height <= tip:
            raise CityError("CITY-1008", height=height, tip=tip)
        await until(lambda: self._ledger.applied_height >= height - 1)
        return await asyncio.to_thread(self._membership, who, name, height, time_ms)

    def _first_after(self, time_ms: int, tip: int) -> int:
        """Height of the first block later than `time_ms`, which has another one before it."""

        def at(height: int) -> int:
            header = self._ledger.blocks.header(height)
            assert header is not None
            return header.timestamp_ms

        if not tip or not at(1) <= time_ms < at(tip):
            first, last = (at(1), at(tip)) if tip else (0, 0)
            raise CityError("CITY-1020", time_ms=time_ms, first_ms=first, last_ms=last)
        return bisect.bisect_right(range(1, tip + 1), time_ms, key=at) + 1

    def _membership(self, who: str, name: str, height: int, time_ms: int) -> bytes:
        shown = self._certified(height)
        before = self._certified(height - 1) if time_ms else None
        stored = self._ledger.state.get(CHANNEL_KEY, as_of=height - 1)
        config = encode(load_record(self._ledger.genesis.config, stored).config)
        fact = MemberFact(PROOF_VERSION, shown, before, time_ms, config, who, name)
        changes = set_changes(self._ledger, height)
        return encode(ProofFileV3(KINDS_VERSION, self._config, changes, MEMBERSHIP, encode(fact)))

    def _file(
        self,
        transaction: TransactionProof | None,
        state: StateFact | None,
        highest: CertifiedHeader,
    ) -> bytes:
        """With the changes of the validators that lead from genesis to the highest header."""
        changes = set_changes(self._ledger, highest.header.height)
        if not changes:
            return encode(ProofFile(PROOF_VERSION, self._config, transaction, state))
        return encode(ProofFileV2(EPOCHS_VERSION, self._config, changes, transaction, state))

    def _certified(self, height: int) -> CertifiedHeader:
        return certified(self._ledger, height)


def certified(ledger: Ledger, height: int) -> CertifiedHeader:
    """A header above genesis that is held, with its certificate."""
    header, certificate = ledger.blocks.header(height), ledger.blocks.certificate(height)
    assert header is not None and certificate is not None
    return CertifiedHeader(header, certificate)


def set_changes(ledger: Ledger, below: int) -> tuple[SetChange, ...]:
    """Every change of the validators by a block lower than `below`, in order, and the first change of anything
    else in the first epoch, whose headers name genesis's configuration until then. Blocks."""
    config, found, is_reconfigured = ledger.genesis.config, [], False
    for height in ledger.blocks.config_heights(0):
        if height >= below:
            break
        last = certified(ledger, height)
        if last.header.next_validators_hash != last.header.validators_hash:
            after = ledger.blocks.validators_after(height)
            if after is None:
                stored = ledger.state.get(CHANNEL_KEY, as_of=height)
                after = ConfigState(load_record(config, stored)).validators
            found.append(SetChange(last, after))
        elif last.header.epoch == 0 and not is_reconfigured:
            above = ledger.blocks.header(height + 1)
            is_reconfigured = above is not None and above.config_hash != last.header.config_hash
            if is_reconfigured:
                found.append(SetChange(last, config.validators))
    return tuple(found)


def _path(hashes: list[bytes]) -> tuple[Hash, ...]:
    return tuple(Hash(each) for each in hashes)
