"""KYC beyond one bank (M0): an attestation that other banks rely on, lists, licences.

A party lets a bank rely on the customer check that another bank has attested; the reliance names that check and
ends with it. Authorities publish lists of digests; a bank screens its customers in batches, and a hit halts the
party until two officers have cleared it with a reason. A licence that its authority revokes halts the party
too. Lists hold digests, no names. Dates are those of China Standard Time.
"""

from rules.calendar import date_text, day_at, is_date, parse_date
from rules.codes import is_code, is_digest
from sdk import Event, Map, call, ctx, dataclass, export, require, sm3, view

BATCH_MAX = 500
TEXT_MAX = 200


@dataclass
class Reliance:
    """A bank's reliance on another's check: whose, of which file, until when, and who decided."""

    bank: str
    issuer: str
    level: int
    report: str
    relied_on: str
    expires: str
    officer: str


@dataclass
class Hit:
    """A list names a party. cleared_by: the officer who looked into it; cleared: a second one agreed."""

    party_id: str
    list_id: str
    on: str
    screened_by: str
    reason: str = ""
    cleared_by: str = ""
    cleared_member: str = ""
    cleared: bool = False


@dataclass
class Licence:
    number: str
    authority: str
    expires: str
    revoked_by_order: str = ""


consents = Map("consent", "")  # (party id, bank) → last day
reliances = Map("reliance", None)  # (party id, bank)
lists = Map("list", None)  # list id → (authority, entries so far)
listed = Map("listed", False)  # (digest, list id)
screened = Map("screened", "")  # (party id, bank) → date of the last screening
hits = Map("hit", None)  # (party id, list id)
licences = Map("licence", None)  # (party id, kind)

Consented = Event("Kyc.Consented")
Relied = Event("Kyc.Relied")
ListPublished = Event("Kyc.ListPublished")
Screened = Event("Kyc.Screened")
HitFound = Event("Kyc.HitFound")
HitCleared = Event("Kyc.HitCleared")
LicenceRecorded = Event("Kyc.LicenceRecorded")
LicenceRevoked = Event("Kyc.LicenceRevoked")
LicenceRestored = Event("Kyc.LicenceRestored")


def today() -> str:
    return date_text(day_at(ctx.time))


def require_officer():
    require("kyc" in ctx.roles, "E_ROLE", "only a KYC officer may do this")


def require_batch(entries: list):
    fits = 0 < len(entries) <= BATCH_MAX and len(set(entries)) == len(entries)
    require(fits, "E_BATCH", "a batch is 1 to 500 distinct entries")


def facts_of(party_id: str) -> tuple:
    (found,) = call("party", "kyc_facts", [party_id])
    require(found[1] != "", "E_NOT_FOUND", "no such party")
    return found


# ---- attestations that other banks rely on -------------------------------------------------------


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


# ---- lists ---------------------------------------------------------------------------------------


@export
def publish_list(list_id: str, entries: list[str]) -> int:
    """An authority publishes a list, or adds to its own: SM3 of identifiers or names. Returns its size."""
    require("regulator" in ctx.roles, "E_ROLE", "an authority publishes lists")
    require(is_code(list_id, 32), "E_CODE", "a list's id is 1 to 32 of A-Z, 0-9 and -")
    require_batch(entries)
    require(all(is_digest(entry) for entry in entries), "E_DIGEST", "entries are digests")
    known = lists[list_id]
    require(known is None or known[0] == ctx.member, "E_OWNER", "another authority's list")
    fresh = [entry for entry in entries if not listed[(entry, list_id)]]
    for entry in fresh:
        listed[(entry, list_id)] = True
    size = len(fresh) + (0 if known is None else known[1])
    lists[list_id] = (ctx.member, size)
    ListPublished(list_id=list_id, by=ctx.member, size=size)
    return size


@export
def screen(party_ids: list[str]) -> list:
    """A bank's officer screens parties against every list. Returns [party, list] of the hits; each halts its
    party. A hit that was cleared stays cleared."""
    require_officer()
    require_batch(party_ids)
    found = []
    for party_id, state, names, _ in call("party", "kyc_facts", party_ids):
        require(state != "", "E_NOT_FOUND", f"no party {party_id}")
        screened[(party_id, ctx.member)] = today()
        for list_id in lists_naming(names):
            known = hits[(party_id, list_id)]
            if known is not None and known.cleared:
                continue
            if known is None:
                hits[(party_id, list_id)] = Hit(party_id, list_id, today(), ctx.member)
                HitFound(party=party_id, list_id=list_id)
            call("party", "halt", party_id, f"named by list {list_id}")
            found.append([party_id, list_id])
    Screened(by=ctx.member, parties=len(party_ids), hits=len(found))
    return found


