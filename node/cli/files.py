"""Files that somebody else may have written, named on the command line."""

from __future__ import annotations

from pathlib import Path

from node.cli.output import fail


def read_file(path: Path) -> bytes:
    """Raises CITY-1091 for what is larger than any proof, or cannot be read."""
    from node.proofs.reading import PROOF_BYTES_MAX

    try:
        if path.stat().st_size > PROOF_BYTES_MAX:
            reason = f"it has more than {PROOF_BYTES_MAX} bytes"
            raise fail("CITY-1091", path=path, reason=reason)
        return path.read_bytes()
    except OSError as error:
        raise fail("CITY-1091", path=path, reason=error.strerror) from error
