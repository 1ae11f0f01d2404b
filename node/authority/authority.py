"""A member's authority: two keys, one of the channel's suite for identities, one of P-256 for nodes' TLS.

Folder:  ca.crt ca.key          the authority over identities
         node-ca.crt node-ca.key  the authority over nodes: the member's peer_ca in the channel's configuration
         serve.crt serve.key    the certificate of its own enrolment service
         ca.crl node-ca.crl     the lists, written anew at each revocation
         register.sqlite        what was issued and revoked
Key files are encrypted; one password opens them. What only reads, or makes tokens, needs no key.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from node.authority.register import Entry, Register, Use
from node.errors import CityError
from node.identity.certificates import (
    Certificate,
    Holder,
    from_pem,
    issue,
    make_authority,
    parse,
    to_pem,
)
from node.identity.keyfile import write_key
from node.identity.requests import read_request
from node.identity.revocation import REASONS, Revoked, make_list
from node.identity.signers import MemorySigner
from node.identity.suite import Suite, get_suite
from node.signing.pkcs11 import TokenSigner, open_signer, require_p256, shared_token
from node.signing.token_place import TokenPlace

DAY_MS = 86_400_000
AUTHORITY_DAYS, CERTIFICATE_DAYS, LIST_DAYS = 3_650, 397, 7
DAYS_MAX = 3_650
BACKDATED_MS = 5 * 60_000  # clocks differ a little
REGISTER = "register.sqlite"
FILES = {Use.IDENTITY: "ca", Use.NODE: "node-ca"}
SERVE = "serve"
_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")

Now = Callable[[], int]


def real_now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a certificate shall say. roles and hosts: empty takes those of the request."""

    name: str = ""
    roles: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    days: int = CERTIFICATE_DAYS
    renews: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """The opened keys, by use."""

    signers: dict[Use, MemorySigner | TokenSigner]


