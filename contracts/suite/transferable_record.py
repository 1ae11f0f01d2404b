"""Electronic transferable records (M12): bills of lading, warehouse receipts and the like that exist once.

Who controls the record holds what a paper's holder holds (MLETR art. 11): one member, or t of n that act as
one. The issuer, a carrier for instance, keeps its own register and names it here. When what may happen:
`rules.trade_document_machine`.

Invariants: one controller a record at any time; a register reference lives in one record; nothing moves after
surrender, split or change of medium; the parts of a split are the whole; the chain of endorsements is unbroken.
"""

from rules.calendar import date_text
from rules.codes import is_code, is_digest
from rules.document_types import type_of
from rules.instrument import load, require_sight, require_step, today
from rules.machine import moves_from
from rules.money import is_amount
from rules.trade_document_machine import CONTROLLERS_MAX, ENDORSEMENTS_MAX, PARTS_MAX, RECORD
from rules.transferable_records import (
    BLANK,
    DELIVERY,
    FORMS,
    SPECIAL,
    Accomplished,
    Amended,
    Asked,
    Drafted,
    Freed,
    GivenBack,
    Held,
    Issued,
    PaperReplaced,
    Record,
    RequestRefused,
    Split,
    Surrendered,
    SwitchedToPaper,
    Transferred,
    Voided,
    all_agree,
    describe,
    describe_status,
    is_bearer,
    move,
    records,
    registers,
    take,
)
from sdk import call, ctx, export, require, view


def check_control(controllers: list, threshold: int) -> tuple:
    """Codes: E_CONTROL, E_PARTY."""
    named = 0 < len(controllers) <= CONTROLLERS_MAX and len(set(controllers)) == len(controllers)
    fits = named and 0 < threshold <= len(controllers) and (len(controllers) == 1 or threshold > 1)
    require(fits, "E_CONTROL", "one controller, or t of up to 15 different ones, t above 1")
    # two of five could control twice at once: any two groups that may act share a member
    require(2 * threshold > len(controllers), "E_CONTROL", "more than half of them act together")
    for member in controllers:
        call("party", "check_member", member)
    return tuple(controllers)


def claim(found):
    """Its register reference lives in this record and no other [10]. Code: E_REGISTER."""
    key = (found.parties["issuer"], found.register)
    require(registers[key] == "", "E_REGISTER", "a record lives under this reference")
    registers[key] = found.id


