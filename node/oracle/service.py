"""Service definitions: what an oracle may be asked and how an answer must look, as JSON schemas.

A definition is a file in services/; its digest stands in the feed on the chain, so all oracles of a feed
mean the
same thing by it. An answer that does not fit its schema is no answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from node.errors import CityError
from node.identity.suite import get_suite

FOLDER = Path(__file__).parent / "services"
ANSWER_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Service:
    """deposit_fen: the bond an oracle posts. answer_within_ms: its quality of service."""

    name: str
    kind: str
    description: str
    deposit_fen: int
    price_fen: int
    answer_within_ms: int
    digest: bytes
    input_schema: Draft202012Validator
    output_schema: Draft202012Validator

    def check_question(self, question: object) -> None:
        """Raises CityError CITY-7007."""
        self._check(self.input_schema, question, "question")

    def read_answer(self, data: bytes) -> dict[str, Any]:
        """The answer in these bytes: strict JSON that fits the schema. Raises CityError CITY-7007."""
        if len(data) > ANSWER_BYTES_MAX:
            raise CityError("CITY-7007", service=self.name, what="answer", detail="too long")
        try:
            found = json.loads(data, object_pairs_hook=_once, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise CityError(
                "CITY-7007", service=self.name, what="answer", detail=str(error)
            ) from error
        self._check(self.output_schema, found, "answer")
        assert isinstance(found, dict)
        return found

    def _check(self, schema: Draft202012Validator, value: object, what: str) -> None:
        error = next(iter(sorted(schema.iter_errors(value), key=lambda e: e.json_path)), None)
        if error is not None:
            detail = f"{error.json_path}: {error.message}"[:200]
            raise CityError("CITY-7007", service=self.name, what=what, detail=detail)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number")


@cache
def load_service(name: str) -> Service:
    """A definition by its name (`payment-status`). Raises CityError CITY-7008."""
    path = FOLDER / f"{name.replace('-', '_')}.json"
    if path.parent != FOLDER or not path.is_file():
        known = ", ".join(sorted(service_names()))
        raise CityError("CITY-7008", service=name, known=known)
    data = path.read_bytes()
    found = json.loads(data)
    for side in ("input", "output"):
        Draft202012Validator.check_schema(found[side])
    return Service(
        name=found["name"],
        kind=found["kind"],
        description=found["description"],
        deposit_fen=found["deposit_fen"],
        price_fen=found["price_fen"],
        answer_within_ms=found["answer_within_ms"],
        digest=get_suite("sm").hash(data),
        input_schema=Draft202012Validator(found["input"]),
        output_schema=Draft202012Validator(found["output"]),
    )


def service_names() -> list[str]:
    return [path.stem.replace("_", "-") for path in FOLDER.glob("*.json")]
