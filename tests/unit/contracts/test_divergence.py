"""Random programs do the same in both engines and in instances of different history."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.runtime.language.bundle import check_bundle
from tests.hunt.compare import Engines
from tests.hunt.grammar import contract_of, numbered_programs, write_program

PROGRAMS, BATCH = 475, 25
DRAWN = 25


@pytest.fixture(scope="module")
def engines() -> Engines:
    return Engines()


class Drawn:
    """Choices that hypothesis makes, and so can make simpler when a program diverges."""

    def __init__(self, data) -> None:
        self._data = data

    def number(self, count: int) -> int:
        return self._data.draw(st.integers(0, count - 1))


@pytest.mark.parametrize("start", range(0, PROGRAMS, BATCH))
def test_numbered_programs_do_the_same_everywhere(engines: Engines, start: int) -> None:
    found, results = engines.compare(numbered_programs(start, start + BATCH))
    assert not found, f"{found[0].what}\n{found[0].source}"
    assert len(results) >= BATCH and "trap" not in {result.code for result in results}


@given(st.data())
@settings(
    max_examples=DRAWN, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_drawn_programs_do_the_same_everywhere(engines: Engines, data) -> None:
    found, _ = engines.compare({0: write_program(Drawn(data), "p")})
    assert not found, f"{found[0].what}\n{found[0].source}"


def test_the_grammar_writes_what_the_linter_admits() -> None:
    for start in range(0, 100, BATCH):
        programs = numbered_programs(start, start + BATCH)
        assert not check_bundle(contract_of(list(programs.values())), {})


def test_a_divergence_is_found(engines: Engines, monkeypatch) -> None:
    """A native engine that counts differently is noticed."""
    from contracts.runtime import session

    monkeypatch.setattr(session, "_STATE_WRITE", session._STATE_WRITE + 1)
    found, _ = engines.compare(numbered_programs(0, BATCH))
    assert found
