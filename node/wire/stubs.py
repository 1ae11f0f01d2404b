"""The generated messages and services under one name, so that only `node/wire` imports `pb`.

`api`, `peers` and the SDK say `from node.wire import stubs` and `stubs.SubmitRequest`, `stubs.LedgerStub`.
"""

from __future__ import annotations

from node.wire.pb import api_pb2
from node.wire.pb.api_pb2 import (
    COMMITTED,
    LEVEL_UNSPECIFIED,
    ORDERED,
    BlocksRequest,
    BlockView,
    ChannelInfoReply,
    ChannelInfoRequest,
    EventsReply,
    EventsRequest,
    GetBlockRequest,
    GetStateRequest,
    GetTransactionRequest,
    NodeStatusReply,
    NodeStatusRequest,
    ProofReply,
    QueryReply,
    QueryRequest,
    StateReply,
    SubmitBatchReply,
    SubmitBatchRequest,
    SubmitReply,
    SubmitRequest,
    SubmitResult,
    TransactionStatus,
    TransactionView,
    WaitRequest,
)
from node.wire.pb.api_pb2_grpc import (
    LedgerServicer,
    LedgerStub,
    add_LedgerServicer_to_server,
)
from node.wire.pb.ledger_pb2 import Block, Envelope, Event, Receipt, TxBody

LEDGER_SERVICE = api_pb2.DESCRIPTOR.services_by_name["Ledger"].full_name

__all__ = [
    "COMMITTED",
    "LEDGER_SERVICE",
    "LEVEL_UNSPECIFIED",
    "ORDERED",
    "Block",
    "BlockView",
    "BlocksRequest",
    "ChannelInfoReply",
    "ChannelInfoRequest",
    "Envelope",
    "Event",
    "EventsReply",
    "EventsRequest",
    "GetBlockRequest",
    "GetStateRequest",
    "GetTransactionRequest",
    "LedgerServicer",
    "LedgerStub",
    "NodeStatusReply",
    "NodeStatusRequest",
    "ProofReply",
    "QueryReply",
    "QueryRequest",
    "Receipt",
    "StateReply",
    "SubmitBatchReply",
    "SubmitBatchRequest",
    "SubmitReply",
    "SubmitRequest",
    "SubmitResult",
    "TransactionStatus",
    "TransactionView",
    "TxBody",
    "WaitRequest",
    "add_LedgerServicer_to_server",
]
