"""Which contracts a channel runs, and how its members change that: lifecycle transactions.

1. A lifecycle transaction calls the reserved contract `_contract`. It is ordered among the others and never
   reaches the contract engine: `apply(state, call, rules, findings)` decides it, the same on every node.
2. A version is proposed with its bundle, what the law asks of it, and examples. Members that own validators
   approve it by the digest of all that, through identities with the role `admin`: as many as a change of the
   configuration needs.
3. Every validator runs the examples for itself and attests what they gave. A quorum must have seen the same.
4. An approved, attested version is activated at a height: it runs from that block on, its `migrate` has run
   before. The version before it is archived: it can be read, and never runs again.
5. One approver pauses a contract; to resume or to retire one takes as many as a change of the configuration.
6. A refusal changes nothing and has a code of the error catalogue. What was accepted stands in the state tree
   under `_contract`, so the state root proves it, and is in force from the next block on.
"""

from node.lifecycle.apply import apply, to_lint
from node.lifecycle.calls import CONTRACT, METHODS, MIGRATE, VERSION, ContractCall, parse_call
from node.lifecycle.outcome import Outcome, Rules
from node.lifecycle.state import LifecycleState, genesis_state, load_state, state_writes

__all__ = [
    "CONTRACT",
    "METHODS",
    "MIGRATE",
    "VERSION",
    "ContractCall",
    "LifecycleState",
    "Outcome",
    "Rules",
    "apply",
    "genesis_state",
    "load_state",
    "parse_call",
    "state_writes",
    "to_lint",
]
