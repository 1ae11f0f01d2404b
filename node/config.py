"""node.toml: what one city node is told about itself. Everything about the channel stands in its genesis.

Relative paths are relative to the file. A key that does not exist is refused with the nearest one that does.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from node.errors import CityError

FILE_BYTES_MAX = 1024 * 1024
CHANNEL_NAME = "[a-z][a-z0-9-]{0,31}"
PASSWORD_VARIABLE = "CITY_KEY_PASSWORD"
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]{1,253}):([0-9]{1,5})")


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port`. Raises ValueError for anything else."""
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match[2]) > 65_535:
        raise ValueError(f"{address!r} is not host:port with a port of 0 to 65535")
    return match[1], int(match[2])


def _address(value: Any) -> Any:
    if isinstance(value, str):
        split_address(value)
    return value


Address = Annotated[str, BeforeValidator(_address)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Listen(Section):
    """Port 0 takes a free one; endpoints.json says which. An empty web address serves no pages."""

    peer: Address = "127.0.0.1:0"
    api: Address = "127.0.0.1:0"
    web: Address | Literal[""] = "127.0.0.1:0"


class Crypto(Section):
    backend: Literal["openssl", "gmssl", "auto"] = "openssl"
    allow_gmssl_signing: bool = False
    libcrypto: str = ""


class Keys(Section):
    """development: key files need no password. password_file: read instead of CITY_KEY_PASSWORD.

    signer: where identity and vote keys are: "file", "remote:host:port" (city signer serve), or
    "pkcs11:/path/to/module.so?token=LABEL". signer_certificate: of the remote signer, PEM."""

    development: bool = False
    password_file: str = ""
    signer: str = "file"
    signer_certificate: str = ""


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class Engine(Section):
    """cache: folder of engine artifacts, empty for the user's own. artifact: one file, by digest. workers_max:
    contract workers of all channels that have a process at a time; a channel uses two. idle_seconds: after
    which one without calls ends it, 0 for never; the next call starts another."""

    cache: str = ""
    artifact: str = ""
    sandbox: Literal["required", "best-effort"] = "required"
    workers_max: int = Field(24, ge=2, le=1_000)
    idle_seconds: int = Field(600, ge=0)


class ClockSection(Section):
    """offset_file: shared by a development network; refused where genesis says that time is real."""

    offset_file: str = ""


class Pool(Section):
    transactions_max: int = Field(50_000, ge=100, le=1_000_000)
    bytes_max: int = Field(64 * 1024 * 1024, ge=1024 * 1024, le=4 * 1024**3)


class Clients(Section):
    """reads_per_second: of one member in one channel, in the long run; twice as many may come at once."""

    reads_per_second: int = Field(500, ge=1)


class Disk(Section):
    """Below this much free space new transactions are refused; ordering goes on."""

    free_bytes_min: int = Field(256 * 1024 * 1024, ge=0)


class Prune(Section):
    """keep: how many of the last blocks stay whole, 0 for all of them; headers and certificates always stay.
    The least is twice what replay protection and a snapshot need."""

    keep: Literal[0] | Annotated[int, Field(ge=2_000)] = 0


class Snapshot(Section):
    """every: blocks between two snapshots of the state, 0 for none; nodes with the same number vouch for each
    other's."""

    every: int = Field(10_000, ge=0)


class OfChannel(Section):
    """What `[channel.NAME]` says otherwise for one channel; a key that it leaves out is as for all."""

    pool: Pool = Pool()
    snapshot: Snapshot = Snapshot()
    prune: Prune = Prune()


class Channel(Section):
    """name: the node's home, whose configuration says who operates it. others: of single channels, by name;
    in the file they are tables of [channel] themselves."""

    name: str = Field("main", pattern=f"^{CHANNEL_NAME}$")
    others: dict[str, OfChannel] = Field(default_factory=dict, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _apart(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        others = {key: value for key, value in table.items() if isinstance(value, dict)}
        kept = {key: value for key, value in table.items() if key not in others}
        return kept | {"others": others}


class Settings(Section):
    """A configuration file of one of our daemons."""

    root: Path = Field(default=Path("."), exclude=True)  # folder of the file; not a key of it

    def path(self, text: str) -> Path:
        """A path of this file, absolute."""
        return (self.root / Path(text).expanduser()).resolve()


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one channel lies on a node's disk. Its keys are beside its blocks; those of the channel that a node
    was made with are among the node's own (keys/) until another one becomes its home."""

    name: str
    folder: Path  # genesis.bin, blocks/, state/, wal/
    keys: Path  # vote.pem, vote-next.pem, grant.bin


class NodeConfig(Settings):
    name: str = Field(min_length=1, max_length=64)
    data: str = "."
    listen: Listen = Listen()
    peers: dict[str, Address] = Field(default_factory=dict)
    channel: Channel = Channel()
    crypto: Crypto = Crypto()
    keys: Keys = Keys()
    log: Log = Log()
    engine: Engine = Engine()
    clock: ClockSection = ClockSection()
    pool: Pool = Pool()
    clients: Clients = Clients()
    disk: Disk = Disk()
    snapshot: Snapshot = Snapshot()
    prune: Prune = Prune()

    @property
    def data_dir(self) -> Path:
        return self.path(self.data)

    @property
    def keys_dir(self) -> Path:
        return self.data_dir / "keys"

    @property
    def channels_dir(self) -> Path:
        return self.data_dir / "channels"

    def place(self, channel: str = "") -> Place:
        """Of that channel; of none, the one that the file names."""
        name = channel or self.channel.name
        folder = self.channels_dir / name
        is_among_own = name == self.channel.name and not (folder / "keys").exists()
        return Place(name, folder, self.keys_dir if is_among_own else folder / "keys")

    def of_channel(self, name: str) -> OfChannel:
        """Pool, snapshots and pruning of one channel: what holds for all, and what is said of it alone."""
        common = OfChannel(pool=self.pool, snapshot=self.snapshot, prune=self.prune)
        own = self.channel.others.get(name, OfChannel())
        changed = {}
        for key in own.model_fields_set:
            section: Section = getattr(own, key)
            said = {field: getattr(section, field) for field in section.model_fields_set}
            changed[key] = getattr(common, key).model_copy(update=said)
        return common.model_copy(update=changed)

    @property
    def channel_dir(self) -> Path:
        return self.place().folder

    @property
    def endpoints_file(self) -> Path:
        return self.data_dir / "endpoints.json"

    def key_password(self) -> bytes | None:
        """What opens the key files; None: they are not encrypted, which only development allows."""
        if self.keys.password_file:
            return self.path(self.keys.password_file).read_bytes().rstrip(b"\r\n")
        text = os.environ.get(PASSWORD_VARIABLE)
        return text.encode() if text else None


def load_config(path: Path) -> NodeConfig:
    """A city node's configuration. Raises CityError CITY-8001 to CITY-8004."""
    return load_settings(path, NodeConfig)


def load_settings(path: Path, model: type[S]) -> S:
    """The configuration in the file. Raises CityError CITY-8001 to CITY-8004."""
    try:
        with path.open("rb") as stream:
            data = stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise CityError("CITY-8001", path=path, reason=error.strerror) from None
    if len(data) > FILE_BYTES_MAX:
        raise CityError("CITY-8002", path=path, reason="it is larger than 1 MiB")
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CityError("CITY-8002", path=path, reason=str(error)) from None
    _check_keys(model, table, "", path)
    try:
        return model(**table, root=path.resolve().parent)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if not str(part).startswith("function"))
        reason = first["msg"].removeprefix("Value error, ")
        raise CityError("CITY-8004", path=path, key=key, reason=reason) from None


def _check_keys(model: type[BaseModel], table: dict[str, Any], where: str, path: Path) -> None:
    known = sorted(name for name in model.model_fields if name not in ("root", "others"))
    for key, value in table.items():
        if model is Channel and isinstance(value, dict) and re.fullmatch(CHANNEL_NAME, key):
            _check_keys(OfChannel, value, f"{where}{key}.", path)
            continue
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            raise CityError(
                "CITY-8003",
                path=path,
                key=where + key,
                hint=f"did you mean {where}{near[0]}?" if near else f"known: {', '.join(known)}",
            )
        section = model.model_fields[key].annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            if not isinstance(value, dict):
                raise CityError("CITY-8004", path=path, key=where + key, reason="a table is needed")
            _check_keys(section, value, f"{where}{key}.", path)
