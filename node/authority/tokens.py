"""One-time tokens: with one, a holder gets the one certificate that the authority's operator meant for it.

A token is `SECRET.FINGERPRINT`, base64url: 32 random bytes of which the register keeps only the digest, and the
SHA-256 of the service's certificate, so that whoever asks knows whom it asks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass

from node.authority.authority import DAY_MS, SERVE, Asked, Keys, MemberAuthority, check_roles
from node.authority.register import Token, Use
from node.errors import CityError
from node.identity.certificates import Certificate, from_pem
from node.identity.requests import read_request

TOKEN_CHARS_MAX = 128
HOURS_MAX = 30 * 24
TOKENS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Word:
    """A token as its holder has it. fingerprint: SHA-256 of the service's certificate."""

    secret: bytes
    fingerprint: bytes

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.secret).digest()

    @property
    def text(self) -> str:
        return ".".join(
            base64.urlsafe_b64encode(part).decode().rstrip("=")
            for part in (self.secret, self.fingerprint)
        )


def read_word(text: str) -> Word:
    """Raises CITY-2031."""
    parts = text.strip().split(".") if len(text) <= TOKEN_CHARS_MAX else []
    try:
        found = [base64.b64decode(part + "=", b"-_", validate=True) for part in parts]
    except (binascii.Error, ValueError):
        found = []
    if [len(part) for part in found] != [32, 32]:
        raise CityError("CITY-2031")
    return Word(*found)


def make_token(authority: MemberAuthority, use: Use, asked: Asked, hours: int) -> str:
    """A token for one certificate of one name. Needs no key. Raises CITY-1002, 2034, 2035."""
    if not 1 <= hours <= HOURS_MAX:
        raise CityError("CITY-1002", field="hours", rule=f"1 to {HOURS_MAX}")
    if not asked.name:
        raise CityError("CITY-1002", field="name", rule="whom the token is for")
    check_roles(asked.roles)
    for role in asked.roles:
        if authority.roles and role not in authority.roles:
            raise CityError("CITY-2034", reason=f"this authority gives no role {role}")
    if (use is Use.NODE) != bool(asked.hosts):
        reason = "a node names its hosts" if use is Use.NODE else "an identity has no hosts"
        raise CityError("CITY-2034", reason=reason)
    served = from_pem((authority.folder / f"{SERVE}.crt").read_bytes())
    word = Word(secrets.token_bytes(32), hashlib.sha256(served).digest())
    now_ms = authority.now_ms()
    expires_ms = now_ms + hours * DAY_MS // 24
    register = authority.register
    with register.change():
        register.drop_expired_tokens(now_ms - 30 * DAY_MS)
        if register.open_tokens(now_ms) >= TOKENS_MAX:
            raise CityError("CITY-2034", reason=f"{TOKENS_MAX} tokens are open")
        for entry in () if asked.renews else register.named(use, asked.name):
            if entry.holds(now_ms):
                raise CityError("CITY-2035", name=asked.name, serial=f"{entry.serial:x}")
        register.add_token(
            Token(word.digest, use, asked.name, asked.roles, asked.hosts, asked.days, asked.renews, expires_ms)
        )  # fmt: skip
    return word.text


def enrol(authority: MemberAuthority, keys: Keys, text: str, request: bytes) -> Certificate:
    """Spends a token on the certificate that it was made for. The name, and where the request says them, roles
    and hosts are those of the token, never more. Raises CITY-2031 to 2035, 2012; then nothing has changed."""
    word, register = read_word(text), authority.register
    with register.change():
        token = register.token(word.digest)
        if token is None:
            raise CityError("CITY-2031")
        if token.serial:
            raise CityError("CITY-2032", serial=token.serial)
        if authority.now_ms() > token.expires_ms:
            raise CityError("CITY-2033")
        found = read_request(authority.suite_for(token.use), request)
        for what, wanted, given in (
            ("role", found.roles, token.roles),
            ("host", found.hosts, token.hosts),
        ):
            beyond = [each for each in wanted if each not in given]
            if beyond:
                raise CityError("CITY-2034", reason=f"the token gives no {what} {beyond[0]}")
        given_roles, given_hosts = found.roles or token.roles, found.hosts or token.hosts
        asked = Asked(token.name, given_roles, given_hosts, token.days, token.renews)
        made = authority.sign(keys, token.use, request, asked)
        register.spend(word.digest, made.serial)
    return made
