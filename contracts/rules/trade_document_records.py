"""What the trade-document contract stores, tells and shows."""

from rules.document_types import ELEMENTS, type_of
from sdk import Event, Map, dataclass


@dataclass
class Declaration:
    """`document`: digest of what was declared, last at `declared_ms`. `documents`: digests of what it rests on.
    `order`: of a seizure."""

    id: str
    parties: dict
    document: str
    documents: tuple
    declared_ms: int
    amendments: int = 0
    order: str = ""
    state: str = ""
    version: int = 1


@dataclass
class TradeDocument:
    """`elements`: UNTDED tag → salted commitment of its value. `readers`: members that it is open to."""

    id: str
    parties: dict
    code: str
    document: str
    elements: dict
    readers: tuple = ()
    state: str = ""
    version: int = 1


declarations = Map("declaration", None)
documents = Map("trade_document", None)

Lodged = Event("Declaration.Lodged")
Accepted = Event("Declaration.Accepted")
Released = Event("Declaration.Released")
Cleared = Event("Declaration.Cleared")
Attested = Event("Declaration.Attested")
Amended = Event("Declaration.Amended")
Withdrawn = Event("Declaration.Withdrawn")
Seized = Event("Declaration.Seized")
SeizureLifted = Event("Declaration.SeizureLifted")
Filed = Event("TradeDocument.Filed")
Certified = Event("TradeDocument.Certified")
Declined = Event("TradeDocument.Declined")
Opened = Event("TradeDocument.Opened")
DocumentWithdrawn = Event("TradeDocument.Withdrawn")


def describe_declaration(found) -> dict:
    return {
        "id": found.id,
        "parties": found.parties,
        "state": found.state,
        "document": found.document,
        "documents": list(found.documents),
        "amendments": found.amendments,
        "order": found.order,
        "version": found.version,
    }


def describe_document(found) -> dict:
    row = type_of(found.code)
    names = dict(ELEMENTS)
    return {
        "id": found.id,
        "parties": found.parties,
        "state": found.state,
        "code": found.code,
        "type": row[1],
        "document": found.document,
        "elements": [
            {"tag": tag, "name": names[tag], "commitment": found.elements[tag]}
            for tag in sorted(found.elements)
        ],
        "readers": list(found.readers),
        "version": found.version,
    }
