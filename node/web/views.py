"""JSON views of blocks and transactions for people and tools: hashes as hex, values by their JSON view."""

from __future__ import annotations

import json
from typing import Any

from consensus.certificate import CommitCert, InvalidCertificate, bitmap_indexes
from consensus.header import block_hash, tx_id
from node.errors import CityError
from node.facade import ChannelFacade, TxView
from node.model import Envelope, Receipt, StoredBlock
from node.wire.body import parse_body
from node.wire.codec import header_json, value_json


def block_summary(channel: ChannelFacade, block: StoredBlock) -> dict[str, Any]:
    header = block.header
    return {
        "height": header.height,
        "block_hash": block_hash(channel.suite.hash, header).hex(),
        "timestamp_ms": header.timestamp_ms,
        "transactions": header.tx_count,
    }


def block_view(channel: ChannelFacade, block: StoredBlock) -> dict[str, Any]:
    suite = channel.suite
    return {
        **block_summary(channel, block),
        "header": header_json(block.header),
        "tx_ids": [tx_id(suite.hash, suite.id, e.body).hex() for e in block.envelopes],
        "certificate": block.certificate and _certificate(channel, block.certificate),
    }


def _certificate(channel: ChannelFacade, certificate: CommitCert) -> dict[str, Any]:
    nodes = channel.config.nodes
    try:
        signers = [nodes[i].name for i in bitmap_indexes(certificate.signers, len(nodes))]
    except InvalidCertificate:
        signers = []  # of another epoch than the configuration at hand
    return {
        "kind": certificate.kind,
        "epoch": certificate.epoch,
        "view": certificate.view,
        "signers": signers,
        "seals": [seal.hex() for seal in certificate.seals],
    }


def transaction_view(channel: ChannelFacade, view: TxView) -> dict[str, Any]:
    suite = channel.suite
    return {
        "tx_id": tx_id(suite.hash, suite.id, view.envelope.body).hex(),
        "height": view.height,
        "index": view.index,
        "call": _call(channel, view.envelope),
        "public_key": view.envelope.public_key.hex(),
        "signature": view.envelope.signature.hex(),
        "receipt": view.receipt and receipt_view(view.receipt),
    }


def _call(channel: ChannelFacade, envelope: Envelope) -> dict[str, Any]:
    try:
        body = parse_body(envelope.body)
    except CityError as error:
        return {"error": error.to_dict()}
    sender = channel.identity(body.sender)
    return {
        "contract": body.contract,
        "version": body.version,
        "method": body.method,
        "args": _parsed(body.args),
        "sender": body.sender.hex(),
        "sender_name": sender.name if sender else "",
        "member": sender.member_id if sender else "",
        "request_id": body.request_id,
        "valid_until_height": body.valid_until_height,
        "gas_limit": body.gas_limit,
    }


def receipt_view(receipt: Receipt) -> dict[str, Any]:
    return {
        "outcome": receipt.outcome,
        "code": receipt.code,
        "message": receipt.message,
        "gas_used": receipt.gas_used,
        "gas_limit": receipt.gas_limit,
        "result": _parsed(value_json(receipt.result)),
        "events": [
            {"contract": e.contract, "name": e.name, "fields": _parsed(value_json(e.data))}
            for e in receipt.events
        ],
        "writes_digest": receipt.writes_digest.hex(),
    }


def _parsed(text: str) -> Any:
    """What a JSON text says; the text itself where it says nothing."""
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return text
