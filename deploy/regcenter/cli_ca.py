"""`city regcenter ca`: certificates of institutions. The center's root key is their authority."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.regcenter.cli_common import (
    CenterOption,
    FolderOption,
    PasswordOption,
    ask,
    hash_of,
    read_wallet,
    refusing,
    root_wallet,
    tell,
    with_center,
)

app = typer.Typer(help="Certificates of institutions (X.509, SM2).", no_args_is_help=True)

KeyFile = Annotated[Path, typer.Argument(help="Key file of the institution.")]
CertificateFile = Annotated[Path, typer.Argument(help="A certificate, PEM or DER.")]
Out = Annotated[Path, typer.Option(help="Where the PEM goes.")]
DAY_MS = 86_400_000


def _write(out: Path, der: bytes, kind: str, view: dict[str, Any]) -> None:
    from node.identity.certificates import to_pem

    out.write_bytes(to_pem(der, kind))
    tell({"file": str(out), **view})


def _view(der: bytes) -> dict[str, Any]:
    from node.identity.certificates import parse

    found = parse(der)
    return {
        "name": found.name,
        "role": found.role,
        "serial": f"{found.serial:x}",
        "not_before_ms": found.not_before_ms,
        "not_after_ms": found.not_after_ms,
    }


@app.command()
@refusing
def show(out: Out, center: CenterOption = "") -> None:
    """The authority's certificate. Trust it as you trust the center's root key, whose certificate it is.

    Check others with:  openssl verify -CAfile ca.pem -vfyopt distid:1234567812345678 bank.crt
    """
    der, _ = with_center(center, lambda client: client.authority())
    _write(out, der, "CERTIFICATE", _view(der))


@app.command("list")
@refusing
def revocations(out: Out, center: CenterOption = "") -> None:
    """The revocation list that the authority signs; it is checked before it is written."""
    from node.identity.certificates import parse
    from node.identity.revocation import read_list
    from node.identity.suite import get_suite

    authority, der = with_center(center, lambda client: client.authority())
    found = read_list(get_suite("sm"), der, parse(authority))
    view = {
        "number": found.number,
        "next_ms": found.next_ms,
        "revoked": [f"{each.serial:x}" for each in found.revoked],
    }
    _write(out, der, "X509 CRL", view)


@app.command("of")
@refusing
def certificate(
    address: Annotated[str, typer.Argument(help="Of the institution's key.")],
    out: Out,
    center: CenterOption = "",
) -> None:
    """The certificate that an institution shows."""
    known = hash_of(address, "ADDRESS")
    der = with_center(center, lambda client: client.certificate(known))
    _write(out, der, "CERTIFICATE", _view(der))


@app.command()
@refusing
def request(
    file: KeyFile,
    name: Annotated[str, typer.Argument(help="The institution's name.")],
    role: Annotated[str, typer.Argument(help="bank, institution, court or aml")],
    out: Out,
    password: PasswordOption = "",
) -> None:
    """A certification request: the key shows that it asks for itself, and stays where it is."""
    from node.identity.requests import make_request
    from node.identity.suite import get_suite

    der = make_request(get_suite("sm"), read_wallet(file, password).signer, name, (role,))
    _write(out, der, "CERTIFICATE REQUEST", {"name": name, "role": role})


@app.command()
@refusing
def issue(
    file: Annotated[Path, typer.Argument(help="A certification request, PEM or DER.")],
    out: Out,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How long it is valid.")] = 365,
    center: FolderOption = "",
) -> None:
    """The central bank issues a certificate; its holder presents it.

    Requests made by openssl are taken too:  openssl req -new -key k.pem -sm3
    -sigopt distid:1234567812345678 -subj "/O=QB/OU=bank/CN=QB" -out qb.csr
    """
    from deploy.regcenter.pki import BACKDATED_MS, issue_for
    from node.identity.certificates import from_pem, parse
    from node.identity.requests import read_request
    from node.identity.suite import get_suite

    suite, root = get_suite("sm"), root_wallet(center)
    holder = read_request(suite, from_pem(file.read_bytes(), "CERTIFICATE REQUEST"))

    async def facts(client: Any) -> tuple[bytes, int]:
        return (await client.authority())[0], (await client.status())["now_ms"]

    authority, now_ms = with_center(center, facts)
    times = (now_ms - BACKDATED_MS, now_ms + days * DAY_MS)
    made = issue_for(suite, parse(authority), root.signer, holder, times)
    _write(out, made.der, "CERTIFICATE", _view(made.der))


@app.command()
@refusing
def present(
    file: KeyFile, shown: CertificateFile, center: CenterOption = "", password: PasswordOption = ""
) -> None:
    """The institution shows this certificate from now on; a new one comes in by it."""
    from deploy.regcenter.requests import CertificateQuery
    from node.identity.certificates import from_pem

    query = CertificateQuery(from_pem(shown.read_bytes()))
    wallet = read_wallet(file, password)
    ask(center, wallet, query)


@app.command()
@refusing
def revoke(file: CertificateFile, center: FolderOption = "") -> None:
    """A certificate is void from now on; `city regcenter revoke` is for the key itself."""
    from deploy.regcenter.pki import SERIAL_BYTES
    from deploy.regcenter.requests import RevokeCertificateQuery
    from node.identity.certificates import from_pem, parse

    serial = parse(from_pem(file.read_bytes())).serial.to_bytes(SERIAL_BYTES, "big")
    root = root_wallet(center)
    ask(center, root, RevokeCertificateQuery(serial))
