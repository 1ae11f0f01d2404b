"""`city regcenter hook`: webhooks of banks and payment institutions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.regcenter.cli_common import (
    CenterOption,
    KeyFile,
    PasswordOption,
    ask,
    hash_of,
    read_wallet,
    refusing,
    tell,
)

app = typer.Typer(help="Webhooks of banks and payment institutions.", no_args_is_help=True)


@app.command()
@refusing
def add(
    file: KeyFile,
    url: Annotated[str, typer.Argument(help="https, on a host that the center is run with.")],
    event: Annotated[list[str] | None, typer.Option(help="payment.final, head.")] = None,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Messages go to a URL from now on; registering it again changes the events."""
    from deploy.regcenter.requests import HookQuery

    query = HookQuery(url, tuple(event or ("payment.final",)))
    ask(center, read_wallet(file, password), query)


@app.command("list")
@refusing
def hooks(file: KeyFile, center: CenterOption = "", password: PasswordOption = "") -> None:
    """The institution's hooks, and how much waits for each."""
    from deploy.regcenter.requests import HooksQuery

    wallet = read_wallet(file, password)
    ask(center, wallet, HooksQuery(wallet.address))


@app.command()
@refusing
def remove(
    file: KeyFile,
    hook: Annotated[str, typer.Argument(help="Its id.")],
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """No more messages; what waits is dropped."""
    from deploy.regcenter.requests import UnhookQuery

    ask(center, read_wallet(file, password), UnhookQuery(hash_of(hook, "HOOK")))


@app.command()
@refusing
def check(
    body: Annotated[Path, typer.Argument(help="A message's body, as it came.")],
    signature: Annotated[str, typer.Option(help="Its header X-Center-Signature.")],
    root_key: Annotated[str, typer.Option(help="The center's root key that you trust, hex.")],
) -> None:
    """Checks a message offline, as a receiver does."""
    from deploy.regcenter.clock import real_ms
    from deploy.regcenter.hooks import check_message
    from node.identity.suite import get_suite

    try:
        key = bytes.fromhex(root_key)
    except ValueError as error:
        raise typer.BadParameter("hexadecimal", param_hint="--root-key") from error
    tell(check_message(get_suite("sm"), key, body.read_bytes(), signature, real_ms()))
