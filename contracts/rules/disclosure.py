"""Selective disclosure: a document is the Merkle root of salted commitments to its fields.

Who holds it opens some fields (name, value, salt) and gives the commitments of the others: the root shows that
the opened ones are the document's, and nothing about the rest. The node's credentials do the same offline.
"""

from rules.codes import HEX
from sdk import bytes_from_hex, sm3, struct_encode

SALT_MIN = 16
SALT_MAX = 32
TEXT_MAX = 1000


def commitment(name: str, value: str, salt: bytes) -> bytes:
    return sm3(
        struct_encode(
            [("str", "credential-field/v1"), ("str", name), ("str", value), ("bytes", salt)]
        )
    )


def root_of(commitments: list) -> bytes:
    """Root over the commitments in ascending order; an odd last node moves up unchanged (RFC 9162)."""
    level = [sm3(b"\x00" + leaf) for leaf in sorted(commitments)]
    while len(level) > 1:
        paired = [sm3(b"\x01" + level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


def opens(root: bytes, opened: list, hidden: list) -> bool:
    """Whether these fields, with the commitments of the others, make the root. opened: (name, value, salt)."""
    if not opened or len({item[0] for item in opened}) != len(opened):
        return False
    if not all(SALT_MIN <= len(item[2]) <= SALT_MAX for item in opened):
        return False
    found = [commitment(item[0], item[1], item[2]) for item in opened]
    return root_of([*found, *hidden]) == root


def read_opened(opened: list):
    """Opened fields as they are given, [name, value, salt in hex] each, or None where they are not."""
    shaped = all(
        isinstance(item, list)
        and len(item) == 3
        and all(isinstance(text, str) for text in item)
        and len(item[2]) % 2 == 0
        and all(digit in HEX for digit in item[2])
        for item in opened
    )
    return [(item[0], item[1], bytes_from_hex(item[2])) for item in opened] if shaped else None
