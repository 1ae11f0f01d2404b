"""Inputs from samples: seeded, and aware of what the bytes are made of.

A shape finds the parts of a sample once; a mutation exchanges, repeats, drops or bends a part and writes the
lengths around it anew, so that what is behind the first length check is reached too. A quarter of the inputs
are bent blindly instead.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tests.fuzz.shapes import Part, join, parts_of, words

INPUT_BYTES_MAX = 64 * 1024
BLIND = 0.25
EDGES = (0, 1, 2, 7, 8, 16, 31, 32, 33, 64, 127, 128, 255, 256, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF,
         (1 << 63) - 1, 1 << 63, (1 << 64) - 1)  # fmt: skip
NUMBERS = (
    "0",
    "1",
    "-1",
    "00",
    "9" * 19,
    "9" * 40,
    "9" * 5000,
    "1e9",
    "1.5",
    "-0",
    "NaN",
    "9223372036854775808",
    "٣",
    "0x1f",
)
STRANGE = ("\x00", "\ud800", "\\ud800", "\\u0000", "\ufeff", "\u202e", "é", "𝔘", "\r\n", "'", '"', "\\", "{}",
           "[]", "<![CDATA[", "<!DOCTYPE a>", "<!--", "-->", "&#0;", "&amp;", "/", "..", "%00", "A" * 300,
           "<?xml version='1.0' encoding='latin-1'?>")  # fmt: skip


class Mutator:
    """An endless source of inputs, told by `rng` alone."""

    def __init__(self, rng: random.Random, samples: Sequence[bytes], shape: str) -> None:
        self._rng = rng
        self._samples = [sample for sample in samples if len(sample) <= INPUT_BYTES_MAX] or [b""]
        self._is_text = shape in ("json", "xml", "toml", "csv", "text")
        self._words: list[list[str]] = []
        self._parts: list[list[Part]] = []
        if self._is_text:
            self._words = [words(sample) for sample in self._samples]
        else:
            self._parts = [parts_of(sample, shape) for sample in self._samples]
        self._blind: tuple[Callable[[bytes], bytes], ...] = (
            self._flip, self._put, self._edge, self._cut, self._insert, self._repeat, self._cross,
        )  # fmt: skip

    def _below(self, count: int) -> int:
        return int(self._rng.random() * count)

    def one(self) -> bytes:
        """The next input."""
        at = self._below(len(self._samples))
        if self._rng.random() < BLIND:
            data = self._bent(self._samples[at])
        elif self._is_text:
            data = self._said(at)
        else:
            data = self._rebuilt(at)
        return data[:INPUT_BYTES_MAX]

    # ---- blindly -----------------------------------------------------------------------------------

    def _bent(self, data: bytes) -> bytes:
        for _ in range(1 + self._below(3)):
            data = self._blind[self._below(len(self._blind))](data)
        return data

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return b"\x00"
        at = self._below(len(data))
        return data[:at] + bytes((data[at] ^ 1 << self._below(8),)) + data[at + 1 :]

    def _put(self, data: bytes) -> bytes:
        at = self._below(len(data) + 1)
        return data[:at] + bytes((self._below(256),)) + data[at + 1 :]

    def _edge(self, data: bytes) -> bytes:
        size = (1, 2, 4, 8)[self._below(4)]
        number = EDGES[self._below(len(EDGES))] & ((1 << 8 * size) - 1)
        at = self._below(len(data) + 1)
        return data[:at] + number.to_bytes(size, "big") + data[at + size :]

    def _cut(self, data: bytes) -> bytes:
        start = self._below(len(data) + 1)
        if self._rng.random() < 0.5:
            return data[:start]
        return data[:start] + data[start + 1 + self._below(16) :]

    def _insert(self, data: bytes) -> bytes:
        at = self._below(len(data) + 1)
        return data[:at] + self._rng.randbytes(1 + self._below(8)) + data[at:]

    def _repeat(self, data: bytes) -> bytes:
        start = self._below(len(data) + 1)
        piece = data[start : start + 1 + self._below(64)]
        return data[:start] + piece * (1 + self._below(8)) + data[start:]

    def _cross(self, data: bytes) -> bytes:
        other = self._samples[self._below(len(self._samples))]
        return data[: self._below(len(data) + 1)] + other[self._below(len(other) + 1) :]

    # ---- by its parts ------------------------------------------------------------------------------

    def _rebuilt(self, at: int) -> bytes:
        data, parts = self._samples[at], self._parts[at]
        if not parts:
            return self._bent(data)
        part = parts[self._below(len(parts))]
        draw = self._rng.random()
        if draw < 0.5:
            return join(data, part, self._bent(part.body(data)))
        if draw < 0.75:
            other = self._below(len(self._samples))
            givers = self._parts[other]
            body = givers[self._below(len(givers))].body(self._samples[other]) if givers else b""
            return join(data, part, body)
        if draw < 0.8:
            return join(data, part, b"")
        copies = 0 if draw < 0.9 else 2 + self._below(3)
        return join(data, part, None, copies)

    # ---- by its words ------------------------------------------------------------------------------

    def _said(self, at: int) -> bytes:
        said = list(self._words[at])
        for _ in range(1 + self._below(3)):
            place, draw = self._below(len(said) + 1), self._rng.random()
            if draw < 0.2:
                del said[place : place + 1 + self._below(4)]
            elif draw < 0.4:
                said[place:place] = said[place : place + 1 + self._below(24)] * (1 + self._below(3))
            elif draw < 0.6:
                said[place : place + 1] = [self._word()]
            elif draw < 0.75:
                said[place : place + 1] = [NUMBERS[self._below(len(NUMBERS))]]
            elif draw < 0.9:
                said[place:place] = [STRANGE[self._below(len(STRANGE))]]
            elif draw < 0.97:
                other = self._below(len(said) + 1)
                said[place:other], said[other:place] = said[other:place], said[place:other]
            else:
                said[place:place] = [("[", "{", "<a>", '{"a":')[self._below(4)] * self._below(3000)]
        return "".join(said).encode("utf-8", "surrogatepass")

    def _word(self) -> str:
        giver = self._words[self._below(len(self._words))]
        return giver[self._below(len(giver))] if giver else ""
