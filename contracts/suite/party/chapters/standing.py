"""What befalls a party that was admitted: halted, suspended, frozen, closed. Table PARTY."""

from chapters.records import (
    enter,
    load,
    parties,
    require_stop_is_ours,
    require_supervisor,
    require_text,
)
from rules.persons import require_contract
from sdk import Event, ctx, export, require

Suspended = Event("Party.Suspended")
Resumed = Event("Party.Resumed")
Closed = Event("Party.Closed")
Locked = Event("Party.Locked")
Unlocked = Event("Party.Unlocked")
Frozen = Event("Reg.Frozen")
Released = Event("Reg.Released")


@export
def halt(party_id: str, reason: str) -> str:
    """The kyc contract only: a list names the party, or its licence is revoked. It may already be suspended."""
    require(ctx.caller == "kyc", "E_CALLER", "only the kyc contract may do this")
    party = load(party_id)
    party.halted = True
    parties[party_id] = party
    if party.state != "ACTIVE":
        return party.state
    party.suspended_by = "kyc"
    enter(party, "halt", 0)
    Suspended(party=party_id, state=party.state, version=party.version, reason=reason)
    return party.state


@export
def lift(party_id: str, reason: str) -> str:
    """The kyc contract only: what made it halt the party is gone. Another's suspension stays."""
    require(ctx.caller == "kyc", "E_CALLER", "only the kyc contract may do this")
    party = load(party_id)
    party.halted = False
    parties[party_id] = party
    if party.state != "SUSPENDED" or party.suspended_by != "kyc":
        return party.state
    party.suspended_by = ""
    enter(party, "lift", 0)
    Resumed(party=party_id, state=party.state, version=party.version, reason=reason)
    return party.state


@export
def lock(party_id: str) -> int:
    """The key_recovery contract only: a new key was approved, and until it speaks no key of the party deals."""
    return set_lock(party_id, True)


@export
def unlock(party_id: str) -> int:
    """The key_recovery contract only: the reset is over, however it ended."""
    return set_lock(party_id, False)


def set_lock(party_id: str, locked: bool) -> int:
    require_contract("key_recovery")
    party = load(party_id)
    if party.locked != locked:
        party.locked = locked
        party.version += 1
        parties[party_id] = party
        if locked:
            Locked(party=party_id, version=party.version)
        else:
            Unlocked(party=party_id, version=party.version)
    return party.version


@export
def suspend(party_id: str, reason: str, expected_version: int = 0) -> str:
    require_supervisor(party_id)
    require_text(reason, "the reason")
    party = load(party_id)
    party.suspended_by = ctx.member
    enter(party, "suspend", expected_version)
    Suspended(party=party_id, state=party.state, version=party.version, reason=reason)
    return party.state


@export
def resume(party_id: str, reason: str, expected_version: int = 0) -> str:
    require_supervisor(party_id)
    require_text(reason, "the reason")
    party = load(party_id)
    require(not party.halted, "E_KYC_HALT", "a list or a revoked licence stops this party")
    if "regulator" not in ctx.roles:
        require_stop_is_ours(party)
    party.suspended_by = ""
    enter(party, "resume", expected_version)
    Resumed(party=party_id, state=party.state, version=party.version, reason=reason)
    return party.state


@export
def close(party_id: str, reason: str, expected_version: int = 0) -> str:
    """For ever: the record stays, the id is never given again."""
    own = ctx.member == party_id and "checker" in ctx.roles
    require(own or "regulator" in ctx.roles, "E_ROLE", "only the member or a regulator may close")
    require_text(reason, "the reason")
    party = load(party_id)
    enter(party, "close", expected_version)
    Closed(party=party_id, state=party.state, version=party.version, reason=reason)
    return party.state


@export
def freeze(party_id: str, order: str) -> int:
    """An order holds the party: it deals no more, and what it holds is frozen with it."""
    require_contract("regulator")
    party = load(party_id)
    party.frozen_from = party.state
    enter(party, "freeze", 0)
    Frozen(party=party_id, order=order, version=party.version)
    return party.version


@export
def unfreeze(party_id: str, order: str) -> int:
    require_contract("regulator")
    party = load(party_id)
    enter(party, "unfreeze", 0)
    party.state = party.frozen_from
    party.frozen_from = ""
    parties[party_id] = party
    Released(party=party_id, order=order, version=party.version)
    return party.version
