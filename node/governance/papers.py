"""Certificates in the configuration: a member's authority, and what its certificates must say. Pure.

A member that has an authority here brings identities in by its certificates only, and gives roles only that
they name; who may give which roles at all is decided as before. Messages name no library.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from node.genesis import Identity
from node.governance.refusals import Refused
from node.governance.state import Authority, ConfigState
from node.identity.certificates import Certificate, check_issued, check_time, parse
from node.identity.errors import BadKey, BadSm2Certificate
from node.identity.suite import Suite


def set_authority(
    state: ConfigState, args: dict[str, Any], height: int, suite: Suite
) -> ConfigState:
    """The certificate of the authority over a member's identities; empty for none. Those in force stay."""
    member_id, der = args["member_id"], args["certificate"]
    if state.config.member(member_id) is None:
        raise Refused("E_UNKNOWN_MEMBER", f"{member_id} is no member of the channel")
    if der == authority_of(state, member_id):
        raise Refused("E_NO_CHANGE", f"{member_id} has this authority already")
    if der:
        found = _parsed(der, "the authority's")
        if (
            not found.is_authority
            or "key_cert_sign" not in found.uses
            or found.suite_id != suite.id
        ):
            raise Refused("E_CERTIFICATE", f"it is no authority of the suite {suite.name}")
    rest = [a for a in state.authorities if a.member_id != member_id]
    added = [Authority(member_id, der)] if der else []
    return replace(state, authorities=tuple(sorted(rest + added, key=lambda a: a.member_id)))


def authority_of(state: ConfigState, member_id: str) -> bytes:
    """DER, or nothing."""
    return next((a.certificate for a in state.authorities if a.member_id == member_id), b"")


def check_papers(
    state: ConfigState, identity: Identity, der: bytes, serial: str, suite: Suite
) -> None:
    """Raises Refused unless the certificate is the member's for this very identity. Asks for no time."""
    authority = authority_of(state, identity.member_id)
    if not authority and not der:
        return
    if not authority:
        raise Refused("E_CERTIFICATE", f"{identity.member_id} has no authority on this channel")
    if not der:
        raise Refused("E_CERTIFICATE", f"identities of {identity.member_id} come with certificates")
    found = _parsed(der, "the")
    try:
        check_issued(suite, found, _parsed(authority, "the authority's"))
    except BadSm2Certificate:
        raise Refused(
            "E_CERTIFICATE", f"{identity.member_id}'s authority did not issue it"
        ) from None
    if found.is_authority or "digital_signature" not in found.uses:
        raise Refused("E_CERTIFICATE", "it is no certificate to sign with")
    said = (found.organization, found.name, found.public_key, str(found.serial))
    wanted = (identity.member_id, identity.name, identity.public_key, serial)
    for what, one, other in zip(
        ("member", "name", "key", "serial number"), said, wanted, strict=True
    ):
        if one != other:
            raise Refused("E_CERTIFICATE", f"the certificate is for another {what}")
    check_roles_certified(identity, found)


def check_roles_certified(identity: Identity, certificate: Certificate) -> None:
    beyond = [role for role in identity.roles if role not in certificate.roles]
    if beyond:
        raise Refused("E_CERTIFICATE", f"the certificate does not name the role {beyond[0]}")


def check_roles_held(state: ConfigState, identity: Identity) -> None:
    """New roles of an identity that has a certificate. Raises Refused."""
    held = next((c.der for c in state.certificates if c.public_key == identity.public_key), b"")
    if held and authority_of(state, identity.member_id):
        check_roles_certified(identity, _parsed(held, "the"))


def check_dates(args: dict[str, Any], time_ms: int) -> None:
    """A certificate that does not hold at the block's time brings nobody in. Raises Refused."""
    der = args.get("certificate", b"")
    if not der:
        return
    try:
        check_time(_parsed(der, "the"), time_ms)
    except BadSm2Certificate:
        raise Refused("E_CERTIFICATE", "the certificate is not valid at the block's time") from None


def _parsed(der: bytes, whose: str) -> Certificate:
    try:
        return parse(der)
    except (BadSm2Certificate, BadKey):
        raise Refused("E_CERTIFICATE", f"{whose} certificate cannot be read") from None
