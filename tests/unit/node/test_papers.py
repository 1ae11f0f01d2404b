"""Identities come in by certificates of their member's authority: what the chain checks and refuses."""

from __future__ import annotations

import time
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.authority.authority import DAY_MS, Asked, Keys, MemberAuthority
from node.authority.register import Use
from node.identity.certificates import Certificate
from node.identity.keys import PrivateKey
from node.identity.requests import make_request
from node.sdk.changes import send_change
from node.sdk.errors import ContractError
from tests.unit.node.governing import SPARE, Chain, channel
from tests.unit.node.network import SUITE

START_MS = 1_900_000_000_000


@dataclass
class House:
    """Member M0 with its authority, on a channel that knows it."""

    chain: Chain
    authority: MemberAuthority
    keys: Keys

    def certificate(
        self, name: str = "second", roles: tuple[str, ...] = ("admin", "maker"), days: int = 100
    ) -> tuple[PrivateKey, Certificate]:
        key = SUITE.generate_key()
        request = make_request(SUITE, SUITE.signer(key), name, roles)
        asked = Asked(days=days, renews=True)
        return key, self.authority.issue(self.keys, Use.IDENTITY, request, asked)

    def enrol(self, found: Certificate, who: str = "admin0", **changed: Any) -> Any:
        args = {
            "name": found.name,
            "member_id": "M0",
            "public_key": found.public_key,
            "roles": ["admin"],
            "certificate": found.der,
            "serial": str(found.serial),
        }
        return self.chain.send(who, "add_identity", **(args | changed))


def authority(folder: Path, member: str) -> MemberAuthority:
    return MemberAuthority.create(folder, member, SUITE, None, dev=True, now_ms=lambda: START_MS)


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = authority(tmp_path / "M0", "M0")
    chain = Chain(channel()[0])
    chain.time_ms = START_MS
    args = {"member_id": "M0", "certificate": made.certificate(Use.IDENTITY).der}
    assert chain.send("admin0", "set_authority", **args).value["in_force"]
    assert chain.loaded() == chain.state
    return House(chain, made, made.unlock(None, dev=True))


def test_an_identity_comes_in_by_its_certificate_with_roles_that_it_names(house: House) -> None:
    _, found = house.certificate()
    assert house.enrol(found).value["in_force"]
    assert house.chain.state.certificates[0].der == found.der
    assert house.chain.loaded() == house.chain.state
    digest = house.chain.digest("second")
    raised = house.chain.send("admin0", "set_roles", identity=digest, roles=["admin", "kyc"])
    assert (raised.code, raised.message) == (
        "E_CERTIFICATE",
        "the certificate does not name the role kyc",
    )
    # A role that the member may not give yet is still for the others to decide.
    asked = house.chain.send("admin0", "set_roles", identity=digest, roles=["admin", "maker"])
    assert not asked.code and not asked.value["in_force"]


def test_what_the_certificate_does_not_say_is_refused(house: House, tmp_path: Path) -> None:
    _, found = house.certificate()
    _, other = house.certificate("third")
    stranger = authority(tmp_path / "X", "M0")  # the same name, another key
    key = SUITE.generate_key()
    request = make_request(SUITE, SUITE.signer(key), "second", ("admin",))
    forged = stranger.issue(stranger.unlock(None, dev=True), Use.IDENTITY, request, Asked())
    broken = bytearray(found.der)
    broken[-1] ^= 1
    own = house.authority.certificate(Use.IDENTITY)
    for changed in (
        {"certificate": ""},
        {"certificate": "", "serial": ""},
        {"serial": ""},
        {"serial": "7"},
        {"name": "somebody"},
        {"public_key": SPARE[0]},
        {"roles": ["admin", "kyc"]},
        {"certificate": other.der, "serial": str(other.serial)},
        {"certificate": bytes(broken)},
        {"certificate": b"no certificate"},
        {"certificate": found.der + b"\0"},
        {"certificate": own.der, "serial": str(own.serial), "public_key": own.public_key},
    ):
        assert house.enrol(found, **changed).code == "E_CERTIFICATE", changed
    assert house.enrol(forged).code == "E_CERTIFICATE"
    moved = house.enrol(found, member_id="M1")
    assert (moved.code, moved.message) == (
        "E_CERTIFICATE",
        "M1 has no authority on this channel",
    )
    assert house.enrol(found).value["in_force"]


def test_an_expired_certificate_brings_nobody_in_and_takes_nobody_out(house: House) -> None:
    _, found = house.certificate(days=100)
    house.chain.time_ms = START_MS - DAY_MS
    assert house.enrol(found).code == "E_CERTIFICATE"
    house.chain.time_ms = START_MS + 1
    assert house.enrol(found).value["in_force"]
    house.chain.time_ms = START_MS + 2 * 365 * DAY_MS  # two years on
    _, late = house.certificate("third", days=100)
    assert house.enrol(late).code == "E_CERTIFICATE"
    # Whoever is in goes on: only a revocation ends that.
    assert any(i.name == "second" for i in house.chain.state.config.identities)
    assert house.chain.send("second", "set_policy", kind="set-limits", policy="any of members")


