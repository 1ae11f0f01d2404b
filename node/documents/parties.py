"""Parties from CSV or JSON: who is to be registered, with identifiers whose check digits fit."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.rules import codes
from node.documents.identifiers import require_identifier, require_text
from node.documents.strict import invalid, load_records, malformed, read_text
from node.errors import CityError

SIZE_MAX = 1024 * 1024
COLUMNS = (
    "party_id", "legal_name", "kind", "country", "city", "city_node", "uscc", "lei", "role",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PartyRecord:
    """One line. `city_node`: the city whose node the party uses; `role`: what it does in the story."""

    party_id: str
    legal_name: str
    kind: str
    country: str
    city: str
    city_node: str
    uscc: str
    lei: str
    role: str


def _party(row: dict[str, str]) -> PartyRecord:
    if not codes.is_code(row["party_id"]):
        invalid("party_id", row["party_id"], "1 to 16 of A-Z, 0-9 and -")
    if row["kind"] not in codes.PARTY_KINDS:
        invalid("kind", row["kind"], "one of " + ", ".join(codes.PARTY_KINDS))
    if not codes.is_city(row["city"]):
        invalid("city", row["city"], "one of " + ", ".join(code for code, _ in codes.CITIES))
    if len(row["country"]) != 2 or not codes.is_code(row["country"]):
        invalid("country", row["country"], "a country code of two letters")
    require_text("legal_name", row["legal_name"])
    if row["uscc"]:
        require_identifier("USCC", row["uscc"])
    if row["lei"]:
        require_identifier("LEI", row["lei"])
    if not (row["uscc"] or row["lei"] or row["kind"] == "authority"):
        raise CityError("CITY-1104", field=f"uscc or lei of {row['party_id']}")
    return PartyRecord(**row)


def parse_parties(data: bytes, media: str) -> tuple[PartyRecord, ...]:
    """The parties of a file; media is `csv` or `json`.

    Raises CITY-1003 (size), CITY-1102 (form, an id or identifier twice), CITY-1104, CITY-1105, CITY-1107.
    """
    rows = load_records(read_text(data, "a party file", SIZE_MAX), media, COLUMNS)
    parties = tuple(_party(row) for row in rows)
    for column in ("party_id", "uscc", "lei"):
        used = [value for party in parties if (value := getattr(party, column))]
        twice = next((value for value in used if used.count(value) > 1), None)
        if twice:
            malformed(f"the {column} {twice} stands twice")
    return parties
