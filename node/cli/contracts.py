"""What a channel's genesis says about its contracts, and what their source says about their calls."""

from __future__ import annotations

import ast
from typing import Any

from consensus.encoding import decode
from contracts.bundles import SUITE, load_bundle
from contracts.runtime.api import Bundle
from node.errors import CityError
from node.genesis import ChannelConfig
from node.identity.suite import get_suite
from node.network.create import bundle_digest


def contract_rows(genesis: bytes) -> list[dict[str, Any]]:
    config = decode(ChannelConfig, genesis)
    return [
        {"name": c.name, "version": c.version, "digest": c.bundle_digest.hex()}
        for c in config.contracts
    ]


def verified_bundle(genesis: bytes, name: str) -> Bundle:
    """This installation's bundle of a contract, if it is the channel's. Raises CITY-3008, CITY-4010."""
    config = decode(ChannelConfig, genesis)
    entry = next((c for c in config.contracts if c.name == name), None)
    if entry is None:
        known = ", ".join(sorted({c.name for c in config.contracts}))
        raise CityError("CITY-3008", contract=name, known=known)
    bundle = load_bundle(name, entry.version) if name in (*SUITE, "transfer") else None
    if bundle is None or bundle_digest(get_suite(config.suite), bundle) != entry.bundle_digest:
        raise CityError("CITY-4010", contract=name, digest=entry.bundle_digest.hex())
    return bundle


def method_rows(source: str) -> list[dict[str, Any]]:
    """The exported calls of a contract's source: name, whether it writes, arguments, first line of its text."""
    rows = []
    for node in ast.parse(source).body:
        marks = {d.id for d in getattr(node, "decorator_list", []) if isinstance(d, ast.Name)}
        if isinstance(node, ast.FunctionDef) and marks & {"export", "view"}:
            rows.append(
                {
                    "call": node.name,
                    "kind": "view" if "view" in marks else "transaction",
                    "arguments": ast.unparse(node.args),
                    "about": (ast.get_docstring(node) or "").partition("\n")[0],
                }
            )
    return rows
