"""Whose wallet is whose: bound by two persons, and held or let go by order."""

from rules.dcep_state import frozen, proposed, require_authority, wallet_owner, wallets
from rules.payment_proof import address_of, binding_digest
from sdk import Event, bytes_from_hex, ctx, export, require, sm2_verify

BINDINGS_MAX = 64

WalletProposed = Event("Dcep.WalletProposed")
WalletBound = Event("Dcep.WalletBound")
WalletFrozen = Event("Dcep.WalletFrozen")
WalletReleased = Event("Dcep.WalletReleased")


@export
def bind_wallet(public_key: bytes, signature: bytes) -> bytes:
    """The member itself names its wallet; the wallet's key agrees by signing the binding.

    The first counts from now on. A change leads all money elsewhere, so it counts when a second person of the
    member calls with the same key. Earlier payments keep the wallet of their own time. Returns the address.
    Codes: E_ROLE, E_WALLET_SIGNATURE, E_WALLET_TAKEN, E_FOUR_EYES, E_LIMIT.
    """
    allowed = any(role in ctx.roles for role in ("maker", "checker", "admin"))
    require(
        ctx.member != "" and allowed, "E_ROLE", "a maker, checker or administrator names the wallet"
    )
    address = address_of(public_key)
    digest = binding_digest(bytes_from_hex(ctx.channel), ctx.member, address)
    require(
        sm2_verify(public_key, digest, signature),
        "E_WALLET_SIGNATURE",
        "the wallet's key has not signed this binding",
    )
    require(
        wallet_owner[address] in ("", ctx.member), "E_WALLET_TAKEN", "it is another member's wallet"
    )
    bindings = wallets[ctx.member]
    require(len(bindings) < BINDINGS_MAX, "E_LIMIT", "too many changes of wallet")
    if bindings:
        proposal = proposed[ctx.member]
        if proposal == () or proposal[0] != address:
            proposed[ctx.member] = (address, ctx.sender)
            WalletProposed(member=ctx.member, address=address)
            return address
        require(proposal[1] != ctx.sender, "E_FOUR_EYES", "a second person confirms the change")
        proposed.delete(ctx.member)
    kept = [binding for binding in bindings if binding[0] < ctx.time]
    wallets[ctx.member] = (*kept, (ctx.time, address))
    wallet_owner[address] = ctx.member
    WalletBound(member=ctx.member, address=address, from_ms=ctx.time)
    return address


@export
def freeze_wallet(address: bytes, order: str) -> bool:
    """A regulator's order: payments to or from this wallet discharge nothing. Codes: E_ROLE, E_ORDER."""
    require_authority()
    require(0 < len(order) <= 64, "E_ORDER", "a freeze needs the order's number")
    frozen[address] = order
    WalletFrozen(address=address, order=order, by=ctx.member)
    return True


@export
def release_wallet(address: bytes, order: str) -> bool:
    """Ends a freeze. Codes: E_ROLE, E_ORDER."""
    require_authority()
    require(frozen[address] == order, "E_ORDER", "not frozen under this order")
    frozen.delete(address)
    WalletReleased(address=address, order=order, by=ctx.member)
    return True
