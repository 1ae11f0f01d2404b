"""`city invoice`: UBL invoices and credit notes, checked from the file alone and lodged on the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import Output, OutputOption, fail, guarded, show
from node.cli.session import open_network
from node.errors import CityError

if TYPE_CHECKING:
    from node.documents import Invoice, InvoiceParty

app = typer.Typer(
    help="UBL invoices and credit notes: check them, lodge them on the ledger.",
    no_args_is_help=True,
)


def _files(path: Path) -> list[Path]:
    """The file, or every XML file of a folder by name."""
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.xml"))
    if not found:
        raise fail("CITY-1091", path=path, reason="there is no XML file in this folder")
    return found


def _read(path: Path) -> Invoice:
    from node.documents import parse_invoice
    from node.identity.suite import get_suite

    return parse_invoice(path.read_bytes(), get_suite("sm"))


def _view(path: Path) -> dict[str, Any]:
    """One row of what was read, or of why it was not."""
    try:
        found = _read(path)
    except CityError as error:
        refused = {"result": f"{error.code} {error.name}", "reason": error.localized("en")[0]}
        return {"file": path.name, **refused}
    return {
        "file": path.name,
        "result": "ok",
        "kind": found.kind,
        "number": found.number,
        "issued": found.issued_on,
        "seller": found.seller.identifier or found.seller.name,
        "buyer": found.buyer.identifier or found.buyer.name,
        "currency": found.currency,
        "net": found.net,
        "tax": found.tax,
        "gross": found.gross,
        "payable": found.payable,
        "document": found.document,
    }


@app.command()
@guarded
def check(
    path: Annotated[Path, typer.Argument(help="a UBL 2.1 file, or a folder of them")],
    output: OutputOption = Output.table,
) -> None:
    """Reads invoices strictly and says what is wrong: totals, tax, currency, check digits. No network.

    Amounts are minor units; `document` is the digest under which the ledger knows the file. A single file that
    is refused ends with its code; of a folder, each file has its line, and any refusal exit status 1.

    Examples:  city invoice check invoice.xml    city invoice check invoices/
    """
    files = _files(path)
    if len(files) == 1 and not path.is_dir():
        _read(files[0])
    rows = [_view(file) for file in files]
    columns = ("file", "result", "number", "currency", "net", "tax", "gross", "reason")
    lines = [{name: row.get(name, "") for name in columns} for row in rows]
    show(rows if output is Output.json else lines, output)
    if any(row["result"] != "ok" for row in rows):
        raise typer.Exit(1)


def _require_party(net: Any, member: str, found: InvoiceParty, role: str) -> None:
    """The party of the channel is the one that the file names, by USCC or LEI."""
    party = net.query("party", "get", {"party_id": member}).value
    if found.identifier not in (party["uscc"], party["lei"]) or not found.identifier:
        raise fail(
            "CITY-1105", field=role, found=repr(found.identifier)[:80],
            rule=f"the USCC or LEI of {member}",
        )  # fmt: skip


@app.command()
@guarded
def register(
    file: Annotated[Path, typer.Argument(help="a UBL 2.1 invoice or credit note")],
    seller: Annotated[str, typer.Option("--seller", help="your member: the file's seller")],
    buyer: Annotated[str, typer.Option("--buyer", help="the member that is the file's buyer")],
    output: OutputOption = Output.table,
) -> None:
    """Checks an invoice and lodges its digest, parties and amount in the invoice registry.

    Example:  city as px-maker invoice register invoice.xml --seller PX --buyer HB
    """
    found = _read(file)
    args = {
        "document": found.document, "kind": found.kind, "buyer": buyer, "amount_fen": found.gross,
        "currency": found.currency, "issued_on": found.issued_on,
    }  # fmt: skip
    with open_network() as net:
        _require_party(net, seller, found.seller, "cac:AccountingSupplierParty")
        _require_party(net, buyer, found.buyer, "cac:AccountingCustomerParty")
        done = net.call("invoice_registry", "lodge", args)
    show({"number": found.number, "seller": seller, **args, "tx_id": done.tx_id}, output)
