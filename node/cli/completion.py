"""Names for the shell's completion, asked of the network that the command would use.

Completion never fails and never waits long: without a network it offers nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

SECONDS = 2.0
Offers = list[tuple[str, str]]  # words and what is said of each


def complete_contract(context: typer.Context, incomplete: str) -> Offers:
    """Names of contracts, with the state of their newest version."""

    def names(net: Any) -> Offers:
        found = {one.name: f"{one.version} {one.status}" for one in net.contracts(SECONDS)}
        return sorted(found.items())

    return _asked(context, names, incomplete)


def complete_method(context: typer.Context, incomplete: str) -> Offers:
    """Methods of the contract that stands before, with their declarations."""

    def names(net: Any) -> Offers:
        _, schema = net.schema(_word(context, "contract"), timeout=SECONDS)
        return [(method.name, method.declaration) for method in schema.methods]

    return _asked(context, names, incomplete)


def complete_argument(context: typer.Context, incomplete: str) -> Offers:
    """`name=` for each argument of the method that stands before and is not given yet."""
    words = context.params.get("arguments") or ()
    given = {word.partition("=")[0].removesuffix(":") for word in words}

    def names(net: Any) -> Offers:
        _, schema = net.schema(_word(context, "contract"), timeout=SECONDS)
        method = schema.method(_word(context, "method"))
        parameters = () if method is None else method.parameters
        return [(f"{one.name}=", one.hint) for one in parameters if one.name not in given]

    return _asked(context, names, incomplete)


def _word(context: typer.Context, name: str) -> str:
    return str(context.params.get(name) or "")


def _asked(context: typer.Context, question: Callable[[Any], Offers], incomplete: str) -> Offers:
    """The answer of the network, where there is one; a shell's prompt is no place for an error."""
    from node.cli.session import choose, open_network
    from node.errors import CityError

    # Nothing runs while the shell completes, so neither has the root's own callback.
    options = context.find_root().params
    choose(str(options.get("context") or ""), str(options.get("user") or ""))
    try:
        with open_network() as net:
            found = question(net)
    except (CityError, OSError):
        return []
    return [one for one in found if one[0].startswith(incomplete)]
