"""`city dcep wallet|pay|lock|release|refund|redeem|qr|proof|feed`: what holders of money do at the center."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.regcenter.cli_account import app as account_app
from deploy.regcenter.cli_common import (
    NO_HASH,
    CenterOption,
    KeyFile,
    PasswordOption,
    ReferenceOption,
    ask,
    asked,
    fail,
    hash_of,
    read_wallet,
    receipt,
    receipt_view,
    refusing,
    tell,
    with_center,
)
from deploy.regcenter.cli_identity import enrol
from deploy.regcenter.cli_offline import app as offline_app
from deploy.regcenter.cli_qr import app as qr_app

app = typer.Typer(help="Money's own ledger.", no_args_is_help=True)
wallet_app = typer.Typer(help="A wallet: its key file, money and limits.", no_args_is_help=True)
app.add_typer(wallet_app, name="wallet")
app.add_typer(qr_app, name="qr")
app.add_typer(offline_app, name="offline")
app.add_typer(account_app, name="account")
app.command()(enrol)

Amount = Annotated[int, typer.Argument(min=1, help="In fen.")]
Purpose = Annotated[
    str, typer.Option(help="Across the border it begins with GOODS, SERVICES, CURRENT, CAPITAL …")
]


# ---- wallets -------------------------------------------------------------------------------------


@wallet_app.command()
@refusing
def new(
    file: KeyFile,
    password: PasswordOption = "",
    plain: Annotated[
        bool, typer.Option("--plain", help="Write it unencrypted: play only.")
    ] = False,
) -> None:
    """Makes a key. Its address is what others pay to; a bank opens a wallet for it."""
    from deploy.regcenter.purse import Wallet
    from node.identity.keyfile import write_key
    from node.identity.suite import get_suite

    suite = get_suite("sm")
    key = suite.generate_key()
    write_key(file, key, password.encode() or None, dev=plain)
    wallet = Wallet(suite.signer(key))
    tell({"address": wallet.address.hex(), "public_key": wallet.public_key.hex()})


@wallet_app.command()
@refusing
def show(file: KeyFile, center: CenterOption = "", password: PasswordOption = "") -> None:
    """Address, balance and coins."""
    wallet = read_wallet(file, password)
    coins = with_center(center, lambda client: client.coins(wallet))
    tell(
        {
            "address": wallet.address.hex(),
            "balance_fen": sum(fen for _, fen in coins),
            "coins": [{"coin": coin.hex(), "fen": fen} for coin, fen in coins],
        }
    )


@wallet_app.command()
@refusing
def limits(file: KeyFile, center: CenterOption = "", password: PasswordOption = "") -> None:
    """Category, residence, what it may hold and pay, and what it has paid today."""
    from deploy.regcenter.requests import WalletStateQuery

    wallet = read_wallet(file, password)
    query = WalletStateQuery(wallet.address)
    ask(center, wallet, query)


@wallet_app.command("open")
@refusing
def open_wallet(
    file: KeyFile,
    holder: Annotated[str, typer.Option(help="As the bank knows the holder; never in the log.")],
    addresses: Annotated[
        list[str] | None, typer.Option("--address", help="Of the wallet; else the key's own.")
    ] = None,
    category: Annotated[int, typer.Option(min=0, max=4, help="0: corporate; 1 to 4.")] = 4,
    residence: Annotated[str, typer.Option(help="ISO country code.")] = "CN",
    use: Annotated[str, typer.Option(help="ordinary, traveller, merchant, reserve.")] = "ordinary",
    days: Annotated[int, typer.Option(min=0, help="A traveller's wallet ends after them.")] = 0,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Opens a wallet: with a bank's key for anybody, with a holder's own from abroad in category 4."""
    from consensus.center_request import WalletQuery
    from consensus.encoding import Hash
    from deploy.regcenter.client import CenterClient
    from deploy.regcenter.hashing import sm3
    from deploy.regcenter.limits import DAY_MS
    from deploy.regcenter.residence import Use

    opener = read_wallet(file, password)
    if use.upper() not in Use.__members__:
        raise typer.BadParameter("ordinary, traveller, merchant or reserve", param_hint="--use")
    mine = [hash_of(item, "--address") for item in addresses or [opener.address.hex()]]

    async def work(client: CenterClient) -> dict[str, Any]:
        now_ms = (await client.status())["now_ms"]
        query = WalletQuery(
            Hash(sm3(opener.public_key + holder.encode())), category, holder, tuple(mine),
            residence, int(Use[use.upper()]), now_ms + days * DAY_MS if days else 0,
        )  # fmt: skip
        return await client.open_wallet(opener, query)

    tell(with_center(center, work))


# ---- payments ------------------------------------------------------------------------------------


