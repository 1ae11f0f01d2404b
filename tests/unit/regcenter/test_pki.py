"""Certificates of institutions: who may speak, every way a certificate fails, and the openssl tool on the
other side."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from consensus.center_request import AuthorityQuery
from consensus.payment import Kind
from deploy.regcenter.center import Center
from deploy.regcenter.client import Wallet
from deploy.regcenter.operations import Appointment
from deploy.regcenter.pki import CERTIFICATE_MS, DAY_MS, Role
from deploy.regcenter.requests import (
    CertificateQuery,
    InstitutionQuery,
    ReportsQuery,
    RevokeCertificateQuery,
    RevokeQuery,
    StatementQuery,
)
from deploy.regcenter.store import Store
from node.identity import certificates, requests, revocation
from node.identity.certificates import Holder, from_pem, to_pem
from node.identity.errors import BadSm2Certificate
from node.identity.suite import get_suite
from tests.unit.regcenter.desk_world import City, refusal
from tests.unit.regcenter.test_center import refused
from tests.unit.suite.center_world import placement

SUITE = get_suite("sm")
DISTID = "distid:1234567812345678"


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path / "center")


def certificate(city: City, of: Wallet) -> certificates.Certificate:
    found = city.money.center.ledger.parties.pki.of(of.address)
    assert found is not None
    return found


def made(
    city: City,
    of: Wallet,
    name: str = "QB",
    role: str = Role.BANK,
    days: tuple[int, int] = (-1, 30),
    by: Wallet | None = None,
) -> CertificateQuery:
    """A certificate by the center's authority, or by another one of the same name."""
    authority, signer = city.money.center.ledger.parties.pki.authority, (by or city.root).signer
    if by is not None:
        times = (authority.not_before_ms, authority.not_after_ms)
        authority = certificates.make_authority(SUITE, signer, authority.name, *times)
    start, end = (city.now_ms + day * DAY_MS for day in days)
    holder = Holder(name, (role,), of.public_key)
    return CertificateQuery(certificates.issue(SUITE, authority, signer, holder, (start, end)).der)


def revoke(city: City, query: CertificateQuery) -> None:
    serial = certificates.parse(query.certificate).serial.to_bytes(20, "big")
    city.ask(city.root, RevokeCertificateQuery(serial))


# ---- at a request --------------------------------------------------------------------------------


def test_who_is_registered_gets_a_certificate_of_its_role(city: City) -> None:
    pool = Wallet.generate()
    city.ask(city.root, InstitutionQuery("PAY", pool.public_key))
    for wallet, name, role in (
        (city.bank, "QB", "bank"),
        (city.aml, "PBC-AML", "aml"),
        (pool, "PAY", "institution"),
    ):
        found = certificate(city, wallet)
        assert (found.name, found.role, found.public_key) == (name, role, wallet.public_key)
        certificates.check_issued(SUITE, found, city.money.center.ledger.parties.pki.authority)


@pytest.mark.parametrize("what", ["expired", "revoked"])
def test_no_institution_is_heard_without_a_certificate_that_holds_now(
    city: City, what: str
) -> None:
    """Coins, wallets, reports, statements: whatever the bank, the authority or the institution asks."""
    pool = Wallet.generate()
    city.ask(city.root, InstitutionQuery("PAY", pool.public_key))
    if what == "expired":
        city.now_ms += CERTIFICATE_MS + DAY_MS
    else:
        for wallet in (city.bank, city.aml, pool):
            revoke(city, CertificateQuery(certificate(city, wallet).der))
    code = "RC_CERTIFICATE_EXPIRED" if what == "expired" else "RC_CERTIFICATE_REVOKED"
    for operation in (
        city.send(city.bank, city.vault_coin, (city.other.address, 1_000), kind=Kind.EXCHANGE),
        city.send(city.aml, city.coin, kind=Kind.FREEZE, purpose="2026-1"),
        city.opening(city.other),
        city.instruction(pool, StatementQuery(0)),
    ):
        refused(city, code, operation)
    assert refusal(city.read, city.aml, ReportsQuery(0)) == code
    city.money.process(city.send(city.wallet, city.coin, (city.other.address, 600)))  # has none


