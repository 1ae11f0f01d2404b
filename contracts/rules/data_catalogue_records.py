"""What the data catalogue stores, tells and shows."""

from sdk import Event, Map, dataclass


@dataclass
class Dataset:
    """What an administration holds. `fields`: names of what it can tell; `purposes`: for which uses at all;
    `mandates`: (member, purpose) that the law lets ask without consent; `resident`: fields that are told
    within the provider's jurisdiction alone."""

    id: str
    provider: str
    title: str
    fields: tuple
    purposes: tuple
    mandates: tuple
    legal_basis: str
    is_open: bool = True
    version: int = 1
    resident: tuple = ()


@dataclass
class Consent:
    """A subject's word that `requester` may be told its data for one purpose, until a time."""

    until_ms: int
    given_ms: int
    version: int = 1


@dataclass
class Query:
    """One question, granted or refused: both stay on record. `answer`: digest of what the provider told the
    requester outside the ledger."""

    id: str
    parties: dict
    dataset: str
    subject: str
    requester: str
    purpose: str
    fields: tuple
    asked_ms: int
    reason: str = ""
    answer: str = ""
    state: str = ""
    version: int = 1


datasets = Map("dataset", None)
consents = Map("consent", None)  # (subject, dataset, requester, purpose)
queries = Map("query", None, indexes=("subject", "requester"))
counts = Map("count", 0)  # (subject, granted or refused)
stays = Map("stays", ())  # digest of an answer → its resident fields
serials = Map("serial", 0)  # requester → its queries

Published = Event("Catalogue.Published")
Closed = Event("Catalogue.Closed")
Consented = Event("Catalogue.Consented")
ConsentWithdrawn = Event("Catalogue.ConsentWithdrawn")
Granted = Event("Query.Granted")
Refused = Event("Query.Refused")
Answered = Event("Query.Answered")
Declined = Event("Query.Declined")
Lapsed = Event("Query.Lapsed")


def describe_dataset(found) -> dict:
    return {
        "id": found.id,
        "provider": found.provider,
        "title": found.title,
        "fields": list(found.fields),
        "purposes": list(found.purposes),
        "mandates": [list(mandate) for mandate in found.mandates],
        "legal_basis": found.legal_basis,
        "resident": list(found.resident),
        "is_open": found.is_open,
        "version": found.version,
    }


def describe_query(found) -> dict:
    return {
        "id": found.id,
        "state": found.state,
        "dataset": found.dataset,
        "subject": found.subject,
        "requester": found.requester,
        "purpose": found.purpose,
        "fields": list(found.fields),
        "asked_ms": found.asked_ms,
        "reason": found.reason,
        "answer": found.answer,
        "version": found.version,
    }
