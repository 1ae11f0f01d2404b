"""What a channel's contracts are and offer, as rows and objects to print."""

from __future__ import annotations

from typing import Any

from contracts.schema import Schema
from node.sdk.calls import ContractVersion


def version_row(found: ContractVersion) -> dict[str, Any]:
    """One line of a list; what else the channel knows stands in `city contract show`. bundle: its digest."""
    return {
        "name": found.name,
        "version": found.version,
        "status": found.status,
        "bundle": found.digest,
    }


def schema_json(schema: Schema) -> dict[str, Any]:
    """For programs: everything, by name."""
    return {
        "doc": schema.doc,
        "methods": [
            {
                "name": method.name,
                "kind": method.kind,
                "parameters": [_field_json(one) for one in method.parameters],
                "returns": method.returns,
                "doc": method.doc,
            }
            for method in schema.methods
        ],
        "classes": [
            {"name": one.name, "fields": [_field_json(f) for f in one.fields], "doc": one.doc}
            for one in schema.classes
        ],
        "events": {name: list(fields) for name, fields in schema.events.items()},
        "errors": dict(schema.errors),
    }


def _field_json(field: Any) -> dict[str, Any]:
    found = {"name": field.name, "hint": field.hint, "required": field.is_required}
    return {**found, "default": field.default} if field.has_default else found


def schema_text(schema: Schema) -> str:
    """For people: calls with their types and first lines, then records, events and codes."""
    parts = [schema.doc.partition("\n\n")[0]] if schema.doc else []
    for title, kind in (("Transactions", "export"), ("Views", "view")):
        lines = [
            f"  {method.declaration}{_about(method.doc)}"
            for method in schema.methods
            if method.kind == kind
        ]
        parts += ["\n".join([title, *lines])] if lines else []
    if schema.classes:
        lines = []
        for record in schema.classes:
            inner = ", ".join(field.declaration for field in record.fields)
            lines.append(f"  {record.name}({inner}){_about(record.doc)}")
        parts.append("\n".join(["Records", *lines]))
    if schema.events:
        lines = [f"  {name}({', '.join(fields)})" for name, fields in schema.events.items()]
        parts.append("\n".join(["Events", *lines]))
    if schema.errors:
        width = max(map(len, schema.errors))
        lines = [f"  {code:{width}}  {text}".rstrip() for code, text in schema.errors.items()]
        parts.append("\n".join(["Errors", *lines]))
    return "\n\n".join(parts)


def _about(doc: str) -> str:
    first = doc.partition("\n")[0]
    return f"\n      {first}" if first else ""


def facts_rows(found: ContractVersion) -> dict[str, Any]:
    """What the channel holds of a version: its own columns, then whatever its life adds."""
    return {**version_row(found), **found.facts}
