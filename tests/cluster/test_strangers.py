"""A fifth node that nobody granted anything knocks at four real cities, and at itself first."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from consensus.encoding import decode
from node.identity.keyfile import write_key
from node.identity.suite import get_suite
from node.identity.transport import (
    issue_transport_certificate,
    make_peer_ca,
    save_transport,
)
from node.peers.statement import SignedGrant, issue_grant
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import FIFTH as CITY
from tests.cluster.conftest import ONCE
from tests.cluster.starting import contents, try_start
from tests.cluster.test_reconfiguration import PROVEN_BY, status_when

pytestmark = [pytest.mark.cluster, ONCE]

SLUG = CITY.lower()
LINES_MAX = 200


def _keys(fifth: Cluster) -> Path:
    return fifth.layout.node(SLUG) / "keys"


def _no_grant(fifth: Cluster) -> None:
    (_keys(fifth) / "grant.bin").write_bytes(b"")


def _own_grant(fifth: Cluster) -> None:
    """It signed its own grant."""
    suite = get_suite("sm")
    path = _keys(fifth) / "grant.bin"
    grant = decode(SignedGrant, path.read_bytes()).grant
    path.write_bytes(issue_grant(suite, suite.signer(suite.generate_key()), grant))


def _other_identity(fifth: Cluster) -> None:
    """It found somebody's grant and transport key, but not the identity key they were given to."""
    (_keys(fifth) / "identity.pem").unlink()
    write_key(_keys(fifth) / "identity.pem", get_suite("sm").generate_key(), None, dev=True)


REFUSED: tuple[tuple[str, Callable[[Cluster], None], str, str], ...] = (
    ("no grant", _no_grant, "CITY-2201", "genesis does not name it, and it shows nothing"),
    ("a grant of its own making", _own_grant, "CITY-2207", "only a member's admin key lets in"),
    ("another's papers", _other_identity, "CITY-2201", "its statement must be by the granted key"),
)


@pytest.mark.parametrize(("what", "forge", "code", "why"), REFUSED, ids=[row[0] for row in REFUSED])
async def test_a_peer_with_an_unknown_key_is_refused_counted_and_does_not_disturb(
    shared: Cluster,
    fifth: Cluster,
    what: str,
    forge: Callable[[Cluster], None],
    code: str,
    why: str,
) -> None:
    forge(fifth)
    before = {slug: _refused(shared, slug, code) for slug in shared.slugs}
    with _running(fifth) as lines:
        # It is told why, once by each of the four; one that is too busy to shake hands says that first.
        told = [line for line in _until(lines, shared.slugs) if line["event"] == "peer.unreachable"]
        assert len({line["peer"] for line in told}) == 4
        codes = {line["reason"][: len(code)] for line in told if "CITY-" in line["reason"]}
        assert codes <= {code}, told
    for slug in shared.slugs:
        await _counted(shared, slug, code, before[slug])
        status = await status_when(shared, slug, state="ready", peers=lambda up: len(up) == 3)
        assert CITY not in [peer["name"] for peer in status["peers"]]
    done = await shared.call("open_account", {"owner": f"despite {what}", "amount": 1})
    assert len(await shared.roots(done.block)) == 1


def test_a_certificate_of_an_unknown_authority_does_not_get_through_tls(
    shared: Cluster, fifth: Cluster
) -> None:
    ca = make_peer_ca("stranger")
    certificate = issue_transport_certificate(ca, SLUG, ["localhost", "127.0.0.1"])
    (_keys(fifth) / "transport.pem").unlink()
    save_transport(certificate, _keys(fifth) / "transport.crt", _keys(fifth) / "transport.pem")
    with _running(fifth) as lines:
        told = [line for line in _until(lines, shared.slugs) if line["event"] == "peer.unreachable"]
        assert {line["peer"] for line in told} == {"Shenzhen", "Guangzhou", "Beijing", "Hong Kong"}
        assert not any(line["reason"].startswith("CITY-") for line in told), "no frame was read"


def test_without_any_grant_the_node_itself_says_what_it_needs(fifth: Cluster) -> None:
    (_keys(fifth) / "grant.bin").unlink()
    before = contents(fifth.layout.node(SLUG))
    try_start(fifth, SLUG).assert_refused("CITY-8012", CITY)
    assert contents(fifth.layout.node(SLUG)) == before


@contextmanager
def _running(fifth: Cluster) -> Iterator[Iterator[dict[str, Any]]]:
    """The fifth node as a child of ours; gives its log lines as they come. It ends on SIGTERM, cleanly."""
    config = str(fifth.layout.node_config(SLUG))
    child = subprocess.Popen(
        [sys.executable, "-m", "node.cli.main", "node", "run", "--config", config],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert child.stderr is not None
    try:
        yield (json.loads(line) for line in child.stderr if line.startswith("{"))
        child.terminate()
        assert child.wait(timeout=60) == 0
    finally:
        child.kill()
        child.wait()
        child.stderr.close()


def _until(lines: Iterator[dict[str, Any]], slugs: list[str]) -> list[dict[str, Any]]:
    """Log lines until each city was spoken of. Blocks on the pipe; the node is dialling meanwhile."""
    seen: list[dict[str, Any]] = []
    for line in lines:
        seen.append(line)
        if len({each["peer"] for each in seen if "peer" in each}) == len(slugs):
            return seen
        assert len(seen) < LINES_MAX
    raise AssertionError(f"the node ended: {seen}")


async def _counted(cluster: Cluster, slug: str, code: str, before: float) -> None:
    """Until the node has one more refusal on its metrics page."""
    async with asyncio.timeout(PROVEN_BY):
        while await asyncio.to_thread(_refused, cluster, slug, code) <= before:
            await asyncio.sleep(0.1)


def _refused(cluster: Cluster, slug: str, code: str) -> float:
    """The node's count of peers it refused with this code, from its metrics page."""
    web = json.loads(cluster.layout.endpoints(slug).read_text())["web"]
    with urllib.request.urlopen(f"http://{web}/metrics", timeout=60) as page:
        text = page.read().decode()
    pattern = rf'city_peer_link_events_total{{[^}}]*event="peer_refused",label="{code}"}} (\S+)'
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0
