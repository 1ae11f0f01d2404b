"""Ports for the nodes of a network on one machine."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import ExitStack

from node.errors import CityError

RANGE = "CITY_PORTS"
# Below the ports that systems give to outgoing connections and to whoever asks for any: such a one would be
# taken by somebody else as soon as its node is down for a moment.
USUAL = "20000-32767"


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports nobody listens on now, in a row as far as they are free, from a place by chance in the range that
    CITY_PORTS names (first-last). Held together while they are drawn, so no two are equal.

    Raises CityError CITY-8004 for a range that is none, CITY-8005 where too few are free."""
    ports = _range()
    start = secrets.randbelow(len(ports))
    found: list[int] = []
    with ExitStack() as held:
        for port in [*ports[start:], *ports[:start]]:
            if len(found) == count:
                break
            one = socket.socket()
            try:
                one.bind((host, port))
            except OSError:
                one.close()
                continue
            held.enter_context(one)
            found.append(port)
    if len(found) < count:
        reason = f"{len(found)} of these ports are free"
        address = f"{host}:{ports[0]}-{ports[-1]}"
        raise CityError("CITY-8005", address=address, use=f"{count} new ports", reason=reason)
    return found


def _range() -> range:
    text = os.environ.get(RANGE) or USUAL
    first, _, last = text.partition("-")
    if (
        text.isascii()
        and first.isdecimal()
        and last.isdecimal()
        and 0 < int(first) <= int(last) < 65_536
    ):
        return range(int(first), int(last) + 1)
    reason = f"{text!r} is no range of ports; write it as {USUAL}"
    raise CityError("CITY-8004", path="environment", key=RANGE, reason=reason)
