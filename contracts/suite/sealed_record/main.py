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

    keys     keys to seal to
    records  sealed, shared, held, erased
"""

from chapters.keys import publish_key, retire_key, destroy_key
from chapters.records import (
    seal,
    grant,
    hold,
    lift_hold,
    certify_erasure,
    demand_copies,
    lift_demand,
)

from rules.disclosure import opens, read_opened
from rules.instrument import load
from rules.machine import moves_from
from rules.rulebook_catalogue import authority_of
from rules.sealed_record_machine import (
    AUTHORITIES,
    SCHEMAS,
    SCREEN,
    SEALED_RECORD,
    SEALING_KEY,
    schema_row,
)
from rules.sealed_record_records import (
    certificate,
    ciphertexts,
    demanded,
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
from sdk import call, ctx, require, view


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