def store_new(found):
    require(is_code(found.id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(is_code(found.register, 32), "E_CODE", "a register reference is a code")
    require(records[found.id] is None, "E_DUPLICATE", "this number is taken")
    require(is_digest(found.document), "E_DIGEST", "a digest is 64 lower-case hex digits")
    claim(found)
    records[found.id] = found


# ---- issue ---------------------------------------------------------------------------------------


@export
def draft(
    id: str, code: str, form: str, register: str, document: str, quantity: int, unit: str,
    controllers: list[str], salt: bytes, threshold: int = 1, paper: str = "",
) -> str:  # fmt: skip
    """The issuer draws a record up. register: its own reference; quantity, unit: what it stands for; paper: the
    number of a paper document that it replaces, given up and void [17].

    Codes: E_NOT_PARTY, E_CODE, E_TRANSFERABLE, E_DUPLICATE, E_REGISTER, E_DIGEST, E_AMOUNT, E_SALT, E_CONTROL,
    E_PARTY, E_TEXT."""
    parts = {"issuer": ctx.member}
    require_step(RECORD, "-", "draft", parts)
    kind = type_of(code)
    transferable = kind is not None and kind[3]
    require(transferable, "E_TRANSFERABLE", "not a type that a holder can transfer")
    require(form in FORMS, "E_CODE", "order or bearer")
    require(is_amount(quantity), "E_AMOUNT", "a positive quantity")
    require(is_code(unit, 8), "E_CODE", "a unit is a code of 1 to 8 characters")
    require(16 <= len(salt) <= 32, "E_SALT", "a salt is 16 to 32 random bytes")
    require(len(paper) <= 40, "E_TEXT", "a number of up to 40 characters")
    call("party", "check_new_business", ctx.member)
    held_by = check_control(controllers, threshold)
    found = Record(
        id, parts, code, form, register, document, quantity, unit, held_by, threshold, salt,
        ctx.sender, paper=paper, state="DRAFT",
    )  # fmt: skip
    store_new(found)
    Drafted(id=id, version=1)
    return found.state


@export
def issue(id: str, expected_version: int = 0) -> str:
    """A checker of the issuer: from now on its controllers alone decide. Code: E_FOUR_EYES."""
    found, state = take(id, "issue", expected_version)
    require(ctx.sender != found.maker, "E_FOUR_EYES", "maker and checker are two persons")
    return move(found, state, Issued)


@export
def cancel(id: str, expected_version: int = 0) -> str:
    found, state = take(id, "cancel", expected_version)
    registers.delete((found.parties["issuer"], found.register))
    return move(found, state, Voided)


# ---- control -------------------------------------------------------------------------------------


@export
def transfer(
    id: str, to: list[str], threshold: int = 1, endorsement: str = "special",
    expected_version: int = 0,
) -> str:  # fmt: skip
    """Hand control over. endorsement: special (to the new holder), blank, or delivery (none) of what passes
    without. Of several controllers each sends the same call.

    Codes: E_CONTROL, E_PARTY, E_SELF, E_ENDORSEMENT, E_TITLES, E_CONSENTED."""
    found, state = take(id, "transfer", expected_version)
    known = endorsement in (SPECIAL, BLANK) or (endorsement == DELIVERY and is_bearer(found))
    require(known, "E_ENDORSEMENT", "special or blank; delivery alone of a bearer record")
    held_by = check_control(to, threshold)
    require(held_by != found.controllers, "E_SELF", "they control it already")
    require(len(found.endorsements) < ENDORSEMENTS_MAX, "E_TITLES", "64 transfers are the most")
    if not all_agree(found, "transfer", [to, threshold, endorsement]):
        return found.state
    named = ",".join(held_by) if endorsement == SPECIAL else ""
    entry = (",".join(found.controllers), named, endorsement, date_text(today()))
    found.endorsements = (*found.endorsements, entry)
    found.controllers = held_by
    found.threshold = threshold
    found.asked = ()
    return move(found, state, Transferred)


# ---- exchange against an asset on another channel (contract `exchange`) --------------------------


@export
def exchange_hold(id: str, number: str, taker: str) -> bool:
    """Codes: E_NOT_PARTY, E_ASKED, E_PARTY, E_TITLES."""
    found, state = take(id, "exchange_hold", 0)
    own = found.controllers == (ctx.member,)
    require(own, "E_NOT_PARTY", "its one controller gives it")
    require(found.asked == (), "E_ASKED", "something is asked already")
    require(len(found.endorsements) < ENDORSEMENTS_MAX, "E_TITLES", "64 transfers are the most")
    check_control([taker], 1)
    found.exchange = (number, taker)
    move(found, state, Held)
    return True


@export
def exchange_move(id: str, number: str) -> bool:
    """The taker controls it, by endorsement. Code: E_EXCHANGE_TERMS."""
    found, state = take(id, "exchange_move", 0)
    giver, taker = found.controllers[0], exchange_taker(found, number)
    found.endorsements = (*found.endorsements, (giver, taker, SPECIAL, date_text(today())))
    found.controllers = (taker,)
    move(found, state, Transferred)
    return True


@export
def exchange_free(id: str, number: str) -> bool:
    """Its giver goes on controlling it. Code: E_EXCHANGE_TERMS."""
    found, state = take(id, "exchange_free", 0)
    exchange_taker(found, number)
    move(found, state, Freed)
    return True


def exchange_taker(found, number: str) -> str:
    require(found.exchange[0] == number, "E_EXCHANGE_TERMS", "another exchange holds it")
    taker = found.exchange[1]
    found.exchange = ()
    return taker


@export
def surrender(id: str, expected_version: int = 0) -> str:
    """Present it to the issuer for what it stands for. Code: E_CONSENTED."""
    found, state = take(id, "surrender", expected_version)
    if not all_agree(found, "surrender", []):
        return found.state
    found.asked = ()
    return move(found, state, Surrendered)


@export
def give_back(id: str, expected_version: int = 0) -> str:
    """The issuer has not performed: control stays with who surrendered."""
    found, state = take(id, "give_back", expected_version)
    return move(found, state, GivenBack)


@export
def accomplish(id: str, expected_version: int = 0) -> str:
    """Performed: the record has done its work. Its register reference is never used again."""
    found, state = take(id, "accomplish", expected_version)
    return move(found, state, Accomplished)


# ---- amendment, split, change of medium ----------------------------------------------------------


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


# ---- views ---------------------------------------------------------------------------------------


@view
def get(id: str) -> dict:
    """The issuer, the controllers, and a regulator see a record."""
    found = load(records, id)
    if ctx.member not in found.controllers:
        require_sight(found.parties)
    return describe(found)


@view
def status(id: str) -> dict:
    """Every member: state, register reference, and a commitment to who controls it."""
    return describe_status(load(records, id))


@view
def controls(id: str, member: str) -> bool:
    """Whether this member controls the record alone: for contracts that take it as security."""
    found = load(records, id)
    return found.controllers == (member,) and found.state in ("ISSUED", "TRANSFERRED")


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(RECORD, load(records, id).state)
