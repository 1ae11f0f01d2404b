"""A running node gets another certificate and identity key: awake, and asleep at the very block."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from node.cli.rotate import USES
from node.config import load_config
from node.identity.certificates import from_pem, issue, parse, to_pem
from node.identity.keyfile import decode_key
from node.identity.requests import read_request
from node.identity.signers import MemorySigner
from node.identity.suite import get_suite
from node.identity.transport import certificate_der
from node.keys import rotation
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import ONCE
from tests.cluster.test_reconfiguration import PROVEN_BY, city, configure, status_when

pytestmark = [pytest.mark.cluster, ONCE]
INTL = get_suite("intl")


def issued(cluster: Cluster, slug: str, request: Path) -> Path:
    """By the member's authority over its nodes."""
    authority = cluster.layout.authorities / f"node-{slug}.ca"
    ca = parse(from_pem(authority.with_suffix(".ca.crt").read_bytes()))
    signer = MemorySigner(decode_key(authority.with_suffix(".ca.pem").read_bytes(), dev=True))
    holder = read_request(INTL, from_pem(request.read_bytes(), "CERTIFICATE REQUEST"))
    made = issue(INTL, ca, signer, holder, (ca.not_before_ms, ca.not_after_ms))
    out = request.with_suffix(".issued")
    out.write_bytes(to_pem(made.der))
    return out


async def up(cluster: Cluster, slug: str) -> None:
    await status_when(cluster, slug, role="validator", peers=lambda found: len(found) == 3)


async def rotate(cluster: Cluster, slug: str, use: str, *words: str) -> Any:
    config = str(cluster.layout.node_config(slug))
    return await asyncio.to_thread(
        city, cluster, "--as", f"admin-{slug}", "node", "rotate", use, "--config", config, *words,
        "-o", "json",
    )  # fmt: skip


async def replaced_awake(four: Cluster) -> None:
    slug, keys = "beijing", load_config(four.layout.node_config("beijing")).keys_dir
    before = {p.name: p.read_bytes() for p in keys.iterdir()}
    asked = await rotate(four, slug, "transport")
    certificate = issued(four, slug, Path(asked["request"]))
    await rotate(four, slug, "transport", "--certificate", str(certificate))
    await up(four, slug)
    for use in USES[1:]:
        assert (await rotate(four, slug, use))["replaced"] == use
    for at in four.slugs:
        await up(four, at)
    after = {p.name: p.read_bytes() for p in keys.iterdir() if p.suffix in (".pem", ".crt")}
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in after)
    four.kill(
        "shenzhen"
    )  # from here on its vote is needed, and after a restart with the new files alone
    four.kill(slug)
    four.start(slug)
    done = await four.call("open_account", {"owner": "a", "amount": 1}, slug)
    assert len(await four.roots(done.block, ["guangzhou", slug, "hong-kong"])) == 1
    four.start("shenzhen")
    await up(four, "shenzhen")


async def replaced_asleep(
    four: Cluster,
) -> None:
    slug, name = "guangzhou", "Guangzhou"
    config = load_config(four.layout.node_config(slug))
    key = rotation.prepare_identity(config, get_suite("sm"))
    request = rotation.prepare_transport(config)
    request.file.write_bytes(to_pem(request.der, "CERTIFICATE REQUEST"))
    pem = issued(four, slug, request.file).read_bytes()
    fresh = certificate_der(rotation.take_certificate(config, pem))
    four.kill(slug)
    for method, args in (
        ("replace_transport", {"transport_cert": b64encode(fresh).decode()}),
        ("replace_node_identity", {"identity_key": b64encode(key).decode()}),
    ):
        done = await configure(four, f"admin-{slug}", method, {"name": name} | args, "shenzhen")
        assert done.value["in_force"] and done.value["epoch"] == 1  # of the vote key before
    four.start(slug)
    async with asyncio.timeout(PROVEN_BY):
        await up(four, slug)
        await four.applied(slug, done.block)
    for use in USES[:2]:
        await rotate(four, slug, use)
    assert not list(config.keys_dir.glob("*-next.pem"))
    four.kill("hong-kong")  # its vote is needed now
    done = await four.call("open_account", {"owner": "b", "amount": 1}, slug)
    assert len(await four.roots(done.block, ["shenzhen", slug, "beijing"])) == 1


async def test_a_node_gets_all_its_keys_anew_awake_and_another_asleep(four: Cluster) -> None:
    await replaced_awake(four)
    await replaced_asleep(four)
