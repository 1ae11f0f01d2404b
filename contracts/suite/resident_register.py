"""Register of resident data: personal and financial fields stand here and never leave the channel's zone; their
salted commitment is proven anywhere.

Each record is its keeper's. What it holds can be read by its keeper and by regulators; `commitment` holds the
Merkle root over its fields (`rules.disclosure`), and other channels see that alone (`zone_bridge`). Fields are
opened one by one, to whom the law of the zone lets see them. A removed record leaves its commitment, which says
nothing without the salts.

Invariants: the commitment is of the fields as they stand; a number is used once.
"""

from rules.codes import is_code
from rules.disclosure import SALT_MAX, SALT_MIN, TEXT_MAX, commitment, read_opened, root_of
from sdk import Event, Map, ctx, dataclass, export, require, view

RESIDENT = ("record", "enter()", "amend()", "get()")
FIELDS_MAX = 32
NAME_MAX = 64


@dataclass
class Record:
    """fields: (name, value, salt) each, in the order given."""

    keeper: str
    fields: tuple
    version: int = 1


records = Map("record", None)
commitments = Map("commitment", b"")  # number → root over the fields

Entered = Event("Register.Entered")
Amended = Event("Register.Amended")
Removed = Event("Register.Removed")


def take(id: str, fields: list, version: int) -> bytes:
    """Codes: E_OPENING, E_TEXT."""
    items = read_opened(fields)
    whole = items is not None and 0 < len(items) <= FIELDS_MAX
    require(whole, "E_OPENING", "1 to 32 fields: [name, value, salt in hex] each")
    named = len({item[0] for item in items}) == len(items)
    sized = all(0 < len(item[0]) <= NAME_MAX and len(item[1]) <= TEXT_MAX for item in items)
    require(named and sized, "E_TEXT", "fields have names of their own, of 1 to 64 characters")
    salted = all(SALT_MIN <= len(item[2]) <= SALT_MAX for item in items)
    require(salted, "E_OPENING", "a salt is 16 to 32 random bytes, another one for each field")
    require(len({item[2] for item in items}) == len(items), "E_OPENING", "a salt is used once")
    root = root_of([commitment(item[0], item[1], item[2]) for item in items])
    records[id] = Record(ctx.member, tuple(items), version)
    commitments[id] = root
    return root


def own_record(id: str):
    """Codes: E_NOT_FOUND, E_NOT_PARTY."""
    found = records[id]
    require(found is not None, "E_NOT_FOUND", "there is no such record")
    require(found.keeper == ctx.member, "E_NOT_PARTY", "it is another member's")
    return found


@export
def enter(id: str, fields: list) -> bytes:
    """Enter a record. fields: [name, value, salt in hex] each. Returns its commitment. Codes: E_ROLE, E_CODE,
    E_DUPLICATE, E_OPENING, E_TEXT."""
    require("maker" in ctx.roles or "checker" in ctx.roles, "E_ROLE", "a maker or checker enters")
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(commitments[id] == b"", "E_DUPLICATE", "a number is used once")
    root = take(id, fields, 1)
    Entered(id=id, version=1, commitment=root)
    return root


@export
def amend(id: str, fields: list) -> bytes:
    """All fields anew, with new salts. Codes: E_NOT_FOUND, E_NOT_PARTY, E_OPENING, E_TEXT."""
    found = own_record(id)
    used = [item[2] for item in found.fields]
    root = take(id, fields, found.version + 1)
    fresh = all(item[2] not in used for item in records[id].fields)
    require(fresh, "E_OPENING", "new salts: old ones would tell what has changed")
    Amended(id=id, version=found.version + 1, commitment=root)
    return root


@export
def remove(id: str) -> bool:
    """The fields go from the state; the commitment stays. Codes: E_NOT_FOUND, E_NOT_PARTY."""
    found = own_record(id)
    records.delete(id)
    Removed(id=id, version=found.version + 1)
    return True


@view
def get(id: str) -> dict:
    """Its keeper and regulators see a record. Codes: E_NOT_FOUND, E_NOT_PARTY."""
    found = records[id]
    require(found is not None, "E_NOT_FOUND", "there is no such record")
    sees = ctx.member == found.keeper or "regulator" in ctx.roles
    require(sees, "E_NOT_PARTY", "it is another member's")
    fields = [[item[0], item[1], item[2].hex()] for item in found.fields]
    return {"id": id, "keeper": found.keeper, "version": found.version, "fields": fields}


@view
def commitment_of(id: str) -> bytes:
    """Everybody: the root over a record's fields. Code: E_NOT_FOUND."""
    require(commitments[id] != b"", "E_NOT_FOUND", "there is no such record")
    return commitments[id]
