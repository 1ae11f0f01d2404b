"""Trusted e-credentials (M11): sales slips, payment bills, policies and receipts that show what their holder
chooses, are used once, and can be checked without asking the issuer.

The ledger keeps the root of salted field commitments, the issuer's signature and the state. When what may
happen: `rules.trusted_credential_machine`.

Invariants: what is on the ledger was signed by a key accredited then; a credential is used once, by whom it was
presented to; a revoked one is never used.
"""

from rules.calendar import date_text, is_date, parse_date
from rules.codes import is_code, is_digest
from rules.disclosure import opens, read_opened
from rules.instrument import enter, keep, load, require_sight, require_step, today
from rules.machine import moves_from
from rules.trusted_credential_machine import (
    ACCREDITATION,
    CREDENTIAL,
    FIELDS_MAX,
    KINDS,
    PRESENTATIONS_MAX,
    REVOKE_REASONS,
    VALID_DAYS_MAX,
)
from rules.trusted_credential_records import (
    Accreditation,
    Accredited,
    Credential,
    Expired,
    Held,
    Issued,
    KeyWithdrawn,
    Presented,
    Redeemed,
    Rejected,
    Revoked,
    accreditations,
    content_of,
    credentials,
    describe,
    describe_status,
    serials,
)
from sdk import call, ctx, export, require, sm2_verify, view


def require_reason(reason: str):
    require(0 < len(reason) <= 200, "E_TEXT", "a reason is 1 to 200 characters")


def require_last_day(until: str):
    fits = is_date(until) and today() <= parse_date(until) <= today() + VALID_DAYS_MAX
    require(fits, "E_DATE", "the last day lies ahead, within ten years")


# ---- issuers' keys -------------------------------------------------------------------------------


@export
def accredit(issuer: str, key: bytes, kinds: list[str], certificate: str, until: str) -> str:
    """A regulator vouches for an issuer's SM2 key. certificate: digest of its certificate. Returns the number.

    Codes: E_NOT_PARTY, E_PARTY, E_KEY, E_CODE, E_DIGEST, E_DATE."""
    require_step(ACCREDITATION, "-", "accredit", {})
    call("party", "check_member", issuer)
    require(len(key) == 65 and key[0] == 4, "E_KEY", "a key has 65 bytes")
    known = kinds != [] and len(set(kinds)) == len(kinds) and all(kind in KINDS for kind in kinds)
    require(known, "E_CODE", "kinds: " + ", ".join(KINDS))
    require(is_digest(certificate), "E_DIGEST", "a digest is 64 lower-case hex digits")
    require_last_day(until)
    serials[issuer] += 1
    number = f"{issuer}/{serials[issuer]}"
    parts = {"issuer": issuer, "authority": ctx.member}
    found = Accreditation(number, parts, key, tuple(kinds), certificate, until, state="ACTIVE")
    keep(accreditations, found, Accredited)
    return number


@export
def withdraw_key(id: str, reason: str, expected_version: int = 0) -> str:
    """The key signs nothing any more; what it signed before stays until it is revoked."""
    found = enter(ACCREDITATION, accreditations, id, "withdraw_key", expected_version)
    require_reason(reason)
    found.reason = reason
    return keep(accreditations, found, KeyWithdrawn)


# ---- credentials ---------------------------------------------------------------------------------


@export
def issue(
    id: str, accreditation: str, kind: str, holder: str, root: bytes, fields: int, until: str,
    signature: bytes,
) -> str:  # fmt: skip
    """Put a signed credential on the ledger. root: of the commitments to its fields; signature: of the issuer's
    accredited key. Codes: E_NOT_FOUND, E_NOT_PARTY, E_CODE, E_DUPLICATE, E_SELF, E_PARTY, E_DIGEST, E_DATE,
    E_ACCREDITATION, E_ISSUER_SIGNATURE."""
    accredited = load(accreditations, accreditation)
    issuer = accredited.parties["issuer"]
    parts = {"issuer": issuer, "holder": holder}
    require_step(CREDENTIAL, "-", "issue", parts)
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(credentials[id] is None, "E_DUPLICATE", "this number is taken")
    require(holder != issuer, "E_SELF", "issuer and holder differ")
    for member in (issuer, holder):
        call("party", "check_member", member)
    require(len(root) == 32 and 0 < fields <= FIELDS_MAX, "E_DIGEST", "a root of 1 to 40 fields")
    require_last_day(until)
    in_force = accredited.state == "ACTIVE" and today() <= parse_date(accredited.until)
    in_force = in_force and kind in accredited.kinds
    require(in_force, "E_ACCREDITATION", "the key is not accredited for this kind today")
    content = content_of(id, kind, issuer, holder, root, until)
    signed = sm2_verify(accredited.key, content, signature)
    require(signed, "E_ISSUER_SIGNATURE", "the issuer's key has not signed this credential")
    found = Credential(
        id, parts, accreditation, kind, root, fields, date_text(today()), until, signature,
        state="ISSUED",
    )  # fmt: skip
    return keep(credentials, found, Issued)


