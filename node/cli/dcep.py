"""`city dcep`: what the chain knows of money's own ledger, and payment proofs as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli import fork
from node.cli.output import Output, OutputOption, fail, guarded, show
from node.cli.proof import read_file
from node.cli.session import open_network

app = typer.Typer(
    help="Money's own ledger as the chain sees it. The registration center is a reference simulator.",
    no_args_is_help=True,
)
fork.add_to(app)


@app.command()
@guarded
def log(
    log_id: Annotated[str, typer.Argument(help="the log's id, hexadecimal")],
    output: OutputOption = Output.table,
) -> None:
    """A registered log: root key, last anchored tree head, halted or not."""
    with open_network() as net:
        show(net.query("dcep", "get_log", {"log_id": bytes.fromhex(log_id)}), output)


@app.command()
@guarded
def binding(
    member: Annotated[str, typer.Argument(help="the member's id")],
    output: OutputOption = Output.table,
) -> None:
    """The wallet address that a member has bound now."""
    with open_network() as net:
        address = net.query("dcep", "wallet_of", {"member": member}).value
        show({"member": member, "address": address}, output)


@app.command()
@guarded
def verify(
    file: Annotated[Path, typer.Argument(help="canonical bytes of a payment proof")],
    root_key: Annotated[
        str, typer.Option("--root-key", help="hex; the log's root key that you trust")
    ],
    output: OutputOption = Output.table,
) -> None:
    """Checks a payment proof offline: key chain, signed tree head, opened fields, inclusion.

    Example:  city dcep verify payment.bin --root-key 04…
    """
    from consensus.payment_proof import ProofRefused, TrustedLog, check_proof
    from node.identity.suite import get_suite

    suite = get_suite("sm")
    try:
        trusted = TrustedLog(bytes.fromhex(root_key))
        payment = check_proof(suite.hash, suite.verify, read_file(file), trusted, None)
    except (ProofRefused, ValueError) as error:
        raise fail("CITY-1093", reason=error) from error
    names = ("kind", "status", "amount_fen", "ccy", "time_ms", "purpose", "regime")
    view = {name: getattr(payment, name) for name in names}
    show({"valid": True, "txid": payment.proof.point.txid.hex(), **view}, output)
