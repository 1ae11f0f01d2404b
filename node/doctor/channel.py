"""One channel of a node as its own host sees it: genesis, keys, flags, engine, peers and, of a stopped node,
its stores. Blocking."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from contracts.runtime.artifact import ArtifactError, known_artifacts, open_artifact
from node.config import NodeConfig, Place, split_address
from node.doctor.check import Check, Mark, failed
from node.doctor.stores import Progress, examine_stores
from node.errors import CityError
from node.flags import Flags
from node.genesis import Genesis, NodeEntry
from node.governance import ConfigState
from node.hosting.hosted import open_suite
from node.hosting.notes import Note, State, changed_files, read_manifest, read_note
from node.identity.suite import Suite
from node.keys.keyring import open_keyring
from node.opening import peek_configuration, read_genesis
from node.peers.roster import der_to_pem, server_name

PEER_SECONDS = 3.0


@dataclass(slots=True)
class Handshakes:
    """TLS handshakes with the node's own certificate, each address once for all channels."""

    keys: Path
    known: set[str] = field(default_factory=set)  # names of nodes that some channel has
    _shown: dict[tuple[str, str], bytes | OSError] = field(default_factory=dict)

    def with_(self, address: str, name: str) -> bytes:
        """The certificate that the other end shows to who asks for that name. Raises OSError."""
        asked = (address, name)
        if asked not in self._shown:
            try:
                self._shown[asked] = self._ask(address, name)
            except OSError as error:  # ssl.SSLError too
                self._shown[asked] = error
        shown = self._shown[asked]
        if isinstance(shown, OSError):
            raise shown
        return shown

    def _ask(self, address: str, name: str) -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # a pin decides
        context.set_alpn_protocols(["h2"])
        host, port = split_address(address)
        context.load_cert_chain(self.keys / "transport.crt", self.keys / "transport.pem")
        with (
            socket.create_connection((host.strip("[]"), port), timeout=PEER_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            return secure.getpeercert(binary_form=True) or b""

    def of_nobody(self, config: NodeConfig) -> Iterator[Check]:
        """Addresses under names that no channel knows."""
        for name in config.peers:
            if name not in self.known and name != config.name:
                yield Check(
                    f"peer {name}",
                    Mark.warn,
                    "no node of a channel here has this name",
                    "remove it from [peers]",
                )


@dataclass(frozen=True, slots=True)
class Patient:
    """What the first checks have opened."""

    config: NodeConfig
    place: Place
    note: Note
    genesis: Genesis
    state: ConfigState
    suite: Suite
    handshakes: Handshakes


def examine_channel(
    config: NodeConfig,
    place: Place,
    handshakes: Handshakes,
    is_stopped: bool,
    deep: bool,
    progress: Progress,
) -> Iterator[Check]:
    """is_stopped: nobody holds its stores."""
    name = "genesis"
    try:
        genesis = read_genesis(place.folder)
        yield Check("genesis", Mark.ok, f"channel {genesis.config.name}")
        name = "hosting"
        note = read_note(place.folder)
        if note.state is State.archived:
            yield _archived(place.folder, deep)
            return
        if note.state is State.paused:
            do = f"to order again: city channel resume {place.name} --node {config.name}"
            yield Check("hosting", Mark.warn, "paused: it orders nothing here", do)
        name = "cryptography"
        suite = open_suite(config, genesis.config)
        yield Check("cryptography", Mark.ok, suite.name)
    except CityError as error:
        yield failed(name, error)
        return
    state = peek_configuration(place.folder, genesis)
    patient = Patient(config, place, note, genesis, state, suite, handshakes)
    for check in (_keys, _flags, _engine, _peers):
        yield from check(patient)
    if is_stopped:
        yield from examine_stores(place.folder, genesis, suite, deep, progress)


def _archived(folder: Path, deep: bool) -> Check:
    manifest = read_manifest(folder)
    text = f"at block {manifest.get('height')}"
    if not deep:
        return Check("archived", Mark.ok, text)
    changed = changed_files(folder)
    if not changed:
        return Check("archived", Mark.ok, f"{text}, all files are those of its manifest")
    said = f"{text}; {len(changed)} files are not those of its manifest: {', '.join(changed[:3])}"
    do = f"bring them back from a copy, or let it go: city channel leave {folder.name}"
    return Check("archived", Mark.bad, said, do)


def _keys(patient: Patient) -> Iterator[Check]:
    try:
        keyring = open_keyring(patient.config, patient.state, patient.suite, patient.place)
    except CityError as error:
        yield failed("keys", error)
        return
    is_validator = patient.state.node(patient.config.name) is not None
    yield Check("keys", Mark.ok, "identity, transport" + (", vote" if is_validator else ""))
    if len(keyring.selves()) > 1:
        yield Check(
            "rotation",
            Mark.warn,
            "a key that is to follow lies beside the present one",
            "end the round: city as ADMIN node rotate transport (or identity) --config …",
        )


def _flags(patient: Patient) -> Iterator[Check]:
    flags = Flags(patient.state.config.consensus.window)
    due = flags.due(patient.state)
    for flag in due:
        if not flag.is_known:
            yield Check(
                "flags",
                Mark.bad,
                f"{flag.name} holds from block {flag.height} on, and this build does not know it",
                f"install a build that knows it before block {flags.stops_at(flag)}",
            )
    if due and all(flag.is_known for flag in due):
        yield Check("flags", Mark.ok, ", ".join(f"{f.name} from {f.height}" for f in due))


def _engine(patient: Patient) -> Iterator[Check]:
    config, wanted = patient.config, patient.genesis.config.engine.digest
    named, cache = config.engine.artifact, config.engine.cache
    held = known_artifacts(config.path(cache) if cache else None)
    for path in [config.path(named)] if named else held:
        try:
            is_it = open_artifact(path).digest_for(patient.suite.hash) == wanted
        except ArtifactError:
            continue
        if is_it:
            yield Check("engine", Mark.ok, str(path))
            return
    yield Check(
        "engine",
        Mark.warn,
        f"the channel's artifact {wanted.hex()[:16]}… is not here",
        "nothing: the node fetches it from a peer when it starts; or bring it along: city engine verify FILE",
    )


def _peers(patient: Patient) -> Iterator[Check]:
    """A TLS handshake with each city of the channel whose address is known, held against its pinned
    certificate."""
    config, state = patient.config, patient.state
    addresses = {**patient.note.addresses, **config.peers}
    patient.handshakes.known.update(node.name for node in (*state.config.nodes, *state.observers))
    for name, address in addresses.items():
        entry = state.named(name)
        if entry is not None and name != config.name:
            yield _peer(patient, name, address, entry)
    for node in state.config.nodes:
        if node.name not in addresses and node.name != config.name:
            yield Check(
                f"peer {node.name}",
                Mark.warn,
                "its address is not in [peers]",
                "add it, so that one of the two can dial the other",
            )


def _asked_for(entry: NodeEntry) -> str:
    """While its certificate is replaced, a node shows the one whose name is asked for."""
    try:
        return server_name(der_to_pem(entry.transport_cert)) or "localhost"
    except ValueError:
        return "localhost"


def _peer(patient: Patient, name: str, address: str, entry: NodeEntry) -> Check:
    try:
        shown = patient.handshakes.with_(address, _asked_for(entry))
    except OSError as error:
        return Check(
            f"peer {name}",
            Mark.warn,
            f"{address}: {error.strerror or error}",
            "is it running, and is the way to it open?",
        )
    if shown != entry.transport_cert:
        return Check(
            f"peer {name}",
            Mark.bad,
            f"{address} shows another certificate than the channel has for it",
            "the address leads to another node, or its certificate was replaced without the channel",
        )
    return Check(f"peer {name}", Mark.ok, address)
