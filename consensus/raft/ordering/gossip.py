"""Certificates between members: who lacks one is told, who lacks a block is told to fetch it."""

from __future__ import annotations

from consensus.api import Behind, Forward
from consensus.certificate import KIND_RAFT, CommitCert, seals_needed
from consensus.raft.ordering.accept import Intake
from consensus.raft.ordering.hearing import Hearing
from consensus.raft.ordering.messages import Decided
from consensus.raft.ordering.replica import Replica
from consensus.raft.ordering.state import State


class Gossip:
    def __init__(self, state: State, intake: Intake, replica: Replica, hearing: Hearing) -> None:
        self._state, self._intake, self._replica = state, intake, replica
        self._hearing = hearing
        self._connected: dict[int, None] = {}
        self._behind_told = 0
        self._cert_from: int | None = None
        self._epoch_hint_ms: int | None = None
        self._snapshots: dict[int, int] = {}  # member id → since when it has been fetching one
        self.last_round_ms = 0

    # --- what others say

    def greet(self, peer: int) -> None:
        """A link came up: the certificate of the tip tells its end what it may lack."""
        state = self._state
        if state.own_index is None:
            return
        if state.chain.best_cert is not None:
            state.send(peer, Decided(state.chain.best_cert))
        self._connected[peer] = None
        self._hearing.ask(peer)
        self.campaign_first()

    def campaign_first(self) -> None:
        """The first leader of a channel need not wait for a timeout: everybody is there."""
        state = self._state
        is_enough = len(self._connected) + 1 >= seals_needed(KIND_RAFT, state.n)
        is_first = state.own_index == 0 and state.term == 0 and state.leader is None
        if state.raft is not None and is_enough and is_first:
            self._replica.campaign()

    def note_tip(self, peer: int, height: int) -> None:
        """What a member's message says of its tip. One that lacks what is certified here is told."""
        state = self._state
        cert = state.chain.tip_cert
        if cert is None or height >= state.chain.height:
            return
        told_height, told_ms = state.told.get(peer, (0, 0))
        is_recent = state.now_ms - told_ms < state.config.status_interval_ms // 2
        if told_height < state.chain.height or not is_recent:
            state.told[peer] = (state.chain.height, state.now_ms)
            state.send(peer, Decided(cert))

    def on_decided(self, cert: CommitCert, sender: int) -> None:
        self._cert_from = sender
        self._state.chain.learn(cert)

    def on_other_epoch(self, epoch: int, height: int, sender: int) -> None:
        """A later epoch: there are blocks to fetch. An older one: its sender lacks some. Both are hints."""
        state, interval = self._state, self._state.config.status_interval_ms
        if self._epoch_hint_ms is not None and state.now_ms - self._epoch_hint_ms < interval:
            return
        self._epoch_hint_ms = state.now_ms
        if epoch > state.validators.epoch:
            state.out.append(Behind(max(height, state.chain.height + 1), sender))
        elif state.chain.tip_cert is not None and state.own_index is not None:
            state.send(sender, Decided(state.chain.tip_cert))

    # --- now and then

    @property
    def has_work(self) -> bool:
        state = self._state
        is_offering = len(state.requests) > 0 and not state.is_leader
        return (
            self._intake.is_waiting
            or self._hearing.is_asking
            or state.chain.is_behind
            or len(state.flight) > 0
            or is_offering
            or bool(self._fetching())
        )

    def round(self) -> None:
        """Every status interval while something is missing: ask for it again."""
        self.last_round_ms = self._state.now_ms
        self._intake.ask_again()
        self._hearing.ask()
        self._offer_waiting()
        self._retry_snapshots()
        self._behind_told = 0
        self.tell_behind(is_patient=False)

    def _offer_waiting(self) -> None:
        """What was handed to the leader and still waits may have been lost on the way. Who only observes
        knows no leader for sure: what waits there is handed to all."""
        state = self._state
        if not state.can_vote:
            receivers = [to for to in range(state.n) if to != state.own_index]
        elif state.leader is None or state.is_leader or not self._is_waiting_long:
            return
        else:
            receivers = [state.leader]
        tx_ids = state.requests.oldest(state.now_ms)
        if tx_ids:
            state.out += [Forward(to, tx_ids) for to in receivers]

    @property
    def _is_waiting_long(self) -> bool:
        due_ms = self._state.requests.suspect_at_ms()
        return due_ms is not None and due_ms <= self._state.now_ms

    def _fetching(self) -> list[int]:
        raft = self._state.raft
        return [] if raft is None else raft.fetching

    def _retry_snapshots(self) -> None:
        """A snapshot message may be lost, and the pure core waits for an answer: it is sent again."""
        state, raft = self._state, self._state.raft
        fetching = self._fetching()
        self._snapshots = {m: self._snapshots.get(m, state.now_ms) for m in fetching}
        for member, since_ms in list(self._snapshots.items()):
            if raft is not None and state.now_ms - since_ms >= state.config.base_timeout_ms:
                del self._snapshots[member]
                raft.report_snapshot(member, is_ok=False)
                self._replica.drain()

    def tell_behind(self, is_patient: bool) -> None:
        """Ask for blocks that certificates prove. A block that is merely on its way (patient: within the
        window) is given until the next round to arrive."""
        state = self._state
        best = state.chain.best_cert
        if state.is_halted or state.has_ended or best is None:
            return
        if best.height <= max(state.chain.height, self._behind_told):
            return
        if is_patient and best.height <= state.chain.height + state.config.window:
            return
        self._behind_told = best.height
        source = (state.own_index or 0) + 1 if self._cert_from is None else self._cert_from
        state.out.append(Behind(best.height, source % state.n))
