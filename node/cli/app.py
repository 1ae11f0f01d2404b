"""`city app`: an application as one file, and on cities."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.channel_life import brief, table, words
from node.cli.output import Output, OutputOption, fail, guarded, progress, show
from node.cli.session import open_context

if TYPE_CHECKING:
    from node.apps import AppPackage

app = typer.Typer(
    help="Applications: contracts, policies and the channel they need, as one file.",
    no_args_is_help=True,
)
FileArgument = Annotated[Path, typer.Argument(help="a package: NAME.cityapp")]


@app.command("package")
@guarded
def make(
    path: Annotated[Path, typer.Argument(help="a folder with app.toml, or that file")],
    out: Annotated[Path | None, typer.Option("--out", help="empty: NAME.cityapp here")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Writes an application into one file, and prints its digest (SHA-256 of the file).

    app.toml: [app] name, title, release; [channel] contracts (of the suite, or files beside it), engine, suite,
    window, members, limits, zone, jurisdiction, resident; [policy] kind of change = "majority of members".
    Contracts go through the linter.

    Example:  city app package deploy/apps/scf --out scf.cityapp
    """
    from node.apps import SUFFIX, package, read_package

    data = package(path)
    file = out
    if file is None:
        folder = path if path.is_dir() else path.parent
        file = Path(folder.resolve().name + SUFFIX)
    try:
        file.write_bytes(data)
    except OSError as error:
        raise fail("CITY-1091", path=file, reason=error.strerror) from error
    found, digest = read_package(file)
    show({"file": str(file), **_facts(found, digest)}, output)


@app.command("show")
@guarded
def show_package(file: FileArgument, output: OutputOption = Output.table) -> None:
    """What a package holds: contracts with their digests, channel, policies.

    Example:  city app show scf.cityapp
    """
    from node.apps import read_package

    show(_facts(*read_package(file)), output)


@app.command()
@guarded
def deploy(
    file: FileArgument,
    nodes: Annotated[str, typer.Option("--nodes", help="cities that vote, with commas between")],
    name: Annotated[str, typer.Option("--name", help="of the channel; empty: the package's")] = "",
    digest: Annotated[
        str, typer.Option("--digest", help="refuse a file with another digest than was reviewed")
    ] = "",
    output: OutputOption = Output.table,
) -> None:
    """Brings an application up on chosen cities, and waits until all of them take part.

    Example:  city app deploy scf.cityapp --nodes Shenzhen,Guangzhou,Beijing
    """
    from node.apps import read_package
    from node.cli.channel_life import signer_of
    from node.sdk.apps import deploy_app

    found, is_ = read_package(file)
    if digest and digest.lower() != is_:
        raise fail("CITY-8071", path=file, reason=f"its digest is {is_}")
    context = open_context()
    progress("cards, genesis, nodes, policies")
    made = deploy_app(context, found, words(nodes), name=name, signer_of=signer_of(context))
    rows = [{"node": node, **brief(row)} for node, row in made.rows.items()]
    facts = {"channel": made.channel, "channel_id": made.channel_id.hex(), "nodes": rows}
    show(facts | {"digest": is_}, output, lambda: table(rows))


def _facts(found: AppPackage, digest: str) -> dict[str, Any]:
    import hashlib

    return {
        "name": found.name,
        "title": found.title,
        "release": found.release,
        "digest": digest,
        "channel": f"{found.engine}, {found.suite}, window {found.window}",
        "members": list(found.members) or "all",
        "zone": found.zone or "none",
        "resident": list(found.resident),
        "contracts": {
            c.name: f"version {c.version}, {len(c.bundle)} bytes, {hashlib.sha256(c.bundle).hexdigest()}"
            for c in found.contracts
        },
        "policies": {rule.kind: rule.policy for rule in found.policies},
    }
