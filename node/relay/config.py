"""relay.toml: what one relay is told. It has keys of wallets, to ask the center for their payments' proofs."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field

from node.config import PASSWORD_VARIABLE, Address, Log, Section, Settings, load_settings
from node.relay.rules import RULES, Rule

FILE = "relay.toml"
JOURNAL = "journal"
ENDPOINT = "endpoint.json"


class CenterSection(Section):
    """at: the center's address, or the folder in which its endpoint.json lies. root_key: hex, as the channel
    has registered it. poll_ms: how often its feed is asked."""

    at: str
    root_key: str = Field(pattern=r"^04[0-9a-f]{128}$")
    poll_ms: int = Field(1_000, ge=50, le=60_000)


class Listening(Section):
    """status: for `city oracle relay status` and for Prometheus; keep it on the loopback."""

    status: Address = "127.0.0.1:0"


class HubSection(Section):
    """A settlement hub that is told which payments this channel has used. context, user: as of the relay."""

    context: str
    user: str


class RuleSection(Section):
    """A further contract whose payments are carried; see node/relay/rules.py."""

    contract: str
    event: str
    method: str
    reference: str = ""
    args: list[str] = Field(default_factory=lambda: ["id"])
    numbered: str = ""


def _rule(own: RuleSection) -> Rule:
    args = tuple(own.args)
    return Rule(own.contract, own.event, own.method, own.reference, args, own.numbered)


class RelayConfig(Settings):
    """context: a context's name, or a network's folder. channel: another than the context's own. user: whose
    key submits. wallets: key files of those whose payments are carried. development: key files need no
    password."""

    name: str = Field(min_length=1, max_length=64)
    context: str = ""
    channel: str = ""
    user: str
    wallets: list[str] = Field(default_factory=list)
    development: bool = False
    center: CenterSection
    listen: Listening = Listening()
    log: Log = Log()
    hub: HubSection | None = None
    rules: list[RuleSection] = Field(default_factory=list)

    @property
    def journal(self) -> Path:
        return self.root / JOURNAL

    @property
    def endpoint(self) -> Path:
        return self.root / ENDPOINT

    def network(self, context: str) -> str | None:
        """A path relative to this file, or a context's name; None: the current one."""
        inside = self.root / context
        return str(inside) if context and inside.exists() else context or None

    def all_rules(self) -> tuple[Rule, ...]:
        own = (_rule(r) for r in self.rules)
        return (*RULES, *own)

    def password(self) -> bytes | None:
        text = os.environ.get(PASSWORD_VARIABLE)
        return text.encode() if text else None


def load_relay(folder: Path) -> RelayConfig:
    """Of the folder, or of the file itself. Raises CityError CITY-8001 to CITY-8004."""
    return load_settings(folder / FILE if folder.is_dir() else folder, RelayConfig)


def relay_text(
    name: str, context: str, user: str, wallets: list[str], at: str, root_key: str, *, dev: bool,
    poll_ms: int = 1_000, channel: str = "",
) -> str:  # fmt: skip
    """A relay.toml."""
    quoted = ", ".join(f'"{wallet}"' for wallet in wallets)
    on = f'channel = "{channel}"\n' if channel else ""
    return (
        f'name = "{name}"\ncontext = "{context}"\n{on}user = "{user}"\nwallets = [{quoted}]\n'
        f"development = {str(dev).lower()}\n\n"
        f'[center]\nat = "{at}"\nroot_key = "{root_key}"\npoll_ms = {poll_ms}\n'
    )
