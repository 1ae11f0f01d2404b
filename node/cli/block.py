"""`city block`: headers, certificates and what stands in blocks."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, guarded, show
from node.cli.session import open_network

app = typer.Typer(help="Blocks of the channel.", no_args_is_help=True)


@app.command("show")
@guarded
def show_block(
    height: Annotated[int, typer.Argument(help="the block's height")],
    output: OutputOption = Output.table,
) -> None:
    """One block: header, who sealed it, transactions.

    Example:  city block show 7 -o json
    """
    with open_network() as net:
        show(block_view(net.block(height)), output)


@app.command("list")
@guarded
def list_blocks(
    last: Annotated[int, typer.Option("--last", help="how many, from the newest")] = 10,
    output: OutputOption = Output.table,
) -> None:
    """The newest blocks, a line each."""
    with open_network() as net:
        tip = net.node_status()["height"]
        found = [net.block(height) for height in range(max(0, tip - last + 1), tip + 1)]
    rows = [
        {
            "height": b.height,
            "transactions": len(b.tx_ids),
            "time_ms": b.header["timestamp_ms"],
            "block_hash": b.block_hash,
        }
        for b in found
    ]
    show(rows, output)


def block_view(block: Any) -> dict[str, Any]:
    """A block as JSON: its header, which validators sealed it, the ids of its transactions."""
    from consensus.certificate import CommitCert
    from consensus.encoding import decode

    cert = decode(CommitCert, block.raw_certificate) if block.raw_certificate else None
    return {
        "height": block.height,
        "block_hash": block.block_hash,
        "header": dict(block.header),
        "sealed_in_view": cert.view if cert else None,
        "seals": len(cert.seals) if cert else 0,
        "transactions": list(block.tx_ids),
    }
