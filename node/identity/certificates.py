"""Certificates (X.509 v3) of members' authorities and of whom they issue to: depth one.

A certificate carries O = the member, CN = the holder, one OU a role; a node's transport certificate also its
hosts. SM2 in the `sm` suite, P-256 in `intl` and for transport. Strict: DER only, at most 16 KiB, keys in
their one form, known critical extensions only, names compared byte by byte. The `openssl` tool reads and
verifies them (`openssl verify -vfyopt distid:1234567812345678`), and what it makes reads here.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asn1crypto import core, x509

from node.identity import asn1
from node.identity.asn1 import from_pem, to_pem
from node.identity.errors import BAD_ASN1, BadSm2Certificate
from node.identity.suite import Signer, Suite

__all__ = [
    "CERTIFICATE_BYTES_MAX",
    "Certificate",
    "Holder",
    "check_issued",
    "check_time",
    "from_pem",
    "issue",
    "make_authority",
    "parse",
    "to_pem",
]

CERTIFICATE_BYTES_MAX = 16 * 1024
AUTHORITY_ROLE = "authority"
HOSTS_MAX = 16
_KNOWN = (
    "basic_constraints",
    "key_usage",
    "key_identifier",
    "authority_key_identifier",
    "extended_key_usage",
    "subject_alt_name",
)
_AUTHORITY_USES = {"key_cert_sign", "crl_sign"}
_HOLDER_USES = {"digital_signature", "non_repudiation"}
_NODE_USES = {"digital_signature"}


@dataclass(frozen=True, slots=True)
class Certificate:
    """One parsed certificate. issuer, subject: DER of the names; key_id: names its key, may be empty."""

    der: bytes
    suite_id: int
    serial: int
    issuer: bytes
    subject: bytes
    organization: str
    name: str
    roles: tuple[str, ...]
    public_key: bytes
    key_id: bytes
    not_before_ms: int
    not_after_ms: int
    is_authority: bool
    uses: frozenset[str]
    hosts: tuple[str, ...]

    @property
    def role(self) -> str:
        """The role of a certificate that has exactly one, else empty."""
        return self.roles[0] if len(self.roles) == 1 else ""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a certificate is for. organization: empty for one that stands for itself. hosts: DNS names and IP
    addresses of a node; with them the certificate is good for both ends of TLS."""

    name: str
    roles: tuple[str, ...]
    public_key: bytes
    organization: str = ""
    hosts: tuple[str, ...] = ()

    @property
    def role(self) -> str:
        """The role of a holder that has exactly one, else empty."""
        return self.roles[0] if len(self.roles) == 1 else ""


def make_authority(
    suite: Suite, signer: Signer, name: str, from_ms: int, until_ms: int, organization: str = ""
) -> Certificate:
    """A self-signed authority that issues to holders and to no other authority."""
    subject = asn1.name(organization or name, (AUTHORITY_ROLE,), name)
    body = _body(suite, subject, subject, signer.public_key, (from_ms, until_ms))
    key_id = suite.hash(signer.public_key)[:20]
    constraints = {"ca": True, "path_len_constraint": 0}
    body["extensions"] = _extensions(constraints, _AUTHORITY_USES, key_id, key_id)
    return parse(_signed(suite, body, signer))


def issue(
    suite: Suite, authority: Certificate, signer: Signer, holder: Holder, times: tuple[int, int]
) -> Certificate:
    """A holder's certificate. times: not before, not after, in ms. Raises BadSm2Certificate, BadKey."""
    if signer.public_key != authority.public_key or not authority.is_authority:
        raise BadSm2Certificate("the signing key is not the authority's")
    if authority.suite_id != suite.id:
        raise BadSm2Certificate("the authority is of another suite")
    issuer = x509.Name.load(authority.subject)
    subject = asn1.name(holder.organization or holder.name, holder.roles, holder.name)
    body = _body(suite, issuer, subject, holder.public_key, times)
    issuer_key_id = authority.key_id or suite.hash(authority.public_key)[:20]
    key_id = suite.hash(holder.public_key)[:20]
    uses = _NODE_USES if holder.hosts else _HOLDER_USES
    body["extensions"] = _extensions({"ca": False}, uses, key_id, issuer_key_id)
    if holder.hosts:
        body["extensions"] = [*body["extensions"], *host_extensions(holder.hosts)]
    return parse(_signed(suite, body, signer))


