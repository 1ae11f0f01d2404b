"""P-256 certificates for gRPC's TLS between city nodes.

Each member runs a small peer authority; it issues one certificate a node. gRPC's TLS knows neither
SM2 nor Ed25519 certificates, so these are P-256 whatever the channel's suite. They only encrypt:
who is at the other end is proven by the signed statement that travels in the first message and
names both certificates' fingerprints (decisions.md §4.4).
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node.errors import CityError
from node.identity.errors import BadCertificate, UnsafeKeyFile

AUTHORITY_DAYS = 3650
# A node's certificate is pinned by the channel's configuration, which alone ends it: an end of its own would
# only cut off a running validator. RFC 5280 4.1.2.5: this moment says that there is none.
NO_END = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
PEM_LEN_MAX = 16 * 1024
_BACKDATED = datetime.timedelta(minutes=5)  # clocks of two cities differ a little


@dataclass(frozen=True, slots=True)
class TransportIdentity:
    """A certificate and its private key, both PEM; the key never shows in repr."""

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate's DER, 32 bytes."""
        return fingerprint(self.certificate_pem)


def make_peer_ca(name: str, *, days: int = AUTHORITY_DAYS) -> TransportIdentity:
    """A self-signed peer authority. name: 1 to 64 characters, the member it belongs to."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    builder = (
        _builder(subject, subject, key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
    )
    return _finish(builder, key, key)


def issue_transport_certificate(
    authority: TransportIdentity,
    name: str,
    hosts: Sequence[str],
    *,
    days: int | None = None,
) -> TransportIdentity:
    """A certificate for one node, for both ends of a connection, signed by `authority`.

    hosts: DNS names and IP addresses at which others reach the node; at least one. days: None for no end.
    Raises BadCertificate when the authority is none, or a name cannot be used.
    """
    ca_certificate = load_certificate(authority.certificate_pem)
    ca_key = _load_key(authority.key_pem)
    if not _is_authority(ca_certificate):
        raise BadCertificate("the issuing certificate is not an authority")
    if ca_key.public_key() != ca_certificate.public_key():
        raise BadCertificate("the authority's key does not belong to its certificate")
    if not hosts:
        raise BadCertificate("a transport certificate names at least one host")
    key = ec.generate_private_key(ec.SECP256R1())
    both_ends = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        _builder(_name(name), ca_certificate.subject, key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both_ends), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False
        )
        .add_extension(_issuer_key_id(ca_certificate), critical=False)
    )
    return _finish(builder, key, ca_key)


def load_certificate(certificate_pem: bytes) -> x509.Certificate:
    """The one P-256 certificate of a PEM text. Raises BadCertificate."""
    if len(certificate_pem) > PEM_LEN_MAX:
        raise BadCertificate(f"a certificate has at most {PEM_LEN_MAX} bytes")
    try:
        certificates = x509.load_pem_x509_certificates(certificate_pem)
        if len(certificates) != 1:
            raise BadCertificate(f"one certificate expected, not {len(certificates)}")
        public_key = certificates[0].public_key()
    except BadCertificate:
        raise
    except Exception as error:  # the parser's own kinds are many and not all documented
        raise BadCertificate("this is no certificate that TLS can use") from error
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(
        public_key.curve, ec.SECP256R1
    ):
        raise BadCertificate("a transport certificate has a P-256 key; gRPC's TLS has no SM2")
    return certificates[0]


def fingerprint(certificate_pem: bytes) -> bytes:
    """SHA-256 of the certificate's DER, 32 bytes. Raises BadCertificate."""
    return load_certificate(certificate_pem).fingerprint(hashes.SHA256())