@export
def hold(id: str, expected_version: int = 0) -> str:
    return keep(credentials, enter(CREDENTIAL, credentials, id, "hold", expected_version), Held)


@export
def reject(id: str, reason: str, expected_version: int = 0) -> str:
    found = enter(CREDENTIAL, credentials, id, "reject", expected_version)
    require_reason(reason)
    found.reason = reason
    return keep(credentials, found, Rejected)


@export
def present(id: str, to: str, shown: str, expected_version: int = 0) -> str:
    """The holder hands opened fields to a member. shown: digest of the file handed over, which stays outside.

    Codes: E_EXPIRED, E_PARTY, E_DIGEST, E_SELF, E_PRESENTED."""
    found = enter(CREDENTIAL, credentials, id, "present", expected_version)
    require(today() <= parse_date(found.until), "E_EXPIRED", "its last day has passed")
    call("party", "check_member", to)
    require(is_digest(shown), "E_DIGEST", "a digest is 64 lower-case hex digits")
    require(to != found.parties["holder"], "E_SELF", "nobody presents to himself")
    few = len(found.presented) < PRESENTATIONS_MAX
    require(few, "E_PRESENTED", "32 presentations are the most")
    found.presented = (*found.presented, (to, shown, date_text(today())))
    return keep(credentials, found, Presented)


@export
def redeem(id: str, expected_version: int = 0) -> str:
    """Who was shown it uses it up: nobody else can any more. Codes: E_PRESENTED, E_EXPIRED."""
    found = enter(CREDENTIAL, credentials, id, "redeem", expected_version)
    shown_to = [item[0] for item in found.presented]
    require(ctx.member in shown_to, "E_PRESENTED", "it was not presented to this member")
    require(today() <= parse_date(found.until), "E_EXPIRED", "its last day has passed")
    found.used_by = ctx.member
    return keep(credentials, found, Redeemed)


@export
def revoke(id: str, reason: str, expected_version: int = 0) -> str:
    """Code: E_CODE."""
    found = enter(CREDENTIAL, credentials, id, "revoke", expected_version)
    require(reason in REVOKE_REASONS, "E_CODE", "one of " + ", ".join(REVOKE_REASONS))
    found.reason = reason
    return keep(credentials, found, Revoked)


@export
def expire(id: str) -> str:
    found = enter(CREDENTIAL, credentials, id, "expire")
    require(today() > parse_date(found.until), "E_TOO_EARLY", "its last day has not passed")
    return keep(credentials, found, Expired)


# ---- views ---------------------------------------------------------------------------------------


@view
def get(id: str) -> dict:
    """Issuer, holder, whom it was presented to, and a regulator see a credential."""
    found = load(credentials, id)
    if ctx.member not in [item[0] for item in found.presented]:
        require_sight(found.parties)
    return describe(found)


@view
def status(id: str) -> dict:
    """Every member: root, issuer, state; the revocation list of one."""
    return describe_status(load(credentials, id))


@view
def check_opening(id: str, opened: list, hidden: list[bytes]) -> bool:
    """Whether opened fields, [name, value, salt in hex] each, are the credential's. A query: nothing of it
    reaches the ledger. hidden: commitments of the other fields. Codes: E_NOT_FOUND, E_OPENING."""
    found = load(credentials, id)
    items = read_opened(opened)
    whole = items is not None and len(items) + len(hidden) == found.fields
    fits = whole and opens(found.root, items, hidden)
    require(fits, "E_OPENING", "these are not fields of the credential")
    return True


@view
def get_key(id: str) -> dict:
    """Every member: an issuer's accredited key."""
    found = load(accreditations, id)
    return {
        "id": id,
        "issuer": found.parties["issuer"],
        "authority": found.parties["authority"],
        "key": found.key,
        "kinds": list(found.kinds),
        "certificate": found.certificate,
        "until": found.until,
        "state": found.state,
        "reason": found.reason,
    }


@view
def next_steps(id: str) -> list:
    """What may happen now to a credential, or to an accreditation by its number (QB/1)."""
    if "/" in id:
        return moves_from(ACCREDITATION, load(accreditations, id).state)
    return moves_from(CREDENTIAL, load(credentials, id).state)
