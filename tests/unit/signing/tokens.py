"""A hardware token in software (Debian's softhsm2), in a folder of its own."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.signing.pkcs11 import Token
from node.signing.token_place import PIN_VARIABLE, TokenPlace

MODULES = sorted(
    {
        *glob.glob("/usr/lib/softhsm/libsofthsm2.so"),
        *glob.glob("/usr/lib/*/softhsm/libsofthsm2.so"),
        *glob.glob("/usr/lib*/pkcs11/libsofthsm2.so"),
    }
)
HAS_TOKENS = bool(MODULES) and shutil.which("softhsm2-util") is not None
WHY_NOT = "Debian's softhsm2 is not installed: apt install softhsm2"
PIN = "7351"


@dataclass
class Hsm:
    """folder: of its tokens. label: of the one that is made."""

    folder: Path
    label: str

    @property
    def place(self) -> TokenPlace:
        return TokenPlace(Path(MODULES[0]), self.label)

    def open(self, pin: str = PIN) -> Token:
        return Token(self.place, lambda: pin)

    def pull(self) -> None:
        """As when somebody takes it out."""
        self.folder.rename(self.folder.with_name("away"))
        self.folder.mkdir()
        self.forget()

    def put_back(self) -> None:
        self.folder.rmdir()
        self.folder.with_name("away").rename(self.folder)

    def forget(self) -> None:
        """As when the device loses its sessions."""
        import pkcs11

        pkcs11.lib(MODULES[0]).reinitialize()


def make_hsm(folder: Path, label: str = "px") -> Hsm:
    """SOFTHSM2_CONF names the folder from here on."""
    tokens, conf = folder / "tokens", folder / "softhsm2.conf"
    tokens.mkdir(parents=True)
    conf.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\n")
    os.environ["SOFTHSM2_CONF"] = str(conf)
    words = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "8462"]
    subprocess.run([*words, "--pin", PIN], check=True, capture_output=True)
    return Hsm(tokens, label)


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hsm]:
    if not HAS_TOKENS:
        pytest.skip(WHY_NOT)
    monkeypatch.setenv("SOFTHSM2_CONF", "")  # put back afterwards
    monkeypatch.setenv(PIN_VARIABLE, PIN)
    made = make_hsm(tmp_path / "hsm")
    made.forget()  # the module may have begun with another folder
    from node.signing import pkcs11

    pkcs11._shared.cache_clear()
    yield made
    pkcs11._shared.cache_clear()
