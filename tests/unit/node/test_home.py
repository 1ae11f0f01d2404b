"""A stopped node's home moves to another of its channels; no keys are mixed up, wherever it is cut off."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from node.config import load_config
from node.doctor.doctor import Mark, examine
from node.errors import CityError
from node.genesis import decode_genesis, encode_genesis
from node.hosting import home
from node.hosting.home import move_home
from node.hosting.notes import Note, State, changed_files, seal, write_note
from node.identity.keyfile import write_key
from node.identity.suite import get_suite
from node.keys.keyring import (
    GRANT_FILE,
    NEXT_GRANT_FILE,
    VOTE_FILE,
    node_card,
    open_keyring,
    prepare_vote_key,
)
from node.ledger.store import LevelStore
from node.network.create import create_network
from node.network.layout import Layout
from node.network.plan import load_plan
from node.opening import peek_configuration, read_genesis

OTHER = "scf-px"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of two, and a second channel of the same nodes with vote keys of its own."""
    root = tmp_path_factory.mktemp("made") / "net"
    create_network(load_plan().with_nodes(2), root)
    layout = Layout(root)
    suite = get_suite("sm")
    keys = [suite.generate_key() for _ in layout.slugs()]
    genesis = decode_genesis(
        (layout.node(layout.slugs()[0]) / "channels/main/genesis.bin").read_bytes()
    )
    by_name = {
        load_config(layout.node_config(slug)).name: key
        for slug, key in zip(layout.slugs(), keys, strict=True)
    }
    nodes = tuple(replace(n, vote_key=by_name[n.name].public_key) for n in genesis.config.nodes)
    other = replace(genesis, config=replace(genesis.config, name=OTHER, nodes=nodes))
    for slug, key in zip(layout.slugs(), keys, strict=True):
        folder = layout.node(slug) / "channels" / OTHER
        (folder / "keys").mkdir(parents=True, mode=0o700)
        (folder / "genesis.bin").write_bytes(encode_genesis(other))
        write_key(folder / "keys" / VOTE_FILE, key, None, dev=True)
    return root


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "net")
    layout = Layout(tmp_path / "net")
    return layout.node_config(layout.slugs()[0])


def votes(path: Path) -> dict[str, str]:
    """The public vote key by channel, where each opens with what genesis names."""
    config = load_config(path)
    found = {}
    for name in ("main", OTHER):
        place = config.place(name)
        genesis = read_genesis(place.folder)
        suite = get_suite(genesis.config.suite)
        keyring = open_keyring(config, peek_configuration(place.folder, genesis), suite, place)
        assert keyring.votes.has_vote(genesis.config.validators)
        found[name] = node_card(config, name)["vote_key"]
    return found


def test_the_home_moves_there_and_back_and_every_key_stays_with_its_channel(path: Path) -> None:
    before, text = votes(path), path.read_text("utf-8")
    assert before["main"] != before[OTHER]
    for name in (OTHER, OTHER, "main", OTHER):
        assert move_home(path, name)["home"] == name
        assert load_config(path).channel.name == name
        assert votes(path) == before
    assert path.read_text("utf-8") == text.replace('name = "main"', f'name = "{OTHER}"')
    assert not (load_config(path).keys_dir / VOTE_FILE).exists()


def test_a_grant_for_keys_that_are_to_follow_stays_with_its_channel(path: Path) -> None:
    keys = load_config(path).keys_dir
    for name in (GRANT_FILE, NEXT_GRANT_FILE):
        (keys / name).write_bytes(name.encode())
    move_home(path, OTHER)
    own = load_config(path).place("main").keys
    assert [(own / n).read_bytes() for n in (GRANT_FILE, NEXT_GRANT_FILE)] == [
        GRANT_FILE.encode(),
        NEXT_GRANT_FILE.encode(),
    ]
    assert not list(keys.glob("grant*"))


def test_it_moves_where_the_file_says_it_otherwise(path: Path) -> None:
    text = path.read_text("utf-8")
    for said in (
        "[ channel ]  # home\n  name='main' # old\n[channel.main.pool]\ntransactions_max = 500\n",
        "[channel]\n[channel.main]\nprune.keep = 5000\n",
        "",
    ):
        path.write_text(text.replace('[channel]\nname = "main"\n', said), "utf-8")
        assert load_config(path).channel.name == "main"
        move_home(path, OTHER)
        assert load_config(path).channel.name == OTHER
        assert set(load_config(path).channel.others) == ({"main"} if said else set())
        move_home(path, "main")


def test_a_file_that_it_cannot_change_safely_stays_as_it_is(path: Path) -> None:
    text = path.read_text("utf-8").replace('[channel]\nname = "main"\n', "")
    path.write_text('channel.name = "main"\n' + text, "utf-8")
    before, held = votes(path), path.read_bytes()
    with pytest.raises(CityError, match="CITY-8073"):
        move_home(path, OTHER)
    assert path.read_bytes() == held and votes(path) == before


