"""Every decoder stands in the table, takes thousands of broken inputs, and still knows what once broke it."""

from __future__ import annotations

import itertools
import random

import pytest

from consensus.encoding import decode, encode
from consensus.header import Header
from tests.fuzz import finding, running
from tests.fuzz.decoder import Decoder
from tests.fuzz.mutation import INPUT_BYTES_MAX, Mutator
from tests.fuzz.samples import CORPUS, folder, structures
from tests.fuzz.shapes import join, parts_of, words
from tests.fuzz.table import NONE_OF_OURS, SEVERAL, table

INPUTS = 1_000
CORPUS_BYTES_MAX = 2 * 1024 * 1024


def test_no_decoder_of_the_product_is_forgotten() -> None:
    # Whoever writes a function that reads bytes adds a row, or says why it reads nobody's.
    covered = {name for row in table().values() for name in row.covers}
    assert not covered & set(NONE_OF_OURS)
    forgotten = sorted(finding.functions() - covered - set(NONE_OF_OURS))
    assert not forgotten, f"a row in tests/fuzz/rows_*.py, or a reason in NONE_OF_OURS: {forgotten}"
    assert (covered | set(NONE_OF_OURS)) - finding.functions() == set(), "these are gone"


def test_no_structure_that_is_decoded_is_forgotten() -> None:
    # A structure under its own name has a row by itself; the others are named with the rows that read them.
    assert finding.indirect() == set(SEVERAL)
    assert {row for rows in SEVERAL.values() for row in rows} <= set(table())
    assert len(finding.structures()) > 50


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.parametrize("name", sorted(table()))
def test_no_input_breaks_it(name: str) -> None:
    row = table()[name]
    assert row.samples(), "there is something to begin with"
    report = running.run(row, max(60, INPUTS // row.cost))
    assert report.inputs >= 60
    assert not report.finds, "\n".join(told for told, _ in report.finds)


def test_the_corpus_is_small_and_belongs_to_rows() -> None:
    folders = {path.name for path in CORPUS.iterdir() if path.is_dir()}
    assert folders <= {folder(name).name for name in table()}
    assert sum(path.stat().st_size for path in CORPUS.rglob("*.bin")) < CORPUS_BYTES_MAX


def _broken(run: object, **changes: object) -> Decoder:
    row = {"refuses": (ValueError,), "shape": "frames", "samples": lambda: [b"\x00\x00\x00\x01a"]}
    return Decoder("broken", run, **(row | changes))  # type: ignore[arg-type]


def test_another_exception_is_a_find() -> None:
    report = running.run(_broken(lambda data: {}[data]), 100)
    assert len(report.finds) == 1 and "KeyError" in report.finds[0][0]


def test_other_bytes_for_what_was_read_are_a_find() -> None:
    report = running.run(_broken(lambda data: data, again=lambda found: found + b"\x00"), 100)
    assert len(report.finds) == 1 and "other bytes" in report.finds[0][0]


def test_an_input_that_hangs_is_a_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "TICK_S", 0.01)
    numbers = itertools.count()

    def spin(data: bytes) -> None:
        while next(numbers) >= 0:
            pass

    report = running.run(_broken(spin), 1)
    assert report.finds and "processor time" in report.finds[0][0]


@pytest.mark.parametrize("name", ["peer frame", "pbft message", "SM2 certificate", "value"])
def test_mutations_keep_the_lengths_that_they_do_not_bend(name: str) -> None:
    # A part that is exchanged for itself gives the same bytes: lengths are written right.
    row = table()[name]
    for sample in row.samples():
        for part in parts_of(sample, row.shape):
            assert join(sample, part, part.body(sample)) == sample
            assert join(sample, part, None, 1) == sample


def test_inputs_reach_what_is_behind_the_first_lengths() -> None:
    rng, samples = random.Random(1), structures(Header)
    mutator, taken = Mutator(rng, samples, "frames"), 0
    for _ in range(500):
        data = mutator.one()
        assert len(data) <= INPUT_BYTES_MAX
        try:
            assert encode(decode(Header, data)) == data
            taken += 1
        except ValueError:
            pass
    assert taken > 25


def test_words_of_a_text_join_to_it_again() -> None:
    for sample in table()["UBL invoice"].samples():
        assert "".join(words(sample)).encode("utf-8", "surrogateescape") == sample
