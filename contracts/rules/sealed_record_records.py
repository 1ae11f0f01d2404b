"""What the sealed-record contract stores, tells and shows."""

from rules.calendar import date_text
from rules.sealed_record_machine import GENERAL
from sdk import Event, Map, dataclass


@dataclass
class SealingKey:
    """A member's key for encryption. retain_until: last day that anything sealed to it must be kept; holds: how
    many records sealed to it are held; officer: who declared it destroyed."""

    id: str
    parties: dict
    scope: str
    key: bytes
    since: str
    records: int = 0
    retain_until: int = 0
    holds: int = 0
    destroyed_on: str = ""
    officer: str = ""
    basis: str = ""
    state: str = ""
    version: int = 1


@dataclass
class SealedRecord:
    """root: of the salted commitments to its fields. digest, size: of the ciphertext, wherever it stands.
    keys: ids of the keys it is sealed to. holds: (authority, digest of the order)."""

    id: str
    parties: dict
    schema: str
    root: bytes
    fields: int
    scope: str
    digest: str
    size: int
    locator: str
    sealed_on: str
    retain_until: int
    rule: str
    keys: tuple = ()
    holds: tuple = ()
    erased_on: str = ""
    state: str = ""
    version: int = 1


@dataclass
class Wrap:
    """A record's data key under one key."""

    wrapped: bytes
    granted_by: str
    on: str


@dataclass
class Demand:
    """An authority's standing demand for a copy of every new record of a schema."""

    id: str
    parties: dict
    schema: str
    state: str = ""
    version: int = 1


sealing_keys = Map("sealing_key", None)
active = Map("active_key", "")  # (member, scope) → id of the key that is sealed to
serials = Map("serial", 0)  # member → how many keys it has published
sealed_records = Map("sealed_record", None)
ciphertexts = Map("ciphertext", b"")
wraps = Map("wrap", None)  # (record, key id)
received = Map("received", False)  # (member, record)
demands = Map("demand", None)
demanded: Map[str, tuple] = Map("demanded", ())  # schema → authorities

KeyPublished = Event("Sealed.KeyPublished")
KeyRetired = Event("Sealed.KeyRetired")
KeyDestroyed = Event("Sealed.KeyDestroyed")
Sealed = Event("Sealed.Sealed")
Granted = Event("Sealed.Granted")
Held = Event("Sealed.Held")
HoldLifted = Event("Sealed.HoldLifted")
Erased = Event("Sealed.Erased")
CopiesDemanded = Event("Sealed.CopiesDemanded")
DemandLifted = Event("Sealed.DemandLifted")


def owner_of(key_id: str) -> str:
    return key_id.rpartition("/")[0]


def members_of(found) -> list:
    """The members that a record is sealed to, each once."""
    names = []
    for key_id in found.keys:
        if owner_of(key_id) not in names:
            names.append(owner_of(key_id))
    return names


def key_for(member: str, scope: str) -> str:
    """The id of the key by which a member takes part in a scope: of its own, else the general one."""
    return active[(member, scope)] or active[(member, GENERAL)]


def describe_key(found) -> dict:
    return {
        "id": found.id,
        "owner": found.parties["owner"],
        "scope": found.scope,
        "key": found.key,
        "since": found.since,
        "records": found.records,
        "retain_until": date_text(found.retain_until) if found.retain_until else "",
        "holds": found.holds,
        "destroyed_on": found.destroyed_on,
        "state": found.state,
        "version": found.version,
    }


def describe_status(found) -> dict:
    """What every member of the channel may see of a record."""
    return {
        "id": found.id,
        "owner": found.parties["owner"],
        "schema": found.schema,
        "root": found.root,
        "digest": found.digest,
        "sealed_on": found.sealed_on,
        "retain_until": date_text(found.retain_until),
        "rule": found.rule,
        "held": found.holds != (),
        "erased_on": found.erased_on,
        "state": found.state,
        "version": found.version,
    }


def describe(found) -> dict:
    shown = describe_status(found)
    shown.update(
        {
            "fields": found.fields,
            "scope": found.scope,
            "size": found.size,
            "locator": found.locator,
            "recipients": members_of(found),
            "keys": list(found.keys),
            "holds": [list(one) for one in found.holds],
        }
    )
    return shown


def certificate(found) -> dict:
    """What was erased, under which rule, and who destroyed which key when."""
    destroyed = []
    for key_id in found.keys:
        key = sealing_keys[key_id]
        destroyed.append(
            {"key": key_id, "owner": owner_of(key_id), "scope": key.scope, "basis": key.basis,
             "destroyed_on": key.destroyed_on, "officer": key.officer}
        )  # fmt: skip
    shown = describe_status(found)
    shown["keys"] = destroyed
    return shown
