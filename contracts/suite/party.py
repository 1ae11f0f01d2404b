"""Party registry (M0): who takes part, under which identifiers, and whose customer check stands behind it.

A party is a member of the channel. Somebody applies for it, a KYC officer of another member attests,
a second person of that bank approves: one person alone admits nobody. An id is never used twice, and a
closed party stays on record for ever. Source: domain/trade-finance.md 2.3.
"""

from rules.calendar import date_text, day_at, is_date, parse_date
from rules.check_digits import is_lei, is_uscc
from rules.codes import PARTY_KINDS, is_city, is_code, is_digest
from rules.machine import moves_from, row_for
from rules.party_machine import PARTY
from rules.persons import require_contract
from sdk import Event, Map, Revert, ctx, dataclass, export, require, view

TEXT_MAX = 200
RISKS = ("low", "medium", "high")


@dataclass
class Party:
    party_id: str
    legal_name: str
    kind: str
    uscc: str
    lei: str
    country: str
    city: str
    state: str
    applied_by: str
    admitted: bool = False
    suspended_by: str = ""
    halted: bool = False  # by the kyc contract, whatever the state
    frozen_from: str = ""
    version: int = 1
    locked: bool = False  # by the key_recovery contract, whatever the state


@dataclass
class Attestation:
    """The customer check of one bank. `report` is the digest of its file, which stays with the bank."""

    issuer: str
    officer: str
    level: int
    risk: str
    report: str
    issued: str
    expires: str


parties = Map("party", None)
attestations = Map("attestation", None)
renewals = Map("renewal", None)  # party id → the attestation that a second officer is to confirm
by_identifier = Map("by_identifier", "")

Applied = Event("Party.Applied")
Attested = Event("Party.Attested")
Approved = Event("Party.Approved")
Rejected = Event("Party.Rejected")
RenewalProposed = Event("Party.RenewalProposed")
Renewed = Event("Party.Renewed")
Suspended = Event("Party.Suspended")
Resumed = Event("Party.Resumed")
Closed = Event("Party.Closed")
Locked = Event("Party.Locked")
Unlocked = Event("Party.Unlocked")
Frozen = Event("Reg.Frozen")
Released = Event("Reg.Released")


def load(party_id: str):
    found = parties[party_id]
    require(found is not None, "E_NOT_FOUND", "no such party")
    return found


def enter(party, move: str, expected_version: int):
    """Take the step the table allows from here, or refuse with E_STATE."""
    require(expected_version in (0, party.version), "E_VERSION", "the party has changed since")
    row = row_for(PARTY, party.state, move)
    require(row is not None, "E_STATE", f"{move} is not possible in state {party.state}")
    party.state = row[4]
    party.version += 1
    parties[party.party_id] = party


def require_officer():
    require("kyc" in ctx.roles, "E_ROLE", "only a KYC officer may do this")


def require_supervisor(party_id: str):
    """A regulator, or the bank whose attestation the party stands on."""
    attested = attestations[party_id]
    own = attested is not None and attested.issuer == ctx.member and "kyc" in ctx.roles
    require(own or "regulator" in ctx.roles, "E_ROLE", "only the attesting bank or a regulator may")


def require_stop_is_ours(party):
    """Who stopped a party lets it go on: no bank undoes what a regulator or another bank ordered."""
    require(party.suspended_by in ("", ctx.member), "E_ROLE", "another member suspended this party")


def require_text(text: str, what: str):
    require(0 < len(text) <= TEXT_MAX, "E_TEXT", f"{what} is 1 to 200 characters")


def claim(identifier: str, party_id: str):
    """One identifier belongs to one party, for ever."""
    if identifier:
        require(by_identifier[identifier] == "", "E_DUPLICATE", "identifier already registered")
        by_identifier[identifier] = party_id


