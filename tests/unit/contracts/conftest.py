"""Both engines for the tests of the engine: each form of the real one is made once."""

import pytest

from contracts.runtime.cases import real_engine
from contracts.runtime.native import NativeEngine
from contracts.runtime.testing import MemoryState, TestNatives


@pytest.fixture(scope="session")
def wasm_engine():
    return real_engine()


@pytest.fixture(scope="session")
def fast_engine():
    return real_engine(metered=False)


@pytest.fixture(scope="session")
def native_engine():
    return NativeEngine(TestNatives(), MemoryState())
