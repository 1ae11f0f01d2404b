"""`city evidence`: the life of one object in one file, and its check without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, fail, guarded, progress, rows_table, show, stdout
from node.cli.proof import (
    ChannelOption,
    GenesisOption,
    key_text,
    read_file,
    say_trust,
    trusted_channel,
)
from node.cli.session import open_network
from node.cli.tx import parse_id

app = typer.Typer(
    help="Evidence bundles: the life of one object, checked offline.", no_args_is_help=True
)


@app.command()
@guarded
def export(
    subject: Annotated[str, typer.Argument(help="what the bundle is about, in words")],
    transactions: Annotated[list[str], typer.Argument(help="transaction ids, hexadecimal")],
    out: Annotated[Path, typer.Option("--out", help="the file to write")],
    output: OutputOption = Output.table,
) -> None:
    """Fetches the proof of each transaction and writes one file that anyone can check.

    Example:  city evidence export EC-2026-SZ-000001 3f9a… 77c1… --out ec.evidence
    """
    from node.proofs import build_evidence

    with open_network() as net:
        proofs = []
        for number, tx_id in enumerate(transactions, 1):
            progress(f"proof {number} of {len(transactions)}")
            proofs.append(net.proof(parse_id(tx_id)))
    data = build_evidence(subject, proofs, [])
    out.write_bytes(data)
    show({"file": str(out), "bytes": len(data), "transactions": len(proofs)}, output)


@app.command()
@guarded
def verify(
    file: Annotated[Path, typer.Argument(help="an evidence bundle")],
    channel_id: ChannelOption = "",
    genesis: GenesisOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Checks every part of an evidence bundle from its bytes alone; no network is used.

    Example:  city evidence verify ec.evidence --channel-id 8be1…
    """
    from consensus.proof import ProofError
    from node.proofs import verify_evidence

    try:
        trusted = trusted_channel(channel_id, genesis)
        view = say_trust(verify_evidence(read_file(file), trusted), trusted)
    except ProofError as error:
        raise fail("CITY-1093", reason=error) from error
    if output is Output.json:
        show(view, output)
    else:
        _print(view)


def _print(view: dict[str, Any]) -> None:
    stdout.print(f"Evidence on {view['subject']}", markup=False)
    stdout.print(f"Channel   {view['channel']} {view['channel_id']}", markup=False)
    rows = [
        (f"{t['height']}/{t['index']}", t["call"], t["sender"], t["outcome"], t["code"])
        for t in view["transactions"]
    ]
    stdout.print(rows_table(("Block", "Call", "Sender", "Outcome", "Code"), rows))
    for state in view["states"]:
        held = "present" if state["present"] else "absent"
        stdout.print(
            f"State     {key_text(state['key'])} · {held} at height {state['height']}",
            markup=False,
        )
    for payment in view["payments"]:
        stdout.print(
            f"Payment   {payment['amount_fen']} fen {payment['ccy']} · in the center's log · "
            f"accepted in {payment['accepted_in'][:16]}…",
            markup=False,
        )
    quorum = f"{view['quorum']} of {view['validators']}"
    stdout.print(f"VALID     every header sealed by at least {quorum} validators", markup=False)
    stdout.print(f"Trust     {view['trust']}", markup=False)
