"""From the agreement to each part's end: funded, claimed, confirmed, released or given back."""

from chapters.records import (
    Agreement,
    Part,
    agreements,
    enter,
    load,
    load_part,
    parts_of,
    require_person,
)
from rules.calendar import CLOCK_DRIFT_MS
from rules.conditional_templates import ARBITER, EITHER, FACT, PAYER, template_of
from rules.lock_terms import MILESTONE, MULTISIG
from rules.money import is_amount
from sdk import Event, call, ctx, export, require

DAY_MS = 86400000

Agreed = Event("Cond.Agreed")
Funded = Event("Cond.Funded")
Claimed = Event("Cond.Claimed")
Confirmed = Event("Cond.Confirmed")
Disputed = Event("Cond.Disputed")
Paid = Event("Cond.Paid")
Expired = Event("Cond.Expired")


@export
def agree(
    agreement_id: str, template: str, payers: list[str], payees: list[str], amounts: list[int],
    arbiter: str, ends_ms: int, salt: bytes, fact: list[str],
) -> list:  # fmt: skip
    """Draw an agreement up; a payer does it, and each payer agrees by locking its money. Returns a reference
    for each part. fact: [feed, subject, value] for goods-arrival, else empty.

    Codes: E_CODE, E_DUPLICATE, E_NOT_PARTY, E_ROLE, E_AMOUNT, E_SELF, E_DATE, E_SALT, E_WALLET.
    """
    row = template_of(template)
    require(row is not None, "E_CODE", "no such template")
    named = 0 < len(agreement_id) <= 64 and agreements[agreement_id] is None
    require(named, "E_DUPLICATE", "an agreement of this name exists")
    count = len(amounts)
    same = 1 <= count <= row[2] and len(payers) == len(payees) == count
    require(same, "E_AMOUNT", "a payer, a payee and an amount for each part, as many as allowed")
    require(ctx.member in payers, "E_NOT_PARTY", "a payer draws it up")
    require_person(ctx.member, "a payer")
    require(all(is_amount(a) for a in amounts), "E_AMOUNT", "a part is a positive number of fen")
    require(all(payers[i] != payees[i] for i in range(count)), "E_SELF", "nobody pays himself")
    neutral = arbiter not in payers and arbiter not in payees
    require(neutral, "E_SELF", "the arbiter is no party")
    require(ends_ms > ctx.time, "E_DATE", "the end lies ahead")
    require(
        (row[3] == FACT) == (len(fact) == 3), "E_CODE", "a fact where the template waits for one"
    )
    references = []
    for i in range(count):
        reference = call(
            "dcep", "payment_reference", "conditional", agreement_id, i + 1, amounts[i], "CNY",
            payees[i], salt,
        )  # fmt: skip
        parts_of[(agreement_id, i + 1)] = Part(
            i + 1, payers[i], payees[i], amounts[i], reference, ctx.time
        )
        references.append(reference)
    agreements[agreement_id] = Agreement(
        agreement_id, template, count, arbiter, tuple(fact), ends_ms, (ctx.member,)
    )
    Agreed(agreement_id=agreement_id, template=template, parts=count)
    return references


@export
def fund(agreement_id: str, number: int, proof: bytes, terms: bytes) -> str:
    """Anyone brings the proof that a part's money is locked. Codes: E_STATE, E_LOCK_TERMS, E_PROOF_…"""
    agreement, part = load(agreement_id), load_part(agreement_id, number)
    enter(agreement_id, part, "fund")
    lock = call("dcep", "verify_lock", proof, expected(part), terms)
    signed = lock["condition"] in (MULTISIG, MILESTONE) and lock["threshold"] >= 1
    arbiter = call("dcep", "wallet_of", agreement.arbiter)
    require(signed and lock["arbiters"] == [arbiter], "E_LOCK_TERMS", "the arbiter must sign")
    require(lock["expires_ms"] >= agreement.ends_ms, "E_LOCK_TERMS", "the lock ends too soon")
    Funded(agreement_id=agreement_id, part=number)
    return part.state


def expected(part) -> dict:
    return {
        "ref_commit": part.reference,
        "payee_member": part.payee,
        "amount_fen": part.released_fen or part.amount_fen,
        "not_before_ms": part.fixed_ms - CLOCK_DRIFT_MS,
        "payer_members": [part.payer],
    }


