"""Makes the commands of `node.cli.trade`: the views of a group, its calls from the state tables, `next` and
`journal`. Nothing is built before somebody asks for it, so that help stays quick."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from node.cli.output import Output, OutputOption, fail, guarded, progress, show
from node.cli.trade import GROUPS, Group, Show

PAGE = 50
Command = Callable[..., None]


def open_network() -> Any:
    """As `session.open_network`; here so that a test can put a world without a network in its place."""
    from node.cli import session

    return session.open_network()


# ---- calls of the tables -------------------------------------------------------------------------


def calls_of(group: Group) -> dict[str, tuple[str, str, str]]:
    """Command → (contract, method, help): every call of the group's tables that a person may make."""
    from contracts.tables import TABLES

    found: dict[str, tuple[str, str, str]] = {}
    for table in TABLES:
        if table.contract not in group.contracts:
            continue
        for start, call, who, guard, *_ in table.rows:
            if "through " in who or "contract" in who or who.startswith("@"):
                continue
            other, _, method = call.rpartition(".")
            text = f"{people(who)}: {guard}" if guard != "-" else people(who)
            origin = "" if start == "-" else f" [{start.replace('|', ', ')}]"
            name = command_name(method)
            found.setdefault(name, (other or table.contract, method, text + origin))
    return found


def people(who: str) -> str:
    """`applicant:maker` as `applicant (maker)`, `any:regulator` as `regulator`."""
    named = []
    for one in who.split(", "):
        part, _, role = one.partition(":")
        named.append(role if part == "any" else f"{part} ({role})" if role else part)
    return ", ".join(named)


def command_name(method: str) -> str:
    return method.replace("_", "-")


def caller(contract: str, method: str, text: str) -> Command:
    """The command that sends one call. Values without a name fill the method's parameters in order."""

    @guarded
    def run(
        arguments: Annotated[
            list[str] | None,
            typer.Argument(
                help="values in the method's order, or name=value, name:=JSON, name=@file"
            ),
        ] = None,
        request_id: Annotated[
            str, typer.Option("--request-id", help="business id; sending it again is safe")
        ] = "",
        dry_run: Annotated[bool, typer.Option("--dry-run", help="simulate only")] = False,
        output: OutputOption = Output.table,
    ) -> None:
        from node.cli.call import checked_arguments, committed_view

        with open_network() as net:
            words = named(net, contract, method, arguments or [])
            args = checked_arguments(net, contract, method, words)
            if dry_run:
                answer = net.simulate(contract, method, args)
                show({"outcome": answer.outcome, "code": answer.reason, "message": answer.message,
                      "value": answer.value, "gas_used": answer.gas_used}, output)  # fmt: skip
                return
            options = {"request_id": request_id} if request_id else {}
            show(committed_view(net.call(contract, method, args, **options)), output)

    run.__doc__ = text
    return run


def named(net: Any, contract: str, method: str, words: Sequence[str]) -> list[str]:
    """The words with names. `400000000,200000000` is a list where the method takes one."""
    _, schema = net.schema(contract, 0)
    known = schema.method(method)
    if known is None:
        raise fail("CITY-4061", contract=contract, method=method, meant="", known="")
    names = [one.name for one in known.parameters]
    hints = {one.name: one.hint for one in known.parameters}
    given = {word.partition("=")[0].removesuffix(":") for word in words if is_named(word, names)}
    free = [name for name in names if name not in given]
    found = []
    for word in words:
        if is_named(word, names):
            found.append(word)
        elif not free:
            raise fail("CITY-1092", name=word, reason=f"{method} takes {', '.join(names)}")
        else:
            name = free.pop(0)
            found.append(listed(name, word) if hints[name].startswith("list") else f"{name}={word}")
    return found


def is_named(word: str, names: Sequence[str]) -> bool:
    name, separator, _ = word.partition("=")
    return separator == "=" and name.removesuffix(":") in names


def listed(name: str, word: str) -> str:
    if word.startswith("["):
        return f"{name}:={word}"
    parts = [int(part) if part.isdecimal() else part for part in word.split(",")]
    return f"{name}:={json.dumps(parts)}"


# ---- views ---------------------------------------------------------------------------------------


def viewer(view: Show) -> Command:
    """The command of a view: its words as arguments, those with a default as options."""
    names = [word.removesuffix("=") for word in view.words]

    @guarded
    def run(**given: Any) -> None:
        output = given.pop("output")
        args = {name: given[name] for name in names if given[name] != ""}
        with open_network() as net:
            if view.draw == "pages":
                rows = pages(net, view, args, given["after"], given["limit"], given["page"])
            else:
                rows = ask(net, view.target, args)
        draw(view, rows, output)

    run.__doc__ = view.help
    signed(run, parameters_of(view))
    return run


def signed(run: Command, parameters: list[inspect.Parameter]) -> None:
    """Gives a function the signature that Typer reads."""
    vars(run).pop("__wrapped__", None)
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}


def parameters_of(view: Show) -> list[inspect.Parameter]:
    found = []
    for word in view.words:
        name = word.removesuffix("=")
        if word.endswith("="):
            option = typer.Option(f"--{command_name(name)}", help="empty: any")
            found.append(keyword(name, Annotated[str, option], ""))
        else:
            found.append(keyword(name, Annotated[str, typer.Argument()]))
    if view.draw == "pages":
        found += [
            keyword("after", Annotated[str, typer.Option("--after", help="the last id seen")], ""),
            keyword("limit", Annotated[int, typer.Option("--limit", help="rows a page")], PAGE),
            keyword("page", Annotated[int, typer.Option("--page", help="the page's number")], 1),
        ]
    return [*found, keyword("output", OutputOption, Output.table)]


