"""A lost key is replaced: asked for, checked by two officers, approved by guardians, open to a veto."""

from chapters.records import Reset, circles, open_resets, resets
from rules.calendar import DAY_MS
from rules.codes import is_code, is_digest
from rules.instrument import arrive, enter, keep, load, require_step
from rules.key_recovery_machine import LOCK_HOURS, OPEN_DAYS, RESET
from sdk import Event, call, ctx, export, require

HOUR_MS = 3600000

Requested = Event("Reset.Requested")
Identified = Event("Reset.Identified")
Approved = Event("Reset.Approved")
Vetoed = Event("Reset.Vetoed")
Released = Event("Reset.Released")
Recovered = Event("Reset.Recovered")
Withdrawn = Event("Reset.Withdrawn")
Lapsed = Event("Reset.Lapsed")


@export
def request_reset(id: str, party_id: str, lost: str, fresh: str) -> str:
    """The party's bank, or a checker of the party that still has a key, asks for a new one.

    `lost`, `fresh`: the identities' digests (`city identity show`). Codes: E_NOT_PARTY, E_CODE, E_DIGEST,
    E_DUPLICATE, E_GUARDIANS, E_RESET_OPEN, E_NOT_FOUND.
    """
    bank = call("party", "get", party_id)["attested_by"]
    parts = {"party": party_id, "bank": bank}
    require_step(RESET, "-", "request_reset", parts)
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(resets[id] is None, "E_DUPLICATE", "this number is taken")
    require(open_resets[party_id] == "", "E_RESET_OPEN", "a reset of this party is going on")
    require(
        is_digest(lost) and is_digest(fresh), "E_DIGEST", "an identity is 64 lower-case hex digits"
    )
    require(lost != fresh, "E_DIGEST", "the new identity is another one")
    circle = circles[party_id]
    known = circle is not None and circle.members != ()
    require(known, "E_GUARDIANS", "the party has confirmed no guardians")
    until_ms = ctx.time + OPEN_DAYS * DAY_MS
    made = Reset(id, parts, lost, fresh, ctx.sender, until_ms, "REQUESTED")
    made.guardians = circle.members
    made.threshold = circle.threshold
    open_resets[party_id] = id
    return keep(resets, made, Requested)


@export
def identify_holder(id: str, report: str, expected_version: int = 0) -> str:
    """Another officer of the attesting bank has seen the person. `report`: digest of the bank's file."""
    found = enter(RESET, resets, id, "identify_holder", expected_version)
    require_in_time(found)
    require(is_digest(report), "E_DIGEST", "the report's digest is 64 lower-case hex digits")
    require(
        found.requested_by != ctx.sender, "E_FOUR_EYES", "the officer who asked cannot identify"
    )
    found.report = report
    return keep(resets, found, Identified)


@export
def approve_reset(id: str, fresh: str, expected_version: int = 0) -> str:
    """A guardian approves this very new identity. With enough of them the party is locked."""
    found = enter(RESET, resets, id, "approve_reset", expected_version)
    require_in_time(found)
    require(ctx.member in found.guardians, "E_NOT_PARTY", "this member is no guardian of the party")
    require(ctx.member not in found.approvals, "E_DUPLICATE", "a guardian approves once")
    require(fresh == found.fresh, "E_NEW_KEY", "another identity was asked for")
    call("party", "check_member", ctx.member)
    found.approvals = (*found.approvals, ctx.member)
    if len(found.approvals) >= found.threshold:
        arrive(RESET, found, "approve_reset", "LOCKED")
        found.until_ms = ctx.time + LOCK_HOURS * HOUR_MS
        call("party", "lock", found.parties["party"])
    else:
        arrive(RESET, found, "approve_reset", "IDENTIFIED")
    return keep(resets, found, Approved)


@export
def veto_reset(id: str, grounds: str, expected_version: int = 0) -> str:
    """The key is not lost, or whoever asks is not the party. `grounds`: a digest."""
    found = load(resets, id)
    is_old = ctx.sender == found.lost or "checker" in ctx.roles
    ours = ctx.member == found.parties["party"] and is_old
    require(ours, "E_NOT_PARTY", "the old key or a checker of the party objects")
    return end(id, "veto_reset", grounds, Vetoed, expected_version)


@export
def release_reset(id: str, expected_version: int = 0) -> str:
    """Nobody objected. The channel may replace the key; the party stays locked until the new one speaks."""
    found = enter(RESET, resets, id, "release_reset", expected_version)
    require(ctx.time >= found.until_ms, "E_TOO_EARLY", "the lock window is not over")
    return keep(resets, found, Released)


@export
def confirm_reset(id: str, expected_version: int = 0) -> str:
    """The new identity's first word, for the same party."""
    found = enter(RESET, resets, id, "confirm_reset", expected_version)
    party_id = found.parties["party"]
    mine = ctx.sender == found.fresh and ctx.member == party_id
    require(mine, "E_NEW_KEY", "only the new identity confirms, once the channel knows it")
    leave(found)
    return keep(resets, found, Recovered)


@export
def withdraw_reset(id: str, grounds: str, expected_version: int = 0) -> str:
    return end(id, "withdraw_reset", grounds, Withdrawn, expected_version)


@export
def lapse_reset(id: str, expected_version: int = 0) -> str:
    found = enter(RESET, resets, id, "lapse_reset", expected_version)
    require(ctx.time > found.until_ms, "E_TOO_EARLY", "thirty days are not over")
    leave(found)
    return keep(resets, found, Lapsed)


def require_in_time(found):
    require(ctx.time <= found.until_ms, "E_TOO_LATE", "thirty days are over: ask anew")


def end(id: str, move: str, grounds: str, event, expected_version: int) -> str:
    found = enter(RESET, resets, id, move, expected_version)
    require(is_digest(grounds), "E_DIGEST", "grounds as a digest: 64 lower-case hex digits")
    found.grounds = grounds
    leave(found)
    return keep(resets, found, event)


def leave(found):
    """The reset is over: the party deals again, under whichever keys the channel knows."""
    party_id = found.parties["party"]
    open_resets.delete(party_id)
    call("party", "unlock", party_id)
