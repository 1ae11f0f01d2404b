"""`city sealed`: papers and terms encrypted to those they concern; the private keys stay on this side."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.files import read_file
from node.cli.output import Output, OutputOption, fail, guarded, progress, show
from node.cli.proof import ChannelOption, trusted_channel

app = typer.Typer(no_args_is_help=True)
keys_app = typer.Typer(help="Keys that records are sealed to.", no_args_is_help=True)
app.add_typer(keys_app, name="key")

KeysOption = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        envvar="CITY_SEALING_KEYS",
        help="folder of private keys for encryption; by default beside the context's file",
    ),
]
ScopeOption = Annotated[
    str, typer.Option("--scope", help="GENERAL, a period (2026-Q4) or a case (LC-1)")
]
PurposeOption = Annotated[
    str, typer.Option("--purpose", help="authorities: why; its digest stands in the receipt")
]
IdArgument = Annotated[str, typer.Argument(help="the record's number")]


def open_network() -> Any:
    """As `session.open_network`; here so that a test can put a world without a network in its place."""
    from node.cli import session

    return session.open_network()


def key_folder(net: Any, folder: Path | None) -> Any:
    from node.client import PASSWORD_VARIABLE
    from node.confidential.sealing import SealingKeys

    if folder is None:
        if net.context.file is None:
            raise fail("CITY-1092", name="--keys", reason="needed where no context file is used")
        folder = net.context.file.parent / "sealing"
    password = os.environ.get(PASSWORD_VARIABLE)
    return SealingKeys(folder, password.encode() if password else None)


def refused(reason: object) -> Exception:
    return fail("CITY-1110", reason=reason)


def digest_of(data: bytes) -> str:
    from node.identity.suite import get_suite

    return bytes(get_suite("sm").hash(data)).hex()


# ---- keys ----------------------------------------------------------------------------------------


@keys_app.command("new")
@guarded
def new_key(
    scope: ScopeOption = "GENERAL", keys: KeysOption = None, output: OutputOption = Output.table
) -> None:
    """Makes a key for encryption and publishes its public half. A scope's former key is retired.

    Examples:  city as px-maker sealed key new    city as px-maker sealed key new --scope LC-1
    """
    with open_network() as net:
        made = key_folder(net, keys).create()
        done = net.call("sealed_record", "publish_key", {"key": made.public_key, "scope": scope})
    show({"key": done.value, "scope": scope, "public_key": made.public_key.hex()}, output)


@keys_app.command("rotate")
@guarded
def rotate_key(
    scope: ScopeOption = "GENERAL", keys: KeysOption = None, output: OutputOption = Output.table
) -> None:
    """A new key takes over from the active one of a scope; what is sealed to the former still opens with it.

    Example:  city as px-maker sealed key rotate
    """
    with open_network() as net:
        asked = {"schema": "OTHER", "members": [], "scope": scope}
        before = net.query("sealed_record", "recipients", asked).value["keys"][0]["key_id"]
        if net.query("sealed_record", "get_key", {"id": before}).value["scope"] != scope:
            raise fail(
                "CITY-1092", name="--scope", reason="there is no key of it: city sealed key new"
            )
        made = key_folder(net, keys).create()
        done = net.call("sealed_record", "publish_key", {"key": made.public_key, "scope": scope})
    show({"key": done.value, "scope": scope, "instead_of": before}, output)


@keys_app.command("destroy")
@guarded
def destroy_key(
    id: Annotated[str, typer.Argument(help="the key's number: PX/1")],
    protocol: Annotated[
        Path, typer.Option("--protocol", help="the member's protocol of the destruction")
    ],
    keys: KeysOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Destroys a private key and declares it on the chain; what only it opens is erased for ever.

    The chain refuses while anything sealed to the key must be kept. Run again, it finishes what was begun.

    Example:  city as px-checker sealed key destroy PX/1 --protocol destroyed.pdf
    """
    with open_network() as net:
        found = net.query("sealed_record", "get_key", {"id": id}).value
        basis = digest_of(read_file(protocol))
        if found["state"] != "DESTROYED":
            net.call("sealed_record", "destroy_key", {"id": id, "basis": basis})
        gone = key_folder(net, keys).destroy(found["key"])
    show({"key": id, "state": "DESTROYED", "file": "destroyed" if gone else "not here"}, output)


