"""What a contract keeps in the state, by name: read from its source, as no schema tells it."""

from __future__ import annotations

import re

from contracts.runtime.api import Bundle

_DECLARED = re.compile(r'\b(?:Map|Var)(?:\[[^=\n]*\])?\(\s*"([^"\n]{1,64})"')


def objects_of(bundle: Bundle) -> tuple[str, ...]:
    """Names of its Vars and Maps, in the order of the alphabet."""
    sources = (bundle.main, *bundle.rules.values())
    return tuple(sorted({name for source in sources for name in _DECLARED.findall(source)}))
