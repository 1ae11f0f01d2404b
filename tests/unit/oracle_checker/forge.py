"""Makes whole, valid proofs for the checker's tests, from the pages only: keys, blocks, receipts, payments.

Nothing here comes from the product: the point of the checker is that it agrees with the pages, and its
tests must not borrow the product's reading of them. Keys are small numbers and nonces are derived: this
signs test data, nothing else.
"""

import base64
import hashlib
import json
from decimal import Decimal
from functools import partial
from types import SimpleNamespace as S
from typing import Any

from tests.oracle import hashes, merkle, payments, sm2, state_proof
from tests.oracle.certificates import seals_needed
from tests.oracle.hashes import INTL, SM, H, P, identity, tagged, tagged_structure
from tests.oracle.structures import encode
from tests.oracle.values import BYTES, DECIMAL, DICT, INT, LIST, RECORD, TEXT, TUPLE

TIME_MS = 1_795_305_600_000
WHERE = {"region": "Greater Bay Area", "zone": "mainland", "jurisdiction": "CN"}


def public_key(suite: int, d: int) -> bytes:
    curve = sm2.SM2 if suite == SM else sm2.P256
    return b"\x04" + b"".join(c.to_bytes(32, "big") for c in curve.combine(d, 0, None))


def sign(suite: int, d: int, message: bytes) -> bytes:
    """A signature with a nonce that depends on key and message."""
    curve = sm2.SM2 if suite == SM else sm2.P256
    n = curve.n
    k = int.from_bytes(hashlib.sha512(d.to_bytes(32, "big") + message).digest(), "big") % n
    x = curve.combine(k, 0, None)[0]
    if suite == SM:
        za = sm2.sm2_za(public_key(SM, d))
        r = (int.from_bytes(H(SM, za + message), "big") + x) % n
        s = pow(1 + d, -1, n) * (k - r * d) % n
    else:
        r = x % n
        s = pow(k, -1, n) * (int.from_bytes(H(INTL, message), "big") + r * d) % n
        s = min(s, n - s)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _number(value: int) -> bytes:
    low, high = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _number(high) if high else bytes([low])


def _sized(tag: int, body: bytes) -> bytes:
    return bytes([tag]) + _number(len(body)) + body


def encode_value(value: Any) -> bytes:
    """The value encoding, written from its table."""
    if value is None or isinstance(value, bool):
        return bytes([0 if value is None else 2 if value else 1])
    if isinstance(value, int):
        size = (value if value >= 0 else ~value).bit_length() // 8 + 1
        return _sized(INT, value.to_bytes(size, "big", signed=True))
    if isinstance(value, str | Decimal):
        return _sized(TEXT if isinstance(value, str) else DECIMAL, str(value).encode())
    if isinstance(value, bytes):
        return _sized(BYTES, value)
    if isinstance(value, list | tuple):
        tag = LIST if isinstance(value, list) else TUPLE
        return bytes([tag]) + _number(len(value)) + b"".join(map(encode_value, value))
    if isinstance(value, dict):
        parts = [encode_value(part) for pair in value.items() for part in pair]
        return bytes([DICT]) + _number(len(value)) + b"".join(parts)
    out = bytes([RECORD]) + encode_value(value.name)[1:] + _number(len(value.fields))
    return out + b"".join(encode_value(n)[1:] + encode_value(v) for n, v in value.fields)


