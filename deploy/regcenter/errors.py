"""Refusals of the center: a stable code, the HTTP status, what happened, and the next step."""

from __future__ import annotations

_REFUSALS: dict[str, tuple[int, str, str]] = {
    "RC_JSON": (400, "the request is not strict JSON of the documented shape", "read the detail"),
    "RC_ENCODING": (400, "a field does not hold what it must", "read the detail"),
    "RC_QUERY": (400, "a query parameter is missing, unknown or malformed", "read the detail"),
    "RC_VERSION": (422, "unknown transaction version", "use version 1"),
    "RC_KIND": (422, "this kind of transaction is not offered", "see the list of kinds"),
    "RC_CURRENCY": (422, "only CNY lives here", "use ccy CNY"),
    "RC_TIME": (
        422,
        "the transaction's time is not now",
        "set time_ms from GET /status and sign again",
    ),
    "RC_SIGNATURE": (
        401,
        "the signature does not hold",
        "sign the digest of these bytes for this log",
    ),
    "RC_INPUTS": (422, "the number of inputs does not fit the kind", "see the rules of the kind"),
    "RC_OUTPUTS": (422, "the number of outputs does not fit the kind", "see the rules of the kind"),
    "RC_VALUE": (422, "a value is zero or above 2^53 - 1 fen", "split or correct the amount"),
    "RC_DUPLICATE_INPUT": (422, "one coin is named twice", "name each coin once"),
    "RC_UNKNOWN_COIN": (404, "no such coin", "list the wallet's coins again"),
    "RC_DOUBLE_SPEND": (409, "the coin is already spent", "list the wallet's coins again"),
    "RC_OWNER": (403, "the coin belongs to another wallet", "sign with the owner's key"),
    "RC_OVERSPEND": (422, "the outputs are more than the inputs", "add coins or lower an amount"),
    "RC_UNBALANCED": (422, "the outputs are less than the inputs", "send the rest back as change"),
    "RC_LOCKED": (
        409,
        "the money waits for a condition",
        "release it, or refund it when it expires",
    ),
    "RC_FROZEN": (423, "an authority froze the coin", "ask the authority of the order"),
    "RC_NOT_HELD": (409, "the coin is neither locked nor frozen", "spend it as any other"),
    "RC_TERMS": (422, "the terms of the lock do not hold together", "read the detail"),
    "RC_CONDITION": (422, "the condition of the lock is not met", "bring what its terms ask for"),
    "RC_EXPIRED": (422, "the lock has expired: only the payer may take it", "ask the payer"),
    "RC_NOT_EXPIRED": (422, "the lock has not expired yet", "wait, or let the payee sign as well"),
    "RC_REVERSAL": (422, "this payment cannot be taken back so", "read the detail"),
    "RC_LIMIT": (422, "the wallet's category does not allow it", "pay less, or upgrade the wallet"),
    "RC_WALLET": (422, "the wallet cannot be opened so", "read the detail"),
    "RC_AUTHORITY": (403, "the signer has no such authority", "let the right authority sign"),
    "RC_ORDER": (422, "the order does not fit", "put the order's number into the purpose"),
    "RC_TIER": (422, "this kind does not move money between these tiers", "use the right kind"),
    "RC_OPERATOR": (403, "the signer is no operator bank", "register the bank first"),
    "RC_RESERVE": (422, "the bank's reserve does not cover the issue", "place more reserve"),
    "RC_PURPOSE": (422, "the purpose is ASCII text of at most 64 characters", "shorten it"),
    "RC_PURPOSE_CODE": (
        422,
        "a payment across the border says what it is for",
        "begin the purpose with a code of the list",
    ),
    "RC_RESERVE_CLASS": (
        422,
        "reserve money stays in reserve wallets and is not spent at home",
        "redeem it at a bank",
    ),
    "RC_WALLET_ENDED": (422, "the wallet has ended", "redeem what is left, or open a new one"),
    "RC_TERMINAL": (
        403,
        "no terminal of this bank confirms the recharge",
        "let the ATM or POS terminal named in the purpose sign as well",
    ),
    "RC_INSTITUTION": (422, "there is no such payment institution or account", "read the detail"),
    "RC_COVERAGE": (
        422,
        "the institution's coins would no longer cover what it owes",
        "refill the pool first",
    ),
    "RC_HOOK": (422, "the webhook cannot be registered so", "read the detail"),
    "RC_DEVICE": (422, "the device or its voucher does not hold", "read the detail"),
    "RC_QR": (422, "the QR code does not hold: pay nothing", "ask the payee for a fresh code"),
    "RC_REPORT": (404, "there is no such report of yours", "list the reports again"),
    "RC_SM9": (401, "the identity-based key does not hold", "read the detail"),
    "RC_EPOCH": (
        403,
        "the month for which the key was enrolled is over",
        "enrol the key again with this month's identity key",
    ),
    "RC_STATEMENT": (404, "there is no such statement", "let the institution make the day's"),
    "RC_CERTIFICATE": (
        403,
        "the certificate does not hold, or there is none",
        "present one: city regcenter ca present",
    ),
    "RC_CERTIFICATE_ISSUER": (
        403,
        "another authority issued the certificate",
        "ask the central bank for one",
    ),
    "RC_CERTIFICATE_KEY": (
        403,
        "the certificate belongs to another key",
        "present it with the key that it names",
    ),
    "RC_CERTIFICATE_ROLE": (
        403,
        "the certificate is for another role or holder",
        "ask the central bank for one of the right role",
    ),
    "RC_CERTIFICATE_EXPIRED": (
        403,
        "the certificate's time is over",
        "let the central bank issue the next one and present it",
    ),
    "RC_CERTIFICATE_REVOKED": (
        403,
        "the certificate was revoked",
        "let the central bank issue another one",
    ),
    "RC_REVOKED": (403, "the key was revoked", "ask the central bank"),
    "RC_REGIME": (422, "the monetary regime does not know this", "read the detail"),
    "RC_ROTATION": (422, "the key has been changed meanwhile", "ask for the keys again"),
    "RC_UNAUTHORISED": (403, "only payer, payee or their delegate may ask", "ask with their key"),
    "RC_REQUEST": (401, "the signed request does not hold", "sign a fresh request for this center"),
    "RC_NOT_FOUND": (404, "no such thing here", "check what you ask for"),
    "RC_RANGE": (422, "a size or an index lies outside the log", "ask for the current head first"),
    "RC_BUSY": (429, "too many transactions wait", "try again shortly"),
    "RC_CLOSED": (503, "the center is stopping or has stopped", "start it again, look at its log"),
    "RC_IN_USE": (503, "another process holds the store", "stop it, or use another --dir"),
    "RC_ROLLED_BACK": (500, "the store is older than what was signed", "restore the newest store"),
    "RC_DAMAGED": (500, "the store contradicts itself", "restore it from a copy"),
}
CODES = tuple(_REFUSALS)


class CenterError(Exception):
    """A refusal. `code` is stable; `detail` names the offending field or value."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.status, self.message, self.next_step = _REFUSALS[code]
        self.detail = detail
        super().__init__(f"{code}: {self.message}" + (f" ({detail})" if detail else ""))

    def view(self) -> dict[str, dict[str, str]]:
        """What the API answers."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "detail": self.detail,
                "next": self.next_step,
            }
        }
