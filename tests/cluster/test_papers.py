"""A member's authority and its people on a running network, by the commands that they type."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import CALL_SECONDS, Cluster
from tests.cluster.conftest import ONCE

pytestmark = [pytest.mark.cluster, ONCE]
MEMBER, ADMIN = "node-shenzhen", "admin-shenzhen"


def city(cluster: Cluster, *words: object, code: str = "") -> Any:
    """A command's JSON. code: it is refused, with this one."""
    command = [sys.executable, "-m", "node.cli.main", "--context", str(cluster.layout.root)]
    command += [*map(str, words), "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CALL_SECONDS)
    if code:
        assert done.returncode != 0 and code in done.stdout + done.stderr, done
        return None
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout.strip() else None


def holder(cluster: Cluster, folder: Path, name: str, *words: str) -> Path:
    """A key, and its certificate by the authority in the folder `ca`."""
    key, request, certificate = (folder / f"{name}.{end}" for end in ("pem", "csr", "crt"))
    city(cluster, "identity", "new", key, "--dev")
    asking = (cluster, "identity", "request", key, "auditor", "--member", MEMBER)
    city(*asking, "--role", "admin", "--out", request, "--dev")
    issuing = ("--csr", request, "--out", certificate, "--dir", folder / "ca", "--dev")
    city(cluster, "ca", "issue", *issuing, *words)
    return certificate


def test_people_come_in_by_certificates_change_keys_and_are_out_when_revoked(
    shared: Cluster, tmp_path: Path
) -> None:
    def admins() -> list[str]:
        shown = city(shared, "channel", "show")["members"]
        (row,) = [row for row in shown if row["member"] == MEMBER]
        return list(row["admins"])

    folder = tmp_path / "ca"
    city(shared, "ca", "init", MEMBER, "--dir", folder, "--dev")
    first = holder(shared, tmp_path, "first")
    city(shared, "--as", ADMIN, "identity", "enrol", first, code="E_CERTIFICATE")
    published = city(shared, "--as", ADMIN, "ca", "publish", "--dir", folder)
    assert [row["change"] for row in published] == ["set-authority"]
    again = city(shared, "--as", ADMIN, "ca", "publish", "--dir", folder)
    assert again == "the channel knows all of it"
    assert city(shared, "--as", ADMIN, "identity", "enrol", first)["in_force"]
    assert admins() == [ADMIN, "auditor"]
    second = holder(shared, tmp_path, "second", "--renew")
    assert city(shared, "--as", ADMIN, "identity", "rotate", first, second)["in_force"]
    city(shared, "--as", ADMIN, "identity", "rotate", first, second, code="E_UNKNOWN_IDENTITY")
    city(shared, "ca", "revoke", "auditor", "--dir", folder, "--dev")
    published = city(shared, "--as", ADMIN, "ca", "publish", "--dir", folder)
    assert [row["change"] for row in published] == ["revoke-certificate"]
    assert admins() == [ADMIN]
    city(shared, "--as", ADMIN, "identity", "enrol", second, code="E_KEY_USED")
    unset = ("call", "_config", "set_authority", f"member_id={MEMBER}", "certificate=")
    city(shared, "--as", ADMIN, *unset, "--gas", "1")
