"""Certification requests (PKCS#10): the holder shows that the key is its own, and says what it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asn1crypto import csr, x509

from node.identity import asn1
from node.identity.certificates import CERTIFICATE_BYTES_MAX, Holder, host_extensions
from node.identity.errors import BAD_ASN1, BadSm2Certificate
from node.identity.suite import Signer, Suite

_KNOWN = ("subject_alt_name", "extended_key_usage", "key_usage", "basic_constraints")


def make_request(
    suite: Suite,
    signer: Signer,
    name: str,
    roles: Sequence[str],
    organization: str = "",
    hosts: Sequence[str] = (),
) -> bytes:
    """A request (DER). Raises BadSm2Certificate for names that no certificate can hold."""
    attributes = []
    if hosts:
        extensions = x509.Extensions(host_extensions(hosts))
        attributes.append({"type": "extension_request", "values": [extensions]})
    body = csr.CertificationRequestInfo(
        {
            "version": "v1",
            "subject": asn1.name(organization or name, roles, name),
            "subject_pk_info": asn1.spki(suite.id, signer.public_key),
            "attributes": csr.CRIAttributes(attributes),
        }
    )
    kind, name_of_body = csr.CertificationRequest, "certification_request_info"
    return asn1.signed(kind, name_of_body, "signature", body, suite.id, signer)


def suite_of_request(der: bytes) -> int:
    """The suite by which a request is signed, before anything else of it is believed."""
    found = _load(der)
    try:
        return asn1.suite_of(found["signature_algorithm"], found["signature_algorithm"])
    except BAD_ASN1 as error:
        raise BadSm2Certificate(f"this is no request: {error}") from error


def read_request(suite: Suite, der: bytes) -> Holder:
    """Whom a request asks a certificate for; its key signed it. Raises BadSm2Certificate."""
    found = _load(der)
    try:
        body = found["certification_request_info"]
        suite_id = asn1.suite_of(found["signature_algorithm"], found["signature_algorithm"])
        if suite_id != suite.id:
            raise BadSm2Certificate(f"the request is not of the suite {suite.name}")
        organization, roles, name = asn1.read_name(body["subject"])
        key = asn1.read_public_key(suite_id, body["subject_pk_info"].dump())
        hosts = _hosts(body["attributes"])
        if not asn1.holds(suite, key, body, found["signature"]):
            raise BadSm2Certificate("the request is not signed by its key")
    except BAD_ASN1 as error:
        raise BadSm2Certificate(f"this is no request: {error}") from error
    return Holder(name, roles, key, organization, hosts)


def _load(der: bytes) -> Any:
    return asn1.strict(csr.CertificationRequest, der, CERTIFICATE_BYTES_MAX)


def _hosts(attributes: Any) -> tuple[str, ...]:
    hosts: tuple[str, ...] = ()
    for each in attributes or ():
        if each["type"].native != "extension_request":
            continue
        for extensions in each["values"]:
            named = asn1.read_extensions(extensions, _KNOWN).get("subject_alt_name")
            hosts += tuple(str(host) for host in named or ())
    return hosts
