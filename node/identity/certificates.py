"""SM2 certificates (X.509 v3), requests and revocation lists: an authority signs directly, depth one.

Built and parsed with asn1crypto, signed and verified by the suite, so that a signature has the one meaning of
crypto.md section 3. Certificates carry O = CN = the holder's name and OU = its role. Strict: DER only, at most
16 KiB, SM2 keys in their one form, known critical extensions only, names compared byte by byte. The `openssl`
tool reads and verifies them (`openssl verify -vfyopt distid:1234567812345678`), and what it makes reads here.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asn1crypto import algos, core, crl, csr, keys, pem, x509

from node.identity.der import der_to_raw, raw_to_der
from node.identity.errors import BadKey, BadSignatureEncoding, BadSm2Certificate
from node.identity.keys import PUBLIC_KEY_LEN, SM_ID, subject_public_key_info
from node.identity.suite import Signer, Suite

CERTIFICATE_BYTES_MAX = 16 * 1024
LIST_BYTES_MAX = 1024 * 1024
NAME_CHARS_MAX = 64
SM2_WITH_SM3 = "1.2.156.10197.1.501"
_KNOWN = ("basic_constraints", "key_usage", "key_identifier", "authority_key_identifier")
_AUTHORITY_USES, _HOLDER_USES = (
    {"key_cert_sign", "crl_sign"},
    {"digital_signature", "non_repudiation"},
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One parsed certificate. issuer, subject: DER of the names. path_max: None without a limit."""

    der: bytes
    serial: int
    issuer: bytes
    subject: bytes
    name: str
    role: str
    public_key: bytes
    not_before_ms: int
    not_after_ms: int
    is_authority: bool
    uses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a certificate is for."""

    name: str
    role: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Revoked:
    serial: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class RevocationList:
    number: int
    this_ms: int
    next_ms: int
    revoked: tuple[Revoked, ...]


def make_authority(
    suite: Suite, signer: Signer, name: str, from_ms: int, until_ms: int
) -> Certificate:
    """A self-signed authority that issues to holders and to no other authority."""
    subject = _name(name, "authority")
    body = _body(subject, subject, signer.public_key, (from_ms, until_ms))
    body["extensions"] = _extensions(suite, signer.public_key, signer.public_key, True)
    return parse(_signed(x509.Certificate, "tbs_certificate", "signature_value", body, signer))


def issue(
    suite: Suite, authority: Certificate, signer: Signer, holder: Holder, times: tuple[int, int]
) -> Certificate:
    """A holder's certificate. times: not before, not after, in ms. Raises BadSm2Certificate, BadKey."""
    if signer.public_key != authority.public_key or not authority.is_authority:
        raise BadSm2Certificate("the signing key is not the authority's")
    issuer = x509.Name.load(authority.subject)
    body = _body(issuer, _name(holder.name, holder.role), holder.public_key, times)
    body["extensions"] = _extensions(suite, holder.public_key, authority.public_key, False)
    return parse(_signed(x509.Certificate, "tbs_certificate", "signature_value", body, signer))


