"""`city regcenter …` for the central bank (its root key), banks, institutions and authorities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.regcenter.cli_common import (
    CenterOption,
    FolderOption,
    PasswordOption,
    ask,
    asked,
    hash_of,
    read_wallet,
    receipt,
    refusing,
    root_wallet,
    tell,
    with_center,
)

app = typer.Typer()

KeyFile = Annotated[Path, typer.Argument(help="Key file.")]
Amount = Annotated[int, typer.Argument(min=1, help="In fen.")]


# ---- by the root key -----------------------------------------------------------------------------


@app.command()
@refusing
def bank(
    name: Annotated[str, typer.Argument(help="The bank's name.")],
    file: KeyFile,
    reserve: Annotated[int, typer.Option(min=0, help="In fen, to be placed.")] = 0,
    center: FolderOption = "",
    password: PasswordOption = "",
) -> None:
    """Registers an operator bank, or adds to its reserve."""
    root, wallet = root_wallet(center), read_wallet(file, password)

    async def work(client: Any) -> dict[str, Any]:
        await client.register_operator(root.signer, name, wallet.public_key, reserve)
        return {"bank": name, "vault": wallet.address.hex(), "placed_fen": reserve}

    tell(with_center(center, work))


@app.command()
@refusing
def authority(
    name: Annotated[str, typer.Argument(help="The authority's name.")],
    role: Annotated[str, typer.Argument(help="court or aml")],
    file: KeyFile,
    center: FolderOption = "",
    password: PasswordOption = "",
) -> None:
    """Names a court or an AML authority."""
    root, wallet = root_wallet(center), read_wallet(file, password)

    async def work(client: Any) -> dict[str, Any]:
        await client.appoint(root.signer, name, role, wallet.public_key)
        return {"authority": name, "role": role}

    tell(with_center(center, work))


@app.command()
@refusing
def institution(
    name: Annotated[str, typer.Argument(help="The institution's name.")],
    file: KeyFile,
    center: FolderOption = "",
    password: PasswordOption = "",
) -> None:
    """Registers a payment institution; the address of its key is its pool."""
    from deploy.regcenter.requests import InstitutionQuery

    root, wallet = root_wallet(center), read_wallet(file, password)
    query = InstitutionQuery(name, wallet.public_key)
    ask(center, root, query)


@app.command()
@refusing
def revoke(
    public_key: Annotated[str, typer.Argument(help="Of a bank, an authority or a machine, hex.")],
    center: FolderOption = "",
) -> None:
    """A key is heard no more, for good: lost, stolen, or its owner out of business."""
    from deploy.regcenter.requests import RevokeQuery

    root = root_wallet(center)
    try:
        query = RevokeQuery(bytes.fromhex(public_key))
    except ValueError as error:
        raise typer.BadParameter("hexadecimal", param_hint="PUBLIC_KEY") from error
    ask(center, root, query)


@app.command()
@refusing
def rotate(center: FolderOption = "") -> None:
    """A new key signs tree heads from now on; the root key signs it in."""
    from deploy.regcenter.requests import RotateQuery

    root = root_wallet(center)
    ask(center, root, lambda status: RotateQuery(status["rotations"]))


# ---- by a bank -----------------------------------------------------------------------------------


@app.command()
@refusing
def issue(
    file: KeyFile, amount: Amount, center: CenterOption = "", password: PasswordOption = ""
) -> None:
    """Issues money against the bank's reserve, into its vault."""
    wallet = read_wallet(file, password)
    receipt(center, lambda client: client.issue(wallet, amount))


