"""Organisations: each enters itself. Table ORGANISATION."""

from rules.codes import is_digest
from rules.directory_machine import ORGANISATION
from rules.directory_records import (
    TEXT_MAX,
    MemberChanged,
    MemberRegistered,
    MemberRetired,
    Organisation,
    active_city,
    change,
    count_living,
    living,
    members,
    put,
    require_text,
)
from rules.instrument import require_step
from sdk import ctx, export, require


def check_words(name: str, city: str, authority: str):
    require_text(name, TEXT_MAX)
    active_city(city)
    fits = authority == "" or is_digest(authority)
    require(fits, "E_DIGEST", "an authority is the SM3 of its certificate, or nothing")


@export
def register_member(name: str, city: str, authority: str = "") -> str:
    """The sender's organisation enters itself; the key that signs is its admin key from here on.

    Codes: E_STATE, E_NOT_PARTY, E_TEXT, E_CITY, E_DIGEST."""
    id = ctx.member
    former = members[id]
    parts = {"member": id}
    require_step(ORGANISATION, "-" if former is None else former.state, "register_member", parts)
    check_words(name, city, authority)
    made = Organisation(id, name, city, ctx.sender, authority, parts, "ACTIVE")
    count_living("city", city, 1)
    return put("member", members, made, MemberRegistered, former)


@export
def set_member(name: str, city: str, authority: str = "", expected_version: int = 0) -> str:
    """Codes: E_NOT_FOUND, E_STATE, E_NOT_PARTY, E_VERSION, E_TEXT, E_CITY, E_DIGEST."""
    found, former = change(ORGANISATION, members, ctx.member, "set_member", expected_version)
    check_words(name, city, authority)
    count_living("city", former.city, -1)
    count_living("city", city, 1)
    found.name = name
    found.city = city
    found.authority = authority
    found.admin = ctx.sender
    return put("member", members, found, MemberChanged, former)


@export
def retire_member(expected_version: int = 0) -> str:
    """Codes: E_NOT_FOUND, E_STATE, E_NOT_PARTY, E_VERSION, E_IN_USE."""
    found, former = change(ORGANISATION, members, ctx.member, "retire_member", expected_version)
    require(living[("member", found.id)] == 0, "E_IN_USE", "its nodes and relays go first")
    count_living("city", found.city, -1)
    return put("member", members, found, MemberRetired, former)