def parse(der: bytes) -> Certificate:
    """Reads one certificate; says nothing of its signature. Raises BadSm2Certificate."""
    found = _strict(x509.Certificate, der, CERTIFICATE_BYTES_MAX)
    try:
        body = found["tbs_certificate"]
        _check_algorithm(body["signature"], found["signature_algorithm"])
        subject = body["subject"].native
        extensions = _read_extensions(body["extensions"])
        constraints = extensions.get("basic_constraints") or {"ca": False}
        return Certificate(
            der=der,
            serial=body["serial_number"].native,
            issuer=body["issuer"].dump(),
            subject=body["subject"].dump(),
            name=str(subject.get("common_name", "")),
            role=str(subject.get("organizational_unit_name", "")),
            public_key=_public_key(body["subject_public_key_info"].dump()),
            not_before_ms=_ms(body["validity"]["not_before"].native),
            not_after_ms=_ms(body["validity"]["not_after"].native),
            is_authority=bool(constraints["ca"]),
            uses=frozenset(extensions.get("key_usage") or ()),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise BadSm2Certificate(f"this is no certificate: {error}") from error


def check_issued(suite: Suite, certificate: Certificate, authority: Certificate) -> None:
    """Raise BadSm2Certificate unless the authority signed the certificate for a holder. Asks for no time."""
    if certificate.issuer != authority.subject:
        raise BadSm2Certificate("another authority issued it")
    if not authority.is_authority or "key_cert_sign" not in authority.uses:
        raise BadSm2Certificate("the issuing certificate is not an authority")
    if certificate.is_authority != (certificate.der == authority.der):
        raise BadSm2Certificate("an authority issues to holders only")
    found = x509.Certificate.load(certificate.der)
    if not _holds(suite, authority, found["tbs_certificate"], found["signature_value"]):
        raise BadSm2Certificate("the authority did not sign it")


def make_list(
    authority: Certificate,
    signer: Signer,
    revoked: Sequence[Revoked],
    number: int,
    times: tuple[int, int],
) -> bytes:
    """A revocation list (DER). times: this update and the next one, in ms."""
    entries = [
        {"user_certificate": each.serial, "revocation_date": _time(each.time_ms)}
        for each in revoked
    ]
    body = crl.TbsCertList(
        {
            "version": "v2",
            "signature": _algorithm(),
            "issuer": x509.Name.load(authority.subject),
            "this_update": _time(times[0]),
            "next_update": _time(times[1]),
            "crl_extensions": [
                {"extn_id": "crl_number", "critical": False, "extn_value": core.Integer(number)}
            ],
            **({"revoked_certificates": entries} if entries else {}),
        }
    )
    return _signed(crl.CertificateList, "tbs_cert_list", "signature", body, signer)


def read_list(suite: Suite, der: bytes, authority: Certificate) -> RevocationList:
    """A list that the authority signed. Raises BadSm2Certificate."""
    found = _strict(crl.CertificateList, der, LIST_BYTES_MAX)
    try:
        body = found["tbs_cert_list"]
        _check_algorithm(body["signature"], found["signature_algorithm"])
        if body["issuer"].dump() != authority.subject or "crl_sign" not in authority.uses:
            raise BadSm2Certificate("another authority issued the list")
        if not _holds(suite, authority, body, found["signature"]):
            raise BadSm2Certificate("the authority did not sign the list")
        revoked = tuple(
            Revoked(each["user_certificate"].native, _ms(each["revocation_date"].native))
            for each in body["revoked_certificates"] or ()
        )
        number = next(
            e["extn_value"].parsed.native
            for e in body["crl_extensions"]
            if e["extn_id"].native == "crl_number"
        )
        times = (_ms(body["this_update"].native), _ms(body["next_update"].native))
        return RevocationList(number, *times, revoked)
    except (ValueError, TypeError, KeyError, StopIteration) as error:
        raise BadSm2Certificate(f"this is no revocation list: {error}") from error


def make_request(signer: Signer, name: str, role: str) -> bytes:
    """A certification request (PKCS#10, DER): the holder shows that the key is its own."""
    body = csr.CertificationRequestInfo(
        {
            "version": "v1",
            "subject": _name(name, role),
            "subject_pk_info": _spki(signer.public_key),
            "attributes": csr.CRIAttributes([]),
        }
    )
    return _signed(
        csr.CertificationRequest, "certification_request_info", "signature", body, signer
    )


def read_request(suite: Suite, der: bytes) -> Holder:
    """Whom a request asks a certificate for; its key signed it. Raises BadSm2Certificate."""
    found = _strict(csr.CertificationRequest, der, CERTIFICATE_BYTES_MAX)
    try:
        body = found["certification_request_info"]
        _check_algorithm(found["signature_algorithm"], found["signature_algorithm"])
        subject = body["subject"].native
        key = _public_key(body["subject_pk_info"].dump())
        name, role = subject.get("common_name", ""), subject.get("organizational_unit_name", "")
        holder = Holder(str(name), str(role), key)
        if not suite.verify(key, body.dump(), der_to_raw(found["signature"].native)):
            raise BadSm2Certificate("the request is not signed by its key")
    except (ValueError, TypeError, KeyError, BadSignatureEncoding) as error:
        raise BadSm2Certificate(f"this is no request: {error}") from error
    return holder


def to_pem(der: bytes, kind: str = "CERTIFICATE") -> bytes:
    return bytes(pem.armor(kind, der))


def from_pem(data: bytes, kind: str = "CERTIFICATE") -> bytes:
    """The one object of a PEM text, or DER as it is. Raises BadSm2Certificate."""
    if not pem.detect(data):
        return data
    try:
        found = list(pem.unarmor(data[:LIST_BYTES_MAX], multiple=True))
    except ValueError as error:
        raise BadSm2Certificate(str(error)) from error
    if [name for name, _, _ in found] != [kind]:
        raise BadSm2Certificate(f"one {kind} expected")
    return bytes(found[0][2])


# ---- inside --------------------------------------------------------------------------------------


def _body(
    issuer: x509.Name, subject: x509.Name, public_key: bytes, times: tuple[int, int]
) -> x509.TbsCertificate:
    return x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": int.from_bytes(secrets.token_bytes(16), "big") >> 1 | 1 << 125,
            "signature": _algorithm(),
            "issuer": issuer,
            "validity": {"not_before": _time(times[0]), "not_after": _time(times[1])},
            "subject": subject,
            "subject_public_key_info": _spki(public_key),
        }
    )


