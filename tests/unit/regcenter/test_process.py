"""The center as a real process: started, used over HTTP, stopped, started again.

The proof it gives is checked by code that has seen none of the center's: the pure verifier of
consensus/payment_proof.py with SM2 in big integers (pyref), no library in between.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from consensus.payment import wallet_address
from consensus.payment_proof import Expected, TrustedLog, check_payment, check_proof
from deploy.regcenter.audit import audit
from deploy.regcenter.center import Center
from deploy.regcenter.client import CenterClient, CenterRefused, Payment, Wallet
from tests.oracle import payments as oracle_payments
from tests.unit.identity import pyref

REFERENCE = hashlib.sha256(b"invoice 26442000000123456789").digest()


def sm3(data: bytes) -> bytes:
    return hashlib.new("sm3", data).digest()


async def start(directory: Path, *options: str) -> asyncio.subprocess.Process:
    """A center process that has said where it listens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "deploy.regcenter", "run", "--dir", str(directory), *options),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 120)
        endpoint = json.loads((directory / "endpoint.json").read_text())
        assert endpoint["url"] in line.decode()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return process


@asynccontextmanager
async def running_center(directory: Path, *options: str) -> AsyncIterator[str]:
    """The URL of a center process; SIGTERM at the end, and it must exit 0."""
    process = await start(directory, *options)
    try:
        yield json.loads((directory / "endpoint.json").read_text())["url"]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 120) == 0
        assert not (directory / "endpoint.json").exists()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_center_process_makes_a_payment_whose_proof_pure_python_accepts(
    tmp_path: Path,
) -> None:
    bank, buyer, seller = Wallet.generate(), Wallet.generate(), Wallet.generate()
    directory = tmp_path / "center"
    async with running_center(directory) as url, CenterClient(url, 60) as center:
        root = Wallet.from_scalar(bytes.fromhex((directory / "keys/root.key").read_text()))
        await center.register_operator(root.signer, "QB", bank.public_key, 2_000_000_000)
        await center.issue(bank, 2_000_000_000)
        await center.exchange(bank, buyer.address, 1_500_000_000)
        paid = await center.transfer(
            buyer, [Payment(seller.address, 1_200_000_000, REFERENCE)], "goods"
        )
        data = await center.payment_proof(seller, paid.txid, 0)
        keys = await center.keys()
        now_ms = (await center.status())["now_ms"]
        assert await center.balance(buyer) == 300_000_000
        assert await center.balance(seller) == 1_200_000_000
    trusted = TrustedLog(keys.root_key)
    payment = check_proof(sm3, pyref.verify, data, trusted, now_ms)
    independent = oracle_payments.check_payment(data, keys.root_key)
    assert independent.fields["amount_fen"] == 1_200_000_000
    seller_address = wallet_address(sm3, seller.public_key)
    check_payment(payment, Expected(REFERENCE, seller_address, 1_200_000_000), now_ms)
    assert payment.amount_fen == 1_200_000_000
    assert payment.purpose == "goods"

    async with running_center(directory) as url, CenterClient(url, 60) as center:
        assert await center.balance(seller) == 1_200_000_000
        again = await center.payment_proof(
            buyer, paid.txid, 0, anchor_size=payment.proof.head.head.tree_size
        )
        anchored = TrustedLog(keys.root_key, anchor=payment.proof.head.head)
        check_proof(sm3, pyref.verify, again, anchored, None)


async def test_a_killed_center_has_lost_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    """SIGKILL in the middle of forty payments: every receipt stands in the log afterwards."""
    bank, seller = Wallet.generate(), Wallet.generate()
    buyers = [Wallet.generate() for _ in range(40)]
    directory = tmp_path / "center"
    acknowledged: list[bytes] = []
    process = await start(directory)
    url = json.loads((directory / "endpoint.json").read_text())["url"]
    async with CenterClient(url, 60) as center:
        root = Wallet.from_scalar(bytes.fromhex((directory / "keys/root.key").read_text()))
        await center.register_operator(root.signer, "QB", bank.public_key, 1_000_000)
        await center.issue(bank, 40 * 100)
        for buyer in buyers:
            await center.exchange(bank, buyer.address, 100)

        async def pay(buyer: Wallet) -> None:
            paid = await center.transfer(buyer, [Payment(seller.address, 70)])
            acknowledged.append(paid.txid)
            if len(acknowledged) == 10:
                process.kill()

        outcomes = await asyncio.gather(*map(pay, buyers), return_exceptions=True)
    await process.wait()
    assert len(acknowledged) >= 10
    assert all(o is None or isinstance(o, CenterRefused) for o in outcomes)
    async with running_center(directory) as url, CenterClient(url, 60) as center:
        for txid in acknowledged:
            assert await center.payment_proof(seller, txid, 0)
        balance = await center.balance(seller)
        assert balance >= 70 * len(acknowledged)
        assert balance % 70 == 0
        status = await center.status()
        assert status["vault_fen"] + status["public_fen"] == 40 * 100
    reopened = Center.open(directory)
    audit(reopened)
    reopened.close()


async def test_the_clock_offset_file_moves_the_centers_time(tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    offset.write_text("86400000")
    async with (
        running_center(tmp_path / "center", "--clock-offset-file", str(offset)) as url,
        CenterClient(url, 60) as center,
    ):
        day_ahead = (await center.status())["now_ms"]
        offset.write_text("0")
        real = (await center.status())["now_ms"]
    assert 43_200_000 < day_ahead - real <= 86_400_000  # however long it takes to ask twice
