"""KYC beyond one bank (M0): an attestation that other banks rely on, lists, licences.

A party lets a bank rely on the customer check that another bank has attested; the reliance names that check and
ends with it. Authorities publish lists of digests; a bank screens its customers in batches, and a hit halts the
party until two officers have cleared it with a reason. A licence that its authority revokes halts the party
too. Lists hold digests, no names. Dates are those of China Standard Time.

    records   what is kept
    lists     lists and hits
    licences  licences
"""

from chapters.records import (
    Reliance,
    consents,
    facts_of,
    reliances,
    require_batch,
    require_officer,
    today,
)
from chapters.lists import publish_list, screen, clear_hit, get_hits
from chapters.licences import record_licence, revoke_licence, restore_licence, get_licences

from rules.calendar import is_date
from sdk import Event, call, ctx, export, require, view

Consented = Event("Kyc.Consented")
Relied = Event("Kyc.Relied")


@export
def consent(bank: str, until: str) -> bool:
    """A checker of the party lets a bank rely on another bank's check, until a day; "" takes it back."""
    require(
        "checker" in ctx.roles or "maker" in ctx.roles, "E_ROLE", "a person of the party agrees"
    )
    facts_of(ctx.member)
    require(until == "" or (is_date(until) and until >= today()), "E_DATE", "a day ahead, or none")
    consents[(ctx.member, bank)] = until
    Consented(party=ctx.member, bank=bank, until=until)
    return True


@export
def rely(party_id: str, level_min: int = 1) -> str:
    """A bank takes over the attestation in force instead of checking anew. Returns until when it holds.

    Codes: E_ROLE, E_NOT_FOUND, E_PARTY, E_SELF, E_NO_CONSENT, E_KYC_EXPIRED, E_KYC_LEVEL.
    """
    require_officer()
    _, state, _, (issuer, level, expires, report) = facts_of(party_id)
    require(state == "ACTIVE", "E_PARTY", f"{party_id} is not active")
    require(
        ctx.member not in (party_id, issuer), "E_SELF", "it is the bank's own check, or its own"
    )
    agreed = consents[(party_id, ctx.member)] >= today()
    require(agreed, "E_NO_CONSENT", "the party has not agreed to this")
    require(expires >= today(), "E_KYC_EXPIRED", f"the attestation of {party_id} has expired")
    require(level >= level_min, "E_KYC_LEVEL", "the attestation is of a lower level")
    reliances[(party_id, ctx.member)] = Reliance(
        ctx.member, issuer, level, report, today(), expires, ctx.sender
    )
    Relied(party=party_id, bank=ctx.member, issuer=issuer, expires=expires)
    return expires


@view
def get_reliance(party_id: str, bank: str) -> dict:
    """What a bank relies on, and whether the check it named is still the one in force."""
    found = reliances[(party_id, bank)]
    require(found is not None, "E_NOT_FOUND", "this bank relies on no other bank's check")
    _, _, _, (issuer, _, _, report) = facts_of(party_id)
    same = (issuer, report) == (found.issuer, found.report)
    return {
        "party_id": party_id, "bank": bank, "issuer": found.issuer, "level": found.level,
        "relied_on": found.relied_on, "expires": found.expires,
        "in_force": same and found.expires >= today(),
    }  # fmt: skip


@view
def check(party_ids: list[str], level_min: int = 1) -> list:
    """Checks the attestations of many parties at once. Returns [party, code] of those that may not take on
    new business: E_PARTY, E_KYC_EXPIRED, E_KYC_LEVEL, E_KYC_HALT."""
    require_batch(party_ids)
    now = today()
    wanting = []
    for party_id, state, _, (_, level, expires, _) in call("party", "kyc_facts", party_ids):
        if state != "ACTIVE":
            wanting.append([party_id, "E_KYC_HALT" if state == "HALTED" else "E_PARTY"])
        elif expires < now:
            wanting.append([party_id, "E_KYC_EXPIRED"])
        elif level < level_min:
            wanting.append([party_id, "E_KYC_LEVEL"])
    return wanting