@keys_app.command("list")
@guarded
def list_keys(
    member: Annotated[str, typer.Argument(help="whose keys")],
    output: OutputOption = Output.table,
) -> None:
    """The keys that a member has published: scope, state, how long they must be kept."""
    with open_network() as net:
        rows = net.query("sealed_record", "list_keys", {"member": member}).value
    names = ("id", "scope", "state", "since", "records", "retain_until", "holds", "destroyed_on")
    show([{name: row[name] for name in names} for row in rows], output)


# ---- records -------------------------------------------------------------------------------------


@app.command()
@guarded
def put(
    id: IdArgument,
    file: Annotated[Path | None, typer.Argument(help="a document to seal")] = None,
    to: Annotated[list[str] | None, typer.Option("--to", help="a member; several times")] = None,
    field: Annotated[
        list[str] | None, typer.Option("--field", help="name=value, opened one by one later")
    ] = None,
    schema: Annotated[str, typer.Option("--schema", help="city sealed schemas lists them")] = (
        "OTHER"
    ),
    scope: ScopeOption = "GENERAL",
    retain_until: Annotated[
        str, typer.Option("--retain-until", help="YYYY-MM-DD; empty: as the schema's rule says")
    ] = "",
    place: Annotated[
        str, typer.Option("--place", help="of a larger one: where others find the ciphertext")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="of a larger one: the file for that place")
    ] = None,
    output: OutputOption = Output.table,
) -> None:  # fmt: skip
    """Encrypts a document, fields or both to members, and records it. The root is the digest that other
    contracts take for the document.

    Example:  city as px-maker sealed put LC-1-INV invoice.pdf --to VB --to QB --schema PRESENTATION
    """
    from node.confidential.sealing import SealedRefused, content_of

    body = read_file(file) if file is not None else b""
    try:
        content = content_of(id, pairs(field or []), file.name if file else "", body)
    except SealedRefused as error:
        raise refused(error) from error
    with open_network() as net:
        shown = record(net, content, schema, to or [], scope, retain_until, place, out)
    show(shown, output)


def record(
    net: Any, content: Any, schema: str, to: list[str], scope: str = "GENERAL",
    retain_until: str = "", place: str = "", out: Path | None = None,
) -> dict[str, str]:  # fmt: skip
    """Seal content to members, and to the authorities that demand copies, and record it."""
    from node.confidential.sealing import INLINE_MAX, SealedRefused, seal

    asked = {"schema": schema, "members": to, "scope": scope}
    found = net.query("sealed_record", "recipients", asked).value
    keys, channel = found["keys"], bytes.fromhex(found["channel"])
    try:
        made = seal(content, channel, found["owner"], schema, [one["key"] for one in keys])
    except SealedRefused as error:
        raise refused(error) from error
    inside = len(made.ciphertext) <= INLINE_MAX and not place
    if not inside and (not place or out is None):
        reason = f"a ciphertext of {len(made.ciphertext)} bytes needs --place and --out"
        raise fail("CITY-1092", name="FILE", reason=reason)
    if out is not None:
        out.write_bytes(made.ciphertext)
    args = {
        "id": content.held.id, "schema": schema, "root": made.root, "fields": made.fields,
        "digest": made.digest, "size": len(made.ciphertext), "scope": scope,
        "keys": [one["key_id"] for one in keys], "wrapped": list(made.wrapped),
        "retain_until": retain_until,
    }  # fmt: skip
    args |= {"ciphertext": made.ciphertext} if inside else {"locator": place}
    done = net.call("sealed_record", "seal", args)
    return {"id": content.held.id, "root": made.root.hex(), "state": done.value,
            "sealed_to": ", ".join(one["key_id"] for one in keys)}  # fmt: skip


def pairs(words: list[str]) -> dict[str, str]:
    parts = [word.partition("=") for word in words]
    found = {name: value for name, _, value in parts}
    if len(found) < len(words) or any(not name or not equals for name, equals, _ in parts):
        raise fail("CITY-1092", name="--field", reason="name=value of each, each name once")
    return found


def opened(net: Any, id: str, purpose: str, keys: Path | None, file: Path | None) -> Any:
    """(the record with this member's copies, its content, the copy that opened). Raises CITY-1110."""
    from node.confidential.sealing import SealedRefused, open_copy

    args = {"id": id}
    if purpose:
        owner = net.query("sealed_record", "status", {"id": id}).value["owner"]
        asked = {"screen": "sealed", "purpose": digest_of(purpose.encode()), "subject": owner}
        args["receipt"] = net.call("regulator", "open_view", asked).value
        progress(f"receipt {args['receipt']} on the chain")
    found = net.query("sealed_record", "open_copy", args).value
    if file is None and not found["ciphertext"]:
        raise refused(f"its ciphertext is at {found['locator']}: fetch it and name it with --file")
    ciphertext = found["ciphertext"] if file is None else read_file(file)
    folder = key_folder(net, keys)
    for copy in found["copies"]:
        private = folder.find(copy["key"])
        if private is not None:
            try:
                return found, open_copy(private, copy["wrapped"], ciphertext, found), copy
            except SealedRefused as error:
                raise refused(error) from error
    names = ", ".join(copy["key_id"] for copy in found["copies"])
    raise refused(f"no private key of {names} is in {folder.folder}")


