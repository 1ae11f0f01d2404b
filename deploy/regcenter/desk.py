"""Signed requests that change the books beside coin transactions: each is carried out once, its answer kept.

A handler checks everything before it writes anything. Its answer is what JSON can hold; who sends a request
again, or has overheard it, gets the same answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from consensus.center_request import AuthorityQuery, OperatorQuery, WalletQuery
from consensus.encoding import Hash, decode, encode
from consensus.payment import Kind
from deploy.regcenter import aml, orders
from deploy.regcenter.devices import Device, DoubleSpend, offline_limits_at
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.identities import Enrolled, Kgc, is_master_key, month_of, name_of
from deploy.regcenter.institutions import Institution, Netted
from deploy.regcenter.ledger import Ledger, Order
from deploy.regcenter.limits import day_of
from deploy.regcenter.model import Terminal
from deploy.regcenter.packed import address_of
from deploy.regcenter.pki import SERIAL_BYTES, Role
from deploy.regcenter.registry import check_name
from deploy.regcenter.requests import (
    BookQuery,
    CertificateQuery,
    DeviceCertificate,
    DeviceQuery,
    DeviceStatement,
    FileQuery,
    HookQuery,
    InstitutionQuery,
    KgcQuery,
    NetQuery,
    RevokeCertificateQuery,
    RevokeQuery,
    ScreenQuery,
    SettleQuery,
    SignedVoucher,
    SolvencyStatement,
    StatementQuery,
    SyncQuery,
    TerminalQuery,
    UnhookQuery,
    WithdrawQuery,
)
from deploy.regcenter.rules import Tier
from deploy.regcenter.store import Overlay

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Instruction:
    """Operation: a signed request. body: one of requests.WRITES. signer: its public key. request: its
    digest."""

    body: object
    signer: bytes
    request: Hash


@dataclass(frozen=True, slots=True)
class Answer:
    """What the center answered; the same when the request is repeated."""

    view: View


@dataclass(frozen=True, slots=True)
class Desk:
    """What a handler works with. signer: address of who asks. is_root: it is the center's root key."""

    ledger: Ledger
    overlay: Overlay
    signer: Hash
    public_key: bytes
    is_root: bool
    now_ms: int

    def require_root(self) -> None:
        if not self.is_root:
            raise CenterError("RC_UNAUTHORISED", "only the center's root key does this")

    def require_bank(self) -> Hash:
        if self.signer not in self.ledger.registry.operators:
            raise CenterError("RC_OPERATOR")
        return self.signer


def answer(
    ledger: Ledger, overlay: Overlay, instruction: Instruction, root_key: bytes, now_ms: int
) -> Answer:
    """Carries an instruction out, or repeats its answer. Raises CenterError."""
    key = b"q" + instruction.request
    known = overlay.get(key)
    if known is not None:
        return Answer(json.loads(known))
    desk = Desk(
        ledger=ledger,
        overlay=overlay,
        signer=address_of(instruction.signer),
        public_key=instruction.signer,
        is_root=instruction.signer == root_key,
        now_ms=now_ms,
    )
    if isinstance(
        instruction.body, CertificateQuery
    ):  # whose certificate is over brings another one
        ledger.registry.require_heard(desk.signer)
    else:
        ledger.parties.require_heard(now_ms, desk.signer)
    view = _HANDLERS[type(instruction.body)](desk, instruction.body)
    ledger.books.institutions.assert_covered()
    overlay.put(key, json.dumps(view).encode())
    return Answer(view)


# ---- who is who ----------------------------------------------------------------------------------


def _institution(desk: Desk, query: InstitutionQuery) -> View:
    desk.require_root()
    address = _name_institution(desk, query)
    certificate = desk.ledger.parties.certify(desk.overlay, address, desk.now_ms)
    return {"name": query.name, "pool": address.hex(), "certificate": certificate.der.hex()}


def _name_institution(desk: Desk, query: InstitutionQuery) -> Hash:
    check_name(query.name)
    institutions, registry = desk.ledger.books.institutions, desk.ledger.registry
    address = address_of(query.public_key)
    if address not in institutions.known:
        registry.new_address(desk.overlay, query.public_key)
    _check_no_party(desk.ledger, address)
    institutions.name(desk.overlay, address, Institution(query.name, query.public_key))
    desk.overlay.put(b"a" + address, b"")
    return address


