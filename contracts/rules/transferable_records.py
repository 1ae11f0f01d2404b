"""What the transferable-record contract stores, tells and shows, and how several controllers act as one."""

from rules.instrument import load, require_step
from rules.trade_document_machine import RECORD
from sdk import Event, Map, ctx, dataclass, encode, require, sm3, struct_encode

SPECIAL = "special"  # endorsed to a named holder
BLANK = "blank"  # whoever controls the record holds it
DELIVERY = "delivery"  # no endorsement: of a bearer record, or after one in blank
FORMS = ("order", "bearer")


@dataclass
class Record:
    """`register`: the issuer's own reference. `controllers`, `threshold`: t of n act as the one controller.
    `endorsements`: (from, to, kind, day). `asked`: what the controller wants of the issuer. `agreed`: (digest
    of an act, who agreed so far). `amendments`: (digest before, digest after, day). `exchange`: (number, taker)
    while an exchange holds it."""

    id: str
    parties: dict
    code: str
    form: str
    register: str
    document: str
    quantity: int
    unit: str
    controllers: tuple
    threshold: int
    salt: bytes
    maker: str
    endorsements: tuple = ()
    asked: tuple = ()
    agreed: tuple = ()
    amendments: tuple = ()
    parent: str = ""
    children: tuple = ()
    paper: str = ""
    successor: str = ""
    exchange: tuple = ()
    state: str = ""
    version: int = 1


records = Map("record", None)
registers = Map("register", "")  # (issuer, register reference) → the record that lives under it

Drafted = Event("Record.Drafted")
Issued = Event("Record.Issued")
Voided = Event("Record.Voided")
Transferred = Event("Record.Transferred")
Asked = Event("Record.Asked")
RequestRefused = Event("Record.RequestRefused")
Amended = Event("Record.Amended")
Split = Event("Record.Split")
SwitchedToPaper = Event("Record.SwitchedToPaper")
PaperReplaced = Event("Record.PaperReplaced")
Surrendered = Event("Record.Surrendered")
GivenBack = Event("Record.GivenBack")
Accomplished = Event("Record.Accomplished")
ControllerAgreed = Event("Record.ControllerAgreed")
Held = Event("Record.Held")
Freed = Event("Record.Freed")


def take(id: str, move: str, expected_version: int):
    """The record and its next state, if the sender may take this step. Codes: E_NOT_FOUND, E_VERSION, E_STATE,
    E_NOT_PARTY."""
    found = load(records, id)
    require(expected_version in (0, found.version), "E_VERSION", "it has changed since")
    acting = dict(found.parties)
    acting["controller"] = ctx.member if ctx.member in found.controllers else ""
    row = require_step(RECORD, found.state, move, acting)
    return found, found.state if row[4] == "=" else row[4]


def all_agree(found, act: str, args: list) -> bool:
    """Whether, with the sender, enough controllers ask for exactly this act on this text; if not, who did so
    far is kept. A different act starts the count anew. Code: E_CONSENTED."""
    if found.threshold == 1:
        return True
    wanted = sm3(encode([act, found.document, *args]))
    who = found.agreed[1] if found.agreed != () and found.agreed[0] == wanted else ()
    require(ctx.member not in who, "E_CONSENTED", "agreed already")
    who = (*who, ctx.member)
    found.agreed = (wanted, who) if len(who) < found.threshold else ()
    if found.agreed == ():
        return True
    move(found, found.state, ControllerAgreed)
    return False


def move(found, state: str, event) -> str:
    """Store the step and tell it."""
    found.state = state
    found.version += 1
    records[found.id] = found
    event(id=found.id, version=found.version)
    return state


def is_bearer(found) -> bool:
    """Whether it passes by delivery alone: made so, or since an endorsement in blank."""
    last = found.endorsements[-1][2] if found.endorsements != () else SPECIAL
    return found.form == "bearer" or last != SPECIAL


def control_of(found) -> str:
    """Commitment to who controls the record: it changes with control, and shows nobody."""
    body = struct_encode(
        [
            ("bytes", found.salt),
            ("int", len(found.endorsements)),
            ("int", found.threshold),
            ("list:str", list(found.controllers)),
        ]
    )
    return sm3(body).hex()


def describe(found) -> dict:
    return {
        "id": found.id,
        "parties": found.parties,
        "state": found.state,
        "code": found.code,
        "form": found.form,
        "register": found.register,
        "document": found.document,
        "quantity": found.quantity,
        "unit": found.unit,
        "controllers": list(found.controllers),
        "threshold": found.threshold,
        "endorsements": [list(item) for item in found.endorsements],
        "asked": list(found.asked),
        "agreed": list(found.agreed[1]) if found.agreed != () else [],
        "amendments": [list(item) for item in found.amendments],
        "parent": found.parent,
        "children": list(found.children),
        "paper": found.paper,
        "successor": found.successor,
        "exchange": list(found.exchange),
        "version": found.version,
    }


def describe_status(found) -> dict:
    """What every member of the channel may see."""
    return {
        "id": found.id,
        "state": found.state,
        "code": found.code,
        "register": found.register,
        "control": control_of(found),
        "version": found.version,
    }
