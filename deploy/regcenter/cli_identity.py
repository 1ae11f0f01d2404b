"""`city regcenter kgc` and `city dcep enrol`: identity-based keys (SM9) of low-tier wallets.

Key files are JSON of mode 0600: they guard play money.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.regcenter.cli_common import (
    CenterOption,
    FolderOption,
    KeyFile,
    PasswordOption,
    ask,
    fail,
    read_wallet,
    refusing,
    root_wallet,
    tell,
    with_center,
)

app = typer.Typer(
    help="A key generation center of identity-based keys (SM9).", no_args_is_help=True
)

KgcFile = Annotated[Path, typer.Argument(help="The generation center's key file.")]


def _write(path: Path, fields: dict[str, Any]) -> None:
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(file, "w", encoding="ascii") as out:
        json.dump(fields, out)


def _read(path: Path, *names: str) -> dict[str, Any]:
    """Fields of a key file, those that end with _hex as bytes."""
    try:
        found = json.loads(path.read_text(encoding="ascii"))
        return {
            name: bytes.fromhex(found[name]) if name.endswith("_hex") else found[name]
            for name in names
        }
    except (ValueError, KeyError, TypeError):
        fail("RC_SM9", f"{path} is no such key file", "make one: city regcenter kgc --help")


@app.command()
@refusing
def new(file: KgcFile) -> None:
    """Makes a generation center's key. It can sign for each of its names."""
    from deploy.regcenter.identities import make_master

    secret, public = make_master()
    _write(file, {"secret_hex": secret.hex(), "master_key_hex": public.hex()})
    tell({"file": str(file), "master_key": public.hex()})


@app.command()
@refusing
def register(
    name: Annotated[str, typer.Argument(help="The generation center's name.")],
    file: KgcFile,
    center: FolderOption = "",
) -> None:
    """The center's root key registers a generation center."""
    from deploy.regcenter.requests import KgcQuery

    query = KgcQuery(name, _read(file, "master_key_hex")["master_key_hex"])
    ask(center, root_wallet(center), query)


@app.command()
@refusing
def key(
    file: KgcFile,
    wallet: Annotated[str, typer.Argument(help="The wallet's name: letters, digits, - and .")],
    out: Annotated[Path, typer.Option(help="Where the name's key goes.")],
    tier: Annotated[int, typer.Option(min=3, max=4, help="Category of the wallet.")] = 4,
    center: CenterOption = "",
) -> None:
    """Makes the key of a wallet's name; it ends with the month of the center's clock."""
    from deploy.regcenter.identities import make_identity, month_of

    kgc = _read(file, "secret_hex", "master_key_hex")
    status = with_center(center, lambda client: client.status())
    epoch = month_of(status["now_ms"])
    made = make_identity(kgc["secret_hex"], kgc["master_key_hex"], wallet, tier, epoch)
    _write(
        out,
        {
            "master_key_hex": made.master_key.hex(),
            "wallet": wallet,
            "tier": tier,
            "epoch": epoch,
            "private_hex": made.private.hex(),
        },
    )
    tell({"file": str(out), "wallet": wallet, "tier": tier, "epoch": epoch})


@refusing
def enrol(
    file: KeyFile,
    identity: Annotated[
        Path, typer.Argument(help="The name's key: city regcenter kgc key --out FILE")
    ],
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Opens a low-tier wallet without a bank: its name's SM9 key lets an SM2 key pay until the month ends.

    SM9 is slow, so a name signs once a month; how long it took is told.
    """
    from consensus.encoding import Hash
    from deploy.regcenter.client import CenterClient
    from deploy.regcenter.identities import IdentityKey, enrolment

    fields = _read(identity, "master_key_hex", "wallet", "tier", "epoch", "private_hex")
    known = IdentityKey(*fields.values())
    wallet = read_wallet(file, password)

    async def work(client: CenterClient) -> dict[str, Any]:
        log_id = Hash((await client.keys()).log_id)
        start = time.perf_counter()
        query = enrolment(log_id, known, wallet.public_key)
        signed = time.perf_counter()
        answer = await client.ask(wallet, query)
        checked = time.perf_counter()
        times = {"signed_s": round(signed - start, 3), "answered_s": round(checked - signed, 3)}
        return {**answer, **times}

    tell(with_center(center, work))
