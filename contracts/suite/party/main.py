"""Party registry (M0): who takes part, under which identifiers, and whose customer check stands behind it.

A party is a member of the channel. Somebody applies for it, a KYC officer of another member attests,
a second person of that bank approves: one person alone admits nobody. An id is never used twice, and a
closed party stays on record for ever. Source: domain/trade-finance.md 2.3.

    records    what is kept, who may do what
    admission  applied, attested, approved, renewed
    standing   halted, suspended, frozen, closed
"""

from chapters.records import attestations, load, parties
from chapters.admission import apply, attest, approve, renew, confirm_renewal, reject
from chapters.standing import halt, lift, lock, unlock, suspend, resume, close, freeze, unfreeze

from rules.calendar import day_at, parse_date
from rules.machine import moves_from
from rules.party_machine import PARTY
from sdk import Revert, ctx, require, view


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
