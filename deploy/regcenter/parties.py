"""Institutions of every kind by their address, with their certificates: who may speak now."""

from __future__ import annotations

from consensus.encoding import Hash
from deploy.regcenter.institutions import Institutions
from deploy.regcenter.pki import Pki, Role
from deploy.regcenter.registry import Registry
from deploy.regcenter.store import Overlay, Store
from node.identity.certificates import Certificate, Holder


class Parties:
    """Banks and authorities of the registry, payment institutions, and what certifies them."""

    def __init__(self, registry: Registry, institutions: Institutions, pki: Pki) -> None:
        self.registry, self.institutions, self.pki = registry, institutions, pki

    def holder_of(self, address: Hash) -> Holder | None:
        """The institution of an address, as it is registered."""
        bank = self.registry.operators.get(address)
        if bank is not None:
            return Holder(bank.name, (Role.BANK,), bank.public_key)
        named = self.registry.authorities.get(address)
        if named is not None:
            return Holder(named.name, (named.role,), named.public_key)
        known = self.institutions.known.get(address)
        return None if known is None else Holder(known.name, (Role.INSTITUTION,), known.public_key)

    def certify(self, overlay: Overlay, address: Hash, now_ms: int) -> Certificate:
        """The certificate of an institution, made when it has none."""
        holder = self.holder_of(address)
        assert holder is not None, "only institutions are certified"
        return self.pki.grant(overlay, address, holder, now_ms)

    def load(self, overlay: Overlay, store: Store, now_ms: int) -> None:
        """Institutions of a store from before there were certificates get theirs."""
        self.pki.load(store, now_ms)
        institutions = self.institutions.known
        for address in (*self.registry.operators, *self.registry.authorities, *institutions):
            if address not in self.registry.revoked:
                self.certify(overlay, address, now_ms)

    def require_heard(self, now_ms: int, *addresses: Hash) -> None:
        """Keys that are not revoked; those of institutions have a certificate of their role that is valid now.

        Raises CenterError RC_REVOKED, RC_CERTIFICATE and those of its kind."""
        self.registry.require_heard(*addresses)
        for address in addresses:
            holder = self.holder_of(address)
            if holder is not None:
                self.pki.require(address, holder, now_ms)