def paths(h: merkle.Hash, leaves: list[bytes], index: int) -> list[bytes]:
    """The inclusion path of one leaf, from the leaf up (RFC 9162 section 2.1.3.1)."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    low, high = leaves[:split], leaves[split:]
    if index < split:
        return [*paths(h, low, index), merkle.root(h, high)]
    return [*paths(h, high, index - split), merkle.root(h, low)]


def consistency(h: merkle.Hash, leaves: list[bytes], old: int, whole: bool = True) -> list[bytes]:
    """The consistency path from the first `old` leaves to all (RFC 9162 section 2.1.4.1)."""
    if old == len(leaves):
        return [] if whole else [merkle.root(h, leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    low, high = leaves[:split], leaves[split:]
    if old <= split:
        return [*consistency(h, low, old, whole), merkle.root(h, high)]
    return [*consistency(h, high, old - split, False), merkle.root(h, low)]


class StateTree:
    """A sparse tree over a whole dictionary, straight from its definition."""

    def __init__(self, suite: int, entries: dict[bytes, bytes]):
        self.suite = suite
        self.leaves = {
            tagged("state-key", suite, key): state_proof.value_hash(suite, value)
            for key, value in entries.items()
        }

    def _subtree(self, paths: list[bytes], depth: int) -> bytes:
        if not paths:
            return state_proof.EMPTY
        if len(paths) == 1:
            return state_proof.leaf(self.suite, paths[0], self.leaves[paths[0]])
        sides = [self._side(paths, depth, bit) for bit in (0, 1)]
        return state_proof.node(self.suite, *(self._subtree(side, depth + 1) for side in sides))

    @staticmethod
    def _side(paths: list[bytes], depth: int, bit: int) -> list[bytes]:
        return [path for path in paths if path[depth // 8] >> (7 - depth % 8) & 1 == bit]

    @property
    def root(self) -> bytes:
        return self._subtree(list(self.leaves), 0)

    def prove(self, key: bytes) -> S:
        path = tagged("state-key", self.suite, key)
        here, siblings = list(self.leaves), []
        while len(here) > 1:
            depth = len(siblings)
            bit = path[depth // 8] >> (7 - depth % 8) & 1
            siblings.append(self._subtree(self._side(here, depth, 1 - bit), depth + 1))
            here = self._side(here, depth, bit)
        other = None
        if here and here[0] != path:
            other = S(path=here[0], value_hash=self.leaves[here[0]])
        return S(siblings=siblings, other=other)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


class World:
    """A channel of `n` cities with window `window`, whose blocks are made on demand."""

    NAMES = ("Shenzhen", "Guangzhou", "北京", "Hong Kong", "Macao", "Zhuhai", "Foshan")

    def __init__(self, suite: int = SM, n: int = 4, window: int = 1, kind: str = "pbft"):
        self.suite, self.window, self.kind = suite, window, kind
        self.vote_keys = [100 + i for i in range(n)]
        self.client = 500
        self.config = self._config(n)
        self.config_bytes = encode("ChannelConfig", self.config)
        self.channel_id = tagged("genesis", suite, self.config_bytes)
        self.hash = partial(H, suite)
        self.headers: dict[int, S] = {}
        first = [S(name=node.name, vote_key=node.vote_key) for node in self.config.nodes]
        config_hash = tagged("config", suite, self.config_bytes)
        self.epochs = [S(above=0, keys=self.vote_keys, validators=first, config_hash=config_hash)]

    def epoch_of(self, height: int) -> int:
        return max(n for n, epoch in enumerate(self.epochs) if height > epoch.above or n == 0)

    def validators_hash(self, number: int) -> bytes:
        validators = S(epoch=number, validators=self.epochs[number].validators)
        return tagged_structure("validators", self.suite, "ValidatorSet", validators)

    def hand_over(self, height: int, **config: Any) -> tuple[S, bytes]:
        """The block of `height` takes the last validator out; the change, and the configuration after it."""
        changed = S(**{**vars(self.config), "nodes": self.config.nodes[:-1], **config})
        data, number = encode("ChannelConfig", changed), len(self.epochs)
        last = self.epochs[-1]
        config_hash = tagged("config", self.suite, data)
        following = (height, last.keys[:-1], last.validators[:-1], config_hash)
        self.epochs.append(
            S(**dict(zip(("above", "keys", "validators", "config_hash"), following, strict=True)))
        )
        header = self.header(height, tx_count=1, next_validators_hash=self.validators_hash(number))
        validators = S(epoch=number, validators=self.epochs[-1].validators)
        return S(last=self.certify(header), validators=validators), data

    def _config(self, n: int) -> S:
        names = self.NAMES[:n]
        numbers = {
            "leader_period": 0, "base_timeout_ms": 2000, "timeout_cap": 4, "status_interval_ms": 500,
            "drift_ms": 5000, "forward_after_ms": 1000, "suspect_after_ms": 4000,
            "block_wait_ms": 50, "checkpoint_interval": 64,
        }  # fmt: skip
        limits = {
            "block_txs_max": 1000, "block_bytes_max": 1 << 22, "block_gas_max": 200_000_000,
            "tx_gas_max": 20_000_000, "tx_bytes_max": 1 << 19, "args_bytes_max": 1 << 18,
            "valid_until_window": 1000,
        }  # fmt: skip
        return S(
            version=3,
            suite=self.suite,
            name="main",
            created_ms=TIME_MS,
            clock="development",
            consensus=S(kind=self.kind, window=self.window, **numbers),
            limits=S(**limits),
            engine=S(version="1", digest=_digest("engine"), size=39_000_000),
            members=[
                S(member_id="PX", name="P", city="Shenzhen", admin_key=b"k", peer_ca=b"ca", **WHERE)
            ],
            identities=[S(name="a", member_id="PX", public_key=b"k", roles=["trader", "admin"])],
            nodes=[
                S(
                    name=name,
                    city=name,
                    member_id="PX",
                    identity_key=public_key(self.suite, 200 + i),
                    vote_key=public_key(self.suite, 100 + i),
                    transport_cert=b"cert",
                    **WHERE,
                    role="validator",
                )
                for i, name in enumerate(names)
            ],
            contracts=[S(name="party", version=1, bundle_digest=_digest("party"))],
            followers=[],
            zone="",
            jurisdiction="",
            resident=[],
        )

    def header(self, height: int, **changes: Any) -> S:
        parent = self.headers.get(height - 1)
        number = self.epoch_of(height)
        validators_hash = self.validators_hash(number)
        fields = {
            "version": 1,
            "suite": self.suite,
            "channel_id": self.channel_id,
            "epoch": number,
            "height": height,
            "parent_hash": self.block_hash(parent) if parent else _digest(f"block {height - 1}"),
            "proposer": _digest("proposer"),
            "tx_root": self.hash(b""),
            "tx_count": 0,
            "state_root": bytes(32),
            "receipts_root": self.hash(b""),
            "timestamp_ms": TIME_MS + 1000 * height,
            "validators_hash": validators_hash,
            "next_validators_hash": validators_hash,
            "config_hash": self.epochs[number].config_hash,
            "evidence_root": self.hash(b""),
        }
        return self.headers.setdefault(height, S(**{**fields, **changes}))

    def block_hash(self, header: S) -> bytes:
        return tagged_structure("header", self.suite, "Header", header)

    def certify(
        self, header: S, signers: list[int] | None = None, view: int = 2, kind: str = ""
    ) -> S:
        """The header with seals of the last validators, as many as needed, or of the given ones."""
        keys = self.epochs[header.epoch if header.epoch < len(self.epochs) else 0].keys
        n = len(keys)
        if signers is None:
            signers = list(range(n - seals_needed(self.kind, n), n))
        seal = S(
            channel_id=self.channel_id,
            epoch=header.epoch,
            height=header.height,
            view=view,
            block_hash=self.block_hash(header),
        )
        message = P("commit-seal", self.suite, encode("Seal", seal))
        certificate = S(
            kind=kind or self.kind,
            epoch=header.epoch,
            height=header.height,
            view=view,
            block_hash=seal.block_hash,
            signers=sum(1 << i for i in signers).to_bytes((n + 7) // 8, "little"),
            seals=[sign(self.suite, keys[i], message) for i in signers],
        )
        return S(header=header, certificate=certificate)

    def body(self, **changes: Any) -> bytes:
        fields = {
            1: self.suite,
            2: self.channel_id,
            3: identity(self.suite, public_key(self.suite, self.client)),
            4: "receivable",
            5: 1,
            6: "issue",
            7: "{}",
            8: bytes(16),
            9: 900,
            10: 1_000_000,
            11: "r-1",
        }
        numbers = {"contract": 4, "method": 6, "args": 7, "request_id": 11, "sender": 3, "suite": 1}
        fields.update({numbers[name]: value for name, value in changes.items()})
        out = b""
        for number, value in fields.items():
            if isinstance(value, int):
                out += _number(number << 3) + _number(value)
            else:
                raw = value.encode() if isinstance(value, str) else value
                out += _number(number << 3 | 2) + _number(len(raw)) + raw
        return out

    def receipt(self, tx_id: bytes, /, **changes: Any) -> bytes:
        fields = {
            "tx_id": tx_id,
            "outcome": "ok",
            "code": "",
            "message": "",
            "gas_used": 4321,
            "gas_limit": 1_000_000,
            "result": encode_value({"id": "R-1", "rate": Decimal("3.05")}),
            "events": [("receivable", "Issued", encode_value({"amount_fen": 600_000_000}))],
            "writes_digest": _digest("writes"),
        }
        return encode_value({**fields, **changes})

    def transactions(
        self, bodies: list[bytes], height: int, state_root: bytes = bytes(32), **receipt: Any
    ) -> list[S]:
        """One block of these bodies, executed, and a proof of each."""
        key = public_key(self.suite, self.client)
        signatures = [
            sign(self.suite, self.client, tagged("tx-sign", self.suite, self.channel_id, body))
            for body in bodies
        ]
        ids = [tagged("tx-id", self.suite, body) for body in bodies]
        receipts = [self.receipt(tx_id, **receipt) for tx_id in ids]
        leaves = [
            tagged("tx-leaf", self.suite, tx_id, signature)
            for tx_id, signature in zip(ids, signatures, strict=True)
        ]
        results = [tagged("receipt-leaf", self.suite, data) for data in receipts]
        tx_root = merkle.root(self.hash, leaves)
        ordered = self.header(height, tx_root=tx_root, tx_count=len(bodies))
        for between in range(height + 1, height + self.window):
            self.header(between)
        settled = self.header(
            height + self.window,
            receipts_root=merkle.root(self.hash, results),
            state_root=state_root,
        )
        both = self.certify(ordered), self.certify(settled)
        return [
            S(
                version=1,
                ordered=both[0],
                index=i,
                body=body,
                public_key=key,
                signature=signatures[i],
                tx_path=paths(self.hash, leaves, i),
                settled=both[1],
                receipt=receipts[i],
                receipt_path=paths(self.hash, results, i),
            )
            for i, body in enumerate(bodies)
        ]

    def fact(self, key: bytes, entries: dict[bytes, bytes], height: int) -> S:
        tree = StateTree(self.suite, entries)
        header = self.header(height, state_root=tree.root)
        return S(
            version=1,
            settled=self.certify(header),
            key=key,
            value=entries.get(key),
            proof=tree.prove(key),
        )

    def proof_file(self, transaction: S | None = None, state: S | None = None) -> S:
        return S(version=1, config=self.config_bytes, transaction=transaction, state=state)

    def fact_file(self, kind: str, fact: S, changes: list[S] | None = None) -> S:
        """A file of version 3. kind: event or membership."""
        data = encode("EventFact" if kind == "event" else "MemberFact", fact)
        return S(version=3, config=self.config_bytes, changes=changes or [], kind=kind, fact=data)

    def membership(
        self, height: int, who: str, name: str, time_ms: int = 0, config: bytes = b""
    ) -> S:
        """Who takes part at the block of `height`; with a time, from the block before it on."""
        below = self.header(height - 1)
        before = self.certify(below) if time_ms else None
        shown = self.certify(self.header(height))
        fields = (1, shown, before, time_ms, config or self.config_bytes, who, name)
        names = ("version", "shown", "before", "time_ms", "config", "who", "name")
        return S(**dict(zip(names, fields, strict=True)))

    def bundle(self, transactions: list[S], states: list[S], paid: list[bytes]) -> S:
        return S(
            version=1,
            subject="receivable R-1",
            config=self.config_bytes,
            transactions=transactions,
            states=states,
            payments=paid,
        )


class Center:
    """A log of payments with a root key (901) and a key for heads (902)."""

    def __init__(self) -> None:
        self.root_key = public_key(SM, 901)
        self.log_id = hashes.tagged("log-id", SM, self.root_key)
        self.head_key = public_key(SM, 902)
        self.leaves = [merkle.leaf_hash(payments.sm3, bytes([i])) for i in range(5)]

    def _sign(self, d: int, tag: str, kind: str, value: S) -> bytes:
        return sign(SM, d, tagged_structure(tag, SM, kind, value))

    def fields(self, **changes: bytes) -> dict[str, bytes]:
        fields = {
            "amount_fen": (600_000_000).to_bytes(8, "big"),
            "time_ms": TIME_MS.to_bytes(8, "big"),
            "payee": _digest("payee"),
            "payer": _digest("payer"),
            "ref_commit": _digest("reference"),
            "ccy": b"CNY",
            "kind": b"TRANSFER",
            "purpose": b"TRADE",
            "regime": b"2026",
            "status": b"FINAL",
        }
        return dict(sorted({**fields, **changes}.items()))

    def key(self, **changes: Any) -> S:
        fields = {
            "version": 1,
            "log_id": self.log_id,
            "public_key": self.head_key,
            "issues": False,
            "not_before_ms": TIME_MS - 1000,
            "not_after_ms": TIME_MS + 1_000_000,
        }
        return S(**{**fields, **changes})

    def chained(self, key: S) -> S:
        return S(key=key, signature=self._sign(901, "log-key", "LogKey", key))

    def prove(
        self,
        fields: dict[str, bytes] | None = None,
        hide: tuple[str, ...] = ("purpose", "regime"),
        key: S | None = None,
        anchor: int = 3,
        head_changes: dict[str, Any] | None = None,
        **changes: Any,
    ) -> S:
        """Appends a payment and proves it; changes are made before the parts are signed."""
        txid = _digest(f"coin transaction {len(self.leaves)}")
        opened, hidden = [], []
        for name, value in (fields or self.fields()).items():
            item = S(name=name, value=value, salt=_digest(name)[:16])
            if name in hide:
                hidden.append(tagged_structure("payment-field", SM, "Disclosure", item))
            else:
                opened.append(item)
        shown = [tagged_structure("payment-field", SM, "Disclosure", item) for item in opened]
        commitments = [merkle.leaf_hash(payments.sm3, c) for c in sorted([*shown, *hidden])]
        fields_root = merkle.root(payments.sm3, commitments)
        entry = S(version=1, txid=txid, output_index=1, leaf_commit=fields_root)
        data = P("log-entry", SM, encode("LogEntry", entry))
        self.leaves.append(merkle.leaf_hash(payments.sm3, data))
        head_fields = {
            "version": 1,
            "log_id": self.log_id,
            "tree_size": len(self.leaves),
            "timestamp_ms": TIME_MS + 2000,
            "root": merkle.root(payments.sm3, self.leaves),
            "key_id": identity(SM, self.head_key),
            "ext": b"",
        }
        head = S(**{**head_fields, **(head_changes or {})})
        proof = {
            "version": 1,
            "log_id": self.log_id,
            "point": S(txid=txid, output_index=1),
            "fields_root": fields_root,
            "disclosures": opened,
            "hidden": sorted(hidden),
            "leaf_index": len(self.leaves) - 1,
            "audit_path": paths(payments.sm3, self.leaves, len(self.leaves) - 1),
            "head": S(head=head, signature=self._sign(902, "tree-head", "TreeHead", head)),
            "key_chain": [self.chained(key or self.key())],
            "anchor_size": anchor,
            "anchor_path": consistency(payments.sm3, self.leaves, anchor) if anchor else [],
            "nonce": bytes(16),
            "not_after_ms": TIME_MS + 500_000,
        }
        result = S(**{**proof, **changes})
        result.grant_signature = self._sign(902, "payment-grant", "ProofGrant", result)
        return result


def arguments(**values: bytes | str) -> str:
    """JSON arguments; bytes as base64."""
    texts = {
        n: v if isinstance(v, str) else base64.b64encode(v).decode() for n, v in values.items()
    }
    return json.dumps(texts)
