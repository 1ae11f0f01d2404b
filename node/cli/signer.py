"""`city signer`: a process of its own that holds a node's keys and signs for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.output import Output, OutputOption, guarded, logs_aside, rows_table, show
from node.cli.passwords import Dev, PasswordFile, password

app = typer.Typer(help="Keys that a node uses and does not hold.", no_args_is_help=True)


@app.command()
@guarded
def serve(
    keys: Annotated[
        Path, typer.Option("--keys", help="folder with identity….pem and vote….pem")
    ] = Path("keys"),
    listen: Annotated[str, typer.Option("--listen", help="host:port")] = "127.0.0.1:7443",
    certificate: Annotated[
        Path, typer.Option("--certificate", help="this service's own, P-256; PEM")
    ] = Path("signer.crt"),
    key: Annotated[Path, typer.Option("--key", help="the certificate's key")] = Path("signer.pem"),
    node: Annotated[
        Path, typer.Option("--node", help="the node's transport.crt: nobody else is served")
    ] = Path("transport.crt"),
    memory: Annotated[
        Path | None,
        typer.Option("--memory", help="its memory of votes; else votes.sqlite in --keys"),
    ] = None,
    password_file: PasswordFile = None,
    dev: Dev = False,
) -> None:
    """Signs for one node, over mutual TLS, until Ctrl-C: votes, connections and reports, and nothing else.

    It remembers votes and never signs two for one height and view. The node's side, in node.toml:
    [keys] signer = "remote:10.0.0.9:7443"  signer_certificate = "signer.crt"

    Its certificate:  city identity new signer.pem --transport, then city identity request … --host …,
    city ca issue --node …

    Example:  city signer serve --keys keys --node transport.crt --listen 0.0.0.0:7443
    """
    from node.signing.service import serve_until_stopped

    logs_aside("info")
    serve_until_stopped(
        keys, password(password_file, dev), dev, listen, (certificate, key), node, memory
    )


@app.command()
@guarded
def check(
    token: Annotated[str, typer.Argument(help="pkcs11:/path/of/the/module.so?token=LABEL")],
    output: OutputOption = Output.table,
) -> None:
    """Looks at a hardware token: its module, its label, the PIN, what it can do, and which keys it holds.

    The PIN is in CITY_PKCS11_PIN or in a file that CITY_PKCS11_PIN_FILE names; it is tried once. Exit code 1
    where something is bad.

    Example:  city signer check 'pkcs11:/usr/lib/softhsm/libsofthsm2.so?token=px'
    """
    from node.doctor.check import Mark
    from node.signing.token_check import examine_token
    from node.signing.token_place import read_place

    found = list(examine_token(read_place(token)))
    marks = {Mark.ok: "✓", Mark.warn: "!", Mark.bad: "✗"}
    rows = [(marks[each.mark], each.name, each.found, each.do) for each in found]
    data = [{"check": c.name, "mark": c.mark, "found": c.found, "do": c.do} for c in found]
    show(data, output, lambda: rows_table(("", "Check", "Found", "Next step"), rows))
    if any(each.mark is Mark.bad for each in found):
        raise typer.Exit(1)
