"""Compiled contracts on disk: they decide how long a start takes, and no outcome, whatever the files hold."""

import shutil

import pytest

from contracts.bundles import load_bundle
from contracts.runtime import code_cache
from contracts.runtime.api import BlockRequest, Bundle
from contracts.runtime.artifact import Artifact, ensure_artifact
from contracts.runtime.code_cache import CodeCache
from contracts.runtime.testing import MemoryState
from node.execution.engine import EngineWorker
from tests.damage import flipped
from tests.unit.contracts.test_worker import SOURCE, block, tx

BUNDLES = (Bundle("a", 1, SOURCE), Bundle("b", 1, SOURCE), load_bundle("credit_line"))


@pytest.fixture
def cache(tmp_path):
    told = []
    artifact = Artifact(tmp_path / "engine.wasm", "ab" * 32, 1, 1)
    found = CodeCache(artifact, tell=lambda what, bundle, _: told.append((what, bundle.name)))
    return found, artifact, told


def test_code_is_found_for_exactly_the_bundle_that_it_was_kept_for(cache):
    codes, artifact, told = cache
    one = Bundle("a", 1, "x = 1\n", {"r": "y = 1\n"})
    assert codes.find(one) is None
    codes.keep(one, b"code")
    assert codes.find(one) == b"code"
    others = [
        Bundle("b", 1, one.main, one.rules), Bundle("a", 2, one.main, one.rules),
        Bundle("a", 1, "x = 2\n", one.rules), Bundle("a", 1, one.main, {"r": "y = 2\n"}),
    ]  # fmt: skip
    assert [codes.find(other) for other in others] == [None] * 4
    other_engine = Artifact(artifact.path, "cd" * 32, 1, 1)
    assert CodeCache(other_engine).find(one) is None and told == []


def test_an_entry_that_anybody_touched_is_as_none_and_is_told(cache):
    codes, _, told = cache
    one, other = Bundle("a", 1, "x = 1\n"), Bundle("b", 1, "x = 1\n")
    codes.keep(one, b"code of a")
    codes.keep(other, b"code of b")
    path, whole = codes.path(one), codes.path(one).read_bytes()
    touched = [flipped(whole, at) for at in range(len(whole))]
    touched += [whole[:at] for at in range(len(whole))] + [whole + b"\0"]
    touched.append(codes.path(other).read_bytes())  # a true entry under another's name
    for data in touched:
        path.write_bytes(data)
        assert codes.find(one) is None
    assert told == [("damaged", "a")] * len(touched)
    path.write_bytes(whole)
    assert codes.find(one) == b"code of a"


def test_an_entry_of_another_cache_is_foreign(cache, tmp_path):
    codes, artifact, told = cache
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    foreign = CodeCache(Artifact(elsewhere / "engine.wasm", artifact.digest, 1, 1))
    one = Bundle("a", 1, "x = 1\n")
    foreign.keep(one, b"their code")
    codes.keep(one, b"our code")
    shutil.copyfile(foreign.path(one), codes.path(one))
    assert codes.find(one) is None and told == [("damaged", "a")]


def test_a_cache_keeps_no_more_than_its_bound(cache, monkeypatch):
    codes, _, told = cache
    monkeypatch.setattr(code_cache, "ENTRIES_MAX", 3)
    bundles = [Bundle("a", version, "x = 1\n") for version in range(1, 7)]
    for bundle in bundles:
        codes.keep(bundle, b"code")
    found = [bundle.version for bundle in bundles if codes.find(bundle) is not None]
    assert len(found) == 3 and 6 in found and told == []


def test_a_disk_that_takes_nothing_is_told_and_harms_nobody(cache, tmp_path):
    codes, _, told = cache
    (tmp_path / "code").write_text("a file where the folder should be")
    one = Bundle("a", 1, "x = 1\n")
    codes.keep(one, b"code")
    assert codes.find(one) is None
    assert told == [("not kept", "a"), ("unreadable", "a")]


def test_both_forms_of_the_engine_compile_to_the_same_code(wasm_engine, fast_engine):
    for bundle in BUNDLES:
        code, findings = wasm_engine.compile(bundle)
        assert code and findings == () and fast_engine.compile(bundle) == (code, ())


class Counted(CodeCache):
    """A cache that counts what is written into it."""

    kept: list[str]

    def keep(self, bundle, code):
        self.kept.append(bundle.name)
        super().keep(bundle, code)


async def results_of(folder, told, bundles=BUNDLES, calls=()):
    """What a new worker makes of a block, after loading the contracts with that folder; what it compiled."""
    kept = []

    def codes(artifact):
        found = Counted(artifact, folder, lambda what, bundle, _: told.append((what, bundle.name)))
        found.kept = kept
        return found

    worker = EngineWorker(ensure_artifact(), codes=codes)
    try:
        for call in calls:
            await call(worker)
        await worker.load(bundles)
        txs = (tx("put", k="k", v=2), tx("through", other="b", k="x", v=1), tx("put", k="k", v=13),
               tx("get", k="k"), tx("put", k="k", v=1, gas=300), tx("page"))  # fmt: skip
        return await worker.block(block(*txs), MemoryState()), sorted(kept)
    finally:
        await worker.close()


async def test_cold_warm_and_damaged_give_the_same_results_to_the_byte(tmp_path):
    told = []
    cold, compiled = await results_of(tmp_path, told)
    assert compiled == ["a", "b", "credit_line"]
    assert [r.outcome for r in cold] == ["ok", "ok", "revert", "ok", "oog", "ok"]
    entries = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert await results_of(tmp_path, told) == (cold, []) and told == []
    for path, data in entries.items():
        path.write_bytes(flipped(data))
    assert await results_of(tmp_path, told) == (cold, compiled)
    assert sorted(told) == [("damaged", "a"), ("damaged", "b"), ("damaged", "credit_line")]
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == entries


async def test_what_a_worker_compiles_after_it_has_run_anything_is_not_kept(tmp_path):
    async def run_a_block(worker):
        await worker.load(BUNDLES[:1])
        assert (await worker.block(block(tx("put", k="k", v=2)), MemoryState()))[0].outcome == "ok"

    async def check_a_stranger(worker):
        assert await worker.check(Bundle("c", 1, SOURCE)) == ()

    _, kept = await results_of(tmp_path, [], BUNDLES[1:], [run_a_block])
    assert kept == ["a"]
    _, kept = await results_of(tmp_path, [], BUNDLES[1:], [check_a_stranger])
    assert kept == []


async def test_a_replaced_worker_takes_what_the_first_one_compiled(tmp_path):
    async def lose_it(worker):
        await worker.load(BUNDLES)
        worker._process.kill()
        request = BlockRequest("channel", 7, 1, (tx("get", k="k"),))
        assert (await worker.block(request, MemoryState()))[0].outcome == "ok"
        assert worker.replaced == 1

    _, kept = await results_of(tmp_path, [], BUNDLES, [lose_it])
    assert kept == ["a", "b", "credit_line"]
