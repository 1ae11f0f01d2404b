"""How a validator that cannot know what it signed comes to vote (rule R13).

It lost its WAL, or the end of its ledger. It observes, hears where q others stand now, takes M, the highest
tip among them, and waits for a checkpoint at c = M + 2W + S or above that q others signed and that it has
reached itself, S being `tip_spread`. Then it votes, above that checkpoint only.

Why this cannot fork. Let T be the highest tip that this validator X, or a ViewChange it held, had in a life
it has forgotten. T was sealed by q validators, so by an honest one among the q heard, whose tip was T - W
at least when it sealed. Its answer is fresh, so M >= T - W, and:

1.  X votes above c > T + W only, where it signed nothing before: it never contradicts its old votes.
2.  For heights up to c its old promises stay true, since X never votes there again.
3.  For a height h above c only an old ViewChange of X can lie: it promised silence in views where X votes
    now. Say B was sealed by a quorum at h in view u, and a NewView for w > u with that ViewChange in it has
    another block prepared at h. Two quorums share an honest validator Z that sealed B in u and then entered
    w. When it sealed, Z's tip was at least h - W > T + S, so to Z that ViewChange is stale (`ViewChanger`),
    and in w it votes only above its tip + W >= h. So Z prepared nothing at h: a contradiction. The floor is
    durable with the record Entered.

A first start is another matter: a key that has signed nothing has nothing to forget, and could vote at
once. It is that of a new disk, of a ledger beside which there never was a record (a newcomer that observed
before), or of a log that is whole and knows other keys only (a key is never used again). What looks the same
is the loss of all: log, mark and ledger. Who lost all counts among the f faults, like a liar, until the chain
has passed M + 2W + S: whatever it says till then, PBFT survives it. From the most careful way to the last:

a.  Where the epoch begins: q - 1 others say that they stand at its base, and no certificate proves a block.
b.  As above, with q - 1 for q: itself a fault, so one liar fewer is among them.
c.  Both need blocks that others make. Where f more have lost their logs, and are silent, there are none
    without it. So where the chain has stood still for `checkpoint_wait_ms` twice, and q - 1 others, of whom
    f + 1 vote, say since that they stand no higher, it votes above that height, even where a certificate
    proves a higher block: nobody has what lies between. Not with f = 0: there the loss of a disk is beyond
    what the channel survives.

With one or two validators there are not q others for a lost log: an operator's word admits.
"""

from __future__ import annotations

from consensus.api import Restart
from consensus.encoding import ZERO_HASH, Sig
from consensus.pbft.checkpoints import Checkpoints
from consensus.pbft.messages import (
    CheckpointRequest,
    Status,
    StatusRequest,
    encode_message,
    encode_signed,
)
from consensus.pbft.records import Born, Recovered
from consensus.pbft.state import State
from consensus.pbft.view_change import entered_record

OBSERVER_NO_KEY = "not a validator of this channel"
OBSERVER_WAL_LOST = "the WAL is missing although the ledger is not empty: earlier votes are unknown"
OBSERVER_LEDGER_LOST = "the WAL speaks of a later epoch than the ledger: blocks were lost"
OBSERVER_FIRST_START = "a first start: the other validators have not been heard yet"
_UNSIGNED = Sig(ZERO_HASH + ZERO_HASH)


def why_observe(state: State, event: Restart, found: Recovered) -> str | None:
    """Why this node must not vote for now; None if it knows all that it signed, or signed nothing."""
    if state.own_index is None:
        return OBSERVER_NO_KEY
    if event.observes_because:
        return event.observes_because
    if found.is_of_later_epoch:
        return OBSERVER_LEDGER_LOST
    if found.born_key == state.validators.key(state.own_index):
        return None
    if event.is_wal_loss_accepted and state.n <= 2:
        return None
    is_first_start = event.tip.height == 0 or event.is_key_new or found.born_key is not None
    if not is_first_start:
        return OBSERVER_WAL_LOST
    return OBSERVER_FIRST_START if state.quorum > 1 else None


