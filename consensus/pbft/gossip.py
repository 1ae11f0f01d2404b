"""Catching up by telling each other where one stands (R9): Status, Decided, blocks of a selection.

A Status claims; only certificates and signed view changes bind. So the answer to a Status is never the
claim taken over, but what its sender lacks: a certificate, a NewView, a ViewChange, own votes again.
"""

from __future__ import annotations

from consensus.api import Behind, Block, Forward, Need
from consensus.certificate import CommitCert
from consensus.encoding import ZERO_HASH, Hash, Sig
from consensus.header import block_hash
from consensus.pbft.certificates import senders_bitmap
from consensus.pbft.messages import (
    BlockRequest,
    BlockSupply,
    Decided,
    Message,
    Status,
    StatusRequest,
    encode_signed,
)
from consensus.pbft.normal import NormalCase
from consensus.pbft.propose import Proposer
from consensus.pbft.state import State
from consensus.pbft.view_change import ViewChanger

_UNSIGNED = Sig(ZERO_HASH + ZERO_HASH)


class Gossip:
    """Also decides when a certificate without its block means being behind."""

    def __init__(
        self, state: State, normal: NormalCase, proposer: Proposer, changer: ViewChanger
    ) -> None:
        self._state = state
        self._normal = normal
        self._proposer = proposer
        self._changer = changer
        self._behind_told = 0
        self._source_cert: CommitCert | None = None
        self._cert_from: int | None = None
        self._served: dict[int, tuple[Hash, int]] = {}
        self._asked: dict[int, int] = {}

    # --- own status

    def status(self, is_reply: bool, echo: int = 0) -> bytes:
        state = self._state
        assert state.own_index is not None
        held = [i for i, c in state.view_changes.items() if c.new_view == state.view]
        unsigned = Status(
            state.config.channel_id,
            state.validators.epoch,
            state.own_index,
            state.view,
            state.is_active,
            state.chain.height,
            state.chain.tip_hash,
            senders_bitmap(held, state.n),
            is_reply,
            state.can_vote,
            echo,
            _UNSIGNED,
        )
        return encode_signed(unsigned, state.config.suite, state.sign_standing)

    def greet(self, peer: int) -> None:
        """A link came up. The certificate goes along, because an observer has no status to be told of."""
        state = self._state
        state.pace.forget(peer)
        if state.chain.best_cert is not None:
            state.send(peer, Decided(state.chain.best_cert))
        if state.can_vote:
            state.send(peer, self.status(is_reply=False))

    def round(self) -> None:
        """Every status interval while work waits: say where we stand, ask again for what is missing."""
        state = self._state
        if state.can_vote:
            state.broadcast(self.status(is_reply=False))
            self._changer.say_again()
        for candidate in state.blocks:
            if candidate.missing:
                state.out.append(Need(tuple(candidate.missing), candidate.source))
        self._offer_waiting()
        self._proposer.ask_for_block()
        self._behind_told = 0
        self.tell_behind(is_patient=False)

    def _offer_waiting(self) -> None:
        """Who takes no part in the view hands on to all what waits (R10). It may be the only one that knows of
        it: a node that suspected alone gets no new view by itself, and its clients would wait for ever."""
        state = self._state
        tx_ids = state.requests.oldest(state.now_ms)
        if tx_ids and not (state.can_vote and state.is_active):
            state.out += [Forward(to, tx_ids) for to in range(state.n) if to != state.own_index]

    def tell_behind(self, is_patient: bool) -> None:
        """Ask for blocks that certificates prove. A block that is merely on its way (patient: the next
        one, within the window) is given until the next round to arrive."""
        state = self._state
        best = state.chain.best_cert
        if best is None or best.height <= max(state.chain.height, self._behind_told):
            return
        if is_patient and best.height <= state.chain.height + state.config.window:
            return
        self._behind_told = best.height
        source = self._cert_from
        if source is None:
            source = (state.own_index or 0) + 1
        state.out.append(Behind(best.height, source % state.n))

    # --- others

    def on_status_request(self, message: StatusRequest, sender: int) -> None:
        """Where this node stands now, for a validator that does not know what it signed (R13). With it goes
        what that one needs to get there. One answer a peer and half an interval."""
        state = self._state
        asked_ms = self._asked.get(sender)
        half_ms = state.config.status_interval_ms // 2
        if not state.can_sign or (asked_ms is not None and state.now_ms - asked_ms < half_ms):
            return
        self._asked[sender] = state.now_ms
        if state.chain.best_cert is not None:
            state.send(sender, Decided(state.chain.best_cert))
        if state.can_vote and state.is_active and state.new_view is not None:
            state.send(sender, state.new_view)
        state.send(sender, self.status(is_reply=True, echo=message.nonce))

    def note_source(self, message: Message, sender: int) -> None:
        """After a message: who shows the best certificate has its block, most likely."""
        best = self._state.chain.best_cert
        is_shown = isinstance(message, Decided) and message.cert == best
        if is_shown or best is not self._source_cert:
            self._source_cert, self._cert_from = best, sender

    def on_status(self, message: Status) -> None:
        state, peer = self._state, message.sender
        best = state.chain.best_cert
        if best is not None and message.tip_height < best.height:
            state.show(peer, best)
        standing = (state.view, state.is_active, state.chain.height)
        if not (state.can_vote and state.pace.may_answer("status", peer, standing, state.now_ms)):
            return
        self._help_with_view(message)
        if (message.view, message.is_active) == (state.view, state.is_active) and state.is_active:
            self._send_again(peer, message.tip_height)
        is_ahead = (message.view, message.is_active) > (state.view, state.is_active)
        if not message.is_reply and (is_ahead or message.tip_height > state.chain.height):
            state.send(peer, self.status(is_reply=True))

    def _help_with_view(self, message: Status) -> None:
        state, peer = self._state, message.sender
        if message.view > state.view or (message.view == state.view and message.is_active):
            return
        if state.is_active:
            if state.new_view is not None:
                state.send(peer, state.new_view)
            return
        for sender in sorted(state.view_changes):
            change = state.view_changes[sender]
            is_held = message.view == state.view and message.held[sender // 8] >> sender % 8 & 1
            if change.new_view >= state.view and not is_held:
                state.send(peer, change)

    def _send_again(self, peer: int, tip_height: int) -> None:
        """Own messages of slots that have been open for long enough to look lost."""
        state = self._state
        for height in sorted(state.slots):
            slot = state.slots[height]
            if height > tip_height and (
                state.now_ms - slot.opened_ms >= state.config.status_interval_ms // 2
            ):
                for message in slot.own_messages:
                    state.send(peer, message)

    def on_block_request(self, message: BlockRequest, sender: int) -> None:
        """One answer a peer, block and interval: a request is small, its answer is not."""
        state = self._state
        candidate = state.blocks.any_of(message.block_hash)
        served = self._served.get(sender)
        if candidate is None or (
            served is not None
            and served[0] == message.block_hash
            and state.now_ms - served[1] < state.config.status_interval_ms // 2
        ):
            return
        self._served[sender] = (message.block_hash, state.now_ms)
        state.send(sender, BlockSupply(candidate.block.header, candidate.block.tx_ids))

    def on_block_supply(self, message: BlockSupply, sender: int) -> None:
        digest = block_hash(self._state.hash_, message.header)
        if digest == self._proposer.wanted_block():
            self._normal.learn_block(Block(message.header, message.tx_ids), digest, sender)
