"""Certificates brought to a channel: `city ca publish`, `city identity enrol` and `rotate`.

What the members decide on is proposed; what is the own house's is in force at once.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.ca import HERE, Dir
from node.cli.output import Output, OutputOption, fail, guarded, show
from node.cli.session import open_network

if TYPE_CHECKING:
    from node.identity.certificates import Certificate

CertificateFile = Annotated[Path, typer.Argument(help="a certificate of the member's authority")]


@guarded
def publish(folder: Dir = HERE, output: OutputOption = Output.table) -> None:
    """Tells the channel of the authority and of what it revoked.

    From then on the member's identities come in by its certificates only. Whoever held a revoked one is out at
    the block that says so; links of a node whose certificate is revoked close then.

    Example:  city as admin-px ca publish --dir px-ca
    """
    from node.authority.authority import MemberAuthority
    from node.authority.register import Use

    authority = MemberAuthority(folder)
    try:
        der, member = authority.certificate(Use.IDENTITY).der, authority.member
        revoked = [e.serial for e in authority.register.entries() if e.revoked_ms is not None]
    finally:
        authority.close()
    rows = []
    with open_network() as net:
        asked = [("set_authority", {"member_id": member, "certificate": _base64(der)})]
        asked += [
            ("revoke_certificate", {"member_id": member, "serial": str(serial)})
            for serial in revoked
        ]
        for method, args in asked:
            done = _send(net, method, args, known=("E_NO_CHANGE", "E_REVOKED"))
            if done is not None:
                rows.append({"change": method.replace("_", "-")} | done)
    show(rows or "the channel knows all of it", output)


@guarded
def enrol(file: CertificateFile, output: OutputOption = Output.table) -> None:
    """Brings the holder of a certificate in, with the name and roles that it says.

    Example:  city as admin-px identity enrol buyer.crt
    """
    found = _read(file)
    args = {
        "name": found.name,
        "member_id": found.organization,
        "public_key": _base64(found.public_key),
        "roles": list(found.roles),
    }
    with open_network() as net:
        show(_send(net, "add_identity", args | _papers(found)), output)


@guarded
def rotate(
    identity: Annotated[
        str, typer.Argument(help="the identity: its former certificate's file, or its digest")
    ],
    file: CertificateFile,
    output: OutputOption = Output.table,
) -> None:
    """Another key for the same person: from that block on the new one is good and the former is not.

    Example:  city as admin-px identity rotate buyer.crt buyer-2.crt
    """
    from node.identity.suite import get_suite, identity_digest

    found = _read(file)
    if Path(identity).exists():
        former = _read(Path(identity))
        identity = identity_digest(get_suite(former.suite_id), former.public_key).hex()
    args = {"identity": identity, "public_key": _base64(found.public_key)}
    with open_network() as net:
        show(_send(net, "replace_identity_key", args | _papers(found)), output)


def _send(
    net: Any, method: str, args: dict[str, Any], known: tuple[str, ...] = ()
) -> dict[str, Any] | None:
    """What would be refused is not sent. known: refusals that only say that it is so already."""
    from contracts.runtime import values
    from node.client import ContractError
    from node.sdk.changes import send_change

    try:
        done = send_change(net, method, args)
    except ContractError as error:
        if error.reason in known:
            return None
        raise
    view: dict[str, Any] = values.to_json(done.value)
    return {"tx_id": done.tx_id, "block": done.block} | view


def _papers(found: Certificate) -> dict[str, Any]:
    return {"certificate": _base64(found.der), "serial": str(found.serial)}


def _read(file: Path) -> Certificate:
    from node.identity.certificates import from_pem, parse

    if not file.is_file():
        raise fail("CITY-1091", path=file, reason="no such file")
    return parse(from_pem(file.read_bytes()))


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
