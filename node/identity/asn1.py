"""What certificates, requests and revocation lists are made of: names, keys, times, signatures. Strict DER.

Built and parsed with asn1crypto, signed and verified by the suite, so that a signature has the one meaning of
crypto.md section 3. `sm`: SM2 with SM3 under the default id; `intl`: ECDSA P-256 with SHA-256. One suite an
object: the key in it and the signature over it are of the same one. ECDSA signatures of other tools may have
the high s; at this border, and only here, the low one is read in its place.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from asn1crypto import algos, core, keys, pem, x509

from node.identity.curve import P256
from node.identity.der import der_to_raw, raw_to_der
from node.identity.errors import BAD_ASN1, BadKey, BadSignatureEncoding, BadSm2Certificate
from node.identity.keys import INTL_ID, PUBLIC_KEY_LEN, SM_ID, subject_public_key_info
from node.identity.suite import Signer, Suite

LIST_BYTES_MAX = 1024 * 1024
NAME_CHARS_MAX, ROLES_MAX = 64, 16
SM2_WITH_SM3, ECDSA_WITH_SHA256 = "1.2.156.10197.1.501", "1.2.840.10045.4.3.2"
SIGNATURE_OIDS = {SM_ID: SM2_WITH_SM3, INTL_ID: ECDSA_WITH_SHA256}
_SUITE_OF_OID = {oid: suite_id for suite_id, oid in SIGNATURE_OIDS.items()}


def strict(kind: Any, der: bytes, longest: int) -> Any:
    """Parsed; what is not DER is not written again as it was read."""
    if len(der) > longest:
        raise BadSm2Certificate(f"longer than {longest} bytes")
    try:
        found = kind.load(der, strict=True)
        if kind.load(der, strict=True).dump(force=True) != der:
            raise BadSm2Certificate("it is not DER")
    except BAD_ASN1 as error:
        raise BadSm2Certificate(f"it is not DER: {error}") from error
    return found


# ---- signatures ----------------------------------------------------------------------------------


def algorithm(suite_id: int) -> algos.SignedDigestAlgorithm:
    return algos.SignedDigestAlgorithm({"algorithm": SIGNATURE_OIDS[suite_id]})


def suite_of(inner: Any, outer: Any) -> int:
    """The suite by which an object says twice that it is signed. Raises BadSm2Certificate."""
    suite_id = _SUITE_OF_OID.get(outer["algorithm"].dotted)
    if suite_id is None or inner.dump() != outer.dump():
        raise BadSm2Certificate("it is signed neither with SM2 and SM3 nor with P-256 and SHA-256")
    if outer.dump() != algorithm(suite_id).dump():
        raise BadSm2Certificate("its signature algorithm has parameters")
    return suite_id


def signed(
    kind: Any, body_name: str, signature_name: str, body: Any, suite_id: int, signer: Signer
) -> bytes:
    """DER of the whole object."""
    signature = raw_to_der(signer.sign(body.dump()), suite_id)
    fields = {body_name: body, "signature_algorithm": algorithm(suite_id)}
    return bytes(kind({**fields, signature_name: core.OctetBitString(signature)}).dump())


def low_s(raw: bytes) -> bytes:
    """An ECDSA signature r‖s of P-256 with the lower of the two s that are equally valid."""
    r, s = raw[:32], int.from_bytes(raw[32:])
    return r + min(s, abs(P256.n - s)).to_bytes(32)


def holds(suite: Suite, public_key: bytes, body: Any, signature: Any) -> bool:
    """Whether the key signed the body. False for what is no signature."""
    try:
        raw = der_to_raw(signature.native, suite.id)
    except BadSignatureEncoding:
        return False
    if suite.id == INTL_ID:
        raw = low_s(raw)
    return suite.verify(public_key, body.dump(), raw)


# ---- keys, names, times --------------------------------------------------------------------------


def spki(suite_id: int, public_key: bytes) -> keys.PublicKeyInfo:
    return keys.PublicKeyInfo.load(subject_public_key_info(suite_id, public_key))


def read_public_key(suite_id: int, info: bytes) -> bytes:
    """The 65 bytes of a subject's key of this suite. Raises BadSm2Certificate."""
    key = info[-PUBLIC_KEY_LEN:]
    try:
        if subject_public_key_info(suite_id, key) != info:
            raise BadSm2Certificate("its key is not of the suite by which it is signed")
    except BadKey as error:
        raise BadSm2Certificate(error.detail) from error
    return key


def name(organization: str, roles: Sequence[str], common: str) -> x509.Name:
    """O = the organisation, one OU a role, CN = the holder. Raises BadSm2Certificate."""
    if len(roles) > ROLES_MAX or len(set(roles)) != len(roles):
        raise BadSm2Certificate(f"a certificate has at most {ROLES_MAX} roles, each once")
    for part in (organization, *roles, common):
        if not 0 < len(part) <= NAME_CHARS_MAX or not part.isprintable():
            raise BadSm2Certificate("a name and a role have 1 to 64 printable characters")
    parts = [("organization_name", organization)]
    parts += [("organizational_unit_name", role) for role in roles]
    parts += [("common_name", common)]
    return x509.Name(
        name="",
        value=x509.RDNSequence(
            [
                x509.RelativeDistinguishedName(
                    [
                        x509.NameTypeAndValue(
                            {
                                "type": kind,
                                "value": x509.DirectoryString(
                                    name="utf8_string", value=core.UTF8String(text)
                                ),
                            }
                        )
                    ]
                )
                for kind, text in parts
            ]
        ),
    )


def read_name(found: Any) -> tuple[str, tuple[str, ...], str]:
    """(organisation, roles, common name) of a subject; texts that it does not have are empty."""
    parts: dict[str, list[str]] = {}
    for relative in found.chosen:
        for each in relative:
            parts.setdefault(each["type"].native, []).append(str(each["value"].native))
    single = [parts.get(kind, [""]) for kind in ("organization_name", "common_name")]
    if any(len(texts) != 1 for texts in single):
        raise BadSm2Certificate("its subject has one O and one CN at most")
    roles = tuple(parts.get("organizational_unit_name", ()))
    if len(set(roles)) != len(roles) or len(roles) > ROLES_MAX:
        raise BadSm2Certificate(f"its subject names at most {ROLES_MAX} roles, each once")
    return single[0][0], roles, single[1][0]


def time(time_ms: int) -> x509.Time:
    """To the second; years from 2050 on are written with four digits."""
    moment = datetime.datetime.fromtimestamp(time_ms // 1_000, datetime.UTC)
    is_late = moment.year >= 2050
    kind = core.GeneralizedTime(moment) if is_late else core.UTCTime(moment)
    return x509.Time(name="general_time" if is_late else "utc_time", value=kind)


def read_ms(moment: datetime.datetime) -> int:
    return round(moment.timestamp()) * 1_000


# ---- extensions and files ------------------------------------------------------------------------


def read_extensions(extensions: Any, known: Sequence[str]) -> dict[str, Any]:
    """Parsed values of the known ones by name. Raises BadSm2Certificate for a critical one not known."""
    found: dict[str, Any] = {}
    for each in extensions or ():
        kind = each["extn_id"].native
        if kind in found:
            raise BadSm2Certificate(f"{kind} stands there twice")
        if each["critical"].native and kind not in known:
            raise BadSm2Certificate(f"the critical extension {kind} is unknown")
        found[kind] = each["extn_value"].parsed.native if kind in known else None
    return found


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
