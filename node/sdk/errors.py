"""What the SDK raises: the catalogue's errors by kind, so that callers can catch what they can act on."""

from __future__ import annotations

from typing import Any

from node.errors import CityError

__all__ = [
    "AlreadyExists",
    "CityError",
    "ContractError",
    "Denied",
    "InvalidRequest",
    "NotFound",
    "Rejected",
    "Throttled",
    "Timeout",
    "Unavailable",
    "by_kind",
]


class InvalidRequest(CityError):
    """The request can never succeed as it is."""


class Unavailable(CityError):
    """No node could answer; the same request may succeed later."""


class Throttled(CityError):
    """A bound was reached. `retry_after`: seconds."""

    retry_after = 1.0


class Rejected(CityError):
    """Understood and refused in the present state."""


class ContractError(Rejected):
    """A contract call that changed nothing. `reason` is the author's `E_…` or the engine's word;
    `receipt` stands where the call was ordered, None where it was only simulated."""

    def __init__(self, code: str, /, receipt: Any = None, **variables: Any) -> None:
        super().__init__(code, **variables)
        self.receipt = receipt
        self.reason = str(variables.get("reason", ""))


class AlreadyExists(CityError):
    """It was done before."""


class NotFound(CityError):
    """There is no such thing on this channel."""


class Denied(CityError):
    """Not authenticated, or not allowed."""


class Timeout(CityError):
    """The deadline passed. That is no failure: `tx_id` (hex, empty for reads) says what to ask for."""

    @property
    def tx_id(self) -> str:
        return str(self.variables.get("tx_id", ""))


_BY_KIND: dict[str, type[CityError]] = {
    "usage": InvalidRequest,
    "unavailable": Unavailable,
    "exhausted": Throttled,
    "rejected": Rejected,
    "conflict": AlreadyExists,
    "not-found": NotFound,
    "authentication": Denied,
    "denied": Denied,
    "timeout": Timeout,
}


def by_kind(error: CityError) -> CityError:
    """The same error in the class of its kind."""
    if type(error) is not CityError:
        return error
    kind = _BY_KIND.get(error.entry.kind)
    return error if kind is None else kind(error.code, **error.variables)
