"""The simulator's keys: root (names the log, registers banks) and head (signs trees and grants).

They are files of mode 0600 with the private number in hex: this center guards play money. A real one would keep
its root key in a device and away from this machine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deploy.regcenter.errors import CenterError
from node.identity.errors import BadKey
from node.identity.suite import Signer, Suite


@dataclass(frozen=True, slots=True)
class Keys:
    root: Signer
    head: Signer

    @classmethod
    def open(cls, directory: Path, suite: Suite, serial: int = 0) -> Keys:
        """The keys of a directory, made when they are not there. serial: how many head keys came before."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(
            open_key(directory / "root.key", suite),
            open_key(directory / head_name(serial), suite),
        )


def head_name(serial: int) -> str:
    return f"head-{serial}.key" if serial else "head.key"


def forget_heads(directory: Path, serial: int) -> None:
    """Removes the head keys before `serial`: nothing is signed with them any more."""
    for old in range(serial):
        (directory / head_name(old)).unlink(missing_ok=True)


def open_key(path: Path, suite: Suite) -> Signer:
    """The signer of a key file, made if absent. Raises CenterError RC_DAMAGED."""
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return _read_key(path, suite)
    key = suite.generate_key()
    with os.fdopen(file, "w", encoding="ascii") as out:
        out.write(key.scalar.hex() + "\n")
        out.flush()
        os.fsync(out.fileno())
    return suite.signer(key)


def _read_key(path: Path, suite: Suite) -> Signer:
    if path.stat().st_mode & 0o077:
        raise CenterError("RC_DAMAGED", f"{path} can be read by others; set its mode to 0600")
    try:
        return suite.signer(suite.private_key(bytes.fromhex(path.read_text(encoding="ascii"))))
    except (ValueError, BadKey) as error:
        raise CenterError("RC_DAMAGED", f"{path} holds no private key") from error
