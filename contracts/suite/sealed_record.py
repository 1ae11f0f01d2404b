"""Sealed records: papers and terms that no contract computes with, encrypted to the keys of those they concern.

On the ledger stand the root of salted commitments to a record's fields, its ciphertext (or, of a large one,
digest and place), and its data key under each recipient's key for encryption. Other contracts name a record by
its root, wherever they take the digest of a document. Who has a copy may pass it on, and that is on record; an
authority opens its copy against a receipt that the supervised can count.

Erasure is the destruction of keys, which a member declares once retention has run out and nothing is held: the
chain stays as it was and verifies, and the certificate says what can no longer be read. Keys have a scope, so
that one case can be erased alone. When what may happen: `rules.sealed_record_machine`. Invariants: nothing new
is sealed to a key that is not active; no key is destroyed while a record it opens must be kept; an erased
record has no key left.
"""

from rules.calendar import date_text, is_date, parse_date
from rules.codes import is_code, is_digest
from rules.dated_rules import rule_on
from rules.disclosure import opens, read_opened
from rules.instrument import enter, keep, load, require_step, today
from rules.machine import moves_from
from rules.rulebook_catalogue import authority_of
from rules.sealed_record_machine import (
    AUTHORITIES,
    CIPHERTEXT_MAX,
    DEMAND,
    FIELDS_MAX,
    HOLDS_MAX,
    KEYS_MAX,
    RECIPIENTS_MAX,
    SCHEMAS,
    SCREEN,
    SEALED_RECORD,
    SEALING_KEY,
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
    KeyDestroyed,
    KeyPublished,
    KeyRetired,
    Sealed,
    SealedRecord,
    SealingKey,
    Wrap,
    active,
    certificate,
    ciphertexts,
    demanded,
    demands,
    describe,
    describe_key,
    describe_status,
    key_for,
    members_of,
    owner_of,
    received,
    sealed_records,
    sealing_keys,
    serials,
    wraps,
)
from sdk import call, ctx, export, require, sm3, view

# ---- keys ----------------------------------------------------------------------------------------


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


# ---- records -------------------------------------------------------------------------------------


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


# ---- copies for authorities ----------------------------------------------------------------------


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


# ---- views ---------------------------------------------------------------------------------------


@view
def get(id: str) -> dict:
    """Who has a copy sees who else has one."""
    found = load(sealed_records, id)
    concerned = ctx.member == found.parties["owner"] or ctx.member in members_of(found)
    require(concerned and ctx.member != "", "E_NOT_PARTY", "it is sealed to other members")
    return describe(found)


@view
def status(id: str) -> dict:
    """Every member: owner, root, state, how long it is kept."""
    return describe_status(load(sealed_records, id))


@view
def open_copy(id: str, receipt: str = "") -> dict:
    """What a recipient needs to open its copy: ciphertext, and the data key under each of its keys.

    An authority shows the receipt that regulator.open_view left for the screen "sealed" and the record's owner.
    Codes: E_NOT_FOUND, E_NOT_PARTY, E_NO_RECEIPT, E_STATE."""
    found = load(sealed_records, id)
    own = [key_id for key_id in found.keys if owner_of(key_id) == ctx.member]
    require(own != [], "E_NOT_PARTY", "it is sealed to other members")
    if authority_of(ctx.member) in AUTHORITIES:
        call("regulator", "use_receipt", receipt, SCREEN, found.parties["owner"])
    require(found.state == "SEALED", "E_STATE", "it is erased")
    copies = [
        {"key_id": key_id, "key": sealing_keys[key_id].key, "wrapped": wraps[(id, key_id)].wrapped}
        for key_id in own
    ]
    shown = describe(found)
    shown.update({"ciphertext": ciphertexts[id], "copies": copies, "channel": ctx.channel})
    return shown


@view
def list_records(after: str = "", limit: int = 50) -> list:
    """Records that the asking member has a copy of, by number."""
    page = received.scan((ctx.member,), (ctx.member, after), min(max(limit, 1), 200))
    return [describe_status(sealed_records[key[1]]) for key, _ in page]


@view
def recipients(schema: str, members: list[str], scope: str = "GENERAL") -> dict:
    """The keys to seal a new record to: the asking member's, those of the members named, and of the authorities
    that demand copies. Codes: E_CODE, E_SEALING_KEY."""
    require(schema_row(schema) is not None, "E_CODE", "schemas() lists what a record may be")
    found: list = []
    for name in [ctx.member, *members, *demanded[schema]]:
        key_id = key_for(name, scope)
        require(key_id != "", "E_SEALING_KEY", f"{name} has published no key")
        if key_id not in [one["key_id"] for one in found]:
            found.append({"member": name, "key_id": key_id, "key": sealing_keys[key_id].key})
    return {"channel": ctx.channel, "owner": ctx.member, "keys": found}


@view
def check_opening(id: str, opened: list, hidden: list[bytes]) -> bool:
    """Whether opened fields, [name, value, salt in hex] each, are the record's; a query: nothing of it reaches
    the ledger. Codes: E_NOT_FOUND, E_OPENING."""
    found = load(sealed_records, id)
    items = read_opened(opened)
    whole = items is not None and len(items) + len(hidden) == found.fields
    fits = whole and opens(found.root, items, hidden)
    require(fits, "E_OPENING", "these are not fields of the record")
    return True


@view
def erasure(id: str) -> dict:
    """The certificate of an erasure, for everybody. Code: E_STATE."""
    found = load(sealed_records, id)
    require(found.state == "ERASED", "E_STATE", "it is not erased")
    return certificate(found)


@view
def get_key(id: str) -> dict:
    """Every member: a key for encryption."""
    return describe_key(load(sealing_keys, id))


@view
def list_keys(member: str, after: int = 0) -> list:
    """Keys that a member has published, oldest first, fifty a page."""
    numbers = range(after + 1, min(serials[member], after + 50) + 1)
    return [describe_key(sealing_keys[f"{member}/{number}"]) for number in numbers]


@view
def schemas() -> list:
    """What a record may be, which authorities may have a copy, and which demand one."""
    return [
        {"schema": row[0], "module": row[1], "authorities": list(row[2]),
         "demanded_by": list(demanded[row[0]])}
        for row in SCHEMAS
    ]  # fmt: skip


@view
def next_steps(id: str) -> list:
    """What may happen now to a record, or to a key by its number (PX/1)."""
    if "/" in id:
        return moves_from(SEALING_KEY, load(sealing_keys, id).state)
    return moves_from(SEALED_RECORD, load(sealed_records, id).state)
