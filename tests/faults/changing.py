"""What members change while faults are played: who votes, with which key, and which channels there are."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64decode
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from contracts.runtime import values
from node.config import load_config
from node.errors import CityError as NodeError
from node.keys.keyring import NEXT_VOTE_FILE, node_card, prepare_vote_key
from node.sdk.admin import NodeAdmin
from node.sdk.channels import ChannelOrder, create_channel, forget, operator_of
from node.sdk.errors import CityError, ContractError
from tests.faults.city_network import Network

CONFIG = "_config"
STEP_SECONDS, PAUSE_SECONDS = 240.0, 0.5


async def add_channel(made: Network, name: str, engine: str) -> Network:
    """The network asked for a new channel of all its nodes."""
    context = made.context()
    cities = tuple(node.name for node in context.nodes)
    order = ChannelOrder(name, cities, ("transfer",), engine=engine)
    await asyncio.to_thread(create_channel, context, order)
    return made.on(name)


async def drop_channel(made: Network, name: str) -> None:
    """Every node gives it up."""
    context = made.context()
    signer_of = operator_of(context)

    def leave() -> None:
        for node in context.nodes:
            with NodeAdmin(context, node, signer_of(node)) as admin:
                if any(row["channel"] == name for row in admin.hosted()):
                    admin.leave(name, is_forced=True)
            forget(context, name, node.name)

    await asyncio.to_thread(leave)


class Changing:
    """Runs from `start` to `stop`; a step that a fault interrupts is tried again until it is done."""

    def __init__(self, made: Network, engine: str, say: Callable[[str], None]) -> None:
        self._made, self._engine, self._say = made, engine, say
        self._slug = made.order[-1]  # whose seat and key change
        self._city = next(
            n.name for n in made.context().nodes if made.slug_of(n.name) == self._slug
        )
        self._open, self._idle = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._key = ""  # that the node is about to vote with
        self.done: Counter[str] = Counter()

    def start(self) -> None:
        self._open.set()
        self._task = asyncio.create_task(self._run(), name="changing")

    async def pause(self) -> None:
        """The step under way ends; no other begins until `go_on`."""
        self._open.clear()
        idle = asyncio.create_task(self._idle.wait())
        assert self._task is not None
        await asyncio.wait({idle, self._task}, return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()
        if self._task.done():
            self._task.result()

    def go_on(self) -> None:
        self._open.set()

    async def stop(self) -> dict[str, int]:
        """How often what was done. The removed validator is back, if nothing is in the way."""
        if self._task is not None:
            with contextlib.suppress(Exception):
                await self.pause()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        return dict(self.done)

    async def _run(self) -> None:
        steps: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("validators removed", self._remove),
            ("validators added", self._add),
            ("keys replaced", self._replace_key),
            ("channels made", self._make_channel),
            ("channels left", self._leave_channel),
        )
        while True:
            for what, step in steps:
                self._idle.set()
                await self._open.wait()
                self._idle.clear()
                await self._until_done(what, step)
                self.done[what] += 1
                await asyncio.sleep(PAUSE_SECONDS)

    async def _until_done(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        """A step finds out by itself what is left to do. Raises AssertionError where it is never done."""
        said = ""
        try:
            async with asyncio.timeout(STEP_SECONDS):
                while True:
                    try:
                        await step()
                        return
                    except (CityError, NodeError, OSError) as error:
                        said = f"{type(error).__name__}: {error}"
                        self.done[f"in vain ({getattr(error, 'code', 'not yet')})"] += 1
                    await asyncio.sleep(PAUSE_SECONDS)
        except TimeoutError:
            raise AssertionError(
                f"{what}: not done in {STEP_SECONDS:.0f} s; last: {said}"
            ) from None

    # ---- the steps ---------------------------------------------------------------------------------

    async def _remove(self) -> None:
        if self._city in await self._validators():
            await self._decide("remove_validator", {"name": self._city})

    async def _add(self) -> None:
        if self._city in await self._validators():
            return
        card = node_card(load_config(self._made.layout.node_config(self._slug)))
        keys = ("identity_key", "vote_key", "transport_cert")
        args = {name: b64decode(card[name]) if name in keys else card[name] for name in card}
        await self._decide("add_validator", args)

    async def _replace_key(self) -> None:
        config = load_config(self._made.layout.node_config(self._slug))
        following = config.keys_dir / NEXT_VOTE_FILE
        if self._key and (await self._validators()).get(self._city) == self._key:
            if following.exists():
                raise OSError(f"{self._slug} has not taken its next key yet")
            self._key = ""
            return
        if not self._key:
            self._key = prepare_vote_key(config)["vote_key"]
        args = {"name": self._city, "vote_key": bytes.fromhex(self._key)}
        await self._call(f"admin-{self._slug}", "replace_key", args)
        await self._replace_key()

    async def _make_channel(self) -> None:
        name = f"made-{self.done['channels made']}"
        held = {ref.name for ref in self._made.context().channels}
        if name not in held:
            await drop_channel(self._made, name)  # what a try in vain has left
            await add_channel(self._made, name, self._engine)
        async with self._made.on(name).net() as net:
            await net.call("transfer", "open_account", {"owner": name, "amount": 1})

    async def _leave_channel(self) -> None:
        await drop_channel(self._made, f"made-{self.done['channels made'] - 1}")

    async def _validators(self) -> dict[str, str]:
        async with self._made.net() as net:
            shown = values.to_json((await net.query(CONFIG, "show")).value)
        return {node["name"]: node["vote_key"] for node in shown["validators"]}

    async def _decide(self, method: str, args: dict[str, Any]) -> None:
        """Proposed by the first admin, approved by the next ones until it is in force. What a try in vain has
        proposed is gone on with: nobody else proposes here."""
        for slug in self._made.order:
            async with self._made.net() as net:
                waiting = values.to_json((await net.query(CONFIG, "proposals")).value)
            try:
                if not waiting:
                    done = await self._call(f"admin-{slug}", method, args)
                else:
                    approval = {"proposal": waiting[0]["proposal"]}
                    done = await self._call(f"admin-{slug}", "approve", approval)
            except ContractError as error:
                if not error.reason.startswith("E_APPROVED"):
                    raise
                continue
            if done.value["in_force"]:
                return

    async def _call(self, user: str, method: str, args: dict[str, Any]) -> Any:
        async with self._made.net(user=user) as net:
            return await net.call(CONFIG, method, args, gas_limit=1)
