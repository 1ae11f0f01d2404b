"""The product's own contracts as bundles: each main module with the modules it imports.

SUITE          contract names in the order they are deployed
load_suite()   their bundles, version 1

A contract is a file `suite/<name>.py`, or a folder `suite/<name>` with `main.py` and `chapters/`.
"""

from __future__ import annotations

import ast
from pathlib import Path

from contracts.runtime.api import Bundle
from contracts.runtime.language.modules import CHAPTERS, imported_keys

SUITE = (
    "party",
    "key_recovery",
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
    "private_receivable",
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
    "billing",
)
_HERE = Path(__file__).parent


def main_file(name: str) -> Path:
    """The file of a contract's main module."""
    folder = _HERE / "suite" / name
    return folder / "main.py" if folder.is_dir() else folder.with_suffix(".py")


def with_rules(
    main: str, chapters_dir: Path | None = None, rules_dir: Path = _HERE / "rules"
) -> dict[str, str]:
    """The sources of every module that `main` needs, directly or through another one, by keys of a bundle.

    chapters_dir: where the contract's own chapters are."""
    found: dict[str, str] = {}
    missing = set(imported_keys(ast.parse(main)))
    while missing:
        key = min(missing)
        name = key.removeprefix(CHAPTERS)
        folder = rules_dir if name == key else chapters_dir
        if folder is None:
            raise FileNotFoundError(f"{key} is no module of a contract in one file")
        found[key] = (folder / f"{name}.py").read_text(encoding="utf-8")
        missing = (missing | set(imported_keys(ast.parse(found[key])))) - found.keys()
    return dict(sorted(found.items()))


def load_bundle(name: str, version: int = 1) -> Bundle:
    """One contract of the suite, ready to deploy."""
    file = main_file(name)
    main = file.read_text(encoding="utf-8")
    return Bundle(name, version, main, with_rules(main, file.parent / "chapters"))


def load_suite() -> list[Bundle]:
    """Every contract of the suite."""
    return [load_bundle(name) for name in SUITE]
