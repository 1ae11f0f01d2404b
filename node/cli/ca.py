"""`city ca`: a member's certification authority, and the service at which its people and nodes enrol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import Output, OutputOption, guarded, logs_aside, rows_table, show, stdout
from node.cli.passwords import Dev, PasswordFile, password

if TYPE_CHECKING:
    from node.authority.authority import MemberAuthority
    from node.identity.certificates import Certificate

app = typer.Typer(
    help="A member's certification authority: who acts for it, and on which nodes.",
    no_args_is_help=True,
)

Dir = Annotated[Path, typer.Option("--dir", help="the authority's folder", envvar="CITY_CA")]
Out = Annotated[Path | None, typer.Option("--out", help="where the PEM goes; else stdout")]
Days = Annotated[int, typer.Option("--days", min=1, max=3_650, help="how long it is valid")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="a role; may be given again")]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", help="DNS name or IP address of a node; may be given again"),
]
Renew = Annotated[
    bool, typer.Option("--renew", help="although the name holds a valid certificate: a new key")
]
Named = Annotated[str, typer.Argument(metavar="NAME|SERIAL", help="the last of a name, or one")]
HERE = Path("ca")


@app.command()
@guarded
def init(
    member: Annotated[str, typer.Argument(help="the member's id, as in the channel")],
    folder: Dir = HERE,
    suite: Annotated[str, typer.Option("--suite", help="sm (SM2) or intl (P-256)")] = "sm",
    role: Roles = None,
    days: Annotated[int, typer.Option("--days", min=1, max=7_300, help="validity")] = 3_650,
    token: Annotated[
        str,
        typer.Option("--pkcs11", help="make its keys in a token: pkcs11:/module.so?token=LABEL"),
    ] = "",
    password_file: PasswordFile = None,
    dev: Dev = False,
    output: OutputOption = Output.table,
) -> None:
    """Makes the authority: keys, encrypted; self-signed certificates for identities and for nodes' TLS.

    With --role it never gives any other role than those named. With --pkcs11 its keys are made in a hardware
    token and stay there (suite intl; the PIN: CITY_PKCS11_PIN, or a file that CITY_PKCS11_PIN_FILE names).

    Examples:  city ca init PX --dir px-ca --role maker --role checker --password-file px.pw
    city ca init PX --dir px-ca --suite intl --pkcs11 'pkcs11:/usr/lib/softhsm/libsofthsm2.so?token=px'
    openssl x509 -in px-ca/ca.crt -noout -text
    """
    from node.authority.authority import MemberAuthority
    from node.errors import CityError
    from node.identity.suite import get_suite
    from node.signing.token_place import read_place

    if suite not in ("sm", "intl"):
        raise CityError("CITY-1002", field="suite", rule="sm or intl")
    word = password(password_file, dev, is_new=True)
    made = MemberAuthority.create(
        folder,
        member,
        get_suite(suite),
        word,
        roles=role or (),
        days=days,
        dev=dev,
        token=read_place(token) if token else None,
    )
    show(_facts(made), output)
    made.close()


@app.command()
@guarded
def issue(
    csr: Annotated[Path, typer.Option("--csr", help="a certification request, PEM or DER")],
    folder: Dir = HERE,
    out: Out = None,
    token: Annotated[str, typer.Option("--token", help="issue what this token is for")] = "",
    name: Annotated[str, typer.Option("--name", help="whom it is for, else as asked")] = "",
    role: Roles = None,
    host: Hosts = None,
    node: Annotated[bool, typer.Option("--node", help="for a node's TLS (P-256)")] = False,
    days: Days = 397,
    renew: Renew = False,
    password_file: PasswordFile = None,
    dev: Dev = False,
    output: OutputOption = Output.table,
) -> None:
    """Issues a certificate for a request: as its operator says, or as a one-time token allows.

    Requests of openssl are taken:  openssl req -new -key k.pem -sm3 -sigopt distid:1234567812345678
    -subj "/O=PX/OU=maker/CN=buyer" -out buyer.csr

    Examples:  city ca issue --dir px-ca --csr buyer.csr --out buyer.crt
    city ca issue --dir px-ca --csr sz.csr --node --host sz.px.cn --out sz.crt
    """
    from node.authority.authority import Asked
    from node.authority.register import Use
    from node.authority.tokens import enrol
    from node.identity.certificates import from_pem

    request = from_pem(csr.read_bytes(), "CERTIFICATE REQUEST")
    with _authority(folder) as authority:
        keys = authority.unlock(password(password_file, dev), dev=dev)
        if token:
            made = enrol(authority, keys, token, request)
        else:
            asked = Asked(name, tuple(role or ()), tuple(host or ()), days, renew)
            made = authority.issue(keys, Use.NODE if node else Use.IDENTITY, request, asked)
    _write(made, out, output)


@app.command()
@guarded
def renew(
    name: Named,
    folder: Dir = HERE,
    out: Out = None,
    days: Days = 397,
    password_file: PasswordFile = None,
    dev: Dev = False,
    output: OutputOption = Output.table,
) -> None:
    """A new certificate for the same key, name, roles and hosts. For a new key: city ca issue --renew.

    Example:  city ca renew buyer --dir px-ca --out buyer.crt
    """
    with _authority(folder) as authority:
        made = authority.renew(authority.unlock(password(password_file, dev), dev=dev), name, days)
    _write(made, out, output)


@app.command()
@guarded
def revoke(
    name: Named,
    folder: Dir = HERE,
    reason: Annotated[
        str, typer.Option("--reason", help="such as key_compromise, superseded")
    ] = "unspecified",
    password_file: PasswordFile = None,
    dev: Dev = False,
    output: OutputOption = Output.table,
) -> None:
    """Revokes a certificate for good, and writes the revocation list anew.

    A compromised key gets no other certificate here. On the channel the list counts from the block that
    carries it.

    Example:  city ca revoke buyer --dir px-ca --reason key_compromise
    """
    with _authority(folder) as authority:
        keys = authority.unlock(password(password_file, dev), dev=dev)
        entry = authority.revoke(keys, name, reason)
        facts = {"serial": f"{entry.serial:x}", "name": entry.name, "reason": entry.reason}
    show(facts, output)


@app.command()
@guarded
def crl(
    folder: Dir = HERE,
    node: Annotated[bool, typer.Option("--node", help="of the nodes' certificates")] = False,
    out: Out = None,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="until the next one")] = 7,
    password_file: PasswordFile = None,
    dev: Dev = False,
) -> None:
    """Signs the next revocation list (X.509 CRL, PEM).

    Check it with:  openssl crl -in ca.crl -noout -text
    """
    from node.authority.register import Use

    with _authority(folder) as authority:
        keys = authority.unlock(password(password_file, dev), dev=dev)
        path = authority.write_list(keys, Use.NODE if node else Use.IDENTITY, days)
    text = path.read_text()
    if out is None:
        print(text, end="")
    else:
        out.write_text(text)


@app.command("show")
@guarded
def show_authority(folder: Dir = HERE, output: OutputOption = Output.table) -> None:
    """The authority, and every certificate that it issued: whose, which roles, until when, revoked since.

    Example:  city ca show --dir px-ca
    """
    from node.identity.certificates import parse

    with _authority(folder) as authority:
        facts, now_ms = _facts(authority), authority.now_ms()
        rows: list[dict[str, Any]] = []
        for entry in authority.register.entries():
            state = "valid" if entry.holds(now_ms) else "expired"
            rows.append(
                {
                    "serial": f"{entry.serial:x}",
                    "use": entry.use,
                    "name": entry.name,
                    "roles": list(parse(entry.der).roles),
                    "until": _day(entry.not_after_ms),
                    "state": state if entry.revoked_ms is None else f"revoked: {entry.reason}",
                }
            )
    if output is Output.json:
        show(facts | {"certificates": rows}, output)
        return
    show(facts, output)
    cells = [[",".join(c) if isinstance(c, list) else c for c in row.values()] for row in rows]
    stdout.print(rows_table(("Serial", "Use", "Name", "Roles", "Until", "State"), cells))


@app.command()
@guarded
def token(
    name: Annotated[str, typer.Argument(help="whom the certificate will be for")],
    folder: Dir = HERE,
    role: Roles = None,
    host: Hosts = None,
    node: Annotated[bool, typer.Option("--node", help="for a node's TLS (P-256)")] = False,
    hours: Annotated[int, typer.Option("--hours", min=1, max=720, help="how long it lives")] = 24,
    days: Days = 397,
    renew: Renew = False,
) -> None:
    """A one-time token with which its holder enrols by itself. Only its digest stays here.

    Example:  city ca token buyer --dir px-ca --role maker --hours 2
    """
    from node.authority.authority import Asked
    from node.authority.register import Use
    from node.authority.tokens import make_token

    asked = Asked(name, tuple(role or ()), tuple(host or ()), days, renew)
    with _authority(folder) as authority:
        print(make_token(authority, Use.NODE if node else Use.IDENTITY, asked, hours))


@app.command()
@guarded
def serve(
    folder: Dir = HERE,
    listen: Annotated[str, typer.Option("--listen", help="host:port")] = "127.0.0.1:8443",
    password_file: PasswordFile = None,
    dev: Dev = False,
) -> None:
    """Serves enrolment over HTTPS until Ctrl-C: authorities, lists, and certificates against tokens.

    Example:  city ca serve --dir px-ca --listen 0.0.0.0:8443 --password-file px.pw
    """
    import asyncio

    from node.authority.service import serve_until_stopped

    word = password(password_file, dev)
    with _authority(folder) as authority:
        keys = authority.unlock(word, dev=dev)
        logs_aside("info")
        asyncio.run(serve_until_stopped(authority, keys, listen, word))


@contextmanager
def _authority(folder: Path) -> Iterator[MemberAuthority]:
    from node.authority.authority import MemberAuthority

    authority = MemberAuthority(folder)
    try:
        yield authority
    finally:
        authority.close()


def _facts(authority: MemberAuthority) -> dict[str, Any]:
    from node.authority.register import Use

    own = authority.certificate(Use.IDENTITY)
    return {
        "member": authority.member,
        "suite": authority.suite.name,
        "roles": ", ".join(authority.roles) or "any",
        "folder": str(authority.folder),
        "serial": f"{own.serial:x}",
        "until": _day(own.not_after_ms),
    }


def _day(time_ms: int) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(time_ms / 1000, datetime.UTC).date().isoformat()


def _write(made: Certificate, out: Path | None, output: Output) -> None:
    from node.identity.certificates import to_pem

    if out is None:
        print(to_pem(made.der).decode(), end="")
        return
    out.write_bytes(to_pem(made.der))
    show(certificate_facts(made) | {"file": str(out)}, output)


def certificate_facts(found: Certificate) -> dict[str, Any]:
    return {
        "member": found.organization,
        "name": found.name,
        "roles": ", ".join(found.roles),
        "hosts": ", ".join(found.hosts),
        "serial": f"{found.serial:x}",
        "from": _day(found.not_before_ms),
        "until": _day(found.not_after_ms),
    }
