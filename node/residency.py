"""Data that stays in its zone: what a channel keeps resident, and what refuses to let it out. Pure.

A name is of one contract, and stands in the channel's genesis (`ChannelConfig.resident`):

    register.person            a Map or Var: no proof of what it holds is made, and none is believed elsewhere
    register.Person.Entered    an event: no proof of a transaction that tells it
    register.enter()           a method: no proof of a transaction that calls it, which shows all that goes in

A contract's author tags names of a bundle with `RESIDENT = ("person", "enter()")` in its main module; such a
bundle runs only where the genesis says the same. What is not resident, such as a salted commitment, is proven
as ever. Because genesis says it, channels that follow this one know it too (contracts/rules/foreign_chain.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from contracts.runtime.api import Bundle
from contracts.runtime.keys import object_prefix
from node.genesis import ChannelConfig, Genesis, Member, NodeEntry

CALL = "()"
# Read as text, not by a parser: which sources a parser takes depends on the version of Python.
_TAG = re.compile(
    r'^RESIDENT = \((?P<names>(?:\s*"[A-Za-z_][A-Za-z0-9_.]{0,63}(?:\(\))?",?)*)\s*\)$',
    re.MULTILINE,
)
_LOOKS_LIKE_ONE = re.compile(r"^RESIDENT\b", re.MULTILINE)
_OBJECT = re.compile(r'\b(?:Map|Var|Event)\(\s*"([^"]{1,64})"')
_FUNCTION = re.compile(r"^def ([A-Za-z_][A-Za-z0-9_]*)\(", re.MULTILINE)


def tags(bundle: Bundle) -> tuple[str, ...]:
    """What its author tagged, as genesis names it. Raises ValueError where that cannot be read, or where the
    bundle declares no such thing."""
    found = _TAG.search(bundle.main)
    written = [s for s in (bundle.main, *bundle.rules.values()) for _ in _LOOKS_LIKE_ONE.findall(s)]
    if len(written) != (0 if found is None else 1):
        where = "once, in the main module"
        raise ValueError(f'{bundle.name}: it is written {where}, RESIDENT = ("name", …)')
    if found is None:
        return ()
    names = re.findall(r'"([^"]+)"', found["names"])
    require_declared(bundle.name, names, declared(bundle))
    return tuple(f"{bundle.name}.{name}" for name in names)


def declared(bundle: Bundle) -> set[str]:
    """Names of its state objects and events, and of its functions with `()` behind."""
    sources = (bundle.main, *bundle.rules.values())
    objects = {name for source in sources for name in _OBJECT.findall(source)}
    return objects | {name + CALL for source in sources for name in _FUNCTION.findall(source)}


def require_declared(contract: str, names: Iterable[str], known: Collection[str]) -> None:
    """A name that nothing has protects nothing. Raises ValueError."""
    for name in names:
        if name not in known:
            raise ValueError(f"{contract} declares no {name!r} that could be resident")


# ---- what a channel may hold -------------------------------------------------------------------------


def check_genesis(genesis: Genesis) -> None:
    """That the configuration names all that its bundles tag, and names nothing that they do not declare. Raises
    ValueError."""
    config, known = genesis.config, set[str]()
    for source in genesis.bundles:
        bundle = Bundle.decode(source.name, source.version, source.bundle)
        require_tagged(config, bundle)
        if config.resident:
            known |= {f"{bundle.name}.{name}" for name in declared(bundle)}
    require_declared("the channel", config.resident, known)


def require_tagged(config: ChannelConfig, bundle: Bundle) -> None:
    """A bundle runs where its tags are the channel's. Raises ValueError."""
    missing = [name for name in tags(bundle) if name not in config.resident]
    if missing:
        where = f"zone {config.zone}" if config.zone else "no zone"
        raise ValueError(
            f"{', '.join(missing)} is resident, and the genesis of this channel of {where} does not say so"
        )


def zones_of(config: ChannelConfig, admitted: Collection[str]) -> set[str] | None:
    """Where its nodes may stand; None: anywhere. admitted: beside its own, by the members' decision."""
    return {config.zone, *admitted} if config.zone else None


def is_inside(config: ChannelConfig, admitted: Collection[str], placed: Member | NodeEntry) -> bool:
    zones = zones_of(config, admitted)
    return zones is None or placed.zone in zones


# ---- what may be shown to outsiders --------------------------------------------------------------------


def resident_object(config: ChannelConfig, key: bytes) -> str:
    """The resident object that a state key is of, or "". Keys of its indexes hold its values too."""
    for name in config.resident:
        contract, _, object_ = name.partition(".")
        own = object_prefix(contract, object_)
        index = own[:-1] + b"#"  # contracts/runtime/indexes.py
        if not name.endswith(CALL) and key.startswith((own, index)):
            return name
    return ""


def resident_call(
    config: ChannelConfig, contract: str, method: str, events: Iterable[tuple[str, str]]
) -> str:
    """What of a transaction is resident, or "": its call, or one of its events (contract, name)."""
    named = [f"{contract}.{method}{CALL}", *(f"{each}.{name}" for each, name in events)]
    return next((name for name in named if name in config.resident), "")
