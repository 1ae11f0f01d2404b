"""Single-window documents (M12): customs declarations, and thirty-six kinds of trade documents by their codes.

Customs decide on the chain where they have a seat, or are quoted by the oracle committee, which must agree. Of
a document the ledger keeps a digest and a salted commitment of each data element, never a value. When what may
happen: `rules.trade_document_machine`.

Invariants: a declaration number is used once; released goods are not amended or withdrawn; what the oracles saw
they saw after the last change.
"""

from rules.check_digits import is_customs_declaration
from rules.codes import is_code, is_digest
from rules.document_types import ELEMENTS, TYPES, type_of
from rules.instrument import enter, keep, load, require_sight, require_step
from rules.machine import moves_from
from rules.trade_document_machine import (
    CLEARED,
    CUSTOMS_FEED,
    DECLARATION,
    DOCUMENT,
    ITEMS_MAX,
)
from rules.trade_document_records import (
    Accepted,
    Amended,
    Attested,
    Certified,
    Cleared,
    Declaration,
    Declined,
    DocumentWithdrawn,
    Filed,
    Lodged,
    Opened,
    Released,
    Seized,
    SeizureLifted,
    TradeDocument,
    Withdrawn,
    declarations,
    describe_declaration,
    describe_document,
    documents,
)
from sdk import call, ctx, export, require, view


def check_digests(found: list) -> tuple:
    fits = len(found) <= ITEMS_MAX and all(isinstance(d, str) and is_digest(d) for d in found)
    require(fits, "E_DIGEST", "up to 40 digests of documents")
    return tuple(found)


def move_declaration(id: str, move: str, event, expected_version: int) -> str:
    found = enter(DECLARATION, declarations, id, move, expected_version)
    return keep(declarations, found, event)


# ---- declarations --------------------------------------------------------------------------------


@export
def lodge(id: str, customs: str, document: str, documents: list) -> str:
    """Declare goods to a customs office. id: the declaration's number; document: digest of what is declared;
    documents: digests of what it rests on. Codes: E_NOT_PARTY, E_NUMBER, E_DUPLICATE, E_DIGEST, E_PARTY."""
    parts = {"declarant": ctx.member, "customs": customs}
    require_step(DECLARATION, "-", "lodge", parts)
    require(is_customs_declaration(id), "E_NUMBER", "a declaration number has 18 digits")
    require(declarations[id] is None, "E_DUPLICATE", "this number is taken")
    require(is_digest(document), "E_DIGEST", "a digest is 64 lower-case hex digits")
    call("party", "check_new_business", ctx.member)
    found = Declaration(id, parts, document, check_digests(documents), ctx.time, state="LODGED")
    return keep(declarations, found, Lodged)


@export
def accept(id: str, expected_version: int = 0) -> str:
    return move_declaration(id, "accept", Accepted, expected_version)


@export
def release(id: str, expected_version: int = 0) -> str:
    return move_declaration(id, "release", Released, expected_version)


@export
def clear(id: str, expected_version: int = 0) -> str:
    return move_declaration(id, "clear", Cleared, expected_version)


@export
def amend(id: str, document: str, documents: list, expected_version: int = 0) -> str:
    """Declare otherwise: customs looks at it anew. Code: E_DIGEST."""
    found = enter(DECLARATION, declarations, id, "amend", expected_version)
    new = is_digest(document) and document != found.document
    require(new, "E_DIGEST", "the digest of another content")
    found.document = document
    found.documents = check_digests(documents)
    found.amendments += 1
    found.declared_ms = ctx.time
    return keep(declarations, found, Amended)


@export
def withdraw(id: str, expected_version: int = 0) -> str:
    return move_declaration(id, "withdraw", Withdrawn, expected_version)


@export
def seize(id: str, order: str, expected_version: int = 0) -> str:
    """order: digest of the customs order. Code: E_DIGEST."""
    found = enter(DECLARATION, declarations, id, "seize", expected_version)
    require(is_digest(order), "E_DIGEST", "an order is a digest: 64 hex digits")
    found.order = order
    return keep(declarations, found, Seized)


@export
def lift_seizure(id: str, order: str, expected_version: int = 0) -> str:
    found = enter(DECLARATION, declarations, id, "lift_seizure", expected_version)
    require(is_digest(order), "E_DIGEST", "an order is a digest: 64 hex digits")
    found.order = order
    return keep(declarations, found, SeizureLifted)