@pytest.mark.parametrize("cut", ["replace", "write_durably", "unlink"])
def test_a_crash_on_the_way_leaves_a_node_that_opens(
    path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    before = votes(path)

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(home if cut == "write_durably" else Path, cut, crash)
        if cut == "unlink":  # the trial file's own removal is none
            patched.setattr(
                home, "_renamed", lambda *_: path.read_text("utf-8").replace('"main"', f'"{OTHER}"')
            )
        with pytest.raises(KeyboardInterrupt):
            move_home(path, OTHER)
    assert votes(path) == before
    move_home(path, OTHER)
    assert votes(path) == before and load_config(path).channel.name == OTHER


def test_it_is_refused_while_the_node_runs_and_where_the_other_cannot_be_it(path: Path) -> None:
    config = load_config(path)
    before, text = votes(path), path.read_text("utf-8")
    with pytest.raises(CityError, match="CITY-1004"):
        move_home(path, "elsewhere")
    store = LevelStore(config.place().folder / "blocks")
    with pytest.raises(CityError, match="CITY-5001"):
        move_home(path, OTHER)
    store.close()
    write_note(config.place(OTHER).folder, Note(State.archived))
    with pytest.raises(CityError, match=r"CITY-8073.*archived"):
        move_home(path, OTHER)
    assert path.read_text("utf-8") == text and votes(path) == before
    assert not (config.place().folder / "keys").exists()


def test_a_key_is_prepared_for_the_channel_that_is_named(path: Path) -> None:
    config = load_config(path)
    for name, folder in (("", config.keys_dir), (OTHER, config.place(OTHER).folder / "keys")):
        made = prepare_vote_key(config, name)
        assert Path(made["file"]).parent == folder
        assert made["channel"] == (name or "main")


def test_the_doctor_looks_at_every_channel_or_the_one_that_is_named(path: Path) -> None:
    config = load_config(path)
    found = examine(path)
    assert [c for c in found if c.mark is Mark.bad] == []
    names = {c.channel: {d.name for d in found if d.channel == c.channel} for c in found}
    assert set(names) == {"", "main", OTHER}
    assert names["main"] == names[OTHER] >= {"genesis", "cryptography", "keys", "ledger"}
    (config.place(OTHER).keys / VOTE_FILE).chmod(0o644)
    bad = [(c.channel, c.name) for c in examine(path) if c.mark is Mark.bad]
    assert bad == [(OTHER, "keys")]
    assert [c for c in examine(path, "main") if c.mark is Mark.bad] == []
    assert {c.channel for c in examine(path, OTHER)} == {"", OTHER}
    with pytest.raises(CityError, match="CITY-1004"):
        examine(path, "elsewhere")


def test_the_doctor_compares_an_archive_with_its_manifest(path: Path) -> None:
    folder = load_config(path).place(OTHER).folder
    (folder / "blocks").mkdir()
    kept = folder / "blocks" / "000001.ldb"
    kept.write_bytes(b"sealed")
    write_note(folder, Note(State.archived))
    seal(folder, {"height": 7})

    def told() -> tuple[Mark, str]:
        (check,) = (c for c in examine(path, OTHER, deep=True) if c.name == "archived")
        return check.mark, check.found

    assert told() == (Mark.ok, "at block 7, all files are those of its manifest")
    os.chmod(kept, 0o600)
    kept.write_bytes(b"other")
    assert told()[0] is Mark.bad and "000001.ldb" in told()[1]
    assert changed_files(folder) == ["blocks/000001.ldb"]


def test_what_is_said_of_one_channel_holds_for_that_one(path: Path) -> None:
    text = path.read_text("utf-8")
    path.write_text(
        text
        + "\n[pool]\ntransactions_max = 7000\n[snapshot]\nevery = 500\n"
        + f"[channel.{OTHER}.pool]\nbytes_max = 2000000\n[channel.{OTHER}]\nsnapshot.every = 0\n"
        + "[channel.gone.prune]\nkeep = 4000\n",
        "utf-8",
    )
    config = load_config(path)
    common, own = config.of_channel("main"), config.of_channel(OTHER)
    assert (common.pool.transactions_max, common.snapshot.every) == (7000, 500)
    assert (own.pool.transactions_max, own.pool.bytes_max) == (7000, 2_000_000)
    assert (own.snapshot.every, own.prune.keep) == (0, 0)
    warned = [c.found for c in examine(path) if c.mark is Mark.warn and c.name == "configuration"]
    assert len(warned) == 1 and "channel.gone" in warned[0]
