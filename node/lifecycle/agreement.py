"""Whether the validators saw the same results of a version's examples, and where they part. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from consensus.encoding import Hash
from node.lifecycle.examples import first_difference
from node.lifecycle.state import Stage


@dataclass(frozen=True, slots=True)
class Disagreement:
    """node: whose results differ from those of most. line: number of the first differing line of the
    transcript, which begins with the example's number and method; expected, found: that line there and here."""

    node: str
    line: int
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"{self.node} differs in line {self.line}: «{self.found}» where others have "
            f"«{self.expected}»"
        )


def most_attested(stage: Stage) -> Hash | None:
    """The result of most; of as many, the one attested first."""
    count = Counter(found.result for found in stage.attestations)
    return max(count, key=lambda result: count[result], default=None)


def agreeing(stage: Stage, validators: Collection[str]) -> int:
    """How many of these validators gave the same result, at most."""
    count = Counter(found.result for found in stage.attestations if found.node in validators)
    return max(count.values(), default=0)


def disagreement(stage: Stage, transcript: Callable[[Hash], str]) -> Disagreement | None:
    """The first validator whose results are not those of most; None while all agree."""
    expected = most_attested(stage)
    for found in stage.attestations:
        if found.result != expected and expected is not None:
            line, there, here = first_difference(transcript(expected), transcript(found.result))
            return Disagreement(found.node, line, there, here)
    return None