def keyword(name: str, hint: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, annotation=hint, default=default)


def ask(net: Any, target: str, args: Mapping[str, Any]) -> Any:
    from node.cli.call import checked_arguments

    contract, method = target.split(".")
    words = [f"{name}={value}" for name, value in args.items()]
    return net.query(contract, method, checked_arguments(net, contract, method, words)).value


def pages(
    net: Any, view: Show, args: Mapping[str, Any], after: str, limit: int, page: int
) -> list[Any]:
    """One page by index. The first column is the id that the next page comes after."""
    contract, method = view.target.split(".")
    _, schema = net.schema(contract, 0)
    known = schema.method(method)
    sized = known is not None and any(one.name == "limit" for one in known.parameters)
    rows: list[Any] = []
    for _ in range(max(page, 1)):
        here = (
            dict(args) | ({"after": after} if after else {}) | ({"limit": limit} if sized else {})
        )
        rows = list(ask(net, view.target, here))
        if not rows:
            break
        after = str(rows[-1][view.columns[0] if view.columns else "id"])
    if rows:
        progress(f"the next page: --after {after}")
    return rows


def draw(view: Show, found: Any, output: Output) -> None:
    from node.cli.trade_drawing import for_people, split_tree

    if output is Output.json:
        show(found, output)
    elif view.draw == "tree":
        show(found, output, lambda: split_tree(found))
    else:
        show(for_people(found, view.columns), output)


# ---- next and journal ----------------------------------------------------------------------------


def next_steps(group: Group) -> Command:
    @guarded
    def run(
        identifier: Annotated[str, typer.Argument(help="the record's id")],
        contract: Annotated[
            str, typer.Option("--contract", help="of several of the group, which one's record")
        ] = group.contracts[0],
        output: OutputOption = Output.table,
    ) -> None:
        """What may happen to a record now: the call, who may make it, on which condition, where it leads."""
        key = {"receivable": "identifier"}.get(contract, group.key)
        with open_network() as net:
            steps = ask(net, f"{contract}.next_steps", {key: identifier})
        rows = [
            {"command": f"city {group.name} {command_name(step['call'].rpartition('.')[2])}",
             "who": people(step["who"]), "condition": step["guard"], "leads to": step["to"]}
            for step in steps
        ]  # fmt: skip
        show(steps if output is Output.json else rows or "nothing: it has ended", output)

    return run


def journal(group: Group) -> Command:
    @guarded
    def run(
        identifier: Annotated[str, typer.Argument(help="the record's id, or the beginning of it")],
        output: OutputOption = Output.table,
    ) -> None:
        """Everything that happened to a record, in order, from the events of the chain."""
        with open_network() as net:
            events = [e for name in group.contracts for e in net.past_events(name)]
        events.sort(key=lambda event: tuple(int(part) for part in event.id.split("/")))
        rows = [
            {"id": event.id, "event": event.name, "record": record, "tx": event.tx_id}
            | ({"fields": dict(event.fields)} if output is Output.json else {})
            for event in events
            if (record := record_of(event.fields)).startswith(identifier)
        ]
        empty: Any = [] if output is Output.json else "nothing happened to it"
        show(rows or empty, output)

    return run


def record_of(fields: Mapping[str, Any]) -> str:
    """What an event speaks of: the first of the names that contracts give their records."""
    names = ("leaf_id", "ec_id", "request_id", "id", "party", "fingerprint", "document")
    return next((str(fields[name]) for name in names if name in fields), "")


# ---- groups --------------------------------------------------------------------------------------


def commands_of(group: Group) -> dict[str, tuple[str, Command]]:
    """Command → (first line of its help, function), views first."""
    from contracts.bundles import SUITE

    known = [name for name in group.contracts if name in SUITE]
    found = {
        one.name: (one.help, viewer(one))
        for one in group.shows
        if one.target.split(".")[0] in SUITE
    }
    if known:
        found["next"] = ("What may happen to a record now.", next_steps(group))
        found["journal"] = ("Everything that happened to a record.", journal(group))
    for name, (contract, method, text) in calls_of(group).items():
        if name not in found:
            found[name] = (text, caller(contract, method, text))
    return found


def lazy_group(group: Group) -> type[TyperGroup]:
    """A command group whose commands are made when they are asked for."""

    class Lazy(TyperGroup):
        def made(self) -> dict[str, tuple[str, Command]]:
            if not hasattr(self, "_made"):
                self._made = commands_of(group)
            return self._made

        def list_commands(self, ctx: Any) -> list[str]:
            own = super().list_commands(ctx)
            return [*own, *(name for name in self.made() if name not in own)]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            own = super().get_command(ctx, cmd_name)
            if own is not None or cmd_name not in self.made():
                return own
            text, run = self.made()[cmd_name]
            one = typer.Typer(add_completion=False)
            one.command(cmd_name, help=text)(run)
            return typer.main.get_command(one)

    return Lazy


def trade_apps() -> dict[str, typer.Typer]:
    """Every group whose contracts there are; commands written by hand are plugged in and go first."""
    from contracts.bundles import SUITE

    return {
        group.name: typer.Typer(cls=lazy_group(group), help=group.help, no_args_is_help=True)
        for group in GROUPS
        if any(name in SUITE for name in group.contracts)
    }
