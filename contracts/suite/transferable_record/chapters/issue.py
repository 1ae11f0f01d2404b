"""Made and issued, with one person in control from then on. Table RECORD."""

from rules.codes import is_code, is_digest
from rules.document_types import type_of
from rules.instrument import require_step
from rules.money import is_amount
from rules.trade_document_machine import CONTROLLERS_MAX, RECORD
from rules.transferable_records import (
    FORMS,
    Drafted,
    Issued,
    Record,
    Voided,
    move,
    records,
    registers,
    take,
)
from sdk import call, ctx, export, require


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
