"""An application as one file: its contracts, the channel that they need, and who decides there about changes.

`app.toml` in a folder says what it is; `package` reads it and the contracts it names. The file is the canonical
encoding of `AppPackage`, its digest the file's SHA-256, so that whoever deploys it knows what was reviewed.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from consensus.encoding import EncodingError, decode, encode
from contracts.bundles import load_bundle
from contracts.runtime.api import Bundle
from contracts.runtime.checking import check_file, contract_name
from contracts.runtime.language.modules import MAIN, key_of
from node.config import CHANNEL_NAME
from node.errors import CityError
from node.genesis import BundleSource, Limits
from node.governance.kinds import POLICIES
from node.governance.policies import read_policy
from node.governance.refusals import Refused
from node.residency import tags

FORMAT = 2
PLAN_FILE, SUFFIX = "app.toml", ".cityapp"
PACKAGE_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AppPolicy:
    """Who decides on a kind of change, as `city proposal` has it: «majority of members»."""

    kind: str
    policy: str


@dataclass(frozen=True, slots=True)
class AppPackage:
    """name: of the channel, unless another is given. members: whose users take part, none for all. zone,
    jurisdiction, resident: as `ChannelConfig` has them."""

    format: int
    name: str
    title: str
    release: str
    engine: str
    suite: str
    window: int
    limits: Limits
    members: tuple[str, ...]
    contracts: tuple[BundleSource, ...]
    policies: tuple[AppPolicy, ...]
    zone: str
    jurisdiction: str
    resident: tuple[str, ...]

    def bundles(self) -> tuple[Bundle, ...]:
        return tuple(Bundle.decode(c.name, c.version, c.bundle) for c in self.contracts)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _App(_Strict):
    name: str = Field(pattern=f"^{CHANNEL_NAME}$")
    title: str = Field(default="", max_length=200)
    release: str = Field(default="1", max_length=64)


class _Channel(_Strict):
    contracts: list[str] = Field(min_length=1)  # of the suite, or files and folders beside app.toml
    engine: Literal["pbft", "raft"] = "pbft"
    suite: Literal["sm", "intl"] = "sm"
    window: int = Field(default=1, ge=1, le=4)
    members: list[str] = []
    zone: Literal["", "mainland", "international"] = ""
    jurisdiction: str = Field(default="", pattern=r"^([A-Z]{2})?$")
    resident: list[str] = []  # beside what contracts tag themselves
    limits: dict[str, int] = {}


class _Plan(_Strict):
    app: _App
    channel: _Channel
    policy: dict[str, str] = {}  # by kind of change


def package(path: Path) -> bytes:
    """The package of a folder with app.toml, or of that file.

    Raises CITY-8071, CITY-4021 for contracts that the linter refuses."""
    file = path / PLAN_FILE if path.is_dir() else path
    try:
        plan = _Plan.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _invalid(file, error) from None
    except ValidationError as error:
        first = error.errors()[0]
        raise _invalid(file, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    try:
        limits = Limits(**plan.channel.limits)
    except TypeError as error:
        raise _invalid(file, f"channel.limits: {error}") from None
    bundles = [_bundle(file, name) for name in plan.channel.contracts]
    names = [bundle.name for bundle in bundles]
    if len(set(names)) != len(names):
        raise _invalid(file, "channel.contracts: one stands there twice")
    found = AppPackage(
        FORMAT,
        plan.app.name,
        plan.app.title,
        plan.app.release,
        plan.channel.engine,
        plan.channel.suite,
        plan.channel.window,
        limits,
        tuple(plan.channel.members),
        tuple(BundleSource(b.name, b.version, b.encode()) for b in bundles),
        tuple(AppPolicy(kind, _policy(file, kind, text)) for kind, text in plan.policy.items()),
        plan.channel.zone,
        plan.channel.jurisdiction,
        _resident(file, plan.channel, bundles),
    )
    return encode(found)


def read_package(path: Path) -> tuple[AppPackage, str]:
    """The package in a file, and its digest in hexadecimal. Raises CITY-8071."""
    try:
        with path.open("rb") as file:
            data = file.read(PACKAGE_BYTES_MAX + 1)
        if len(data) > PACKAGE_BYTES_MAX:
            raise ValueError(f"it has more than {PACKAGE_BYTES_MAX} bytes")
        found = decode(AppPackage, data)
        if found.format != FORMAT:
            raise ValueError(f"format {found.format} is not {FORMAT}")
        found.bundles()
        for rule in found.policies:
            _policy(path, rule.kind, rule.policy)
    except (OSError, EncodingError, ValueError) as error:
        raise _invalid(path, error) from None
    return found, hashlib.sha256(data).hexdigest()


def _bundle(file: Path, name: str) -> Bundle:
    """Of the suite, or of a contract beside the plan, which the linter reads first."""
    if name.isidentifier():
        try:
            return load_bundle(name)
        except FileNotFoundError:
            raise _invalid(file, f"channel.contracts: the suite has no {name}") from None
    path = file.parent / name
    if not path.exists():
        raise _invalid(file, f"channel.contracts: there is no {path}")
    checked = check_file(path)
    if checked.findings:
        shown = "; ".join(checked.show(finding) for finding in checked.findings[:3])
        raise CityError("CITY-4021", detail=shown)
    rules = {key_of(module): text for module, text in checked.sources.items() if module != MAIN}
    return Bundle(contract_name(path), 1, checked.sources[MAIN], rules)


def _resident(file: Path, channel: _Channel, bundles: list[Bundle]) -> tuple[str, ...]:
    """What the plan names and its contracts tag; that needs a zone."""
    try:
        names = {*channel.resident, *(name for bundle in bundles for name in tags(bundle))}
    except ValueError as error:
        raise _invalid(file, error) from None
    if names and not channel.zone:
        raise _invalid(file, f"channel.zone: {min(names)} is resident, so the channel needs a zone")
    return tuple(sorted(names))


def _policy(file: Path, kind: str, text: str) -> str:
    if kind not in POLICIES:
        raise _invalid(file, f"policy.{kind}: nobody decides on such a change by a policy")
    try:
        read_policy(text)
    except Refused as error:
        raise _invalid(file, f"policy.{kind}: {error.message}") from None
    return text


def _invalid(path: Path, reason: Any) -> CityError:
    return CityError("CITY-8071", path=path, reason=reason)
