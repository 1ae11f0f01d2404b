"""From the application to two persons' word for it, and its renewal. Table PARTY."""

from chapters.records import (
    Attestation,
    Party,
    attestations,
    by_identifier,
    claim,
    enter,
    load,
    parties,
    renewals,
    require_officer,
    require_stop_is_ours,
    require_text,
)
from rules.calendar import date_text, day_at, is_date, parse_date
from rules.check_digits import is_lei, is_uscc
from rules.codes import PARTY_KINDS, is_city, is_code, is_digest
from sdk import Event, ctx, export, require

RISKS = ("low", "medium", "high")

Applied = Event("Party.Applied")
Attested = Event("Party.Attested")
Approved = Event("Party.Approved")
Rejected = Event("Party.Rejected")
RenewalProposed = Event("Party.RenewalProposed")
Renewed = Event("Party.Renewed")


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
