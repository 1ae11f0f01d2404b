"""Members' authorities of a network that is made with them: what `city ca` works on from the first day.

authorities/<member>/         the member's authority, as `city ca init` makes one
users/<name>.crt              a user's certificate, with its roles
authorities/<operator>.crt    that of an operator's admin
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from node.authority.authority import DAYS_MAX, Asked, MemberAuthority
from node.authority.register import Use
from node.identity.certificates import parse, to_pem
from node.identity.keys import PrivateKey
from node.identity.requests import make_request
from node.identity.signers import MemorySigner
from node.identity.suite import Suite
from node.identity.transport import TransportIdentity, certificate_der


class Authorities:
    """One a member, made when it is first asked for. Development: their keys are not encrypted."""

    def __init__(self, folder: Path, suite: Suite) -> None:
        self._folder, self._suite = folder, suite
        self._held: dict[str, MemberAuthority] = {}

    def close(self) -> None:
        for authority in self._held.values():
            authority.close()

    def _of(self, member: str) -> MemberAuthority:
        if member not in self._held:
            folder = self._folder / member
            made = MemberAuthority.create(folder, member, self._suite, None, dev=True)
            self._held[member] = made
        return self._held[member]

    def over_nodes(self, member: str) -> TransportIdentity:
        """The authority that issues the transport certificates of the member's nodes."""
        folder = self._of(member).folder
        return TransportIdentity(
            (folder / "node-ca.crt").read_bytes(), (folder / "node-ca.key").read_bytes()
        )

    def note_node(self, member: str, transport: TransportIdentity) -> None:
        """Its register knows the certificate, so that it can be renewed and revoked by name."""
        authority = self._of(member)
        with authority.register.change():
            found = parse(certificate_der(transport))
            authority.register.add(Use.NODE, found, authority.now_ms())

    def certify(self, member: str, name: str, roles: Sequence[str], key: PrivateKey) -> bytes:
        """The certificate (PEM) of a person of the member."""
        authority = self._of(member)
        request = make_request(self._suite, MemorySigner(key, self._suite), name, roles, member)
        keys = authority.unlock(None, dev=True)
        return to_pem(authority.issue(keys, Use.IDENTITY, request, Asked(days=DAYS_MAX)).der)