def test_a_new_key_comes_with_a_new_certificate_of_the_same_person(house: House) -> None:
    _, first = house.certificate()
    house.enrol(first)
    key, second = house.certificate()
    args = {"identity": house.chain.digest("second"), "public_key": key.public_key}
    plain = house.chain.send("admin0", "replace_identity_key", certificate="", serial="", **args)
    assert plain.code == "E_CERTIFICATE"
    _, third = house.certificate("third")
    papers = {"certificate": third.der, "serial": str(third.serial)}
    assert (
        house.chain.send("admin0", "replace_identity_key", **args, **papers).code == "E_CERTIFICATE"
    )
    papers = {"certificate": second.der, "serial": str(second.serial)}
    assert house.chain.send("admin0", "replace_identity_key", **args, **papers).value["in_force"]
    (held,) = house.chain.state.certificates
    assert held.der == second.der


def test_a_revoked_certificate_is_out_with_its_holder_and_never_comes_back(house: House) -> None:
    _, found = house.certificate()
    house.enrol(found)
    serial = str(found.serial)
    done = house.chain.send("admin0", "revoke_certificate", member_id="M0", serial=serial)
    assert done.value["in_force"]
    assert all(i.name != "second" for i in house.chain.state.config.identities)
    assert house.enrol(found).code in ("E_REVOKED", "E_KEY_USED")


def test_a_members_authority_is_its_own_affair_and_another_member_needs_the_policy(
    house: House,
) -> None:
    chain = house.chain
    der = house.authority.certificate(Use.IDENTITY).der
    assert chain.send("admin0", "set_authority", member_id="M0", certificate=der).code == (
        "E_NO_CHANGE"
    )
    _, holder = house.certificate()
    transport = house.authority.certificate(Use.NODE).der  # of P-256
    for wrong in (holder.der, transport, b"x"):
        refused = chain.send("admin0", "set_authority", member_id="M0", certificate=wrong)
        assert refused.code == "E_CERTIFICATE"
    unknown = chain.send("admin0", "set_authority", member_id="M9", certificate=der)
    assert unknown.code == "E_UNKNOWN_MEMBER"
    asked = chain.send("admin0", "set_authority", member_id="M1", certificate=der)
    assert not asked.value["in_force"]
    gone = chain.send("admin0", "set_authority", member_id="M0", certificate="")
    assert gone.value["in_force"] and not chain.state.authorities


class Idle:
    """A client of a channel whose last block is old; each transaction makes a block of `now_ms`."""

    def __init__(self, chain: Chain, now_ms: int) -> None:
        self.chain, self.now_ms, self.sent = chain, now_ms, 0

    def query(self, contract: str, method: str, args: Any = None) -> Any:
        if method == "show":
            return SimpleNamespace(height=self.chain.height)
        kept = (self.chain.state, self.chain.height, dict(self.chain.stored))
        outcome = self.chain.send("admin0", method, **args)
        self.chain.state, self.chain.height, self.chain.stored = kept
        return self._taken(outcome)

    def block(self, height: int) -> Any:
        assert height == self.chain.height
        return SimpleNamespace(header={"timestamp_ms": self.chain.time_ms})

    def call(self, contract: str, method: str, args: Any, gas_limit: int) -> Any:
        self.sent += 1
        outcome = self.chain.send("admin0", method, **args)
        self.chain.time_ms = self.now_ms
        return self._taken(outcome)

    @staticmethod
    def _taken(outcome: Any) -> Any:
        if outcome.code:
            raise ContractError("CITY-4001", reason=outcome.code, contract="", method="", detail="")
        return outcome


def test_on_an_idle_channel_a_certificate_of_today_comes_in_by_a_second_try(house: House) -> None:
    _, found = house.certificate()
    args = {
        "name": found.name,
        "member_id": "M0",
        "public_key": found.public_key,
        "roles": ["admin"],
        "certificate": b64encode(found.der).decode(),
        "serial": str(found.serial),
    }
    house.chain.time_ms = found.not_before_ms - 3 * DAY_MS
    net = Idle(house.chain, found.not_before_ms + 1)
    with pytest.raises(ContractError) as caught:  # it begins in 2030: no block of today helps
        send_change(net, "add_identity", args)
    assert (caught.value.reason, net.sent) == ("E_CERTIFICATE", 0)

    today = MemberAuthority.create(
        house.authority.folder.parent / "now", "M0", SUITE, None, dev=True
    )
    der = b64encode(today.certificate(Use.IDENTITY).der).decode()
    house.chain.time_ms = 1_000
    net = Idle(house.chain, time.time_ns() // 1_000_000)
    asked = {"member_id": "M0", "certificate": der}
    assert send_change(net, "set_authority", asked).value["in_force"]
    assert net.sent == 2
    with pytest.raises(ContractError) as again:
        send_change(net, "set_authority", asked)
    assert (again.value.reason, net.sent) == ("E_NO_CHANGE", 2)
