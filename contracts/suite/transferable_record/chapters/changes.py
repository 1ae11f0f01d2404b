"""Amended, split, and changed from one medium to the other. Table RECORD."""

from chapters.issue import check_control, store_new
from rules.calendar import date_text
from rules.codes import is_digest
from rules.instrument import today
from rules.money import is_amount
from rules.trade_document_machine import PARTS_MAX
from rules.transferable_records import (
    Amended,
    Asked,
    Issued,
    PaperReplaced,
    Record,
    RequestRefused,
    Split,
    SwitchedToPaper,
    all_agree,
    move,
    take,
)
from sdk import ctx, export, require


@export
def ask(
    id: str, what: str, document: str = "", parts: list | None = None, expected_version: int = 0
) -> str:
    """The controller asks the issuer: `amend` to the text with this digest, `split` into [number, register
    reference, digest, quantity] parts, or `paper`. Codes: E_CODE, E_DIGEST, E_PARTS, E_ASKED, E_CONSENTED."""
    found, state = take(id, "ask", expected_version)
    require(found.asked == (), "E_ASKED", "something is asked already")
    require(what in ("amend", "split", "paper"), "E_CODE", "amend, split or paper")
    if what == "amend":
        new = is_digest(document) and document != found.document
        require(new, "E_DIGEST", "the digest of another text")
    if what == "split":
        check_parts(found, parts or [])
    if not all_agree(found, what, [document, parts or []]):
        return found.state
    found.asked = (what, document, tuple(tuple(part) for part in parts or []))
    return move(found, state, Asked)


def check_parts(found, parts: list):
    require(2 <= len(parts) <= PARTS_MAX, "E_PARTS", "a split makes 2 to 16 parts")
    for part in parts:
        shaped = len(part) == 4 and all(isinstance(item, str) for item in part[:3])
        require(shaped and is_amount(part[3]), "E_PARTS", "number, register, digest, quantity")
    whole = sum(part[3] for part in parts)
    require(whole == found.quantity, "E_PARTS", f"the parts are {found.quantity} {found.unit}")


@export
def refuse(id: str, expected_version: int = 0) -> str:
    found, state = take(id, "refuse", expected_version)
    require(found.asked != (), "E_NOT_ASKED", "nothing is asked")
    found.asked = ()
    return move(found, state, RequestRefused)


def require_asked(found, what: str) -> tuple:
    asked = found.asked != () and found.asked[0] == what
    require(asked, "E_NOT_ASKED", "the controller has not asked for this")
    asked_for = found.asked
    found.asked = ()
    return asked_for


@export
def amend(id: str, expected_version: int = 0) -> str:
    """The text asked for takes the place of the old one, and shows as an amendment [16]. Code: E_NOT_ASKED."""
    found, state = take(id, "amend", expected_version)
    _, document, _ = require_asked(found, "amend")
    found.amendments = (*found.amendments, (found.document, document, date_text(today())))
    found.document = document
    return move(found, state, Amended)


@export
def split(id: str, expected_version: int = 0) -> str:
    """New records under the same control take the place of this one. Codes: E_NOT_ASKED, E_DUPLICATE,
    E_REGISTER, E_CODE, E_DIGEST."""
    found, state = take(id, "split", expected_version)
    _, _, parts = require_asked(found, "split")
    for number, register, document, quantity in parts:
        store_new(
            Record(
                number, found.parties, found.code, found.form, register, document, quantity,
                found.unit, found.controllers, found.threshold, found.salt, found.maker,
                endorsements=found.endorsements, parent=id, state="ISSUED",
            )
        )  # fmt: skip
        Issued(id=number, version=1)
    found.children = tuple(part[0] for part in parts)
    return move(found, state, Split)


@export
def switch_to_paper(id: str, paper: str, expected_version: int = 0) -> str:
    """The issuer hands a paper document out that says it replaces this record; the record ceases [18].

    paper: its number. Codes: E_NOT_ASKED, E_TEXT."""
    found, state = take(id, "switch_to_paper", expected_version)
    require_asked(found, "paper")
    require(0 < len(paper) <= 40, "E_TEXT", "a number of 1 to 40 characters")
    found.paper = paper
    return move(found, state, SwitchedToPaper)


@export
def replace_paper(
    id: str, successor: str, register: str, controllers: list[str], salt: bytes,
    threshold: int = 1, expected_version: int = 0,
) -> str:  # fmt: skip
    """Who held the paper gave it up, and it is void: a new record, under a new register reference, says which
    paper it replaces [17]. The old record stays ended. Codes: as draft."""
    found, state = take(id, "replace_paper", expected_version)
    require(16 <= len(salt) <= 32, "E_SALT", "a salt is 16 to 32 random bytes")
    held_by = check_control(controllers, threshold)
    store_new(
        Record(
            successor, found.parties, found.code, found.form, register, found.document,
            found.quantity, found.unit, held_by, threshold, salt, ctx.sender, parent=id,
            paper=found.paper, state="ISSUED",
        )
    )  # fmt: skip
    Issued(id=successor, version=1)
    found.successor = successor
    return move(found, state, PaperReplaced)
