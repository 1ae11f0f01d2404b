"""Inputs that reach new lines: kept from our own mutations, or looked for by atheris where it is installed."""

from __future__ import annotations

import importlib
import random
import sys
import types
from types import FrameType
from typing import Any

import hypothesis
from hypothesis import strategies

from tests.fuzz.decoder import Decoder
from tests.fuzz.mutation import Mutator
from tests.fuzz.running import attempt, samples_of

KEPT_MAX = 12
KEPT_BYTES_MAX = 4096
OURS = ("/consensus/", "/contracts/", "/node/", "/deploy/")


class _Lines:
    """Lines of the product that ran, as (file, line)."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()

    def of(self, decoder: Decoder, data: bytes) -> set[tuple[str, int]]:
        found: set[tuple[str, int]] = set()

        def line(frame: FrameType, event: str, _arg: Any) -> Any:
            if event == "line":
                found.add((frame.f_code.co_filename, frame.f_lineno))
            return line

        def call(frame: FrameType, _event: str, _arg: Any) -> Any:
            return line if any(part in frame.f_code.co_filename for part in OURS) else None

        before = sys.gettrace()
        sys.settrace(call)
        try:
            attempt(decoder, data)
        finally:
            sys.settrace(before)
        return found


def grow(decoder: Decoder, inputs: int, seed: int) -> list[bytes]:
    """Inputs beyond the samples, each of which reached a line that none before it had."""
    lines, samples, kept = _Lines(), samples_of(decoder), []
    for data in samples:
        lines.seen |= lines.of(decoder, data)
    for chunk in range(max(1, inputs // 1_000)):
        mutator = Mutator(random.Random(f"{decoder.name}/{seed}/{chunk}"), samples, decoder.shape)
        for _ in range(min(1_000, inputs)):
            data = mutator.one()
            if len(data) > KEPT_BYTES_MAX:
                continue
            new = lines.of(decoder, data) - lines.seen
            if new:
                lines.seen |= new
                samples.append(data)
                kept.append(data)
                if len(kept) == KEPT_MAX:
                    return kept
    return kept


SHARED = ("consensus.encoding", "contracts.runtime.values", "node.wire.codec")


def _functions(decoder: Decoder) -> list[types.FunctionType]:
    """Those of the modules that the row stands for, and of what most decoders share."""
    names = {*SHARED, *(name.rpartition(".")[0] for name in decoder.covers)}
    found: list[types.FunctionType] = []
    for module in (importlib.import_module(name) for name in sorted(names)):
        scopes: list[Any] = [module, *(c for c in vars(module).values() if isinstance(c, type))]
        for scope in scopes:
            for each in vars(scope).values():
                if isinstance(each, types.FunctionType) and each.__module__ == module.__name__:
                    found.append(each)
    return found


def shrunk(decoder: Decoder, inputs: int, seed: int) -> int:
    """hypothesis draws the mutations, and makes a find as small as it can. Exit 1 where one breaks."""
    samples = samples_of(decoder)
    drawn = strategies.one_of(
        strategies.binary(max_size=512),
        strategies.sampled_from(samples),
        strategies.integers(0, 1 << 64).map(
            lambda n: Mutator(random.Random(n), samples, decoder.shape).one()
        ),
    )

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=inputs, database=None, deadline=None)
    @hypothesis.given(drawn)
    def try_it(data: bytes) -> None:
        attempt(decoder, data)

    try:
        try_it()
    except Exception as error:
        print(f"{decoder.name}: {error!r}")
        return 1
    print(f"{decoder.name}: {inputs:,} inputs by hypothesis, no find")
    return 0


def guided(decoders: list[Decoder], inputs: int, seed: int) -> int:
    """libFuzzer through atheris, one decoder a process. Exit 1 where one breaks."""
    try:
        import atheris
    except ImportError:
        print("atheris is not installed: pip install atheris (optional; nothing else needs it)")
        return 2
    if len(decoders) != 1:
        print("one decoder at a time with --engine atheris")
        return 2
    decoder = decoders[0]
    samples = samples_of(decoder)
    for function in _functions(decoder):
        atheris.instrument_func(function)

    def custom(data: bytes, size_max: int, drawn: int) -> bytes:
        """Every other input is made by our own mutations, which know what the bytes are made of."""
        rng = random.Random(drawn)
        if rng.random() < 0.5:
            return bytes(atheris.Mutate(data, size_max))
        base = rng.choice(samples) if rng.random() < 0.1 else data
        return Mutator(rng, [base], decoder.shape).one()[:size_max]

    arguments = [sys.argv[0], f"-atheris_runs={inputs}", f"-seed={seed + 1}", "-max_len=65536",
                 "-timeout=10", "-rss_limit_mb=4096"]  # fmt: skip
    atheris.Setup(arguments, lambda data: attempt(decoder, data) and None, custom_mutator=custom)
    atheris.Fuzz()
    return 0
