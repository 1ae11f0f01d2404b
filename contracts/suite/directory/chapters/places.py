"""Cities: where they are, said by one member and confirmed by another. Table CITY."""

from rules.directory_machine import CITY
from rules.directory_records import (
    TEXT_MAX,
    ZONES,
    City,
    CityConfirmed,
    CityProposed,
    CityRetired,
    change,
    cities,
    living,
    put,
    require_jurisdiction,
    require_name,
    require_text,
)
from rules.instrument import require_step
from sdk import ctx, export, require


@export
def propose_city(name: str, region: str, zone: str, jurisdiction: str) -> str:
    """An admin says where a city is; it counts when another member confirms. Whoever proposes it again replaces
    what was proposed. Codes: E_STATE, E_NOT_PARTY, E_TEXT, E_CODE, E_LIMIT."""
    former = cities[name]
    parts = {"proposer": ctx.member, "confirmer": ""}
    require_step(CITY, "-" if former is None else former.state, "propose_city", parts)
    require_name(name)
    require_text(region, TEXT_MAX)
    require(zone in ZONES, "E_CODE", "a zone is mainland or international")
    require_jurisdiction(jurisdiction)
    made = City(name, region, zone, jurisdiction, parts, "PROPOSED")
    return put("city", cities, made, CityProposed, former)


@export
def confirm_city(name: str, expected_version: int) -> str:
    """An admin of another member agrees with the version that it has read. Codes: E_NOT_FOUND, E_STATE,
    E_NOT_PARTY, E_VERSION, E_FOUR_EYES."""
    found, former = change(CITY, cities, name, "confirm_city", expected_version)
    require(expected_version == former.version, "E_VERSION", "say which version you have read")
    other = former.parties["proposer"] != ctx.member
    require(other, "E_FOUR_EYES", "another member confirms than proposed")
    found.parties["confirmer"] = ctx.member
    return put("city", cities, found, CityConfirmed, former)


@export
def retire_city(name: str, expected_version: int = 0) -> str:
    """Nobody is there any more. Codes: E_NOT_FOUND, E_STATE, E_NOT_PARTY, E_VERSION, E_IN_USE."""
    found, former = change(CITY, cities, name, "retire_city", expected_version)
    require(living[("city", name)] == 0, "E_IN_USE", "members or nodes are registered there")
    return put("city", cities, found, CityRetired, former)
