"""Lists of names, those that were found on them, and who clears them."""

from chapters.records import (
    Hit,
    hits,
    licences,
    listed,
    lists,
    require_batch,
    require_officer,
    screened,
    today,
)
from rules.codes import is_code, is_digest
from sdk import Event, call, ctx, export, require, sm3, view

TEXT_MAX = 200

ListPublished = Event("Kyc.ListPublished")
Screened = Event("Kyc.Screened")
HitFound = Event("Kyc.HitFound")
HitCleared = Event("Kyc.HitCleared")


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
