"""The channels of one node: opened with it, and joined, paused, resumed, archived and left while it runs.

`channels` is what the clients' port and the pages look into: every channel whose reads are answered. The one
that node.toml names comes first, opens before all others and says who operates the node. A channel that cannot
be opened, or breaks, stays away alone; only a node of which nothing opens does not start.
"""

from __future__ import annotations

import asyncio
import functools
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from consensus.encoding import Hash, encode
from consensus.header import identity_digest
from consensus.tags import SUITE_IDS
from node.backups import take_online
from node.channel import Channel
from node.config import CHANNEL_NAME, Place, split_address
from node.errors import CityError
from node.facade import ChannelFacade, Operators
from node.genesis import Genesis, channel_id, encode_genesis
from node.governance.state import ConfigState
from node.hosting.cards import admins_of, make_keys, own_card, own_member
from node.hosting.hosted import (
    NO_WORDS,
    Hosted,
    IdentityKeys,
    Premises,
    Words,
    open_hosted,
    open_suite,
)
from node.hosting.notes import (
    Note,
    State,
    on_disk,
    read_manifest,
    read_note,
    seal,
    sweep,
    throw_away,
    write_note,
)
from node.hosting.taking_part import (
    check_part,
    checked_addresses,
    refuse_indebted,
    sent_genesis,
    write_part,
)
from node.identity.suite import Suite, get_suite
from node.keys.keyring import open_keyring
from node.opening import peek_configuration, read_genesis

CHANNELS_MAX = 64
ROW_FACTS = ("channel_id", "role", "consensus", "height", "applied_height", "validators", "ready")
MANIFEST_FACTS = ("channel", "channel_id", "height", "block_hash", "state_root", "receipts_root")

log = structlog.get_logger("node")


@dataclass(slots=True)
class Slot:
    """A channel of this node. error: why it failed."""

    place: Place
    note: Note
    state: State = State.opening
    hosted: Hosted | None = None
    error: CityError | None = None


