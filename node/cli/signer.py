"""`city signer`: a process of its own that holds a node's keys and signs for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.output import guarded
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

    serve_until_stopped(
        keys, password(password_file, dev), dev, listen, (certificate, key), node, memory
    )
