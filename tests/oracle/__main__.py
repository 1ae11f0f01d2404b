"""`python -m tests.oracle FILE [--channel HEX]`: the last line is VALID or INVALID and the reason.

With --fork the file is a ForkCase: VALID means that the log named in it is convicted. With --meter it is
what `city meter export` writes: what members used is counted and printed.
"""

import argparse
import io
import sys
from pathlib import Path

from tests.oracle.evidence import verify_file
from tests.oracle.forks import check_case
from tests.oracle.metering import figures
from tests.oracle.structures import Invalid, require

FILE_BYTES_MAX = 256 * 1024 * 1024


def _channel_id(text: str) -> bytes:
    value = bytes.fromhex(text)
    if len(value) != 32:
        raise ValueError
    return value


def say(line: str) -> None:
    """Prints one line, whatever a hostile file put into its texts."""
    print("".join(char if char.isprintable() else "\ufffd" for char in line))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("file", type=Path, help="a proof file or an evidence bundle")
    parser.add_argument("--channel", type=_channel_id, metavar="HEX", help="the id you trust")
    parser.add_argument("--fork", action="store_true", help="the file is evidence against a log")
    parser.add_argument("--meter", action="store_true", help="the file holds exported blocks")
    options = parser.parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        require(options.file.stat().st_size <= FILE_BYTES_MAX, "the file is too large")
        if options.meter:
            for line in figures(options.file):
                say(line)
        elif options.fork:
            say(f"log {check_case(options.file.read_bytes()).hex()} signed a fork")
        else:
            verify_file(options.file.read_bytes(), options.channel, say)
    except OSError as error:
        print(f"INVALID the file cannot be read: {error.strerror}")
        return 1
    except Invalid as refusal:
        say(f"INVALID {refusal}")
        return 1
    print("VALID")
    return 0


if __name__ == "__main__":
    sys.exit(main())
