"""`city dcep qr`: signed codes of payees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.regcenter.cli_common import (
    NO_HASH,
    KeyFile,
    PasswordOption,
    ReferenceOption,
    hash_of,
    read_wallet,
    refusing,
    tell,
)

app = typer.Typer(help="Signed QR codes of payees.", no_args_is_help=True)


@app.command("make")
@refusing
def make_code(
    file: KeyFile,
    name: Annotated[str, typer.Option(help="What the payer is shown.")],
    amount: Annotated[int, typer.Option(min=0, help="In fen; without it the code is static.")] = 0,
    reference: ReferenceOption = NO_HASH,
    minutes: Annotated[int, typer.Option(min=0, help="A code for one payment ends then.")] = 0,
    out: Annotated[Path | None, typer.Option(help="A picture: .svg, .png or .txt")] = None,
    password: PasswordOption = "",
) -> None:
    """A code that the payee signs: static, or for one payment.

    Example:  city dcep qr make shop.pem --name "Harbour Bright" --amount 1250 --minutes 5 --out code.svg
    """
    from deploy.regcenter import qr
    from deploy.regcenter.clock import real_ms

    wallet = read_wallet(file, password)
    ends = real_ms() + minutes * 60_000 if minutes else 0
    text = qr.make(wallet.signer, name, amount, hash_of(reference, "--reference"), ends)
    if out is not None:
        qr.draw(text, out)
    typer.echo(text)


@app.command("read")
@refusing
def read_code(text: Annotated[str, typer.Argument(help="The code's text.")]) -> None:
    """Checks a code and shows what it asks for."""
    from deploy.regcenter import qr
    from deploy.regcenter.clock import real_ms
    from node.identity.suite import get_suite

    code = qr.read(text, get_suite("sm"), real_ms())
    tell(
        {
            "name": code.name,
            "address": code.address.hex(),
            "amount_fen": code.amount_fen,
            "reference": code.reference.hex(),
            "expires_ms": code.expires_ms,
            "static": code.is_static,
        }
    )
