"""Data catalogue (M12): who holds which data, and consented queries between administrations.

A question is a transaction and its refusal a result, not an error: what was asked without consent stands on the
ledger like what was granted, and the subject can count both. Answers travel outside, the ledger keeps their
digest. When what may happen to a query: `rules.trade_document_machine`.

Fields that are resident are told within the provider's jurisdiction alone, consent or not; the bridge between
zones (`zone_bridge`) takes no answer across that holds one.

Invariants: nothing is granted without a consent in force or a published mandate; every question is counted.
"""

from rules.codes import is_code, is_digest
from rules.data_catalogue_records import (
    Answered,
    Closed,
    Consent,
    Consented,
    ConsentWithdrawn,
    Dataset,
    Declined,
    Granted,
    Lapsed,
    Published,
    Query,
    Refused,
    consents,
    counts,
    datasets,
    describe_dataset,
    describe_query,
    queries,
    serials,
    stays,
)
from rules.instrument import enter, keep, load, require_sight, require_step
from rules.machine import moves_from
from rules.trade_document_machine import QUERY
from sdk import call, ctx, export, require, view

ITEMS_MAX = 40
TEXT_MAX = 200
PAGE_MAX = 100
CONSENT_MS_MAX = 31622400000  # 366 days


def require_trader(member: str, who: str):
    require(ctx.member == member, "E_NOT_PARTY", f"only {who} may do this")
    require("maker" in ctx.roles or "checker" in ctx.roles, "E_ROLE", "a maker or checker may")


def check_names(names: list, what: str) -> tuple:
    fits = 0 < len(names) <= ITEMS_MAX and len(set(names)) == len(names)
    fits = fits and all(is_code(name, 32) for name in names)
    require(fits, "E_CODE", f"1 to 40 different codes of {what}")
    return tuple(names)


# ---- the catalogue -------------------------------------------------------------------------------


@export
def publish(
    id: str, title: str, fields: list[str], purposes: list[str], legal_basis: str,
    mandates: list | None = None, resident: list[str] | None = None,
) -> bool:  # fmt: skip
    """An administration lists a set of data that it holds. mandates: [member, purpose] pairs that need no
    consent by law. resident: those of the fields that nobody in another jurisdiction is told.

    Codes: E_NOT_PARTY, E_ROLE, E_CODE, E_DUPLICATE, E_TEXT, E_PARTY."""
    require_trader(ctx.member, "the provider")
    kind = call("party", "check_member", ctx.member)["kind"]
    require(kind == "authority", "E_ROLE", "an administration publishes")
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(datasets[id] is None, "E_DUPLICATE", "this number is taken")
    told = 0 < len(title) <= TEXT_MAX and 0 < len(legal_basis) <= TEXT_MAX
    require(told, "E_TEXT", "title and legal basis have 1 to 200 characters")
    uses = check_names(purposes, "purposes")
    allowed = []
    for mandate in mandates or []:
        shaped = len(mandate) == 2 and mandate[1] in uses
        require(shaped, "E_CODE", "a mandate is a member and one of the purposes")
        call("party", "check_member", mandate[0])
        allowed.append(tuple(mandate))
    names, stay = check_names(fields, "fields"), tuple(resident or [])
    own = len(set(stay)) == len(stay) and all(name in names for name in stay)
    require(own, "E_CODE", "resident fields are some of the fields")
    datasets[id] = Dataset(
        id, ctx.member, title, names, uses, tuple(allowed), legal_basis, resident=stay
    )
    Published(id=id, version=1)
    return True


@export
def close(id: str) -> bool:
    """The provider answers no more questions on it."""
    found = load(datasets, id)
    require_trader(found.provider, "the provider")
    found.is_open = False
    found.version += 1
    datasets[id] = found
    Closed(id=id, version=found.version)
    return True


@export
def consent(dataset: str, requester: str, purpose: str, until_ms: int) -> bool:
    """The sender's member lets its own data be told to one administration for one purpose, at most a year.

    Codes: E_NOT_PARTY, E_ROLE, E_NOT_FOUND, E_CODE, E_PARTY, E_DATE."""
    require_trader(ctx.member, "the subject of the data")
    found = load(datasets, dataset)
    require(purpose in found.purposes, "E_CODE", "not a purpose of this set of data")
    call("party", "check_member", requester)
    ahead = ctx.time < until_ms <= ctx.time + CONSENT_MS_MAX
    require(ahead, "E_DATE", "a consent ends later than now and within 366 days")
    key = (ctx.member, dataset, requester, purpose)
    before = consents[key]
    version = 1 if before is None else before.version + 1
    consents[key] = Consent(until_ms, ctx.time, version)
    Consented(dataset=dataset, purpose=purpose, version=version)
    return True


@export
def withdraw_consent(dataset: str, requester: str, purpose: str) -> bool:
    """From now on. What was answered stays answered. Code: E_NOT_FOUND."""
    require_trader(ctx.member, "the subject of the data")
    key = (ctx.member, dataset, requester, purpose)
    found = load(consents, key)
    found.until_ms = ctx.time
    found.version += 1
    consents[key] = found
    ConsentWithdrawn(dataset=dataset, purpose=purpose, version=found.version)
    return True