@export
def apply(
    party_id: str,
    legal_name: str,
    kind: str,
    country: str,
    city: str,
    uscc: str = "",
    lei: str = "",
) -> str:
    """Apply for a party, again after a rejection. Returns its state.

    Codes: E_ROLE, E_DUPLICATE, E_CODE, E_CHECK_DIGIT, E_IDENTIFIER, E_TEXT.
    """
    own = ctx.member == party_id and "maker" in ctx.roles
    require(
        own or "kyc" in ctx.roles, "E_ROLE", "only the member itself or a KYC officer may apply"
    )
    require(is_code(party_id), "E_CODE", "a party id is 1 to 16 of A-Z, 0-9 and -")
    former = parties[party_id]
    fresh = former is None or former.state == "REJECTED"
    require(fresh, "E_DUPLICATE", "a party id is never used twice")
    require(kind in PARTY_KINDS, "E_CODE", "unknown kind of party")
    require(is_city(city), "E_CODE", "unknown city")
    require(len(country) == 2 and is_code(country), "E_CODE", "a country is two letters")
    require_text(legal_name, "the name")
    require(uscc == "" or is_uscc(uscc), "E_CHECK_DIGIT", "the USCC's check digit is wrong")
    require(lei == "" or is_lei(lei), "E_CHECK_DIGIT", "the LEI's check digits are wrong")
    require(uscc or lei or kind == "authority", "E_IDENTIFIER", "a USCC or an LEI is needed")
    require(
        uscc or country != "CN" or kind == "authority", "E_IDENTIFIER", "a USCC is needed in CN"
    )
    claim(uscc, party_id)
    claim(lei, party_id)
    party = Party(party_id, legal_name, kind, uscc, lei, country, city, "APPLIED", ctx.sender)
    if former is not None:
        party.version = former.version + 1
        attestations.delete(party_id)
    parties[party_id] = party
    Applied(party=party_id, state=party.state, version=party.version)
    return party.state


def check_attestation(party_id: str, level: int, risk: str, report: str, expires: str):
    """A new attestation by the sender's bank. Codes: E_SELF, E_CODE, E_DIGEST, E_DATE, E_EXPIRED."""
    require(ctx.member != party_id, "E_SELF", "nobody attests himself")
    require(1 <= level <= 3, "E_CODE", "a level is 1, 2 or 3")
    require(risk in RISKS, "E_CODE", "a risk is low, medium or high")
    require(is_digest(report), "E_DIGEST", "the report's digest is 64 lower-case hex digits")
    require(is_date(expires), "E_DATE", "the expiry is written YYYY-MM-DD")
    today = day_at(ctx.time)
    require(parse_date(expires) > today, "E_EXPIRED", "the attestation must expire in the future")
    return Attestation(ctx.member, ctx.sender, level, risk, report, date_text(today), expires)


@export
def attest(
    party_id: str, level: int, risk: str, report: str, expires: str, expected_version: int = 0
) -> str:
    """Put a customer check forward. `report`: SM3 of the file, hex. `expires`: YYYY-MM-DD."""
    require_officer()
    party = load(party_id)
    made = check_attestation(party_id, level, risk, report, expires)
    require_stop_is_ours(party)
    enter(party, "attest", expected_version)
    attestations[party_id] = made
    Attested(
        party=party_id, state=party.state, version=party.version, by=ctx.member, expires=expires
    )
    return party.state


@export
def approve(party_id: str, expected_version: int = 0) -> str:
    """The second pair of eyes at the attesting bank."""
    require_officer()
    party = load(party_id)
    attested = attestations[party_id]
    require(attested is None or attested.issuer == ctx.member, "E_ROLE", "not the attesting bank")
    four_eyes = attested is None or attested.officer != ctx.sender
    require(four_eyes, "E_FOUR_EYES", "the officer who attested cannot approve")
    party.admitted = True
    party.suspended_by = ""
    enter(party, "approve", expected_version)
    Approved(party=party_id, state=party.state, version=party.version)
    return party.state