def parse(der: bytes) -> Certificate:
    """Reads one certificate; says nothing of its signature. Raises BadSm2Certificate."""
    found = asn1.strict(x509.Certificate, der, CERTIFICATE_BYTES_MAX)
    try:
        body = found["tbs_certificate"]
        suite_id = asn1.suite_of(body["signature"], found["signature_algorithm"])
        organization, roles, name = asn1.read_name(body["subject"])
        extensions = asn1.read_extensions(body["extensions"], _KNOWN)
        constraints = extensions.get("basic_constraints") or {"ca": False}
        return Certificate(
            der=der,
            suite_id=suite_id,
            serial=body["serial_number"].native,
            issuer=body["issuer"].dump(),
            subject=body["subject"].dump(),
            organization=organization,
            name=name,
            roles=roles,
            public_key=asn1.read_public_key(suite_id, body["subject_public_key_info"].dump()),
            key_id=extensions.get("key_identifier") or b"",
            not_before_ms=asn1.read_ms(body["validity"]["not_before"].native),
            not_after_ms=asn1.read_ms(body["validity"]["not_after"].native),
            is_authority=bool(constraints["ca"]),
            uses=frozenset(extensions.get("key_usage") or ()),
            hosts=tuple(str(host) for host in extensions.get("subject_alt_name") or ()),
        )
    except BAD_ASN1 as error:
        raise BadSm2Certificate(f"this is no certificate: {error}") from error


def check_issued(suite: Suite, certificate: Certificate, authority: Certificate) -> None:
    """Raise BadSm2Certificate unless the authority signed the certificate for a holder. Asks for no time.

    A certificate is issued to a holder, or is the authority's own."""
    if certificate.issuer != authority.subject:
        raise BadSm2Certificate("another authority issued it")
    if not authority.is_authority or "key_cert_sign" not in authority.uses:
        raise BadSm2Certificate("the issuing certificate is not an authority")
    if certificate.is_authority != (certificate.der == authority.der):
        raise BadSm2Certificate("an authority issues to holders only")
    if {certificate.suite_id, authority.suite_id} != {suite.id}:
        raise BadSm2Certificate(f"it is not of the suite {suite.name}")
    found = x509.Certificate.load(certificate.der)
    body, signature = found["tbs_certificate"], found["signature_value"]
    if not asn1.holds(suite, authority.public_key, body, signature):
        raise BadSm2Certificate("the authority did not sign it")


def check_time(certificate: Certificate, at_ms: int) -> None:
    """Raise BadSm2Certificate where a certificate does not hold at a time."""
    if at_ms < certificate.not_before_ms:
        raise BadSm2Certificate("it is not valid yet")
    if at_ms > certificate.not_after_ms:
        raise BadSm2Certificate("it has expired")


def host_extensions(hosts: Sequence[str]) -> list[dict[str, Any]]:
    """Names of a node and what TLS may use it for. Raises BadSm2Certificate for what is no host."""
    if len(hosts) > HOSTS_MAX:
        raise BadSm2Certificate(f"a certificate names at most {HOSTS_MAX} hosts")
    names = x509.GeneralNames([_general_name(host) for host in hosts])
    both_ends = x509.ExtKeyUsageSyntax(["server_auth", "client_auth"])
    return [
        {"extn_id": "extended_key_usage", "critical": False, "extn_value": both_ends},
        {"extn_id": "subject_alt_name", "critical": False, "extn_value": names},
    ]


# ---- inside --------------------------------------------------------------------------------------


def _body(
    suite: Suite,
    issuer: x509.Name,
    subject: x509.Name,
    public_key: bytes,
    times: tuple[int, int],
) -> x509.TbsCertificate:
    return x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": int.from_bytes(secrets.token_bytes(16), "big") >> 1 | 1 << 125,
            "signature": asn1.algorithm(suite.id),
            "issuer": issuer,
            "validity": {"not_before": asn1.time(times[0]), "not_after": asn1.time(times[1])},
            "subject": subject,
            "subject_public_key_info": asn1.spki(suite.id, public_key),
        }
    )


def _extensions(
    constraints: dict[str, Any], uses: set[str], key_id: bytes, issuer_key_id: bytes
) -> list[dict[str, Any]]:
    return [
        {"extn_id": "basic_constraints", "critical": True, "extn_value": x509.BasicConstraints(constraints)},
        {"extn_id": "key_usage", "critical": True, "extn_value": x509.KeyUsage(uses)},
        {"extn_id": "key_identifier", "critical": False, "extn_value": core.OctetString(key_id)},
        {"extn_id": "authority_key_identifier", "critical": False,
         "extn_value": x509.AuthorityKeyIdentifier({"key_identifier": issuer_key_id})},
    ]  # fmt: skip


def _signed(suite: Suite, body: Any, signer: Signer) -> bytes:
    return asn1.signed(
        x509.Certificate, "tbs_certificate", "signature_value", body, suite.id, signer
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.GeneralName("ip_address", str(ipaddress.ip_address(host)))
    except ValueError:
        pass  # not an address, so a DNS name
    if not host or not host.isascii() or len(host) > 253 or any(c in host for c in " /:@"):
        raise BadSm2Certificate(f"{host!r} is no DNS name and no IP address")
    return x509.GeneralName("dns_name", host)
