"""`city oracle relay`: a process that carries payment proofs from the center to the channel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from node.cli.output import Output, OutputOption, fail, guarded, show
from node.cli.session import chosen_user

app = typer.Typer(
    help="A relay: watches obligations of the channel and carries the proofs of their payments.",
    no_args_is_help=True,
)
FolderArgument = Annotated[Path, typer.Argument(help="the relay's folder, or its relay.toml")]


@app.command()
@guarded
def new(
    folder: Annotated[Path, typer.Argument(help="where relay.toml and the journal go")],
    wallets: Annotated[
        list[Path], typer.Option("--wallet", help="key file of a wallet whose payments are carried")
    ],
    center: Annotated[str, typer.Option("--center", help="the center's folder, or its URL")],
    context: Annotated[
        str,
        typer.Option("--network", help="a context's name or a network's folder; empty: current"),
    ] = "",
    root_key: Annotated[
        str, typer.Option("--root-key", help="hex; with a URL: the log's root key that you trust")
    ] = "",
    plain: Annotated[
        bool, typer.Option("--plain", help="key files need no password: play only")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Writes relay.toml; the user who submits is the one after `city as`.

    Example:  city as ops oracle relay new ./relay --wallet qb.pem --center ./regcenter --network ./net
    """
    from node.relay.config import FILE, load_relay, relay_text

    if not chosen_user():
        raise fail(
            "CITY-1092", name="--as", reason="whose key submits: city as USER oracle relay …"
        )
    file = folder / FILE
    if file.exists():
        raise fail("CITY-1092", name="FOLDER", reason=f"{file} is there already")
    at, key = _center(center, root_key)
    place = str(Path(context).resolve()) if context and Path(context).exists() else context
    keys = [str(wallet.resolve()) for wallet in wallets]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = relay_text(folder.resolve().name, place, chosen_user(), keys, at, key, dev=plain)
    file.write_text(text, encoding="utf-8")
    load_relay(folder)
    show({"file": str(file), "start": f"city oracle relay run {folder}"}, output)


def _center(center: str, root_key: str) -> tuple[str, str]:
    """Where the center is, and the key to trust: from its folder when that is at hand."""
    if center.startswith(("http://", "https://")):
        if not root_key:
            raise fail("CITY-1092", name="--root-key", reason="a URL says nothing about its key")
        return center, root_key
    folder = Path(center).resolve()
    if not root_key:
        try:
            text = (folder / "endpoint.json").read_text(encoding="utf-8")
            root_key = str(json.loads(text)["root_key"])
        except (OSError, ValueError, KeyError) as error:
            reason = "no endpoint.json of a running center in it"
            raise fail("CITY-1092", name="--center", reason=reason) from error
    return str(folder), root_key


@app.command()
@guarded
def run(folder: FolderArgument = Path(".")) -> None:
    """Runs a relay until it is told to stop (Ctrl-C or SIGTERM). Several may run; one of them wins.

    Example:  city oracle relay run ./relay
    """
    import asyncio

    from node.relay.config import load_relay
    from node.relay.daemon import run_relay

    asyncio.run(run_relay(load_relay(folder)))


@app.command()
@guarded
def status(
    folder: Annotated[Path, typer.Argument(help="the relay's folder")] = Path("."),
    output: OutputOption = Output.table,
) -> None:
    """What a relay watches, how far it lags behind, what it has carried; of a stopped one, its journal.

    Example:  city oracle relay status ./relay -o json
    """
    from node.relay.client import relay_status

    found = relay_status(folder)
    recent = found.pop("recent", [])
    if output is Output.json:
        show({**found, "recent": recent}, output)
        return
    show(found, output)
    if recent:
        show(recent, output)


@app.command()
@guarded
def watch(
    folder: Annotated[Path, typer.Argument(help="the folder of a running relay")],
    reference: Annotated[str, typer.Argument(help="the obligation's payment reference, hex")],
    call: Annotated[str, typer.Argument(help="contract.method that takes the proof")],
    words: Annotated[
        list[str] | None, typer.Argument(help="its other arguments, name=value")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Registers an obligation of a contract that the relay has no rule for.

    Example:  city oracle relay watch ./relay 5f0c… escrow.paid id=E-17
    """
    from node.cli.call import parse_arguments
    from node.relay.client import tell_relay

    contract, _, method = call.partition(".")
    what = {"reference": reference, "contract": contract, "method": method,
            "args": parse_arguments(words)}  # fmt: skip
    show(tell_relay(folder, "/watch", what), output)


@app.command()
@guarded
def notice(
    folder: Annotated[Path, typer.Argument(help="the folder of a running relay")],
    reference: Annotated[str, typer.Argument(help="the reference that was paid, hex")],
    txid: Annotated[str, typer.Argument(help="the payment at the center, hex")],
    index: Annotated[int, typer.Option("--index", min=0, help="which output")] = 0,
    output: OutputOption = Output.table,
) -> None:
    """Tells a relay of a payment that its wallets made; those that they get it sees by itself.

    Example:  city oracle relay notice ./relay 5f0c… 77c1…
    """
    from node.relay.client import tell_relay

    what = {"reference": reference, "txid": txid, "index": index}
    show(tell_relay(folder, "/notice", what), output)
