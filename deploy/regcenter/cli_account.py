"""`city dcep account`: a balance at a payment institution."""

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
    refusing,
)

app = typer.Typer(help="A balance at a payment institution, one to one.", no_args_is_help=True)

KeyFile = Annotated[Path, typer.Argument(help="Key file of the account's holder.")]
Pool = Annotated[str, typer.Argument(help="Address of the institution's pool.")]
Amount = Annotated[int, typer.Argument(min=1, help="In fen.")]


@app.command()
@refusing
def show(
    file: KeyFile, pool: Pool, center: CenterOption = "", password: PasswordOption = ""
) -> None:
    """The account's balance. Money comes in by `city dcep pay` to the pool."""
    from deploy.regcenter.requests import AccountQuery

    wallet, query = read_wallet(file, password), AccountQuery(hash_of(pool, "POOL"))
    ask(center, wallet, query)


@app.command()
@refusing
def pay(
    file: KeyFile,
    pool: Pool,
    to: Annotated[str, typer.Argument(help="Account (address) that is paid.")],
    amount: Amount,
    to_pool: Annotated[
        str, typer.Option(help="Its institution; else the same. Another one is paid at netting.")
    ] = "",
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Pays from balance to balance."""
    from deploy.regcenter.requests import BookQuery

    wallet = read_wallet(file, password)
    there = hash_of(to_pool or pool, "--to-pool")
    query = BookQuery(hash_of(pool, "POOL"), there, hash_of(to, "TO"), amount)
    ask(center, wallet, query)


@app.command()
@refusing
def withdraw(
    file: KeyFile,
    pool: Pool,
    amount: Amount,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """The balance becomes coins of the holder's wallet."""
    from deploy.regcenter.requests import WithdrawQuery

    wallet, query = read_wallet(file, password), WithdrawQuery(hash_of(pool, "POOL"), amount)
    ask(center, wallet, query)


@app.command()
@refusing
def net(
    file: KeyFile,
    window: Annotated[int, typer.Argument(min=0, help="The window's number, for the record.")],
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """An institution closes a window: what they owe each other is netted and paid in coins."""
    from deploy.regcenter.requests import NetQuery

    wallet = read_wallet(file, password)
    ask(center, wallet, NetQuery(window))
