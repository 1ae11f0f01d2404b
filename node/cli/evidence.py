"""`city evidence`: the life of one object in one file, and its check without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.files import read_file
from node.cli.output import Output, OutputOption, fail, guarded, progress, rows_table, show, stdout
from node.cli.proof import (
    ChannelOption,
    GenesisOption,
    key_text,
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
    subject: Annotated[str, typer.Argument(help="what the bundle is about: an object's number")],
    out: Annotated[Path, typer.Option("--out", help="the file to write")],
    transactions: Annotated[
        list[str] | None,
        typer.Argument(help="transaction ids, hexadecimal; none: all whose events name SUBJECT"),
    ] = None,
    states: Annotated[
        list[str] | None,
        typer.Option("--state", help="CONTRACT/OBJECT/KEY, what stands there now; repeatable"),
    ] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="also write pages to read")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Fetches the proof of each transaction and writes one file that anyone can check.

    Examples:  city evidence export EC-1 --state receivable/credential/EC-1 --out ec.evidence
               city evidence export EC-1 3f9a… 77c1… --out ec.evidence --pdf ec.pdf
    """
    from node.cli.proof import state_key_of
    from node.proofs.life import life_of
    from node.proofs.reading import build_evidence

    keys = [state_key_of(*_three(text)) for text in states or []]
    with open_network() as net:
        ids = [parse_id(text) for text in transactions or []] or life_of(subject, net.past_events())
        if not ids:
            reason = f"no event of the channel names {subject}: give the ids of its transactions"
            raise fail("CITY-1092", name="SUBJECT", reason=reason)
        proofs = []
        for number, tx_id in enumerate(ids, 1):
            progress(f"proof {number} of {len(ids)}")
            proofs.append(net.proof(tx_id))
        shown = [net.state_proof(key) for key in keys]
    data = build_evidence(subject, proofs, shown)
    view = _verified(data, None)
    out.write_bytes(data)
    if pdf is not None:
        _write_pages(view, data, pdf)
    counts = {name: len(view[name]) for name in ("transactions", "states", "payments")}
    show({"file": str(out), "bytes": len(data), **counts}, output)


@app.command()
@guarded
def pdf(
    file: Annotated[Path, typer.Argument(help="an evidence bundle")],
    out: Annotated[Path, typer.Option("--out", help="the PDF to write")],
    channel_id: ChannelOption = "",
    genesis: GenesisOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Checks a bundle and writes what it shows as pages to read, with the bundle's digest as text and QR code.

    Example:  city evidence pdf ec.evidence --channel-id 8be1… --out ec.pdf
    """
    data = read_file(file)
    view = _verified(data, trusted_channel(channel_id, genesis))
    size = _write_pages(view, data, out)
    from node.documents.evidence_pdf import digest_of

    show({"file": str(out), "bytes": size, "bundle": digest_of(data)}, output)


def _three(text: str) -> tuple[str, str, str]:
    contract, _, rest = text.partition("/")
    object_, _, key = rest.partition("/")
    if not contract or not object_:
        reason = "write CONTRACT/OBJECT/KEY, or CONTRACT/OBJECT for a Var"
        raise fail("CITY-1092", name="--state", reason=reason)
    return contract, object_, key


def _verified(data: bytes, trusted: bytes | None) -> dict[str, Any]:
    from consensus.proof import ProofError
    from node.proofs.reading import verify_evidence

    try:
        view = verify_evidence(data, trusted)
    except ProofError as error:
        raise fail("CITY-1093", reason=error) from error
    states = [{**state, "object": key_text(state["key"])} for state in view["states"]]
    return say_trust({**view, "states": states}, trusted)


def _write_pages(view: dict[str, Any], data: bytes, out: Path) -> int:
    from node.documents.evidence_pdf import evidence_pdf

    pages = evidence_pdf(view, data)
    out.write_bytes(pages)
    return len(pages)


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
    view = _verified(read_file(file), trusted_channel(channel_id, genesis))
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
            f"State     {state['object']} · {held} at height {state['height']}",
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
