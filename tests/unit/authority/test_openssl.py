"""The openssl tool on the other side: it reads and verifies what is made here, and what it makes is taken here.

For SM2 the tool is told the default id (`distid`). Its `verify -crl_check` cannot be told it for lists, so an
SM2 list's signature is checked with `dgst`.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from node.authority.authority import Asked
from node.authority.register import Use
from node.identity.certificates import check_issued, from_pem, parse, to_pem
from node.identity.errors import BadSm2Certificate
from node.identity.keyfile import encode_key, read_key
from node.identity.requests import read_request
from node.identity.revocation import read_list
from tests.unit.authority.conftest import World

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="the openssl tool is not installed"
)
DISTID = "distid:1234567812345678"


class Tool:
    """openssl in a folder, speaking one suite."""

    def __init__(self, folder: Path, suite: str) -> None:
        self.folder, self.is_sm = folder, suite == "sm"
        self.curve = "SM2" if self.is_sm else "prime256v1"
        self.digest = "-sm3" if self.is_sm else "-sha256"
        self.signing = ("-sigopt", DISTID) if self.is_sm else ()
        self.checking = ("-vfyopt", DISTID) if self.is_sm else ()

    def write(self, **texts: bytes) -> None:
        for name, data in texts.items():
            (self.folder / f"{name}.pem").write_bytes(data)

    def read(self, name: str, kind: str = "CERTIFICATE") -> bytes:
        return from_pem((self.folder / f"{name}.pem").read_bytes(), kind)

    def run(self, *words: str, ok: bool = True) -> str:
        found = subprocess.run(
            ("openssl", *words), cwd=self.folder, capture_output=True, text=True, timeout=60
        )
        assert (found.returncode == 0) == ok, (words, found.stdout, found.stderr)
        return found.stdout + found.stderr

    def key(self, name: str) -> None:
        self.run("ecparam", "-name", self.curve, "-genkey", "-noout", "-out", f"{name}.pem")

    def request(self, key: str, subject: str, out: str, *more: str) -> None:
        words = ("-key", f"{key}.pem", self.digest, *self.signing, "-subj", subject)
        self.run("req", "-new", *words, *more, "-out", f"{out}.pem")


@pytest.fixture
def tool(world: World, tmp_path: Path) -> Tool:
    (tmp_path / "ssl").mkdir()
    return Tool(tmp_path / "ssl", world.suite.name)


def test_openssl_verifies_chains_of_both_uses_and_shows_member_roles_and_hosts(
    world: World, tool: Tool
) -> None:
    authority, at = world.authority, str(world.at["ms"] // 1_000)
    person = world.issue("buyer", roles=("maker", "kyc"))
    request = world.request("sz", (), hosts=("sz.example", "10.0.0.1"))[1]
    node = authority.issue(world.keys, Use.NODE, request, Asked())
    tool.write(
        ca=to_pem(authority.certificate(Use.IDENTITY).der),
        nodes=to_pem(authority.certificate(Use.NODE).der),
        person=to_pem(person.der),
        node=to_pem(node.der),
    )
    words = ("-x509_strict", "-attime", at)
    tool.run("verify", *words, "-CAfile", "ca.pem", *tool.checking, "person.pem")
    for purpose in ("sslserver", "sslclient"):
        tool.run("verify", *words, "-purpose", purpose, "-verify_hostname", "sz.example",
                 "-CAfile", "nodes.pem", "node.pem")  # fmt: skip
    tool.run("verify", *words, "-CAfile", "nodes.pem", *tool.checking, "person.pem", ok=False)
    subject = tool.run("x509", "-in", "person.pem", "-noout", "-subject")
    assert "O = PX, OU = maker, OU = kyc, CN = buyer" in subject
    text = tool.run("x509", "-in", "node.pem", "-noout", "-text")
    assert "DNS:sz.example, IP Address:10.0.0.1" in text and "CA:FALSE" in text
    text = tool.run("x509", "-in", "ca.pem", "-noout", "-text")
    assert "CA:TRUE, pathlen:0" in text and "Certificate Sign, CRL Sign" in text


def test_openssl_reads_our_request_key_and_list(world: World, tool: Tool) -> None:
    key, request = world.request("buyer", ("maker",))
    made = world.authority.issue(world.keys, Use.IDENTITY, request, Asked())
    world.authority.revoke(world.keys, "buyer", "superseded")
    other = world.issue("seller")
    tool.write(
        ca=to_pem(world.authority.certificate(Use.IDENTITY).der),
        csr=to_pem(request, "CERTIFICATE REQUEST"),
        key=encode_key(key, b"word"),
        crl=(world.authority.folder / "ca.crl").read_bytes(),
        buyer=to_pem(made.der),
        seller=to_pem(other.der),
    )
    tool.run("req", "-in", "csr.pem", "-noout", "-verify", *tool.checking)
    public = tool.run("pkey", "-in", "key.pem", "-passin", "pass:word", "-pubout")
    assert public == tool.run("x509", "-in", "buyer.pem", "-noout", "-pubkey")
    text = tool.run("crl", "-in", "crl.pem", "-noout", "-text")
    assert f"{made.serial:X}" in text and "Superseded" in text and "CRL Number" in text
    tool.run("x509", "-in", "ca.pem", "-noout", "-pubkey", "-out", "pub.pem")
    _split_list(tool, tool.read("crl", "X509 CRL"))
    words = ("-verify", "pub.pem", "-signature", "crl.sig", "crl.tbs")
    assert "OK" in tool.run("dgst", tool.digest, *tool.signing, *words)
    if not tool.is_sm:
        at = ("-attime", str(world.at["ms"] // 1_000), "-crl_check", "-CRLfile", "crl.pem")
        tool.run("verify", *at, "-CAfile", "ca.pem", "seller.pem")
        assert "revoked" in tool.run("verify", *at, "-CAfile", "ca.pem", "buyer.pem", ok=False)


def _split_list(tool: Tool, der: bytes) -> None:
    from asn1crypto.crl import CertificateList

    found = CertificateList.load(der)
    (tool.folder / "crl.tbs").write_bytes(found["tbs_cert_list"].dump())
    (tool.folder / "crl.sig").write_bytes(found["signature"].native)


def test_the_authority_takes_a_request_that_openssl_made(world: World, tool: Tool) -> None:
    """Eight keys: half of openssl's ECDSA signatures have the high s, which no transaction may have."""
    for number in range(8):
        tool.key(f"k{number}")
        tool.request(f"k{number}", f"/O=PX/OU=maker/OU=checker/CN=user{number}", f"r{number}")
        request = tool.read(f"r{number}", "CERTIFICATE REQUEST")
        made = world.authority.issue(world.keys, Use.IDENTITY, request, Asked())
        assert (made.name, made.roles) == (f"user{number}", ("maker", "checker"))
        held = read_key_of_tool(tool, f"k{number}")
        assert held == made.public_key
    node = Tool(tool.folder, "intl")
    node.key("nk")
    node.request("nk", "/CN=sz", "nr", "-addext", "subjectAltName=DNS:sz.example,IP:10.0.0.1")
    request = node.read("nr", "CERTIFICATE REQUEST")
    assert world.authority.issue(world.keys, Use.NODE, request, Asked()).hosts == (
        "sz.example",
        "10.0.0.1",
    )


