"""Who is who at the center, each by one key for good: operator banks and authorities, named by the root key,
and terminals, named by their banks."""

from __future__ import annotations

from dataclasses import replace

from consensus.center_request import AuthorityQuery, OperatorQuery
from consensus.encoding import Hash, decode, encode
from consensus.payment import VALUE_FEN_MAX
from deploy.regcenter import orders
from deploy.regcenter.errors import CenterError
from deploy.regcenter.model import Authority, Operator, Terminal
from deploy.regcenter.packed import address_of
from deploy.regcenter.rules import Tier
from deploy.regcenter.store import Overlay, Store
from node.identity.errors import BadKey
from node.identity.suite import Suite

NAME_CHARS_MAX = 64


class Registry:
    """Kept in memory and under `o` banks, `v` authorities, `T` terminals, `Z` revoked keys; `a` marks every
    address that was ever used."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self.operators: dict[Hash, Operator] = {}
        self.authorities: dict[Hash, Authority] = {}
        self.terminals: dict[Hash, Terminal] = {}
        self.revoked: set[Hash] = set()

    def load(self, store: Store) -> None:
        for address, data in store.items(b"o"):
            self.operators[Hash(address)] = decode(Operator, data)
        for address, data in store.items(b"v"):
            self.authorities[Hash(address)] = decode(Authority, data)
        for address, data in store.items(b"T"):
            self.terminals[Hash(address)] = decode(Terminal, data)
        self.revoked = {Hash(address) for address, _ in store.items(b"Z")}

    def tier_of(self, address: Hash) -> Tier:
        return Tier.VAULT if address in self.operators else Tier.WALLET

    def reserve_fen(self) -> int:
        return sum(operator.reserve_fen for operator in self.operators.values())

    def register(self, overlay: Overlay, query: OperatorQuery) -> Operator:
        """A bank becomes an operator, or adds to its reserve. Raises CenterError."""
        address = self.new_address(overlay, query.public_key)
        self.require_heard(address)
        check_name(query.name)
        known = self.operators.get(address)
        if known is not None and known.name != query.name:
            raise CenterError("RC_OPERATOR", f"this key is {known.name}'s")
        if any(o.name == query.name and a != address for a, o in self.operators.items()):
            raise CenterError("RC_OPERATOR", f"{query.name} has another key")
        if query.reserve_fen > VALUE_FEN_MAX:
            raise CenterError("RC_VALUE", f"{query.reserve_fen} fen")
        if address in self.authorities:
            raise CenterError("RC_TIER", "the key is an authority's")
        reserve = query.reserve_fen + (known.reserve_fen if known else 0)
        return self._set_operator(overlay, address, Operator(query.name, query.public_key, reserve))

    def appoint(self, overlay: Overlay, query: AuthorityQuery) -> Authority:
        """A court or an AML authority; its word is never changed afterwards. Raises CenterError."""
        address = self.new_address(overlay, query.public_key)
        found = Authority(query.name, query.role, query.public_key)
        if query.role not in orders.ROLES:
            raise CenterError("RC_AUTHORITY", f"roles are {' and '.join(orders.ROLES)}")
        check_name(query.name)
        if address in self.operators:
            raise CenterError("RC_TIER", "the key is a bank's")
        if self.authorities.get(address, found) != found:
            raise CenterError("RC_AUTHORITY", "the key has another name or role")
        if any(v.name == query.name and a != address for a, v in self.authorities.items()):
            raise CenterError("RC_AUTHORITY", f"{query.name} has another key")
        self.authorities[address] = found
        overlay.put(b"v" + address, encode(found))
        return found

    def set_up(self, overlay: Overlay, terminal: Terminal) -> None:
        """A bank sets a terminal up, or changes its limit. Raises CenterError."""
        address = self.new_address(overlay, terminal.public_key)
        check_name(terminal.name)
        if terminal.bank not in self.operators:
            raise CenterError("RC_OPERATOR")
        known = self.terminals.get(address, terminal)
        named = [
            a
            for a, t in self.terminals.items()
            if (t.bank, t.name) == (terminal.bank, terminal.name)
        ]
        if (known.name, known.bank) != (terminal.name, terminal.bank) or named not in (
            [],
            [address],
        ):
            raise CenterError("RC_TERMINAL", "the name or the key is another terminal's")
        self.terminals[address] = terminal
        overlay.put(b"T" + address, encode(terminal))

    def check_recharge(self, bank: Hash, purpose: str, approved: frozenset[Hash], fen: int) -> None:
        """A recharge at a machine (purpose `ATM:name` or `POS:name`) is confirmed by that machine.

        Raises CenterError RC_TERMINAL, RC_LIMIT."""
        _, _, name = purpose.partition(":")
        for address in approved - self.revoked:
            found = self.terminals.get(address)
            if found is not None and (found.bank, found.name) == (bank, name):
                if fen > found.limit_fen:
                    raise CenterError("RC_LIMIT", f"{fen} of {found.limit_fen} fen a recharge")
                return
        raise CenterError("RC_TERMINAL", purpose)

    def revoke(self, overlay: Overlay, address: Hash) -> None:
        """The key is heard no more."""
        self.revoked.add(address)
        overlay.put(b"Z" + address, b"")

    def require_heard(self, *addresses: Hash) -> None:
        """Raises CenterError RC_REVOKED."""
        for address in addresses:
            if address in self.revoked:
                raise CenterError("RC_REVOKED", address.hex())

    def new_address(self, overlay: Overlay, public_key: bytes) -> Hash:
        """The address of a key that no wallet of the public uses. Raises CenterError."""
        try:
            self._suite.check_public_key(public_key)
        except BadKey as error:
            raise CenterError("RC_ENCODING", error.detail) from error
        address = address_of(public_key)
        if overlay.get(b"a" + address) is not None:
            raise CenterError("RC_TIER", "the key is already a wallet of the public")
        return address

    def check_reserve(self, bank: Hash, issued: int) -> None:
        """Raises CenterError: RC_OPERATOR, RC_RESERVE."""
        operator = self.operators.get(bank)
        if operator is None:
            raise CenterError("RC_OPERATOR")
        if issued > operator.reserve_fen:
            raise CenterError("RC_RESERVE", f"{issued} of {operator.reserve_fen} fen")

    def move_reserve(self, overlay: Overlay, bank: Hash, by_fen: int) -> None:
        operator = self.operators[bank]
        assert operator.reserve_fen + by_fen >= 0
        self._set_operator(
            overlay, bank, replace(operator, reserve_fen=operator.reserve_fen + by_fen)
        )

    def _set_operator(self, overlay: Overlay, address: Hash, operator: Operator) -> Operator:
        self.operators[address] = operator
        overlay.put(b"o" + address, encode(operator))
        return operator


def check_name(name: str) -> None:
    """A name that a certificate can hold. Raises CenterError RC_ENCODING."""
    if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise CenterError("RC_ENCODING", "a name has 1 to 64 printable characters")
