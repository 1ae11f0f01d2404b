"""What the trusted-credential contract stores, tells and shows."""

from sdk import Event, Map, bytes_from_hex, ctx, dataclass, sm3, struct_encode


@dataclass
class Accreditation:
    """An issuer's key, vouched for by an authority. `certificate`: digest of the key's certificate."""

    id: str
    parties: dict
    key: bytes
    kinds: tuple
    certificate: str
    until: str
    reason: str = ""
    state: str = ""
    version: int = 1


@dataclass
class Credential:
    """`root`: of the salted commitments to its fields. `presented`: (member, digest of what was shown, day)."""

    id: str
    parties: dict
    accreditation: str
    kind: str
    root: bytes
    fields: int
    issued_on: str
    until: str
    signature: bytes
    presented: tuple = ()
    used_by: str = ""
    reason: str = ""
    state: str = ""
    version: int = 1


accreditations = Map("accreditation", None)
credentials = Map("trusted_credential", None)
serials = Map("serial", 0)  # issuer → its accredited keys

Accredited = Event("Issuer.Accredited")
KeyWithdrawn = Event("Issuer.KeyWithdrawn")
Issued = Event("Trusted.Issued")
Held = Event("Trusted.Held")
Rejected = Event("Trusted.Rejected")
Presented = Event("Trusted.Presented")
Redeemed = Event("Trusted.Redeemed")
Revoked = Event("Trusted.Revoked")
Expired = Event("Trusted.Expired")


def content_of(id: str, kind: str, issuer: str, holder: str, root: bytes, until: str) -> bytes:
    """What the issuer's key signs: the credential on this channel."""
    return sm3(
        struct_encode(
            [
                ("str", "trusted-credential/v1"),
                ("hash", bytes_from_hex(ctx.channel)),
                ("str", id),
                ("str", kind),
                ("str", issuer),
                ("str", holder),
                ("hash", root),
                ("str", until),
            ]
        )
    )


def describe(found) -> dict:
    return {
        "id": found.id,
        "parties": found.parties,
        "state": found.state,
        "accreditation": found.accreditation,
        "kind": found.kind,
        "root": found.root,
        "fields": found.fields,
        "issued_on": found.issued_on,
        "until": found.until,
        "signature": found.signature,
        "presented": [list(item) for item in found.presented],
        "used_by": found.used_by,
        "reason": found.reason,
        "version": found.version,
    }


def describe_status(found) -> dict:
    """What every member of the channel may see: digest, issuer, state."""
    return {
        "id": found.id,
        "issuer": found.parties["issuer"],
        "kind": found.kind,
        "root": found.root,
        "until": found.until,
        "state": found.state,
        "reason": found.reason,
        "version": found.version,
    }