@export
def renew(
    party_id: str, level: int, risk: str, report: str, expires: str, expected_version: int = 0
) -> str:
    """A bank checks an admitted customer anew, before or after its attestation has expired."""
    require_officer()
    party = load(party_id)
    made = check_attestation(party_id, level, risk, report, expires)
    enter(party, "renew", expected_version)
    renewals[party_id] = made
    RenewalProposed(party=party_id, version=party.version, by=ctx.member, expires=expires)
    return party.state


@export
def confirm_renewal(party_id: str, expected_version: int = 0) -> str:
    """The second pair of eyes at the bank that checked anew: from here on its attestation counts."""
    require_officer()
    party = load(party_id)
    made = renewals[party_id]
    require(made is None or made.issuer == ctx.member, "E_ROLE", "not the renewing bank")
    four_eyes = made is None or made.officer != ctx.sender
    require(four_eyes, "E_FOUR_EYES", "the officer who checked cannot confirm")
    enter(party, "confirm_renewal", expected_version)
    require(made is not None, "E_NOT_FOUND", "no renewal is open")
    attestations[party_id] = made
    renewals.delete(party_id)
    Renewed(party=party_id, version=party.version, by=ctx.member, expires=made.expires)
    return party.state


@export
def halt(party_id: str, reason: str) -> str:
    """The kyc contract only: a list names the party, or its licence is revoked. It may already be suspended."""
    require(ctx.caller == "kyc", "E_CALLER", "only the kyc contract may do this")
    party = load(party_id)
    party.halted = True
    parties[party_id] = party
    if party.state != "ACTIVE":
        return party.state
    party.suspended_by = "kyc"
    enter(party, "halt", 0)
    Suspended(party=party_id, state=party.state, version=party.version, reason=reason)
    return party.state


@export
def lift(party_id: str, reason: str) -> str:
    """The kyc contract only: what made it halt the party is gone. Another's suspension stays."""
    require(ctx.caller == "kyc", "E_CALLER", "only the kyc contract may do this")
    party = load(party_id)
    party.halted = False
    parties[party_id] = party
    if party.state != "SUSPENDED" or party.suspended_by != "kyc":
        return party.state
    party.suspended_by = ""
    enter(party, "lift", 0)
    Resumed(party=party_id, state=party.state, version=party.version, reason=reason)
    return party.state


@export
def lock(party_id: str) -> int:
    """The key_recovery contract only: a new key was approved, and until it speaks no key of the party deals."""
    return set_lock(party_id, True)


@export
def unlock(party_id: str) -> int:
    """The key_recovery contract only: the reset is over, however it ended."""
    return set_lock(party_id, False)


def set_lock(party_id: str, locked: bool) -> int:
    require_contract("key_recovery")
    party = load(party_id)
    if party.locked != locked:
        party.locked = locked
        party.version += 1
        parties[party_id] = party
        if locked:
            Locked(party=party_id, version=party.version)
        else:
            Unlocked(party=party_id, version=party.version)
    return party.version


@export
def reject(party_id: str, reason: str, expected_version: int = 0) -> str:
    require_officer()
    require_text(reason, "the reason")
    party = load(party_id)
    require(ctx.member != party_id, "E_SELF", "nobody decides on himself")
    enter(party, "reject", expected_version)
    attested = attestations[party_id]
    ours = attested is None or attested.issuer == ctx.member
    require(ours, "E_ROLE", "under review the attesting bank decides")
    require(not party.admitted, "E_ADMITTED", "a party that was admitted is suspended or closed")
    for identifier in (party.uscc, party.lei):
        by_identifier.delete(identifier)
    Rejected(party=party_id, state=party.state, version=party.version, reason=reason)
    return party.state


@export
def suspend(party_id: str, reason: str, expected_version: int = 0) -> str:
    require_supervisor(party_id)
    require_text(reason, "the reason")
    party = load(party_id)
    party.suspended_by = ctx.member
    enter(party, "suspend", expected_version)
    Suspended(party=party_id, state=party.state, version=party.version, reason=reason)
    return party.state


