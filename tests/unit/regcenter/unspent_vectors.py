"""Writes proto/vectors/unspent_proofs.json: `python -m tests.unit.regcenter.unspent_vectors`.

Made once, as SM2 draws a nonce for every signature, and then only verified. Each row: the log's root key, the
proof's canonical bytes, and either what it says of the coin or the code with which it is refused.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from consensus.encoding import Hash, Sig, decode, encode
from consensus.payment_proof import TrustedLog
from consensus.unspent_proof import HeadExtension, Unspent, UnspentProof, check_unspent
from deploy.regcenter.hashing import sm3
from deploy.regcenter.operations import Refresh
from deploy.regcenter.requests import CoinQuery
from node.identity.suite import get_suite
from tests.damage import flipped
from tests.golden import VECTORS
from tests.unit.regcenter.desk_world import City

FILE = VECTORS / "unspent_proofs.json"


def check(data: bytes, root_key: bytes, now_ms: int | None = None) -> Unspent:
    return check_unspent(sm3, get_suite("sm").verify, data, TrustedLog(root_key), now_ms)


def said(found: Unspent) -> dict[str, Any]:
    coin = found.coin
    return {
        "coin_id": found.coin_id.hex(),
        "size": found.size,
        "coin": coin
        and {"value_fen": coin.value_fen, "owner": coin.owner.hex(), "state": coin.state},
    }


def proof_of(city: City, by: Any, coin: Hash) -> UnspentProof:
    """The proof that a wallet gets after asking the writer for a map of the whole log."""
    city.money.process(Refresh(with_map=True))
    return decode(UnspentProof, bytes.fromhex(city.read(by, CoinQuery(coin))["proof"]))


def _with_signed(proof: UnspentProof, **changes: Any) -> UnspentProof:
    return replace(proof, head=replace(proof.head, signed=replace(proof.head.signed, **changes)))


def _with_head(proof: UnspentProof, **changes: Any) -> UnspentProof:
    return _with_signed(proof, head=replace(proof.head.signed.head, **changes))


def _flip(step: Hash) -> Hash:
    return Hash(flipped(step, 0))


def _dearer(proof: UnspentProof) -> UnspentProof:
    assert proof.coin is not None
    return replace(proof, coin=replace(proof.coin, value_fen=proof.coin.value_fen + 1))


def _turned(proof: UnspentProof) -> UnspentProof:
    siblings = proof.path.siblings
    return replace(proof, path=replace(proof.path, siblings=(_flip(siblings[0]), *siblings[1:])))


BROKEN: list[tuple[str, str, Callable[[UnspentProof], UnspentProof]]] = [
    ("one fen more", "E_PROOF_INCLUSION", _dearer),
    ("absence of a coin that is there", "E_PROOF_INCLUSION", lambda p: replace(p, coin=None)),
    ("another coin's id", "E_PROOF_INCLUSION", lambda p: replace(p, coin_id=_flip(p.coin_id))),
    ("a flipped bit in the path", "E_PROOF_INCLUSION", _turned),
    ("a path of 257 steps", "E_PROOF_SIZE",
     lambda p: replace(p, path=replace(p.path, siblings=p.path.siblings[:1] * 257))),
    ("a head that nobody signed", "E_PROOF_SIGNATURE",
     lambda p: _with_signed(p, signature=Sig(bytes(63) + b"\x01"))),
    ("another map under the head", "E_PROOF_SIGNATURE",
     lambda p: _with_head(p, ext=encode(HeadExtension(Hash(bytes(32)), 1)))),
    ("a head without a map", "E_PROOF_ENCODING", lambda p: _with_head(p, ext=b"")),
    ("no key chain", "E_PROOF_SIZE", lambda p: replace(p, head=replace(p.head, key_chain=()))),
    ("an unknown version", "E_PROOF_VERSION", lambda p: replace(p, version=2)),
    ("another log", "E_PROOF_LOG", lambda p: _with_head(p, log_id=_flip(p.head.signed.head.log_id))),
]  # fmt: skip


def rows(directory: Path) -> list[dict[str, Any]]:
    city = City(directory)
    root_key = city.money.center.root_key
    for _ in range(12):
        city.money.fund(city.other, 7)
    unspent = proof_of(city, city.wallet, city.coin)
    city.money.process(city.send(city.wallet, city.coin, (city.other.address, 600)))
    spent = proof_of(city, city.wallet, city.coin)
    never = proof_of(city, city.other, Hash(sm3(b"a coin that never was")))
    good = {"unspent": unspent, "spent": spent, "never made": never}
    out = [
        {
            "what": what,
            "root_key": root_key.hex(),
            "proof": encode(proof).hex(),
            "says": said(check(encode(proof), root_key)),
        }
        for what, proof in good.items()
    ]
    for what, code, change in BROKEN:
        data = encode(change(unspent))
        out.append({"what": what, "root_key": root_key.hex(), "proof": data.hex(), "refused": code})
    city.money.center.close()
    return out


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        found = rows(Path(directory) / "center")
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(FILE)


if __name__ == "__main__":
    main()
