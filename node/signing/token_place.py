"""Where a key in hardware is, `pkcs11:/path/to/module.so?token=LABEL[&object=NAME]`, and the PIN for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from node.errors import CityError

SCHEME = "pkcs11:"
PIN_VARIABLE, PIN_FILE_VARIABLE = "CITY_PKCS11_PIN", "CITY_PKCS11_PIN_FILE"
PIN_BYTES_MAX = 256


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """module: the maker's library. token: the label of the token. object: a key's name in it, may be empty."""

    module: Path
    token: str
    object: str = ""

    def __str__(self) -> str:
        named = f"&object={self.object}" if self.object else ""
        return f"{SCHEME}{self.module}?token={self.token}{named}"


def is_token(text: str | Path) -> bool:
    return str(text).startswith(SCHEME)


def read_place(text: str | Path, needs_object: bool = False) -> TokenPlace:
    """Raises CITY-2056."""
    setting = str(text)
    path, _, query = setting.removeprefix(SCHEME).partition("?")
    try:
        found = dict(parse_qsl(query, strict_parsing=True, max_num_fields=4))
    except ValueError:
        found = {}
    reason = ""
    if not is_token(setting) or not path.startswith("/"):
        reason = f"it is {SCHEME}/path/of/the/module.so?token=LABEL"
    elif "pin" in found or "pin-value" in found:
        setting = SCHEME + path  # not repeated in a message
        reason = (
            f"a PIN has no place in it: {PIN_VARIABLE}, or a file that {PIN_FILE_VARIABLE} names"
        )
    elif not found.get("token") or set(found) - {"token", "object"}:
        reason = "it names a token, and at most an object beside: ?token=LABEL&object=NAME"
    elif needs_object and not found.get("object"):
        reason = "it names the key: &object=NAME"
    if reason:
        raise CityError("CITY-2056", setting=setting, reason=reason)
    return TokenPlace(Path(path), found["token"], found.get("object", ""))


def read_pin(file: Path | None = None) -> str:
    """From the environment, or a file that only its owner may read. Raises CITY-2058 where there is none."""
    if pin := os.environ.get(PIN_VARIABLE):
        return pin
    named = os.environ.get(PIN_FILE_VARIABLE)
    path = file or (Path(named) if named else None)
    if path is None:
        raise CityError("CITY-2058", token="", reason="nobody says one")
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode & 0o777
            if os.name == "posix" and mode & 0o077:
                reason = f"{path} has mode {mode:04o}; run: chmod 600 {path}"
                raise CityError("CITY-2058", token="", reason=reason)
            return stream.read(PIN_BYTES_MAX).decode("utf-8").strip("\r\n")
    except (OSError, ValueError) as error:
        raise CityError("CITY-2058", token="", reason=f"{path}: {error}") from None
