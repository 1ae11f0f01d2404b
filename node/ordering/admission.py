"""What an envelope must be before it may enter the pool: every check that needs no execution.

Two kinds of rules. *Form* depends on the envelope and the channel's configuration alone, so every node gives
the same verdict at every time: a proposal that carries a body of bad form is its leader's fault. *Timing*
depends on this node's tip and ledger: it protects the pool and is decided again, for all nodes alike, when
the block is executed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from consensus.api import SignatureItem, TxRef
from consensus.encoding import Hash, Sig
from consensus.header import identity_digest, tx_id, tx_leaf, tx_sign_digest
from node import lifecycle
from node.configuration import InForce
from node.contracts.arguments import BadArguments, check_arguments
from node.contracts.in_force import ContractsInForce, is_reserved
from node.errors import CityError
from node.genesis import ChannelConfig, Identity
from node.governance import CONTRACT, VERSION, parse_call
from node.identity.suite import PUBLIC_KEY_LEN, SIGNATURE_LEN, Suite
from node.model import Envelope
from node.ordering.signatures import Signatures
from node.wire.body import TxBody, parse_body

_SENDERS_REMEMBERED_MAX = 4096


class Own(NamedTuple):
    """A contract name under which the channel itself decides: version, and the reading of its calls."""

    version: int
    parse: Callable[[str, str], object]


OWN = {
    CONTRACT: Own(VERSION, parse_call),
    lifecycle.CONTRACT: Own(lifecycle.VERSION, lifecycle.parse_call),
}
HOPELESS = ("E_ROLE", "E_EVIDENCE_INVALID", "E_EVIDENCE_KNOWN")


@dataclass(frozen=True, slots=True)
class Admitted:
    """An envelope whose form and signature hold. `ref` is what the core knows of it."""

    envelope: Envelope
    body: TxBody
    tx_id: Hash
    ref: TxRef
    sender: Identity

    @property
    def member_id(self) -> str:
        return self.sender.member_id


class Admission:
    """The gate of one channel."""

    def __init__(
        self,
        configuration: InForce,
        channel_id: Hash,
        suite: Suite,
        signatures: Signatures,
        are_ordered: Callable[[Sequence[Hash]], list[bool]],
        contracts: ContractsInForce | None = None,
        seen: Callable[[Admitted], None] = lambda admitted: None,
        quota: Callable[[Admitted], CityError | None] = lambda admitted: None,
    ) -> None:
        """are_ordered: which transactions already stand in a block of this node's ledger. It reads the
        disk, so it is asked for many at a time and in a thread. contracts: what runs now; none on a node
        that executes nothing and so does not know. seen: told of each one that is good. quota: why
        it finds no room in one."""
        self._configuration, self._channel_id = configuration, channel_id
        self._suite, self._signatures = suite, signatures
        self._are_ordered = are_ordered
        self._contracts, self._seen, self._quota = contracts, seen, quota
        self._digests: dict[bytes, Hash] = {}

    @property
    def _config(self) -> ChannelConfig:
        return self._configuration.config

    async def admit(
        self, envelopes: Sequence[Envelope], tip_height: int | None, source: str = ""
    ) -> list[Admitted | CityError]:
        """For each envelope, in order, what it is or why not.

        tip_height None: form only, for bodies that a proposal has asked for. source: who brought them, for
        whose turn it is."""
        found: list[Admitted | CityError] = []
        for envelope in envelopes:
            try:
                found.append(self.inspect(envelope))
            except CityError as error:
                found.append(error)
        if tip_height is not None:
            found = await self._check_timing(found, tip_height)
        good = [item for item in found if isinstance(item, Admitted)]
        by_member: dict[str, list[Admitted]] = {}
        for item in good:
            by_member.setdefault(item.member_id, []).append(item)
        checks = [
            self._wrong(member, items, source, is_wanted=tip_height is None)
            for member, items in by_member.items()
        ]
        bad = set[int]().union(*await asyncio.gather(*checks))
        for item in good:
            if id(item) not in bad:
                self._seen(item)
        return [CityError("CITY-3006") if id(item) in bad else item for item in found]

    async def _wrong(
        self, member: str, several: list[Admitted], source: str, *, is_wanted: bool
    ) -> set[int]:
        """`id` of each whose signature does not hold. All of them say that they are this member's."""
        items = [self._signature(item) for item in several]
        answers = await self._signatures.check(
            items, wanted=is_wanted, source=source, member=member
        )
        return {id(item) for item, holds in zip(several, answers, strict=True) if not holds}

    def claimed_member(self, public_key: bytes) -> str:
        """Of the identity whose key it is, signed or not; empty for a key that is nobody's."""
        digest = self._digests.get(public_key)
        if digest is None:
            digest = identity_digest(self._suite.hash, self._suite.id, public_key)
        identity = self._configuration.senders.get(digest)
        return "" if identity is None else identity.member_id

    def inspect(self, envelope: Envelope) -> Admitted:
        """The envelope with its body read and its form checked, signature excepted. Raises CityError."""
        size, limit = len(envelope.body), self._config.limits.tx_bytes_max
        if size > limit:
            raise CityError("CITY-3001", size=size, limit=limit)
        if len(envelope.signature) != SIGNATURE_LEN or not any(envelope.signature):
            raise CityError("CITY-3024", size=len(envelope.signature))
        body = parse_body(envelope.body)
        self._check_addressee(body)
        sender = self._check_sender(body, envelope.public_key)
        self._check_sizes(body, size)
        self._check_call(body)
        id_ = tx_id(self._suite.hash, self._suite.id, envelope.body)
        leaf = tx_leaf(self._suite.hash, self._suite.id, id_, Sig(envelope.signature))
        is_config = body.contract == CONTRACT
        turn = (sender.member_id, body.contract, body.sender)
        ref = TxRef(id_, leaf, body.gas_limit, size, is_config, *turn)
        return Admitted(envelope, body, id_, ref, sender)

    def _check_addressee(self, body: TxBody) -> None:
        if body.suite != self._suite.id:
            raise CityError("CITY-3003", suite=body.suite, expected=self._suite.id)
        if body.channel_id != self._channel_id:
            raise CityError(
                "CITY-3004",
                channel=self._config.name,
                channel_id=body.channel_id.hex(),
                expected=self._channel_id.hex(),
            )

    def _check_sender(self, body: TxBody, public_key: bytes) -> Identity:
        digest = self._digests.get(public_key)
        if digest is None:
            if len(public_key) != PUBLIC_KEY_LEN:
                raise CityError("CITY-3025", size=len(public_key))
            digest = identity_digest(self._suite.hash, self._suite.id, public_key)
            if (
                len(self._digests) < _SENDERS_REMEMBERED_MAX
                and digest in self._configuration.senders
            ):
                self._digests[public_key] = digest
        if digest != body.sender:
            raise CityError("CITY-3005", sender=body.sender.hex(), expected=digest.hex())
        return self._require_sender(body)

    def _require_sender(self, body: TxBody) -> Identity:
        identity = self._configuration.sender(body)
        if identity is not None:
            return identity
        former = self._configuration.former.get(body.sender)
        if former is not None:
            raise CityError("CITY-3031", name=former.name, member=former.member_id)
        raise CityError("CITY-3007", sender=body.sender.hex(), channel=self._config.name)

    def _check_call(self, body: TxBody) -> None:
        own = OWN.get(body.contract)
        if own is not None and body.version != own.version:
            raise CityError(
                "CITY-3009", contract=body.contract, version=body.version, active=own.version
            )
        if body.method.startswith("_") or is_reserved(body.method):
            raise CityError("CITY-3010", method=body.method)
        try:
            parse = check_arguments if own is None else partial(own.parse, body.method)
            parse(body.args)
        except BadArguments as error:
            raise CityError("CITY-3011", reason=str(error)) from None

    def _check_sizes(self, body: TxBody, size: int) -> None:
        """size: of the body in bytes."""
        limits = self._config.limits
        if size > limits.tx_bytes_max:
            raise CityError("CITY-3001", size=size, limit=limits.tx_bytes_max)
        args_size = len(body.args.encode())
        if args_size > limits.args_bytes_max:
            raise CityError("CITY-3012", size=args_size, limit=limits.args_bytes_max)
        if body.gas_limit > min(limits.tx_gas_max, limits.block_gas_max):
            raise CityError("CITY-3015", gas_limit=body.gas_limit, limit=limits.tx_gas_max)

    async def _check_timing(
        self, found: list[Admitted | CityError], tip_height: int
    ) -> list[Admitted | CityError]:
        ids = [item.tx_id for item in found if isinstance(item, Admitted)]
        ordered = set()
        if ids:
            flags = await asyncio.to_thread(self._are_ordered, ids)
            ordered = {id_ for id_, flag in zip(ids, flags, strict=True) if flag}
        return [
            item
            if isinstance(item, CityError)
            else self._timing_fault(item, tip_height, item.tx_id in ordered) or item
            for item in found
        ]

    def _timing_fault(
        self, admitted: Admitted, tip_height: int, is_ordered: bool
    ) -> CityError | None:
        until, window = admitted.body.valid_until_height, self._config.limits.valid_until_window
        if is_ordered:
            return CityError("CITY-3017", tx_id=admitted.tx_id.hex())
        if until <= tip_height:
            return CityError("CITY-3013", valid_until_height=until, height=tip_height)
        if until > tip_height + window:
            return CityError(
                "CITY-3014", valid_until_height=until, height=tip_height, window=window
            )
        return self.refusal(admitted) or self._config_fault(admitted, tip_height + 1)

    def refusal(self, admitted: Admitted) -> CityError | None:
        """Why it may not be ordered now: its sender was taken out, a limit was lowered, what it calls does not
        run, a quota is used up."""
        body, contracts = admitted.body, self._contracts
        try:
            self._require_sender(body)
            self._check_sizes(body, admitted.ref.size_bytes)
        except CityError as error:
            return error
        fault = None if contracts is None else contracts.refusal(body.contract, body.version)
        return fault or self._quota(admitted)

    def _config_fault(self, admitted: Admitted, height: int) -> CityError | None:
        """A config transaction takes a block of its own: what can never be accepted is not given one."""
        body = admitted.body
        if body.contract != CONTRACT:
            return None
        outcome = self._configuration.decide(height, admitted.tx_id, body)
        if outcome.code not in HOPELESS:
            return None
        return CityError("CITY-3030", reason=outcome.code, detail=outcome.message)

    def _signature(self, admitted: Admitted) -> SignatureItem:
        digest = tx_sign_digest(
            self._suite.hash, self._suite.id, self._channel_id, admitted.envelope.body
        )
        envelope = admitted.envelope
        return SignatureItem(envelope.public_key, digest, Sig(envelope.signature))
