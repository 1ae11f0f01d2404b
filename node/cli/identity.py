"""`city identity`: one's own key, the request for its certificate, and what a file says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.ca import Hosts, Roles, certificate_facts
from node.cli.output import Output, OutputOption, fail, guarded, progress, show
from node.cli.passwords import Dev, PasswordFile, password

app = typer.Typer(help="Keys of people and nodes, and certificates for them.", no_args_is_help=True)


@app.command()
@guarded
def new(
    key: Annotated[str, typer.Argument(help="the key file to write, or pkcs11:…&object=NAME")],
    suite: Annotated[str, typer.Option("--suite", help="sm (SM2) or intl (P-256)")] = "sm",
    transport: Annotated[
        bool, typer.Option("--transport", help="a node's TLS key: P-256, not encrypted, mode 0600")
    ] = False,
    password_file: PasswordFile = None,
    dev: Dev = False,
    output: OutputOption = Output.table,
) -> None:
    """Makes a key. It never leaves this file, or this token; an existing one is never replaced.

    Examples:  city identity new buyer.pem    city identity new keys/transport.pem --transport
    city identity new 'pkcs11:/usr/lib/softhsm/libsofthsm2.so?token=px&object=buyer' --suite intl
    """
    from node.identity.keyfile import write_key
    from node.identity.suite import get_suite, identity_digest
    from node.signing.pkcs11 import require_p256, shared_token
    from node.signing.token_place import is_token, read_place

    if suite not in ("sm", "intl"):
        raise fail("CITY-1002", field="suite", rule="sm or intl")
    used = get_suite("intl" if transport else suite)
    if is_token(key):
        place = read_place(key, needs_object=True)
        require_p256(place, used)
        public_key = shared_token(place).generate(place.object)
        facts = {"token": place.token, "object": place.object, "public_key": public_key.hex()}
        show(facts | {"identity": identity_digest(used, public_key).hex()}, output)
        return
    made = used.generate_key()
    word = None if transport else password(password_file, dev, is_new=True)
    write_key(key, made, word, dev=transport or dev)
    facts = {"file": str(key), "suite": used.name, "public_key": made.public_key.hex()}
    show(facts | {"identity": identity_digest(used, made.public_key).hex()}, output)


@app.command()
@guarded
def request(
    key: Annotated[str, typer.Argument(help="a key file or pkcs11:…; see: city identity new")],
    name: Annotated[str, typer.Argument(help="whom the certificate is for")],
    out: Annotated[
        Path | None, typer.Option("--out", help="the request, or with --url the certificate")
    ] = None,
    member: Annotated[str, typer.Option("--member", help="the member, else the authority's")] = "",
    role: Roles = None,
    host: Hosts = None,
    url: Annotated[str, typer.Option("--url", help="the authority's enrolment service")] = "",
    token: Annotated[str, typer.Option("--token", help="its one-time token")] = "",
    password_file: PasswordFile = None,
    dev: Dev = False,
    output: OutputOption = Output.table,
) -> None:
    """Writes a certification request, or with --url and --token gets the certificate at once.

    With --host it is for a node's TLS.

    Examples:  city identity request buyer.pem buyer --member PX --role maker --out buyer.csr
    city identity request buyer.pem buyer --url https://ca.px.cn:8443 --token … --out buyer.crt
    """
    from node.identity.certificates import to_pem
    from node.identity.requests import make_request
    from node.identity.suite import get_suite
    from node.signing.pkcs11 import open_signer
    from node.signing.token_place import is_token

    if bool(url) != bool(token) or (url and out is None):
        raise fail("CITY-1002", field="--url", rule="--url, --token and --out go together")
    is_plain = bool(host) or dev or is_token(key)
    signer = open_signer(key, password(password_file, is_plain), dev=is_plain)
    suite = get_suite(signer.suite_id)
    der = make_request(suite, signer, name, role or (), member, host or ())
    if url and out is not None:
        _enrol(suite, url, token, der, signer.public_key, out, output)
    elif out is None:
        print(to_pem(der, "CERTIFICATE REQUEST").decode(), end="")
    else:
        out.write_bytes(to_pem(der, "CERTIFICATE REQUEST"))
        progress(f"{out}: send it to the authority (city ca issue --csr {out.name})")


def _enrol(
    suite: Any, url: str, token: str, der: bytes, public_key: bytes, out: Path, output: Output
) -> None:
    from node.authority.authority import real_now_ms
    from node.authority.enrolment import accept, ask, keep

    certificate, authority = ask(url, token, der)
    found = accept(suite, certificate, authority, public_key, real_now_ms())
    keep(out, certificate)
    show(certificate_facts(found) | {"file": str(out)}, output)


@app.command("show")
@guarded
def show_file(
    file: Annotated[Path, typer.Argument(help="a key, certificate or request; PEM")],
    password_file: PasswordFile = None,
    dev: Dev = False,
    output: OutputOption = Output.table,
) -> None:
    """What a file says: of a key its identity on a channel, of a certificate whose it is and until when.

    Examples:  city identity show buyer.crt    city identity show buyer.pem
    """
    from asn1crypto import pem

    from node.identity.certificates import parse
    from node.identity.suite import get_suite, identity_digest

    data = file.read_bytes()
    try:
        kind, _, der = pem.unarmor(data)
    except ValueError:
        raise fail("CITY-2005", detail=f"{file}: this is no PEM file") from None
    facts: dict[str, Any]
    if kind == "CERTIFICATE":
        found = parse(der)
        suite_id, public_key, facts = found.suite_id, found.public_key, certificate_facts(found)
    elif kind == "CERTIFICATE REQUEST":
        suite_id, public_key, facts = _request_facts(der)
    elif kind.endswith("PRIVATE KEY"):
        from node.identity.keyfile import decode_key

        is_plain = kind == "PRIVATE KEY"
        held = decode_key(data, None if is_plain else password(password_file, dev), dev=is_plain)
        suite_id, public_key, facts = held.suite_id, held.public_key, {}
    else:
        raise fail("CITY-2005", detail=f"{file}: a PEM of kind {kind}")
    suite = get_suite(suite_id)
    digest = identity_digest(suite, public_key).hex()
    own = {"kind": kind.lower(), "suite": suite.name, "identity": digest}
    show(own | facts | {"public_key": public_key.hex()}, output)


def _request_facts(der: bytes) -> tuple[int, bytes, dict[str, Any]]:
    from node.identity.requests import read_request, suite_of_request
    from node.identity.suite import get_suite

    suite_id = suite_of_request(der)
    found = read_request(get_suite(suite_id), der)
    facts = {"member": found.organization, "name": found.name, "roles": ", ".join(found.roles)}
    return suite_id, found.public_key, facts | {"hosts": ", ".join(found.hosts)}
