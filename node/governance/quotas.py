"""Quotas: what a change of one does to the configuration, and how it is said. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from node.governance.calls import CONTRACT
from node.governance.houses import find_member
from node.governance.refusals import Refused
from node.governance.state import ConfigState, Quota

EACH = "*"  # every member that has no quota of its own
LIMITED = ("transactions", "bytes", "gas")
HOUR_SECONDS = 3_600
SECONDS_MIN, SECONDS_MAX = 10, 31 * 24 * HOUR_SECONDS
QUOTAS_MAX = 1_024
_APPLICATION = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def set_quota(state: ConfigState, args: dict[str, Any]) -> ConfigState:
    """All of a quota anew: a limit of 0 is none, and a quota without limits is none. seconds 0: an hour.

    What was used in the present window stays used, as long as the windows are as long as before."""
    member, application = args["member"], args["application"]
    if not member and not application:
        raise Refused(
            "E_QUOTA", "a quota is of a member, of an application, or of one in the other"
        )
    if member not in ("", EACH):
        find_member(state, member)
    if application and (application == CONTRACT or not _APPLICATION.fullmatch(application)):
        raise Refused("E_QUOTA", f"{application} is no contract that a quota could be of")
    seconds = args["seconds"] or HOUR_SECONDS
    if not SECONDS_MIN <= seconds <= SECONDS_MAX:
        raise Refused("E_QUOTA", f"a window has {SECONDS_MIN} to {SECONDS_MAX} seconds")
    limits = {name: args[name] for name in LIMITED}
    rest = tuple(q for q in state.quotas if q.subject != (member, application))
    said = (Quota(member, application, seconds, **limits),) if any(limits.values()) else ()
    if len(rest) + len(said) > QUOTAS_MAX:
        raise Refused("E_TOO_MANY", f"a channel has at most {QUOTAS_MAX} quotas")
    quotas = tuple(sorted((*rest, *said), key=lambda quota: quota.subject))
    if quotas == state.quotas:
        raise Refused("E_NO_CHANGE", f"the quota of {named(member, application)} is like that")
    return replace(state, quotas=quotas)


def named(member: str, application: str) -> str:
    """Whose quota it is, for people: `PX`, `receivable`, `PX in receivable`, `each member`."""
    who = "each member" if member == EACH else member
    return f"{who} in {application}" if who and application else who or application


def told(limits: Mapping[str, int], seconds: int) -> str:
    """`1,000 transactions, 2,000,000 gas in 3,600 s`."""
    given = ", ".join(f"{limits[name]:,} {name}" for name in LIMITED if limits[name])
    return f"{given} in {seconds:,} s"
