"""The PBFT core: `PbftCore.step` takes one input and returns the actions it leads to, in order."""

from __future__ import annotations

from typing import Any

from consensus.api import (
    Action,
    Configuration,
    CoreStatus,
    EpochBase,
    Executed,
    Have,
    Input,
    InvariantBroken,
    PeerConnected,
    ProtocolViolation,
    Received,
    Reconfigured,
    Restart,
    SetTimer,
    SignatureItem,
    Signer,
    Synced,
    Tick,
    TxDropped,
    TxRef,
    TxWaiting,
    Verifier,
)
from consensus.certificate import KIND_PBFT, InvalidCertificate
from consensus.header import Header
from consensus.light_client import Electorate, HeaderRefused, sealed_items
from consensus.ordering.chain import Chain, Roots
from consensus.pbft import messages
from consensus.pbft.admission import Admission
from consensus.pbft.checkpoints import Checkpoints
from consensus.pbft.config import PbftConfig
from consensus.pbft.epochs import Epochs
from consensus.pbft.gossip import Gossip
from consensus.pbft.lookahead import Lookahead
from consensus.pbft.messages import (
    BlockRequest,
    BlockSupply,
    Checkpoint,
    CheckpointRequest,
    Commit,
    Decided,
    Message,
    NewView,
    Prepare,
    Proposal,
    SignatureRules,
    Status,
    StatusRequest,
    ViewChange,
)
from consensus.pbft.normal import NormalCase
from consensus.pbft.propose import Proposer
from consensus.pbft.reconfiguration import Reconfiguration
from consensus.pbft.restart import restore
from consensus.pbft.state import State
from consensus.pbft.timers import Timers
from consensus.pbft.view_change import ViewChanger
from consensus.validators import ValidatorSet


