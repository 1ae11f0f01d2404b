"""How commands answer: a table for people, JSON for programs, and errors with code, cause and next step.

Progress goes to stderr, so that stdout can be piped. No traceback reaches a user unless CITY_DEBUG is set.
"""

from __future__ import annotations

import codecs
import functools
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from node.cli.columns import Columns
from node.cli.help_text import laid_out
from node.errors import CityError

EXIT_BUG, EXIT_INTERRUPTED = 70, 130
SHORT_CELL = 40
CUT_FROM, HEX_DIGITS = 40, frozenset("0123456789abcdef")

WIDTH_PIPED = 160  # where nobody says how wide the reader is

stdout = Console(
    highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_PIPED
)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


class Output(StrEnum):
    table = "table"
    json = "json"


OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="table for people, json for programs")
]

F = TypeVar("F", bound=Callable[..., Any])


def never_fail_to_write() -> None:
    """Where the reader's encoding lacks a character its JSON escape stands, which is right in JSON as well."""
    codecs.register_error("json", _as_json_escape)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="json")


def _as_json_escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def show(data: Any, output: Output, table: Callable[[], Any] | None = None) -> None:
    """Prints `data` as JSON, or what `table` makes of it (text or a rich renderable); bytes as hexadecimal."""
    data = plain(data)
    if output is Output.json:
        print(json.dumps(data, ensure_ascii=False, default=str))
    else:
        found = table() if table else as_table(data)
        stdout.print(as_it_is(found) if isinstance(found, str) else found)


def as_table(data: Any, spare: Sequence[str] = ()) -> Any:
    """Two aligned columns for an object, one row an item for a list of objects. spare: as of `rows_table`."""
    if isinstance(data, dict):
        return rows_table(None, [(key, _text(value)) for key, value in data.items()])
    if isinstance(data, list) and data and isinstance(data[0], dict):
        header = list(data[0])
        rows = [[_cell(row.get(key)) for key in header] for row in data]
        return rows_table(header, rows, spare)
    return _text(data)


def rows_table(
    header: Sequence[str] | None, rows: Iterable[Sequence[str | Text]], spare: Sequence[str] = ()
) -> Columns | Table:
    """Aligned columns. Without a header: names and what they stand for, which folds.

    spare: names in the header that a narrow terminal does without, first one first."""
    cells = [[as_it_is(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    if header is not None:
        return Columns(header, cells, spare)
    table = Table(box=None, show_header=False, pad_edge=False)
    for place in range(max((len(row) for row in cells), default=1)):
        is_short = all(
            cell_len(row[place].plain) <= SHORT_CELL for row in cells if place < len(row)
        )
        table.add_column(overflow="fold", no_wrap=is_short)
    for row in cells:
        table.add_row(*row)
    return table


def as_it_is(text: str) -> Text:
    """Text of others shows as it was written: no markup, and nothing that a terminal would obey."""
    return Text(
        "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
    )


def _cell(value: Any) -> str:
    """A value as one cell of many rows: long hexadecimal is cut there, as JSON has it whole."""
    if isinstance(value, str) and len(value) >= CUT_FROM and set(value) <= HEX_DIGITS:
        return value[:12] + "…"
    return _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def plain(value: Any) -> Any:
    """A contract's value to show: bytes as hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def progress(text: str) -> None:
    stderr.print("[dim]·[/dim] ", end="")
    stderr.print(as_it_is(text))


def logs_aside(level: str = "warning") -> None:
    """For commands that use parts of a node: what those log goes to stderr, and stdout has the answer alone."""
    from node.telemetry import configure_logging

    configure_logging(level, is_json=False)


def print_error(error: CityError) -> None:
    """The four lines of an error, or one JSON object where stdout's reader asked for JSON."""
    if _wants_json():
        print(json.dumps({"error": error.to_dict()}, ensure_ascii=False))
        return
    texts = error.localized("zh" if wants_chinese() else "en")
    stderr.print(f"[red]✗[/red] [bold]{error.code} {error.name}[/bold]  ", end="")
    stderr.print(texts[0], markup=False)
    stderr.print("  Why   " + texts[1], markup=False)
    stderr.print("  Do    " + texts[2], markup=False)
    stderr.print(f"  More  city explain {error.code}", markup=False)


def wants_chinese() -> bool:
    """The language of messages as POSIX has it: the first of these that is set and not empty."""
    said = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next(filter(None, said), "").lower().startswith("zh")


def _wants_json() -> bool:
    """Whether stdout's reader asked for JSON; read from the words themselves, as parsing may have failed."""
    words = sys.argv[1:]
    pairs = set(pairwise(words))
    return bool({"--json", "-ojson", "--output=json"} & set(words)) or bool(
        {("-o", "json"), ("--output", "json")} & pairs
    )


def guarded(command: F) -> F:
    """Turns a CityError into its lines and exit code, anything else into a report without a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except CityError as error:
            print_error(error)
            raise typer.Exit(error.entry.exit_code) from error
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            stderr.print("interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except OSError as error:
            found = _of_files(error)
            print_error(found)
            raise typer.Exit(found.entry.exit_code) from error
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if os.environ.get("CITY_DEBUG") or hasattr(error, "exit_code"):
                raise
            print_error(CityError("CITY-1099", kind=type(error).__name__, reason=error))
            raise typer.Exit(EXIT_BUG) from error

    run.__doc__ = laid_out(command.__doc__)
    return run  # type: ignore[return-value]


def _of_files(error: OSError) -> CityError:
    """What is to be read and is not there is another mistake than what cannot be written."""
    name = error.filename
    if isinstance(error, FileNotFoundError) and name and Path(os.fsdecode(name)).parent.is_dir():
        return CityError("CITY-1091", path=name, reason="there is no such file")
    return CityError("CITY-1095", path=name, reason=error.strerror or error)


def fail(code: str, /, **variables: Any) -> CityError:
    """For `raise fail(...)`: shorter than naming the class at every place."""
    return CityError(code, **variables)
