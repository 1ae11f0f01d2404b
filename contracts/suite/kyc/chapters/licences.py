"""Licences that an authority revokes, and what follows for their holder."""

from chapters.lists import lift_if_free
from chapters.records import Licence, facts_of, licences
from rules.calendar import day_at, is_date, parse_date
from rules.codes import is_code
from sdk import Event, call, ctx, export, require, view

LicenceRecorded = Event("Kyc.LicenceRecorded")
LicenceRevoked = Event("Kyc.LicenceRevoked")
LicenceRestored = Event("Kyc.LicenceRestored")


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
