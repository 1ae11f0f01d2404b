"""Amounts, dates and trees as a person reads them. JSON output never passes through here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from rich.text import Text
from rich.tree import Tree

CST = timezone(timedelta(hours=8))


def for_people(found: Any, columns: Sequence[str] = ()) -> Any:
    """The same rows or record with the columns that count; amounts grouped, moments as dates, rates in %."""
    if isinstance(found, Mapping):
        return {readable_name(name): readable(name, value) for name, value in found.items()}
    if isinstance(found, list | tuple) and found and isinstance(found[0], Mapping):
        names = columns or tuple(found[0])
        return [{readable_name(n): readable(n, row.get(n)) for n in names} for row in found]
    if isinstance(found, list | tuple):
        return [*found] or "none"
    return found


def readable_name(name: str) -> str:
    return name.removesuffix("_ms").removesuffix("_ppm").replace("_", " ")


def readable(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith("_fen"):
        return f"{value:,}"
    if isinstance(value, int) and name.endswith("_ms"):
        return moment(value)
    if isinstance(value, int) and name.endswith("_ppm"):
        return f"{value / 10_000:.4f} %"
    return value.hex() if isinstance(value, bytes) else value


def moment(value_ms: int) -> str:
    """A moment in China Standard Time; nothing for none."""
    if value_ms == 0:
        return ""
    return datetime.fromtimestamp(value_ms / 1000, UTC).astimezone(CST).strftime("%Y-%m-%d %H:%M")


def split_tree(pieces: Sequence[Mapping[str, Any]]) -> Tree | str:
    """A credential's pieces as a tree. Beneath each piece its parts add up to it; what the reader may not see
    stands there as the rest."""
    if not pieces:
        return "no piece of it is yours to see"
    below: dict[str, list[Mapping[str, Any]]] = {}
    for piece in pieces:
        below.setdefault(piece["parent"], []).append(piece)
    known = {piece["leaf_id"] for piece in pieces}
    width = len(f"{max(piece['amount_fen'] for piece in pieces):,}")
    (root,) = [piece for piece in pieces if piece["parent"] not in known]
    drawn = Tree(line(root, root["leaf_id"], width))
    grow(drawn, root, below, width)
    return drawn


def grow(
    branch: Tree, piece: Mapping[str, Any], below: Mapping[str, list[Mapping[str, Any]]], width: int
) -> None:
    parts = below.get(piece["leaf_id"], [])
    for part in sorted(parts, key=lambda one: int(one["leaf_id"].rpartition("/")[2])):
        grow(
            branch.add(line(part, "/" + part["leaf_id"].rpartition("/")[2], width)),
            part,
            below,
            width,
        )
    rest = piece["amount_fen"] - sum(part["amount_fen"] for part in parts)
    if piece["state"] == "SPLIT" and rest > 0:
        branch.add(Text(f"{rest:>{width},} fen  the rest: parts of others", style="dim"))


def line(piece: Mapping[str, Any], name: str, width: int) -> Text:
    """`/2  200,000,000 fen  HL  ACTIVE`."""
    words = [f"{name}  {piece['amount_fen']:>{width},} fen"]
    if piece["state"] == "SPLIT":
        words.append("split")
    else:
        words += [piece["holder"], piece["state"]]
        words += ["financed"] * bool(piece["financed"]) + ["lien"] * bool(piece["lien"])
    for what in ("paid", "reduced"):
        if piece[f"{what}_fen"]:
            words.append(f"{what} {piece[f'{what}_fen']:,}")
    return Text("  ".join(words), style="dim" if piece["state"] == "SPLIT" else "")