@app.command()
@refusing
def exchange(
    file: KeyFile,
    to: Annotated[str, typer.Argument(help="Address of a wallet, or of another bank's vault.")],
    amount: Amount,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Gives money out of the bank's vault to a wallet or to another bank."""
    wallet, whom = read_wallet(file, password), hash_of(to, "TO")
    receipt(center, lambda client: client.exchange(wallet, whom, amount))


@app.command()
@refusing
def terminal(
    file: KeyFile,
    name: Annotated[str, typer.Argument(help="As recharges name it: ATM:NAME, POS:NAME.")],
    machine: Annotated[Path, typer.Argument(help="The machine's key file.")],
    limit: Annotated[int, typer.Option(min=1, help="In fen, for one recharge.")] = 1_000_000,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Sets an ATM or POS terminal of the bank up."""
    from deploy.regcenter.requests import TerminalQuery

    wallet = read_wallet(file, password)
    query = TerminalQuery(name, read_wallet(machine, password).public_key, limit)
    ask(center, wallet, query)


@app.command()
@refusing
def recharge(
    file: KeyFile,
    machine: Annotated[Path, typer.Argument(help="Key file of the machine that confirms it.")],
    to: Annotated[str, typer.Argument(help="Address of a wallet.")],
    amount: Amount,
    purpose: Annotated[str, typer.Option(help="ATM:NAME for cash, POS:NAME for a card.")],
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Recharges a wallet at a machine of the bank."""
    wallet, signing = read_wallet(file, password), read_wallet(machine, password)
    whom = hash_of(to, "TO")
    receipt(center, lambda client: client.recharge(wallet, signing, whom, amount, purpose))


@app.command()
@refusing
def reports(
    file: KeyFile,
    after: Annotated[int, typer.Option(min=0, help="Serial of the last one seen.")] = 0,
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """AML reports with their clocks: an AML authority sees all, a bank its own."""
    from deploy.regcenter.requests import ReportsQuery

    wallet = read_wallet(file, password)
    ask(center, wallet, ReportsQuery(after))


@app.command("file-report")
@refusing
def file_report(
    file: KeyFile,
    serial: Annotated[int, typer.Argument(min=1, help="Of the report.")],
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """The bank has handed a report in."""
    from deploy.regcenter.requests import FileQuery

    wallet = read_wallet(file, password)
    ask(center, wallet, FileQuery(serial))


@app.command()
@refusing
def identify(
    first: KeyFile,
    second: Annotated[Path, typer.Argument(help="Key file of the other authority.")],
    address: Annotated[str, typer.Argument(help="Whose owner they ask for.")],
    order: Annotated[str, typer.Option(help="The number of the order that lets them.")],
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """Two authorities together learn an address's owner; the log remembers that they asked."""
    from consensus.center_request import IdentifyQuery

    one, other = read_wallet(first, password), read_wallet(second, password)
    query = IdentifyQuery(hash_of(address, "ADDRESS"), order)
    tell(with_center(center, lambda client: client.identify(one, other, query)))


# ---- payment institutions ------------------------------------------------------------------------


@app.command()
@refusing
def statement(file: KeyFile, center: CenterOption = "", password: PasswordOption = "") -> None:
    """An institution's statement of today: what it owes, what its pool holds."""
    from deploy.regcenter.limits import day_of
    from deploy.regcenter.requests import StatementQuery

    wallet = read_wallet(file, password)
    ask(center, wallet, lambda status: StatementQuery(day_of(status["now_ms"])))


@app.command()
@refusing
def share(
    file: KeyFile,
    pool: Annotated[str, typer.Argument(help="Address of the institution's pool.")],
    out: Annotated[Path, typer.Option(help="Where the proof goes.")],
    center: CenterOption = "",
    password: PasswordOption = "",
) -> None:
    """The proof that an account's balance stands in today's statement; `solvency` checks it."""
    from deploy.regcenter.limits import day_of
    from deploy.regcenter.requests import ShareQuery

    wallet, where = read_wallet(file, password), hash_of(pool, "POOL")
    answer = asked(center, wallet, lambda status: ShareQuery(where, day_of(status["now_ms"])))
    out.write_bytes(bytes.fromhex(answer["share"]))
    tell({"file": str(out), "balance_fen": answer["balance_fen"]})


@app.command()
@refusing
def solvency(
    file: Annotated[Path, typer.Argument(help="Written by: city regcenter share --out FILE")],
    root_key: Annotated[str, typer.Option(help="The center's root key that you trust, hex.")],
) -> None:
    """Checks offline that a balance stands in a signed statement whose coins cover what is owed."""
    from consensus.encoding import EncodingError, decode
    from deploy.regcenter.errors import CenterError
    from deploy.regcenter.solvency import ShareProof, check_share
    from node.identity.suite import get_suite

    try:
        proof, key = decode(ShareProof, file.read_bytes()), bytes.fromhex(root_key)
    except EncodingError as error:
        raise CenterError("RC_STATEMENT", str(error)) from error
    except ValueError as error:
        raise typer.BadParameter("hexadecimal", param_hint="--root-key") from error
    found = check_share(get_suite("sm"), proof, key)
    tell(
        {
            "valid": True,
            "account": proof.share.account.hex(),
            "balance_fen": proof.share.balance_fen,
            "day": found.day,
            "owed_fen": found.owed_fen,
            "pool_fen": found.pool_fen,
            "coverage_percent": 100
            if not found.owed_fen
            else found.pool_fen * 100 // found.owed_fen,
        }
    )
