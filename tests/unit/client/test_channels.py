"""A context that knows several channels, and the genesis of a channel that is made from nodes' cards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from consensus.encoding import Hash
from node.genesis import Identity
from node.hosting.cards import NodeCard
from node.sdk.channels import ChannelOrder, make_genesis
from node.sdk.context import ChannelRef, Context, add_channel, drop_channel, find_context
from node.sdk.errors import CityError
from tests.unit.peers.world import SUITE, World

CITIES = ("Shenzhen", "Guangzhou", "Beijing")
REF = ChannelRef("scf-px", b"\x01" * 32, "sm", CITIES[:2])


@pytest.fixture
def context(tmp_path: Path) -> Context:
    lines = ["[contexts.dev]", 'channel = "main"', f'channel_id = "{"00" * 32}"']
    for city in CITIES:
        lines += ["[[contexts.dev.nodes]]", f'name = "{city}"', 'api = "127.0.0.1:1"']
        lines += ['certificate = "node.crt"', f'operator = "admin-{city.lower()}"']
    lines += ["[contexts.dev.users.buyer]", 'key = "buyer.pem"', 'member = "PX"']
    (tmp_path / "contexts.toml").write_text("\n".join(lines) + "\n")
    return find_context(str(tmp_path))


def again(context: Context) -> Context:
    assert context.file is not None
    return find_context(str(context.file.parent))


def test_a_channel_that_was_added_is_found_with_the_nodes_that_hold_it(context: Context) -> None:
    assert context.file is not None
    add_channel(context.file, "dev", REF)
    add_channel(context.file, "dev", replace(REF, name="abroad", suite="intl", nodes=CITIES))
    found = again(context)
    on = found.on("scf-px")
    assert (on.channel, on.channel_id, on.suite) == ("scf-px", REF.channel_id, "sm")
    assert tuple(node.name for node in on.nodes) == REF.nodes
    assert on.user("buyer").key == context.user("buyer").key
    abroad = found.on("abroad")
    assert abroad.suite == "intl" and abroad.user("buyer").key.name == "buyer.intl.pem"
    assert found.on("main") is found


def test_a_channel_is_written_anew_and_taken_out_without_touching_the_rest(
    context: Context,
) -> None:
    assert context.file is not None
    before = context.file.read_text()
    add_channel(context.file, "dev", REF)
    add_channel(context.file, "dev", replace(REF, name="other"))
    add_channel(context.file, "dev", replace(REF, nodes=CITIES))
    found = again(context)
    assert {ref.name for ref in found.channels} == {"scf-px", "other"}
    assert len(found.on("scf-px").nodes) == 3
    for name in ("other", "scf-px", "scf-px"):
        drop_channel(context.file, "dev", name)
    assert again(context) == context and context.file.read_text() == before


def test_a_channel_that_the_context_does_not_know_is_named_with_those_it_knows(
    context: Context,
) -> None:
    with pytest.raises(CityError, match="CITY-1018") as refused:
        context.on("nowhere")
    assert "main" in refused.value.message
    assert context.node("beijing ").operator == "admin-beijing"
    with pytest.raises(CityError, match="CITY-1002"):
        context.node("Atlantis")


def cards(world: World) -> list[NodeCard]:
    admin = Identity("admin", "PX", world.admin.public_key, ("admin",))
    engine = replace(world.config.engine, digest=Hash(b"\x02" * 32))
    member = world.config.members[0]
    return [
        NodeCard(SUITE.id, node, member, (admin,), engine, f"{node.name}:1")
        for node in world.config.nodes
    ]


def order(**changes: object) -> ChannelOrder:
    fields: dict[str, object] = {"name": "scf-px", "nodes": CITIES[:2], "contracts": ("transfer",)}
    return ChannelOrder(**(fields | changes))  # type: ignore[arg-type]


def test_a_genesis_says_who_votes_who_follows_and_in_what_role(context: Context) -> None:
    world = World(CITIES)
    made = make_genesis(
        context, world.config, order(followers={"Beijing": "regulator"}), cards(world)
    ).config
    assert [node.name for node in made.nodes] == list(CITIES[:2])
    assert [(node.name, node.role) for node in made.followers] == [("Beijing", "regulator")]
    assert [member.member_id for member in made.members] == ["PX"]
    assert [identity.name for identity in made.identities] == ["admin"]
    assert [entry.name for entry in made.contracts] == ["transfer"] and made.clock == "real"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"contracts": ("no_such_contract",)}, "CITY-8070"),
        ({"contracts": ("../transfer",)}, "CITY-8070"),
        ({"contracts": ("transfer", "transfer")}, "CITY-8070"),
        ({"members": ("NOBODY",)}, "CITY-8070"),
        ({"window": 9}, "CITY-8070"),
        ({"engine": "dice"}, "CITY-8070"),
    ],
)
def test_an_order_that_cannot_be_is_refused_before_any_node_joins(
    context: Context, changes: dict[str, object], code: str
) -> None:
    world = World(CITIES[:2])
    with pytest.raises(CityError, match=code):
        make_genesis(context, world.config, order(**changes), cards(world))


def test_nodes_that_run_different_engines_get_no_channel(context: Context) -> None:
    world = World(CITIES[:2])
    one, other = cards(world)
    other = replace(other, engine=world.config.engine)
    with pytest.raises(CityError, match="CITY-8067"):
        make_genesis(context, world.config, order(), [one, other])
