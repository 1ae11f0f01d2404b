"""Keys that records are sealed to, from their publication to their destruction. Table SEALING_KEY."""

from rules.calendar import date_text
from rules.codes import is_code, is_digest
from rules.instrument import enter, keep, require_step, today
from rules.sealed_record_machine import SEALING_KEY
from rules.sealed_record_records import (
    KeyDestroyed,
    KeyPublished,
    KeyRetired,
    SealingKey,
    active,
    sealing_keys,
    serials,
)
from sdk import ctx, export, require


@export
def publish_key(key: bytes, scope: str = "GENERAL") -> str:
    """Others seal to this key from now on; the scope's former one is retired. Returns its number, PX/1.

    scope: GENERAL, a period (2026-Q4) or a case (LC-1). Codes: E_NOT_PARTY, E_KEY, E_CODE."""
    parts = {"owner": ctx.member}
    require_step(SEALING_KEY, "-", "publish_key", parts)
    require(len(key) == 65 and key[0] == 4, "E_KEY", "a key has 65 bytes")
    require(is_code(scope, 32), "E_CODE", "a scope is 1 to 32 of A-Z, 0-9 and -")
    former = active[(ctx.member, scope)]
    if former:
        found = enter(SEALING_KEY, sealing_keys, former, "retire_key")
        keep(sealing_keys, found, KeyRetired)
    serials[ctx.member] += 1
    id = f"{ctx.member}/{serials[ctx.member]}"
    made = SealingKey(id, parts, scope, key, date_text(today()), state="ACTIVE")
    keep(sealing_keys, made, KeyPublished)
    active[(ctx.member, scope)] = id
    return id


def no_longer_active(found):
    if active[(found.parties["owner"], found.scope)] == found.id:
        active.delete((found.parties["owner"], found.scope))


@export
def retire_key(id: str, expected_version: int = 0) -> str:
    found = enter(SEALING_KEY, sealing_keys, id, "retire_key", expected_version)
    no_longer_active(found)
    return keep(sealing_keys, found, KeyRetired)


@export
def destroy_key(id: str, basis: str, expected_version: int = 0) -> str:
    """Declare that every copy of the private key is destroyed. basis: digest of the member's protocol of it.

    Codes: E_RETENTION, E_LEGAL_HOLD, E_DIGEST."""
    found = enter(SEALING_KEY, sealing_keys, id, "destroy_key", expected_version)
    require(found.holds == 0, "E_LEGAL_HOLD", "an order holds what is sealed to it")
    kept = date_text(found.retain_until) if found.retain_until else ""
    require(today() > found.retain_until, "E_RETENTION", f"records must be kept until {kept}")
    require(is_digest(basis), "E_DIGEST", "the protocol as a digest: 64 hex digits")
    no_longer_active(found)
    found.destroyed_on = date_text(today())
    found.officer = ctx.sender
    found.basis = basis
    return keep(sealing_keys, found, KeyDestroyed)
