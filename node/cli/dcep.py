"""`city dcep`: what the chain knows of money's own ledger, and payment proofs as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli import fork
from node.cli.files import read_file
from node.cli.output import Output, OutputOption, fail, guarded, plain, show
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
    """A registered log: root key, size and root of the last anchored tree head, keys, halted or not."""
    with open_network() as net:
        show(plain(net.query("dcep", "get_log", {"log_id": _log(log_id)}).value), output)


def _log(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise fail("CITY-1092", name="LOG_ID", reason="it is no hexadecimal") from error


@app.command()
@guarded
def binding(
    member: Annotated[str, typer.Argument(help="the member's id")],
    output: OutputOption = Output.table,
) -> None:
    """The wallet address that a member has bound now."""
    with open_network() as net:
        address = net.query("dcep", "wallet_of", {"member": member}).value
        show({"member": member, "address": address.hex()}, output)


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