def test_an_expired_institution_presents_the_next_certificate_and_goes_on(city: City) -> None:
    city.now_ms += CERTIFICATE_MS + DAY_MS
    answer = city.ask(city.bank, made(city, city.bank))
    assert (answer["name"], answer["role"]) == ("QB", "bank")
    city.money.process(city.opening(city.other))
    revoke(city, CertificateQuery(certificate(city, city.bank).der))
    refused(city, "RC_CERTIFICATE_REVOKED", city.opening(Wallet.generate()))
    city.ask(city.bank, made(city, city.bank))
    city.money.process(city.opening(Wallet.generate()))


# ---- presenting ----------------------------------------------------------------------------------


def test_a_certificate_that_does_not_hold_is_refused_with_the_code_of_what_is_wrong(
    city: City,
) -> None:
    stranger, good = Wallet.generate(), made(city, city.bank)
    broken = bytearray(good.certificate)
    broken[-1] ^= 1
    voided = made(city, city.bank)
    revoke(city, voided)
    cases: list[tuple[str, Wallet, CertificateQuery]] = [
        ("RC_CERTIFICATE_EXPIRED", city.bank, made(city, city.bank, days=(-30, -1))),
        ("RC_CERTIFICATE", city.bank, made(city, city.bank, days=(1, 30))),
        ("RC_CERTIFICATE_REVOKED", city.bank, voided),
        ("RC_CERTIFICATE_ROLE", city.bank, made(city, city.bank, role="aml")),
        ("RC_CERTIFICATE_ROLE", city.aml, made(city, city.aml, "PBC-AML", "court")),
        ("RC_CERTIFICATE_ROLE", city.bank, made(city, city.bank, name="XB")),
        ("RC_CERTIFICATE_ROLE", city.bank, made(city, city.bank, role="clerk")),
        ("RC_CERTIFICATE_ISSUER", city.bank, made(city, city.bank, by=stranger)),
        ("RC_CERTIFICATE_ISSUER", city.bank, CertificateQuery(bytes(broken))),
        ("RC_CERTIFICATE_KEY", city.other, good),
        ("RC_CERTIFICATE", city.bank, CertificateQuery(b"")),
        ("RC_CERTIFICATE", city.bank, CertificateQuery(good.certificate + b"\0")),
        ("RC_CERTIFICATE", city.bank, CertificateQuery(bytes(17 * 1024))),
    ]
    for code, wallet, query in cases:
        refused(city, code, city.instruction(wallet, query))
    authority = city.money.center.ledger.parties.pki.authority.der
    refused(city, "RC_CERTIFICATE_ROLE", city.instruction(city.root, CertificateQuery(authority)))
    city.ask(city.bank, good)


def test_a_new_institution_comes_in_by_its_certificate(city: City) -> None:
    bank, court, pool = (Wallet.generate() for _ in range(3))
    for wallet, name, role in (
        (bank, "NB", "bank"),
        (court, "C", "court"),
        (pool, "P", "institution"),
    ):
        city.ask(wallet, made(city, wallet, name, role))
    assert city.money.center.operators[bank.address].reserve_fen == 0
    city.money.process(city.opening(city.other, by=bank))
    city.money.process(city.send(court, city.coin, kind=Kind.FREEZE, purpose="2026-2"))
    taken = Wallet.generate()
    query = made(city, taken, "NB")
    refused(city, "RC_OPERATOR", city.instruction(taken, query))  # the name is another key's


def test_a_revoked_key_gets_no_further_with_a_new_certificate(city: City) -> None:
    city.ask(city.root, RevokeQuery(city.bank.public_key))
    refused(city, "RC_REVOKED", city.instruction(city.bank, made(city, city.bank)))
    listed = revocation.read_list(
        SUITE,
        city.money.center.ledger.parties.pki.revocation_list(city.now_ms),
        city.money.center.ledger.parties.pki.authority,
    )
    assert [each.serial for each in listed.revoked] == [certificate(city, city.bank).serial]


def test_only_the_root_key_revokes_certificates(city: City) -> None:
    query = RevokeCertificateQuery(b"\x01")
    refused(city, "RC_UNAUTHORISED", city.instruction(city.bank, query))
    for serial in (b"", bytes(21)):
        refused(city, "RC_ENCODING", city.instruction(city.root, RevokeCertificateQuery(serial)))


