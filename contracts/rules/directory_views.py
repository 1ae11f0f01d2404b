"""Entries of a consortium's directory as they are told, and what of each is its member's word alone."""

from rules.directory_machine import CHANNEL, CITY, NODE, ORGANISATION, RELAY
from rules.directory_records import channels, cities, members, nodes, relays


def records_of(kind: str):
    if kind == "city":
        return cities
    if kind == "member":
        return members
    if kind == "node":
        return nodes
    return channels if kind == "channel" else relays


def table_of(kind: str) -> tuple:
    if kind == "city":
        return CITY
    if kind == "member":
        return ORGANISATION
    if kind == "node":
        return NODE
    return CHANNEL if kind == "channel" else RELAY


def place_of(city: str) -> dict:
    found = cities[city]
    return {
        "city": city, "region": found.region, "zone": found.zone, "jurisdiction": found.jurisdiction
    }  # fmt: skip


def described(kind: str, found) -> dict:
    """A record as it is told. claimed: what is its member's word and nothing more."""
    head = {
        "kind": kind, "id": found.id, "state": found.state, "version": found.version,
        "entered_ms": found.entered_ms,
    }  # fmt: skip
    head.update(body_of(kind, found))
    return head


def body_of(kind: str, found) -> dict:
    if kind == "city":
        return described_city(found)
    if kind == "member":
        return described_member(found)
    if kind == "node":
        return described_node(found)
    return described_channel(found) if kind == "channel" else described_relay(found)


def described_city(found) -> dict:
    return {
        "region": found.region, "zone": found.zone, "jurisdiction": found.jurisdiction,
        "proposed_by": found.parties["proposer"], "confirmed_by": found.parties["confirmer"],
        "claimed": [] if found.parties["confirmer"] else ["region", "zone", "jurisdiction"],
    }  # fmt: skip


def described_member(found) -> dict:
    shown = {
        "name": found.name, "admin": found.admin, "authority": found.authority,
        "claimed": ["name", "city", "authority"],
    }  # fmt: skip
    shown.update(place_of(found.city))
    return shown


def described_node(found) -> dict:
    shown = {
        "owner": found.parties["owner"], "keys": found.keys, "api": found.api, "peer": found.peer,
        "certificate": found.certificate, "roles": list(found.roles),
        "claimed": ["city", "keys", "api", "peer", "certificate", "roles"],
    }  # fmt: skip
    shown.update(place_of(found.city))
    return shown


def described_channel(found) -> dict:
    proven = found.sealed_height > 0
    return {
        "name": found.name, "listed_by": found.parties["lister"], "suite": found.suite,
        "engine": found.engine, "validators": list(found.nodes),
        "followers": [list(one) for one in found.followers], "zone": found.zone,
        "jurisdiction": found.jurisdiction, "contracts": list(found.contracts), "epoch": found.epoch,
        "standing": "PROVEN" if proven else "CLAIMED", "sealed_height": found.sealed_height,
        "sealed_ms": found.sealed_ms, "said_by": found.said_by,
        "claimed": ["state"] if proven else ["state", "that it runs"],
    }  # fmt: skip


def described_relay(found) -> dict:
    return {
        "member": found.parties["member"], "carrier_of": found.kind, "carries": list(found.carries),
        "claimed": ["carrier_of", "carries"],
    }  # fmt: skip