class PbftCore:
    """One replica of one channel and epoch. Implements `consensus.api.Core`.

    own_index: position in `validators`, None for an observer, which never signs. configuration: asked for
    the effect of configuration transactions; without one none is proposed or voted for. base: what the
    epoch stands on, None for the first epoch (genesis).

    The first input is Restart. `step` raises ProtocolViolation for a peer's fault (nothing has changed
    then: drop the message) and InvariantBroken for ours or for more than f liars (stop the channel, keep
    the WAL)."""

    def __init__(
        self,
        config: PbftConfig,
        validators: ValidatorSet,
        own_index: int | None,
        verifier: Verifier,
        signer: Signer | None,
        configuration: Configuration | None = None,
        base: EpochBase | None = None,
    ) -> None:
        own_key = None if own_index is None else validators.key(own_index)
        if own_key is not None and (signer is None or signer.public_key != own_key):
            raise ValueError("the signer does not hold the key of this validator")
        self._config = config
        self._validators = validators
        self._own_index = own_index
        self._verifier = verifier
        self._signer = signer
        self._configuration = configuration
        self._base = base or EpochBase(0, config.genesis_hash)
        self._rules = SignatureRules(
            config.suite, config.channel_id, validators, verifier.hash, config.window, self._base
        )
        self._state: State | None = None
        self._timer_ms: int | None = None

    # --- the contract

    def decode_message(self, data: bytes) -> Message:
        return messages.decode_message(data)

    def signature_items(self, message: Any) -> list[SignatureItem]:
        return self._rules.items(message)

    def step(self, event: Input) -> list[Action]:
        if isinstance(event, Restart):
            self._restart(event)
        elif self._state is None:
            raise InvariantBroken("the first input of a core is Restart")
        state = self._started
        if state.is_halted or state.is_ended:
            return self._taken()
        if isinstance(event, Received):
            self._check(event)
        state.set_clock(event.now_ms)
        self._handle(event)
        self._admission.check()
        self._normal.advance()
        if state.is_ended:
            return self._taken()
        if not state.is_halted:
            self._gossip.tell_behind(is_patient=True)
        self._timers.note_work()
        self._set_timer(event)
        return self._taken()

    def status(self) -> CoreStatus:
        state = self._started
        return CoreStatus(
            view=state.view,
            is_active=state.is_active,
            leader=state.leader,
            tip_height=state.chain.height,
            view_since_ms=state.view_since_ms + state.wall_ms - state.now_ms,
            waiting=len(state.requests),
            timeout_ms=state.timeout_ms,
            last_view_change_reason=state.view_change_reason,
            epoch=self._validators.epoch,
            observes_because=state.observer_reason or "",
            stable_checkpoint=self._checkpoints.stable_height,
        )

    @property
    def is_observer_reason(self) -> str | None:
        """Why this core does not vote; None while it does."""
        return self._started.observer_reason

    @property
    def stable_checkpoint(self) -> tuple[Checkpoint, ...]:
        """The equal Checkpoints of a quorum at the highest height that has them; empty if there is none."""
        return self._checkpoints.stable if self._state is not None else ()

    # --- inside

    @property
    def _started(self) -> State:
        if self._state is None:
            raise InvariantBroken("the first input of a core is Restart")
        return self._state

    def _taken(self) -> list[Action]:
        out, self._started.out = self._started.out, []
        return out

    def _restart(self, event: Restart) -> None:
        if self._state is not None:
            raise InvariantBroken("a core lives once: Restart comes first and never again")
        tip = (event.tip, event.tip_cert, event.executed, event.is_tip_config)
        chain = Chain(self._config, self._verifier.hash, *tip)
        who = (self._validators, self._own_index, self._verifier, self._signer)
        state = State(self._config, *who, chain, self._base)
        self._state = state
        state.now_ms = state.wall_ms = event.now_ms
        state.view_since_ms = state.last_progress_ms = event.now_ms
        self._lookahead = Lookahead(self._config.window)
        self._changer = ViewChanger(state, self._on_entered)
        suspect = self._changer.suspect
        reconfiguration = Reconfiguration(state, self._configuration)
        self._proposer = Proposer(state, reconfiguration, suspect)
        self._normal = NormalCase(state, self._proposer, reconfiguration, suspect)
        self._checkpoints = Checkpoints(state)
        self._admission = Admission(state, self._checkpoints)
        self._epochs = Epochs(state)
        self._gossip = Gossip(state, self._normal, self._proposer, self._changer)
        rounds = (self._gossip.round, self._admission.round, self._checkpoints.round)
        self._timers = Timers(state, self._proposer, self._changer, rounds)

    def _on_entered(self) -> None:
        """A view was entered: what arrived for it too early counts now."""
        self._proposer.ask_for_block()
        for message in self._lookahead.take(self._started.view):
            self._on_message(message)

    def _check(self, event: Received) -> None:
        """Origin and signatures, before anything changes. Raises ProtocolViolation."""
        message = event.message
        if not 0 <= event.sender < len(self._validators):
            raise ProtocolViolation("no such validator")
        is_own_word = isinstance(message, Proposal | Prepare | Commit | Status | Checkpoint)
        is_foreign = self._rules.is_foreign(message)
        if is_own_word and not is_foreign and message.sender != event.sender:
            raise ProtocolViolation("relayed in another's name")
        if self._is_oversized(message):
            raise ProtocolViolation("more transactions than a block holds")
        if not all(self._verifier.verify(item) for item in self._rules.items(message)):
            raise ProtocolViolation(f"{type(message).__name__} with a wrong signature")

    def _is_oversized(self, message: Message) -> bool:
        """A block's ids are not signed and stay in memory until their bodies come. Another configuration may
        have another limit; its blocks are not kept."""
        return (
            isinstance(message, Proposal | BlockSupply)
            and self._is_of_configuration(message.header)
            and len(message.tx_ids) > self._config.block_txs_max
        )

    def _is_of_configuration(self, header: Header) -> bool:
        return header.config_hash == self._config.config_hash

    def _handle(self, event: Input) -> None:
        state = self._started
        match event:
            case Restart():
                restore(state, self._changer, self._normal, self._admission, event)
                if state.can_vote and not state.is_halted:
                    state.broadcast(self._gossip.status(is_reply=False))
                self._admission.round()
            case Tick():
                self._timers.on_time()
            case Received():
                self._on_received(event.message, event.sender)
            case TxWaiting():
                for ref in event.txs:
                    self._add_tx(ref)
            case TxDropped():
                state.requests.drop(event.tx_ids)
            case Have():
                self._on_have(event)
            case Synced():
                self._on_synced(event)
            case Executed():
                self._on_executed(event)
            case PeerConnected():
                self._gossip.greet(event.index)
                self._admission.greet(event.index)

    def _on_received(self, message: Message, sender: int) -> None:
        """What is answered to whoever is at the other end of the link; the rest speaks for itself."""
        if self._rules.is_foreign(message):
            self._epochs.on_foreign(message, sender)
            return
        match message:
            case BlockRequest():
                self._gossip.on_block_request(message, sender)
            case BlockSupply():
                self._gossip.on_block_supply(message, sender)
            case StatusRequest():
                self._gossip.on_status_request(message, sender)
            case CheckpointRequest():
                self._checkpoints.on_request(message, sender)
            case _:
                self._on_message(message)
        self._gossip.note_source(message, sender)

    def _on_message(self, message: Message) -> None:
        state = self._started
        is_early = isinstance(message, Proposal | Prepare) and (
            message.view > state.view or (message.view == state.view and not state.is_active)
        )
        if is_early:
            assert isinstance(message, Proposal | Prepare)
            if isinstance(message, Prepare) or self._is_of_configuration(message.header):
                self._lookahead.keep(message)
        match message:
            case Proposal():
                self._normal.on_proposal(message)
            case Prepare():
                self._normal.on_prepare(message)
            case Commit():
                self._normal.on_commit(message)
            case Decided():
                state.chain.learn(message.cert)
            case ViewChange():
                self._changer.on_view_change(message)
            case NewView():
                self._changer.on_new_view(message)
            case Status():
                self._gossip.on_status(message)
                self._admission.on_status(message)
            case Checkpoint():
                self._checkpoints.on_checkpoint(message)

    def _add_tx(self, ref: TxRef) -> None:
        state = self._started
        if not state.chain.is_recent(ref.tx_id):
            state.requests.add(ref, state.now_ms, ref.tx_id in state.in_flight)
        state.blocks.have(ref)

    def _on_have(self, event: Have) -> None:
        state = self._started
        if event.valid and event.tx is not None:
            if event.tx.tx_id != event.tx_id:
                raise InvariantBroken("Have answers with another transaction")
            self._add_tx(event.tx)
        elif not event.valid:
            state.blocks.refuse(event.tx_id)

    def _on_synced(self, event: Synced) -> None:
        state = self._started
        header, cert = event.block.header, event.cert
        if header.height != state.chain.height + 1 or state.is_ending:
            return
        config = self._config
        electorate = Electorate(config.channel_id, config.suite, KIND_PBFT, self._validators)
        try:
            items = sealed_items(state.hash_, header, cert, electorate)
        except (HeaderRefused, InvalidCertificate) as error:
            raise ProtocolViolation(str(error)) from error
        if not all(self._verifier.verify(item) for item in items):
            raise ProtocolViolation("a certificate with a wrong seal")
        is_config = event.is_config or header.next_validators_hash != state.validators_hash
        self._normal.commit(event.block, cert, is_config)

    def _on_executed(self, event: Executed) -> None:
        state = self._started
        halt = state.chain.executed(event.height, Roots(event.state_root, event.receipts_root))
        state.last_progress_ms = state.now_ms
        if halt is not None:
            state.out.append(halt)
            state.is_halted = True
            return
        self._checkpoints.on_executed(event.height, event.manifest)
        if state.is_ending and state.chain.is_executed and not state.is_halted:
            state.out.append(Reconfigured(state.chain.height))
            state.is_ended = True

    def _set_timer(self, event: Input) -> None:
        state = self._started
        at_ms = None if state.is_halted else self._timers.next_ms()
        if at_ms is not None:
            at_ms += state.wall_ms - state.now_ms
        if at_ms != self._timer_ms or isinstance(event, Tick):
            if not (at_ms is None and self._timer_ms is None):
                state.out.append(SetTimer(at_ms))
            self._timer_ms = at_ms
