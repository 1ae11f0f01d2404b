"""The product's own contracts as bundles: each main module with the rule modules it imports.

SUITE          contract names in the order they are deployed
load_suite()   their bundles, version 1
"""

from __future__ import annotations

import ast
from pathlib import Path

from contracts.runtime.api import Bundle

SUITE = (
    "party",
    "kyc",
    "rulebook",
    "regulation",
    "regulator",
    "supervision",
    "sealed_record",
    "stablecoin",
    "dispute",
    "invoice_registry",
    "dcep",
    "credit_line",
    "receivable",
    "remedy",
    "financing",
    "forfaiting",
    "credit",
    "presentation",
    "bill",
    "rediscount",
    "guarantee",
    "einvoice",
    "tax_return",
    "trade_document",
    "transferable_record",
    "data_catalogue",
    "trusted_credential",
    "oracle",
    "tax_form",
    "tax_review",
    "declared_goods",
    "trade_account",
    "quota",
    "cross_border",
    "zone_bridge",
    "conditional",
)
_HERE = Path(__file__).parent


def rule_names(source: str) -> set[str]:
    """Rule modules that a source imports: `from rules.money import …` gives `money`."""
    return {
        node.module.removeprefix("rules.")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rules.")
    }


def with_rules(main: str, rules_dir: Path = _HERE / "rules") -> dict[str, str]:
    """The sources of every rule module that `main` needs, directly or through another one, by name."""
    found: dict[str, str] = {}
    missing = rule_names(main)
    while missing:
        name = min(missing)
        found[name] = (rules_dir / f"{name}.py").read_text(encoding="utf-8")
        missing = (missing | rule_names(found[name])) - found.keys()
    return dict(sorted(found.items()))


def load_bundle(name: str, version: int = 1) -> Bundle:
    """One contract of the suite, ready to deploy."""
    main = (_HERE / "suite" / f"{name}.py").read_text(encoding="utf-8")
    return Bundle(name, version, main, with_rules(main))


def load_suite() -> list[Bundle]:
    """Every contract of the suite."""
    return [load_bundle(name) for name in SUITE]