def _certificate(desk: Desk, query: CertificateQuery) -> View:
    """An institution renews its certificate; a key that nobody has registered comes in by its own one."""
    ledger, overlay, now_ms = desk.ledger, desk.overlay, desk.now_ms
    found = ledger.parties.pki.opened(desk.public_key, query.certificate, now_ms)
    known = ledger.parties.holder_of(desk.signer)
    if known is not None:
        if (known.name, known.role) != (found.name, found.role):
            raise CenterError("RC_CERTIFICATE_ROLE", f"the key is {known.name}'s as {known.role}")
    elif found.role == Role.INSTITUTION:
        _name_institution(desk, InstitutionQuery(found.name, desk.public_key))
    elif found.role == Role.BANK:
        ledger.registry.register(overlay, OperatorQuery(found.name, desk.public_key, 0))
    else:
        ledger.registry.appoint(overlay, AuthorityQuery(found.name, found.role, desk.public_key))
    ledger.parties.pki.keep(overlay, desk.signer, found)
    return {"name": found.name, "role": found.role, "not_after_ms": found.not_after_ms}


def _revoke_certificate(desk: Desk, query: RevokeCertificateQuery) -> View:
    desk.require_root()
    if not 0 < len(query.serial) <= SERIAL_BYTES:
        raise CenterError("RC_ENCODING", "a serial number has 1 to 20 bytes")
    serial = int.from_bytes(query.serial, "big")
    desk.ledger.parties.pki.revoke(desk.overlay, serial, desk.now_ms)
    return {"serial": f"{serial:x}"}


def _check_no_party(ledger: Ledger, address: Hash) -> None:
    registry = ledger.registry
    if registry.tier_of(address) is Tier.VAULT or address in registry.authorities:
        raise CenterError("RC_TIER", "the key is a bank's or an authority's")


def _kgc(desk: Desk, query: KgcQuery) -> View:
    desk.require_root()
    check_name(query.name)
    if not is_master_key(query.master_key):
        raise CenterError("RC_SM9", "this is no master public key")
    known = Hash(sm3(query.master_key))
    desk.overlay.put(b"G" + known, encode(Kgc(query.name, query.master_key)))
    return {"kgc": known.hex(), "name": query.name}


def _enrol(desk: Desk, enrolled: Enrolled) -> View:
    """The key pays for the name's wallet until its month ends."""
    query, wallets = enrolled.query, desk.ledger.books.wallets
    if query.epoch != month_of(desk.now_ms):
        raise CenterError("RC_EPOCH", str(query.epoch))
    _check_no_party(desk.ledger, desk.signer)
    wallet = Hash(sm3(query.kgc + name_of(replace(query, epoch=0))))
    wanted = WalletQuery(
        wallet, query.tier, f"{query.wallet} of {enrolled.kgc_name}", (desk.signer,)
    )
    record = wallets.enrol(desk.overlay, wanted, query.epoch, desk.now_ms)
    return {"wallet": wallet.hex(), "category": record.category, "epoch": query.epoch}


def _revoke(desk: Desk, query: RevokeQuery) -> View:
    desk.require_root()
    address = address_of(query.public_key)
    ledger = desk.ledger
    if ledger.parties.holder_of(address) is None and address not in ledger.registry.terminals:
        raise CenterError("RC_NOT_FOUND", "the key is no institution's or machine's")
    ledger.registry.revoke(desk.overlay, address)
    certificate = ledger.parties.pki.of(address)
    if certificate is not None:
        ledger.parties.pki.revoke(desk.overlay, certificate.serial, desk.now_ms)
    return {"revoked": address.hex()}


def _terminal(desk: Desk, query: TerminalQuery) -> View:
    bank = desk.require_bank()
    found = Terminal(query.name, query.public_key, bank, query.limit_fen)
    desk.ledger.registry.set_up(desk.overlay, found)
    return {"name": query.name, "limit_fen": query.limit_fen}


def _device(desk: Desk, query: DeviceQuery) -> View:
    """Answers the certificate that other devices check."""
    bank, ledger = desk.require_bank(), desk.ledger
    address = ledger.registry.new_address(desk.overlay, query.public_key)
    _check_no_party(ledger, address)
    if ledger.registry.tier_of(query.vendor) is Tier.VAULT or query.not_after_ms <= desk.now_ms:
        raise CenterError("RC_DEVICE", "its vendor is a bank, or its time is over")
    device = Device(query.public_key, bank, query.vendor, query.not_after_ms, False, 0, desk.now_ms)
    ledger.devices.put(desk.overlay, address, device)
    for used in (address, query.vendor):
        desk.overlay.put(b"a" + used, b"")
    certificate = DeviceCertificate(
        ledger.log_id, query.public_key, bank, query.vendor, query.not_after_ms
    )
    said = ledger.voice.say(certificate)
    return {"device": address.hex(), "certificate": encode(said).hex()}


