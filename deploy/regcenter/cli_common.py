"""What the commands of wallets, banks and scenarios share: the center, keys in files, refusals in one line.

Imports that take time happen inside functions, so that help is quick.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from node.cli.output import guarded

if TYPE_CHECKING:
    from deploy.regcenter.client import Accepted, CenterClient
    from deploy.regcenter.purse import Wallet

CenterOption = Annotated[
    str,
    typer.Option(
        "--center",
        envvar="CITY_CENTER",
        help="URL of the center, or its folder; else ./regcenter, ./center or this folder.",
    ),
]
FolderOption = Annotated[
    str, typer.Option("--center", envvar="CITY_CENTER", help="Folder of the running center.")
]
PasswordOption = Annotated[
    str, typer.Option("--password", envvar="CITY_KEY_PASSWORD", help="Of the key file.")
]
KeyFile = Annotated[Path, typer.Argument(help="The wallet's key file.")]
ReferenceOption = Annotated[
    str, typer.Option(help="Payment reference of the obligation, 32 bytes in hexadecimal.")
]
NO_HASH = "00" * 32
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
EXIT_REFUSED = 1


def fail(code: str, message: str, next_step: str, status: int = EXIT_REFUSED) -> NoReturn:
    typer.echo(f"✗ {code}: {message}\n  Do    {next_step}", err=True)
    raise typer.Exit(status) from None


def refusing(command: F) -> F:
    """Refusals become one line and the next step."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> Any:
        from deploy.regcenter.client import CenterRefused
        from deploy.regcenter.errors import CODES, CenterError

        try:
            return command(*args, **options)
        except CenterRefused as error:
            known = error.code in CODES
            step = CenterError(error.code).next_step if known else "see that the center runs there"
            fail(error.code, str(error).partition(": ")[2], step)
        except CenterError as error:
            fail(error.code, str(error).partition(": ")[2], error.next_step)
        except OSError as error:
            fail("FILE", f"{error.filename}: {error.strerror}", "check the path", 3)

    return guarded(run)  # type: ignore[return-value]


def tell(view: dict[str, Any]) -> None:
    """An answer, for people and programs alike: JSON."""
    typer.echo(json.dumps(view, ensure_ascii=False, indent=1))


def endpoint(center: str) -> dict[str, Any]:
    """Where the center listens: `url`, and from its folder also `root_key` and `dir`."""
    if center.startswith(("http://", "https://")):
        return {"url": center}
    places = [Path(center)] if center else [Path("regcenter"), Path("center"), Path(".")]
    for place in places:
        file = place / "endpoint.json"
        if file.is_file():
            return {**json.loads(file.read_text(encoding="utf-8")), "dir": str(place)}
    fail(
        "RC_UNREACHABLE",
        f"no running center in {', '.join(map(str, places))}",
        "start one: city regcenter run --dir center; or name it: --center URL",
        3,
    )


def with_center(center: str, work: Callable[[CenterClient], Awaitable[T]]) -> T:
    """Runs `work` against a center."""
    from deploy.regcenter.client import CenterClient

    async def session() -> T:
        async with CenterClient(str(endpoint(center)["url"])) as client:
            return await work(client)

    return asyncio.run(session())


def asked(center: str, by: Wallet, query: object) -> dict[str, Any]:
    """What the center answers to a signed query; `query` may be made of the center's status."""

    async def work(client: CenterClient) -> dict[str, Any]:
        body = query(await client.status()) if callable(query) else query
        return await client.ask(by, body)

    return with_center(center, work)


def ask(center: str, by: Wallet, query: object) -> None:
    """Tells what `asked` says."""
    tell(asked(center, by, query))


def receipt(center: str, work: Callable[[CenterClient], Awaitable[Accepted]]) -> None:
    """Tells the receipt of a transaction."""
    tell(receipt_view(with_center(center, work)))


def receipt_view(accepted: Accepted) -> dict[str, Any]:
    return {
        "txid": accepted.txid.hex(),
        "kind": accepted.kind,
        "accepted_ms": accepted.accepted_ms,
        "leaf": accepted.first_leaf,
    }


def read_wallet(path: Path, password: str = "") -> Wallet:
    from deploy.regcenter.purse import Wallet
    from node.identity.keyfile import read_key
    from node.identity.suite import get_suite

    key = read_key(path, password.encode() or None, dev=not password)
    return Wallet(get_suite("sm").signer(key))


def root_wallet(center: str) -> Wallet:
    """The wallet of the center's root key: whoever may read the folder is the central bank."""
    from deploy.regcenter.keys import open_key
    from deploy.regcenter.purse import Wallet
    from node.identity.suite import get_suite

    folder = endpoint(center).get("dir")
    if folder is None:
        raise typer.BadParameter("its folder: the root key lies there", param_hint="--center")
    return Wallet(open_key(Path(str(folder)) / "keys" / "root.key", get_suite("sm")))


def hash_of(text: str, name: str) -> Any:
    """32 bytes in hexadecimal."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != 32:
        raise typer.BadParameter("32 bytes in hexadecimal", param_hint=name)
    return data
