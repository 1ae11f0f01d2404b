"""A record from its sealing to its erasure, and who gets a copy. Tables SEALED_RECORD and DEMAND."""

from rules.calendar import date_text, is_date, parse_date
from rules.codes import is_code, is_digest
from rules.dated_rules import rule_on
from rules.instrument import enter, keep, load, require_step, today
from rules.rulebook_catalogue import authority_of
from rules.sealed_record_machine import (
    AUTHORITIES,
    CIPHERTEXT_MAX,
    DEMAND,
    FIELDS_MAX,
    HOLDS_MAX,
    KEYS_MAX,
    RECIPIENTS_MAX,
    SEALED_RECORD,
    SIZE_MAX,
    WRAPPED_BYTES,
    schema_row,
)
from rules.sealed_record_records import (
    CopiesDemanded,
    Demand,
    DemandLifted,
    Erased,
    Granted,
    Held,
    HoldLifted,
    Sealed,
    SealedRecord,
    Wrap,
    ciphertexts,
    demanded,
    demands,
    key_for,
    members_of,
    owner_of,
    received,
    sealed_records,
    sealing_keys,
    wraps,
)
from sdk import ctx, export, require, sm3


def last_day(schema: str, given: str) -> tuple:
    """(day until which a record is kept, the version of the rule that asks for it)."""
    rule = rule_on("retention:" + schema, today())
    least = today() + rule["days"]
    if given == "":
        return (least, rule["rule"])
    require(is_date(given), "E_DATE", "a date is written YYYY-MM-DD")
    enough = least <= parse_date(given) <= today() + 36600
    require(enough, "E_RETENTION", f"the rule keeps it until {date_text(least)} at least")
    return (parse_date(given), rule["rule"])


def add_key(found, key_id: str, wrapped: bytes):
    """Seal a record to one more key. Codes: E_NOT_FOUND, E_SEALING_KEY, E_KEY, E_SCOPE,
    E_AUTHORITY, E_DUPLICATE."""
    key = load(sealing_keys, key_id)
    require(
        key.state == "ACTIVE", "E_SEALING_KEY", f"{key_id} is {key.state}: nothing is sealed to it"
    )
    require(key_id == key_for(owner_of(key_id), found.scope), "E_SCOPE",
            "the member's key of this scope, or its general one where it has none")  # fmt: skip
    require(len(wrapped) == WRAPPED_BYTES, "E_KEY", "a data key under SM2 has 113 bytes")
    require(key_id not in found.keys, "E_DUPLICATE", "it is sealed to this key already")
    authority = authority_of(owner_of(key_id))
    competent = authority not in AUTHORITIES or authority in schema_row(found.schema)[2]
    require(competent, "E_AUTHORITY", f"{found.schema} is not for {authority}")
    found.keys = (*found.keys, key_id)
    key.records += 1
    key.retain_until = max(key.retain_until, found.retain_until)
    key.holds += 1 if found.holds else 0
    sealing_keys[key_id] = key
    wraps[(found.id, key_id)] = Wrap(wrapped, ctx.member, date_text(today()))
    received[(owner_of(key_id), found.id)] = True


@export
def seal(
    id: str, schema: str, root: bytes, fields: int, digest: str, size: int, keys: list[str],
    wrapped: list[bytes], ciphertext: bytes = b"", locator: str = "", scope: str = "GENERAL",
    retain_until: str = "",
) -> str:  # fmt: skip
    """Put a sealed record on the ledger.

    root: of the commitments to its fields. digest, size: SM3 and length of the ciphertext, which stands here
    (up to 32 KB) or at the locator. keys, wrapped: the recipients' keys, and the data key under each. Codes:
    E_NOT_PARTY, E_CODE, E_DUPLICATE, E_DIGEST, E_TEXT, E_DATE, E_RETENTION, E_NOT_FOUND, E_SEALING_KEY, E_KEY,
    E_SCOPE, E_AUTHORITY, E_COPY."""
    parts = {"owner": ctx.member}
    require_step(SEALED_RECORD, "-", "seal", parts)
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(sealed_records[id] is None, "E_DUPLICATE", "this number is taken")
    require(schema_row(schema) is not None, "E_CODE", "schemas() lists what a record may be")
    require(is_code(scope, 32), "E_CODE", "a scope is 1 to 32 of A-Z, 0-9 and -")
    require(len(root) == 32 and 0 < fields <= FIELDS_MAX, "E_DIGEST", "a root of 1 to 64 fields")
    require(is_digest(digest), "E_DIGEST", "a digest is 64 lower-case hex digits")
    if ciphertext:
        whole = size == len(ciphertext) <= CIPHERTEXT_MAX and sm3(ciphertext).hex() == digest
        require(whole and locator == "", "E_DIGEST", "digest and size are not the ciphertext's")
    else:
        elsewhere = 0 < len(locator) <= 200 and 0 < size <= SIZE_MAX
        require(elsewhere, "E_TEXT", "a ciphertext elsewhere has a place and a size")
    counted = 0 < len(keys) <= RECIPIENTS_MAX and len(keys) == len(wrapped)
    require(counted, "E_SEALING_KEY", "1 to 16 keys, with the data key under each")
    until, rule = last_day(schema, retain_until)
    found = SealedRecord(
        id, parts, schema, root, fields, scope, digest, size, locator, date_text(today()), until,
        rule, state="SEALED",
    )  # fmt: skip
    for at in range(len(keys)):
        add_key(found, keys[at], wrapped[at])
    missing = [one for one in demanded[schema] if one not in members_of(found)]
    require(missing == [], "E_COPY", "copies are demanded by: " + ", ".join(missing))
    if ciphertext:
        ciphertexts[id] = ciphertext
    return keep(sealed_records, found, Sealed)


