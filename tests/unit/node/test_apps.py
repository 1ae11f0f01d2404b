"""An application as one file: read back whole, and refused where it is none."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from consensus.encoding import encode
from node.apps import FORMAT, package, read_package
from node.errors import CityError

PLAN = """\
[app]
name = "pledges"
title = "Goods as security"
release = "1.0"
[channel]
contracts = ["party", "pledge.py"]
engine = "raft"
window = 2
members = ["PX"]
limits = { block_txs_max = 100 }
[policy]
add-validator = "majority of members"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = Path(__file__).parents[3] / "contracts" / "suite" / "transfer.py"
    (tmp_path / "pledge.py").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "app.toml").write_text(PLAN)
    return tmp_path


def test_a_package_reads_back_whole_and_its_digest_is_that_of_the_file(folder: Path) -> None:
    data = package(folder)
    assert package(folder / "app.toml") == data
    file = folder / "pledges.cityapp"
    file.write_bytes(data)
    found, digest = read_package(file)
    assert digest == hashlib.sha256(data).hexdigest()
    assert (found.name, found.engine, found.suite, found.window) == ("pledges", "raft", "sm", 2)
    assert found.members == ("PX",) and found.limits.block_txs_max == 100
    assert [(b.name, b.version) for b in found.bundles()] == [("party", 1), ("pledge", 1)]
    assert [(rule.kind, rule.policy) for rule in found.policies] == [
        ("add-validator", "majority of members")
    ]
    assert encode(found) == data


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('name = "pledges"', 'name = "Pledges!"', "app.name"),
        ('engine = "raft"', 'engine = "dice"', "channel.engine"),
        ("window = 2", "window = 9", "channel.window"),
        ('"party", "pledge.py"', "", "channel.contracts"),
        ('"party"', '"no_such_contract"', "no_such_contract"),
        ('"pledge.py"', '"other.py"', "other.py"),
        ('"party"', '"pledge.py"', "twice"),
        ("block_txs_max", "blocks_max", "channel.limits"),
        ("majority of members", "most of them", "policy.add-validator"),
        ("add-validator", "crown-king", "policy.crown-king"),
        ("[app]", "[application]", "app"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_its_place(
    folder: Path, old: str, new: str, reason: str
) -> None:
    assert old in PLAN
    (folder / "app.toml").write_text(PLAN.replace(old, new))
    with pytest.raises(CityError, match="CITY-8071") as refused:
        package(folder)
    assert reason in str(refused.value.variables["reason"])


def test_a_contract_that_the_linter_refuses_is_not_packaged(folder: Path) -> None:
    (folder / "pledge.py").write_text("import os\n")
    with pytest.raises(CityError, match="CITY-4021"):
        package(folder)


def test_bytes_that_are_no_package_are_refused(folder: Path) -> None:
    data = package(folder)
    file = folder / "it.cityapp"
    file.write_bytes(data)
    later = encode(dataclasses.replace(read_package(file)[0], format=FORMAT + 1))
    for bad in (b"", data[:-1], data + b"\0", b"\0" * 100, later):
        file.write_bytes(bad)
        with pytest.raises(CityError, match="CITY-8071"):
            read_package(file)


def test_the_application_that_comes_along_can_be_packaged(tmp_path: Path) -> None:
    file = tmp_path / "scf.cityapp"
    file.write_bytes(package(Path(__file__).parents[3] / "deploy" / "apps" / "scf"))
    found, _ = read_package(file)
    assert found.name == "scf" and "receivable" in [bundle.name for bundle in found.bundles()]
