"""Files of people and other programs: keys, certificates, documents, settings; and what a disk gives back."""

from __future__ import annotations

import io
import json
import re
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from consensus.encoding import EncodingError, decode
from consensus.header import Header
from node.authority import tokens
from node.backups import verify as verify_backup
from node.confidential import credentials, sealing
from node.config import load_config
from node.contracts import arguments
from node.documents import strict
from node.documents.customs import COLUMNS, parse_declarations
from node.documents.parties import parse_parties
from node.documents.precheck.case import read_case
from node.documents.ubl import parse_invoice
from node.errors import CityError
from node.genesis import ChannelConfig, Genesis, channel_id, decode_genesis, encode_genesis
from node.governance import calls as governance
from node.identity import certificates, der, keyfile, requests, revocation, transport
from node.identity.errors import (
    BadCertificate,
    BadSignatureEncoding,
    BadSm2Certificate,
    KeyFileError,
)
from node.iso20022.message import read_message
from node.ledger.backup import Head, write_backup
from node.ledger.blocks import pack_envelopes, unpack_envelopes
from node.ledger.snapshot import BadSnapshot, parts, read_part
from node.ledger.tree import EMPTY_SLOT, TreeDamaged, decode_page, encode_page
from node.lifecycle import calls as lifecycle
from node.lifecycle.examples import parse_examples
from node.metering.recount import Page, Told, read, write
from node.model import Envelope, EventRecord, Receipt, decode_receipt, encode_receipt
from node.network.create import node_toml
from node.network.plan import DEFAULT_PLAN, load_plan
from node.oracle.journal import read_records
from node.oracle.service import load_service
from node.ordering.wal import WalDamaged, encode_frame, parse_segment, segment_header, segment_name
from node.relay.config import load_relay, relay_text
from node.sdk.context import find_context
from node.sdk.errors import CityError as ClientError
from node.web.views import _parsed
from tests.fuzz.decoder import Decoder
from tests.fuzz.rows_consensus import NOW_MS, SUITE
from tests.fuzz.samples import structures
from tests.fuzz.shapes import armour, unarmoured
from tests.unit.oracle_checker.forge import World

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "deploy" / "demo"
YEAR_MS = 365 * 86_400_000


def _files(*patterns: str, root: Path = ROOT) -> list[bytes]:
    return [path.read_bytes() for pattern in patterns for path in sorted(root.glob(pattern))]


