"""The configuration in force on this node, and what an ordered config transaction makes of it.

It changes only when a config block is executed. Admission, execution, links and catch-up ask this object, so
that all of them change at one instant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from consensus.api import ConfigEffect
from consensus.encoding import Hash
from consensus.header import leaves_root
from consensus.validators import ValidatorSet
from node.contracts.arguments import BadArguments
from node.genesis import ChannelConfig, Identity, config_hash
from node.governance import CONTRACT, ConfigCall, ConfigState, Outcome, Rules, apply, parse_call
from node.governance.state import NODE_ROLE
from node.governance.views import preview, view
from node.identity.suite import Suite
from node.lifecycle import CONTRACT as LIFECYCLE
from node.wire.body import TxBody

EXPIRED, UNKNOWN_SENDER, BAD_ARGUMENTS = "TX_EXPIRED", "TX_SENDER_UNKNOWN", "TX_ARGS_INVALID"


class InForce:
    """One a channel. Reads may come from any thread; the executor alone adopts."""

    def __init__(
        self, state: ConfigState, channel_id: Hash, suite: Suite, time_ms: int = 0
    ) -> None:
        """time_ms: of the last block, behind which `state` is in force."""
        self._suite, self._rules = suite, Rules(channel_id, suite)
        self.time_ms = time_ms
        self.adopt(state)

    def adopt(self, state: ConfigState) -> None:
        """`state` is in force from here on."""
        self.identities: dict[Hash, Identity] = state.config.identities_by_digest(self._suite.hash)
        self.senders = state.senders(self._suite.hash)
        self.former = state.former_senders(self._suite.hash)
        known = {**self.former, **self.identities}
        self.members = {
            digest: identity.member_id
            for digest, identity in known.items()
            if NODE_ROLE not in identity.roles  # a former key of a node counts as its present one
        }
        self.state = state

    @property
    def config(self) -> ChannelConfig:
        return self.state.config

    @property
    def validators(self) -> ValidatorSet:
        return self.state.validators

    def sender(self, body: TxBody) -> Identity | None:
        """Who may send this body: nodes have a voice in what the channel itself decides, and nowhere else."""
        is_own = body.contract in (CONTRACT, LIFECYCLE)
        known = self.senders if is_own else self.identities
        return known.get(body.sender)

    def decide(self, height: int, tx_id: Hash, body: TxBody) -> Outcome:
        """What this config transaction does in a block of `height` on the state in force. Changes nothing."""
        window = self.config.limits.valid_until_window
        if not height <= body.valid_until_height <= height + window:
            return Outcome(self.state, EXPIRED, "not valid at the height of its block")
        sender = self.sender(body)
        if sender is None:
            return Outcome(self.state, UNKNOWN_SENDER, "the channel does not know the sender")
        return self.simulate(height, tx_id, sender, body.method, body.args)

    def simulate(
        self, height: int, tx_id: Hash, sender: Identity, method: str, args: str
    ) -> Outcome:
        call = self._call(height, tx_id, sender, method, args)
        if isinstance(call, str):
            return Outcome(self.state, BAD_ARGUMENTS, call)
        return apply(self.state, call, self._rules)

    def _call(
        self, height: int, tx_id: Hash, sender: Identity, method: str, args: str
    ) -> ConfigCall | str:
        """What is asked for, or what is wrong with it."""
        try:
            found = parse_call(method, args)
        except BadArguments as error:
            return str(error)
        return ConfigCall(height, tx_id, sender, method, found, self.time_ms)

    def view(self, name: str, args: Mapping[str, Any], height: int) -> Any:
        """What anybody may ask; None where there is no such view. height: of the next block."""
        return view(self.state, name, args, height, self._suite)

    def preview(self, height: int, tx_id: Hash, sender: Identity, method: str, args: str) -> Any:
        """What a change would do and who would have to approve it, in words. Changes nothing."""
        call = self._call(height, tx_id, sender, method, args)
        if isinstance(call, str):
            return {"accepted": False, "code": BAD_ARGUMENTS, "message": call}
        return preview(self.state, call, apply(self.state, call, self._rules), self._rules)

    def effect_of(self, height: int, tx_id: Hash, body: TxBody) -> ConfigEffect:
        """`decide` as headers show it."""
        outcome = self.decide(height, tx_id, body)
        return ConfigEffect(
            config_hash(self._suite.hash, outcome.state.config),
            outcome.state.validators,
            leaves_root(self._suite.hash, outcome.evidence),
        )


class Forecast:
    """The core's view of the configuration (consensus.api.Configuration): asked when the tip is executed."""

    def __init__(
        self,
        in_force: InForce,
        find: Callable[[Hash], TxBody | None],
        next_height: Callable[[], int],
    ) -> None:
        """find: the body of a transaction that this node holds. next_height: the tip's plus one."""
        self._in_force, self._find, self._next_height = in_force, find, next_height

    def effect(self, tx_id: Hash) -> ConfigEffect | None:
        body = self._find(tx_id)
        if body is None:
            return None
        return self._in_force.effect_of(self._next_height(), tx_id, body)
