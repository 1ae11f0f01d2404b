"""QR codes of payees: `ecny://pay?…`, signed by the payee's key, static or for one payment.

    ecny://pay?v=1&k=<key>&a=<address>&n=<name>&m=<fen>&c=156&r=<reference>&e=<end>&s=<signature>

All parameters always stand there, in this order; k, a, r and s are lower-case hexadecimal, n is
percent-encoded. A static code has m=0, r of zeros and e=0: the payer chooses the amount. A dynamic one names
all three and ends at e (milliseconds). The signature is over the tagged structure `Code`, and the address is
that of the key: whoever pastes a code over another must sign with a key that does not own the address people
know. What a payer is shown comes from the code after this check only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import segno

from consensus.encoding import Hash, encode
from consensus.payment import NO_REFERENCE, VALUE_FEN_MAX
from consensus.tags import SUITE_SM, Tag, preimage
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.packed import address_of
from node.identity.suite import Signer, Suite

QR_VERSION = 1
CNY_NUMBER = 156  # ISO 4217
NAME_CHARS_MAX = 40
_FORM = re.compile(
    r"ecny://pay\?v=(\d{1,3})&k=([0-9a-f]{130})&a=([0-9a-f]{64})&n=([A-Za-z0-9_.~%-]{0,480})"
    r"&m=(\d{1,16})&c=(\d{1,3})&r=([0-9a-f]{64})&e=(\d{1,20})&s=([0-9a-f]{128})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Code:
    """What a payee asks for. name: what the payer is shown. amount_fen 0 with expires_ms 0: a static code."""

    version: int
    public_key: bytes
    address: Hash
    name: str
    amount_fen: int
    ccy_number: int
    reference: Hash
    expires_ms: int

    @property
    def is_static(self) -> bool:
        return (self.amount_fen, self.reference, self.expires_ms) == (0, NO_REFERENCE, 0)

    def digest(self) -> Hash:
        return Hash(sm3(preimage(Tag.PAYMENT_QR, SUITE_SM, encode(self))))


def make(
    payee: Signer,
    name: str,
    amount_fen: int = 0,
    reference: Hash = NO_REFERENCE,
    expires_ms: int = 0,
) -> str:
    """The text of a signed code. Raises CenterError RC_QR."""
    key = payee.public_key
    code = Code(
        QR_VERSION, key, address_of(key), name, amount_fen, CNY_NUMBER, reference, expires_ms
    )
    _check(code)
    return _text(code, payee.sign(code.digest()))


def read(text: str, suite: Suite, now_ms: int) -> Code:
    """The code that a payee signed and that has not ended. Raises CenterError RC_QR."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise CenterError("RC_QR", "it is not of the documented form")
    version, key, address, name, amount, ccy, reference, expires, signature = found.groups()
    try:
        shown = unquote(name, errors="strict")
    except UnicodeDecodeError as error:
        raise CenterError("RC_QR", "the name is no UTF-8") from error
    code = Code(
        version=int(version),
        public_key=bytes.fromhex(key),
        address=Hash(bytes.fromhex(address)),
        name=shown,
        amount_fen=int(amount),
        ccy_number=int(ccy),
        reference=Hash(bytes.fromhex(reference)),
        expires_ms=int(expires),
    )
    _check(code)
    signed = bytes.fromhex(signature)
    if _text(code, signed) != text or not suite.verify(code.public_key, code.digest(), signed):
        raise CenterError("RC_QR", "the payee did not sign it")
    if code.expires_ms and now_ms >= code.expires_ms:
        raise CenterError("RC_QR", "it has ended")
    return code


def draw(text: str, path: Path) -> None:
    """The code as a picture; the ending of the path chooses the format (svg, png, txt)."""
    segno.make(text, error="m", micro=False).save(str(path))


def _check(code: Code) -> None:
    wrong = {
        "unknown version": code.version != QR_VERSION,
        "another currency": code.ccy_number != CNY_NUMBER,
        "the address is another key's": code.address != address_of(code.public_key),
        "a name of 1 to 40 characters": not 0 < len(code.name) <= NAME_CHARS_MAX
        or not code.name.isprintable(),
        "the amount is too large": code.amount_fen > VALUE_FEN_MAX,
        "a code for one payment has an amount and an end": not code.is_static
        and not (code.amount_fen and code.expires_ms),
    }
    for what, is_wrong in wrong.items():
        if is_wrong:
            raise CenterError("RC_QR", what)


def _text(code: Code, signature: bytes) -> str:
    return (
        f"ecny://pay?v={code.version}&k={code.public_key.hex()}&a={code.address.hex()}"
        f"&n={quote(code.name, safe='')}&m={code.amount_fen}&c={code.ccy_number}"
        f"&r={code.reference.hex()}&e={code.expires_ms}&s={signature.hex()}"
    )
