"""The allow-list over the syntax tree: a node, name or attribute that is not listed is refused.

`check_tree` answers for one module; all findings in one run, sorted by position, at most 50.

    tables.py    what is listed: nodes, names, methods, attributes
    rules.py     a code, the words and the reason of every refusal
    walk.py      going through the tree        scope.py    what names resolve to
    names.py, declarations.py, statements.py, expressions.py    where each rule applies
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from contracts.runtime import limits
from contracts.runtime.api import Diagnostic
from contracts.runtime.language.declarations import DeclarationRules
from contracts.runtime.language.expressions import ExpressionRules
from contracts.runtime.language.modules import is_imported
from contracts.runtime.language.rules import RULES
from contracts.runtime.language.scope import check_names
from contracts.runtime.language.source import check_text
from contracts.runtime.language.statements import StatementRules
from contracts.runtime.language.walk import CHINESE, Finding, ModuleFacts

__all__ = ["Linter", "ModuleFacts", "check_source", "check_tree", "diagnostics", "parse"]

# The interpreter looks for the line of a syntax error in a file of the source's name, and the guest has
# no files: asking for one would trap. This name cannot even be asked for, as it has no UTF-8 form.
NO_FILE = "\ud800"


class Linter(DeclarationRules, StatementRules, ExpressionRules):
    """Every rule of the language over one module."""


def parse(source: str) -> ast.Module | tuple[int, int]:
    """The tree, or line and column of what cannot be read."""
    try:
        return ast.parse(source, NO_FILE)
    except SyntaxError as error:
        return (error.lineno or 1, max(error.offset or 1, 1))
    except (ValueError, MemoryError, RecursionError):
        return (1, 1)


def declared_names(tree: ast.Module) -> set[str]:
    """Fields, methods and `self.x = …` of the module's classes."""
    names: set[str] = set()
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef):
                names.add(statement.name)
                names |= _self_fields(statement)
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                names.add(statement.target.id)
            elif isinstance(statement, ast.Assign):
                names |= {t.id for t in statement.targets if isinstance(t, ast.Name)}
    return names


def _self_fields(function: ast.FunctionDef) -> set[str]:
    return {
        node.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def offered_names(tree: ast.Module) -> set[str]:
    """Top-level functions, classes and constants: what another module of the bundle may import."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {t.id for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def imported_names(tree: ast.Module, wanted: dict[str, set[str]]) -> set[str]:
    """Names under which this module sees some of other modules. wanted: theirs by module."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and is_imported(node):
            theirs = wanted.get(node.module or "", set())
            found |= {a.asname or a.name for a in node.names if a.name in theirs}
    return found


def diagnostics(module: str, findings: Iterable[Finding]) -> tuple[Diagnostic, ...]:
    """Findings in order of position, without doubles, at most 50, with their words."""
    out = []
    for line, column, code, subject in sorted(set(findings))[: limits.FINDINGS_MAX]:
        rule = RULES[code]
        zh = rule.message_zh(CHINESE.get(subject, subject))
        out.append(Diagnostic(line, column, module, code, rule.message(subject), zh))
    return tuple(out)


def check_source(module: str, source: str) -> tuple[Diagnostic, ...]:
    """What is wrong with the text before it is parsed."""
    return diagnostics(module, [(m.line, m.column, m.code, "") for m in check_text(source)])


def check_tree(tree: ast.Module, facts: ModuleFacts, source: str) -> tuple[Diagnostic, ...]:
    """What is wrong with a parsed module."""
    linter = Linter(facts)
    linter.visit(tree)
    if not linter.names_unclear:
        seen = {(line, column) for line, column, _, _ in linter.findings}
        linter.findings += [f for f in check_names(tree) if f[:2] not in seen]
    return diagnostics(facts.module, _in_characters(linter.findings, source))


def _in_characters(findings: Iterable[Finding], source: str) -> list[Finding]:
    """Columns as an editor counts them: the tree has them in bytes of UTF-8."""
    lines = source.split("\n")
    out = []
    for line, column, code, subject in findings:
        text = lines[line - 1] if line <= len(lines) else ""
        before = text.encode()[: column - 1].decode("utf-8", "ignore")
        out.append((line, column if text.isascii() else len(before) + 1, code, subject))
    return out