class MemberAuthority:
    """Opened for one command, or by the enrolment service. Raises CityError throughout."""

    def __init__(self, folder: Path, now_ms: Now = real_now_ms) -> None:
        self.folder, self.now_ms = folder, now_ms
        self.register = Register(folder / REGISTER)
        self.member = str(self.register.fact("member"))
        self.suite = get_suite(str(self.register.fact("suite")))
        roles = self.register.fact("roles")
        self.roles = tuple(roles) if isinstance(roles, list) else ()

    def close(self) -> None:
        self.register.close()

    @classmethod
    def create(
        cls,
        folder: Path,
        member: str,
        suite: Suite,
        password: bytes | None,
        *,
        roles: Sequence[str] = (),
        days: int = AUTHORITY_DAYS,
        dev: bool = False,
        now_ms: Now = real_now_ms,
        token: TokenPlace | None = None,
    ) -> MemberAuthority:
        """A new authority in a folder that does not exist or is empty. roles: all that it may ever issue, empty
        for any. token: where its keys are made and stay (suite intl), instead of in files. The register comes
        last: its presence says that the folder is whole."""
        if _MEMBER.fullmatch(member) is None:
            raise CityError("CITY-1002", field="member", rule="1 to 32 letters, digits and -")
        check_roles(roles)
        if folder.exists() and any(folder.iterdir()):
            raise CityError("CITY-2030", path=folder, reason="the folder is not empty")
        if token is not None:
            require_p256(token, suite)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        times = (now_ms() - BACKDATED_MS, now_ms() + days * DAY_MS)
        for use, name in FILES.items():
            own = suite if use is Use.IDENTITY else get_suite("intl")
            if token is not None:
                place = replace(token, object=f"{member}-{name}")
                shared_token(place).generate(place.object)
                (folder / f"{name}.token").write_text(f"{place}\n", encoding="utf-8")
            else:
                write_key(folder / f"{name}.key", own.generate_key(), password, dev=dev)
            signer = _open_key(folder, name, password, dev, own)
            title = f"{member} {use} authority"
            made = make_authority(own, signer, title, *times, organization=member)
            (folder / f"{name}.crt").write_bytes(to_pem(made.der))
        _make_serving(folder, member, password, dev, times)
        register = Register(folder / REGISTER, create=True)
        with register.change():
            facts = {"member": member, "suite": suite.name, "roles": sorted(set(roles))}
            for name, value in facts.items():
                register.set_fact(name, value)
        register.close()
        authority = cls(folder, now_ms)
        keys = authority.unlock(password, dev=dev)
        for use in Use:
            authority.write_list(keys, use)
        return authority

    def suite_for(self, use: Use) -> Suite:
        """P-256 for nodes: TLS knows no other."""
        return self.suite if use is Use.IDENTITY else get_suite("intl")

    def certificate(self, use: Use) -> Certificate:
        """The authority's own."""
        return parse(from_pem((self.folder / f"{FILES[use]}.crt").read_bytes()))

    def unlock(self, password: bytes | None, *, dev: bool = False) -> Keys:
        """Raises CITY-2005 to 2008; of keys in a token 2057 to 2059."""
        signers = {
            use: _open_key(self.folder, name, password, dev, self.suite_for(use))
            for use, name in FILES.items()
        }
        return Keys(signers)

    # ---- issuing ---------------------------------------------------------------------------------

    def issue(self, keys: Keys, use: Use, request: bytes, asked: Asked) -> Certificate:
        """Signs a request (DER) as the authority's operator wants it. Raises CITY-2012, 2034, 2035."""
        with self.register.change():
            return self.sign(keys, use, request, asked)

    def sign(self, keys: Keys, use: Use, request: bytes, asked: Asked) -> Certificate:
        """As `issue`, inside a change of the register."""
        holder = self._holder(use, request, asked)
        return self._make(keys, use, holder, asked.days, is_renewal=asked.renews)

    def renew(self, keys: Keys, name: str, days: int) -> Certificate:
        """A new certificate like the last of this name or serial number, for the same key."""
        with self.register.change():
            last = self.find(name)
            if last.revoked_ms is not None:
                raise CityError("CITY-2034", reason=f"{last.serial:x} is revoked")
            held = parse(last.der)
            holder = Holder(held.name, held.roles, held.public_key, self.member, held.hosts)
            return self._make(keys, last.use, holder, days, is_renewal=True)

    def _make(
        self, keys: Keys, use: Use, holder: Holder, days: int, *, is_renewal: bool
    ) -> Certificate:
        self._check_unique(use, holder, is_renewal)
        if not 1 <= days <= DAYS_MAX:
            raise CityError("CITY-1002", field="days", rule=f"1 to {DAYS_MAX}")
        authority, now_ms = self.certificate(use), self.now_ms()
        if now_ms > authority.not_after_ms:
            raise CityError("CITY-2034", reason="the authority's own certificate has expired")
        times = (now_ms - BACKDATED_MS, min(now_ms + days * DAY_MS, authority.not_after_ms))
        made = issue(self.suite_for(use), authority, keys.signers[use], holder, times)
        self.register.add(use, made, now_ms)
        return made

    def _holder(self, use: Use, request: bytes, asked: Asked) -> Holder:
        found = read_request(self.suite_for(use), request)
        name = asked.name or found.name
        if found.name not in ("", name):
            raise CityError("CITY-2034", reason=f"it asks for {found.name}, not for {name}")
        if found.organization not in ("", self.member, found.name):
            raise CityError("CITY-2034", reason=f"it asks for a member {found.organization}")
        if not 0 < len(name) <= 64 or not (name.isascii() and name.isprintable()):
            raise CityError("CITY-2034", reason="a name is 1 to 64 printable ASCII characters")
        roles = asked.roles or found.roles
        check_roles(roles)
        beyond = [role for role in roles if self.roles and role not in self.roles]
        if beyond:
            raise CityError("CITY-2034", reason=f"this authority gives no role {beyond[0]}")
        hosts = asked.hosts or found.hosts
        if (use is Use.NODE) != bool(hosts):
            reason = "a node names its hosts" if use is Use.NODE else "an identity has no hosts"
            raise CityError("CITY-2034", reason=reason)
        return replace(found, name=name, organization=self.member, roles=roles, hosts=hosts)

    def _check_unique(self, use: Use, holder: Holder, is_renewal: bool) -> None:
        """One holder a name, one name a key; a key that somebody else may have gets nothing again."""
        now_ms = self.now_ms()
        for entry in self.register.of_key(holder.public_key):
            if entry.reason == "key_compromise":
                raise CityError("CITY-2034", reason="its key was revoked as compromised")
            if entry.name != holder.name or entry.use != use:
                raise CityError("CITY-2034", reason=f"its key is that of {entry.name}")
        if is_renewal:
            return
        for entry in self.register.named(use, holder.name):
            if entry.holds(now_ms):
                raise CityError("CITY-2035", name=holder.name, serial=f"{entry.serial:x}")

    # ---- revoking --------------------------------------------------------------------------------

    def find(self, name: str) -> Entry:
        """By serial number (hexadecimal), or the last one of a name. Raises CITY-2036."""
        entries = self.register.entries()
        of_serial = [e for e in entries if f"{e.serial:x}" == name.lower().removeprefix("0x")]
        found = of_serial or [e for e in entries if e.name == name]
        if not found:
            raise CityError("CITY-2036", name=name, path=self.folder)
        return found[-1]

    def revoke(self, keys: Keys, name: str, reason: str) -> Entry:
        """Void from now on; both lists are written anew. Raises CITY-2036, 2037."""
        if reason not in REASONS:
            raise CityError("CITY-1002", field="reason", rule=f"one of {', '.join(REASONS)}")
        with self.register.change():
            entry = self.find(name)
            if entry.revoked_ms is not None:
                raise CityError("CITY-2037", serial=f"{entry.serial:x}")
            self.register.revoke(entry.serial, self.now_ms(), reason)
        self.write_list(keys, entry.use)
        return replace(entry, revoked_ms=self.now_ms(), reason=reason)

    def write_list(self, keys: Keys, use: Use, days: int = LIST_DAYS) -> Path:
        """The authority's next revocation list, in its folder."""
        now_ms = self.now_ms()
        with self.register.change():
            revoked = [
                Revoked(entry.serial, entry.revoked_ms, entry.reason)
                for entry in self.register.entries()
                if entry.use is use and entry.revoked_ms is not None
            ]
            data = make_list(
                self.suite_for(use),
                self.certificate(use),
                keys.signers[use],
                revoked,
                self.register.next_list(use),
                (now_ms, now_ms + days * DAY_MS),
            )
            path = self.folder / f"{FILES[use]}.crl"
            unfinished = path.with_suffix(".new")
            unfinished.write_bytes(to_pem(data, "X509 CRL"))
            unfinished.replace(path)
        return path


