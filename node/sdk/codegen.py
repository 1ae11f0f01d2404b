"""`city codegen python`: a typed client of one contract, from its schema.

A schema is a node's word, so nothing of it becomes code as it is: names were checked to be names, types are
written anew from what they mean, texts and defaults stand in literals.
"""

from __future__ import annotations

from collections.abc import Iterator

from contracts.runtime.language.hints import Hint, hint_text
from contracts.schema import VIEW, Field, Method, Record, Schema, checked_name

WIDTH = 100
_PLAIN = {"int": int, "str": str, "bool": bool, "bytes": bytes, "none": type(None)}
_IMPORTS = """from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from node.sdk.typed import UNSET, ContractClient, ContractRefusal, Done

__all__ = [{names}]
"""
# Names of the generated module and of its base class that a contract may not take over.
_TYPES = {"int", "str", "bool", "bytes", "object", "list", "dict", "tuple", "Decimal", "Done"}
_TAKEN = {*_TYPES, "UNSET", "ContractClient", "ContractRefusal", "dataclass", "cast"}
_MEMBERS = {"using", "contract_name", "contract_version", "records", "refusals"}


def python_client(name: str, version: int, digest: str, schema: Schema) -> str:
    """The source of a module: a class for the contract, its dataclasses, an exception for each code.
    Raises NotASchema for a contract's name that is none."""
    title = _camel(checked_name(name))
    taken = {*_TAKEN, title}
    records = {record.name: _free(record.name, taken) for record in schema.classes}
    refusals = {code: _free(_camel(code[2:]) + "Error", taken) for code in schema.errors}
    names = ", ".join(f'"{one}"' for one in sorted([title, *records.values(), *refusals.values()]))
    parts = [
        _docstring(
            f"A client of {name}, version {version}: made by `city codegen python {name}`, not edited.\n\n"
            f"Bundle {digest}.",
            "",
        ),
        _IMPORTS.format(names=names).rstrip(),
        *(_refusal(code, refusals[code], text) for code, text in schema.errors.items()),
        *(_record(record, records, schema) for record in schema.classes),
        _client(title, name, version, schema, records, refusals),
    ]
    return "\n\n\n".join(parts) + "\n"


def _refusal(code: str, title: str, text: str) -> str:
    about = _docstring(text or f"The contract refused with {code}.", "    ")
    return f'class {title}(ContractRefusal):\n{about}\n\n    contract_code = "{code}"'


def _record(record: Record, records: dict[str, str], schema: Schema) -> str:
    lines = ["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {records[record.name]}:"]
    if record.doc:
        lines += [_docstring(record.doc, "    "), ""]
    for field in record.fields:
        kind = _type(field, schema, records)
        lines.append(f"    {field.name}: {kind}{_default(field, schema)}")
    if not record.fields and not record.doc:
        lines.append("    pass")
    return "\n".join(lines)


def _client(
    title: str,
    name: str,
    version: int,
    schema: Schema,
    records: dict[str, str],
    refusals: dict[str, str],
) -> str:
    lines = [f"class {title}(ContractClient):"]
    if schema.doc:
        lines += [_docstring(schema.doc, "    "), ""]
    lines += [f'    contract_name = "{name}"', f"    contract_version = {version}"]
    lines += _table("records", records) + _table("refusals", refusals)
    taken = {*_MEMBERS, *_TYPES, *records.values()}
    for method in schema.methods:
        label = _free(method.name if method.name[0] != "_" else f"x{method.name}", taken)
        lines += ["", *_method(label, method, schema, records)]
    return "\n".join(lines)


def _table(name: str, rows: dict[str, str]) -> list[str]:
    inner = [f'        "{key}": {value},' for key, value in rows.items()]
    return [f"    {name} = {{", *inner, "    }"] if inner else []


def _method(label: str, method: Method, schema: Schema, records: dict[str, str]) -> Iterator[str]:
    returns = _renamed(schema, method.returns, records)
    is_view = method.kind == VIEW
    taken = {"self", *_TAKEN, *records.values()}
    names = {field.name: _free(field.name, taken) for field in method.parameters}
    words = [
        f"{names[field.name]}: {_type(field, schema, records)}{_default(field, schema)}"
        for field in method.parameters
    ]
    result = returns if is_view else f"Done[{returns}]"
    yield from _head(label, words, result)
    if method.doc:
        yield _docstring(method.doc, "        ")
    args = ", ".join(f'"{field}": {name}' for field, name in names.items())
    call = f'self._{"ask" if is_view else "transact"}("{method.name}", {{{args}}})'
    yield f"        return cast({result!r}, {call})"


def _head(label: str, words: list[str], result: str) -> Iterator[str]:
    given = ["self", "*", *words] if words else ["self"]
    line = f"    def {label}({', '.join(given)}) -> {result}:"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"    def {label}("
    yield from (f"        {word}," for word in given)
    yield f"    ) -> {result}:"


def _type(field: Field, schema: Schema, records: dict[str, str]) -> str:
    return _renamed(schema, field.hint, records)


def _renamed(schema: Schema, text: str, records: dict[str, str]) -> str:
    """The type anew from what it means, with the names that classes have in this module."""

    def named(hint: Hint) -> Hint:
        if hint[0] == "class":
            return ("class", records[hint[1]])
        return (hint[0], *map(named, hint[1:]))

    return hint_text(named(schema.hint(text)))


def _default(field: Field, schema: Schema) -> str:
    """The default where it is one of the field's type; any other is left to the contract."""
    if field.is_required:
        return ""
    fits = field.has_default and _fits(field.default, schema.hint(field.hint))
    return f" = {field.default!r}" if fits else " = UNSET"


def _fits(value: object, hint: Hint) -> bool:
    kind, inner = hint[0], hint[1:]
    if kind == "union":
        return any(_fits(value, one) for one in inner)
    if kind in ("tuple", "fixed"):
        if type(value) is not tuple or (kind == "fixed" and len(value) != len(inner)):
            return False
        kinds = inner if kind == "fixed" else inner * len(value)
        return all(map(_fits, value, kinds))
    return kind == "any" or type(value) is _PLAIN.get(kind)


def _camel(text: str) -> str:
    """`invoice_registry` and `NOT_FOUND` as `InvoiceRegistry` and `NotFound`."""
    found = "".join(part[:1].upper() + part[1:].lower() for part in text.split("_"))
    return found if found[:1].isalpha() else f"X{found}"


def _free(name: str, taken: set[str]) -> str:
    """The name, with as many underscores as it takes to be nobody else's."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _docstring(text: str, margin: str) -> str:
    """A literal that says the text, whatever stands in it."""
    clean = "".join(c if c == "\n" or c.isprintable() else "?" for c in text)
    clean = clean.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').strip()
    if clean.endswith('"'):
        clean = clean[:-1] + '\\"'
    lines = clean.split("\n")
    body = "\n".join([lines[0], *(f"{margin}{line}" if line else "" for line in lines[1:])])
    end = f"\n{margin}" if len(lines) > 1 else ""
    return f'{margin}"""{body}{end}"""'
