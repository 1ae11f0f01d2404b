"""Revocation lists (X.509 CRL v2): which serial numbers of an authority are void, since when, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asn1crypto import core, crl, x509

from node.identity import asn1
from node.identity.certificates import Certificate
from node.identity.errors import BAD_ASN1, BadSm2Certificate
from node.identity.suite import Signer, Suite

REASONS = (
    "unspecified",
    "key_compromise",
    "affiliation_changed",
    "superseded",
    "cessation_of_operation",
    "privilege_withdrawn",
)
_KNOWN, _KNOWN_OF_ENTRY = ("crl_number", "authority_key_identifier"), ("crl_reason",)


@dataclass(frozen=True, slots=True)
class Revoked:
    """reason: one of REASONS, empty where none is said."""

    serial: int
    time_ms: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RevocationList:
    number: int
    this_ms: int
    next_ms: int
    revoked: tuple[Revoked, ...]

    def names(self, serial: int) -> bool:
        return any(each.serial == serial for each in self.revoked)


def make_list(
    suite: Suite,
    authority: Certificate,
    signer: Signer,
    revoked: Sequence[Revoked],
    number: int,
    times: tuple[int, int],
) -> bytes:
    """A revocation list (DER). times: this update and the next one, in ms."""
    extensions: list[dict[str, Any]] = [
        {"extn_id": "crl_number", "critical": False, "extn_value": core.Integer(number)}
    ]
    if authority.key_id:
        issuer = x509.AuthorityKeyIdentifier({"key_identifier": authority.key_id})
        extensions.insert(
            0, {"extn_id": "authority_key_identifier", "critical": False, "extn_value": issuer}
        )
    body = crl.TbsCertList(
        {
            "version": "v2",
            "signature": asn1.algorithm(suite.id),
            "issuer": x509.Name.load(authority.subject),
            "this_update": asn1.time(times[0]),
            "next_update": asn1.time(times[1]),
            "crl_extensions": extensions,
            **({"revoked_certificates": [_entry(each) for each in revoked]} if revoked else {}),
        }
    )
    return asn1.signed(crl.CertificateList, "tbs_cert_list", "signature", body, suite.id, signer)


def read_list(suite: Suite, der: bytes, authority: Certificate) -> RevocationList:
    """A list that the authority signed. Raises BadSm2Certificate."""
    found = asn1.strict(crl.CertificateList, der, asn1.LIST_BYTES_MAX)
    try:
        body = found["tbs_cert_list"]
        suite_id = asn1.suite_of(body["signature"], found["signature_algorithm"])
        if body["issuer"].dump() != authority.subject or "crl_sign" not in authority.uses:
            raise BadSm2Certificate("another authority issued the list")
        if {suite_id, authority.suite_id} != {suite.id}:
            raise BadSm2Certificate(f"the list is not of the suite {suite.name}")
        if not asn1.holds(suite, authority.public_key, body, found["signature"]):
            raise BadSm2Certificate("the authority did not sign the list")
        number = asn1.read_extensions(body["crl_extensions"], _KNOWN).get("crl_number")
        if number is None or body["next_update"].native is None:
            raise BadSm2Certificate("a list has a number and says when the next one comes")
        revoked = tuple(_read_entry(each) for each in body["revoked_certificates"] or ())
        if len({each.serial for each in revoked}) != len(revoked):
            raise BadSm2Certificate("the list names a certificate twice")
        this_ms, next_ms = (
            asn1.read_ms(body[field].native) for field in ("this_update", "next_update")
        )
        return RevocationList(number, this_ms, next_ms, revoked)
    except BAD_ASN1 as error:
        raise BadSm2Certificate(f"this is no revocation list: {error}") from error


def _entry(revoked: Revoked) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "user_certificate": revoked.serial,
        "revocation_date": asn1.time(revoked.time_ms),
    }
    if revoked.reason:
        reason = crl.CRLReason(revoked.reason)
        entry["crl_entry_extensions"] = [
            {"extn_id": "crl_reason", "critical": False, "extn_value": reason}
        ]
    return entry


def _read_entry(entry: Any) -> Revoked:
    extensions = asn1.read_extensions(entry["crl_entry_extensions"], _KNOWN_OF_ENTRY)
    return Revoked(
        entry["user_certificate"].native,
        asn1.read_ms(entry["revocation_date"].native),
        extensions.get("crl_reason") or "",
    )
