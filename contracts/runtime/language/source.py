"""Limits on the text of a source, checked before any parser sees it.

No limit of an interpreter's parser may ever decide, so nesting is counted here by a small scanner
that knows strings, f-strings and comments. It is deliberately independent of `tokenize`, whose
reading of f-strings changed between interpreter versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from contracts.runtime import limits

CHAIN_MAX = 200  # operators of one expression at one bracket level
ELIF_MAX = 50

_STRING_START = re.compile(r"([A-Za-z]{0,2})('''|\"\"\"|'|\")")
_WORD = re.compile(r"[^\W\d]\w*")
_NUMBER = re.compile(r"\d[\w.]*")
_SPACE = re.compile(r"[ \t\f]+|\\\n")
_CHAIN_WORDS = frozenset(["not", "lambda", "if", "else", "and", "or", "in", "is", "for", "await"])


class Mark(NamedTuple):
    """Where a limit is passed, and which rule says so."""

    line: int
    column: int
    code: str


class _Frame:
    """An open bracket, or an open f-string whose text or format specification is being read."""

    __slots__ = ("chain", "quote", "raw", "text")

    def __init__(self, quote: str = "", raw: bool = False) -> None:
        self.quote, self.raw, self.text, self.chain = quote, raw, bool(quote), 0


class _Scanner:
    def __init__(self, source: str) -> None:
        self.source, self.at, self.line, self.line_at = source, 0, 1, 0
        self.stack = [_Frame()]
        self.brackets = self.run = 0
        self.fresh_line, self.column = True, 0
        self.elifs: dict[int, int] = {}

    def mark(self, code: str) -> Mark:
        return Mark(self.line, self.at - self.line_at + 1, code)

    def advance(self, to: int) -> None:
        newlines = self.source.count("\n", self.at, to)
        if newlines:
            self.line += newlines
            self.line_at = self.source.rfind("\n", self.at, to) + 1
        self.at = to

    def scan(self) -> Iterator[Mark]:
        while self.at < len(self.source):
            frame = self.stack[-1]
            found = self.f_text(frame) if frame.text else self.code(frame)
            if found is not None:
                yield found
                if found.code != "CT005":
                    return

    # ---- inside the text of an f-string ----
    def f_text(self, frame: _Frame) -> Mark | None:
        source, at = self.source, self.at
        if source.startswith(frame.quote, at):
            # Inside a format specification the quote closes the whole string as well.
            while self.stack[-1].quote == "" or self.stack[-1] is not frame:
                self.stack.pop()
            self.stack.pop()
            self.advance(at + len(frame.quote))
        elif (source[at] == "\\" and not frame.raw) or source.startswith(("{{", "}}"), at):
            self.advance(at + 2)
        elif source[at] == "{":
            return self.open()
        else:
            self.advance(at + 1)
        return None

    def open(self) -> Mark | None:
        self.brackets += 1
        if self.brackets > limits.BRACKET_DEPTH_MAX:
            return self.mark("CT003")
        self.stack.append(_Frame())
        self.advance(self.at + 1)
        return None

    def close(self) -> None:
        if len(self.stack) > 1 and not self.stack[-1].quote:
            self.stack.pop()
            self.brackets -= 1
        self.advance(self.at + 1)

    # ---- code ----
    def code(self, frame: _Frame) -> Mark | None:
        source, at = self.source, self.at
        char = source[at]
        if self.fresh_line and self.brackets == 0:
            found = self.line_start()
            if found is not None or self.at != at:
                return found
        if space := _SPACE.match(source, at):
            self.advance(space.end())
            return None
        if char == "\n":
            self.newline()
            return None
        if char == "#":
            end = source.find("\n", at)
            self.advance(len(source) if end < 0 else end)
            return None
        if (start := _STRING_START.match(source, at)) is not None:
            self.run = 0
            return self.string(start)
        if (word := _WORD.match(source, at)) is not None:
            return self.word(frame, word)
        if (number := _NUMBER.match(source, at)) is not None:
            self.run = 0
            self.advance(number.end())
            return None
        return self.operator(frame, char)

    def line_start(self) -> Mark | None:
        self.fresh_line = False
        end = self.at
        while end < len(self.source) and self.source[end] in " \t":
            end += 1
        self.column = end - self.at
        if self.column > limits.INDENT_COLUMNS_MAX:
            return self.mark("CT005")
        return None

    def newline(self) -> None:
        self.advance(self.at + 1)
        if self.brackets == 0:
            self.fresh_line, self.run = True, 0
            self.stack[-1].chain = 0

    def word(self, frame: _Frame, word: re.Match[str]) -> Mark | None:
        text = word.group()
        if not text.isascii():
            # Before the parser: it would turn look-alikes into other names.
            return self.mark("CT202")
        if text == "not":
            self.run += 1
            if self.run > limits.OPERATOR_RUN_MAX:
                return self.mark("CT004")
        else:
            self.run = 0
        if text == "if" and self.brackets == 0:
            self.elifs[self.column] = 0
        if text == "elif":
            self.elifs[self.column] = self.elifs.get(self.column, 0) + 1
            if self.elifs[self.column] > ELIF_MAX:
                return self.mark("CT007")
        if text in _CHAIN_WORDS and (found := self.chain(frame)):
            return found
        self.advance(word.end())
        return None

    def chain(self, frame: _Frame) -> Mark | None:
        frame.chain += 1
        return self.mark("CT007") if frame.chain > CHAIN_MAX else None

    def operator(self, frame: _Frame, char: str) -> Mark | None:
        if char in "-+~":
            self.run += 1
            if self.run > limits.OPERATOR_RUN_MAX:
                return self.mark("CT004")
        else:
            self.run = 0
        if char in ",;":
            frame.chain = 0
        elif char not in ")]}":
            if char == ":" and len(self.stack) > 1 and self.stack[-2].text:
                # A format specification: text again, up to the closing brace or an inner field.
                return self.specification()
            if found := self.chain(frame):
                return found
        if char in "([{":
            return self.open()
        if char in ")]}":
            self.close()
            return None
        self.advance(self.at + 1)
        return None

    def specification(self) -> Mark | None:
        outer = self.stack[-2]
        self.advance(self.at + 1)
        source = self.source
        while self.at < len(source):
            if source[self.at] == "{":
                return self.open()
            if source[self.at] == "}" or source.startswith(outer.quote, self.at):
                return None
            self.advance(self.at + 1)
        return None

    def string(self, start: re.Match[str]) -> Mark | None:
        prefix, quote = start.group(1).lower(), start.group(2)
        self.advance(start.end())
        if "f" in prefix or "t" in prefix:
            if sum(1 for frame in self.stack if frame.quote) >= limits.BRACKET_DEPTH_MAX:
                return self.mark("CT003")
            self.stack.append(_Frame(quote, "r" in prefix))
            return None
        source, at = self.source, self.at
        while at < len(source) and not source.startswith(quote, at):
            at += 2 if source[at] == "\\" else 1
        self.advance(min(at + len(quote), len(source)))
        return None


def check_text(source: str) -> list[Mark]:
    """Passed limits of one module's text, in order; empty when a parser may read it."""
    if len(source.encode("utf-8", "surrogatepass")) > limits.SOURCE_BYTES_MAX:
        return [Mark(1, 1, "CT001")]
    for at, char in enumerate(source):
        if char in "\r\0\f\v" or 0xD800 <= ord(char) <= 0xDFFF:
            line_at = source.rfind("\n", 0, at) + 1
            return [Mark(source.count("\n", 0, at) + 1, at - line_at + 1, "CT002")]
    return list(_Scanner(source).scan())[: limits.FINDINGS_MAX]
