"""What of a block goes to the contract engine, and what is decided without it.

Expired, repeated and malformed transactions, config and lifecycle transactions are decided here from the block
and the state before it, so that every node gives the same receipt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from consensus.encoding import Hash
from consensus.header import Header, identity_digest, tx_id
from contracts.runtime import values
from contracts.runtime.api import Bundle, Diagnostic, Transaction, TxResult
from node.configuration import EXPIRED, InForce
from node.contracts.activations import Activation
from node.contracts.arguments import BadArguments, check_arguments
from node.contracts.in_force import ContractsInForce, is_attestation, is_reserved
from node.errors import CityError
from node.governance import CONTRACT, Outcome, state_writes
from node.governance.quotas import named
from node.identity.suite import Suite
from node.ledger.state import StateStore
from node.lifecycle import CONTRACT as LIFECYCLE
from node.lifecycle import LifecycleState
from node.lifecycle import Outcome as LifecycleOutcome
from node.lifecycle import state_writes as lifecycle_writes
from node.lifecycle.activation import activated
from node.lifecycle.state import ACTIVE, Place
from node.model import Envelope, EventRecord, Receipt, StoredBlock, writes_digest
from node.ordering.admission import Admitted
from node.quotas.counting import REFUSED, Charging, Use
from node.quotas.in_force import QuotasInForce
from node.wire.body import TxBody, parse_body

NONE_VALUE = values.encode(None)
# Id, the body or the name of what is wrong with it, and the envelope's size.
Opened = list[tuple[Hash, TxBody | str, int]]
Findings = Mapping[Hash, tuple[Diagnostic, ...]]


@dataclass(frozen=True, slots=True)
class Planned:
    """A transaction of a block before the engine: either a call, or a receipt decided without it (`decided`).

    outcome: what a config transaction makes of the configuration. lifecycle: what a lifecycle transaction does
    to the contracts as they were `before` it. member: whose quotas it is charged to, empty for nobody's."""

    tx_id: Hash
    body: TxBody | None
    gas_limit: int
    call: Transaction | None
    decided: Receipt | None
    outcome: Outcome | None = None
    lifecycle: LifecycleOutcome | None = None
    before: LifecycleState | None = None
    member: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A block before the engine. contracts: what its lifecycle transactions make of the contracts; kept: what
    they keep in the state beside that. charging: what its transactions have reserved of their quotas."""

    header: Header
    entries: tuple[Planned, ...]
    contracts: LifecycleState
    kept: Mapping[bytes, bytes]
    charging: Charging


@dataclass(frozen=True, slots=True)
class Delivered:
    """A block that is durable and was assembled from what this node admitted, in block order."""

    header: Header
    admitted: tuple[Admitted, ...]


@dataclass(slots=True)
class _Draft:
    """A plan while it is made."""

    contracts: LifecycleState
    charging: Charging
    kept: dict[bytes, bytes] = field(default_factory=dict)
    first_uses: dict[tuple[Hash, str], Hash] = field(default_factory=dict)


class Planner:
    """Decides what of a block goes to the engine. Blocking (reads the state); called in a thread."""

    def __init__(
        self,
        configuration: InForce,
        contracts: ContractsInForce,
        quotas: QuotasInForce,
        state: StateStore,
        channel_id: Hash,
        suite: Suite,
    ) -> None:
        self._configuration, self._contracts, self._state = configuration, contracts, state
        self._quotas = quotas
        self._channel_id, self._suite = channel_id, suite
        self._no_writes = writes_digest(suite.hash, suite.id, {})

    def open(self, block: StoredBlock) -> Opened:
        """The block's transactions, checked again as if nobody had."""
        return [(*self._open(envelope), envelope.size_bytes) for envelope in block.envelopes]

    def open_known(self, delivered: Delivered) -> Opened:
        """The same for a block whose envelopes this node admitted itself: admission found everything that
        `_check` asks for, so nothing is parsed twice. Only the configuration may have changed since."""
        return [
            (
                admitted.tx_id,
                self._standing_fault(admitted.body) or admitted.body,
                admitted.envelope.size_bytes,
            )
            for admitted in delivered.admitted
        ]

    def to_lint(self, height: int, opened: Opened) -> dict[Hash, Bundle]:
        """Bundles that the linter must have seen before the block is planned, by the transaction's id."""
        found = {}
        for id_, body, _ in opened:
            if isinstance(body, str) or body.contract != LIFECYCLE:
                continue
            asked = self._contracts.asked(height, id_, body)
            bundle = None if asked is None else self._contracts.to_lint(asked)
            if bundle is not None:
                found[id_] = bundle
        return found

    def plan(self, header: Header, opened: Opened, findings: Findings) -> Plan:
        """What the block does, one entry a transaction, in block order. findings: for all of `to_lint`."""
        quotas = self._quotas
        charging = Charging(quotas.rules, quotas.used, header.timestamp_ms)
        draft = _Draft(self._contracts.state, charging)
        entries = []
        for id_, body, size_bytes in opened:
            if isinstance(body, str):
                entries.append(self._refuse(id_, None, body, "the transaction is malformed"))
            elif body.contract == CONTRACT:
                is_alone = len(opened) == 1
                entries.append(self._configure(header.height, id_, body, is_alone=is_alone))
            else:
                entries.append(self._charged(header.height, id_, body, size_bytes, draft, findings))
        return Plan(header, tuple(entries), draft.contracts, draft.kept, charging)

    def _charged(
        self,
        height: int,
        id_: Hash,
        body: TxBody,
        size_bytes: int,
        draft: _Draft,
        findings: Findings,
    ) -> Planned:
        """Quotas come first: what stands in a block is charged whatever comes of it."""
        sender = self._configuration.sender(body)
        assert sender is not None, "checked as it was opened"
        if draft.charging and is_attestation(body):
            free = self._decided(height, id_, body, draft) or self._engine_or_lifecycle(
                height, id_, body, draft, findings
            )
            if free.lifecycle is not None:
                return free  # accepted, which a node's is once; one that is refused changes nothing here
        member, use = sender.member_id, Use(1, size_bytes, body.gas_limit)
        over = draft.charging.admit(member, body.contract, use)
        if over is not None:
            left = f"{over.used} of {over.most} {over.limit} are used until {over.free_at_ms}"
            return self._refuse(id_, body, REFUSED, f"quota of {named(*over.subject)}: {left}")
        planned = self._decided(height, id_, body, draft) or self._engine_or_lifecycle(
            height, id_, body, draft, findings
        )
        return replace(planned, member=member) if draft.charging.changed else planned

    def _decided(self, height: int, id_: Hash, body: TxBody, draft: _Draft) -> Planned | None:
        """What needs no look at the contract: expired, or a request id that is used up."""
        window = self._configuration.config.limits.valid_until_window
        if not height <= body.valid_until_height <= height + window:
            return self._refuse(id_, body, EXPIRED, "not valid at the height of its block")
        key = (body.sender, body.request_id)
        first = draft.first_uses.get(key) or self._first_use(key)
        return None if first is None else self._duplicate(id_, body, first)

    def _engine_or_lifecycle(
        self, height: int, id_: Hash, body: TxBody, draft: _Draft, findings: Findings
    ) -> Planned:
        if body.contract == LIFECYCLE:
            return self._change_contracts(height, id_, body, draft, findings.get(id_, ()))
        refusal = self._contracts.refusal(body.contract, body.version)
        if refusal is not None:
            # The catalogue's words may change with a release; a receipt is the same on every node.
            return self._refuse(id_, body, refusal.name, "this version does not run")
        draft.first_uses[body.sender, body.request_id] = id_
        return Planned(id_, body, body.gas_limit, self._call(id_, body), None)

    def _open(self, envelope: Envelope) -> tuple[Hash, TxBody | str]:
        id_ = tx_id(self._suite.hash, self._suite.id, envelope.body)
        try:
            body = parse_body(envelope.body)
            fault = self._check(body, envelope.public_key)
        except CityError as error:
            return id_, error.name
        except BadArguments:
            return id_, "TX_ARGS_INVALID"
        return id_, fault or body

    def _check(self, body: TxBody, public_key: bytes) -> str:
        """Form again: a quorum of liars could have ordered anything, and all honest nodes must agree on it.

        What the configuration says against it; raises CityError or BadArguments for what never could be."""
        hash_, suite_id = self._suite.hash, self._suite.id
        if (body.suite, body.channel_id) != (suite_id, self._channel_id):
            raise CityError("CITY-3004")
        if identity_digest(hash_, suite_id, public_key) != body.sender:
            raise CityError("CITY-3005")
        fault = self._standing_fault(body)
        if fault:
            return fault
        if is_reserved(body.method):
            raise CityError("CITY-3010")
        check_arguments(body.args)
        return ""

    def _standing_fault(self, body: TxBody) -> str:
        """What the configuration in force says against it: a sender that is none, more gas than is allowed."""
        if self._configuration.sender(body) is None:
            return "TX_SENDER_UNKNOWN"
        return (
            "TX_GAS_LIMIT" if body.gas_limit > self._configuration.config.limits.tx_gas_max else ""
        )

    def _configure(self, height: int, id_: Hash, body: TxBody, is_alone: bool) -> Planned:
        """A config transaction is decided here, without the engine. It uses no request id: its own rules say
        what may happen once, so that nodes that execute no contracts decide the same."""
        if not is_alone:
            return self._refuse(id_, body, "CONFIG_NOT_ALONE", "it shares its block with others")
        outcome = self._configuration.decide(height, id_, body)
        if outcome.code:
            return self._refuse(id_, body, outcome.code, outcome.message)
        writes = state_writes(self._configuration.state, outcome.state)
        receipt = self._accepted(id_, body, CONTRACT, outcome.event, outcome.value, writes)
        return Planned(id_, body, body.gas_limit, None, receipt, outcome)

    def _change_contracts(
        self,
        height: int,
        id_: Hash,
        body: TxBody,
        draft: _Draft,
        findings: Sequence[Diagnostic],
    ) -> Planned:
        """A lifecycle transaction sees what those before it in its block did; calls do not."""
        asked = self._contracts.asked(height, id_, body)
        assert asked is not None, "checked as it was opened"
        before = draft.contracts
        outcome = self._contracts.decide(before, asked, findings, draft.kept)
        if outcome.code:
            return self._refuse(id_, body, outcome.code, outcome.message, outcome.gas_used)
        draft.first_uses[body.sender, body.request_id] = id_
        draft.contracts = outcome.state
        draft.kept.update(outcome.puts)
        writes = lifecycle_writes(before, outcome.state) | outcome.puts
        receipt = self._accepted(
            id_, body, LIFECYCLE, outcome.event, outcome.value, writes, outcome.gas_used
        )
        return Planned(id_, body, body.gas_limit, None, receipt, lifecycle=outcome, before=before)

    def _accepted(
        self,
        id_: Hash,
        body: TxBody,
        contract: str,
        event: str,
        value: Mapping[str, object],
        writes: Mapping[bytes, bytes | None],
        gas_used: int = 0,
    ) -> Receipt:
        """The receipt of what was decided here and accepted."""
        digest = writes_digest(self._suite.hash, self._suite.id, writes)
        result = values.encode(dict(value))
        events = (EventRecord(contract, event, result),)
        return Receipt(id_, "ok", "", "", gas_used, body.gas_limit, result, events, digest)

    def receipt(self, planned: Planned, result: TxResult) -> Receipt:
        """The receipt of an executed transaction."""
        digest = writes_digest(self._suite.hash, self._suite.id, dict(result.writes))
        return Receipt(
            planned.tx_id,
            result.outcome,
            result.code,
            result.message,
            result.gas_used,
            planned.gas_limit,
            result.result,
            result.events,
            digest,
        )

    def settled(self, planned: Planned, done: Mapping[Place, Activation]) -> Receipt:
        """The receipt of a lifecycle transaction, once it is known what became of an activation that it wanted
        with its own block."""
        outcome, receipt, before = planned.lifecycle, planned.decided, planned.before
        assert outcome is not None and receipt is not None and before is not None
        activation = None if outcome.place is None else done.get(outcome.place)
        if activation is None:
            return receipt
        assert planned.body is not None
        if activation.failure:
            refused = self._refuse(
                planned.tx_id, planned.body, "MIGRATION_FAILED", activation.failure
            )
            assert refused.decided is not None
            return refused.decided
        after = activated(outcome.state, activation.place)
        writes = lifecycle_writes(before, after) | activation.writes
        return replace(
            receipt,
            result=values.encode(outcome.value | {"status": ACTIVE}),
            events=(*receipt.events, *activation.events, activation.event),
            writes_digest=writes_digest(self._suite.hash, self._suite.id, writes),
        )

    def _call(self, id_: Hash, body: TxBody) -> Transaction:
        identity = self._configuration.identities[body.sender]
        return Transaction(
            tx_id=id_,
            contract=body.contract,
            version=body.version,
            method=body.method,
            args_json=body.args,
            sender=body.sender.hex(),
            member=identity.member_id,
            roles=identity.roles,
            gas_limit=body.gas_limit,
        )

    def _first_use(self, key: tuple[Hash, str]) -> Hash | None:
        found = self._state.request(*key)
        return found.tx_id if found else None

    def _refuse(
        self, id_: Hash, body: TxBody | None, code: str, message: str, gas_used: int = 0
    ) -> Planned:
        gas_limit = body.gas_limit if body else 0
        outcome = "oog" if gas_used > gas_limit else "revert"
        receipt = Receipt(
            id_,
            outcome,
            code,
            message,
            min(gas_used, gas_limit),
            gas_limit,
            NONE_VALUE,
            (),
            self._no_writes,
        )
        return Planned(id_, body, gas_limit, None, receipt)

    def _duplicate(self, id_: Hash, body: TxBody, first: Hash) -> Planned:
        receipt = Receipt(
            id_,
            "duplicate",
            "",
            f"request id {body.request_id} was used first by {first.hex()}",
            0,
            body.gas_limit,
            values.encode(bytes(first)),
            (),
            self._no_writes,
        )
        return Planned(id_, body, body.gas_limit, None, receipt)