def test_certificates_and_revocations_survive_a_restart_and_an_old_store_gets_them(
    city: City,
) -> None:
    center = city.money.center
    revoke(city, CertificateQuery(certificate(city, city.aml).der))
    before, authority = certificate(city, city.bank), center.ledger.parties.pki.authority
    center.close()
    city.money.center = center = Center.open(center.directory, lambda: city.now_ms)
    assert (certificate(city, city.bank), center.ledger.parties.pki.authority) == (
        before,
        authority,
    )
    assert refusal(city.read, city.aml, ReportsQuery(0)) == "RC_CERTIFICATE_REVOKED"
    center.close()
    store = Store(center.directory / "ledger")
    store.write({b"j": None, **{b"C" + key: None for key, _ in store.items(b"C")}})
    store.close()
    city.money.center = Center.open(center.directory, lambda: city.now_ms)
    assert certificate(city, city.bank).serial != before.serial
    city.money.process(city.opening(city.other))


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 65])
def test_a_name_that_no_certificate_can_hold_registers_nobody(city: City, name: str) -> None:
    key = Wallet.generate().public_key
    for operation in (
        Appointment(AuthorityQuery(name, "aml", key)),
        placement(name, key, 5),
        city.instruction(city.root, InstitutionQuery(name, key)),
    ):
        refused(city, "RC_ENCODING", operation)


# ---- the bytes, and the openssl tool -------------------------------------------------------------


def openssl(folder: Path, *words: str) -> str:
    found = subprocess.run(
        ("openssl", *words), cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert found.returncode == 0, (words, found.stderr)
    return found.stdout


def _write(folder: Path, **texts: bytes) -> None:
    for name, data in texts.items():
        (folder / f"{name}.pem").write_bytes(data)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl tool is not installed")
def test_openssl_verifies_what_is_made_here_and_the_reverse(city: City, tmp_path: Path) -> None:
    pki = city.money.center.ledger.parties.pki
    request = requests.make_request(SUITE, city.bank.signer, "QB", ("bank",))
    _write(
        tmp_path,
        ca=to_pem(pki.authority.der),
        bank=to_pem(certificate(city, city.bank).der),
        csr=to_pem(request, "CERTIFICATE REQUEST"),
        crl=to_pem(pki.revocation_list(city.now_ms), "X509 CRL"),
    )
    at = str(city.now_ms // 1_000)
    words = ("-CAfile", "ca.pem", "-attime", at, "-vfyopt", DISTID, "bank.pem")
    assert "OK" in openssl(tmp_path, "verify", *words)
    text = openssl(tmp_path, "x509", "-in", "bank.pem", "-noout", "-text")
    assert "OU = bank" in text and "SM2" in text and "CA:FALSE" in text
    openssl(tmp_path, "req", "-in", "csr.pem", "-noout", "-verify", "-vfyopt", DISTID)
    assert "CRL Number" in openssl(tmp_path, "crl", "-in", "crl.pem", "-noout", "-text")

    openssl(tmp_path, "ecparam", "-name", "SM2", "-genkey", "-noout", "-out", "k.pem")
    new = ("-new", "-key", "k.pem", "-sm3", "-sigopt", DISTID, "-subj", "/O=NB/OU=bank/CN=NB")
    openssl(tmp_path, "req", *new, "-out", "r.pem")
    asked = requests.read_request(
        SUITE, from_pem((tmp_path / "r.pem").read_bytes(), "CERTIFICATE REQUEST")
    )
    assert (asked.name, asked.role) == ("NB", "bank")
    uses = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl(tmp_path, "req", "-x509", *new, "-days", "30", *uses, "-out", "own.pem")
    own = certificates.parse(from_pem((tmp_path / "own.pem").read_bytes()))
    certificates.check_issued(SUITE, own, own)
    assert own.is_authority and own.public_key == asked.public_key


def test_no_byte_of_a_certificate_of_a_request_or_of_a_list_is_free(city: City) -> None:
    pki = city.money.center.ledger.parties.pki
    authority = pki.authority

    def read_certificate(der: bytes) -> Any:
        found = certificates.parse(der)
        certificates.check_issued(SUITE, found, authority)
        return found

    cases = [
        (certificate(city, city.bank).der, read_certificate),
        (requests.make_request(SUITE, city.bank.signer, "QB", ("bank",)),
         lambda der: requests.read_request(SUITE, der)),
        (pki.revocation_list(city.now_ms), lambda der: revocation.read_list(SUITE, der, authority)),
    ]  # fmt: skip
    for der, read in cases:
        read(der)
        for at in range(0, len(der), 3):
            broken = bytearray(der)
            broken[at] ^= 1 << at % 8
            with pytest.raises(BadSm2Certificate):
                read(bytes(broken))
        for cut in (der[:-1], der + b"\0", b"", der[:7]):
            with pytest.raises(BadSm2Certificate):
                read(cut)