@app.command()
@refusing
def pay(
    file: KeyFile,
    to: Annotated[str, typer.Argument(help="Address, or the text of a QR code.")],
    amount: Annotated[int, typer.Argument(min=0, help="In fen; 0 with a code that names it.")] = 0,
    reference: ReferenceOption = NO_HASH,
    purpose: Purpose = "",
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Pays an address or a QR code.

    Example:  city dcep pay wallet.pem "ecny://pay?v=1&…"
    """
    from deploy.regcenter.client import Accepted, CenterClient, Payment

    wallet = read_wallet(file, password)

    async def work(client: CenterClient) -> Accepted:
        if to.startswith("ecny:"):
            payment = _of_code(to, amount, (await client.status())["now_ms"])
        else:
            payment = Payment(hash_of(to, "TO"), amount, hash_of(reference, "--reference"))
        return await client.transfer(wallet, [payment], purpose)

    receipt(center, work)


def _of_code(text: str, amount: int, now_ms: int) -> Any:
    """What a code asks for; a static one takes the payer's amount."""
    from deploy.regcenter import qr
    from deploy.regcenter.errors import CenterError
    from deploy.regcenter.purse import Payment
    from node.identity.suite import get_suite

    code = qr.read(text, get_suite("sm"), now_ms)
    if not code.is_static and amount not in (0, code.amount_fen):
        raise CenterError("RC_QR", f"it asks for {code.amount_fen} fen")
    return Payment(code.address, code.amount_fen or amount, code.reference)


@app.command()
@refusing
def redeem(
    file: KeyFile,
    bank: Annotated[str, typer.Argument(help="Address of the bank's vault.")],
    amount: Amount,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Gives money back to a bank."""
    wallet, to = read_wallet(file, password), hash_of(bank, "BANK")
    receipt(center, lambda client: client.redeem(wallet, to, amount))


@app.command()
@refusing
def reverse(
    file: KeyFile,
    txid: Annotated[str, typer.Argument(help="Of the payment that came.")],
    to: Annotated[str, typer.Argument(help="Address of who paid.")],
    amount: Amount,
    index: Annotated[int, typer.Option(min=0, help="Which output.")] = 0,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """The payee gives a payment back, wholly or partly; the chain reinstates the debt on its proof."""
    wallet, paid, payer = read_wallet(file, password), hash_of(txid, "TXID"), hash_of(to, "TO")
    receipt(center, lambda client: client.reverse(wallet, paid, index, payer, amount))


@app.command()
@refusing
def lock(
    file: KeyFile,
    to: Annotated[str, typer.Argument(help="Address of the payee.")],
    amount: Amount,
    condition: Annotated[str, typer.Option(help="hash, time, multisig or milestone.")] = "hash",
    program_hash: Annotated[str, typer.Option(help="SM3 of the preimage, for hash.")] = NO_HASH,
    after_minutes: Annotated[int, typer.Option(min=0, help="For time.")] = 0,
    arbiters: Annotated[
        list[str] | None, typer.Option("--arbiter", help="Their addresses.")
    ] = None,
    threshold: Annotated[int, typer.Option(min=0, help="How many arbiters sign.")] = 0,
    expires_minutes: Annotated[int, typer.Option(min=1)] = 24 * 60,
    reference: ReferenceOption = NO_HASH,
    purpose: Purpose = "",
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Puts money under terms. Prints the locked coin, which a release or a refund names."""
    from consensus.encoding import encode
    from consensus.payment import CoinPoint, coin_id
    from consensus.payment_lock import LOCK_VERSION, Condition, LockTerms
    from deploy.regcenter.client import CenterClient
    from deploy.regcenter.hashing import sm3

    if condition.upper() not in Condition.__members__:
        raise typer.BadParameter("hash, time, multisig or milestone", param_hint="--condition")
    wallet, payee = read_wallet(file, password), hash_of(to, "TO")

    async def work(client: CenterClient) -> dict[str, Any]:
        now_ms = (await client.status())["now_ms"]
        terms = LockTerms(
            version=LOCK_VERSION,
            payer=wallet.address,
            payee=payee,
            amount_fen=amount,
            condition=int(Condition[condition.upper()]),
            program_hash=hash_of(program_hash, "--program-hash"),
            after_ms=now_ms + after_minutes * 60_000 if after_minutes else 0,
            arbiters=tuple(hash_of(item, "--arbiter") for item in arbiters or ()),
            threshold=threshold,
            expires_ms=now_ms + expires_minutes * 60_000,
            salt=secrets.token_bytes(16),
        )
        done = await client.lock(wallet, terms, hash_of(reference, "--reference"), purpose)
        coin = coin_id(sm3, CoinPoint(hash_of(done.txid.hex(), "txid"), 0))
        return {**receipt_view(done), "coin": coin.hex(), "terms": encode(terms).hex()}

    tell(with_center(center, work))


@app.command()
@refusing
def release(
    file: KeyFile,
    coin: Annotated[str, typer.Argument(help="The locked coin.")],
    amount: Amount,
    preimage: Annotated[str, typer.Option(help="Of a hash, in hexadecimal.")] = "",
    arbiters: Annotated[
        list[Path] | None, typer.Option("--arbiter", help="Key files that sign as well.")
    ] = None,
    reference: ReferenceOption = NO_HASH,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """The payee takes a locked coin when its condition is met."""
    from deploy.regcenter.client import Payment

    wallet = read_wallet(file, password)
    signing = _wallets(arbiters, password)
    payment = Payment(wallet.address, amount, hash_of(reference, "--reference"))
    try:
        opened = bytes.fromhex(preimage)
    except ValueError:
        raise typer.BadParameter("hexadecimal", param_hint="--preimage") from None
    known = hash_of(coin, "COIN")
    receipt(center, lambda client: client.release(wallet, known, [payment], opened, signing))


@app.command()
@refusing
def refund(
    file: KeyFile,
    coin: Annotated[str, typer.Argument(help="The locked coin.")],
    amount: Amount,
    agreeing: Annotated[
        list[Path] | None, typer.Option("--agree", help="The payee's key file, before the expiry.")
    ] = None,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """The payer takes a locked coin back: after its expiry, or before it with the payee."""
    wallet, signing = read_wallet(file, password), _wallets(agreeing, password)
    known = hash_of(coin, "COIN")
    receipt(center, lambda client: client.refund(wallet, known, amount, signing))


def _wallets(files: Sequence[Path] | None, password: str) -> list[Any]:
    return [read_wallet(file, password) for file in files or ()]


# ---- what the ledger says ------------------------------------------------------------------------


@app.command()
@refusing
def proof(
    file: KeyFile,
    txid: Annotated[str, typer.Argument(help="Of the payment.")],
    out: Annotated[Path, typer.Option(help="Where the proof's canonical bytes go.")],
    index: Annotated[int, typer.Option(min=0, help="Which output.")] = 0,
    anchor: Annotated[
        int, typer.Option(min=0, help="Size of the channel's last head: city dcep log LOG.")
    ] = 0,
    fields: Annotated[
        list[str] | None, typer.Option("--open", help="Fields to open; else all.")
    ] = None,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """A payment's proof, for its payer or payee; `city dcep verify` checks it."""
    from deploy.regcenter.client import CenterClient

    wallet, wanted = read_wallet(file, password), hash_of(txid, "TXID")

    async def work(client: CenterClient) -> bytes:
        opened = fields or ()
        return await client.payment_proof(wallet, wanted, index, anchor_size=anchor, fields=opened)

    data = with_center(center, work)
    out.write_bytes(data)
    tell({"file": str(out), "bytes": len(data)})


@app.command()
@refusing
def feed(
    file: KeyFile,
    after: Annotated[int, typer.Option(min=0, help="`next` of the answer before.")] = 0,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """What came to the wallet: ask again from `next` on."""
    from consensus.center_request import FeedQuery

    wallet = read_wallet(file, password)
    ask(center, wallet, FeedQuery(after))


@app.command()
@refusing
def coin(
    file: KeyFile,
    known: Annotated[str, typer.Argument(metavar="COIN", help="One of the wallet's coins.")],
    out: Annotated[Path | None, typer.Option(help="Where the proof goes.")] = None,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Proof that a coin is unspent (or locked, or frozen), or that there is none; `verify-coin` checks it."""
    from deploy.regcenter.requests import CoinQuery

    wallet, query = read_wallet(file, password), CoinQuery(hash_of(known, "COIN"))
    answer = asked(center, wallet, query)
    proof = bytes.fromhex(answer.pop("proof"))
    if out is not None:
        out.write_bytes(proof)
        answer["file"] = str(out)
    tell(answer)


@app.command("verify-coin")
@refusing
def verify_coin(
    file: Annotated[Path, typer.Argument(help="Written by: city dcep coin --out FILE")],
    root_key: Annotated[str, typer.Option(help="The center's root key that you trust, hex.")],
) -> None:
    """Checks offline what a proof says of a coin. It speaks of its moment: look at time_ms."""
    from consensus.payment import CoinState
    from consensus.payment_proof import ProofRefused, TrustedLog
    from consensus.unspent_proof import check_unspent
    from node.identity.suite import get_suite

    suite = get_suite("sm")
    try:
        trusted = TrustedLog(bytes.fromhex(root_key))
        found = check_unspent(suite.hash, suite.verify, file.read_bytes(), trusted, None)
    except ProofRefused as error:
        fail(error.code, error.detail, "ask the coin's owner for a fresh proof")
    except ValueError:
        raise typer.BadParameter("hexadecimal", param_hint="--root-key") from None
    coin = found.coin
    tell(
        {
            "valid": True,
            "coin": found.coin_id.hex(),
            "state": "NOT UNSPENT" if coin is None else CoinState(coin.state).name,
            "value_fen": 0 if coin is None else coin.value_fen,
            "owner": "" if coin is None else coin.owner.hex(),
            "size": found.size,
            "time_ms": found.time_ms,
        }
    )


@app.command()
@refusing
def postings(
    file: KeyFile,
    txid: Annotated[str, typer.Argument(help="Of a transaction of this wallet.")],
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """What a transaction means in the books of central bank and bank, by the regime of its day."""
    from deploy.regcenter.requests import PostingsQuery

    wallet, query = read_wallet(file, password), PostingsQuery(hash_of(txid, "TXID"))
    ask(center, wallet, query)