def _extensions(
    suite: Suite, public_key: bytes, issuer_key: bytes, is_authority: bool
) -> list[dict[str, Any]]:
    constraints = {"ca": True, "path_len_constraint": 0} if is_authority else {"ca": False}
    uses = _AUTHORITY_USES if is_authority else _HOLDER_USES
    return [
        {"extn_id": "basic_constraints", "critical": True, "extn_value": x509.BasicConstraints(constraints)},
        {"extn_id": "key_usage", "critical": True, "extn_value": x509.KeyUsage(uses)},
        {"extn_id": "key_identifier", "critical": False,
         "extn_value": core.OctetString(suite.hash(public_key)[:20])},
        {"extn_id": "authority_key_identifier", "critical": False,
         "extn_value": x509.AuthorityKeyIdentifier({"key_identifier": suite.hash(issuer_key)[:20]})},
    ]  # fmt: skip


def _signed(kind: Any, body_name: str, signature_name: str, body: Any, signer: Signer) -> bytes:
    signature = raw_to_der(signer.sign(body.dump()), SM_ID)
    fields = {body_name: body, "signature_algorithm": _algorithm()}
    value = core.OctetBitString(signature)
    return bytes(kind({**fields, signature_name: value}).dump())


def _holds(suite: Suite, authority: Certificate, body: Any, signature: Any) -> bool:
    try:
        raw = der_to_raw(signature.native, SM_ID)
    except BadSignatureEncoding:
        return False
    return suite.verify(authority.public_key, body.dump(), raw)


def _algorithm() -> algos.SignedDigestAlgorithm:
    return algos.SignedDigestAlgorithm({"algorithm": SM2_WITH_SM3})


def _check_algorithm(inner: Any, outer: Any) -> None:
    if inner.dump() != outer.dump() or outer["algorithm"].dotted != SM2_WITH_SM3:
        raise BadSm2Certificate("it is not signed with SM2 and SM3")


def _strict(kind: Any, der: bytes, longest: int) -> Any:
    """Parsed; what is not DER is not written again as it was read."""
    if len(der) > longest:
        raise BadSm2Certificate(f"longer than {longest} bytes")
    try:
        found = kind.load(der, strict=True)
        if kind.load(der, strict=True).dump(force=True) != der:
            raise BadSm2Certificate("it is not DER")
    except (ValueError, TypeError, KeyError) as error:
        raise BadSm2Certificate(f"it is not DER: {error}") from error
    return found


def _read_extensions(extensions: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in extensions:
        name = each["extn_id"].native
        if name in found:
            raise BadSm2Certificate(f"{name} stands there twice")
        if each["critical"].native and name not in _KNOWN:
            raise BadSm2Certificate(f"the critical extension {name} is unknown")
        found[name] = each["extn_value"].parsed.native if name in _KNOWN else None
    return found


def _spki(public_key: bytes) -> keys.PublicKeyInfo:
    return keys.PublicKeyInfo.load(subject_public_key_info(SM_ID, public_key))


def _public_key(spki: bytes) -> bytes:
    key = spki[-PUBLIC_KEY_LEN:]
    try:
        if subject_public_key_info(SM_ID, key) != spki:
            raise BadSm2Certificate("its key is no SM2 key")
    except BadKey as error:
        raise BadSm2Certificate(error.detail) from error
    return key


def _name(name: str, role: str) -> x509.Name:
    if not all(0 < len(part) <= NAME_CHARS_MAX and part.isprintable() for part in (name, role)):
        raise BadSm2Certificate("a name and a role have 1 to 64 printable characters")
    return x509.Name.build(
        {
            "organization_name": name,
            "organizational_unit_name": role,
            "common_name": name,
        }
    )


def _time(time_ms: int) -> x509.Time:
    """To the second; years from 2050 on are written with four digits."""
    moment = datetime.datetime.fromtimestamp(time_ms // 1_000, datetime.UTC)
    is_late = moment.year >= 2050
    kind = core.GeneralizedTime(moment) if is_late else core.UTCTime(moment)
    return x509.Time(name="general_time" if is_late else "utc_time", value=kind)


def _ms(moment: datetime.datetime) -> int:
    return round(moment.timestamp()) * 1_000
