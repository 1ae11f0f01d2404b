"""Whether a request comes from the machine that the node runs on, and was meant for it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from aiohttp import web

LOCAL_NAME = "localhost"
Address = IPv4Address | IPv6Address


def is_from_own_machine(request: web.Request) -> bool:
    """By the connection: from the loopback, or from the very address it was made to.

    By its Host header as well: a page of somewhere else, whose name a resolver was taught to turn into the
    loopback, asks with that name, and a browser on this machine must not carry the answer there."""
    source, target = _end(request, "peername"), _end(request, "sockname")
    if source is None or target is None or not (source.is_loopback or source == target):
        return False
    named = _host(request.host)
    return named == LOCAL_NAME or _is_here(_address(named), target)


def _is_here(named: Address | None, target: Address) -> bool:
    return named is not None and (named.is_loopback or named == target)


def _end(request: web.Request, which: str) -> Address | None:
    found = request.transport.get_extra_info(which) if request.transport else None
    return _address(str(found[0])) if isinstance(found, tuple) and found else None


def _host(header: str) -> str:
    """The header without its port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()


def _address(text: str) -> Address | None:
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
