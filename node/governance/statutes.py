"""Limits, policies and flags: what each kind of change does to them, and what it must not do. Pure."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from node.genesis import Limits
from node.governance.calls import LIMITS
from node.governance.kinds import POLICIES, policy_of
from node.governance.policies import electorate, read_policy
from node.governance.refusals import Refused
from node.governance.state import ConfigState, FlagAt, Rule

LEAST = Limits(
    block_txs_max=1,
    block_bytes_max=64 * 1024,
    block_gas_max=1_000_000,
    tx_gas_max=1_000_000,
    tx_bytes_max=16 * 1024,
    args_bytes_max=8 * 1024,
    valid_until_window=10,
)
FLAGS_MAX = 256


def set_limits(state: ConfigState, args: dict[str, Any]) -> ConfigState:
    """0 leaves a limit as it is. None rises above what engine, wire and stores are made for."""
    before, most = asdict(state.config.limits), asdict(Limits())
    after = Limits(**{name: args[name] or before[name] for name in LIMITS})
    for name, value in asdict(after).items():
        least, highest = getattr(LEAST, name), max(most[name], before[name])
        if value != before[name] and not least <= value <= highest:
            raise Refused("E_LIMIT", f"{name} is {least} to {highest}, not {value}")
    if after == state.config.limits:
        raise Refused("E_NO_CHANGE", "the limits are like that already")
    for small, large in (
        ("args_bytes_max", "tx_bytes_max"),
        ("tx_bytes_max", "block_bytes_max"),
        ("tx_gas_max", "block_gas_max"),
    ):
        if getattr(after, small) > getattr(after, large):
            raise Refused("E_LIMIT", f"{small} is at most {large}")
    config = replace(state.config, limits=after)
    return replace(state, record=replace(state.record, config=config))


def set_policy(state: ConfigState, args: dict[str, Any]) -> ConfigState:
    kind, policy = args["kind"], read_policy(args["policy"])
    if kind not in POLICIES:
        known = ", ".join(POLICIES)
        raise Refused("E_POLICY", f"{kind} has no policy to be set; these have: {known}")
    if policy == policy_of(state, kind):
        raise Refused("E_NO_CHANGE", f"{kind} is decided by {policy} already")
    rest = [rule for rule in state.statutes.policies if rule.kind != kind]
    said = [] if str(policy) == POLICIES[kind] else [Rule(kind, str(policy))]
    policies = tuple(sorted(rest + said, key=lambda rule: rule.kind))
    return replace(state, statutes=replace(state.statutes, policies=policies))


def activate_flag(state: ConfigState, args: dict[str, Any], height: int) -> ConfigState:
    """In force from the block of that height on, which lies ahead: the members' nodes have to know it."""
    flag, at = args["flag"], args["height"]
    since = state.flag_height(flag)
    if since is not None:
        raise Refused("E_FLAG", f"{flag} is in force from block {since} on")
    if at <= height:
        raise Refused("E_HEIGHT", f"block {height} is there already: name a later one")
    if len(state.statutes.flags) >= FLAGS_MAX:
        raise Refused("E_TOO_MANY", f"a channel has at most {FLAGS_MAX} flags")
    flags = tuple(sorted((*state.statutes.flags, FlagAt(flag, at)), key=lambda f: f.flag))
    return replace(state, statutes=replace(state.statutes, flags=flags))


def cancel_flag(state: ConfigState, args: dict[str, Any], height: int) -> ConfigState:
    flag = args["flag"]
    since = state.flag_height(flag)
    if since is None:
        raise Refused("E_FLAG", f"{flag} is not activated")
    # A node that does not know it stops where it would vote for blocks under it, and would not hear of this.
    if since <= height + 1 + state.config.consensus.window:
        raise Refused("E_FLAG", f"{flag} is in force from block {since} on: it is too late")
    flags = tuple(f for f in state.statutes.flags if f.flag != flag)
    return replace(state, statutes=replace(state.statutes, flags=flags))


def require_decidable(after: ConfigState) -> None:
    """No policy may ask for more members than there are: nobody could change it again."""
    for rule in after.statutes.policies:
        policy = read_policy(rule.policy)
        asked = len(electorate(after, policy.whom))
        if policy.needed(asked) > asked:
            raise Refused(
                "E_POLICY_IMPOSSIBLE",
                f"{rule.kind} is decided by {policy}, and {asked} members would be asked",
            )
