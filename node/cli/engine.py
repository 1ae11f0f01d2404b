"""`city engine`: the contract engine's artifact."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.output import Output, OutputOption, guarded, progress, show

app = typer.Typer(help="The contract engine's artifact.", no_args_is_help=True)


@app.command()
@guarded
def build(output: OutputOption = Output.table) -> None:
    """Builds the artifact once for this user, or finds it in the cache (5 to 15 seconds)."""
    progress("engine artifact")
    _show(output)


@app.command("show")
@guarded
def show_artifact(output: OutputOption = Output.table) -> None:
    """The artifact's digests, size, version and place."""
    _show(output)


@app.command()
@guarded
def bench(
    output: OutputOption = Output.table,
    as_json: Annotated[bool, typer.Option("--json", help="every figure as JSON")] = False,
) -> None:
    """Measures the engine on this machine: transfers, starting, and the price of every operation."""
    from node.bench.engine import bench_engine

    progress("contract engine: about a minute")
    report = bench_engine()
    if as_json or output is Output.json:
        show(report, Output.json)
        return
    worst = report.pop("worst")
    report.pop("prices")
    show(report, output)
    show(worst, output)


def _show(output: Output) -> None:
    from contracts.runtime.artifact import ensure_artifact
    from node.identity.suite import get_suite

    artifact = ensure_artifact()
    show(
        {
            "version": artifact.version,
            "digest_sm3": artifact.digest_for(get_suite("sm").hash).hex(),
            "digest_sha256": artifact.digest_for(get_suite("intl").hash).hex(),
            "size_bytes": artifact.size,
            "path": str(artifact.path),
        },
        output,
    )
