"""`RaftCore`: ordering over the pure Raft core. `step` takes one input and returns actions, in order."""

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
    Leaving,
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
from consensus.certificate import KIND_RAFT, InvalidCertificate, certificate_items
from consensus.light_client import Electorate, HeaderRefused, sealed_items
from consensus.ordering.chain import Chain, Roots
from consensus.raft.ordering import messages
from consensus.raft.ordering.accept import Intake
from consensus.raft.ordering.config import RaftConfig
from consensus.raft.ordering.create import Creator
from consensus.raft.ordering.gossip import Gossip
from consensus.raft.ordering.hearing import Hearing
from consensus.raft.ordering.messages import Decided, Hello, Message
from consensus.raft.ordering.replica import Replica
from consensus.raft.ordering.restart import first_vote, restore
from consensus.raft.ordering.seals import SealBook
from consensus.raft.ordering.state import State
from consensus.raft.ordering.timers import Timers
from consensus.validators import ValidatorSet


class RaftCore:
    """One member of one channel and epoch. Implements `consensus.api.Core`.

    own_index, configuration, base and the errors of `step` are those of `PbftCore`."""

    def __init__(
        self,
        config: RaftConfig,
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
        self._config, self._validators, self._own_index = config, validators, own_index
        self._verifier, self._signer = verifier, signer
        self._configuration = configuration
        self._base = base or EpochBase(0, config.genesis_hash)
        self._book = SealBook(config.suite, config.channel_id, validators, None)
        self._state: State | None = None
        self._timer_ms: int | None = None

    # --- the contract

    def decode_message(self, data: bytes) -> Message:
        return messages.decode_message(data)

    def signature_items(self, message: Any) -> list[SignatureItem]:
        """Of seals and certificates; nothing else is signed. A message of another epoch is judged later,
        and not by its signatures. Raises ProtocolViolation."""
        if isinstance(message, Decided):
            if message.cert.epoch != self._validators.epoch:
                return []
            return self._certificate_items(message.cert)
        if not messages.is_spoken(message):
            raise ProtocolViolation(f"not a Raft message: {type(message).__name__}")
        head = message.head
        if head.channel_id != self._config.channel_id:
            raise ProtocolViolation("another channel")
        if head.epoch != self._validators.epoch:
            return []
        if head.sender >= len(self._validators):
            raise ProtocolViolation("no such validator")
        if head.term > messages.TERM_MAX:
            raise ProtocolViolation("a term that no election reaches")
        if isinstance(message, messages.AppendReply):
            if len(message.seals) > self._config.horizon:
                raise ProtocolViolation("more seals than blocks can be in flight")
            return self._book.items(head.sender, head.term, message.seals)
        return []

    def step(self, event: Input) -> list[Action]:
        if isinstance(event, Restart):
            self._restart(event)
        state = self._started
        if state.is_halted or state.has_ended:
            return self._taken()
        if isinstance(event, Received) and not self._is_for_now(event):
            return self._taken()
        state.set_clock(event.now_ms)
        self._handle(event)
        self._replica.advance()
        self._gossip.tell_behind(is_patient=True)
        self._set_timer(event)
        return self._taken()

    def status(self) -> CoreStatus:
        state = self._started
        return CoreStatus(
            view=state.term,
            is_active=not self._hearing.is_open
            and (state.leader is not None or not state.can_vote),
            leader=-1 if state.leader is None else state.leader,
            tip_height=state.chain.height,
            view_since_ms=state.term_since_ms + state.wall_ms - state.now_ms,
            waiting=len(state.requests),
            timeout_ms=self._config.base_timeout_ms,
            last_view_change_reason=state.note,
            epoch=self._validators.epoch,
            observes_because=self._hearing.observer_reason or "",
        )

    @property
    def is_observer_reason(self) -> str | None:
        """Why this core does not vote; None while it does."""
        return self._hearing.observer_reason if self._started else None

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
        chain = Chain(self._config, self._verifier.hash, event.tip, event.tip_cert, event.executed)
        state = State(
            self._config,
            self._validators,
            self._own_index,
            self._verifier,
            self._signer,
            self._configuration,
            self._base,
            chain,
        )
        self._state = state
        state.now_ms = state.wall_ms = event.now_ms
        state.term_since_ms = state.last_progress_ms = event.now_ms
        state.life = event.nonce or event.now_ms
        self._replica = Replica(state)
        self._intake = Intake(state, self._replica.into_raft)
        self._creator = Creator(state, self._intake.accepted)
        self._replica.attach(self._intake, self._creator)
        self._hearing = Hearing(
            state,
            lambda term, last: first_vote(state, event, self._replica, term, last),
        )
        self._gossip = Gossip(state, self._intake, self._replica, self._hearing)
        self._timers = Timers(state, self._replica, self._creator, self._gossip)

    def _is_for_now(self, event: Received) -> bool:
        """Origin and signatures, before anything changes. False: of another epoch, or for another life.
        Raises ProtocolViolation."""
        message = event.message
        if not 0 <= event.sender < len(self._validators):
            raise ProtocolViolation("no such validator")
        items = self.signature_items(message)
        if isinstance(message, Decided):
            if message.cert.epoch != self._validators.epoch:
                self._gossip.on_other_epoch(message.cert.epoch, message.cert.height, event.sender)
                return False
        else:
            # The epoch first: indexes of another one are of other members.
            if message.head.epoch != self._validators.epoch:
                head = message.head
                self._gossip.on_other_epoch(head.epoch, head.tip_height, event.sender)
                return False
            if message.head.sender != event.sender:
                raise ProtocolViolation("relayed in another's name")
        if not all(self._verifier.verify(item) for item in items):
            raise ProtocolViolation(f"{type(message).__name__} with a wrong signature")
        return True

    def _handle(self, event: Input) -> None:
        state = self._started
        match event:
            case Restart():
                restore(state, event, self._replica)
            case Tick():
                self._timers.on_time()
            case Received(_, sender, message):
                self._on_message(sender, message)
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
            case Leaving():
                self._replica.hand_over()

    def _on_message(self, sender: int, message: Message) -> None:
        if isinstance(message, Decided):
            self._gossip.on_decided(message.cert, sender)
            return
        self._gossip.note_tip(sender, message.head.tip_height)
        if isinstance(message, Hello):
            self._hearing.on_hello(message, sender)
            return
        self._replica.receive(message)

    def _add_tx(self, ref: TxRef) -> None:
        state = self._started
        if not state.chain.is_recent(ref.tx_id):
            state.requests.add(ref, state.now_ms, ref.tx_id in state.flight.holders)
        if ref.is_config and ref.tx_id in state.flight.holders:
            state.flight.note_config(ref.tx_id)
        state.blocks.have(ref)

    def _on_have(self, event: Have) -> None:
        state = self._started
        if event.valid and event.tx is not None:
            if event.tx.tx_id != event.tx_id:
                raise InvariantBroken("Have answers with another transaction")
            self._add_tx(event.tx)
        elif not event.valid:
            state.blocks.refuse(event.tx_id)

    def _certificate_items(self, cert: Any) -> list[SignatureItem]:
        """Raises ProtocolViolation."""
        config = self._config
        try:
            return certificate_items(
                cert, KIND_RAFT, config.suite, config.channel_id, self._validators
            )
        except InvalidCertificate as error:
            raise ProtocolViolation(str(error)) from error

    def _on_synced(self, event: Synced) -> None:
        state = self._started
        header, cert = event.block.header, event.cert
        if header.height != state.chain.height + 1 or state.config_height is not None:
            return
        config = self._config
        electorate = Electorate(config.channel_id, config.suite, KIND_RAFT, self._validators)
        try:
            items = sealed_items(state.hash_, header, cert, electorate)
        except (HeaderRefused, InvalidCertificate) as error:
            raise ProtocolViolation(str(error)) from error
        if not all(self._verifier.verify(item) for item in items):
            raise ProtocolViolation("a certificate with a wrong seal")
        self._replica.deliver(event.block, cert, event.is_config)

    def _on_executed(self, event: Executed) -> None:
        state = self._started
        halt = state.chain.executed(event.height, Roots(event.state_root, event.receipts_root))
        state.last_progress_ms = state.now_ms
        if halt is not None:
            state.halt(halt)
        elif event.height == state.config_height:
            state.out += [SetTimer(None), Reconfigured(event.height)]
            state.has_ended = True

    def _set_timer(self, event: Input) -> None:
        state = self._started
        if state.has_ended:
            return
        at_ms = None if state.is_halted else self._timers.next_ms()
        if at_ms is not None:
            at_ms += state.wall_ms - state.now_ms
        if at_ms != self._timer_ms or isinstance(event, Tick):
            if not (at_ms is None and self._timer_ms is None):
                state.out.append(SetTimer(at_ms))
            self._timer_ms = at_ms