# ---- offline money -------------------------------------------------------------------------------


def _sync(desk: Desk, query: SyncQuery) -> View:
    devices = desk.ledger.devices
    device = devices.device(desk.overlay, desk.signer)
    statement = DeviceStatement(desk.ledger.log_id, desk.signer, device.is_blocked, desk.now_ms)
    said = desk.ledger.voice.say(statement)
    devices.put(desk.overlay, desk.signer, replace(device, contact_ms=desk.now_ms))
    return {"blocked": device.is_blocked, "statement": encode(said).hex()}


def _settle(desk: Desk, query: SettleQuery) -> View:
    """Status SETTLED, or VOID for the second of two vouchers that cannot both be."""
    ledger, devices = desk.ledger, desk.ledger.devices
    signed, digest = devices.open_voucher(query.voucher, ledger.log_id, desk.now_ms)
    voucher = signed.voucher
    device = devices.device(desk.overlay, voucher.sender)
    if voucher.time_ms >= device.not_after_ms:
        raise CenterError("RC_DEVICE", "its device's time was over")
    before = devices.settled(desk.overlay, voucher.sender, voucher.counter)
    if before is not None and before.voucher == voucher:
        return {"status": "SETTLED", "value_fen": voucher.value_fen}
    convicted = devices.evidence(desk.overlay, voucher.sender, digest)
    if convicted is not None:
        return _void(convicted)
    contradicted = devices.contradiction(desk.overlay, signed)
    if contradicted is not None:
        return _attribute(desk, device, contradicted, signed, digest)
    ledger.check_receiver(desk.overlay, voucher.to)
    order = Order(
        Kind.OFFLINE_SETTLE, voucher.sender, ((voucher.to, voucher.value_fen),), "offline"
    )
    plan = ledger.plan(desk.overlay, order)
    receipt = ledger.carry_out(desk.overlay, plan, desk.now_ms)
    devices.keep(desk.overlay, signed)
    return {"status": "SETTLED", "value_fen": voucher.value_fen, "txid": receipt.txid.hex()}


def _attribute(
    desk: Desk, device: Device, first: SignedVoucher, second: SignedVoucher, digest: Hash
) -> View:
    """Who was paid by the second voucher is paid by the vendor, then by the bank: up to what one device may
    hand out between two synchronisations. What is left stays a claim."""
    ledger, voucher = desk.ledger, second.voucher
    ledger.check_receiver(desk.overlay, voucher.to)
    cap = offline_limits_at(desk.now_ms).between_fen
    wanted = max(min(voucher.value_fen, cap - device.compensated_fen), 0)
    vendor_fen = min(wanted, ledger.books.free_fen(desk.overlay, device.vendor))
    bank_fen = min(wanted - vendor_fen, ledger.books.free_fen(desk.overlay, device.bank))
    plans = []
    for kind, payer, fen in (
        (Kind.TRANSFER, device.vendor, vendor_fen),
        (Kind.EXCHANGE, device.bank, bank_fen),
    ):
        if fen:
            order = Order(kind, payer, ((voucher.to, fen),), "double spend")
            plans.append(ledger.plan(desk.overlay, order))
    for plan in plans:
        ledger.carry_out(desk.overlay, plan, desk.now_ms)
    found = DoubleSpend(first, second, vendor_fen, bank_fen)
    ledger.devices.convict(desk.overlay, digest, found)
    return _void(found)


def _void(found: DoubleSpend) -> View:
    voucher = found.second.voucher
    return {
        "status": "VOID",
        "value_fen": voucher.value_fen,
        "attributed_to": voucher.sender.hex(),
        "vendor_fen": found.vendor_fen,
        "bank_fen": found.bank_fen,
        "claim_fen": voucher.value_fen - found.vendor_fen - found.bank_fen,
        "evidence": [encode(found.first).hex(), encode(found.second).hex()],
    }


# ---- reports -------------------------------------------------------------------------------------