def _in_other_letters(files: list[bytes]) -> list[bytes]:
    """The same, and the first one as XML may be written too."""
    text = re.sub(r"<\?xml.*?\?>", "", files[0].decode())
    head = '<?xml version="1.0" encoding="ISO-8859-1"?><!-- \xe9 -->'
    return [*files, (head + text).encode("latin-1", "xmlcharrefreplace"), text.encode("utf-16")]


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """In memory where there is such a place; gone with the process."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="city-fuzz-", dir=memory if memory.is_dir() else None)


def _place() -> Path:
    """A file where the product takes a path."""
    return Path(_folder().name) / "input.toml"


def at_path(read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
    def run(data: bytes) -> Any:
        _place().write_bytes(data)
        return read(_place())

    return run


def _backups() -> list[bytes]:
    """Of a channel that the forger of proofs made: its genesis can be read."""
    config = decode(ChannelConfig, World().config_bytes)
    id_ = channel_id(SUITE.hash, config)
    genesis = encode_genesis(Genesis(config, ()))
    head = Head(1, "Shenzhen", config.name, id_, config.suite, 7, NOW_MS, genesis)
    file = io.BytesIO()
    pairs = [(b"B" + bytes(8), b"\x00" * 8), (b"mtip", bytes(8))]
    write_backup(file, head, pairs, [(b"s\x0aa\x00", b"\x01")], SUITE.hash)
    return [file.getvalue()]


# ---- keys and certificates -------------------------------------------------------------------------


@cache
def _signer() -> Any:
    return SUITE.signer(SUITE.private_key(b"\x07" * 32))


@cache
def _authority() -> certificates.Certificate:
    return certificates.make_authority(SUITE, _signer(), "Shenzhen CA", NOW_MS, NOW_MS + YEAR_MS)


def _sm2_certificates() -> list[bytes]:
    holder = certificates.Holder("buyer", ("user",), _signer().public_key, "PX", ("a.example",))
    times = (NOW_MS, NOW_MS + YEAR_MS)
    return [_authority().der, certificates.issue(SUITE, _authority(), _signer(), holder, times).der]


def _lists() -> list[bytes]:
    revoked = [revocation.Revoked(n, NOW_MS) for n in (5, 1 << 100)]
    times = (NOW_MS, NOW_MS + YEAR_MS)
    return [
        revocation.make_list(SUITE, _authority(), _signer(), some, 3, times)
        for some in ([], revoked)
    ]


def _keys() -> list[bytes]:
    keys = [SUITE.private_key(b"\x07" * 32)]
    return [unarmoured(keyfile.encode_key(key, None, dev=True))[0] for key in keys]


def _transport_certificates() -> list[bytes]:
    authority = transport.make_peer_ca("PX")
    node = transport.issue_transport_certificate(authority, "shenzhen", ["localhost", "127.0.0.1"])
    return [unarmoured(each.certificate_pem)[0] for each in (authority, node)]


def _key(label: bytes) -> Callable[[bytes], Any]:
    return lambda data: keyfile.decode_key(armour(data, label), b"password", dev=True)


def _list(data: bytes) -> Any:
    return revocation.read_list(SUITE, data, _authority())


# ---- calls that nodes decide themselves ------------------------------------------------------------


def _call(module: Any) -> Callable[[bytes], Any]:
    methods = sorted(module.METHODS)

    def run(data: bytes) -> Any:
        text = data[1:].decode("utf-8", "replace")
        return module.parse_call(methods[data[0] % len(methods)], text) if data else None

    return run


def _calls(methods: dict[str, Any]) -> list[bytes]:
    values = {"bytes": "AAAA", "hash": "ab" * 32, "number": 7, "examples": '[{"method":"get"}]',
              "text": "x", "notes": "x\ny", "transcript": "{}"}  # fmt: skip
    return [
        bytes((at,))
        + json.dumps({k: values.get(v, "AAAA") for k, v in methods[name].items()}).encode()
        for at, name in enumerate(sorted(methods))
    ]


# ---- what a disk gives back ------------------------------------------------------------------------


def _receipts() -> list[bytes]:
    events = (EventRecord("transfer", "Opened", b"\x00"),)
    return [
        encode_receipt(Receipt(b"t" * 32, "ok", "", "", 5, 9, b"\x00", events, b"w" * 32)),
        encode_receipt(Receipt(b"t" * 32, "revert", "E_NO", "why", 5, 9, b"\x00", (), b"w" * 32)),
    ]


def _envelopes() -> list[bytes]:
    some = [Envelope(b"body" * n, b"k" * 65, b"s" * 64) for n in (1, 3)]
    return [pack_envelopes([]), pack_envelopes(some)]


def _pages() -> list[bytes]:
    inner, leaf = b"i" * 32, b"l" * 64
    nodes = [EMPTY_SLOT] * 32
    nodes[2:4] = [inner, inner]
    nodes[16], nodes[20], nodes[24] = leaf, b"p" * 40, inner + leaf * 2
    return [encode_page(nodes), encode_page([EMPTY_SLOT] * 32)]


def _all_blocks(path: Path) -> None:
    with path.open(encoding="utf-8", errors="replace") as file:
        _, blocks = read(path, file)
        list(blocks)


def _exported() -> list[bytes]:
    text, header = io.StringIO(), decode(Header, structures(Header)[0])
    page = Page(header.channel_id, 1, 1, {header.proposer: "PX"})
    told = Told(header, (Envelope(b"b", b"k", b"s"),), (b"receipt",))
    write(text, page, [told], [header])
    return [text.getvalue().encode()]


def _segment() -> list[bytes]:
    frames = [encode_frame(n, [b"record" * n, b""]) for n in range(3)]
    return [segment_header(1) + b"".join(frames[:some]) for some in (1, 2, 3)]


def _parts() -> list[bytes]:
    return list(
        parts([(b"s", b"key", b"value"), (b"q", b"id", b""), (b"r", b"h" * 12, b"receipt")])
    )


def _answer(name: str) -> Callable[[bytes], Any]:
    return load_service(name).read_answer


ANSWERS = [
    b'{"status":"SETTLED","amount_fen":5,"currency":"CNY","reference":"00","found":true}',
    b'{"rate":"7.12","pair":"USD/CNY","date":"2026-11-22","at_ms":5}',
]


def _toml() -> list[bytes]:
    text = node_toml("Shenzhen", "main", ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"),
                     {"Beijing": "127.0.0.1:4"}, clock_offset="/tmp/offset")  # fmt: skip
    more = '\n[log]\nlevel = "info"\n[disk]\nfree_bytes_min = 5\n[snapshot]\nevery = 4\n'
    return [text.encode(), (text + more).encode()]


def _beginning(path: Path) -> list[bytes]:
    """Its first tables, whole: the others are alike."""
    tables = path.read_text(encoding="utf-8").split("\n[")
    return ["\n[".join(tables[:some]).encode() for some in (4, 8)]


CONTEXT = b"""current = "dev"
[contexts.dev]
channel = "main"
channel_id = "abcd"
suite = "sm"
clock_offset_file = ""
[[contexts.dev.nodes]]
name = "Shenzhen"
api = "127.0.0.1:5"
certificate = "/a.crt"
[contexts.dev.users.buyer]
key = "/a.pem"
member = "PX"
"""


def _as_csv() -> bytes:
    rows = json.loads(_files("customs/*.json", root=DEMO)[0])
    lines = [",".join(str(row[column]) for column in COLUMNS) for row in rows]
    return "\n".join([",".join(COLUMNS), *lines]).encode()


def _held() -> list[bytes]:
    held = credentials.salt_fields("SLIP-1", {"amount": "1.00", "goods": "phones"})
    return [held.to_bytes()]


def _sealed() -> sealing.Content:
    fields = {"amount": "1.00", "goods": "phones"}
    return sealing.content_of("LC-1-INV", fields, "paper.pdf", b"a paper")


def _presented() -> list[bytes]:
    held = credentials.salt_fields("SLIP-1", {"amount": "1.00", "goods": "phones"})
    return [held.open(["goods"], b"credential", b"key").to_bytes()]


ROWS = [
    Decoder("SM2 certificate", certificates.parse, (BadSm2Certificate,), "der", _sm2_certificates,
            ("node.identity.certificates.parse", "node.governance.papers._parsed",
             "node.identity.asn1.read_public_key"), cost=15),
    Decoder("revocation list", _list, (BadSm2Certificate,), "der", _lists,
            ("node.identity.revocation.read_list",), cost=15),
    Decoder("certification request", lambda data: requests.read_request(SUITE, data),
            (BadSm2Certificate,), "der",
            lambda: [requests.make_request(SUITE, _signer(), "buyer", ("user",), "PX", ("a.example",))],
            ("node.identity.requests.read_request",), cost=15),
    Decoder("PEM", certificates.from_pem, (BadSm2Certificate,), "text",
            lambda: [certificates.to_pem(each) for each in _sm2_certificates()],
            ("node.identity.asn1.from_pem",), cost=3),
    Decoder("DER signature", der.der_to_raw, (BadSignatureEncoding,), "der",
            lambda: [der.raw_to_der(_signer().sign(b"message"))],
            ("node.identity.der._read_integer",), der.raw_to_der),
    Decoder("key file", _key(b"PRIVATE KEY"), (KeyFileError,), "der", _keys,
            ("node.identity.keyfile.decode_key", "node.identity.keyfile.read_key",
             "node.identity.keyfile._decode_info"), cost=15),
    Decoder("key file as text", lambda data: keyfile.decode_key(data, b"password", dev=True),
            (KeyFileError,), "text",
            lambda: [armour(each, b"PRIVATE KEY") for each in _keys()], cost=15),
    Decoder("transport certificate",
            lambda data: transport.load_certificate(armour(data, b"CERTIFICATE")),
            (BadCertificate,), "der", _transport_certificates,
            ("node.identity.transport.load_certificate",), cost=2),
    Decoder("enrolment token", lambda data: tokens.read_word(data.decode("utf-8", "replace")),
            (CityError,), "text", lambda: [tokens.Word(b"s" * 32, b"f" * 32).text.encode()],
            ("node.authority.tokens.read_word",)),
    Decoder("genesis", decode_genesis, (EncodingError, ValueError), "mixed",
            lambda: structures(Genesis, some=6), ("node.genesis.decode_genesis",)),
    Decoder("arguments, strictly", lambda data: arguments.check_arguments(data.decode("utf-8", "replace")),
            (arguments.BadArguments,), "json",
            lambda: [b'{"owner":"a","amount":5,"list":[{"a":null},true],"text":"\\u00e9\\ud83d\\ude00"}']),
    Decoder("configuration call", _call(governance), (arguments.BadArguments,), "json",
            lambda: _calls(governance.METHODS), ("node.governance.calls.parse_call",)),
    Decoder("lifecycle call", _call(lifecycle), (arguments.BadArguments,), "json",
            lambda: _calls(lifecycle.METHODS), ("node.lifecycle.calls.parse_call",)),
    Decoder("examples of a contract", lambda data: parse_examples(data.decode("utf-8", "replace")),
            (arguments.BadArguments,), "json",
            lambda: [b'[{"method":"get","args":{"a":1},"sender":"s","member":"m","roles":["r"],"gas":5}]'],
            ("node.lifecycle.examples.parse_examples",)),
    Decoder("receipt", decode_receipt, (ValueError,), "values", _receipts,
            ("node.model.decode_receipt",), encode_receipt),
    Decoder("packed envelopes", unpack_envelopes, (ValueError,), "frames", _envelopes,
            ("node.ledger.blocks.unpack_envelopes", "node.ledger.blocks._unpack_one")),
    Decoder("part of a snapshot", lambda data: list(read_part(data)), (BadSnapshot,), "frames",
            _parts, ("node.ledger.snapshot.read_part",)),
    Decoder("page of the state tree", lambda data: decode_page(data, b"t" * 32), (TreeDamaged,),
            "frames", _pages, ("node.ledger.tree.decode_page",)),
    Decoder("segment of the log", lambda data: parse_segment(Path(segment_name(1)), data),
            (WalDamaged,), "frames", _segment,
            ("node.ordering.wal.parse_segment", "node.ordering.wal._read_frame"), cost=2),
    Decoder("journal of a relay", at_path(lambda path: list(read_records(path))), (CityError,),
            "json", lambda: [b'{"a":1}\n{"b":[2]}\n'], cost=2),
    Decoder("exported blocks", at_path(_all_blocks), (CityError,), "json", _exported, cost=4),
    Decoder("UBL invoice", lambda data: parse_invoice(data, SUITE), (CityError,), "xml",
            lambda: _in_other_letters(_files("invoices/*.xml", "refused/*.xml", root=DEMO)),
            ("node.documents.ubl.parse_invoice",), cost=30),
    Decoder("ISO 20022 message", read_message, (CityError,), "xml",
            lambda: _in_other_letters(_files("tests/unit/iso20022/golden/*.xml")),
            ("node.iso20022.message.read_message",), cost=120),
    Decoder("customs declarations as JSON", lambda data: parse_declarations(data, "json", SUITE),
            (CityError,), "json", lambda: _files("customs/*.json", root=DEMO),
            ("node.documents.customs.parse_declarations", "node.documents.strict.read_text",
             "node.documents.strict.load_json", "node.documents.strict.load_records"), cost=3),
    Decoder("customs declarations as CSV", lambda data: parse_declarations(data, "csv", SUITE),
            (CityError,), "csv", lambda: [_as_csv()],
            ("node.documents.strict.load_csv",), cost=2),
    Decoder("parties as CSV", lambda data: parse_parties(data, "csv"), (CityError,), "csv",
            lambda: [DEMO.joinpath("parties.csv").read_bytes()[:2500]],
            ("node.documents.parties.parse_parties",), cost=4),
    Decoder("strict JSON", lambda data: strict.load_json(data.decode("utf-8", "replace")),
            (CityError,), "json", lambda: [b'{"a":[1,{"b":null}],"c":"d","e":true}']),
    Decoder("presentation for a pre-check", read_case, (CityError,), "json",
            lambda: _files("tests/unit/documents/presentation.json"),
            ("node.documents.precheck.case.read_case",), cost=10),
    Decoder("credential of a holder", credentials.read_held, (credentials.PresentationRefused,),
            "json", _held,
            ("node.confidential.credentials.read_held", "node.confidential.credentials.read_json")),
    Decoder("sealed record", sealing.read_content, (sealing.SealedRefused,), "mixed",
            lambda: [_sealed().to_bytes()], ("node.confidential.sealing.read_content",)),
    Decoder("disclosed record", sealing.read_disclosure, (sealing.SealedRefused,), "json",
            lambda: [sealing.disclose(_sealed(), ["goods"], b"proof").to_bytes()],
            ("node.confidential.sealing.read_disclosure",)),
    Decoder("presented credential", credentials.read_presentation,
            (credentials.PresentationRefused,), "json", _presented,
            ("node.confidential.credentials.read_presentation",)),
    Decoder("answer to an oracle", _answer("payment-status"), (CityError,), "json",
            lambda: ANSWERS, ("node.oracle.service.read_answer",), cost=8),
    Decoder("text of a page", lambda data: _parsed(data.decode("utf-8", "replace")), (), "json",
            lambda: [b'{"a":[1,2.5,null]}'], ("node.web.views._parsed",)),
    Decoder("backup", at_path(verify_backup), (CityError,), "mixed", _backups, cost=40),
    Decoder("node.toml", at_path(load_config), (CityError,), "toml", _toml, cost=8),
    Decoder("relay.toml", at_path(load_relay), (CityError,), "toml",
            lambda: [relay_text("r", "dev", "ops", ["w"], "http://a", "04ab", dev=True).encode()],
            cost=8),
    Decoder("plan of a network", at_path(load_plan), (CityError,), "toml",
            lambda: _beginning(DEFAULT_PLAN), cost=8),
    Decoder("contexts.toml", at_path(lambda path: find_context(str(path))), (ClientError,), "toml",
            lambda: [CONTEXT], cost=4),
]  # fmt: skip
