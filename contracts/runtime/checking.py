"""`city contract check PATH`, and the same from pytest: findings of the real linter, shown like a compiler's.

contracts/token.py:6:9: CT401 a decimal number is not allowed: its last digits differ …
    6 |     fee = amount * 1.5
      |                    ^
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

from contracts.runtime.api import Bundle, ContractRefused, Diagnostic
from contracts.runtime.artifact import ensure_artifact
from contracts.runtime.host import WasmEngine
from contracts.runtime.language.linter import diagnostics
from contracts.runtime.language.modules import CHAPTERS, imported_keys, module_of
from contracts.runtime.testing import MemoryState, TestNatives


def main_module(path: Path | str) -> Path:
    """The file of the main module: the path itself, or `main.py` of a folder."""
    file = Path(path)
    return file / "main.py" if file.is_dir() else file


def contract_name(path: Path | str) -> str:
    """What a contract in such a place is called when nobody says otherwise."""
    file = main_module(path).resolve()
    return file.parent.name if file.name == "main.py" else file.stem


class Checked(NamedTuple):
    """Findings in order, and the text and file of each module (language/modules.py)."""

    findings: tuple[Diagnostic, ...]
    sources: dict[str, str]
    files: dict[str, Path]

    def show(self, finding: Diagnostic, chinese: bool = False) -> str:
        """Place, code and words of a finding, then its line with a mark under the place."""
        file = self.files.get(finding.module, self.files["main"])
        words = finding.message_zh if chinese else finding.message
        head = f"{file}:{finding.line}:{finding.column}: {finding.code} {words}"
        lines = self.sources.get(finding.module, "").split("\n")
        if not finding.line <= len(lines):
            return head
        line = lines[finding.line - 1]
        # Tabs stay tabs, so that the mark stands under its place.
        before = "".join(
            "\t" if c == "\t" else " " * _columns(c) for c in line[: finding.column - 1]
        )
        number = str(finding.line)
        return f"{head}\n    {number} | {line}\n    {' ' * len(number)} | {before}^"

    def __str__(self) -> str:
        return "\n".join(self.show(finding) for finding in self.findings)


def _columns(char: str) -> int:
    """Chinese and other wide characters take two columns of a terminal."""
    return 2 if "\u1100" <= char <= "\uffef" else 1


def check_file(path: Path | str) -> Checked:
    """The linter's findings in a contract and the modules it imports, by the real engine.

    path: of the main module, or of a folder with `main.py` and `chapters`."""
    file = main_module(path)
    try:
        main = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        return _not_text(file, error)
    rules, files = _modules_beside(file, main)
    sources = {"main": main, **{module_of(key): text for key, text in rules.items()}}
    engine = WasmEngine(ensure_artifact(), TestNatives(), MemoryState())
    findings = engine.check(Bundle("check", 1, main, rules))
    return Checked(findings, sources, {"main": file, **files})


def schema_of_file(path: Path | str) -> bytes | None:
    """What a contract offers, value-encoded (language/schema.py), by the real engine; None where it is
    refused: `check_file` says why."""
    file = main_module(path)
    try:
        main = file.read_bytes().decode("utf-8")
        rules, _ = _modules_beside(file, main)
        engine = WasmEngine(ensure_artifact(), TestNatives(), MemoryState())
        return engine.schema(Bundle("check", 1, main, rules))
    except (UnicodeDecodeError, ContractRefused):
        return None


def assert_admitted(path: Path | str) -> None:
    """For pytest: fails with every finding when the linter refuses the contract.

    def test_the_contract_is_admitted():
        assert_admitted("contracts/token.py")
    """
    checked = check_file(path)
    assert not checked.findings, f"\n{checked}"


def _not_text(file: Path, error: UnicodeDecodeError) -> Checked:
    before = file.read_bytes()[: error.start].decode("utf-8")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    found = diagnostics("main", [(line, column, "CT002", "")])
    return Checked(found, {"main": before}, {"main": file})


def _modules_beside(path: Path, main: str) -> tuple[dict[str, str], dict[str, Path]]:
    """Modules that a contract imports: chapters from ./chapters; rules from ./rules, ../rules, ../../rules or
    the product's own. By their keys in a bundle, and their files by module."""
    above = [path.parent, *path.parent.parents[:2]]
    rules = [*(folder / "rules" for folder in above), Path(__file__).parents[1] / "rules"]
    found: dict[str, str] = {}
    files: dict[str, Path] = {}
    wanted = [main]
    while wanted:
        for key in sorted(_imported(wanted.pop()) - found.keys()):
            name = key.removeprefix(CHAPTERS)
            places = rules if name == key else [path.parent / "chapters"]
            file = next((p / f"{name}.py" for p in places if (p / f"{name}.py").is_file()), None)
            if file is not None:
                found[key], files[module_of(key)] = file.read_text(encoding="utf-8"), file
                wanted.append(found[key])
    return found, files


def _imported(source: str) -> set[str]:
    try:
        return set(imported_keys(ast.parse(source)))
    except (SyntaxError, ValueError):
        return set()  # the linter says where
