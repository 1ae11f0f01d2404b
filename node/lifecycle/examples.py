"""Declared examples of a version, and what they give: a transcript that every validator makes for itself.

Examples are a JSON list of objects: `method`, `args` (an object), and, where they matter, `sender`, `member`,
`roles` and `gas`. They run one after the other in a fresh instance, on empty state, in a block that is the same
everywhere; no other contract is there to be called. Pure, but for the engine that runs them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from consensus.encoding import Hash
from consensus.merkle import HashFunction
from consensus.tags import Tag, preimage
from contracts.runtime import values
from contracts.runtime.api import BlockRequest, Transaction, TxResult
from contracts.runtime.keys import VAR, StateKeyError, split_state_key
from node.contracts.arguments import BadArguments, check_arguments
from node.lifecycle.calls import TRANSCRIPT_CHARS_MAX

EXAMPLES_MAX, ROLES_MAX, TEXT_CHARS_MAX = 32, 8, 64
EXAMPLE_GAS, EXAMPLES_GAS_MAX = 500_000, 20_000_000  # of one that says nothing, of all together
BLOCK_HEIGHT, BLOCK_TIME_MS = 1, 1_000_000_000_000
SHOWN_CHARS_MAX = 96
_FIELDS = {"method", "args", "sender", "member", "roles", "gas"}


@dataclass(frozen=True, slots=True)
class Example:
    """One call. args: JSON text."""

    method: str
    args: str
    sender: str
    member: str
    roles: tuple[str, ...]
    gas: int


def parse_examples(text: str) -> tuple[Example, ...]:
    """The examples of a proposal; none in an empty text. Raises BadArguments."""
    if not text:
        return ()
    whole = f'{{"examples": {text}}}'
    try:
        check_arguments(whole)
    except BadArguments:
        # Its words may be the interpreter's, which differ; a receipt is the same everywhere.
        raise BadArguments("examples are one strict JSON list") from None
    rows = json.loads(whole)
    found = rows.pop("examples")
    if rows or type(found) is not list or len(found) > EXAMPLES_MAX:
        raise BadArguments(f"examples are a list of at most {EXAMPLES_MAX} calls")
    examples = tuple(_example(number, row) for number, row in enumerate(found, 1))
    if sum(example.gas for example in examples) > EXAMPLES_GAS_MAX:
        raise BadArguments(f"examples may use {EXAMPLES_GAS_MAX} gas together")
    return examples


def _example(number: int, row: Any) -> Example:
    if type(row) is not dict or not {"method"} <= set(row) <= _FIELDS:
        raise BadArguments(f"example {number} has method, args, sender, member, roles, gas")
    roles, args, gas = row.get("roles", []), row.get("args", {}), row.get("gas", EXAMPLE_GAS)
    texts = [row["method"], row.get("sender", "someone"), row.get("member", "somewhere")]
    if type(roles) is not list or len(roles) > ROLES_MAX or type(args) is not dict:
        raise BadArguments(f"example {number}: args is an object, roles are a list")
    if not all(type(each) is str and 1 <= len(each) <= TEXT_CHARS_MAX for each in (*texts, *roles)):
        raise BadArguments(f"example {number}: texts have 1 to {TEXT_CHARS_MAX} characters")
    if type(gas) is not int or not 1 <= gas <= EXAMPLES_GAS_MAX:
        raise BadArguments(f"example {number}: gas is 1 to {EXAMPLES_GAS_MAX}")
    method, sender, member = texts
    return Example(method, json.dumps(args), sender, member, tuple(roles), gas)


def request_of(
    examples: Iterable[Example], name: str, version: int, known: Iterable[str]
) -> BlockRequest:
    """The block of the examples. known: every contract name an engine may have loaded; only `name` is there."""
    return BlockRequest(
        channel_id="",
        height=BLOCK_HEIGHT,
        time_ms=BLOCK_TIME_MS,
        txs=tuple(
            Transaction(
                number.to_bytes(32, "big"),
                name,
                version,
                example.method,
                example.args,
                example.sender,
                example.member,
                example.roles,
                example.gas,
            )
            for number, example in enumerate(examples, 1)
        ),
        active=dict.fromkeys(known, 0) | {name: version},
    )


class EmptyState:
    """State in which nothing stands."""

    def state_get(self, keys: list[bytes]) -> list[bytes | None]:
        return [None] * len(keys)

    def state_scan(
        self, prefix: bytes, after: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]:
        return []


def transcript(
    hash_: HashFunction, head: str, examples: Sequence[Example], results: Sequence[TxResult]
) -> str:
    """What the examples gave, a line each fact; the same text on every machine, or something is wrong.

    head: the first line, which says what ran."""
    lines = [head]
    for number, (example, result) in enumerate(zip(examples, results, strict=True), 1):
        about = f"{number} {example.method}"
        lines.append(f"{about}: {' '.join(filter(None, (result.outcome, result.code)))}")
        lines.append(f"{about}: {result.gas_used} gas")
        lines.append(f"{about}: gives {_shown(hash_, result.result)}")
        for event in result.events:
            lines.append(f"{about}: event {event.name} {_shown(hash_, event.data)}")
        for key, value in sorted(result.writes):
            shown = "nothing" if value is None else _shown(hash_, value)
            lines.append(f"{about}: writes {_key(key)} = {shown}")
    return _bounded(hash_, lines)


def _shown(hash_: HashFunction, data: bytes) -> str:
    """An encoded value as JSON, with its digest where it is not shown whole."""
    text = json.dumps(values.to_json(values.decode(data)))
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:32]}… {hash_(data).hex()}"


def _key(data: bytes) -> str:
    try:
        _, name, key = split_state_key(data)
    except StateKeyError:
        return data.hex()
    # JSON in ASCII: which characters Python itself shows depends on its version.
    return name if key is VAR else f"{name} {json.dumps(values.to_json(key))}"


def _bounded(hash_: HashFunction, lines: list[str]) -> str:
    """All lines, or those that fit and the digest of the rest."""
    text = "\n".join(_plain(line) for line in lines)
    if len(text) <= TRANSCRIPT_CHARS_MAX:
        return text
    kept = text[: TRANSCRIPT_CHARS_MAX - 128].rpartition("\n")[0]
    return f"{kept}\nand more: {hash_(text.encode()).hex()}"


def _plain(line: str) -> str:
    return "".join(c if c >= " " and not "\x7f" <= c <= "\x9f" else "?" for c in line)


def transcript_digest(hash_: HashFunction, suite_id: int, text: str) -> Hash:
    return Hash(hash_(preimage(Tag.TRANSCRIPT, suite_id, text.encode())))


def first_difference(one: str, other: str) -> tuple[int, str, str]:
    """Number of the first line in which two transcripts differ, and both lines; they do differ."""
    rows = zip_longest(one.split("\n"), other.split("\n"), fillvalue="(nothing)")
    for number, (left, right) in enumerate(rows, 1):
        if left != right:
            return number, left, right
    raise AssertionError("these transcripts are the same")
