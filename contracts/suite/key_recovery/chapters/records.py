"""What is kept of a party's guardians and of a reset that runs."""

from sdk import Map, dataclass


@dataclass
class Circle:
    """The guardians of one party; `next_members` wait for the second pair of eyes."""

    id: str
    parties: dict
    state: str
    members: tuple = ()
    threshold: int = 0
    next_members: tuple = ()
    next_threshold: int = 0
    named_by: str = ""
    version: int = 1


@dataclass
class Reset:
    """`lost` and `fresh`: identities as the chain names them, 64 hex digits. `report`: of the bank's check."""

    id: str
    parties: dict
    lost: str
    fresh: str
    requested_by: str
    until_ms: int
    state: str
    threshold: int = 0
    guardians: tuple = ()
    approvals: tuple = ()
    report: str = ""
    grounds: str = ""
    version: int = 1


circles = Map("guardians", None)
resets = Map("reset", None)
open_resets = Map("open_reset", "")  # party id → the reset that is going on
