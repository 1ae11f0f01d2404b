"""How a channel's configuration changes: config transactions and the pure function that they are.

1. The configuration in force is a `ConfigState`: genesis's `ChannelConfig` as changed since, its epoch, the
   nodes that only observe, the inbox of open proposals and the accepted evidence.
2. A config transaction calls the reserved contract `_config`. It is ordered alone in its block and never
   reaches the contract engine: `apply(state, call, rules)` decides it, the same on every node.
3. One row of `kinds.KINDS` a change. It is in force when the policy of its kind is satisfied (policies.py):
   by default the smallest safe quorum of the members that own validators, which speak through identities
   with the role `admin`. What concerns its own house alone a member decides alone.
4. A refusal changes nothing and has a code. What was accepted stands in the state tree under the contract
   name `_config`, so the state root proves it.
5. The epoch rises by one exactly when the validators or their keys changed; block h that changes them is the
   last one of its epoch.
"""

from node.governance.apply import apply
from node.governance.calls import CONTRACT, METHODS, VERSION, ConfigCall, parse_call
from node.governance.outcome import Outcome, Rules
from node.governance.state import ConfigState, genesis_state, load_state, state_writes

__all__ = [
    "CONTRACT",
    "METHODS",
    "VERSION",
    "ConfigCall",
    "ConfigState",
    "Outcome",
    "Rules",
    "apply",
    "genesis_state",
    "load_state",
    "parse_call",
    "state_writes",
]
