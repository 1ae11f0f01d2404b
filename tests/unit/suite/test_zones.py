"""What crosses from a channel of one zone to another: commitments and their proofs, never what is resident."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from consensus.encoding import encode
from contracts.bundles import load_bundle
from contracts.runtime import structures, values
from contracts.runtime.keys import state_key
from node.genesis import channel_id
from node.identity.suite import get_suite
from node.residency import tags
from tests.unit.suite.exchange_world import Foreign

SUITE = get_suite("sm")
REGISTER, BRIDGE = "resident_register", "zone_bridge"
FIELDS = [["name", "Li Ming", "a1" * 16], ["account", "6222 0000 1111", "b2" * 16]]


class Zoned(Foreign):
    """A channel of the mainland with the register."""

    def __init__(self) -> None:
        super().__init__()
        bundle = load_bundle(REGISTER)
        self.engine.load(bundle)
        self.config = replace(
            self.config, zone="mainland", jurisdiction="CN", resident=tags(bundle)
        )
        self.id = self.channel = channel_id(SUITE.hash, self.config)

    def proof(self, name: str, key: Any) -> bytes:
        """What a node with changed software would hand out; ours make no proof of a resident object."""
        return encode(self.fact(state_key(REGISTER, name, key)))


@pytest.fixture(scope="module")
def made() -> tuple[Zoned, Foreign]:
    inland, abroad = Zoned(), Foreign()
    abroad.engine.load(load_bundle(BRIDGE))
    abroad.follows(inland)
    inland.ok("QB", REGISTER, "enter", "maker", id="P-1", fields=FIELDS)
    return inland, abroad


@pytest.fixture
def pair(made: tuple[Zoned, Foreign]) -> Iterator[tuple[Zoned, Foreign]]:
    before = [dict(chain.state) for chain in made]
    yield made
    for chain, state in zip(made, before, strict=True):
        chain.state.clear()
        chain.state.update(state)


def bring(inland: Zoned, name: str, key: Any, fact: bytes | None = None) -> dict[str, Any]:
    return {
        "channel": inland.id, "contract": REGISTER, "name": name, "key": key,
        "fact": inland.proof(name, key) if fact is None else fact,
    }  # fmt: skip


def test_a_commitment_crosses_by_its_proof_and_fields_open_against_it_one_by_one(
    pair: tuple[Zoned, Foreign],
) -> None:
    inland, abroad = pair
    root = inland.ok("anybody", REGISTER, "commitment_of", id="P-1")
    shown = abroad.ok("VB", BRIDGE, "bring_commitment", **bring(inland, "commitment", "P-1"))
    assert shown == root.hex()
    place = {k: v for k, v in bring(inland, "commitment", "P-1").items() if k != "fact"}
    assert abroad.ok("X", BRIDGE, "commitment_from", **place)["commitment"] == root.hex()
    hidden = _commitment(FIELDS[1])
    one = {"opened": FIELDS[:1], "hidden": [hidden]}
    assert abroad.ok("X", BRIDGE, "opens_to", **place, **one) is True
    wrong = {"opened": [["name", "Li Wei", "a1" * 16]], "hidden": [hidden]}
    abroad.refused("E_OPENING", "X", BRIDGE, "opens_to", **place, **wrong)
    # Nothing of the values has reached the other channel's state.
    held = b"".join((*abroad.state.keys(), *abroad.state.values()))
    assert b"Li Ming" not in held and b"6222 0000 1111" not in held
    assert b"6222 0000 1111" in b"".join(inland.state.values())


def _commitment(field: list[str]) -> bytes:
    """As rules.disclosure has it, made anew."""
    kinds = [("str", "credential-field/v1"), ("str", field[0]), ("str", field[1]),
             ("bytes", bytes.fromhex(field[2]))]  # fmt: skip
    return bytes(SUITE.hash(structures.encode(kinds)))


def test_a_proof_of_a_resident_value_is_refused_by_name_wherever_it_is_brought(
    pair: tuple[Zoned, Foreign],
) -> None:
    inland, abroad = pair
    told = inland.proof("record", "P-1")
    abroad.refused(
        "E_RESIDENCY", "VB", BRIDGE, "bring_commitment", **bring(inland, "record", "P-1")
    )
    absent = inland.proof("record", "P-9")
    for name, fact in (("record", told), ("record", absent), ("record#keeper", told)):
        abroad.refused(
            "E_RESIDENCY", "VB", "foreign_channel", "state_of",
            **bring(inland, name, "P-1", fact),
        )  # fmt: skip
    # Under another name it proves nothing.
    abroad.refused(
        "E_FOREIGN_PROOF", "VB", BRIDGE, "bring_commitment",
        **bring(inland, "commitment", "P-1", told),
    )  # fmt: skip
    assert abroad.ok("X", "foreign_channel", "get", channel=inland.id)["resident"] == list(
        inland.config.resident
    )


def test_over_the_bridge_comes_what_has_the_form_of_a_digest_and_nothing_else(
    pair: tuple[Zoned, Foreign],
) -> None:
    inland, abroad = pair
    for at, value in enumerate(("Li Ming", b"short", 7, ["a" * 64], "A" * 64)):
        inland.state[state_key(REGISTER, "note", f"N-{at}")] = values.encode(value)
        abroad.refused(
            "E_NO_COMMITMENT", "VB", BRIDGE, "bring_commitment", **bring(inland, "note", f"N-{at}")
        )
    abroad.refused(
        "E_NO_COMMITMENT", "VB", BRIDGE, "bring_commitment", **bring(inland, "note", "none")
    )
    fact = inland.proof("commitment", "P-1")
    abroad.ok("VB", BRIDGE, "bring_commitment", **bring(inland, "commitment", "P-1", fact))
    abroad.refused(
        "E_FOREIGN_PROOF", "VB", BRIDGE, "bring_commitment",
        **bring(inland, "commitment", "P-1", fact),
    )  # fmt: skip


def test_the_register_keeps_each_record_with_its_keeper_and_salts_are_used_once(
    pair: tuple[Zoned, Foreign],
) -> None:
    inland, _ = pair
    new = {"id": "P-2", "fields": FIELDS}
    inland.refused("E_ROLE", "QB", REGISTER, "enter", "reader", **new)
    for code, wrong in (
        ("E_DUPLICATE", {"id": "P-1"}), ("E_CODE", {"id": "p 2"}), ("E_OPENING", {"fields": []}),
        ("E_OPENING", {"fields": [["name", "x", "a1"]]}), ("E_OPENING", {"fields": [["name", "x"]]}),
        ("E_TEXT", {"fields": [FIELDS[0], FIELDS[0]]}),
        ("E_OPENING", {"fields": [FIELDS[0], ["other", "y", FIELDS[0][2]]]}),
        ("E_TEXT", {"fields": [["n" * 65, "x", "a1" * 16]]}),
    ):  # fmt: skip
        inland.refused(code, "QB", REGISTER, "enter", "maker", **new | wrong)
    inland.refused("E_NOT_PARTY", "VB", REGISTER, "get", id="P-1")
    inland.refused("E_NOT_PARTY", "VB", REGISTER, "remove", id="P-1")
    again = [["name", "Li Ming", "c3" * 16], FIELDS[1]]
    inland.refused("E_OPENING", "QB", REGISTER, "amend", id="P-1", fields=again)
    root = inland.ok("QB", REGISTER, "commitment_of", id="P-1")
    fresh = [[f[0], f[1], salt * 16] for f, salt in zip(FIELDS, ("c3", "d4"), strict=True)]
    assert inland.ok("QB", REGISTER, "amend", id="P-1", fields=fresh) != root
    assert inland.ok("QB", REGISTER, "get", id="P-1")["fields"] == fresh
    assert inland.ok("PBC", REGISTER, "get", "regulator", id="P-1")["version"] == 2
    inland.ok("QB", REGISTER, "remove", id="P-1")
    inland.refused("E_NOT_FOUND", "QB", REGISTER, "get", id="P-1")
    assert inland.ok("QB", REGISTER, "commitment_of", id="P-1")
    inland.refused("E_DUPLICATE", "QB", REGISTER, "enter", "maker", id="P-1", fields=FIELDS)