@export
def attest(
    id: str, observed_ms: int, digest: bytes, epoch: int, round: int, signers: list[int],
    signatures: list[bytes],
) -> str:  # fmt: skip
    """Anyone carries the committee's report that customs cleared the goods, seen after they were last declared:
    feed `customs-release`, subject the number, value `CLEARED`.

    Codes: E_ORACLE_STALE, and those of oracle.report_fact, E_ORACLE_QUORUM among them."""
    found = enter(DECLARATION, declarations, id, "attest")
    call(
        "oracle", "report_fact", CUSTOMS_FEED, id, CLEARED, observed_ms, digest, epoch, round,
        signers, signatures,
    )  # fmt: skip
    fresh = observed_ms >= found.declared_ms
    require(fresh, "E_ORACLE_STALE", "observed before the goods were last declared")
    return keep(declarations, found, Attested)


# ---- documents -----------------------------------------------------------------------------------


@export
def file(id: str, code: str, document: str, elements: dict[str, str], authority: str = "") -> str:
    """Put a document on record. code: UN/EDIFACT 1001; elements: UNTDED tag → salted commitment (hex);
    authority: who is to certify it. Codes: E_NOT_PARTY, E_CODE, E_DUPLICATE, E_DIGEST, E_PARTY, E_TRANSFERABLE,
    E_ELEMENTS."""
    parts = {"filer": ctx.member, "authority": authority}
    require_step(DOCUMENT, "-", "file", parts)
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(documents[id] is None, "E_DUPLICATE", "this number is taken")
    kind = type_of(code)
    require(kind is not None, "E_CODE", "a document type of trade_document.types")
    require(not kind[3], "E_TRANSFERABLE", f"a {kind[1]} is issued as a transferable record")
    require(is_digest(document), "E_DIGEST", "a digest is 64 lower-case hex digits")
    known = dict(ELEMENTS)
    named = all(tag in known and is_digest(elements[tag]) for tag in elements)
    missing = [tag for tag in kind[4] if tag not in elements]
    require(named and missing == [], "E_ELEMENTS", "needs " + ", ".join(kind[4]))
    call("party", "check_member", ctx.member)
    if authority:
        call("party", "check_member", authority)
    found = TradeDocument(id, parts, code, document, elements, state="FILED")
    return keep(documents, found, Filed)


@export
def certify(id: str, expected_version: int = 0) -> str:
    found = enter(DOCUMENT, documents, id, "certify", expected_version)
    return keep(documents, found, Certified)


@export
def decline(id: str, reason: str, expected_version: int = 0) -> str:
    found = enter(DOCUMENT, documents, id, "decline", expected_version)
    require(0 < len(reason) <= 200, "E_TEXT", "a reason is 1 to 200 characters")
    return keep(documents, found, Declined)


@export
def open_to(id: str, reader: str, expected_version: int = 0) -> str:
    """Let one more member see the record, a bank that is asked to lend for instance."""
    found = enter(DOCUMENT, documents, id, "open_to", expected_version)
    call("party", "check_member", reader)
    known = reader in found.readers or reader in found.parties.values()
    require(not known, "E_DUPLICATE", "it is open to this member")
    require(len(found.readers) < ITEMS_MAX, "E_READERS", "it is open to 40 members already")
    found.readers = (*found.readers, reader)
    return keep(documents, found, Opened)


@export
def withdraw_document(id: str, expected_version: int = 0) -> str:
    found = enter(DOCUMENT, documents, id, "withdraw_document", expected_version)
    return keep(documents, found, DocumentWithdrawn)


# ---- views ---------------------------------------------------------------------------------------


@view
def types() -> list:
    """The thirty-six documents: code, name, group, whether transferable, and the elements they carry."""
    return [
        {"code": row[0], "name": row[1], "group": row[2], "is_transferable": row[3],
         "elements": list(row[4])}
        for row in TYPES
    ]  # fmt: skip


@view
def get(id: str) -> dict:
    """The parties of a declaration (18 digits) or of a document, its readers, and a regulator."""
    if is_customs_declaration(id):
        found = load(declarations, id)
        require_sight(found.parties)
        return describe_declaration(found)
    document = load(documents, id)
    if ctx.member not in document.readers:
        require_sight(document.parties)
    return describe_document(document)


@view
def status(id: str) -> dict:
    """Every member: state and version of a declaration or document."""
    found = load(declarations if is_customs_declaration(id) else documents, id)
    return {"id": id, "state": found.state, "version": found.version}


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    if is_customs_declaration(id):
        return moves_from(DECLARATION, load(declarations, id).state)
    return moves_from(DOCUMENT, load(documents, id).state)
