"""`city dcep offline`: paying without the center, between stubs of secure elements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.regcenter.cli_common import (
    CenterOption,
    PasswordOption,
    endpoint,
    hash_of,
    read_wallet,
    refusing,
    tell,
    with_center,
)

if TYPE_CHECKING:
    from deploy.regcenter.secure_element import SecureElement

app = typer.Typer(help="Payments without the center, settled later.", no_args_is_help=True)

Device = Annotated[Path, typer.Argument(help="The device's file.")]
Amount = Annotated[int, typer.Argument(min=1, help="In fen.")]


def _open(device: Path) -> SecureElement:
    from deploy.regcenter.secure_element import SecureElement
    from node.identity.suite import get_suite

    return SecureElement.open(device, get_suite("sm"))


def _certificate(device: Path) -> Path:
    return device.with_name(device.name + ".cert")


@app.command()
@refusing
def new(
    device: Device,
    bank: Annotated[Path, typer.Option(help="Key file of the bank that registers it.")],
    vendor: Annotated[str, typer.Option(help="Address that bears its losses first.")],
    root_key: Annotated[
        str, typer.Option(help="Of the center; else from its folder's endpoint.json.")
    ] = "",
    days: Annotated[int, typer.Option(min=1, help="How long it is certified.")] = 365,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Makes a device and lets a bank register it. Its certificate lies beside it, in FILE.cert."""
    from deploy.regcenter.client import CenterClient
    from deploy.regcenter.limits import DAY_MS
    from deploy.regcenter.requests import DeviceQuery
    from deploy.regcenter.secure_element import SecureElement
    from node.identity.suite import get_suite

    trusted = root_key or endpoint(center).get("root_key", "")
    if not trusted:
        raise typer.BadParameter("needed when --center is a URL", param_hint="--root-key")
    banker = read_wallet(bank, password)

    async def work(client: CenterClient) -> dict[str, Any]:
        now_ms = (await client.status())["now_ms"]
        made = SecureElement.create(device, get_suite("sm"), bytes.fromhex(trusted), now_ms)
        query = DeviceQuery(made.public_key, hash_of(vendor, "--vendor"), now_ms + days * DAY_MS)
        try:
            return await client.ask(banker, query)
        except BaseException:
            device.unlink()
            raise

    answer = with_center(center, work)
    _certificate(device).write_bytes(bytes.fromhex(answer["certificate"]))
    tell({"device": answer["device"], "certificate": str(_certificate(device))})


@app.command()
@refusing
def load(
    device: Device,
    wallet: Annotated[Path, typer.Argument(help="Key file of the wallet that pays.")],
    amount: Amount,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Moves money from a wallet onto the device, which takes it by the payment's proof."""
    from deploy.regcenter.client import CenterClient, Payment

    element, payer = _open(device), read_wallet(wallet, password)

    async def work(client: CenterClient) -> bytes:
        paid = await client.transfer(payer, [Payment(element.address, amount)], "offline")
        return await client.payment_proof(payer, paid.txid, 0)

    tell({"balance_fen": element.load(with_center(center, work))})


@app.command()
@refusing
def pay(
    device: Device,
    to: Annotated[str, typer.Argument(help="Address of a device, or of a wallet to leave by.")],
    amount: Amount,
    out: Annotated[Path, typer.Option(help="Where the voucher goes.")],
) -> None:
    """Pays without the center. The voucher is the money: it is lost with the file."""
    from consensus.encoding import encode
    from deploy.regcenter.clock import real_ms

    element = _open(device)
    voucher = element.pay(hash_of(to, "TO"), amount, real_ms())
    out.write_bytes(encode(voucher))
    tell(
        {
            "voucher": str(out),
            "counter": voucher.voucher.counter,
            "balance_fen": element.balance_fen,
        }
    )


@app.command()
@refusing
def receive(
    device: Device,
    voucher: Annotated[Path, typer.Argument(help="The payer's voucher.")],
    certificate: Annotated[Path, typer.Argument(help="The payer's FILE.cert.")],
) -> None:
    """Takes a voucher without the center."""
    from consensus.encoding import decode
    from deploy.regcenter.clock import real_ms
    from deploy.regcenter.requests import Signed, SignedVoucher

    signed = _decoded(SignedVoucher, voucher, decode)
    sender = _decoded(Signed, certificate, decode)
    tell({"balance_fen": _open(device).receive(signed, sender, real_ms())})


def _decoded(structure: Any, path: Path, decode: Any) -> Any:
    from consensus.encoding import EncodingError
    from deploy.regcenter.errors import CenterError

    try:
        return decode(structure, path.read_bytes())
    except EncodingError as error:
        raise CenterError("RC_DEVICE", f"{path}: {error}") from error


@app.command()
@refusing
def settle(
    device: Device,
    vouchers: Annotated[list[Path], typer.Argument(help="In the order they were made.")],
    center: CenterOption = "",
) -> None:
    """Hands vouchers in: SETTLED, or VOID with the device that spent twice."""
    from deploy.regcenter.client import CenterClient
    from deploy.regcenter.purse import Wallet
    from deploy.regcenter.requests import SettleQuery

    holder = Wallet(_open(device).signer)

    async def work(client: CenterClient) -> list[dict[str, Any]]:
        return [await client.ask(holder, SettleQuery(item.read_bytes())) for item in vouchers]

    tell({"vouchers": with_center(center, work)})


@app.command()
@refusing
def sync(device: Device, center: CenterOption = "") -> None:
    """Tells the center that the device is there: its limits start again, or it learns that it is blocked."""
    from consensus.encoding import decode
    from deploy.regcenter.client import CenterClient
    from deploy.regcenter.purse import Wallet
    from deploy.regcenter.requests import Signed, SyncQuery

    element = _open(device)

    async def work(client: CenterClient) -> tuple[dict[str, Any], int]:
        answer = await client.ask(Wallet(element.signer), SyncQuery(element.counter))
        return answer, (await client.status())["now_ms"]

    answer, now_ms = with_center(center, work)
    element.sync(decode(Signed, bytes.fromhex(answer["statement"])), now_ms)
    tell({"blocked": answer["blocked"], "balance_fen": element.balance_fen})


@app.command()
@refusing
def show(device: Device) -> None:
    """Address, balance and counter of a device."""
    element = _open(device)
    tell(
        {
            "address": element.address.hex(),
            "balance_fen": element.balance_fen,
            "counter": element.counter,
        }
    )