def _screen(desk: Desk, query: ScreenQuery) -> View:
    authority = desk.ledger.registry.authorities.get(desk.signer)
    if authority is None or authority.role != orders.ROLE_AML:
        raise CenterError("RC_AUTHORITY", "needed: aml")
    if not query.names or not all(aml.is_name(name) for name in query.names):
        raise CenterError("RC_ENCODING", "names of 1 to 200 characters")
    for name in query.names:
        aml.list_name(desk.overlay, name, query.is_listed)
    return {"names": len(query.names), "listed": query.is_listed}


def _file(desk: Desk, query: FileQuery) -> View:
    bank = desk.require_bank()
    found = aml.file_report(desk.overlay, bank, query.serial, desk.now_ms)
    return {"serial": found.serial, "status": found.status(desk.now_ms)}


# ---- payment institutions ------------------------------------------------------------------------


def _book(desk: Desk, query: BookQuery) -> View:
    left = desk.ledger.books.institutions.pay(desk.overlay, query, desk.signer)
    return {"balance_fen": left}


def _withdraw(desk: Desk, query: WithdrawQuery) -> View:
    ledger, institutions = desk.ledger, desk.ledger.books.institutions
    institution, amount = query.institution, query.amount_fen
    institutions.check_withdrawal(desk.overlay, institution, desk.signer, amount)
    ledger.check_receiver(desk.overlay, desk.signer)
    order = Order(Kind.TRANSFER, institution, ((desk.signer, amount),), "withdrawal")
    plan = ledger.plan(desk.overlay, order)
    institutions.withdraw(desk.overlay, institution, desk.signer, amount)
    receipt = ledger.carry_out(desk.overlay, plan, desk.now_ms)
    return {"txid": receipt.txid.hex(), "amount_fen": amount}


def _net(desk: Desk, query: NetQuery) -> View:
    ledger, institutions = desk.ledger, desk.ledger.books.institutions
    if not desk.is_root and desk.signer not in institutions.known:
        raise CenterError("RC_UNAUTHORISED", "an institution, or the root key, closes a window")
    netted = institutions.netting(desk.overlay)
    plans = [ledger.plan(desk.overlay, _netting_order(each, query)) for each in netted]
    count = institutions.close_window(desk.overlay)
    for plan in plans:
        ledger.carry_out(desk.overlay, plan, desk.now_ms)
    moved = sum(fen for each in netted for _, fen in each.payments)
    return {"payments": count, "transfers": len(plans), "moved_fen": moved}


def _netting_order(netted: Netted, query: NetQuery) -> Order:
    return Order(Kind.TRANSFER, netted.payer, netted.payments, f"netting {query.window}")


def _statement(desk: Desk, query: StatementQuery) -> View:
    institutions, today = desk.ledger.books.institutions, day_of(desk.now_ms)
    if query.day != today:
        raise CenterError("RC_STATEMENT", f"today is day {today}")
    found = institutions.state(desk.overlay, desk.signer, desk.ledger.voice, desk.now_ms)
    made = decode(SolvencyStatement, found.signed.body)
    return {
        "statement": encode(found.signed).hex(),
        "day": made.day,
        "accounts": made.accounts,
        "owed_fen": made.owed_fen,
        "pool_fen": made.pool_fen,
    }


# ---- webhooks ------------------------------------------------------------------------------------


def _hook(desk: Desk, query: HookQuery) -> View:
    holder = desk.ledger.parties.holder_of(desk.signer)
    if holder is None or holder.role not in (Role.BANK, Role.INSTITUTION):
        raise CenterError("RC_HOOK", "banks and payment institutions are told")
    known = desk.ledger.books.hooks.add(desk.overlay, desk.signer, query)
    return {"hook": known.hex()}


def _unhook(desk: Desk, query: UnhookQuery) -> View:
    desk.ledger.books.hooks.remove(desk.overlay, desk.signer, query.hook)
    return {"hook": query.hook.hex()}


_HANDLERS: Mapping[type, Callable[[Desk, Any], View]] = MappingProxyType(
    {
        RevokeQuery: _revoke,
        CertificateQuery: _certificate,
        RevokeCertificateQuery: _revoke_certificate,
        KgcQuery: _kgc,
        Enrolled: _enrol,
        InstitutionQuery: _institution,
        TerminalQuery: _terminal,
        DeviceQuery: _device,
        SyncQuery: _sync,
        SettleQuery: _settle,
        ScreenQuery: _screen,
        FileQuery: _file,
        BookQuery: _book,
        WithdrawQuery: _withdraw,
        NetQuery: _net,
        StatementQuery: _statement,
        HookQuery: _hook,
        UnhookQuery: _unhook,
    }
)
