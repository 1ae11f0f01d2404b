"""`city regcenter …` for courts and AML authorities: what an address holds, orders on coins, watched names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.regcenter.cli_common import (
    CenterOption,
    PasswordOption,
    ask,
    hash_of,
    read_wallet,
    receipt,
    refusing,
)

app = typer.Typer()

KeyFile = Annotated[Path, typer.Argument(help="Key file of the authority.")]
Coins = Annotated[list[str], typer.Argument(help="Coins of one owner: city regcenter holdings.")]
Order = Annotated[str, typer.Option(help="The number of the order.")]


@app.command()
@refusing
def holdings(
    file: KeyFile,
    address: Annotated[str, typer.Argument(help="Whose coins.")],
    order: Order,
    after: Annotated[int, typer.Option(min=0, help="`next` of the answer before.")] = 0,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """The coins that an address holds, free, frozen or locked, under an order."""
    from deploy.regcenter.requests import HoldingsQuery

    query = HoldingsQuery(hash_of(address, "ADDRESS"), order, after)
    ask(center, read_wallet(file, password), query)


def _decide(kind: str, file: Path, coins: list[str], order: str, where: tuple[str, str]) -> None:
    from consensus.payment import Kind

    wallet, wanted = read_wallet(file, where[1]), [hash_of(coin, "COINS") for coin in coins]
    receipt(where[0], lambda client: client.decide(wallet, Kind[kind], wanted, order))


@app.command()
@refusing
def freeze(
    file: KeyFile,
    coins: Coins,
    order: Order,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Coins stay where they are until who froze them lets go, or the court moves them."""
    _decide("FREEZE", file, coins, order, (center, password))


@app.command()
@refusing
def unfreeze(
    file: KeyFile,
    coins: Coins,
    order: Order,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Who froze coins lets go, under the same order."""
    _decide("UNFREEZE", file, coins, order, (center, password))


@app.command("court-transfer")
@refusing
def court_transfer(
    file: KeyFile,
    coins: Coins,
    to: Annotated[str, typer.Option(help="Address of a wallet.")],
    amount: Annotated[int, typer.Option(min=1, help="In fen: all that the coins are worth.")],
    order: Order,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """The court moves what it froze, under the same order, into a wallet."""
    from consensus.payment import Kind
    from deploy.regcenter.client import Payment

    wallet, wanted = read_wallet(file, password), [hash_of(coin, "COINS") for coin in coins]
    payments = [Payment(hash_of(to, "--to"), amount)]
    kind = Kind.COURT_TRANSFER
    receipt(center, lambda client: client.decide(wallet, kind, wanted, order, payments))


@app.command()
@refusing
def screen(
    file: KeyFile,
    names: Annotated[list[str], typer.Argument(help="Of holders.")],
    off: Annotated[bool, typer.Option("--off", help="Watch them no more.")] = False,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """An AML authority has names watched: what they do is reported."""
    from deploy.regcenter.requests import ScreenQuery

    ask(center, read_wallet(file, password), ScreenQuery(tuple(names), not off))