@export
def claim(agreement_id: str, number: int) -> str:
    """The payee says that it has done its part: a lesson held, goods delivered."""
    part = load_part(agreement_id, number)
    require_person(part.payee, "the payee")
    enter(agreement_id, part, "claim")
    part.claimed_ms = ctx.time
    parts_of[(agreement_id, number)] = part
    Claimed(agreement_id=agreement_id, part=number)
    return part.state


def check_needs(agreement, part, row):
    """What the template asks for besides a word."""
    everything = [load_part(agreement.agreement_id, n + 1) for n in range(agreement.parts)]
    if row[5] == "all":
        funded = all(other.state not in ("AGREED", "EXPIRED") for other in everything)
        require(funded, "E_CONDITION", "every share must be put up first")
    if row[5] == "first" and part.number > 1:
        require(everything[0].state == "PAID", "E_CONDITION", "the wages are paid first")


def let_go(agreement, part, amount_fen: int):
    row = template_of(agreement.template)
    check_needs(agreement, part, row)
    partial = row[5] == "rest"
    fits = 0 < amount_fen <= part.amount_fen and (partial or amount_fen == part.amount_fen)
    require(fits, "E_AMOUNT", "the whole part, or as much as the template lets go")
    part.released_fen = amount_fen
    parts_of[(agreement.agreement_id, part.number)] = part
    Confirmed(agreement_id=agreement.agreement_id, part=part.number, amount_fen=amount_fen)


@export
def confirm(agreement_id: str, number: int, amount_fen: int) -> str:
    """Whoever the template names lets a part go. Codes: E_STATE, E_NOT_PARTY, E_CONDITION, E_HOLD, E_AMOUNT."""
    agreement, part = load(agreement_id), load_part(agreement_id, number)
    by = template_of(agreement.template)[3]
    if by == FACT:
        found = call("oracle", "fact", agreement.fact[0], agreement.fact[1])
        require(found["status"] == "ok", "E_HOLD", "the oracles have not reported, or too long ago")
        require(found["value"] == agreement.fact[2], "E_CONDITION", "the fact is another one")
    else:
        both = (part.payer, agreement.arbiter)
        allowed: dict = {PAYER: both[:1], ARBITER: both[1:], EITHER: both}
        require(ctx.member in allowed[by], "E_NOT_PARTY", f"only the {by} may do this")
        require_person(ctx.member, by)
    enter(agreement_id, part, "confirm")
    let_go(agreement, part, amount_fen)
    return part.state


@export
def dispute(agreement_id: str, number: int) -> str:
    """The payer objects to a claim; from then on the arbiter decides."""
    part = load_part(agreement_id, number)
    require_person(part.payer, "the payer")
    enter(agreement_id, part, "dispute")
    Disputed(agreement_id=agreement_id, part=number)
    return part.state


@export
def decide(agreement_id: str, number: int, amount_fen: int) -> str:
    agreement, part = load(agreement_id), load_part(agreement_id, number)
    require_person(agreement.arbiter, "the arbiter")
    enter(agreement_id, part, "decide")
    let_go(agreement, part, amount_fen)
    return part.state


@export
def pass_quietly(agreement_id: str, number: int) -> str:
    """Nobody objected within the template's quiet days: a claimed part goes by itself."""
    agreement, part = load(agreement_id), load_part(agreement_id, number)
    days = template_of(agreement.template)[4]
    enter(agreement_id, part, "pass_quietly")
    over = days > 0 and ctx.time >= part.claimed_ms + days * DAY_MS
    require(over, "E_TOO_EARLY", "the payer may still object")
    let_go(agreement, part, part.amount_fen)
    return part.state


@export
def record_release(agreement_id: str, number: int, proof: bytes) -> str:
    """Anyone brings the proof that the part was paid at the center. Codes: E_STATE, E_PROOF_…"""
    part = load_part(agreement_id, number)
    enter(agreement_id, part, "record_release")
    call("dcep", "verify_payment", proof, expected(part))
    Paid(agreement_id=agreement_id, part=number, amount_fen=part.released_fen)
    return part.state


@export
def expire(agreement_id: str, number: int) -> str:
    """The end has come: what was not released goes back to its payer at the center."""
    agreement, part = load(agreement_id), load_part(agreement_id, number)
    require(ctx.time >= agreement.ends_ms, "E_TOO_EARLY", "the end has not come")
    enter(agreement_id, part, "expire")
    Expired(agreement_id=agreement_id, part=number)
    return part.state
