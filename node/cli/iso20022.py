"""`city iso20022`: payment messages for a bank that stays on its rails."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.files import read_file
from node.cli.output import Output, OutputOption, fail, guarded, show
from node.cli.session import open_network
from node.cli.tx import parse_id, transaction_view
from node.errors import CityError

if TYPE_CHECKING:
    from node.iso20022.pay import Bank, Customer

app = typer.Typer(
    help="Payment messages of the banks' own rails: check, write, match.", no_args_is_help=True
)
BookOption = Annotated[
    Path,
    typer.Option(
        "--book", help="TOML: a table a member with name, country, town, lei, bic or bank"
    ),
]


@app.command()
@guarded
def check(
    paths: Annotated[list[Path], typer.Argument(help="messages, or folders of *.xml")],
    output: OutputOption = Output.table,
) -> None:
    """Reads messages and names the usage rule that each refused one breaks; exit 1 if one is refused.

    Examples:  city iso20022 check payment.xml    city iso20022 check ./inbox -o json
    """
    rows = [_checked(path) for path in _messages(paths)]
    show(rows, output)
    if any(not row["accepted"] for row in rows):
        raise typer.Exit(1)


@app.command()
@guarded
def pay(
    tx: Annotated[str, typer.Argument(help="id of the transaction that proved the payment, hex")],
    payer: Annotated[str, typer.Option("--payer", help="the member who paid")],
    book: BookOption,
    out: Annotated[Path, typer.Option("--out", help="the message to write")],
    output: OutputOption = Output.table,
) -> None:
    """Writes pacs.008, or pacs.009 between banks, of a payment that the channel has verified.

    Example:  city iso20022 pay 5f0c… --payer HB --book banks.toml --out pay.xml
    """
    from node.iso20022.pay import Settled, payment_message
    from node.iso20022.rails import choose_rail

    with open_network() as net:
        said, call = _verified(net, parse_id(tx))
    sides = _sides(_book(book), payer, str(said["payee"]))
    (payer_bank, payer_person), (payee_bank, payee_person) = sides
    settled = Settled(
        said["ref_commit"], call, said["amount_fen"], "CNY", said["time_ms"], payer_bank,
        payee_bank, payer_person, payee_person,
    )  # fmt: skip
    rail = choose_rail(payer_bank.country, payee_bank.country, "CNY", said["amount_fen"])
    data = payment_message(settled, rail)
    out.write_bytes(data)
    owed = {
        "reference": said["ref_commit"].hex(), "obligation_id": call, "amount_minor": said["amount_fen"],
        "ccy": "CNY",
    }  # fmt: skip
    kind = "pacs.009" if payer_person is None else "pacs.008"
    show({"file": str(out), "kind": kind, "rail": rail.name, **owed}, output)


@app.command()
@guarded
def match(
    paths: Annotated[list[Path], typer.Argument(help="camt.054 or pacs.002, or folders of *.xml")],
    owed: Annotated[
        Path,
        typer.Option("--owed", help="JSON list of reference, obligation_id, amount_minor, ccy"),
    ],
    output: OutputOption = Output.table,
) -> None:
    """What came back from the rails, against what is owed; exit 1 unless all of it is settled.

    Example:  city iso20022 match ./inbox --owed owed.json
    """
    from node.iso20022.match import Verdict
    from node.iso20022.match import match as match_message
    from node.iso20022.message import read_message

    expected = _owed(owed)
    rows: list[dict[str, Any]] = []
    for path in _messages(paths):
        for found in match_message(read_message(read_file(path)), expected):
            rows.append(
                {
                    "file": path.name, "verdict": str(found.verdict),
                    "obligation_id": found.obligation_id, "end_to_end": found.end_to_end,
                    "amount_minor": found.amount_minor, "ccy": found.ccy,
                }
            )  # fmt: skip
    show(rows, output)
    if not rows or any(row["verdict"] != Verdict.SETTLED for row in rows):
        raise typer.Exit(1)


# ---- files ---------------------------------------------------------------------------------------


def _messages(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.glob("*.xml")) if path.is_dir() else [path]


def _checked(path: Path) -> dict[str, Any]:
    from node.iso20022.message import read_message

    try:
        message = read_message(read_file(path))
    except CityError as error:
        if error.code not in ("CITY-7020", "CITY-7021"):
            raise
        rule = str(error.variables.get("rule", ""))
        detail = str(error.variables["detail"])
        return {"file": path.name, "accepted": False, "kind": "", "rule": rule, "detail": detail}
    return {"file": path.name, "accepted": True, "kind": message.kind, "rule": "", "detail": ""}


def _owed(file: Path) -> list[Any]:
    from node.iso20022.match import Expected

    try:
        return [
            Expected(
                bytes.fromhex(row["reference"]), str(row["obligation_id"]),
                int(row["amount_minor"]), str(row["ccy"]),
            )
            for row in json.loads(read_file(file))
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise fail("CITY-1092", name="--owed", reason=f"no such list: {error}") from error


def _book(file: Path) -> dict[str, dict[str, str]]:
    try:
        found = tomllib.loads(read_file(file).decode("utf-8"))
    except ValueError as error:
        raise fail("CITY-1092", name="--book", reason=error) from error
    return {name: row for name, row in found.items() if isinstance(row, dict)}


def _sides(book: dict[str, dict[str, str]], *members: str) -> list[tuple[Bank, Customer | None]]:
    """Each member's bank, and the member as its customer. Between two banks, which have a bic, nobody is."""
    from node.iso20022.pay import Bank, Customer

    try:
        rows = [book[member] for member in members]
        found: list[tuple[Bank, Customer | None]] = []
        for row in rows:
            bank = row if "bic" in row else book[row["bank"]]
            customer = None
            if not all("bic" in each for each in rows):
                customer = Customer(row["name"], row.get("lei", ""), row["town"], row["country"])
            found.append((Bank(bank["name"], bank["bic"], bank["country"]), customer))
        return found
    except KeyError as error:
        raise fail("CITY-1092", name="--book", reason=f"{error} is missing in it") from error


# ---- the channel ---------------------------------------------------------------------------------


def _verified(net: Any, tx_id: str) -> tuple[dict[str, Any], str]:
    """What the channel's anchor says of the payment that a transaction proved, and what it paid:
    `receivable EC-2026-SZ-000001/1`."""
    done = net.wait(tx_id)
    said = [e for e in done.events if (e.contract, e.name) == ("dcep", "Dcep.PaymentVerified")]
    if not said:
        raise fail("CITY-1092", name="TX", reason="it proved no payment")
    fields = said[0].fields
    args = transaction_view(net.transaction(tx_id))["args"]
    names = [value for name, value in args.items() if isinstance(value, str) and name != "proof"]
    return fields, " ".join([str(fields["contract"]), *names])
