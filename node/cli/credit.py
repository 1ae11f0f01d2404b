"""`city credit`: a documentary credit as a banker reads it, and the machine pre-check of its documents."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, as_table, guarded, rows_table, show
from node.cli.session import open_network

app = typer.Typer(
    help="Documentary credits: what they say, and what a machine finds in the documents.",
    no_args_is_help=True,
)
ADVICE = "Advice only: the bank examines the documents and signs its decision."


class View(StrEnum):
    ledger = "ledger"
    mt700 = "mt700"


@app.command("show")
@guarded
def show_credit(
    id: Annotated[str, typer.Argument(help="the credit's number")],
    view: Annotated[View, typer.Option("--view", help="as the ledger has it, or as an MT 700")] = (
        View.ledger
    ),
    terms: Annotated[
        Path | None, typer.Option("--terms", help="a pre-check file of the credit, for its texts")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """One credit, for its parties and regulators.

    Example:  city as vb-ops credit show LC-2026-HK-1 --view mt700
    """
    with open_network() as net:
        found = net.query("credit", "get", {"id": id}).value
        if view is View.ledger:
            show(found, output)
            return
        members = {member for member in found["parties"].values() if member}
        names = {
            member: net.query("party", "get", {"party_id": member}).value["legal_name"]
            for member in sorted(members)
        }
    _show_mt700(found, names | {"": ""}, terms, output)


def _show_mt700(
    found: dict[str, Any], names: dict[str, str], terms: Path | None, output: Output
) -> None:
    from node.documents.mt700 import mt700
    from node.documents.precheck import read_case

    texts = None if terms is None else read_case(terms.read_bytes()).credit
    fields = mt700(found, names, texts)
    show(
        [field._asdict() for field in fields],
        output,
        lambda: rows_table(None, [(f":{tag}:", name, value) for tag, name, value in fields]),
    )


@app.command()
@guarded
def precheck(
    file: Annotated[Path, typer.Argument(help="credit, presentation and documents as JSON")],
    output: OutputOption = Output.table,
) -> None:
    """Looks for discrepancies in documents before the bank does; each finding cites its article.

    No network is used. A finding is advice: nothing is decided, sent or stored.

    Example:  city credit precheck presentation.json
    """
    from node.documents.precheck import CHECKS, examine, read_case

    findings = [finding.to_dict() for finding in examine(read_case(file.read_bytes()))]
    answer = {"checks": len(CHECKS), "findings": findings, "advice": ADVICE}
    show(
        answer,
        output,
        lambda: as_table(findings) if findings else f"{len(CHECKS)} checks: no findings.",
    )
    if output is Output.table:
        show(ADVICE, output)


@app.command()
@guarded
def checks(output: OutputOption = Output.table) -> None:
    """What the pre-check looks at, and the article each check rests on."""
    from node.documents.precheck import CHECKS

    show(
        [
            {"check": one.id, "article": one.article, "severity": one.severity, "what": one.title}
            for one in CHECKS
        ],
        output,
    )
