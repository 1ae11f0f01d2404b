"""The engine's artifact: what it says of itself, where its compiled form lies, and what is refused."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from typer.testing import CliRunner

from consensus.encoding import Hash
from contracts.runtime import artifact as module
from contracts.runtime import gas, limits
from contracts.runtime.artifact import (
    ENGINE_VERSION,
    WASMTIME_VERSION,
    ArtifactError,
    WasmtimeMismatch,
    compiled_path,
    ensure_artifact,
    is_compiled,
    open_artifact,
    precompiled,
)
from node.cli.main import app
from node.config import NodeConfig, load_config
from node.errors import CityError
from node.execution import engines
from node.genesis import EngineRef
from node.identity.suite import get_suite

RUNNER = CliRunner()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The artifact and its compiled form in a cache of its own."""
    source = ensure_artifact()
    compiled = precompiled(source)
    for path in (
        source.path,
        compiled,
        compiled.with_suffix(".mac"),
        source.path.with_name("mac.key"),
    ):
        shutil.copy(path, tmp_path / path.name)
    return tmp_path / source.path.name


def test_show_prints_versions_digests_gas_table_and_limits() -> None:
    shown = json.loads(RUNNER.invoke(app, ["engine", "show", "--json"]).stdout)
    assert shown["digest_sha256"] == ensure_artifact().digest
    assert shown["python"].startswith("3.14.") and shown["wasmtime"] == WASMTIME_VERSION
    assert shown["gas_table_version"] == gas.TABLE_VERSION
    assert [row["name"] for row in shown["gas"]] == [price.name for price in gas.TABLE]
    assert shown["limits"]["GAS_TX_MAX"] == limits.GAS_TX_MAX


def test_verify_accepts_the_digest_it_has_and_refuses_another() -> None:
    ours = ensure_artifact().digest_for(get_suite("sm").hash).hex()
    good = RUNNER.invoke(app, ["engine", "verify", "--digest", ours, "--json"])
    assert good.exit_code == 0, good.output
    assert {row["result"] for row in json.loads(good.stdout)} == {"ok"}
    assert RUNNER.invoke(app, ["engine", "verify", "--digest", "00" * 32]).exit_code == 4


def test_a_form_that_is_being_written_is_waited_for(copied: Path) -> None:
    """Another process has replaced the form and not its MAC yet."""
    artifact = open_artifact(copied)
    mac = compiled_path(artifact).with_suffix(".mac")
    right, looked = mac.read_bytes(), Event()
    trusted = module._trusted

    def look(folder: Path, path: Path) -> bool:
        found = trusted(folder, path)
        looked.set()
        return found

    with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor(1) as other:
        patched.setattr(module, "_trusted", look)
        with module._locked(copied.parent):
            mac.write_bytes(bytes(32))
            answer = other.submit(is_compiled, artifact)
            assert looked.wait(30)
            mac.write_bytes(right)
        assert answer.result(30)
        mac.write_bytes(bytes(32))
        assert not is_compiled(artifact)


def test_a_damaged_artifact_is_no_component(tmp_path: Path) -> None:
    damaged = tmp_path / "engine.wasm"
    damaged.write_bytes(b"\0asm" + bytes(100))
    found = RUNNER.invoke(app, ["engine", "verify", str(damaged)])
    assert found.exit_code == 4 and "CITY-4051" in found.output


def test_a_compiled_form_that_was_changed_is_made_again(copied: Path) -> None:
    artifact = open_artifact(copied)
    path = compiled_path(artifact)
    assert is_compiled(artifact)
    changed = bytearray(path.read_bytes())
    changed[1000] ^= 1
    path.write_bytes(changed)
    assert not is_compiled(artifact)
    assert precompiled(artifact) == path and is_compiled(artifact)


def test_the_compiled_form_is_kept_by_artifact_and_wasmtime(copied: Path, monkeypatch) -> None:
    artifact = open_artifact(copied)
    before = compiled_path(artifact)
    monkeypatch.setattr(module.metadata, "version", lambda name: "99.0.0")
    assert compiled_path(artifact) != before
    with pytest.raises(WasmtimeMismatch, match=WASMTIME_VERSION):
        precompiled(artifact)


def _config(root: Path, artifact: Path) -> NodeConfig:
    text = f'name = "A"\n[engine]\nartifact = "{artifact}"\n'
    (root / "node.toml").write_text(text)
    return load_config(root / "node.toml")


async def test_a_node_with_another_engine_release_or_wasmtime_refuses_and_says_what_to_do(
    copied: Path, monkeypatch
) -> None:
    config, suite = _config(copied.parent, copied), get_suite("sm")
    named = EngineRef(str(ENGINE_VERSION), Hash(bytes(32)), 1)

    async def refusal(engine: EngineRef, config: NodeConfig = config) -> CityError:
        with pytest.raises(CityError) as caught:
            await engines._artifact(config, suite, engine, None)
        return caught.value

    other = await refusal(named)
    assert other.code == "CITY-8007" and "engine verify" in other.localized("en")[2]
    release = await refusal(EngineRef("99", named.digest, 1))
    assert release.code == "CITY-4055" and "engine version 99" in release.localized("en")[2]
    monkeypatch.setattr(module.metadata, "version", lambda name: "99.0.0")
    assert (await refusal(named)).code == "CITY-4052"


async def test_a_node_builds_no_engine_for_a_channel_that_has_one(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(module, "_build", lambda *_: pytest.fail("it was built"))
    (tmp_path / "node.toml").write_text('name = "A"\n[engine]\ncache = "cache"\n')
    config, suite = load_config(tmp_path / "node.toml"), get_suite("sm")
    (tmp_path / "cache").mkdir()
    with pytest.raises(CityError, match="CITY-4054"):
        engine = EngineRef(str(ENGINE_VERSION), Hash(bytes(32)), 1)
        await engines._artifact(config, suite, engine, None)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_missing_artifact_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no engine artifact"):
        open_artifact(tmp_path / "engine.wasm")