FileOption = Annotated[
    Path | None, typer.Option("--file", help="the ciphertext, where it is not on the ledger")
]


@app.command("open")
@guarded
def open_record(
    id: IdArgument,
    out: Annotated[Path | None, typer.Option("--out", help="where the document goes")] = None,
    purpose: PurposeOption = "",
    file: FileOption = None,
    keys: KeysOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Opens your copy of a record and checks it against the ledger's root. An authority names a purpose and
    leaves a receipt that the record's owner can count.

    Examples:  city as vb-maker sealed open LC-1-INV --out invoice.pdf
               city as hkma sealed open LC-1-INV --purpose "review 17"
    """
    with open_network() as net:
        found, content, _ = opened(net, id, purpose, keys, file)
    if out is not None and content.body:
        out.write_bytes(content.body)
        out.chmod(0o600)
    shown = {field.name: field.value for field in content.held.fields}
    show({"id": id, "owner": found["owner"], "schema": found["schema"],
          "root": found["root"].hex(), **shown}, output)  # fmt: skip


@app.command()
@guarded
def grant(
    id: IdArgument,
    member: Annotated[str, typer.Argument(help="who is to have a copy as well")],
    keys: KeysOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Passes your copy on to another member: its data key under that member's key, on record.

    Example:  city as qb-maker sealed grant LC-1-INV NB
    """
    with open_network() as net:
        key = pass_on(net, id, member, keys)
    show({"id": id, "sealed_to": key}, output)


def pass_on(net: Any, id: str, member: str, keys: Path | None) -> str:
    """Seal a record's data key to another member as well. Returns the number of that member's key."""
    from node.confidential.sealing import SealedRefused, reseal

    found = net.query("sealed_record", "open_copy", {"id": id}).value
    asked = {"schema": found["schema"], "members": [member], "scope": found["scope"]}
    known = net.query("sealed_record", "recipients", asked).value["keys"]
    taker = next(one for one in known if one["member"] == member)
    folder = key_folder(net, keys)
    held = [(folder.find(one["key"]), one["wrapped"]) for one in found["copies"]]
    mine = next(((key, wrapped) for key, wrapped in held if key is not None), None)
    if mine is None:
        raise refused(f"no private key of yours is in {folder.folder}")
    try:
        wrapped = reseal(*mine, taker["key"])
    except SealedRefused as error:
        raise refused(error) from error
    net.call("sealed_record", "grant", {"id": id, "key": taker["key_id"], "wrapped": wrapped})
    return str(taker["key_id"])


@app.command()
@guarded
def prove(
    id: IdArgument,
    names: Annotated[list[str], typer.Argument(help="fields to open; the others stay hidden")],
    out: Annotated[Path, typer.Option("--out", help="the file for who is to see them")],
    file: FileOption = None,
    keys: KeysOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Opens some fields of a record to an outsider, with a proof that the ledger has committed to them.

    Example:  city as px-maker sealed prove LC-1-INV document.sm3 --out shown.json
    """
    from contracts.runtime.keys import state_key
    from node.confidential.sealing import CONTRACT, SealedRefused, disclose

    with open_network() as net:
        _, content, _ = opened(net, id, "", keys, file)
        proof = net.state_proof(state_key(CONTRACT, CONTRACT, id))
    try:
        out.write_bytes(disclose(content, names, proof).to_bytes())
    except SealedRefused as error:
        raise refused(error) from error
    show({"id": id, "opened": ", ".join(names), "file": str(out)}, output)


@app.command()
@guarded
def verify(
    file: Annotated[Path, typer.Argument(help="written by: city sealed prove … --out")],
    channel_id: ChannelOption = "",
    output: OutputOption = Output.table,
) -> None:
    """Checks opened fields against the ledger's commitment, without a network.

    Example:  city sealed verify shown.json --channel-id 5f…
    """
    from node.confidential.sealing import SealedRefused, verify_disclosure

    try:
        view = verify_disclosure(read_file(file), trusted_channel(channel_id))
    except SealedRefused as error:
        raise refused(error) from error
    show(view, output)
