"""Figures of use from exported blocks: the page "What is counted" of docs/billing.md, no code of the ledger.

A file has a JSON object a line: the channel with its identities, the blocks, the headers above them.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.oracle.hashes import H, identity, tagged, tagged_structure
from tests.oracle.merkle import root
from tests.oracle.structures import Invalid, decode, require
from tests.oracle.transactions import read_body, read_receipt

FIGURES = ("accepted", "refused", "bytes", "gas", "events")
BEIJING = timedelta(hours=8)
Sums = dict[tuple[str, str, str], Counter[str]]  # by date, member and application


def count(lines: Iterable[str]) -> Sums:
    """What the blocks of a file add up to. Raises Invalid where a header does not show it."""
    try:
        rows = [json.loads(line) for line in lines]
        return _count(rows)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, IndexError) as error:
        raise Invalid(f"the file is damaged: {error}") from None


def figures(path: Path) -> list[str]:
    """A line a day, member and application."""
    with path.open(encoding="utf-8", errors="replace") as file:
        sums = count(file)
    return [
        " ".join([*(part or "-" for part in key), *(f"{name}={of[name]}" for name in FIGURES)])
        for key, of in sorted(sums.items())
    ]


def _count(rows: list[Any]) -> Sums:
    page = rows[0]
    require(page.get("format") == "citychain blocks 1", "the file is of another format")
    suite, window = page["suite"], page["window"]
    sums: Sums = {}
    below, roots = None, {}
    for row in rows[1:]:
        header = decode("Header", bytes.fromhex(row["header"]))
        require(header.channel_id.hex() == page["channel_id"], "a block of another channel")
        if below is not None:
            follows = header.height == below.height + 1
            parent = tagged_structure("header", suite, "Header", below)
            require(follows and header.parent_hash == parent, "a block does not follow the last")
        below = header
        shown = roots.pop(header.height - window, header.receipts_root)
        require(shown == header.receipts_root, f"receipts of {header.height - window} differ")
        if "transactions" in row:
            roots[header.height] = _count_block(row, header, page, sums)
    return sums


def _count_block(row: Any, header: Any, page: Any, sums: Sums) -> bytes:
    """Adds a block's figures; the root of its receipts."""
    suite = page["suite"]
    h: Callable[[bytes], bytes] = partial(H, suite)
    date = str(
        (
            datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=header.timestamp_ms) + BEIJING
        ).date()
    )
    leaves, receipts = [], [bytes.fromhex(data) for data in row["receipts"]]
    require(len(receipts) == len(row["transactions"]), "a transaction without a receipt")
    for parts, data in zip(row["transactions"], receipts, strict=True):
        body, key, signature = map(bytes.fromhex, parts)
        tx_id = tagged("tx-id", suite, body)
        leaves.append(tagged("tx-leaf", suite, tx_id, signature))
        receipt = read_receipt(data)
        require(receipt["tx_id"] == tx_id, "a receipt of another transaction")
        member, app = _whose(body, key, receipt, page)
        is_ok = receipt["outcome"] == "ok"
        sums.setdefault((date, member, app), Counter()).update(
            accepted=int(is_ok),
            refused=int(not is_ok),
            bytes=len(body) + len(key) + len(signature),
            gas=receipt["gas_used"],
            events=len(receipt["events"]),
        )
    require(root(h, leaves) == header.tx_root, f"transactions of {header.height} differ")
    return root(h, [tagged("receipt-leaf", suite, data) for data in receipts])


def _whose(body: bytes, key: bytes, receipt: Any, page: Any) -> tuple[str, str]:
    try:
        found = read_body(body)
    except Invalid:
        return "", ""
    who = identity(page["suite"], key)
    if found.sender != who:
        return "", ""
    is_stranger = receipt["code"] == "TX_SENDER_UNKNOWN"
    return ("" if is_stranger else page["members"].get(who.hex(), "")), found.contract
