"""Whether a change of validators would leave fewer than must vote: then the channel stands still for good.

No node can refuse such a change, as who is up stands nowhere in the chain, and nodes have to agree on what they
refuse. So whoever proposes or approves it is told, from what the nodes say at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consensus.certificate import seals_needed
from node.cli.output import stderr
from node.errors import CityError
from node.governance.state import ADD, REMOVE

ANSWER_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Standstill:
    """`needed` of the validators `voting` and `silent` together must vote."""

    needed: int
    voting: tuple[str, ...]
    silent: tuple[str, ...]

    def __str__(self) -> str:
        n = len(self.voting) + len(self.silent)
        return (
            f"{self.needed} of {n} validators must vote after this change, and now {len(self.voting)} of "
            f"them do ({', '.join(self.voting) or 'none'}). With fewer the channel stands still, and a change "
            f"that would help cannot be ordered either. First bring up: {', '.join(self.silent)}."
        )


def after_change(
    engine: str,
    validators: Sequence[str],
    kind: str,
    name: str,
    voting: Collection[str],
    answering: Collection[str],
) -> Standstill | None:
    """None where enough validators would vote.

    voting: who votes now; answering: who is up. A node whose seat or key is new votes soon if it is up."""
    after = [each for each in validators if not (kind == REMOVE and each == name)]
    if kind == ADD:
        after.append(name)
    counted = [each for each in after if each in (answering if each == name else voting)]
    needed = seals_needed(engine, len(after))
    if len(counted) >= needed:
        return None
    silent = tuple(each for each in after if each not in counted)
    return Standstill(needed, tuple(counted), silent)


def judge(
    ask: Callable[[str], Mapping[str, Any] | None],
    shown: Mapping[str, Any],
    kind: str,
    name: str,
) -> Standstill | None:
    """From what the nodes say now. ask: a node's status, None where it cannot be had; shown: the channel, as
    `city channel show` has it. None where nobody answers: then nothing is known."""
    validators = [node["name"] for node in shown["validators"]]
    roles: dict[str, str] = {}
    linked: dict[str, None] = {}
    for each in dict.fromkeys([*validators, name]):
        status = ask(each)
        if status is not None:
            roles[each] = str(status["role"])
            linked.update({peer["name"]: None for peer in status["peers"] if peer["validator"]})
    if not roles:
        return None
    # Of a node that only others see nobody says that it observes.
    seen = dict.fromkeys(linked, "validator") | roles
    voting = [each for each in validators if seen.get(each) == "validator"]
    return after_change(shown["engine"], validators, kind, name, voting, list(seen))


def warn(net: Any, shown: Mapping[str, Any], kind: str, name: str) -> None:
    """Says on stderr what would follow, where that is bad."""

    def ask(node: str) -> Mapping[str, Any] | None:
        try:
            status: Mapping[str, Any] = net.node_status(node, timeout=ANSWER_SECONDS)
        except CityError:
            return None  # down, or no node of this context
        return status

    found = judge(ask, shown, kind, name)
    if found is not None:
        stderr.print(f"! {found}", markup=False)
