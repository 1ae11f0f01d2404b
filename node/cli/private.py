"""`city private`: receivables with hidden amounts. Amounts are hidden, proven and opened on this side.

Every opening stands in a sealed record, so that keys for encryption are all that has to be kept.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.files import read_file
from node.cli.output import Output, OutputOption, fail, guarded, show
from node.cli.sealed import KeysOption, opened, pairs, pass_on, record, refused

app = typer.Typer(no_args_is_help=True)

LeafArgument = Annotated[str, typer.Argument(help="the leaf: PR-000001, PR-000001/2")]
RecordOption = Annotated[
    str, typer.Option("--record", help="number of the sealed record that this step makes")
]
CONTRACT = "private_receivable"


def open_network() -> Any:
    """As `session.open_network`; here so that a test can put a world without a network in its place."""
    from node.cli import session

    return session.open_network()


def opening_of(net: Any, leaf: dict[str, Any], sealed: str, keys: Path | None) -> Any:
    """(the channel's id, the opening of a note or leaf by a sealed record of ours). Raises CITY-1110."""
    from node.confidential.private_amounts import opening_in
    from node.confidential.sealing import SealedRefused

    found, content, _ = opened(net, sealed, "", keys, None)
    try:
        return bytes.fromhex(found["channel"]), opening_in(content, leaf["commitment"])
    except SealedRefused as error:
        raise refused(error) from error


def held_leaf(net: Any, id: str, keys: Path | None) -> Any:
    leaf = net.query(CONTRACT, "get_leaf", {"id": id}).value
    return opening_of(net, leaf, leaf["sealed"], keys)


@app.command()
@guarded
def draft(
    holder: Annotated[str, typer.Argument(help="to whom the debtor promises")],
    amount_fen: Annotated[int, typer.Argument(help="1 to 2^41")],
    due_date: Annotated[str, typer.Argument(help="YYYY-MM-DD; the ledger shows the month")],
    sealed: RecordOption,
    file: Annotated[Path | None, typer.Option("--file", help="a document of the terms")] = None,
    field: Annotated[list[str] | None, typer.Option("--field", help="name=value of terms")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Hides an amount, proves its range, seals the terms to the holder, and draws the note up.

    Example:  city as px-maker private draft LG 600000000 2027-05-20 --record PR-T-1
    """
    from node.confidential.private_amounts import SCHEMA, prove_face, terms_content
    from node.identity.hidden_amount import hide

    face = hide(amount_fen)
    body = read_file(file) if file is not None else b""
    name = file.name if file is not None else ""
    content = allowed(lambda: terms_content(sealed, face, due_date, pairs(field or []), name, body))
    with open_network() as net:
        asked = {"schema": SCHEMA, "members": [holder]}
        channel = net.query("sealed_record", "recipients", asked).value["channel"]
        proof = prove_face(face, bytes.fromhex(channel), sealed)
        record(net, content, SCHEMA, [holder])
        args = {"holder": holder, "commitment": face.commitment(), "proof": proof,
                "sealed": sealed, "due_month": due_date[:7]}  # fmt: skip
        done = net.call(CONTRACT, "draft", args)
    show({"id": done.value, "commitment": face.commitment().hex(), "sealed": sealed}, output)


def allowed(make: Any) -> Any:
    """Arithmetic that is refused for what a person typed."""
    try:
        return make()
    except ValueError as error:
        raise fail("CITY-1092", name="AMOUNT", reason=error) from error


@app.command()
@guarded
def accept(
    id: Annotated[str, typer.Argument(help="the note's number")],
    keys: KeysOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Opens your copy, checks that it opens the note's commitment, and takes the note.

    Example:  city as lg private accept PR-000001
    """
    with open_network() as net:
        note = net.query(CONTRACT, "get", {"id": id}).value
        _, face = opening_of(net, note, note["sealed"], keys)
        done = net.call(CONTRACT, "accept", {"id": id})
    show({"id": id, "state": done.value, "amount_fen": face.amount}, output)


@app.command()
@guarded
def split(
    id: LeafArgument,
    amounts: Annotated[list[int], typer.Argument(help="of the parts, in fen")],
    sealed: RecordOption,
    keys: KeysOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Cuts a leaf of yours into parts. Their openings stand in a sealed record of yours.

    Example:  city as lg private split PR-000001 400000000 200000000 --record PR-P-1
    """
    from node.confidential.private_amounts import SCHEMA, parts_content, prove_parts
    from node.identity.hidden_amount import share

    with open_network() as net:
        channel, whole = held_leaf(net, id, keys)
        parts = allowed(lambda: share(whole, amounts))
        content = allowed(lambda: parts_content(sealed, parts))
        record(net, content, SCHEMA, [])
        args = {"id": id, "commitments": [part.commitment() for part in parts],
                "proofs": prove_parts(parts, channel, id), "sealed": sealed}  # fmt: skip
        done = net.call(CONTRACT, "split", args)
    rows = [
        {"id": part, "amount_fen": opening.amount}
        for part, opening in zip(done.value, parts, strict=True)
    ]
    show(rows, output)


@app.command()
@guarded
def offer(
    id: LeafArgument,
    member: Annotated[str, typer.Argument(help="to whom")],
    sealed: RecordOption,
    keys: KeysOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Offers a leaf: its opening is sealed to the taker, who also gets a copy of the note's terms.

    Example:  city as lg private offer PR-000001/2 HL --record PR-O-1
    """
    from node.confidential.private_amounts import SCHEMA, parts_content

    with open_network() as net:
        _, opening = held_leaf(net, id, keys)
        record(net, parts_content(sealed, [opening]), SCHEMA, [member])
        terms = net.query(CONTRACT, "get", {"id": id.split("/")[0]}).value["sealed"]
        if member not in net.query("sealed_record", "get", {"id": terms}).value["recipients"]:
            pass_on(net, terms, member, keys)
        done = net.call(CONTRACT, "offer_transfer", {"id": id, "to": member, "sealed": sealed})
    show({"id": id, "to": member, "state": done.value}, output)


@app.command("accept-transfer")
@guarded
def accept_transfer(
    id: LeafArgument, keys: KeysOption = None, output: OutputOption = Output.table
) -> None:
    """Opens your copy, checks that it opens the leaf's commitment, and takes the leaf.

    Example:  city as hl private accept-transfer PR-000001/2
    """
    with open_network() as net:
        leaf = net.query(CONTRACT, "get_leaf", {"id": id}).value
        _, opening = opening_of(net, leaf, leaf["offered"] or leaf["sealed"], keys)
        done = net.call(CONTRACT, "accept_transfer", {"id": id})
    show({"id": id, "state": done.value, "amount_fen": opening.amount}, output)


@app.command("open")
@guarded
def open_leaf(
    id: LeafArgument, keys: KeysOption = None, output: OutputOption = Output.table
) -> None:
    """The amount of a leaf of yours, as its opening and the ledger's commitment show it.

    Example:  city as hl private open PR-000001/2
    """
    with open_network() as net:
        leaf = net.query(CONTRACT, "get_leaf", {"id": id}).value
        _, opening = opening_of(net, leaf, leaf["offered"] or leaf["sealed"], keys)
    show({"id": id, "state": leaf["state"], "amount_fen": opening.amount}, output)


@app.command()
@guarded
def due(id: LeafArgument, keys: KeysOption = None, output: OutputOption = Output.table) -> None:
    """Opens the due date of the terms on the ledger: from here on the leaf can be presented.

    Example:  city as hl private due PR-000001/2
    """
    from node.confidential.credentials import commitment
    from node.confidential.private_amounts import DUE_FIELD

    with open_network() as net:
        terms = net.query(CONTRACT, "get", {"id": id.split("/")[0]}).value["sealed"]
        _, content, _ = opened(net, terms, "", keys, None)
        fields = content.held.fields
        day = next((field for field in fields if field.name == DUE_FIELD), None)
        if day is None:
            raise refused("the terms name no due date")
        rest = [commitment(field) for field in fields if field is not day]
        args = {"id": id, "due_date": day.value, "salt": day.salt.hex(), "hidden": rest}
        done = net.call(CONTRACT, "due", args)
    show({"id": id, "state": done.value, "due_date": day.value}, output)


@app.command()
@guarded
def present(id: LeafArgument, keys: KeysOption = None, output: OutputOption = Output.table) -> None:
    """Opens a leaf's amount to the ledger for payment; what the debtor pays, and under which reference.

    Example:  city as hl private present PR-000001/2
    """
    with open_network() as net:
        _, opening = held_leaf(net, id, keys)
        args = {"id": id, "amount_fen": opening.amount, "blinding": opening.blinding,
                "salt": secrets.token_bytes(16)}  # fmt: skip
        wanted = net.call(CONTRACT, "present", args).value
    show({"id": id, **wanted, "reference": wanted["reference"].hex()}, output)
