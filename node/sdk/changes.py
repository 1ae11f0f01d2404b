"""A change of a channel's configuration, sent as its commands send it.

It has a block of its own, so what would be refused now is not sent. It is judged by the time of the block
below, and an idle channel has made none for hours: a certificate of this morning would never come in. Such
a change is sent twice: the first try is refused, and its block tells the channel the time.
"""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from node.identity.certificates import parse
from node.identity.errors import BadKey, BadSm2Certificate
from node.sdk.errors import ContractError

CONFIG = "_config"
CERTIFICATES = ("certificate", "transport_cert")  # arguments: base64 of DER


def send_change(
    net: Any, method: str, args: Mapping[str, Any], before: Callable[[], None] | None = None
) -> Any:
    """What became of it (`Committed`). net: synchronous. before: called once it would be taken.

    Raises ContractError where it is refused."""
    try:
        net.query(CONFIG, method, args)
    except ContractError as error:
        if error.reason != "E_CERTIFICATE" or not _comes_after_tip(net, args):
            raise
        try:
            return net.call(CONFIG, method, args, gas_limit=1)
        except ContractError:
            net.query(CONFIG, method, args)
    if before is not None:
        before()
    return net.call(CONFIG, method, args, gas_limit=1)


def _comes_after_tip(net: Any, args: Mapping[str, Any]) -> bool:
    """Whether a certificate holds now, and did not yet when the last block was made."""
    der = next((args[name] for name in CERTIFICATES if args.get(name)), "")
    try:
        found = parse(b64decode(der))
    except (ValueError, BadSm2Certificate, BadKey):
        return False
    tip = net.block(net.query(CONFIG, "show").height)
    return bool(tip.header["timestamp_ms"] < found.not_before_ms <= time.time_ns() // 1_000_000)
