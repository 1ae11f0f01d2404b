"""Certificates of institutions: who may speak as a bank, a payment institution, a court, an AML authority.

The root key is the certification authority: its self-signed SM2 certificate is made at the first start. Whoever
registers an institution gives its key a certificate of its role; one that was issued apart (`city regcenter ca
issue`) is presented by its holder, which also is how it is renewed, or how a new institution comes in. Every
request of an institution needs a certificate that is valid at the center's time, of the role as which it is
registered, and not revoked. Wallets of the public have none.

Keys of the store: `j` the authority's certificate, `C` others by address, `K` revoked serial numbers.
"""

from __future__ import annotations

from enum import StrEnum

from consensus.encoding import Hash
from deploy.regcenter.errors import CenterError
from deploy.regcenter.store import Overlay, Store
from node.identity.certificates import (
    Certificate,
    Holder,
    check_issued,
    issue,
    make_authority,
    parse,
)
from node.identity.errors import BadSm2Certificate
from node.identity.revocation import Revoked, make_list
from node.identity.suite import Signer, Suite

DAY_MS = 86_400_000
AUTHORITY_MS = 20 * 365 * DAY_MS
CERTIFICATE_MS = 3 * 365 * DAY_MS
LIST_MS = 7 * DAY_MS
LIST_CACHED_MS = 60_000
BACKDATED_MS = 5 * 60_000  # clocks differ a little
AUTHORITY_NAME = "Reference registration center"
SERIAL_BYTES = 20
AUTHORITY_KEY = b"j"


class Role(StrEnum):
    BANK = "bank"
    INSTITUTION = "institution"
    COURT = "court"
    AML = "aml"


def issue_for(
    suite: Suite, authority: Certificate, signer: Signer, holder: Holder, times: tuple[int, int]
) -> Certificate:
    """What an institution presents. Raises CenterError RC_CERTIFICATE, RC_CERTIFICATE_ROLE."""
    if holder.role not in list(Role):
        raise CenterError("RC_CERTIFICATE_ROLE", f"roles are {', '.join(Role)}")
    try:
        return issue(suite, authority, signer, holder, times)
    except BadSm2Certificate as error:
        raise CenterError("RC_CERTIFICATE", error.detail) from error


class Pki:
    """Kept in memory; `authority` is there after `load`."""

    def __init__(self, suite: Suite, signer: Signer) -> None:
        self._suite, self._signer = suite, signer
        self._held: dict[Hash, Certificate] = {}
        self._revoked: dict[int, int] = {}
        self._list = (-1, 0, b"")
        self.authority: Certificate

    def load(self, store: Store, now_ms: int) -> None:
        """Raises CenterError RC_DAMAGED when the authority is not the root key's."""
        for address, data in store.items(b"C"):
            self._held[Hash(address)] = parse(data)
        for serial, time in store.items(b"K"):
            self._revoked[int.from_bytes(serial, "big")] = int.from_bytes(time, "big")
        known = store.get(AUTHORITY_KEY)
        if known is None:
            times = (now_ms - DAY_MS, now_ms + AUTHORITY_MS)
            made = make_authority(self._suite, self._signer, AUTHORITY_NAME, *times)
            store.write({AUTHORITY_KEY: (known := made.der)})
        self.authority = parse(known)
        if self.authority.public_key != self._signer.public_key:
            raise CenterError("RC_DAMAGED", "the certification authority has another key")

    def of(self, address: Hash) -> Certificate | None:
        """The certificate that an institution has presented last."""
        return self._held.get(address)

    def grant(self, overlay: Overlay, address: Hash, holder: Holder, now_ms: int) -> Certificate:
        """What the institution has, or a new certificate for who is registered just now."""
        known = self._held.get(address)
        if known is not None:
            return known
        times = (now_ms - BACKDATED_MS, now_ms + CERTIFICATE_MS)
        made = issue_for(self._suite, self.authority, self._signer, holder, times)
        self.keep(overlay, address, made)
        return made

    def opened(self, public_key: bytes, der: bytes, now_ms: int) -> Certificate:
        """A certificate that its holder presents. Raises CenterError RC_CERTIFICATE and those of its kind."""
        try:
            found = parse(der)
        except BadSm2Certificate as error:
            raise CenterError("RC_CERTIFICATE", error.detail) from error
        try:
            check_issued(self._suite, found, self.authority)
        except BadSm2Certificate as error:
            raise CenterError("RC_CERTIFICATE_ISSUER", error.detail) from error
        if found.public_key != public_key:
            raise CenterError("RC_CERTIFICATE_KEY", "another key presents it")
        if found.role not in list(Role) or "digital_signature" not in found.uses:
            raise CenterError("RC_CERTIFICATE_ROLE", f"role {found.role or 'none'}")
        self._check_now(found, now_ms)
        return found

    def keep(self, overlay: Overlay, address: Hash, certificate: Certificate) -> None:
        self._held[address] = certificate
        overlay.put(b"C" + address, certificate.der)

    def require(self, address: Hash, holder: Holder, now_ms: int) -> None:
        """The institution may speak now. Raises CenterError RC_CERTIFICATE and those of its kind."""
        found = self._held.get(address)
        if found is None:
            raise CenterError("RC_CERTIFICATE", f"{holder.name} has none")
        if (found.name, found.role) != (holder.name, holder.role):
            raise CenterError("RC_CERTIFICATE_ROLE", f"it is {found.name}'s as {found.role}")
        self._check_now(found, now_ms)

    def _check_now(self, certificate: Certificate, now_ms: int) -> None:
        if certificate.serial in self._revoked:
            raise CenterError("RC_CERTIFICATE_REVOKED", f"serial {certificate.serial:x}")
        if now_ms < certificate.not_before_ms:
            raise CenterError("RC_CERTIFICATE", "it is not valid yet")
        if now_ms > min(certificate.not_after_ms, self.authority.not_after_ms):
            raise CenterError("RC_CERTIFICATE_EXPIRED", f"serial {certificate.serial:x}")

    def revoke(self, overlay: Overlay, serial: int, now_ms: int) -> None:
        """For good; a serial number that nobody has presented yet too."""
        if serial not in self._revoked:
            self._revoked[serial] = now_ms
            key = serial.to_bytes(SERIAL_BYTES, "big")
            overlay.put(b"K" + key, now_ms.to_bytes(8, "big"))

    def revocation_list(self, now_ms: int) -> bytes:
        """Signed at most a minute ago (DER); its number is how many certificates it names."""
        revoked = [Revoked(serial, time) for serial, time in sorted(self._revoked.items())]
        number, made_ms, data = self._list
        if number != len(revoked) or not 0 <= now_ms - made_ms < LIST_CACHED_MS:
            times = (now_ms, now_ms + LIST_MS)
            data = make_list(
                self._suite, self.authority, self._signer, revoked, len(revoked), times
            )
            self._list = (len(revoked), now_ms, data)
        return data