class Hosting:
    """`open`, `start`, `leave_all`, `stop`, `close`, in this order; the other methods while it runs."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._config = premises.config
        self._slots: dict[str, Slot] = {}
        self._live: dict[str, Channel] = {}
        self._identity_keys = IdentityKeys(self._hosted)
        self._changing = asyncio.Lock()  # one change of the set at a time
        self._opening: set[asyncio.Task[None]] = set()

    # ---- what the ports look into ------------------------------------------------------------------

    @property
    def channels(self) -> Mapping[str, ChannelFacade]:
        """By name, the node's own first. The same object always, whose content changes."""
        return self._live

    @property
    def identity_keys(self) -> Mapping[int, bytes]:
        """The node's public identity key by suite."""
        return self._identity_keys

    @property
    def first(self) -> Hosted:
        return next(s.hosted for s in self._slots.values() if s.hosted is not None)

    # ---- life of the node --------------------------------------------------------------------------

    async def open(self, words: Words = NO_WORDS) -> None:
        """Every channel on the disk. Raises CityError where none opens: that of the node's own; CITY-1004 where
        the words name one that is not here."""
        own = self._config.place()
        places = [own, *await asyncio.to_thread(self._found)]
        for place in places:
            self._slots[place.name] = Slot(place, Note())
        for name in words.channels:
            self._slot(name)  # before anything is opened
        await self._open(self._slots[own.name], self._words_for(own.name, words))
        others = [slot for name, slot in self._slots.items() if name != own.name]
        await asyncio.gather(*(self._open(s, self._words_for(s.place.name, words)) for s in others))
        if not self._live:
            error = self._slots[own.name].error
            assert error is not None
            raise error

    def _found(self) -> list[Place]:
        """Blocks. Channels beside the node's own, by what lies on the disk."""
        folder = self._config.channels_dir
        sweep(folder)
        return [self._config.place(n) for n in on_disk(folder) if n != self._config.channel.name]

    async def start(self, words: Words = NO_WORDS) -> None:
        for name, slot in self._slots.items():
            await self._start(slot, self._words_for(name, words))

    def _words_for(self, channel: str, words: Words) -> Words:
        """They are about the channels that they name, or else the one that the operator's file names."""
        return words if channel in (words.channels or (self._config.channel.name,)) else NO_WORDS

    async def leave_all(self) -> None:
        """Before `stop`, while peers are still linked: nobody should wait for this node."""
        await asyncio.gather(*(hosted.leave() for hosted in self._hosted()))

    async def stop(self) -> None:
        """Links and pipelines end; reads go on."""
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        await asyncio.gather(*(hosted.stop() for hosted in self._hosted()))

    async def close(self) -> None:
        for hosted in self._hosted():
            await hosted.close()

    def _hosted(self) -> list[Hosted]:
        return [slot.hosted for slot in self._slots.values() if slot.hosted is not None]

    # ---- one channel -------------------------------------------------------------------------------

    async def _open(self, slot: Slot, words: Words) -> None:
        """In a task of its own, so that what it logs names its channel. Never raises CityError."""
        await asyncio.create_task(self._open_here(slot, words), name=f"open-{slot.place.name}")

    async def _open_here(self, slot: Slot, words: Words) -> None:
        place = slot.place
        is_own = place.name == self._config.channel.name
        structlog.contextvars.bind_contextvars(channel=place.name)
        try:
            slot.note = await asyncio.to_thread(read_note, place.folder)
            if slot.note.state is State.archived:
                slot.state = State.archived
                return
            addresses = {**slot.note.addresses, **self._config.peers}
            hosted = await open_hosted(
                self._premises, place, addresses=addresses, is_lazy=not is_own, words=words
            )
        except CityError as error:
            self._fail(slot, error)
            return
        except Exception:  # a defect in one channel must not cost the others
            trace = secrets.token_hex(8)
            log.exception("channel.not_opened", trace=trace)
            self._fail(slot, CityError("CITY-1011", trace=trace))
            return
        slot.hosted, slot.error = hosted, None
        self._live[place.name] = hosted.channel

    def _fail(self, slot: Slot, error: CityError) -> None:
        slot.state, slot.error = State.failed, error
        log.error("channel.failed", code=error.code, reason=error.message)

    async def _start(self, slot: Slot, words: Words) -> None:
        hosted = slot.hosted
        if hosted is None:
            return
        if slot.note.state is State.paused:
            hosted.channel.hold(_paused(slot.place.name))
            slot.state = State.paused
            return
        await hosted.start(words)
        slot.state = State.running

    async def _end(self, slot: Slot) -> None:
        """Takes it out of service and closes it; its files are as they are after an orderly stop."""
        hosted, slot.hosted = slot.hosted, None
        self._live.pop(slot.place.name, None)
        if hosted is not None:
            await hosted.leave()
            await hosted.stop()
            await hosted.close()

    # ---- for the operator (facade.HostingFacade) ------------------------------------------------------

    def operators(self) -> Operators:
        """Who gives orders to this node: its own key, its member's admin key, and that member's admins."""
        slot = self._slots[self._config.channel.name]
        if slot.hosted is not None:
            ledger, keyring = slot.hosted.ledger, slot.hosted.keyring
            state, suite = ledger.configuration.state, ledger.suite
        else:  # its stores may be damaged; what it is stands beside them
            genesis = read_genesis(slot.place.folder)
            state = peek_configuration(slot.place.folder, genesis)
            suite = open_suite(self._config, genesis.config)
            keyring = open_keyring(self._config, state, suite, slot.place)
        identity = keyring.identity.public_key
        keys = {identity}
        member = own_member(keyring, state, self._config.name)
        if member is not None:
            keys |= {member.admin_key, *(i.public_key for i in admins_of(member, state))}
        digest = Hash(identity_digest(suite.hash, suite.id, identity))
        return Operators(suite, digest, self._config.name, frozenset(keys - {b""}))

    def hosted(self) -> list[dict[str, Any]]:
        """A row a channel, the node's own first."""
        return [self._row(slot) for slot in self._slots.values()]

    def show(self, name: str) -> dict[str, Any]:
        """Raises CITY-1004."""
        return self._row(self._slot(name))

    def genesis(self, name: str) -> bytes:
        """Blocks. The genesis file. Raises CITY-1004, CITY-8006."""
        return encode_genesis(read_genesis(self._slot(name).place.folder))

    async def prepare(self, name: str, suite_name: str) -> bytes:
        """The node's card for a new channel, canonical; makes the keys. Raises CityError."""
        async with self._changing:
            place = self._new_place(name)
            own = self._slots[self._config.channel.name].hosted
            if own is None:
                raise CityError(
                    "CITY-8063",
                    channel=self._config.channel.name,
                    node=self._config.name,
                    state=State.failed,
                    wanted="without it nobody knows who operates the node",
                )
            if suite_name not in SUITE_IDS:
                raise CityError("CITY-1002", field="suite", rule=", ".join(SUITE_IDS))
            suite = self._suite(suite_name)
            make = functools.partial(make_keys, self._config, place, suite, own.ledger.suite)
            await asyncio.to_thread(make)
            state = own.ledger.configuration.state
            card = functools.partial(
                own_card,
                self._config,
                place,
                suite,
                own.keyring,
                state,
                own.engines.artifact,
                self._address(),
            )
            return encode(await asyncio.to_thread(card))

    async def join(
        self,
        genesis: bytes,
        addresses: Mapping[str, str],
        grant: bytes = b"",
        from_snapshot: bool = False,
    ) -> dict[str, Any]:
        """Takes part in a channel; it opens behind this call. Raises CityError, and nothing is there then."""
        async with self._changing:
            found = sent_genesis(genesis)
            place = self._new_place(found.config.name)
            self._refuse_held(found)
            own = self._slots[self._config.channel.name].hosted
            if own and not grant:  # one is for a channel that there is
                refuse_indebted(own.ledger.contracts, found)
            transports = self._premises.transports
            await asyncio.to_thread(check_part, self._config, transports, found, place, grant)
            note = Note(State.running, checked_addresses(addresses))
            await asyncio.to_thread(write_part, place, found, note, grant)
            slot = self._slots[place.name] = Slot(place, note)
            log.info("channel.joined", channel=place.name)
            self._open_behind(slot, Words(from_snapshot=from_snapshot))
            return self._row(slot)

    async def pause(self, name: str) -> dict[str, Any]:
        """Orders nothing here until it is resumed; reads go on. Raises CityError."""
        async with self._changing:
            slot = self._slot(name)
            if slot.state is not State.running or slot.hosted is None:
                raise self._wrong(slot, "only one that runs can be paused")
            await self._note(slot, State.paused)
            await slot.hosted.leave()
            slot.hosted.channel.hold(_paused(slot.place.name))
            await slot.hosted.stop()
            slot.state = State.paused
            return self._row(slot)

    async def resume(self, name: str) -> dict[str, Any]:
        """After a pause, or after what broke was mended. Raises CityError."""
        async with self._changing:
            slot = self._slot(name)
            if slot.state not in (State.paused, State.failed) and not self._is_stopped(slot):
                raise self._wrong(slot, "only one that is paused or stopped can be resumed")
            await self._note(slot, State.running)
            await self._end(slot)
            slot.state, slot.error = State.opening, None
            self._open_behind(slot, NO_WORDS)
            return self._row(slot)

    async def backup(self, name: str) -> dict[str, Any]:
        """Written while it runs, into the node's folder `backups`. Raises CityError."""
        slot = self._slot(name)
        if slot.hosted is None:
            raise self._wrong(slot, "only one that is open can be backed up here")
        ledger, folder = slot.hosted.ledger, self._config.data_dir / "backups"
        facts = await take_online(
            self._config.name, ledger.genesis, ledger.suite, ledger.blocks, ledger.state, folder
        )
        return self._row(slot) | facts

    async def archive(self, name: str) -> dict[str, Any]:
        """Ends it for good: its bytes stay, read-only, with a manifest. Raises CityError."""
        async with self._changing:
            slot = self._not_own(name)
            if slot.hosted is None:
                raise self._wrong(slot, "only one that is open can be archived")
            facts = slot.hosted.channel.status()
            kept = {key: facts[key] for key in MANIFEST_FACTS}
            kept["suite"] = slot.hosted.ledger.suite.name
            await self._note(slot, State.archived)
            await self._end(slot)
            slot.state = State.archived
            await asyncio.to_thread(seal, slot.place.folder, kept)
            log.info("channel.archived", channel=slot.place.name, height=kept["height"])
            return self._row(slot)

    async def leave(self, name: str, is_forced: bool = False) -> dict[str, Any]:
        """Gives it up with all its bytes. is_forced: also where this node votes in it. Raises CityError."""
        async with self._changing:
            slot = self._not_own(name)
            if slot.state is State.opening:
                raise self._wrong(slot, "wait until it is open")
            if not is_forced and slot.state is not State.archived:
                state = await asyncio.to_thread(self._peek, slot)
                if state.node(self._config.name) is not None and len(state.validators) > 1:
                    raise CityError("CITY-8064", channel=name, node=self._config.name)
            await self._end(slot)
            del self._slots[slot.place.name]
            self._premises.families.forget(slot.place.name)
            await asyncio.to_thread(throw_away, slot.place.folder)
            log.info("channel.left", channel=name)
            return {"channel": name, "state": "left"}

    @staticmethod
    def _peek(slot: Slot) -> ConfigState:
        """Blocks. The configuration in force, or what is known of it where the channel is not open."""
        if slot.hosted is not None:
            return slot.hosted.ledger.configuration.state
        return peek_configuration(slot.place.folder, read_genesis(slot.place.folder))

    # ---- their steps -------------------------------------------------------------------------------

    def _slot(self, name: str) -> Slot:
        slot = self._slots.get(name)
        if slot is None:
            raise CityError("CITY-1004", channel=name[:64], known=", ".join(self._slots))
        return slot

    def _not_own(self, name: str) -> Slot:
        slot = self._slot(name)
        if name == self._config.channel.name:
            raise CityError("CITY-8065", channel=name, node=self._config.name)
        return slot

    def _wrong(self, slot: Slot, wanted: str) -> CityError:
        names = {"channel": slot.place.name, "node": self._config.name}
        return CityError("CITY-8063", state=slot.state.value, wanted=wanted, **names)

    @staticmethod
    def _is_stopped(slot: Slot) -> bool:
        return slot.hosted is not None and slot.hosted.channel.stopped is not None

    def _new_place(self, name: str) -> Place:
        """For a channel that is not here. Raises CITY-1002, CITY-8060, CITY-8066."""
        if re.fullmatch(CHANNEL_NAME, name) is None:
            rule = "a to z, digits and -, a letter first, at most 32"
            raise CityError("CITY-1002", field="channel", rule=rule)
        if name in self._slots:
            state = self._slots[name].state.value
            raise CityError("CITY-8060", channel=name, node=self._config.name, state=state)
        if len(self._slots) >= CHANNELS_MAX:
            raise CityError("CITY-8066", node=self._config.name, count=len(self._slots))
        return self._config.place(name)

    def _suite(self, name: str | int) -> Suite:
        paths = (
            [str(self._config.path(self._config.crypto.libcrypto))]
            if self._config.crypto.libcrypto
            else []
        )
        return get_suite(name, self._config.crypto.backend, libcrypto=paths)

    def _address(self) -> str:
        """Where peers reach this node; nothing where it listens on every address of its host."""
        host, _ = split_address(self._config.listen.peer)
        is_any = host in ("0.0.0.0", "[::]")
        return "" if is_any else f"{host}:{self._premises.port.port}"

    def _refuse_held(self, genesis: Genesis) -> None:
        """A channel is held once, whatever name it is called by. Raises CITY-8060."""
        suite = open_suite(self._config, genesis.config)
        id_ = channel_id(suite.hash, genesis.config)
        for slot in self._slots.values():
            if slot.hosted is not None and slot.hosted.ledger.channel_id == id_:
                names = {"channel": slot.place.name, "node": self._config.name}
                raise CityError("CITY-8060", state=slot.state.value, **names)

    async def _note(self, slot: Slot, state: State) -> None:
        slot.note = replace(slot.note, state=state)
        await asyncio.to_thread(write_note, slot.place.folder, slot.note)

    def _open_behind(self, slot: Slot, words: Words) -> None:
        """Opens and starts it while the caller has an answer: an engine may have to be fetched first."""

        async def opening() -> None:
            await self._open(slot, words)
            await self._start(slot, words)

        task = asyncio.create_task(opening(), name=f"join-{slot.place.name}")
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def _row(self, slot: Slot) -> dict[str, Any]:
        row: dict[str, Any] = {"channel": slot.place.name, "state": slot.state.value}
        if slot.hosted is not None:
            status = slot.hosted.channel.status()
            config = slot.hosted.channel.config
            row |= {key: status[key] for key in ROW_FACTS}
            row |= {"suite": slot.hosted.ledger.suite.name, "peer": self._address()}
            row["condition"] = status["state"]
            row["contracts"] = sorted({entry.name for entry in config.contracts})
            row["nodes"] = [node.name for node in config.nodes]
            if self._is_stopped(slot) and slot.state is State.running:
                row |= {"state": State.failed.value, "reason": status["reason"]}
        elif slot.state is State.archived:
            row |= read_manifest(slot.place.folder)
        if slot.error is not None:
            row["reason"] = f"{slot.error.code} {slot.error.message}"
        return row


def _paused(name: str) -> CityError:
    return CityError("CITY-8062", channel=name)
