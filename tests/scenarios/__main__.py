"""`python -m tests.scenarios [--rewrite] [--index] [FILE …]`: check transcripts, or write what they print."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.scenarios import runner
from tests.scenarios.transcript import TranscriptError, parse


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="all transcripts if none is named")
    parser.add_argument("--rewrite", action="store_true", help="write the output into the files")
    parser.add_argument("--index", action="store_true", help="write the index into README.md")
    arguments = parser.parse_args()
    if arguments.index:
        runner.INDEX.write_text(runner.readme(), encoding="utf-8")
        return 0
    failed = passed = 0
    for path in arguments.files or runner.all_files():
        transcript = parse(path)
        if arguments.rewrite:
            text, errors = runner.rewritten(transcript)
            path.write_text(text, encoding="utf-8")
            failed += len(errors)
            for error in errors:
                print(error)
            continue
        for scenario in transcript.scenarios:
            try:
                runner.check(scenario)
                passed += 1
            except TranscriptError as error:
                print(error)
                failed += 1
    if not arguments.rewrite:
        print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
