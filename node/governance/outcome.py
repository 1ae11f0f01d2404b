"""What a config transaction is judged by, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from consensus.encoding import Hash
from node.governance.state import ConfigState
from node.identity.suite import Suite


@dataclass(frozen=True, slots=True)
class Rules:
    """What does not change with the configuration."""

    channel_id: Hash
    suite: Suite


@dataclass(frozen=True, slots=True)
class Outcome:
    """code: empty where it was accepted; else `state` is the one that was given.

    evidence: leaves of what this transaction got accepted, for header.evidence_root. event: what happened."""

    state: ConfigState
    code: str = ""
    message: str = ""
    value: dict[str, Any] = field(default_factory=dict)
    event: str = ""
    evidence: tuple[Hash, ...] = ()
