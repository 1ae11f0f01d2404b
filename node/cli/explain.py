"""`city explain CODE`: what an error means and what to do, in English and Chinese."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.output import Output, OutputOption, fail, guarded, rows_table, show
from node.errors import CATALOGUE, CityError, find


@guarded
def explain(
    code: Annotated[
        str, typer.Argument(help="CITY-3004, 3004, TX_EXPIRED, CT101 …; empty: list all")
    ] = "",
    output: OutputOption = Output.table,
) -> None:
    """What an error code means and what to do about it: CITY-…, E_… of the suite, CT… of the linter.

    Examples:  city explain CITY-3004    city explain CT101    city explain -o json
    """
    if not code:
        entries = sorted(CATALOGUE.values(), key=lambda e: e.code)
        data = [{"code": e.code, "name": e.name, "message": e.message} for e in entries]
        show(data, output)
        return
    entry = find(code)
    if entry is not None:
        error = CityError(entry.code)  # its variables show as their names
        what, why, do = error.localized("en")
        what_zh, why_zh, do_zh = error.localized("zh")
        told: dict[str, str | int] = {"code": entry.code, "name": entry.name}
        told |= {"message": what, "why": why, "do": do}
        told |= {"message_zh": what_zh, "why_zh": why_zh, "do_zh": do_zh, "exit": entry.exit_code}
        rows = [
            (entry.code, entry.name),
            ("What", what),
            ("Why", why),
            ("Do", do),
            ("含义", what_zh),
            ("原因", why_zh),
            ("处理", do_zh),
            ("Exit", str(entry.exit_code)),
        ]
        show(told, output, lambda: rows_table(None, rows))
        return
    found = _refusal(code) or _linter_rule(code)
    if found is None:
        raise fail("CITY-1090", code=code)
    show(found, output)


def _refusal(code: str) -> dict[str, str] | None:
    """A code of the product's own contracts, of a change of the configuration, or a word of both; other
    authors' receipts carry their message."""
    from contracts.codes import SUITE_CODES
    from node.errors.changes import CHANGE_CODES

    name = code.strip().upper()
    told = {"code": name}
    for entry in (SUITE_CODES.get(name), CHANGE_CODES.get(name)):
        if entry is None:
            continue
        of = "_config: " if "why" in told else ""
        told |= {of + "why": entry.why, of + "do": entry.do}
        told |= {of + "原因": entry.why_zh, of + "处理": entry.do_zh}
    return told if len(told) > 1 else None


def _linter_rule(code: str) -> dict[str, str] | None:
    from contracts.runtime.language.rules import find_rule

    rule = find_rule(code.strip().upper())
    return (
        None
        if rule is None
        else {"code": rule.code, "what": rule.what, "why": rule.why, "instead": rule.instead}
    )