class Admission:
    """Runs while `state.is_joining`."""

    def __init__(self, state: State, checkpoints: Checkpoints) -> None:
        self._state = state
        self._checkpoints = checkpoints
        self._nonce = 0
        self._tips: dict[int, int] = {}
        self._at_base: dict[int, None] = {}
        self._standing: dict[
            int, bool
        ] = {}  # who stands no higher than this node: whether it votes
        self._still = (0, 0)  # the own height, and since when
        self._is_first_start = False
        self.target: int | None = None

    def begin(self, event: Restart, found: Recovered) -> None:
        """Decide at the start of a life whether this node votes, joins later, or never."""
        state = self._state
        self._nonce = event.nonce or event.now_ms
        self._still = state.chain.height, state.now_ms
        state.observer_reason = why_observe(state, event, found)
        if state.observer_reason is not None:
            state.is_joining = state.can_sign
            self._is_first_start = state.observer_reason == OBSERVER_FIRST_START
        elif found.born_key is None or found.born_key != self._key:
            self._be_born(0)
        else:
            state.votes_above = found.votes_above

    @property
    def _key(self) -> bytes:
        assert self._state.own_index is not None
        return self._state.validators.key(self._state.own_index)

    def round(self) -> None:
        """Every status interval: ask again for what is missing."""
        state = self._state
        if not state.is_joining:
            return
        if self._still[0] != state.chain.height:
            self._still = state.chain.height, state.now_ms
            self._standing.clear()
        if self._is_stuck():
            self._admit(state.chain.height)
            return
        if len(self._tips) < state.n - 1 or self._is_first_start:
            state.broadcast(self._question())
        if self.target is not None:
            self._ask_for_checkpoint(self.target)

    def _is_stuck(self) -> bool:
        """Whether the chain stands still for want of this first start (way c)."""
        state = self._state
        return (
            self._is_first_start
            and state.validators.weak_quorum > 1
            and state.now_ms - self._still[1] >= 2 * state.config.checkpoint_wait_ms
            and len(self._standing) >= state.quorum - 1
            and sum(self._standing.values()) >= state.validators.weak_quorum
        )

    def _ask_for_checkpoint(self, target: int) -> None:
        state = self._state
        assert state.own_index is not None
        unsigned = CheckpointRequest(
            state.config.channel_id,
            state.validators.epoch,
            state.own_index,
            max(target, state.chain.height),
            _UNSIGNED,
        )
        state.broadcast(encode_signed(unsigned, state.config.suite, state.sign_standing))

    def on_status(self, message: Status) -> None:
        """Only answers to this life's question count: an old word could put M too low."""
        state = self._state
        if not state.is_joining or message.echo != self._nonce or message.sender == state.own_index:
            return
        base, best = state.base.height, state.chain.best_cert
        if message.tip_height <= base:
            self._at_base[message.sender] = None
        if message.tip_height <= state.chain.height:
            self._standing[message.sender] = message.is_voting
        else:
            self._standing.pop(message.sender, None)
        # A certificate proves a chain: whoever says that there is none yet lies, or has lost its disk too.
        is_at_base = self._is_first_start and (best is None or best.height <= base)
        if is_at_base and len(self._at_base) >= state.quorum - 1:
            self._admit(base)
            return
        if message.is_voting:
            self._tips.setdefault(message.sender, message.tip_height)
        if len(self._tips) >= self._needed:
            # Any q will do, so the lowest, however late they answer: one liar's claim to be far ahead keeps
            # nobody waiting.
            highest = sorted(self._tips.values())[self._needed - 1]
            target = highest + 2 * state.config.window + state.config.tip_spread
            if target != self.target:
                self.target = target
                self._ask_for_checkpoint(target)

    @property
    def _needed(self) -> int:
        """Others to be heard. For a first start q - 1, as a late one must not need a liar's help."""
        return self._state.quorum - self._is_first_start

    def greet(self, peer: int) -> None:
        """A link came up: ask at once."""
        if self._state.is_joining:
            self._state.send(peer, self._question())

    def _question(self) -> bytes:
        channel_id, epoch = self._state.config.channel_id, self._state.validators.epoch
        return encode_message(StatusRequest(channel_id, epoch, self._nonce))

    def check(self) -> None:
        """Runs after every input: a checkpoint that q others signed, of a block and state that are here."""
        state = self._state
        if not state.is_joining or self.target is None:
            return
        for height in self._checkpoints.heights():
            if not self.target <= height <= state.chain.height:
                continue
            equal = self._checkpoints.equal_to(height)
            if sum(one.sender != state.own_index for one in equal) >= self._needed:
                self._admit(height)
                return

    def _admit(self, votes_above: int) -> None:
        self._state.is_joining = False
        self._state.observer_reason = None
        self._be_born(votes_above)

    def _be_born(self, votes_above: int) -> None:
        """The WAL's new beginning, with the view in which this node has observed."""
        state = self._state
        state.votes_above = votes_above
        state.persist(Born(state.config.channel_id, self._key, votes_above))
        if state.new_view is not None:
            state.persist(entered_record(state, state.new_view))