# ---- queries -------------------------------------------------------------------------------------


def country_of(member: str) -> str:
    return call("party", "get", member)["country"]


def refusal(dataset, subject: str, requester: str, purpose: str, fields: tuple) -> str:
    """Why the question may not be answered; "" if it may."""
    stay = [name for name in fields if name in dataset.resident]
    if stay and country_of(requester) != country_of(dataset.provider):
        return "resident in " + country_of(dataset.provider) + ": " + ", ".join(stay)
    if not dataset.is_open:
        return "the set of data is closed"
    if purpose not in dataset.purposes:
        return "the data does not serve this purpose"
    if (requester, purpose) in dataset.mandates:
        return ""
    given = consents[(subject, dataset.id, requester, purpose)]
    if given is None:
        return "no consent"
    return "" if ctx.time < given.until_ms else "the consent has ended"


@export
def ask(dataset: str, subject: str, purpose: str, fields: list[str]) -> dict:
    """Ask for a subject's data. Never fails for want of consent: that refusal is the recorded result.

    Returns id, state (GRANTED or REFUSED) and reason. Codes: E_NOT_PARTY, E_ROLE, E_NOT_FOUND, E_CODE,
    E_PARTY."""
    found = load(datasets, dataset)
    parts = {"requester": ctx.member, "provider": found.provider, "subject": subject}
    require_step(QUERY, "-", "ask", parts)
    kind = call("party", "check_member", ctx.member)["kind"]
    require(kind in ("authority", "bank"), "E_ROLE", "administrations and banks ask")
    asked = check_names(fields, "fields")
    known = all(name in found.fields for name in asked)
    require(known, "E_CODE", "not a field of this set of data")
    require(is_code(purpose, 32), "E_CODE", "a purpose is a code")
    call("party", "get", subject)
    why = refusal(found, subject, ctx.member, purpose, asked)
    state = "REFUSED" if why else "GRANTED"
    serials[ctx.member] += 1
    counts[(subject, state)] += 1
    number = f"{ctx.member}/{serials[ctx.member]}"
    made = Query(
        number, parts, dataset, subject, ctx.member, purpose, asked, ctx.time, why, state=state
    )
    keep(queries, made, Refused if why else Granted)
    return {"id": number, "state": state, "reason": why}


def why_not(dataset, found) -> str:
    return refusal(dataset, found.subject, found.requester, found.purpose, found.fields)


@export
def answer(id: str, answer: str, expected_version: int = 0) -> str:
    """The provider told the requester. answer: digest of what it told. Codes: E_CONSENT, E_DIGEST."""
    found = enter(QUERY, queries, id, "answer", expected_version)
    dataset = load(datasets, found.dataset)
    why = why_not(dataset, found)
    require(why == "", "E_CONSENT", why)
    require(is_digest(answer), "E_DIGEST", "a digest is 64 lower-case hex digits")
    stay = [name for name in found.fields if name in dataset.resident]
    if stay:
        stays[answer] = tuple(sorted({*stays[answer], *stay}))
    found.answer = answer
    return keep(queries, found, Answered)


@export
def decline(id: str, reason: str, expected_version: int = 0) -> str:
    found = enter(QUERY, queries, id, "decline", expected_version)
    require(0 < len(reason) <= TEXT_MAX, "E_TEXT", "a reason is 1 to 200 characters")
    found.reason = reason
    return keep(queries, found, Declined)


@export
def lapse(id: str) -> str:
    """The consent ended before an answer. Code: E_TOO_EARLY."""
    found = enter(QUERY, queries, id, "lapse")
    why = why_not(load(datasets, found.dataset), found)
    require(why != "", "E_TOO_EARLY", "it may still be answered")
    found.reason = why
    return keep(queries, found, Lapsed)


# ---- views ---------------------------------------------------------------------------------------


@view
def get_dataset(id: str) -> dict:
    """Every member: the catalogue is public."""
    return describe_dataset(load(datasets, id))


@view
def catalogue(after: str = "", limit: int = 50) -> list:
    require(0 < limit <= PAGE_MAX, "E_LIMIT", "1 to 100 a page")
    found = datasets.scan(after=after or None, limit=limit)
    return [describe_dataset(dataset) for _, dataset in found]


@view
def resident_in(answer: str) -> list:
    """The resident fields that an answer with this digest holds."""
    return list(stays[answer])


@view
def get(id: str) -> dict:
    """Requester, provider, subject and a regulator see a query."""
    found = load(queries, id)
    require_sight(found.parties)
    return describe_query(found)


@view
def access_log(subject: str = "", after: str = "", limit: int = 50) -> dict:
    """The subject's own log: every question about it, and how many were granted and refused."""
    whose = subject or ctx.member
    require_sight({"subject": whose})
    require(0 < limit <= PAGE_MAX, "E_LIMIT", "1 to 100 a page")
    rows = queries.by("subject", whose, after=after or None, limit=limit)
    return {
        "granted": counts[(whose, "GRANTED")],
        "refused": counts[(whose, "REFUSED")],
        "queries": [describe_query(found) for _, found in rows],
    }


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(QUERY, load(queries, id).state)
