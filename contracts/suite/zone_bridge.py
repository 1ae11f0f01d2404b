"""Bridge between zones (M9): commitments cross the border, documents only where their owner has consented.

What crosses is told by events that a relay carries to the other zone's channel: digests, never a document. A
reader abroad gets the document itself from the carrier, who may hand it over for as long as the consent
stands. An answer of the data catalogue with a resident field crosses with no consent. From a channel of another
zone that this one follows (`foreign_channel`) the bridge brings commitments and nothing else; who is shown the
values behind one, opens them against it.

Invariants: no document crosses without a consent of its owner in force; no resident field crosses; what comes
over from another channel has the form of a digest; what has crossed is on record for ever.
"""

from rules.calendar import is_date, parse_date
from rules.codes import is_digest
from rules.cross_border_machine import CONSENT
from rules.disclosure import opens, read_opened
from rules.instrument import enter, keep, load, require_sight, require_step, today
from rules.machine import moves_from
from sdk import Event, Map, bytes_from_hex, call, ctx, dataclass, decode, export, require, view

CROSSINGS_MAX = 1000  # of one consent


@dataclass
class Consent:
    """id: <owner>/<number>. document: digest. subject: the financing that it belongs to, or ""."""

    id: str
    parties: dict
    document: str
    subject: str
    until: str
    crossings: int = 0
    state: str = ""
    version: int = 1


consents = Map("consent", None)
given = Map("given", 0)  # owner → number of its last consent
crossed = Map("crossed", 0)  # commitment → when it first crossed (ms)

brought = Map("brought", None)  # (channel, contract, name, key) → (commitment, height there)

Consented = Event("Bridge.Consented")
Withdrawn = Event("Bridge.Withdrawn")
DocumentCrossed = Event("Bridge.DocumentCrossed")
CommitmentCrossed = Event("Bridge.CommitmentCrossed")
CommitmentBrought = Event("Bridge.CommitmentBrought")


@export
def consent(document: str, carrier: str, reader: str, until: str, subject: str = "") -> str:
    """An owner lets a carrier (its bank) show a document to a reader abroad. Returns the consent's number.

    Codes: E_NOT_PARTY, E_DIGEST, E_DATE, E_PARTY.
    """
    parts = {"owner": ctx.member, "carrier": carrier, "reader": reader}
    require_step(CONSENT, "-", "consent", parts)
    require(is_digest(document), "E_DIGEST", "a document is a digest: 64 hex digits")
    require_free(document)
    ahead = is_date(until) and parse_date(until) >= today()
    require(ahead, "E_DATE", "the last day lies ahead")
    call("party", "check_member", carrier)
    given[ctx.member] += 1
    id = f"{ctx.member}/{given[ctx.member]}"
    made = Consent(id, parts, document, subject, until, state="GIVEN")
    keep(consents, made, Consented)
    return id


def require_free(document: str):
    """Code: E_RESIDENCY."""
    try:
        stay = call("data_catalogue", "resident_in", document)
    except LookupError:  # a channel without the catalogue has no such answers
        stay = []
    require(stay == [], "E_RESIDENCY", "it holds resident fields: " + ", ".join(stay))


@export
def withdraw(id: str, expected_version: int = 0) -> str:
    """From now on nothing more crosses by it."""
    return keep(consents, enter(CONSENT, consents, id, "withdraw", expected_version), Withdrawn)


@export
def cross_document(id: str, document: str, expected_version: int = 0) -> int:
    """The carrier takes a document across. Returns how often it has crossed. Codes: E_CONSENT, E_LIMIT."""
    found = enter(CONSENT, consents, id, "cross_document", expected_version)
    same = document == found.document and today() <= parse_date(found.until)
    require(same, "E_CONSENT", "the owner has not consented to this, or its last day has passed")
    require_free(document)
    require(found.crossings < CROSSINGS_MAX, "E_LIMIT", "too many crossings")
    found.crossings += 1
    keep(consents, found, DocumentCrossed)
    return found.crossings


@export
def cross_commitment(id: str) -> str:
    """A party of a cross-border financing sends its commitment and state across; nothing else of it crosses."""
    found = call("cross_border", "get", id)
    parties = found["parties"].values()
    require(ctx.member in parties, "E_NOT_PARTY", "a party of the financing sends it")
    commitment = found["commitment"]
    if crossed[commitment] == 0:
        crossed[commitment] = ctx.time
    CommitmentCrossed(commitment=commitment, state=found["state"], version=found["version"])
    return commitment


def hexadecimal(stored: bytes | None) -> str:
    """Empty for what is neither text nor bytes."""
    found = None if stored is None else decode(stored)
    if isinstance(found, bytes):
        return found.hex()
    return found if isinstance(found, str) else ""


@export
def bring_commitment(channel: bytes, contract: str, name: str, key: str, fact: bytes) -> str:
    """Anyone brings a commitment that stands in `Map(name)[key]` of a contract of another channel, by that
    channel's state proof. Returns it in hexadecimal.

    Codes: E_FOREIGN_CHANNEL, E_FOREIGN_PROOF, E_RESIDENCY, E_NO_COMMITMENT."""
    held = call("foreign_channel", "state_of", channel, contract, name, key, fact)
    shown = hexadecimal(held["value"])
    require(is_digest(shown), "E_NO_COMMITMENT", "a digest of 32 bytes crosses, and nothing else")
    before = brought[(channel, contract, name, key)]
    newer = before is None or held["height"] > before[1]
    require(newer, "E_FOREIGN_PROOF", "a newer one was brought")
    brought[(channel, contract, name, key)] = (shown, held["height"])
    CommitmentBrought(channel=channel, contract=contract, key=key, commitment=shown)
    return shown


@view
def commitment_from(channel: bytes, contract: str, name: str, key: str) -> dict:
    """What was brought: commitment, height there. Code: E_NOT_FOUND."""
    found = brought[(channel, contract, name, key)]
    require(found is not None, "E_NOT_FOUND", "nobody has brought it")
    return {"commitment": found[0], "height": found[1]}


@view
def opens_to(
    channel: bytes, contract: str, name: str, key: str, opened: list, hidden: list[bytes]
) -> bool:
    """Whether opened fields, [name, value, salt in hex] each, with the commitments of the others, are what was
    brought; a query: nothing of it reaches the ledger. Codes: E_NOT_FOUND, E_OPENING."""
    found = brought[(channel, contract, name, key)]
    require(found is not None, "E_NOT_FOUND", "nobody has brought it")
    items = read_opened(opened)
    fits = items is not None and opens(bytes_from_hex(found[0]), items, hidden)
    require(fits, "E_OPENING", "these are not its fields")
    return True


@view
def first_crossed(commitment: str) -> int:
    """When a commitment first crossed (ms), 0 for never: anybody may compare it."""
    return crossed[commitment]


@view
def get(id: str) -> dict:
    """Owner, carrier, reader and regulators see a consent."""
    found = load(consents, id)
    require_sight(found.parties)
    return {
        "id": id,
        "parties": found.parties,
        "state": found.state,
        "document": found.document,
        "subject": found.subject,
        "until": found.until,
        "crossings": found.crossings,
        "version": found.version,
    }


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(CONSENT, load(consents, id).state)
