"""`city tx`: one transaction: wait for it, look at it, prove it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.call import committed_view
from node.cli.output import Output, OutputOption, fail, guarded, show
from node.cli.session import open_network

app = typer.Typer(help="Wait for a transaction, look at it, prove it.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(help="the transaction's id, hexadecimal")]


def parse_id(text: str) -> str:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise fail("CITY-1092", name="id", reason="a transaction's id is 64 hexadecimal digits")
    return found.hex()


@app.command()
@guarded
def wait(
    tx_id: IdArgument,
    level: Annotated[str, typer.Option("--level", help="ordered or committed")] = "committed",
    timeout: Annotated[float, typer.Option("--timeout", help="seconds")] = 30.0,
    output: OutputOption = Output.table,
) -> None:
    """Waits until a transaction is ordered or committed.

    Example:  city tx wait 3f9a… --level ordered
    """
    with open_network() as net:
        done = net.wait(parse_id(tx_id), level, timeout)
        show(committed_view(done) | {"level": done.level}, output)


@app.command("show")
@guarded
def show_transaction(tx_id: IdArgument, output: OutputOption = Output.table) -> None:
    """A transaction's call, block and receipt."""
    with open_network() as net:
        show(transaction_view(net.transaction(parse_id(tx_id))), output)


@app.command()
@guarded
def proof(
    tx_id: IdArgument,
    out: Annotated[Path, typer.Option("--out", help="the file to write")],
    output: OutputOption = Output.table,
) -> None:
    """Writes the proof that the transaction was ordered and what it did; waits for the block to settle.

    Example:  city tx proof 3f9a… --out payment.proof && city proof verify payment.proof
    """
    with open_network() as net:
        data = net.proof(parse_id(tx_id))
    out.write_bytes(data)
    show({"file": str(out), "bytes": len(data)}, output)


def transaction_view(found: Any) -> dict[str, Any]:
    """A TransactionView message as JSON: the call as it was sent, and its receipt."""
    from node.wire.codec import parse_body

    body, receipt = parse_body(found.envelope.body), found.receipt
    return {
        "tx_id": receipt.tx_id.hex(),
        "block": f"{found.height}/{found.index}",
        "call": f"{body.contract}@{body.version}.{body.method}",
        "args": json.loads(body.args),
        "sender": body.sender.hex(),
        "request_id": body.request_id,
        "outcome": receipt.outcome,
        "code": receipt.code,
        "message": receipt.message,
        "gas": f"{receipt.gas_used} of {body.gas_limit}",
        "result": json.loads(receipt.result_json or "null"),
    }