def lists_naming(names: tuple) -> list:
    digests = [sm3(name.encode("utf-8")).hex() for name in names if name]
    rows = [key for entry in digests for key, _ in listed.scan((entry,), None, 32)]
    return sorted({list_id for _, list_id in rows})


@export
def clear_hit(party_id: str, list_id: str, reason: str) -> bool:
    """An officer finds that it is somebody else; a second one of the same bank repeats it. True: cleared."""
    require_officer()
    require(ctx.member != party_id, "E_SELF", "nobody decides on himself")
    require(0 < len(reason) <= TEXT_MAX, "E_TEXT", "a reason is 1 to 200 characters")
    hit = hits[(party_id, list_id)]
    require(hit is not None and not hit.cleared, "E_NOT_FOUND", "no such hit is open")
    if hit.cleared_by == "" or hit.cleared_member != ctx.member:
        hit.cleared_by = ctx.sender
        hit.cleared_member = ctx.member
        hit.reason = reason
    else:
        require(hit.cleared_by != ctx.sender, "E_FOUR_EYES", "a second officer agrees")
        require(hit.reason == reason, "E_PARTIAL", "the same reason")
        hit.cleared = True
    hits[(party_id, list_id)] = hit
    if hit.cleared:
        HitCleared(party=party_id, list_id=list_id, by=ctx.member)
        lift_if_free(party_id)
    return hit.cleared


def lift_if_free(party_id: str):
    """The party goes on when no hit is open and no licence revoked."""
    open_hits = [hit for _, hit in hits.scan((party_id,), None, 100) if not hit.cleared]
    revoked = [one for _, one in licences.scan((party_id,), None, 100) if one.revoked_by_order]
    if not open_hits and not revoked:
        call("party", "lift", party_id, "cleared")


@view
def get_hits(party_id: str) -> list:
    """For officers and regulators."""
    require("kyc" in ctx.roles or "regulator" in ctx.roles, "E_ROLE", "only officers may see this")
    return [
        {"list_id": hit.list_id, "on": hit.on, "cleared": hit.cleared, "reason": hit.reason}
        for _, hit in hits.scan((party_id,), None, 100)
    ]


# ---- licences ------------------------------------------------------------------------------------


@export
def record_licence(party_id: str, kind: str, number: str, expires: str) -> bool:
    """An authority records a licence that it gave. kind: such as BUSINESS, BANKING, FACTORING."""
    require("regulator" in ctx.roles, "E_ROLE", "an authority records licences")
    facts_of(party_id)
    require(is_code(kind, 32) and 0 < len(number) <= 64, "E_CODE", "a kind and a number")
    require(is_date(expires) and parse_date(expires) > day_at(ctx.time), "E_DATE", "it ends ahead")
    known = licences[(party_id, kind)]
    ours = known is None or known.authority == ctx.member
    require(ours, "E_OWNER", "another authority's licence")
    require(known is None or known.revoked_by_order == "", "E_LICENCE", "it is revoked: restore it")
    licences[(party_id, kind)] = Licence(number, ctx.member, expires)
    LicenceRecorded(party=party_id, kind=kind, expires=expires)
    return True


def own_licence(party_id: str, kind: str, order: str):
    require("regulator" in ctx.roles, "E_ROLE", "the authority that gave it decides")
    require(is_code(order, 64), "E_ORDER", "an order has a number")
    found = licences[(party_id, kind)]
    require(found is not None, "E_LICENCE", "no such licence")
    require(found.authority == ctx.member, "E_OWNER", "another authority's licence")
    return found


@export
def revoke_licence(party_id: str, kind: str, order: str) -> str:
    """The authority that gave it takes it away: the party is halted. Returns the party's state."""
    found = own_licence(party_id, kind, order)
    require(found.revoked_by_order == "", "E_LICENCE", "it is revoked already")
    found.revoked_by_order = order
    licences[(party_id, kind)] = found
    LicenceRevoked(party=party_id, kind=kind, order=order)
    return call("party", "halt", party_id, f"licence {kind} revoked by {order}")


@export
def restore_licence(party_id: str, kind: str, order: str) -> bool:
    found = own_licence(party_id, kind, order)
    require(found.revoked_by_order != "", "E_LICENCE", "it is not revoked")
    found.revoked_by_order = ""
    licences[(party_id, kind)] = found
    LicenceRestored(party=party_id, kind=kind, order=order)
    lift_if_free(party_id)
    return True


@view
def get_licences(party_id: str) -> list:
    return [
        {"kind": key[1], "number": one.number, "authority": one.authority, "expires": one.expires,
         "revoked": one.revoked_by_order != "", "order": one.revoked_by_order}
        for key, one in licences.scan((party_id,), None, 100)
    ]  # fmt: skip
