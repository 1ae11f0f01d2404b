"""Where a command takes a key file's password from: a file, CITY_KEY_PASSWORD, or the terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from node.cli.output import fail
from node.config import PASSWORD_VARIABLE

PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        help=f"file with the password of the key files; else {PASSWORD_VARIABLE}, else asked for",
    ),
]
Dev = Annotated[bool, typer.Option("--dev", help="key files without a password: development only")]


def password(file: Path | None, dev: bool, *, is_new: bool = False) -> bytes | None:
    """None only with --dev. is_new: asked for twice. Raises CITY-2013 where nobody says one."""
    if file is not None:
        return file.read_bytes().rstrip(b"\r\n")
    if text := os.environ.get(PASSWORD_VARIABLE):
        return text.encode()
    if dev:
        return None
    if sys.stdin.isatty():
        asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=is_new, err=True)
        return asked.encode()
    raise fail("CITY-2013", variable=PASSWORD_VARIABLE)
