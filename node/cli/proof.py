"""`city proof`: check a proof file without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.output import Output, OutputOption, fail, guarded, show

app = typer.Typer(help="Check proofs offline.", no_args_is_help=True)

ChannelOption = Annotated[
    str, typer.Option("--channel-id", help="hex; the channel you trust; empty: any")
]


def read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise fail("CITY-1091", path=path, reason=error.strerror) from error


def trusted_channel(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text) if text else None
    except ValueError as error:
        raise fail("CITY-1092", name="--channel-id", reason="it is no hexadecimal") from error


RootKeyOption = Annotated[
    str,
    typer.Option(
        "--root-key", help="hex; FILE is a payment proof of the log whose root key this is"
    ),
]


@app.command()
@guarded
def verify(
    file: Annotated[
        Path, typer.Argument(help="written by: city tx proof ID --out, or city dcep proof … --out")
    ],
    channel_id: ChannelOption = "",
    root_key: RootKeyOption = "",
    output: OutputOption = Output.table,
) -> None:
    """Checks every signature, path and root of a proof file and prints the fact it shows.

    Examples:  city proof verify order.proof    city proof verify payment.bin --root-key 04…
    """
    if root_key:
        from node.cli.dcep import verify as verify_payment

        verify_payment(file, root_key, output)
        return
    from consensus.proof import ProofError
    from node.proofs import verify_proof

    data = read_file(file)
    try:
        view = verify_proof(data, trusted_channel(channel_id))
    except ProofError as error:
        if _is_payment(data):
            reason = "FILE is a payment proof: name the root key of its log, which you trust"
            raise fail("CITY-1092", name="--root-key", reason=reason) from error
        raise fail("CITY-1093", reason=error) from error
    show(view, output)


def _is_payment(data: bytes) -> bool:
    from consensus.payment_proof import ProofRefused, decode_proof

    try:
        decode_proof(data)
    except ProofRefused:
        return False
    return True
