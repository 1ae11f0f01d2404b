"""What the commands ask a relay: a running one over its loopback address, a stopped one by its journal."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from node.errors import CityError
from node.oracle.journal import read_records
from node.oracle.relay import Outcome, read_book
from node.relay.config import ENDPOINT, JOURNAL

ANSWER_S = 5.0
ANSWER_BYTES_MAX = 1024 * 1024


def relay_status(folder: Path) -> dict[str, Any]:
    """How the relay of a folder stands; `state` is `stopped` where it does not run, told by its journal.

    Raises CityError CITY-7010, CITY-7015."""
    if (folder / ENDPOINT).exists():
        try:
            return _ask(folder, "/status")
        except CityError:
            pass  # killed before it could take its address away
    if not (folder / JOURNAL).exists():
        raise CityError("CITY-7015", path=folder, reason="there is no journal of one either")
    book = read_book(read_records(folder / JOURNAL), folder / JOURNAL)
    ended = [p for p in book.payments.values() if p.outcome is not Outcome.OPEN]
    return {
        "name": folder.resolve().name,
        "state": "stopped",
        "watched": len(book.watched),
        "open": len(book.pending()),
        "ended": dict(Counter(str(p.outcome) for p in ended)),
    }


def tell_relay(folder: Path, path: str, what: dict[str, Any]) -> dict[str, Any]:
    """`/watch` or `/notice` of a running relay. Raises CityError CITY-7015."""
    return _ask(folder, path, what)


def _ask(folder: Path, path: str, what: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        found = json.loads((folder / ENDPOINT).read_text(encoding="utf-8"))
        request = urllib.request.Request(
            found["url"] + path,
            data=None if what is None else json.dumps(what).encode(),
            headers={
                "Authorization": f"Bearer {found['token']}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=ANSWER_S) as reply:
            answer = json.loads(reply.read(ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        reason = error.read(200).decode("utf-8", "replace") or error.reason
        raise CityError("CITY-7015", path=folder, reason=reason) from error
    except (OSError, ValueError, KeyError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise CityError("CITY-7015", path=folder, reason=reason) from error
    if not isinstance(answer, dict):
        raise CityError("CITY-7015", path=folder, reason="another program listens there")
    return answer
