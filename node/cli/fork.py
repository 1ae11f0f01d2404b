"""`city dcep evidence` and `city dcep convict`: what halted a log, as a file that convicts by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.files import read_file
from node.cli.output import Output, OutputOption, fail, guarded, show
from node.cli.session import open_network


def add_to(app: typer.Typer) -> None:
    app.command()(evidence)
    app.command()(convict)


@guarded
def evidence(
    log_id: Annotated[str, typer.Argument(help="the halted log's id, hexadecimal")],
    out: Annotated[Path, typer.Option("--out", help="the file to write")],
    output: OutputOption = Output.table,
) -> None:
    """Writes what halted a log: two heads it signed that cannot both be honest.

    Example:  city dcep evidence 5f0c… --out fork.case
    """
    from consensus.encoding import encode
    from consensus.fork import check_case
    from consensus.payment import ForkCase
    from node.identity.suite import get_suite

    with open_network() as net:
        args = {"log_id": bytes.fromhex(log_id)}
        root_key = net.query("dcep", "get_log", args).value["root_key"]
        found = net.query("dcep", "fork_evidence", args).value
    data = encode(ForkCase(1, root_key, found))
    suite = get_suite("sm")
    reason = check_case(suite.hash, suite.verify, data).reason
    try:
        out.write_bytes(data)
    except OSError as error:
        raise fail("CITY-1091", path=out, reason=error.strerror) from error
    show({"file": str(out), "log_id": log_id, "reason": reason, "bytes": len(data)}, output)


@guarded
def convict(
    file: Annotated[Path, typer.Argument(help="written by: city dcep evidence LOG_ID --out FILE")],
    output: OutputOption = Output.table,
) -> None:
    """Checks such a file offline: signatures, keys, and that no honest log signed both heads.

    Example:  city dcep convict fork.case
    """
    from consensus.fork import check_case
    from consensus.payment_proof import ProofRefused
    from node.identity.suite import get_suite

    suite = get_suite("sm")
    try:
        found = check_case(suite.hash, suite.verify, read_file(file))
    except ProofRefused as error:
        raise fail("CITY-1093", reason=error) from error
    heads = {"first_size": found.first.tree_size, "second_size": found.second.tree_size}
    show({"convicted": True, "log_id": found.log_id.hex(), "reason": found.reason, **heads}, output)
