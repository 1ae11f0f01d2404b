"""The contracts of a channel as they stand on this node, and what lifecycle transactions make of them.

It changes only when a block is executed. Admission, execution and queries ask this object, so that all of them
change at one instant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from consensus.encoding import Hash
from contracts.runtime import values
from contracts.runtime.api import Bundle, Diagnostic
from node.configuration import BAD_ARGUMENTS, InForce
from node.contracts.arguments import BadArguments
from node.errors import CityError
from node.facade import Deployed
from node.genesis import Genesis, Identity
from node.governance import CONTRACT as CONFIG
from node.identity.suite import Suite
from node.lifecycle import (
    CONTRACT,
    ContractCall,
    LifecycleState,
    Outcome,
    Rules,
    apply,
    parse_call,
    to_lint,
)
from node.lifecycle.calls import ATTEST, MIGRATE
from node.lifecycle.state import BILLING, arrears_key, bundle_key, transcript_key
from node.lifecycle.views import facts, status
from node.wire.body import TxBody

Get = Callable[[bytes], bytes | None]
RESERVED = (CONFIG, CONTRACT)
NOTHING: Mapping[bytes, bytes] = MappingProxyType({})


class ContractsInForce:
    """One a channel. Reads may come from any thread; the executor alone adopts."""

    def __init__(
        self,
        state: LifecycleState,
        configuration: InForce,
        genesis: Genesis,
        suite: Suite,
        get: Get,
        height: int,
    ) -> None:
        """state: after block `height`. get: a value of the applied state."""
        self._configuration, self._suite, self._get = configuration, suite, get
        self._genesis = {(b.name, b.version): b.bundle for b in genesis.bundles}
        self.state, self.running, self.height = state, state.running, height

    def adopt(self, state: LifecycleState, height: int) -> None:
        """`state` is in force behind block `height`."""
        if state is not self.state:
            self.state, self.running = state, state.running
        self.height = height

    def bundle(self, name: str, version: int) -> Bundle | None:
        """What was deployed under a name and version, ever."""
        terms = self.state.terms.get((name, version))
        if terms is None:
            return None
        stored = self._get(bundle_key(terms.bundle_digest))
        data = self._genesis[name, version] if stored is None else values.decode(stored)
        return Bundle.decode(name, version, data)

    def deployed(self) -> list[Deployed]:
        """Every version of every contract, by name and version."""
        return [
            Deployed(
                *place, terms.bundle_digest, status(self.state, place), facts(self.state, place)
            )
            for place, terms in sorted(self.state.terms.items(), key=lambda item: item[0])
        ]

    def transcript(self, digest: Hash) -> str:
        """What somebody attested. Only for digests that the state names."""
        stored = self._get(transcript_key(digest))
        assert stored is not None, "a transcript is stored with its attestation"
        found: str = values.decode(stored)
        return found

    def is_in_arrears(self, member: str) -> bool:
        """Whether an invoice to a member is overdue at the time of the last block, by the state behind it.
        Never while `billing` does not run: nobody could settle then."""
        if not self.running.get(BILLING):
            return False
        stored = self._get(arrears_key(member))
        due_ms = 0 if stored is None else values.decode(stored)
        return type(due_ms) is int and 0 < due_ms < self._configuration.time_ms

    def refusal(self, contract: str, version: int) -> CityError | None:
        """Why a transaction may not call this version now. What the channel itself decides is always called."""
        if self.running.get(contract) == version or contract in RESERVED:
            return None
        head = self.state.heads.get(contract)
        if head is None or head.active == 0:
            known = ", ".join(sorted(n for n, v in self.running.items() if v)) or "none"
            return CityError("CITY-3008", contract=contract, known=known)
        if head.is_retired:
            return CityError("CITY-4030", detail=f"{contract} is retired; it can be read")
        if head.is_paused:
            return CityError("CITY-4029", detail=f"{contract} is paused; it can be read")
        if version != head.active:
            return CityError("CITY-3009", contract=contract, version=version, active=head.active)
        return None

    # ---- lifecycle transactions -------------------------------------------------------------------

    def asked(self, height: int, tx_id: Hash, body: TxBody) -> Asked | None:
        """A lifecycle transaction of a block of `height`; None where the channel does not know its sender."""
        sender = self._configuration.sender(body)
        if sender is None:
            return None
        return Asked(height, tx_id, sender, body.method, body.args, body.gas_limit)

    def is_upkeep(self, body: TxBody) -> bool:
        """Whether the next block would accept a transaction as what a node owes the channel: its attestation of
        an open version, which it gives once."""
        if not is_attestation(body):
            return False
        asked = self.asked(self.height + 1, Hash(bytes(32)), body)
        return asked is not None and not self.decide(self.state, asked).code

    def to_lint(self, asked: Asked) -> Bundle | None:
        """What of it must go through the linter before it is decided."""
        call = asked.call
        return None if isinstance(call, str) else to_lint(call)

    def decide(
        self,
        state: LifecycleState,
        asked: Asked,
        findings: Sequence[Diagnostic] = (),
        kept: Mapping[bytes, bytes] = NOTHING,
    ) -> Outcome:
        """What it does on `state`. Changes nothing here.

        kept: what those before it in the block keep beside the state's entries."""
        call = asked.call
        if isinstance(call, str):
            return Outcome(state, BAD_ARGUMENTS, call)

        def transcript(digest: Hash) -> str:
            own = kept.get(transcript_key(digest))
            return self.transcript(digest) if own is None else values.decode(own)

        rules = Rules(self._configuration.state, self._suite, transcript, self.is_in_arrears)
        return apply(state, call, rules, findings)


@dataclass(frozen=True, slots=True)
class Asked:
    """A lifecycle transaction, ordered or tried out, as it was sent. height: of its block."""

    height: int
    tx_id: Hash
    sender: Identity
    method: str
    args: str
    gas_limit: int

    @property
    def call(self) -> ContractCall | str:
        """What it asks for, or what is wrong with it."""
        try:
            args = parse_call(self.method, self.args)
        except BadArguments as error:
            return str(error)
        return ContractCall(self.height, self.tx_id, self.sender, self.method, args, self.gas_limit)


def is_attestation(body: TxBody) -> bool:
    """Whether it asks for what a node alone may do, once for each open version."""
    return body.contract == CONTRACT and body.method == ATTEST


def is_reserved(method: str) -> bool:
    """Whether no transaction may call it: the ledger alone migrates."""
    return method == MIGRATE