@export
def grant(id: str, key: str, wrapped: bytes, expected_version: int = 0) -> str:
    """A recipient passes the data key on to another key, as `seal` does. Codes: as there, and E_LIMIT."""
    found = enter(SEALED_RECORD, sealed_records, id, "grant", expected_version)
    require(ctx.member in members_of(found), "E_NOT_PARTY", "who has a copy may pass it on")
    require(len(found.keys) < KEYS_MAX, "E_LIMIT", "sealed to as many keys as may be")
    add_key(found, key, wrapped)
    return keep(sealed_records, found, Granted)


@export
def hold(id: str, order: str, expected_version: int = 0) -> str:
    """An authority keeps a record from erasure, whatever its retention. order: digest.

    Codes: E_DIGEST, E_LEGAL_HOLD."""
    found = enter(SEALED_RECORD, sealed_records, id, "hold", expected_version)
    require(is_digest(order), "E_DIGEST", "an order is a digest: 64 hex digits")
    free = len(found.holds) < HOLDS_MAX and ctx.member not in [one[0] for one in found.holds]
    require(free, "E_LEGAL_HOLD", "this authority holds it already")
    if found.holds == ():
        count_hold(found, 1)
    found.holds = (*found.holds, (ctx.member, order))
    return keep(sealed_records, found, Held)


@export
def lift_hold(id: str, expected_version: int = 0) -> str:
    """Code: E_NOT_FOUND."""
    found = enter(SEALED_RECORD, sealed_records, id, "lift_hold", expected_version)
    own = ctx.member in [one[0] for one in found.holds]
    require(own, "E_NOT_FOUND", "this authority holds nothing here")
    found.holds = tuple([one for one in found.holds if one[0] != ctx.member])
    if found.holds == ():
        count_hold(found, -1)
    return keep(sealed_records, found, HoldLifted)


def count_hold(found, change: int):
    for key_id in found.keys:
        key = sealing_keys[key_id]
        key.holds += change
        sealing_keys[key_id] = key


@export
def certify_erasure(id: str) -> str:
    """Nobody can open it any more: what is left of it is its root. Code: E_SEALING_KEY."""
    found = enter(SEALED_RECORD, sealed_records, id, "certify_erasure")
    alive = [key_id for key_id in found.keys if sealing_keys[key_id].state != "DESTROYED"]
    require(alive == [], "E_SEALING_KEY", "not destroyed yet: " + ", ".join(alive))
    ciphertexts.delete(id)
    for key_id in found.keys:
        wraps.delete((id, key_id))
    found.erased_on = date_text(today())
    return keep(sealed_records, found, Erased)


@export
def demand_copies(schema: str) -> str:
    """Every new record of a schema is sealed to this authority too. Codes: E_NOT_PARTY, E_CODE, E_AUTHORITY,
    E_SEALING_KEY."""
    parts = {"authority": ctx.member}
    row = schema_row(schema)
    require(row is not None, "E_CODE", "schemas() lists what a record may be")
    id = f"{schema}/{ctx.member}"
    before = demands[id]
    state = "-" if before is None or before.state == "LIFTED" else before.state
    require_step(DEMAND, state, "demand_copies", parts)
    require(authority_of(ctx.member) in row[2], "E_AUTHORITY", f"{schema} is for: {row[2]}")
    require(key_for(ctx.member, "GENERAL") != "", "E_SEALING_KEY", "publish a general key first")
    demanded[schema] = (*demanded[schema], ctx.member)
    return keep(demands, Demand(id, parts, schema, "IN_FORCE"), CopiesDemanded)


@export
def lift_demand(id: str, expected_version: int = 0) -> str:
    found = enter(DEMAND, demands, id, "lift_demand", expected_version)
    others = [one for one in demanded[found.schema] if one != found.parties["authority"]]
    demanded[found.schema] = tuple(others)
    return keep(demands, found, DemandLifted)