def verify_issued(certificate_pem: bytes, authority_pem: bytes, at: datetime.datetime) -> None:
    """Raise BadCertificate unless the authority issued the certificate and both are valid at `at`.

    at: aware datetime; the real clock for connections (decisions.md §4.10).
    """
    certificate, authority = load_certificate(certificate_pem), load_certificate(authority_pem)
    if not _is_authority(authority):
        raise BadCertificate("the issuing certificate is not an authority")
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise BadCertificate("the certificate was not issued by this authority") from error
    for what, each in (("certificate", certificate), ("authority", authority)):
        if not each.not_valid_before_utc <= at <= each.not_valid_after_utc:
            raise BadCertificate(
                f"the {what} is valid from {each.not_valid_before_utc} "
                f"to {each.not_valid_after_utc}, not at {at}"
            )


def save_transport(identity: TransportIdentity, certificate: Path, key: Path) -> None:
    """Write both files; the key is new and 0600. FileExistsError if the key exists already."""
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(identity.key_pem)
        file.flush()
        os.fsync(descriptor)
    certificate.write_bytes(identity.certificate_pem)


def load_transport(certificate: Path, key: Path) -> TransportIdentity:
    """Read both files. Raises UnsafeKeyFile (mode), BadCertificate (content), OSError."""
    with key.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode & 0o777
        if os.name == "posix" and mode & 0o177:
            raise UnsafeKeyFile(f"{key} has mode {mode:04o}; run: chmod 600 {key}")
        key_pem = file.read(PEM_LEN_MAX)
    with certificate.open("rb") as file:
        certificate_pem = file.read(PEM_LEN_MAX + 1)
    public_key = load_certificate(certificate_pem).public_key()
    if _load_key(key_pem).public_key() != public_key:
        raise BadCertificate(f"{key} does not belong to {certificate}")
    return TransportIdentity(certificate_pem, key_pem)


TRANSPORT, NEXT = "transport", "-next"


def load_transports(folder: Path) -> tuple[TransportIdentity, ...]:
    """The transport key in use and, where one is prepared with its certificate, the one that follows; each
    certificate with the key that it is for, whichever of the two files either is in: between two steps of a
    replacement they do not match by name. Raises UnsafeKeyFile, BadCertificate, CITY-2005."""
    stems = [stem for stem in (TRANSPORT, TRANSPORT + NEXT) if (folder / f"{stem}.pem").exists()]
    found, failed = [], None
    for key in stems:
        for stem in (key, *(s for s in (TRANSPORT, TRANSPORT + NEXT) if s != key)):
            try:
                found.append(load_transport(folder / f"{stem}.crt", folder / f"{key}.pem"))
                break
            except UnsafeKeyFile:
                raise
            except (BadCertificate, OSError) as error:
                failed = failed or error
    if found:
        return tuple(found)
    if isinstance(failed, BadCertificate):
        raise failed
    missing = folder / f"{TRANSPORT}.{'crt' if stems else 'pem'}"
    raise CityError("CITY-2005", detail=f"{missing}: there is no such file")


def certificate_der(identity: TransportIdentity) -> bytes:
    return load_certificate(identity.certificate_pem).public_bytes(serialization.Encoding.DER)


def _name(common_name: str) -> x509.Name:
    try:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    except ValueError as error:
        raise BadCertificate(f"{common_name!r} cannot be a certificate's name: {error}") from error


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass  # not an address, so a DNS name
    if not host or not host.isascii() or len(host) > 253 or any(c in host for c in " /:@"):
        raise BadCertificate(f"{host!r} is no DNS name and no IP address")
    return x509.DNSName(host)


def _issuer_key_id(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """As the authority calls its key; each may choose how it is made."""
    try:
        own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        key: Any = authority.public_key()
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, days: int | None
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(NO_END if days is None else now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _finish(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    signing_key: ec.EllipticCurvePrivateKey,
) -> TransportIdentity:
    certificate = builder.sign(signing_key, hashes.SHA256())
    return TransportIdentity(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _load_key(key_pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except Exception as error:  # as for certificates: many kinds, one meaning
        raise BadCertificate("the transport key cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadCertificate("a transport key is a P-256 key")
    return key


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False
