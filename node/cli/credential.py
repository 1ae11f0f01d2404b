"""`city credential`: files of trusted e-credentials; what is on the ledger has the commands of its table."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from node.cli.files import read_file
from node.cli.output import Output, OutputOption, fail, guarded, show
from node.cli.proof import ChannelOption, trusted_channel
from node.cli.session import open_network

app = typer.Typer(no_args_is_help=True)


@app.command()
@guarded
def prepare(
    id: Annotated[str, typer.Argument(help="the credential's number")],
    fields: Annotated[list[str], typer.Argument(help="name=value of each field")],
    out: Annotated[Path, typer.Option("--out", help="the holder's file: keep it secret")],
    output: OutputOption = Output.table,
) -> None:
    """Salts the fields of a new credential; the root goes to the ledger, the file to its holder.

    Example:  city credential prepare SLIP-1 amount=12000.00 goods=phones --out slip.json
    """
    from node.confidential.credentials import salt_fields

    pairs = [word.partition("=") for word in fields]
    names = [name for name, _, _ in pairs]
    if any(not separator or not name for name, separator, _ in pairs) or len(set(names)) < len(
        names
    ):
        raise fail("CITY-1092", name="FIELDS", reason="name=value of each field, each name once")
    held = salt_fields(id, {name: value for name, _, value in pairs})
    out.write_bytes(held.to_bytes())
    out.chmod(0o600)
    show({"id": id, "root": held.root.hex(), "fields": len(held.fields), "file": str(out)}, output)


@app.command("hand-over")
@guarded
def hand_over(
    file: Annotated[Path, typer.Argument(help="the holder's file")],
    names: Annotated[list[str], typer.Argument(help="fields to open; the others stay hidden")],
    out: Annotated[Path, typer.Option("--out", help="the file for who is to see them")],
    output: OutputOption = Output.table,
) -> None:
    """Opens some fields of a credential, with fresh proofs of its state and of its issuer's key.

    The digest is what `city credential present ID MEMBER DIGEST` puts on the ledger.

    Example:  city as px-maker credential hand-over slip.json amount --out shown.json
    """
    from contracts.runtime.keys import state_key
    from node.confidential.credentials import CONTRACT, PresentationRefused, read_held
    from node.identity.suite import get_suite

    try:
        held = read_held(read_file(file))
        with open_network() as net:
            found = net.query(CONTRACT, "get", {"id": held.id}).value
            slip = net.state_proof(state_key(CONTRACT, CONTRACT, held.id))
            key = net.state_proof(state_key(CONTRACT, "accreditation", found["accreditation"]))
        shown = held.open(names, slip, key).to_bytes()
    except PresentationRefused as error:
        raise fail("CITY-1093", reason=error) from error
    out.write_bytes(shown)
    digest = get_suite("sm").hash(shown).hex()
    show({"id": held.id, "opened": ", ".join(names), "digest": digest, "file": str(out)}, output)


@app.command()
@guarded
def verify(
    file: Annotated[Path, typer.Argument(help="written by: city credential hand-over … --out")],
    channel_id: ChannelOption = "",
    max_age: Annotated[
        str, typer.Option("--max-age", help="of the proofs: 90s, 15m, 24h, 7d")
    ] = "24h",
    output: OutputOption = Output.table,
) -> None:
    """Checks a presentation without a network: fields, issuer's signature and key, state and its age.

    Example:  city credential verify shown.json --channel-id 5f… --max-age 24h
    """
    from node.confidential.credentials import PresentationRefused, verify_presentation

    units = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
    number, unit = max_age[:-1], max_age[-1:]
    if not (number.isascii() and number.isdecimal() and unit in units):
        raise fail("CITY-1092", name="--max-age", reason="a number with s, m, h or d")
    now_ms, age_ms = int(time.time() * 1000), int(number) * units[unit]
    try:
        view = verify_presentation(read_file(file), now_ms, age_ms, trusted_channel(channel_id))
    except PresentationRefused as error:
        raise fail("CITY-1093", reason=error) from error
    show(view, output)