@export
def resume(party_id: str, reason: str, expected_version: int = 0) -> str:
    require_supervisor(party_id)
    require_text(reason, "the reason")
    party = load(party_id)
    require(not party.halted, "E_KYC_HALT", "a list or a revoked licence stops this party")
    if "regulator" not in ctx.roles:
        require_stop_is_ours(party)
    party.suspended_by = ""
    enter(party, "resume", expected_version)
    Resumed(party=party_id, state=party.state, version=party.version, reason=reason)
    return party.state


@export
def close(party_id: str, reason: str, expected_version: int = 0) -> str:
    """For ever: the record stays, the id is never given again."""
    own = ctx.member == party_id and "checker" in ctx.roles
    require(own or "regulator" in ctx.roles, "E_ROLE", "only the member or a regulator may close")
    require_text(reason, "the reason")
    party = load(party_id)
    enter(party, "close", expected_version)
    Closed(party=party_id, state=party.state, version=party.version, reason=reason)
    return party.state


@export
def freeze(party_id: str, order: str) -> int:
    """An order holds the party: it deals no more, and what it holds is frozen with it."""
    require_contract("regulator")
    party = load(party_id)
    party.frozen_from = party.state
    enter(party, "freeze", 0)
    Frozen(party=party_id, order=order, version=party.version)
    return party.version


@export
def unfreeze(party_id: str, order: str) -> int:
    require_contract("regulator")
    party = load(party_id)
    enter(party, "unfreeze", 0)
    party.state = party.frozen_from
    party.frozen_from = ""
    parties[party_id] = party
    Released(party=party_id, order=order, version=party.version)
    return party.version


def describe(party) -> dict:
    attested = attestations[party.party_id]
    return {
        "party_id": party.party_id,
        "legal_name": party.legal_name,
        "kind": party.kind,
        "uscc": party.uscc,
        "lei": party.lei,
        "country": party.country,
        "city": party.city,
        "state": party.state,
        "version": party.version,
        "locked": party.locked,
        "attested_by": "" if attested is None else attested.issuer,
        "risk": "" if attested is None else attested.risk,
        "kyc_level": 0 if attested is None else attested.level,
        "kyc_expires": "" if attested is None else attested.expires,
    }


@view
def get(party_id: str) -> dict:
    return describe(load(party_id))


@view
def next_steps(party_id: str) -> list:
    """What may happen to this party now: call, who, guard, to."""
    return moves_from(PARTY, load(party_id).state)


@view
def check_member(party_id: str) -> dict:
    """The party, if it may act at all (old debts are discharged under an expired attestation too)."""
    party = parties[party_id]
    require(party is not None, "E_PARTY", f"{party_id} is not registered")
    require(party.state != "FROZEN", "E_FROZEN", f"{party_id} is frozen by order")
    require(not party.halted, "E_KYC_HALT", f"a list or a revoked licence stops {party_id}")
    require(not party.locked, "E_LOCKED", f"{party_id} is being given a new key")
    require(party.state == "ACTIVE", "E_PARTY", f"{party_id} is not active")
    return describe(party)


@view
def kyc_facts(party_ids: list) -> list:
    """What the kyc contract must know of parties: state, name, identifiers, whose attestation, until when."""
    require(ctx.caller == "kyc", "E_CALLER", "only the kyc contract may do this")
    found = []
    for party_id in party_ids:
        party = parties[party_id]
        made = attestations[party_id]
        known = party is not None
        found.append((
            party_id,
            ("HALTED" if party.halted else party.state) if known else "",
            (party.uscc, party.lei, party.legal_name) if known else ("", "", ""),
            ("", 0, "", "") if made is None else (made.issuer, made.level, made.expires, made.report),
        ))  # fmt: skip
    return found


@view
def check_new_business(party_id: str) -> dict:
    """The party, if it may take on new obligations: active, and its attestation has not expired."""
    party = check_member(party_id)
    if party["kyc_expires"] and parse_date(party["kyc_expires"]) < day_at(ctx.time):
        raise Revert("E_KYC_EXPIRED", f"the attestation of {party_id} has expired")
    return party