def check_roles(roles: Sequence[str]) -> None:
    """Raises CITY-2034 for what is no role."""
    for role in roles:
        if _ROLE.fullmatch(role) is None:
            reason = f"{role!r} is no role: 1 to 32 of a-z, 0-9, - and _, a letter first"
            raise CityError("CITY-2034", reason=reason)


def _open_key(
    folder: Path, name: str, password: bytes | None, dev: bool, suite: Suite
) -> MemorySigner | TokenSigner:
    """Of a file, or of the token that a file names."""
    place = folder / f"{name}.token"
    where = place.read_text("utf-8").strip() if place.exists() else folder / f"{name}.key"
    return open_signer(where, password, dev=dev, suite=suite)


def _make_serving(
    folder: Path, member: str, password: bytes | None, dev: bool, times: tuple[int, int]
) -> None:
    """TLS of the enrolment service. Whoever asks pins this very certificate: the token names it."""
    suite = get_suite("intl")
    key = suite.generate_key()
    write_key(folder / f"{SERVE}.key", key, password, dev=dev)
    signer = _open_key(folder, FILES[Use.NODE], password, dev, suite)
    authority = parse(from_pem((folder / "node-ca.crt").read_bytes()))
    holder = Holder(f"{member} enrolment", (), key.public_key, member, ("localhost",))
    made = issue(suite, authority, signer, holder, times)
    (folder / f"{SERVE}.crt").write_bytes(to_pem(made.der))
