"""One city, a registration center and money: small enough for tests of relays and of what clients type."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from deploy.regcenter.client import CenterClient, Payment, Wallet
from deploy.regcenter.keys import open_key
from node.client import connect
from node.identity.keyfile import write_key
from node.identity.suite import get_suite
from node.network.control import REGCENTER, network_stop, network_up, start_regcenter
from node.network.create import create_network
from node.network.layout import Layout
from node.network.plan import load_plan
from node.network.relays import center_endpoint

ROOT = Path(__file__).resolve().parents[2]
CALL_S, COMMAND_S = 120.0, 180.0
FUNDS_FEN, STALE_MS = 1_000_000, 3_600_000
ORACLES = ("a", "b", "c", "d", "e", "f", "g")


class MoneyNet:
    """QB is the bank and the custodian of the oracles' bonds; seven oracles have development keys."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.suite = get_suite("sm")
        self.wallet_file, self.payer_file = (root / "wallets" / f"{n}.pem" for n in ("QB", "payer"))
        self.oracle_keys = root / "wallets" / "oracles"

    @classmethod
    def create(cls, root: Path) -> MoneyNet:
        plan = (
            load_plan().with_nodes(1).with_contracts("dcep", "oracle", "settlement_hub", "billing")
        )
        create_network(plan, root)
        found = cls(root)
        start_regcenter(found.layout)
        network_up(root)
        asyncio.run(found._open())
        return found

    async def _open(self) -> None:
        """The log is registered, the custodian's wallet bound, the committee configured, the payer funded."""
        self.oracle_keys.mkdir(parents=True, mode=0o700)
        self.custodian, self.payer = map(self._wallet, (self.wallet_file, self.payer_file))
        publics = []
        for name in ORACLES:
            one = self.suite.generate_key()
            write_key(self.oracle_keys / f"{name}.pem", one, None, dev=True)
            publics.append(one.public_key)
        endpoint = center_endpoint(self.layout)
        self.root_key = endpoint["root_key"]
        self.log_id = endpoint["log_id"]
        key = bytes.fromhex(self.root_key)
        # a proof typed by hand may take its time on a full machine
        await self.call("inspector", "dcep", "register_log", root_key=key, stale_ms=STALE_MS)
        await self.call(
            "inspector", "oracle", "configure", names=list(ORACLES), keys=publics, f=2,
            custodian="QB",
        )  # fmt: skip
        async with self.net("ops") as net:
            signed = self.custodian.binding_signature(net.context.channel_id, "QB")
            public = self.custodian.public_key
            await net.call("dcep", "bind_wallet", {"public_key": public, "signature": signed})
        root = open_key(self.layout.regcenter / "keys" / "root.key", self.suite)
        vault = Wallet.generate()
        async with self.center() as center:
            await center.register_operator(root, "QB", vault.public_key, FUNDS_FEN)
            await center.issue(vault, FUNDS_FEN)
            await center.exchange(vault, self.payer.address, FUNDS_FEN)

    def _wallet(self, file: Path) -> Wallet:
        key = self.suite.generate_key()
        write_key(file, key, None, dev=True)
        return Wallet(self.suite.signer(key))

    def stop(self) -> None:
        network_stop(self.layout.root)

    def net(self, user: str) -> Any:
        return connect.aio(str(self.layout.root), user=user, timeout=CALL_S)

    def center(self) -> CenterClient:
        return CenterClient(center_endpoint(self.layout)["url"])

    def relay(self, name: str) -> Path:
        return self.layout.relays / name

    async def call(self, user: str, contract: str, method: str, **args: Any) -> Any:
        async with self.net(user) as net:
            return (await net.call(contract, method, args)).value

    async def ask(self, contract: str, method: str, **args: Any) -> Any:
        async with self.net("inspector") as net:
            return (await net.query(contract, method, args)).value

    async def owe(self, oracle: str, amount_fen: int) -> bytes:
        """An oracle's bond falls due: the reference under which it is paid."""
        reference: bytes = await self.call(
            "inspector", "oracle", "prepare_bond", name=oracle, amount_fen=amount_fen,
            salt=os.urandom(16),
        )  # fmt: skip
        return reference

    async def pay(self, amount_fen: int, reference: bytes) -> bytes:
        payment = Payment(self.custodian.address, amount_fen, reference)
        async with self.center() as center:
            return (await center.transfer(self.payer, [payment])).txid

    async def bonds(self) -> dict[str, int]:
        found = await self.ask("oracle", "status")
        return {row["name"]: row["bond_fen"] for row in found["oracles"] if row["bond_fen"]}

    def city(self, *words: str, user: str = "") -> subprocess.CompletedProcess[str]:
        """A command as somebody types it; CITY_CENTER and CITY_CONTEXT say where."""
        command = [sys.executable, "-m", "node.cli.main", *(("as", user) if user else ()), *words]
        env = {
            **os.environ, "CITY_CONTEXT": str(self.layout.root),
            "CITY_CENTER": str(self.layout.regcenter),
        }  # fmt: skip
        return subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=COMMAND_S
        )

    def told(self, *words: str, user: str = "") -> Any:
        """What a command that succeeds says as JSON."""
        done = self.city(*words, user=user)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return json.loads(done.stdout)


__all__ = ["ORACLES", "REGCENTER", "MoneyNet"]
