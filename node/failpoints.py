"""Places where tests let a node die: `CITY_FAILPOINT=name[:count]` kills it the count-th time it gets there.

Off unless the variable is set. A process killed here has had no chance to tidy up, exactly as with a power
cut; what it acknowledged before must be there after its restart.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "CITY_FAILPOINT"
NODE = ("before-wal", "after-wal", "before-block", "after-block", "before-state", "after-state")
# of a relay that carries a delivery (node/oracle/delivery.py): before and after each of its steps
DELIVERY = tuple(
    f"dvp-{side}-{step}"
    for step in ("lock", "settle", "release", "confirm", "refund", "unwind")
    for side in ("before", "after")
)
# of a relay that watches obligations (node/oracle/relay.py)
RELAY = ("relay-after-notice", "relay-before-send", "relay-after-send")
# of a carrier of exchanges (node/exchange/carrier.py)
EXCHANGE = ("exchange-before-follow", "exchange-before-send", "exchange-after-send")
NAMES = NODE + DELIVERY + RELAY + EXCHANGE


def _parse(text: str) -> tuple[str, int]:
    name, _, count = text.partition(":")
    if name and name not in NAMES:
        raise SystemExit(f"{VARIABLE}: no failpoint {name!r}; known: {', '.join(NAMES)}")
    return name, int(count or "1")


_name, _left = _parse(os.environ.get(VARIABLE, ""))


def reach(name: str) -> None:
    """Marks a place. Costs one comparison when no failpoint is set."""
    global _left
    if name != _name:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
