"""Runs a decoder over many inputs: what it may raise, how long one may take, how much memory."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import resource
import signal
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tests.fuzz.decoder import Decoder
from tests.fuzz.mutation import Mutator
from tests.fuzz.samples import kept

CHUNK = 1_000  # inputs of one seed: any of them is found again by its chunk and place
TICK_S, TICKS_MAX = 0.5, 6  # of processor time: an input that takes longer hangs
MEMORY_BYTES = 2 * 1024**3  # above what the process has when it begins
FINDS_MAX = 5


class TooSlow(BaseException):
    """One input took more processor time than any may."""


@dataclass(slots=True)
class Report:
    """What a run of one decoder showed. slowest_ms: of the wall, on whatever else the machine did."""

    name: str
    inputs: int = 0
    refused: int = 0
    cpu_s: float = 0.0
    slowest_ms: float = 0.0
    grown_mb: float = 0.0
    finds: list[tuple[str, bytes]] = field(default_factory=list)  # what happened, at which input

    def add(self, error: BaseException, data: bytes) -> None:
        """A find, unless one at the same line is there."""
        told = "".join(traceback.format_exception(error)[-4:])
        if all(_place(told) != _place(other) for other, _ in self.finds):
            self.finds.append((told, data))

    @property
    def line(self) -> str:
        rate = self.inputs / self.cpu_s if self.cpu_s else 0.0
        taken = 100 * (self.inputs - self.refused) / max(1, self.inputs)
        return (
            f"{self.name:34} {self.inputs:>9,} inputs  {taken:5.1f} % taken  {rate:>8,.0f}/s"
            f"  slowest {self.slowest_ms:7.1f} ms  +{self.grown_mb:.0f} MB  "
            + (f"{len(self.finds)} FINDS" if self.finds else "no find")
        )


@contextlib.contextmanager
def bounded_memory() -> Iterator[None]:
    """What asks for more than its bound gets a MemoryError instead. For a process of one's own."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class Watch:
    """Interrupts an input that hangs: counts ticks of processor time in which no other input began."""

    def __init__(self) -> None:
        self.at = 0
        self._seen, self._ticks = -1, 0

    def tick(self, _number: int, _frame: FrameType | None) -> None:
        self._ticks = self._ticks + 1 if self.at == self._seen else 0
        self._seen = self.at
        if self._ticks >= TICKS_MAX and not _is_between_tasks():
            self._ticks = 0
            raise TooSlow(f"more than {TICK_S * TICKS_MAX:.0f} s of processor time")

    def __enter__(self) -> Watch:
        signal.signal(signal.SIGPROF, self.tick)
        signal.setitimer(signal.ITIMER_PROF, TICK_S, TICK_S)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)


def _is_between_tasks() -> bool:
    """Whether an event loop runs that is itself what would be interrupted, and no task of it."""
    try:
        return asyncio.current_task() is None
    except RuntimeError:  # no loop runs
        return False


def samples_of(decoder: Decoder) -> list[bytes]:
    return decoder.samples() + kept(decoder.name)


def attempt(decoder: Decoder, data: bytes) -> bool:
    """Whether the decoder took the input. Raises what it must not raise; AssertionError for other bytes."""
    try:
        found = decoder.run(data)
    except decoder.refuses:
        return False
    if decoder.again is not None and decoder.again(found) != data:
        raise AssertionError("what was read is written with other bytes")
    return True


def run(decoder: Decoder, inputs: int, seed: int = 0, first: int = 0) -> Report:
    """`inputs` inputs from chunk `first` on. Every sample is tried itself first."""
    report = Report(decoder.name)
    samples = samples_of(decoder)
    before, began = resident_mb(), time.process_time()
    with Watch() as watch:
        for data in samples:
            _one(decoder, data, report, watch)
        chunk = first
        while report.inputs < inputs and len(report.finds) < FINDS_MAX:
            rng = random.Random(f"{decoder.name}/{seed}/{chunk}")
            mutator = Mutator(rng, samples, decoder.shape)
            for _ in range(min(CHUNK, inputs - report.inputs)):
                _one(decoder, mutator.one(), report, watch)
            chunk += 1
    report.cpu_s = time.process_time() - began
    report.grown_mb = max(0.0, resident_mb() - before)
    return report


def _one(decoder: Decoder, data: bytes, report: Report, watch: Watch) -> None:
    watch.at += 1
    began = time.perf_counter()
    try:
        if not attempt(decoder, data):
            report.refused += 1
    except (Exception, TooSlow) as error:
        report.add(error, data)
    report.inputs += 1
    report.slowest_ms = max(report.slowest_ms, (time.perf_counter() - began) * 1000)


def _place(told: str) -> str:
    """Where it broke: the same line is one find."""
    return next((line for line in reversed(told.splitlines()) if line.startswith("  File ")), told)


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def name_of(data: bytes) -> str:
    """A file name for a kept input."""
    return hashlib.sha256(data).hexdigest()[:12] + ".bin"
