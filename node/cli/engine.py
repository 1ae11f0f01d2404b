"""`city engine`: the contract engine's artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import Output, OutputOption, fail, guarded, progress, show

if TYPE_CHECKING:
    from contracts.runtime.artifact import Artifact

app = typer.Typer(help="The contract engine's artifact.", no_args_is_help=True)

File = Annotated[
    Path | None, typer.Argument(help="an artifact file; without one: the artifact of this version")
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object, as -o json")]
_LISTS = ("gas", "gas_nodes", "limits")


@app.command()
@guarded
def build(output: OutputOption = Output.table, as_json: AsJson = False) -> None:
    """Builds the artifact once for this user, or finds it in the cache (5 to 15 seconds)."""
    progress("engine artifact")
    _show(None, False, Output.json if as_json else output)


@app.command("show")
@guarded
def show_artifact(
    file: File = None,
    gas: Annotated[bool, typer.Option("--gas", help="the gas table and every limit")] = False,
    output: OutputOption = Output.table,
    as_json: AsJson = False,
) -> None:
    """The artifact's digests, Python and wasmtime versions, gas table version and constants.

    Examples:  city engine show    city engine show --gas    city engine show --json
    """
    _show(file, gas, Output.json if as_json else output)


@app.command()
@guarded
def verify(
    file: File = None,
    digest: Annotated[
        str, typer.Option("--digest", help="the SM3 or SHA-256 digest it must have")
    ] = "",
    genesis: Annotated[
        Path | None, typer.Option("--genesis", help="the channel's genesis.bin, which names it")
    ] = None,
    output: OutputOption = Output.table,
    as_json: AsJson = False,
) -> None:
    """Tries the artifact: digest, wasmtime, compiled form, tables, a sample in two fresh instances.

    The sample's digest is the same on every machine that runs this artifact. Exit 4 if a check fails.

    Examples:  city engine verify --genesis net/genesis.bin    city engine verify engine.wasm --digest 92e1…
    """
    from node.execution.engine_report import digests_of_genesis, verify_engine
    from node.identity.suite import get_suite

    artifact = _artifact(file)
    expected = digests_of_genesis(genesis) if genesis else {}
    if digest:
        names = [
            n for n in ("sm", "intl") if artifact.digest_for(get_suite(n).hash).hex() == digest
        ]
        expected[names[0] if names else "sm"] = digest.lower()
    checks = list(verify_engine(artifact, expected))
    rows = [
        {"check": c.check, "result": "ok" if c.ok else "FAILED", "detail": c.detail} for c in checks
    ]
    show(rows, Output.json if as_json else output)
    failed = [c.check for c in checks if not c.ok]
    if failed:
        raise fail("CITY-4051", path=artifact.path, failed=", ".join(failed))


@app.command()
@guarded
def bench(output: OutputOption = Output.table, as_json: AsJson = False) -> None:
    """Measures the engine on this machine: transfers, starting, and the price of every operation."""
    from node.cli.bench import engine as run

    run(output, as_json)


def _artifact(file: Path | None) -> Artifact:
    from contracts.runtime.artifact import ArtifactError, ensure_artifact, open_artifact

    try:
        return open_artifact(file) if file else ensure_artifact()
    except ArtifactError as error:
        raise fail("CITY-4050", reason=str(error)) from error


def _show(file: Path | None, gas: bool, output: Output) -> None:
    from contracts.runtime.artifact import ArtifactError, WasmtimeMismatch
    from node.execution.engine_report import engine_facts

    artifact = _artifact(file)
    try:
        facts = engine_facts(artifact)
    except WasmtimeMismatch as error:
        raise _mismatch(error.found) from error
    except ArtifactError as error:
        raise fail("CITY-4050", reason=str(error)) from error
    if output is Output.json:
        show(facts, output)
        return
    show({name: value for name, value in facts.items() if name not in _LISTS}, output)
    if gas:
        show(facts["gas"], output)
        show({f"a {name} node": f"+{more}" for name, more in facts["gas_nodes"].items()}, output)
        show(facts["limits"], output)


def _mismatch(found: str) -> Any:
    from contracts.runtime.artifact import ENGINE_VERSION, WASMTIME_VERSION

    return fail("CITY-4052", found=found, expected=WASMTIME_VERSION, version=ENGINE_VERSION)
