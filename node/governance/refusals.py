"""Why a config transaction may not be."""

from __future__ import annotations


class Refused(Exception):
    """A config transaction that may not be; nothing changes. code: E_…, message: for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message
