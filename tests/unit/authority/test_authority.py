"""What a member's authority issues, renews and revokes, and all that it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.authority.authority import CERTIFICATE_DAYS, DAY_MS, Asked, MemberAuthority
from node.authority.register import Use
from node.errors import CityError
from node.identity.certificates import check_issued, check_time, from_pem
from node.identity.errors import BadSm2Certificate
from node.identity.revocation import RevocationList, read_list
from node.identity.suite import get_suite
from tests.unit.authority.conftest import World

PLAIN = Asked()
SERVER = ("sz.px.example", "10.1.2.3", "::1")


def refused(world: World, code: str, do: Any) -> str:
    """The reason; nothing has changed."""
    before = world.contents()
    with pytest.raises(CityError) as caught:
        do()
    assert caught.value.code == code, caught.value
    assert world.contents() == before
    return str(caught.value)


def listed(world: World, use: Use = Use.IDENTITY) -> RevocationList:
    authority = world.authority
    name = "ca.crl" if use is Use.IDENTITY else "node-ca.crl"
    data = from_pem((authority.folder / name).read_bytes(), "X509 CRL")
    return read_list(authority.suite_for(use), data, authority.certificate(use))


def test_a_certificate_names_member_holder_and_roles_and_is_the_authoritys(world: World) -> None:
    key, request = world.request("buyer", ("maker", "checker"), organization="PX")
    made = world.authority.issue(world.keys, Use.IDENTITY, request, Asked())
    assert (made.organization, made.name, made.roles) == ("PX", "buyer", ("maker", "checker"))
    assert made.public_key == key.public_key and not made.is_authority
    check_issued(world.suite, made, world.authority.certificate(Use.IDENTITY))
    check_time(made, world.at["ms"])
    assert made.not_after_ms == world.at["ms"] + CERTIFICATE_DAYS * DAY_MS
    (entry,) = world.authority.register.entries()
    assert (entry.serial, entry.der) == (made.serial, made.der)


def test_a_nodes_certificate_is_p256_and_names_its_hosts_whatever_the_suite(world: World) -> None:
    key, request = world.request("shenzhen", (), hosts=SERVER)
    made = world.authority.issue(world.keys, Use.NODE, request, Asked())
    assert (made.suite_id, made.hosts, made.public_key) == (
        get_suite("intl").id,
        SERVER,
        key.public_key,
    )
    check_issued(get_suite("intl"), made, world.authority.certificate(Use.NODE))
    with pytest.raises(BadSm2Certificate):
        check_issued(world.suite, made, world.authority.certificate(Use.IDENTITY))


def test_what_does_not_fit_the_member_its_roles_or_its_use_is_refused(world: World) -> None:
    authority, keys = world.authority, world.keys

    def issue(use: Use, request: bytes, asked: Asked = PLAIN) -> Any:
        return lambda: authority.issue(keys, use, request, asked)

    _, plain = world.request()
    broken = bytearray(plain)
    broken[-1] ^= 1
    for code, do in (
        ("CITY-2034", issue(Use.IDENTITY, world.request(organization="HB")[1])),
        ("CITY-2034", issue(Use.IDENTITY, world.request(roles=("regulator",))[1])),
        ("CITY-2034", issue(Use.IDENTITY, world.request(roles=("Maker",))[1])),
        ("CITY-2034", issue(Use.IDENTITY, plain, Asked(roles=("maker", "admin")))),
        ("CITY-2034", issue(Use.IDENTITY, plain, Asked(name="seller"))),
        ("CITY-2034", issue(Use.IDENTITY, world.request("买家")[1])),
        ("CITY-2034", issue(Use.IDENTITY, plain, Asked(hosts=("localhost",)))),
        ("CITY-1002", issue(Use.IDENTITY, plain, Asked(days=0))),
        ("CITY-1002", issue(Use.IDENTITY, plain, Asked(days=4_000))),
        ("CITY-2012", issue(Use.IDENTITY, bytes(broken))),
        ("CITY-2012", issue(Use.IDENTITY, b"")),
        ("CITY-2012", issue(Use.IDENTITY, plain + b"\0")),
        ("CITY-2034", issue(Use.IDENTITY, plain, Asked(roles=("",)))),
    ):
        refused(world, code, do)
    if world.suite.name == "intl":
        refused(world, "CITY-2034", issue(Use.NODE, plain))
    else:
        refused(world, "CITY-2012", issue(Use.NODE, plain))


def test_a_name_has_one_holder_and_a_key_one_name(world: World) -> None:
    key, request = world.request()
    first = world.authority.issue(world.keys, Use.IDENTITY, request, Asked())
    refused(world, "CITY-2035", lambda: world.issue("buyer"))
    refused(world, "CITY-2034", lambda: world.issue("seller", key=key))
    _, other = world.request()
    renewed = world.authority.issue(world.keys, Use.IDENTITY, other, Asked(renews=True))
    assert renewed.serial != first.serial and renewed.public_key != first.public_key
    world.later(CERTIFICATE_DAYS + 1)
    world.issue("buyer")  # both have expired


def test_a_renewal_is_for_the_same_key_and_says_the_same(world: World) -> None:
    first = world.issue("buyer", roles=("maker", "kyc"))
    world.later(300)
    second = world.authority.renew(world.keys, "buyer", 100)
    assert (second.name, second.roles, second.public_key, second.organization) == (
        first.name,
        first.roles,
        first.public_key,
        "PX",
    )
    assert second.serial != first.serial
    assert second.not_after_ms == world.at["ms"] + 100 * DAY_MS
    world.authority.revoke(world.keys, f"{second.serial:x}", "superseded")
    refused(world, "CITY-2034", lambda: world.authority.renew(world.keys, "buyer", 100))


def test_nothing_outlives_the_authority_and_an_expired_one_issues_nothing(world: World) -> None:
    end_ms = world.authority.certificate(Use.IDENTITY).not_after_ms
    world.at["ms"] = end_ms - 10 * DAY_MS
    assert world.issue("buyer").not_after_ms == end_ms
    world.at["ms"] = end_ms + 1
    refused(world, "CITY-2034", lambda: world.issue("seller"))


def test_a_revocation_stands_in_the_next_list_with_its_reason_and_is_for_good(world: World) -> None:
    assert listed(world).revoked == () and listed(world, Use.NODE).number == 1
    key, request = world.request()
    made = world.authority.issue(world.keys, Use.IDENTITY, request, Asked())
    world.later(1)
    world.authority.revoke(world.keys, "buyer", "key_compromise")
    found = listed(world)
    assert found.number == 2 and found.names(made.serial)
    (entry,) = found.revoked
    assert (entry.time_ms, entry.reason) == (world.at["ms"], "key_compromise")
    assert listed(world, Use.NODE).revoked == ()
    refused(world, "CITY-2037", lambda: world.authority.revoke(world.keys, "buyer", "unspecified"))
    refused(world, "CITY-2036", lambda: world.authority.revoke(world.keys, "nobody", "unspecified"))
    refused(world, "CITY-1002", lambda: world.authority.revoke(world.keys, "buyer", "boredom"))
    reason = refused(world, "CITY-2034", lambda: world.issue("buyer", key=key))
    assert "compromised" in reason
    assert world.issue("buyer").public_key != key.public_key


def test_an_authority_is_found_again_and_never_made_over_another(
    world: World, tmp_path: Path
) -> None:
    made = world.issue("buyer")
    again = MemberAuthority(world.authority.folder, lambda: world.at["ms"])
    assert (again.member, again.roles) == ("PX", ("checker", "kyc", "maker"))
    assert again.find("buyer").serial == made.serial
    again.close()
    before = world.contents()
    with pytest.raises(CityError, match="CITY-2030"):
        MemberAuthority.create(world.authority.folder, "PX", world.suite, None, dev=True)
    assert world.contents() == before
    with pytest.raises(CityError, match="CITY-2030"):
        MemberAuthority(tmp_path / "nowhere")
    for name in ("", "P X", "-PX", "P" * 33):
        with pytest.raises(CityError, match="CITY-1002"):
            MemberAuthority.create(tmp_path / "new", name, world.suite, None, dev=True)
    assert not (tmp_path / "new").exists()


def test_keys_are_encrypted_and_open_with_the_password_alone(tmp_path: Path) -> None:
    authority = MemberAuthority.create(tmp_path / "ca", "PX", get_suite("sm"), b"one")
    for path in authority.folder.glob("*.key"):
        assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY")
        assert path.stat().st_mode & 0o777 == 0o600
    for word, code in ((b"two", "CITY-2006"), (None, "CITY-2006")):
        with pytest.raises(CityError, match=code):
            authority.unlock(word)
    authority.close()
