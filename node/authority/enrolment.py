"""The holder's side of enrolment: its own key, a request, and a certificate checked before it is kept."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import aiohttp

from node.authority.tokens import read_word
from node.errors import CityError
from node.identity.certificates import (
    Certificate,
    check_issued,
    check_time,
    from_pem,
    parse,
    to_pem,
)
from node.identity.errors import BadSm2Certificate
from node.identity.suite import Suite

ANSWER_BYTES_MAX = 64 * 1024
TIMEOUT_S = 60.0


def ask(url: str, token: str, request: bytes) -> tuple[bytes, bytes]:
    """The certificate and the authority's (DER) for a request (DER). The service is known by its fingerprint in
    the token. Raises CITY-2039 where it cannot be reached or is another, else the service's own refusal."""
    word = read_word(token)
    if not url.startswith("https://"):
        raise CityError("CITY-1002", field="url", rule="https://host:port of the service")
    text = to_pem(request, "CERTIFICATE REQUEST").decode()
    try:
        status, found = asyncio.run(
            _post(
                f"{url.rstrip('/')}/v1/enrol", word.fingerprint, {"token": token, "request": text}
            )
        )
    except (aiohttp.ClientError, ssl.SSLError, OSError, TimeoutError, ValueError) as error:
        raise CityError("CITY-2039", url=url, reason=_reason(error)) from None
    if status != 200:
        raise _refusal(url, found)
    try:
        return from_pem(found["certificate"].encode()), from_pem(found["authority"].encode())
    except (KeyError, AttributeError, TypeError) as error:
        raise CityError("CITY-2039", url=url, reason="its answer has no certificate") from error


def accept(
    suite: Suite, der: bytes, authority: bytes, public_key: bytes, now_ms: int
) -> Certificate:
    """What was asked for: for this key, by this authority, and good now. Raises CITY-2012."""
    found, issuer = parse(der), parse(authority)
    check_issued(suite, found, issuer)
    check_time(found, now_ms)
    if found.public_key != public_key:
        raise BadSm2Certificate("it is for another key")
    return found


def keep(path: Path, der: bytes) -> None:
    """A certificate beside its key; one that is there is replaced whole."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_bytes(to_pem(der))
    unfinished.replace(path)


async def _post(url: str, fingerprint: bytes, body: dict[str, str]) -> tuple[int, Any]:
    """Pinned: what is sent goes to the holder of that certificate and to nobody else."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(
            url, json=body, ssl=aiohttp.Fingerprint(fingerprint), allow_redirects=False
        ) as answer,
    ):
        data = await answer.content.read(ANSWER_BYTES_MAX)
        return answer.status, json.loads(data)


def _refusal(url: str, found: Any) -> CityError:
    try:
        error = found["error"]
        return CityError(error["code"], **error["variables"])
    except (KeyError, TypeError):
        return CityError("CITY-2039", url=url, reason="it refuses without a reason that we know")


def _reason(error: BaseException) -> str:
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return "its certificate is not the one that the token names"
    return str(error) or type(error).__name__
