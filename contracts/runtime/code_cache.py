"""Compiled contracts on disk, beside the artifact that compiled them: a second start compiles nothing.

    <cache>/code/<digest of what it is>.code      32 bytes of MAC, then the code

An entry is believed by its MAC alone, made with the cache's own secret over what the entry is (artifact,
contract name, version and bundle) and its code. One that is damaged, that was made elsewhere, or that lies
under another's name is as none: the bundle is compiled again. So the cache decides how long a start takes,
and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from contracts.runtime import values
from contracts.runtime.api import Bundle
from contracts.runtime.artifact import Artifact, mac_key

ENTRIES_MAX = 1_024
CODE_BYTES_MAX = 4 << 20
_MAC_BYTES = 32
# Told what befell an entry (`damaged`, `unreadable`, `not kept`), its contract and the reason.
Tell = Callable[[str, Bundle, str], None]


def _silent(what: str, bundle: Bundle, reason: str) -> None:
    """For callers that have no log."""


class CodeCache:
    """The compiled contracts of one artifact. folder: another place than `code` beside it."""

    def __init__(
        self, artifact: Artifact, folder: Path | None = None, tell: Tell = _silent
    ) -> None:
        self._digest, self._tell = artifact.digest, tell
        self._secrets = artifact.path.parent
        self._folder = folder or artifact.path.parent / "code"

    def find(self, bundle: Bundle) -> bytes | None:
        """Code that this cache kept for exactly this bundle, or None."""
        path = self.path(bundle)
        try:
            with open(path, "rb") as file:
                data = file.read(CODE_BYTES_MAX + _MAC_BYTES + 1)
            expected = self._mac(bundle, data[_MAC_BYTES:])
        except FileNotFoundError:
            return None
        except OSError as error:
            self._tell("unreadable", bundle, str(error))
            return None
        if not hmac.compare_digest(data[:_MAC_BYTES], expected):
            self._tell("damaged", bundle, f"{path} is not what was written there")
            with suppress(OSError):
                path.unlink()
            return None
        return data[_MAC_BYTES:]

    def keep(self, bundle: Bundle, code: bytes) -> None:
        """Write an entry. A disk that does not take it costs time at the next start, and is told."""
        if len(code) > CODE_BYTES_MAX:
            return
        path = self.path(bundle)
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make_room()
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(self._mac(bundle, code) + code)
            os.replace(fresh, path)
        except OSError as error:
            self._tell("not kept", bundle, str(error))
            with suppress(OSError):
                fresh.unlink()

    def path(self, bundle: Bundle) -> Path:
        """Where the entry of a bundle lies."""
        return self._folder / f"{hashlib.sha256(self._about(bundle)).hexdigest()[:48]}.code"

    def _about(self, bundle: Bundle) -> bytes:
        return values.encode((self._digest, bundle.name, bundle.version, bundle.digest))

    def _mac(self, bundle: Bundle, code: bytes) -> bytes:
        return hmac.digest(
            mac_key(self._secrets), values.encode((self._about(bundle), code)), "sha256"
        )

    def _make_room(self) -> None:
        """Room for one more: those that were written first go first."""
        entries = [(entry.stat().st_mtime_ns, entry.path) for entry in os.scandir(self._folder)]
        for _, path in sorted(entries)[: max(0, len(entries) + 1 - ENTRIES_MAX)]:
            with suppress(FileNotFoundError):
                os.unlink(path)
