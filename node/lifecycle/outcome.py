"""What a lifecycle transaction is judged by, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from consensus.encoding import Hash
from node.governance.state import ConfigState
from node.identity.suite import Suite
from node.lifecycle.state import LifecycleState, Place

Transcripts = Callable[[Hash], str]


class Refused(Exception):
    """A lifecycle transaction that may not be; nothing changes. code: a name of the error catalogue."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Rules:
    """What is decided outside the lifecycle: the configuration in force and the channel's algorithms.

    transcript: the text behind an attested digest that the state holds. is_in_arrears: whether a member lets
    an invoice of the channel's billing contract go unpaid."""

    config: ConfigState
    suite: Suite
    transcript: Transcripts
    is_in_arrears: Callable[[str], bool] = lambda member: False


@dataclass(frozen=True, slots=True)
class Outcome:
    """code: empty where it was accepted; else `state` is the one that was given.

    puts: what is kept beside the state's entries, under their keys. place: of an activation that is due with
    this very block. gas_used: the price of a deployment."""

    state: LifecycleState
    code: str = ""
    message: str = ""
    value: dict[str, Any] = field(default_factory=dict)
    event: str = ""
    puts: dict[bytes, bytes] = field(default_factory=dict)
    place: Place | None = None
    gas_used: int = 0