def read_key_of_tool(tool: Tool, name: str) -> bytes:
    """The public key of a key that the tool made, encrypted as the tool does it by default."""
    words = ("-in", f"{name}.pem", "-v2", "aes-256-cbc", "-scrypt", "-passout", "pass:w")
    tool.run("pkcs8", "-topk8", *words, "-out", f"{name}.enc")
    (tool.folder / f"{name}.enc").chmod(0o600)
    return read_key(tool.folder / f"{name}.enc", b"w").public_key


def test_certificates_and_lists_of_an_authority_run_with_openssl_are_taken_here(
    world: World, tool: Tool
) -> None:
    tool.key("cak")
    ca_subject = "/O=PX/OU=authority/CN=PX root"
    tool.request("cak", ca_subject, "root", "-x509", "-days", "30",
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    (tool.folder / "ca.cnf").write_text(_CA_CONFIG.format(digest=tool.digest[1:]))
    for name in ("index.txt", "index.txt.attr"):
        (tool.folder / name).write_text("")
    for name in ("serial", "crlnumber"):
        (tool.folder / name).write_text("1000\n")
    base = ("ca", "-batch", "-config", "ca.cnf", *tool.signing, "-cert", "root.pem")
    base += ("-keyfile", "cak.pem")
    authority = parse(tool.read("root"))
    for name in ("alice", "bob"):
        tool.key(name)
        tool.request(name, f"/O=PX/OU=maker/CN={name}", f"{name}-r")
        words = ("-notext", *tool.checking, "-in", f"{name}-r.pem", "-out", f"{name}-c.pem")
        tool.run(*base, *words)
        found = parse(tool.read(f"{name}-c"))
        check_issued(world.suite, found, authority)
        assert (found.organization, found.name, found.roles) == ("PX", name, ("maker",))
    tool.run(*base, "-revoke", "bob-c.pem", "-crl_reason", "keyCompromise")
    tool.run(*base, "-gencrl", "-out", "list.pem")
    found_list = read_list(world.suite, tool.read("list", "X509 CRL"), authority)
    bob, alice = (parse(tool.read(f"{name}-c")) for name in ("bob", "alice"))
    assert found_list.names(bob.serial) and not found_list.names(alice.serial)
    assert found_list.revoked[0].reason == "key_compromise" and found_list.number == 0x1000
    with pytest.raises(BadSm2Certificate):
        read_list(
            world.suite,
            tool.read("list", "X509 CRL"),
            world.authority.certificate(Use.IDENTITY),
        )
    with pytest.raises(BadSm2Certificate):
        check_issued(world.suite, alice, world.authority.certificate(Use.IDENTITY))


def test_a_request_signed_without_the_default_id_is_refused(world: World, tool: Tool) -> None:
    if not tool.is_sm:
        pytest.skip("only SM2 signs under an id")
    tool.key("k")
    for name, words in (("none", ()), ("other", ("-sigopt", "distid:ALICE123@YAHOO.COM"))):
        tool.run(
            "req", "-new", "-key", "k.pem", "-sm3", *words, "-subj", "/CN=x", "-out", f"{name}.pem"
        )
        with pytest.raises(BadSm2Certificate, match="not signed by its key"):
            read_request(world.suite, tool.read(name, "CERTIFICATE REQUEST"))


def changed(der: bytes, at: int) -> bytes:
    broken = bytearray(der)
    broken[at] ^= 1 << at % 8
    return bytes(broken)


def test_no_byte_of_what_openssl_made_is_free(world: World, tool: Tool) -> None:
    tool.key("k")
    tool.request("k", "/O=PX/OU=maker/CN=x", "r")
    der: Any = tool.read("r", "CERTIFICATE REQUEST")
    read_request(world.suite, der)
    for at in range(len(der)):
        with pytest.raises(BadSm2Certificate):
            read_request(world.suite, changed(der, at))


_CA_CONFIG = """
[ca]
default_ca = own
[own]
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = .
default_md = {digest}
default_days = 20
default_crl_days = 7
policy = any
unique_subject = no
email_in_dn = no
x509_extensions = holder
crl_extensions = list
[any]
organizationName = optional
organizationalUnitName = optional
commonName = supplied
[holder]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[list]
authorityKeyIdentifier = keyid
"""
